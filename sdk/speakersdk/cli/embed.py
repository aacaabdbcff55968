"""``speakersdk embed``: write the embeddings of many recordings to one file."""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict
from pathlib import Path

from speakersdk.cli import arguments as shared
from speakersdk.cli.keys import find_key
from speakersdk.cli.output import print_failures, print_json, progress
from speakersdk.cli.parser import CommandParser
from speakersdk.evaluation.bulk import EmbeddingJob, embed_recordings
from speakersdk.evaluation.segments import read_recordings
from speakersdk.text import counted, printable


def add_arguments(parser: CommandParser) -> None:
    """Add this command's arguments."""
    parser.inputs.add_argument("manifest", type=Path, metavar="MANIFEST", help="list of recordings")
    parser.places.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="FILE",
        help="file to write, .npz or .parquet",
    )
    parser.requests.add_argument(
        "--workers",
        type=int,
        default=1,
        metavar="N",
        help="number of worker processes (default: 1)",
    )
    parser.requests.add_argument(
        "--batch",
        type=int,
        metavar="N",
        help="number of recordings per model call (default: 1 on a CPU, otherwise 32)",
    )
    parser.requests.add_argument(
        "--device", default="cpu", metavar="DEVICE", help="cpu (default), cuda or cuda:N"
    )
    parser.places.add_argument(
        "--key",
        metavar="KEY",
        help="seal the file with this key, see `profiles` (default: $SPEAKERSDK_KEY)",
    )
    shared.add_options(parser, "audio_root", "model", "reading", "json")


def run(arguments: argparse.Namespace) -> int:
    """Embed the recordings and report."""
    job = EmbeddingJob(
        model=shared.model_path(arguments),
        root=arguments.audio_root,
        device=arguments.device,
        batch=arguments.batch,
        max_duration_s=arguments.max_duration,
        channel=arguments.channel,
    )
    recordings = read_recordings(arguments.manifest, arguments.audio_root)
    key = find_key(arguments.key, create=True)
    start = time.perf_counter()
    with progress("embedded") as report:
        table, failures = embed_recordings(
            recordings,
            arguments.output,
            job,
            num_processes=arguments.workers,
            progress=report,
            key=key,
        )
    seconds = time.perf_counter() - start
    print_failures(failures)
    audio_s = float(table.duration_s.sum())
    if arguments.json:
        print_json(
            {
                "output": str(arguments.output),
                "embedded": len(table),
                "failed": [asdict(failure) for failure in failures],
                "audio_s": audio_s,
                "seconds": seconds,
                "model": table.model_name,
            }
        )
    else:
        print(
            f"wrote {printable(arguments.output)}: {counted(len(table), 'embedding')} of "
            f"{audio_s:.0f} s of audio in {seconds:.1f} s, {len(failures)} failed"
        )
    return 1 if failures else 0
