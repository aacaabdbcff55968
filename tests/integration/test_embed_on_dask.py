"""The recipe of docs/bulk-embedding.md runs, on a cluster of this machine."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from speakersdk.evaluation.bulk import EmbeddingJob, embed_recordings
from speakersdk.evaluation.embedding_table import read_embeddings
from speakersdk.evaluation.segments import read_recordings

EXAMPLE = Path(__file__).parents[2] / "examples" / "embed_on_dask.py"


def test_a_cluster_gives_what_this_process_gives(
    demo_clips: Path, default_model: Path, tmp_path: Path
) -> None:
    pytest.importorskip("distributed", reason="Dask is not installed: pip install distributed")
    names = [path.name for path in sorted(demo_clips.glob("*.flac"))]
    listed = tmp_path / "list.txt"
    listed.write_text("".join(f"{name}\n" for name in [*names, "absent.wav"]))
    output = tmp_path / "cluster.npz"
    done = subprocess.run(
        [sys.executable, EXAMPLE, listed, output, "--audio-root", demo_clips],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr  # one recording does not exist
    assert f"wrote {output}: 12 embeddings, 1 failed" in done.stdout
    assert "absent.wav: cannot read audio" in done.stderr
    job = EmbeddingJob(model=default_model, root=demo_clips)
    expected, _ = embed_recordings(read_recordings(listed), tmp_path / "here.npz", job)
    table = read_embeddings(output)
    assert set(table.names) == set(expected.names)
    row = table.names.index(names[0])
    np.testing.assert_array_equal(
        table.embeddings[row], expected.embeddings[expected.names.index(names[0])]
    )
