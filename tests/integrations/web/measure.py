"""Measure the browser package and write the table of docs/guides/browser.md.

python -m tests.integrations.web.measure, after make web. Times are means of the CPU time of the
only thread, which other programs change less than the time of the clock.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from pathlib import Path

from tests.integrations.web.reference import write

REPOSITORY = Path(__file__).parents[3]
PAGE = REPOSITORY / "docs" / "guides" / "browser.md"
SCRIPT = REPOSITORY / "integrations" / "web" / "test" / "measure.mjs"
WASM = REPOSITORY.joinpath(
    "integrations/web/node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm"
)
MODEL = REPOSITORY / "sdk" / "speakersdk" / "models" / "default.onnx"
TABLE = re.compile(r"(<!-- measured -->\n).*?(<!-- end -->)", re.DOTALL)


def measured() -> dict[str, float]:
    """Return the output of the script."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder))
        ran = subprocess.run(
            ["node", str(SCRIPT)],
            env={**os.environ, "SPEAKERSDK_WEB_REFERENCE": folder},
            capture_output=True,
            text=True,
            check=True,
        )
    values: dict[str, float] = json.loads(ran.stdout)
    return values


def table(values: dict[str, float]) -> str:
    """Return the figures as Markdown."""
    same = values["num_verdicts"] - values["num_other_verdicts"]
    rows = {
        "verify 3 s of audio": f"{values['verify_3s_ms']:.0f} ms",
        "one hop of a stream (100 ms of audio)": f"{values['hop_ms']:.1f} ms",
        "load the model (once)": f"{values['load_ms'] / 1000:.1f} s",
        "files to serve: runtime, model": f"{megabytes(WASM)}, {megabytes(MODEL)}",
        "verdicts equal to Python's": f"{same:.0f} of {values['num_verdicts']:.0f}",
        "largest difference of a score from Python's": f"{values['score_difference']:.1e} nats",
        "the same, for audio at rates other than 16 kHz": (
            f"{values['score_difference_resampled']:.1e} nats"
        ),
    }
    lines = [f"| {what} | {figure} |" for what, figure in rows.items()]
    return "\n".join(["| what | measured |", "| --- | --- |", *lines, ""])


def megabytes(path: Path) -> str:
    """Return the size of a file."""
    return f"{path.stat().st_size / 1e6:.1f} MB"


if __name__ == "__main__":
    found = table(measured())
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(TABLE.sub(lambda match: match[1] + found + match[2], text), encoding="utf-8")
    print(found)  # noqa: T201
