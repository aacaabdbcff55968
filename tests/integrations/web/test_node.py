"""The package of integrations/web under Node.js, compared with Python on the same audio."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from tests.integrations.web.conftest import REPOSITORY
from tests.integrations.web.reference import write

# The tests take about 10 s of one core; anything near this bound hangs.
LIMIT_S = 600


def test_decisions_streams_and_voiceprints_equal_pythons(
    package: Path, node: str, tmp_path: Path
) -> None:
    write(tmp_path)
    entry = package / "test" / "all.mjs"
    files = sorted(path.name for path in entry.parent.glob("*.test.mjs"))
    assert re.findall(r'"\./(.+)";', entry.read_text(encoding="utf-8")) == files
    ran = subprocess.run(
        [node, "--test", "--test-reporter=tap", str(entry)],
        env={**os.environ, "SPEAKERSDK_WEB_REFERENCE": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    failed = re.findall(r"^not ok .*?^  \.\.\.$", ran.stdout, re.MULTILINE | re.DOTALL)
    assert ran.returncode == 0, "\n".join(failed) or ran.stdout + ran.stderr
    passed = re.search(r"^# pass (\d+)$", ran.stdout, re.MULTILINE)
    assert passed is not None, ran.stdout
    assert int(passed[1]) >= len(files)
    assert re.search(r"^# skipped 0$", ran.stdout, re.MULTILINE)


PAGES = ("docs/guides/browser.md", "integrations/web/README.md")


def test_examples_of_the_pages_fit_the_package(package: Path) -> None:
    """TypeScript checks every JavaScript block of the pages against the package's types."""
    folder = package / "build" / "examples"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    options = {"rootDir": ".", "noEmit": True}
    config = {"extends": "../../tsconfig.json", "compilerOptions": options, "include": ["."]}
    (folder / "tsconfig.json").write_text(json.dumps(config), encoding="utf-8")
    for page in PAGES:
        text = (REPOSITORY / page).read_text(encoding="utf-8")
        blocks = re.findall(r"```js\n(.*?)```", text, re.DOTALL)
        assert blocks, page
        for number, block in enumerate(blocks):
            file = folder / f"{Path(page).stem}-{number}.ts"
            file.write_text(f"{block}\nexport {{}};\n", encoding="utf-8")
    ran = subprocess.run(
        [str(package / "node_modules" / ".bin" / "tsc"), "-p", str(folder)],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
