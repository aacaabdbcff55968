from __future__ import annotations

import json

import pytest

from speakersdk.cli import main


def test_the_seconds_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["warmup"]) == 0
    rows = dict(line.split("\t") for line in capsys.readouterr().out.splitlines())
    assert rows["device"] == "cpu"
    assert float(rows["first_recording_s"]) > 0


def test_auto_says_what_it_chose(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["warmup", "--device", "auto", "--streams", "2", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["device"].startswith(("cpu; not cuda:0: ", "cuda:0"))
    assert result["hop_s"] == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--device", "gpu"], "expected device cpu"),
        (["--precision", "fp16"], "expected precision fp32 on cpu"),
        (["--streams", "0"], "num_streams >= 1"),
        (["--model", "absent.onnx"], "absent.onnx"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["warmup", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_an_unknown_precision_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["warmup", "--precision", "fp8"])
    assert caught.value.code == 2
    assert "fp8" in capsys.readouterr().err
