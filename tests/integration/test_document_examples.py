"""The Python examples of the documents run, block after block, on real recordings."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from speakersdk import Verifier

REPOSITORY = Path(__file__).parents[2]
# A block behind this comment is not run; the comment says why.
BLOCK = re.compile(r"(<!-- not run: [^>]+ -->\n)?```python\n(.*?)```", flags=re.DOTALL)
PAGES = sorted(
    path
    for path in (REPOSITORY / "docs").rglob("*.md")
    if any(not skipped for skipped, _ in BLOCK.findall(path.read_text(encoding="utf-8")))
)
# File that the examples name -> the clip that plays its part.
RECORDINGS = {
    "ann-1.wav": "slt-enroll-1", "ann-2.wav": "slt-enroll-2", "ann-2.flac": "slt-enroll-2",
    "ann-3.wav": "slt-probe", "probe.wav": "slt-probe", "somebody.wav": "slt-probe",
    "noisy.wav": "slt-enroll-1", "stranger.wav": "rms-probe",
}  # fmt: skip


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_examples_of_the_page_run(
    page: Path, tmp_path: Path, demo_clips: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import soundfile as sf

    for path in demo_clips.glob("*.flac"):
        shutil.copy(path, tmp_path)
    for name, clip in RECORDINGS.items():
        shutil.copy(demo_clips / f"{clip}.flac", tmp_path / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    speech, _ = sf.read(demo_clips / "rms-enroll-1.flac", dtype="float32")
    samples = np.repeat(speech, 3)  # 48 kHz, however roughly
    # The names that a page may use without making them.
    names = {"samples": samples, "block": samples, "verifier": Verifier(far=0.01)}
    for skipped, block in BLOCK.findall(page.read_text(encoding="utf-8")):
        if not skipped:
            exec(compile(block, str(page.relative_to(REPOSITORY)), "exec"), names)
