"""The demo page in Chromium, with a microphone that plays the demonstration voices.

SPEAKERSDK_WEB_PICTURES=FOLDER also writes the pictures of docs/guides/browser.md.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest
import soundfile as sf
import soxr

from speakersdk import Verdict, Verifier, Voiceprint
from speakersdk.audio.waveform import read_audio
from speakersdk.demo_clips import FOLDER as CLIPS
from tests.integrations.web.chromium import Chromium

# The rate of a fake microphone; the page resamples from any rate.
RATE_HZ = 48000
IS_READY = "document.getElementById('status').textContent.startsWith('Ready')"

# The loop of the guide returns the name that is accepted first, or null after 30 s of audio.
LISTENING = """
(async () => {
  const { Verifier, Voiceprint } = await import("speakersdk-web");
  const verifier = await Verifier.load("default.onnx");
  const ana = await Voiceprint.fromBytes(Uint8Array.from(BYTES));
  for await (const update of verifier.listen([ana])) {
    if (update.speaker !== null || update.timeS > 30) return update.speaker;
  }
})()
"""

# A fake device cannot be unplugged. The test does what the page would see: the browser stops the
# track and fires an event.
KEEP_THE_STREAM = """
(() => {
  const media = navigator.mediaDevices, open = media.getUserMedia.bind(media);
  media.getUserMedia = async (asked) => (globalThis.opened = await open(asked));
})()
"""
UNPLUG = """
(() => {
  const [track] = globalThis.opened.getAudioTracks();
  track.stop();
  track.dispatchEvent(new Event("ended"));
})()
"""


class Site:
    """The demo page on a port of this machine, and the requested paths."""

    def __init__(self, folder: Path) -> None:
        self.paths: list[str] = []
        paths = self.paths

        class Handler(SimpleHTTPRequestHandler):
            extensions_map = {  # noqa: RUF012  # as the base class declares it
                **SimpleHTTPRequestHandler.extensions_map,
                ".mjs": "text/javascript",
                ".wasm": "application/wasm",
            }

            def log_message(self, *_: object) -> None:
                paths.append(self.path)

        def handler(*arguments: object) -> Handler:
            return Handler(*arguments, directory=str(folder))  # type: ignore[arg-type]

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/index.html"


@pytest.fixture
def site(package: Path) -> Iterator[Site]:
    served = Site(package / "build" / "site")
    thread = threading.Thread(target=served.server.serve_forever)
    thread.start()
    yield served
    served.server.shutdown()
    thread.join()
    served.server.server_close()


class Listener(Protocol):
    """Open the page in a new browser whose microphone repeats the clips of a voice."""

    def __call__(self, voice: str, clips: tuple[str, ...], *, allowed: bool = True) -> Chromium: ...


@pytest.fixture
def browser(chromium: str, site: Site, tmp_path: Path) -> Iterator[Listener]:
    opened: list[Chromium] = []

    def open_page(voice: str, clips: tuple[str, ...], *, allowed: bool = True) -> Chromium:
        samples = np.concatenate([read_audio(CLIPS / f"{voice}-{clip}.flac") for clip in clips])
        folder = tmp_path / f"browser-{len(opened)}"
        folder.mkdir()
        wav = folder / "heard.wav"
        sf.write(wav, soxr.resample(samples, 16000, RATE_HZ), RATE_HZ, subtype="PCM_16")
        page = Chromium(chromium, folder, heard=wav, allowed=allowed)
        opened.append(page)
        page.open(site.address)
        page.wait_for(IS_READY)
        return page

    yield open_page
    for page in opened:
        page.__exit__()


def take_picture(
    page: Chromium, name: str, *, scheme: str = "light", width: int = 760, after_s: float = 0
) -> None:
    """Store a picture where SPEAKERSDK_WEB_PICTURES points, or not at all."""
    folder = os.environ.get("SPEAKERSDK_WEB_PICTURES")
    if folder is not None:
        page.look(scheme=scheme, width=width)
        page.evaluate(f"new Promise((resolve) => setTimeout(resolve, {1000 * after_s + 100}))")
        (Path(folder) / f"{name}.png").write_bytes(page.picture())


def is_verdict(verdict: Verdict) -> str:
    return f"document.getElementById('verdict').dataset.verdict === '{verdict.value}'"


def test_a_voice_is_enrolled_recognized_and_kept_as_a_file(
    browser: Listener, site: Site, tmp_path: Path
) -> None:
    verifier = Verifier()
    page = browser("slt", ("enroll-1", "enroll-2", "probe"))
    num_paths, num_requests = len(site.paths), len(page.requests)
    assert "never a security factor by itself" in page.text()[:600]
    page.evaluate("document.getElementById('name').value = 'Ana'")
    page.evaluate("document.getElementById('needed').value = '5'")
    take_picture(page, "browser-start")
    page.click("enroll")
    page.wait_for("Number(document.getElementById('meter').getAttribute('aria-valuenow')) > -40")
    take_picture(page, "browser-enroll", width=390, after_s=3)
    page.wait_for("!document.getElementById('voiceprint').hidden")
    page.click("download")
    kept = page.downloaded()
    assert kept.name == "Ana.voiceprint"
    voiceprint = Voiceprint.load(kept)
    assert voiceprint.name == "Ana"
    assert voiceprint.total_speech_s >= 4.5

    # The page and Python give the same result for the same voice and the same file.
    page.click("listen")
    page.wait_for(is_verdict(Verdict.ACCEPT))
    take_picture(page, "browser-accept", after_s=10)
    assert verifier.verify(voiceprint, CLIPS / "slt-probe.flac").verdict is Verdict.ACCEPT
    page.click("listen")
    page.wait_for(is_verdict_off())

    # A file written by Python works in the page.
    python = verifier.enroll([CLIPS / "slt-enroll-1.flac", CLIPS / "slt-enroll-2.flac"], name="Bea")
    python.save(tmp_path / "Bea.voiceprint")
    page.choose_file("upload", tmp_path / "Bea.voiceprint")
    page.wait_for("document.getElementById('voiceprint-name').textContent === 'Bea'")
    page.click("listen")
    page.wait_for(is_verdict(Verdict.ACCEPT))
    page.click("listen")
    page.wait_for(is_verdict_off())

    # A damaged file gives one clear error, and the page continues with its voiceprints.
    damaged = kept.read_bytes()[:-1]
    (tmp_path / "damaged.voiceprint").write_bytes(damaged)
    page.choose_file("upload", tmp_path / "damaged.voiceprint")
    page.wait_for("document.getElementById('status').dataset.failed === 'VoiceprintError'")
    assert page.evaluate("document.getElementById('voiceprint-name').textContent") == "Bea"

    check_nothing_was_sent(page, site, num_paths, num_requests)
    assert page.evaluate(LISTENING.replace("BYTES", str(list(kept.read_bytes())))) == "Ana"


def test_another_voice_is_rejected(browser: Listener, site: Site, tmp_path: Path) -> None:
    verifier = Verifier()
    voiceprint = verifier.enroll(
        [CLIPS / "slt-enroll-1.flac", CLIPS / "slt-enroll-2.flac"], name="Ana"
    )
    voiceprint.save(tmp_path / "Ana.voiceprint")
    assert verifier.verify(voiceprint, CLIPS / "rms-probe.flac").verdict is Verdict.REJECT
    page = browser("rms", ("probe", "enroll-1", "enroll-2"))
    num_paths, num_requests = len(site.paths), len(page.requests)
    page.choose_file("upload", tmp_path / "Ana.voiceprint")
    page.click("listen")
    page.wait_for(is_verdict(Verdict.REJECT))
    take_picture(page, "browser-reject-dark", scheme="dark", after_s=10)
    take_picture(page, "browser-phone", width=390)
    take_picture(page, "browser-phone-dark", scheme="dark", width=390)
    page.click("listen")
    page.wait_for(is_verdict_off())
    check_nothing_was_sent(page, site, num_paths, num_requests)


def test_without_permission_there_is_one_clear_error(
    browser: Listener, site: Site, tmp_path: Path
) -> None:
    page = browser("slt", ("probe",), allowed=False)
    num_paths, num_requests = len(site.paths), len(page.requests)
    page.click("enroll")
    page.wait_for("document.getElementById('status').dataset.failed === 'MicrophoneError'")
    assert "may not use the microphone" in page.text()
    page.wait_for("!document.getElementById('enroll').disabled")
    check_nothing_was_sent(page, site, num_paths, num_requests)


def test_a_microphone_that_goes_away_is_one_clear_error(
    browser: Listener, site: Site, tmp_path: Path
) -> None:
    verifier = Verifier()
    verifier.enroll([CLIPS / "slt-enroll-1.flac"], name="Ana").save(tmp_path / "Ana.voiceprint")
    page = browser("slt", ("probe",))
    page.choose_file("upload", tmp_path / "Ana.voiceprint")
    page.evaluate(KEEP_THE_STREAM)
    page.click("listen")
    page.wait_for(is_verdict(Verdict.ACCEPT))
    page.evaluate(UNPLUG)
    page.wait_for("document.getElementById('status').dataset.failed === 'MicrophoneError'")
    assert "unplugged or taken away" in page.text()
    page.wait_for(is_verdict_off())
    page.click("listen")  # plugged in again
    page.wait_for(is_verdict(Verdict.ACCEPT))
    assert page.evaluate("document.getElementById('status').innerText") == ""
    assert page.complaints == []


def is_verdict_off() -> str:
    return "document.getElementById('verdict').dataset.verdict === 'off'"


def check_nothing_was_sent(page: Chromium, site: Site, num_paths: int, num_requests: int) -> None:
    """The server, the browser and the page count no request after the page was ready."""
    assert site.paths[num_paths:] == []
    later = page.requests[num_requests:]
    assert [url for url in later if not url.startswith("blob:")] == []
    assert page.evaluate("document.getElementById('requests').textContent") == "0"
    assert page.complaints == []
