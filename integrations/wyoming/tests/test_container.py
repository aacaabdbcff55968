"""The container files name options that the services have. `make images` builds and runs them."""

import argparse
import ast
from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))
OURS = ["wyoming", "http"]


def check(command: list[str]) -> argparse.Namespace:
    """Parse a command as `speakersdk serve` does."""
    service = pytest.importorskip(f"speakersdk_{command[0]}.command")
    parser = argparse.ArgumentParser()
    service.add_arguments(parser)
    return parser.parse_args(command[1:])


@pytest.mark.parametrize("name", OURS)
def test_the_composed_command_can_be_run(name: str) -> None:
    check(COMPOSE["services"][name]["command"])


@pytest.mark.parametrize("name", OURS)
def test_a_composed_service_is_locked_down(name: str) -> None:
    service = COMPOSE["services"][name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["volumes"] == ["voiceprints:/data"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])


def test_the_image_runs_as_an_unprivileged_user() -> None:
    lines = (FOLDER / "Dockerfile").read_text(encoding="utf-8").splitlines()
    assert "USER 10001:10001" in lines
    (command,) = [line for line in lines if line.startswith("CMD ")]
    assert check(ast.literal_eval(command.removeprefix("CMD "))).asr is None
