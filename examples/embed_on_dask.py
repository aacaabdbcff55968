"""Embed a list of recordings on a Dask cluster; without an address, on this machine.

    python examples/embed_on_dask.py LIST embeddings.npz --audio-root /data
    python examples/embed_on_dask.py LIST embeddings.npz --scheduler tcp://10.0.0.1:8786

Every worker needs speakersdk, and the audio and the model at the same paths.
"""

import argparse
import sys
from pathlib import Path

from distributed import Client, LocalCluster, as_completed

from speakersdk.evaluation.bulk import EmbeddingJob, chunks, embed_chunk
from speakersdk.evaluation.embedding_table import join_tables, write_embeddings
from speakersdk.evaluation.segments import read_recordings
from speakersdk.models import default_model_path


def main() -> int:
    """Send one task per chunk, and join the results."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("list", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--audio-root", type=Path, default=Path())
    parser.add_argument("--model", type=Path, default=default_model_path())
    parser.add_argument("--scheduler", help="address; default: workers on this machine")
    parser.add_argument("--workers", type=int, default=1, help="without a scheduler")
    arguments = parser.parse_args()
    job = EmbeddingJob(model=arguments.model.resolve(), root=arguments.audio_root.resolve())
    portions = chunks(read_recordings(arguments.list, arguments.audio_root))
    cluster = arguments.scheduler or LocalCluster(
        n_workers=arguments.workers, threads_per_worker=1, dashboard_address=None
    )
    tables, num_failed = [], 0
    with Client(cluster) as client:
        # pure=False: a task is never mistaken for one of an earlier run. Dask repeats lost tasks.
        futures = client.map(embed_chunk, portions, job=job, pure=False, retries=2)
        for _, result in as_completed(futures, with_results=True):
            if result.table is not None:
                tables.append(result.table)
            for failure in result.failures:
                num_failed += 1
                print(f"{failure.name}: {failure.reason}", file=sys.stderr)
    if not arguments.scheduler:
        cluster.close()
    if not tables:
        return 2
    table = join_tables(tables)
    write_embeddings(arguments.output, table)
    print(f"wrote {arguments.output}: {len(table)} embeddings, {num_failed} failed")
    return 1 if num_failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
