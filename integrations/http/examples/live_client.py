"""Send a recording to the live stream of `speakersdk serve http`, like a microphone.

    python live_client.py talk.wav [ws://127.0.0.1:8080/v1/voice/stream]

It prints a line whenever the speaker or the verdict changes.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import threading

import soundfile as sf
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import ClientConnection, connect

BLOCK_S = 0.1


def send(connection: ClientConnection, path: str) -> None:
    """Send the recording in blocks of 16-bit mono samples."""
    # The service closes the connection after an error, which the other thread prints.
    with sf.SoundFile(path) as file, contextlib.suppress(ConnectionClosed):
        connection.send(json.dumps({"sample_rate_hz": file.samplerate}))
        for block in file.blocks(round(BLOCK_S * file.samplerate), dtype="int16", always_2d=True):
            connection.send(block[:, 0].tobytes())
        connection.send('{"type": "finish"}')


def main() -> None:
    """Send in one thread, and print in this one."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("recording")
    parser.add_argument(
        "url", nargs="?", default="ws://127.0.0.1:8080/v1/voice/stream", help="of the service"
    )
    arguments = parser.parse_args()
    try:
        sf.info(arguments.recording)
    except RuntimeError as error:
        parser.error(f"expected a recording, got {arguments.recording}: {error}")
    try:
        opened = connect(arguments.url)
    except (OSError, WebSocketException) as error:
        parser.error(f"cannot reach {arguments.url}: {error}; run `speakersdk serve http` first")
    with opened as connection:
        sender = threading.Thread(target=send, args=(connection, arguments.recording))
        sender.start()
        before = None
        for message in connection:
            update = json.loads(message)
            if update["type"] == "error":
                raise SystemExit(update["error"]["message"])
            now = update.get("verdict"), update.get("speaker")
            if update["type"] == "update" and now != before:
                print(f"{update['time_s']:6.1f} s  {now[0]}  {now[1] or '-'}")
                before = now
        sender.join()


if __name__ == "__main__":
    main()
