"""Connections that end early."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from services import Service


def test_a_client_that_leaves_before_an_error_leaves_no_traceback(
    start: Callable[..., Service], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    service = start(tmp_path)
    path = service.uri.removeprefix("unix://")
    wrong = b'{"type": "identify", "data": {"names": 1}}\n'
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
        client.sendall(1000 * wrong)
        client.recv(1)  # and leave the other answers unread, which resets the connection
    assert service.stop() == 0
    assert "Traceback" not in capfd.readouterr().err
