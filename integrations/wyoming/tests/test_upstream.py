"""Services behind that send something else than the answer."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from services import Service, spoken
from wyoming.asr import Transcribe
from wyoming.error import Error
from wyoming.event import Event
from wyoming.info import Describe
from wyoming.wake import Detect

REQUESTS = {
    "transcript": [Transcribe().event(), *spoken("slt-probe")],
    "info": [Describe().event()],
    "detection": [Detect().event(), *spoken("slt-probe")],
}


class Sender:
    """A server that sends the same bytes to everybody, and reads all that it is sent."""

    sent = b""

    def __init__(self, path: Path) -> None:
        self.uri = f"unix://{path}"
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(path))
        self.socket.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self.socket.accept()
                threading.Thread(target=self._answer, args=(client,), daemon=True).start()

    def _answer(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            client.sendall(self.sent)
            client.shutdown(socket.SHUT_WR)
            while client.recv(1 << 16):
                pass


@pytest.fixture(scope="module")
def sender(short_folder: Path) -> Iterator[Sender]:
    sender = Sender(short_folder / "sender")
    yield sender
    sender.socket.close()


@pytest.fixture(scope="module")
def service(
    start: Callable[..., Service], sender: Sender, tmp_path_factory: pytest.TempPathFactory
) -> Service:
    folder = tmp_path_factory.mktemp("nobody")
    return start(folder, "--asr", sender.uri, "--wake", sender.uri)


@pytest.mark.parametrize("request_for", REQUESTS)
@pytest.mark.parametrize(
    "sent",
    [
        b"[]\n", b"null\n", b"{}\n", b"[" * 5000 + b"\n", b'{"type": "error", "data": {}}\n',
        b'{"type": "x", "data_length": "x"}\n', b'{"type": "x", "payload_length": 9999999}\nx',
    ],
    ids=lambda sent: sent[:30].decode(),
)  # fmt: skip
def test_what_is_not_an_event_is_an_error_of_the_service_behind(
    request_for: str, sent: bytes, sender: Sender, service: Service,
    converse: Callable[..., list[Event]],
) -> None:  # fmt: skip
    sender.sent = sent
    check(sender, *converse(service, *REQUESTS[request_for]))


@pytest.mark.parametrize(
    ("request_for", "data"),
    [
        ("transcript", "{}"),
        ("transcript", '{"text": 5}'),
        ("transcript", '{"text": "a", "context": 5}'),
        ("info", '{"asr": [{}]}'),
        ("info", '{"asr": 5, "wake": 5}'),
        ("detection", '{"context": 5}'),
    ],
)
def test_a_damaged_answer_is_an_error_of_the_service_behind(
    request_for: str, data: str, sender: Sender, service: Service,
    converse: Callable[..., list[Event]],
) -> None:  # fmt: skip
    sender.sent = f'{{"type": "{request_for}", "data": {data}}}\n'.encode()
    check(sender, *converse(service, *REQUESTS[request_for]))


def check(sender: Sender, answer: Event) -> None:
    assert Error.is_type(answer.type), answer
    text = Error.from_event(answer).text
    assert text == (
        f"the service at {sender.uri} sent what is not an event of Wyoming; check its address"
    )
