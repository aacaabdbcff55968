"""Ask `speakersdk serve wyoming` who speaks in a recording.

    python who.py talk.wav [tcp://127.0.0.1:10310]

It prints the speaker, or why there is none.
"""

from __future__ import annotations

import argparse
import asyncio

import soundfile as sf
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncClient
from wyoming.event import Event

BLOCK_SAMPLES = 1024


async def ask(path: str, uri: str) -> Event:
    """Send the recording, and return the answer."""
    async with AsyncClient.from_uri(uri, connect_timeout=10, read_timeout=60) as client:
        await client.write_event(Event("identify"))
        with sf.SoundFile(path) as file:
            form = {"rate": file.samplerate, "width": 2, "channels": file.channels}
            await client.write_event(AudioStart(**form).event())
            for block in file.blocks(BLOCK_SAMPLES, dtype="int16"):
                await client.write_event(AudioChunk(audio=block.tobytes(), **form).event())
        await client.write_event(AudioStop().event())
        answer = await client.read_event()
    if answer is None:
        raise SystemExit("the service closed the connection")
    return answer


def main() -> None:
    """Print the speaker, or why there is none."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("recording")
    parser.add_argument("uri", nargs="?", default="tcp://127.0.0.1:10310", help="of the service")
    arguments = parser.parse_args()
    try:
        answer = asyncio.run(ask(arguments.recording, arguments.uri))
    except RuntimeError as error:
        parser.error(f"expected a recording, got {arguments.recording}: {error}")
    except (OSError, ValueError) as error:
        parser.error(f"cannot reach {arguments.uri}: {error}; run `speakersdk serve wyoming` first")
    if answer.type == "error":
        raise SystemExit(answer.data["text"])
    context = answer.data["context"]
    print(f"{answer.data.get('name', 'unknown')}: {context['verdict']}, {context['reason']}")


if __name__ == "__main__":
    main()
