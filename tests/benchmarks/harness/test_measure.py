"""The harness runs as a script, like every benchmark: it restarts itself with pinned threads."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
SCRIPT = """
import os
from benchmarks.harness.measure import Benchmark

benchmark = Benchmark(name="example", question="How long does a sum take?")
benchmark.measure("sum", lambda: sum(range(1000)), work=1000, unit="number")
benchmark.record("threads seen", os.environ["OMP_NUM_THREADS"])
benchmark.record("cores seen", len(os.sched_getaffinity(0)))
benchmark.finish()
"""


def run(folder: Path, *arguments: str, content: str = SCRIPT) -> list[str]:
    script = folder / "bench_example.py"
    script.write_text(content)
    environment = {key: value for key, value in os.environ.items() if "THREADS" not in key}
    done = subprocess.run(
        [sys.executable, str(script), "--results", str(folder / "results"), *arguments],
        env={**environment, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_prints_a_table_and_one_json_line_and_keeps_it(tmp_path: Path) -> None:
    lines = run(tmp_path, "--repeats", "3")
    report = json.loads(lines[-1])
    timing = report["timings"][0]
    assert timing["repeats"] == 3
    assert 0 < timing["minimum_s"] <= timing["median_s"] <= timing["p95_s"]
    assert timing["rate"] == pytest.approx(1000 / timing["median_s"])
    # A repetition takes 50 ms, and the sum about 10 us. The clock's resolution has no effect.
    assert timing["calls"] > 100
    (kept,) = (tmp_path / "results").iterdir()
    assert kept.name == f"{report['conditions']['date_utc'][:10]}-example.json"
    assert json.loads(kept.read_text()) == report


def test_pins_threads_and_cores(tmp_path: Path) -> None:
    report = json.loads(run(tmp_path, "--smoke")[-1])
    assert report["facts"] == {"threads seen": "1", "cores seen": 1}


def test_a_smoke_run_keeps_nothing(tmp_path: Path) -> None:
    run(tmp_path, "--smoke")
    assert not (tmp_path / "results").exists()


def test_the_runtime_in_use_gives_its_version(tmp_path: Path) -> None:
    described = tmp_path / "onnxruntime_gpu-9.8.7.dist-info" / "METADATA"
    described.parent.mkdir()
    described.write_text("Metadata-Version: 2.1\nName: onnxruntime-gpu\nVersion: 9.8.7\n")
    (tmp_path / "onnxruntime.py").write_text('__version__ = "9.8.7"\n')
    report = json.loads(run(tmp_path, "--smoke", content=f"import onnxruntime\n{SCRIPT}")[-1])
    versions = report["conditions"]["versions"]
    # The package of the CPU build may be installed elsewhere; it has the same name as the module.
    assert versions["onnxruntime"] == versions["onnxruntime-gpu"] == "9.8.7"


def test_conditions_hold_no_host_or_path(tmp_path: Path) -> None:
    text = run(tmp_path, "--smoke")[-1]
    assert os.uname().nodename not in text
    assert str(Path.home()) + "/" not in text


def test_a_module_that_starts_again_is_the_same_module(tmp_path: Path) -> None:
    room = tmp_path / "room"
    room.mkdir()
    (room / "__init__.py").touch()
    (room / "example.py").write_text(
        "import argparse\n"
        "from benchmarks.harness.measure import Benchmark\n"
        "parser = argparse.ArgumentParser()\n"
        "parser.add_argument('--device', default='cpu')\n"
        "benchmark = Benchmark(name='example', question='Which?', parser=parser)\n"
        "benchmark.add_to_name(benchmark.options.device)\n"
        "benchmark.record('module', __spec__.name)\n"
        "benchmark.finish()\n"
    )
    command = [sys.executable, "-m", "room.example", "--device", "cuda:1", "--threads", "2"]
    environment = {key: value for key, value in os.environ.items() if "THREADS" not in key}
    done = subprocess.run(
        [*command, "--results", str(tmp_path / "results")],
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=True,
    )
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["name"] == "example-cuda-1-2-threads"
    assert report["facts"] == {"module": "room.example"}


def test_calls_in_turn_use_the_requested_clock(tmp_path: Path) -> None:
    script = SCRIPT.replace(
        'benchmark.measure("sum", lambda: sum(range(1000)), work=1000, unit="number")',
        'benchmark.measure_together({"one": list, "two": dict}, clock=iter((0, 3, 3, 6)).__next__)',
    )
    timings = json.loads(run(tmp_path, "--smoke", content=script)[-1])["timings"]
    assert [(timing["name"], timing["median_s"]) for timing in timings] == [("one", 3), ("two", 3)]
