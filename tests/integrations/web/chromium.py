"""A headless Chromium with a fake microphone, controlled through the DevTools protocol.

Source: https://chromedevtools.github.io/devtools-protocol, --remote-debugging-pipe: JSON messages
that end in a zero byte, read from descriptor 3 and written to descriptor 4.
"""

from __future__ import annotations

import base64
import json
import os
import select
import signal
import subprocess
import time
from pathlib import Path
from typing import Any, Self

# Waits end much earlier on an idle machine. A longer wait fails and names its condition.
LIMIT_S = 240.0
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--use-fake-device-for-media-stream", "--remote-debugging-pipe",
)  # fmt: skip


class Chromium:
    """One browser with one page.

    Args:
        program: the executable.
        folder: an empty folder, for the profile and downloads.
        heard: WAV file that the microphone plays again and again.
        allowed: whether the user lets the page use the microphone.

    Attributes:
        requests: addresses that the page requested.
        complaints: console errors and uncaught exceptions.
    """

    def __init__(self, program: str, folder: Path, *, heard: Path, allowed: bool = True) -> None:
        self.downloads = folder / "downloads"
        self.downloads.mkdir()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self._events: list[dict[str, Any]] = []
        self._number = 0
        self._rest = b""
        to_browser, self._to = os.pipe()
        self._from, from_browser = os.pipe()
        command = [
            program,
            *FLAGS,
            f"--user-data-dir={folder / 'profile'}",
            "--use-fake-ui-for-media-stream" + ("" if allowed else "=deny"),
            f"--use-file-for-fake-audio-capture={heard}",
            "about:blank",
        ]
        redirected = f'exec "$@" 3<&{to_browser} 4>&{from_browser}'
        with (folder / "chromium.log").open("wb") as log:
            self._process = subprocess.Popen(
                ["bash", "-c", redirected, "bash", *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(to_browser, from_browser),
                start_new_session=True,
            )
        os.close(to_browser)
        os.close(from_browser)
        self._log = folder / "chromium.log"
        self._session: str | None = None
        targets = self.call("Target.getTargets")["targetInfos"]
        target = next(each["targetId"] for each in targets if each["type"] == "page")
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        behavior = {"behavior": "allow", "downloadPath": str(self.downloads)}
        self.call("Browser.setDownloadBehavior", **behavior, eventsEnabled=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log", "DOM"):
            self.call(f"{domain}.enable")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)  # its own group: it and its children
        self._process.wait()
        os.close(self._to)
        os.close(self._from)

    def call(self, method: str, **parameters: Any) -> Any:
        """Call a method of the protocol and return its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None and not method.startswith("Browser."):
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + LIMIT_S
        while (answer := self._next(deadline, method)).get("id") != self._number:
            pass
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression, or of its promise, as after a click."""
        result = self.call(
            "Runtime.evaluate",
            expression=expression,
            awaitPromise=True,
            returnByValue=True,
            userGesture=True,
        )
        if "exceptionDetails" in result:
            raise RuntimeError(result["exceptionDetails"])
        return result["result"].get("value")

    def wait_for(self, condition: str) -> None:
        """Wait until a JavaScript condition holds."""
        holds = self.evaluate(
            "new Promise((resolve) => {"
            f"  const end = performance.now() + {1000 * LIMIT_S / 2};"
            "  const look = () => {"
            f"    const holds = Boolean({condition});"
            "    if (holds || performance.now() > end) resolve(holds); else setTimeout(look, 50);"
            "  };"
            "  look();"
            "})"
        )
        if not holds:
            raise TimeoutError(f"waited in vain for {condition}; the page shows:\n{self.text()}")

    def text(self) -> str:
        """Return the text that the page shows."""
        shown: str = self.evaluate("document.body.innerText")
        return shown

    def open(self, address: str) -> None:
        """Open a page and wait until it has loaded."""
        self.call("Page.navigate", url=address)
        self.wait_for(
            f"location.href === {json.dumps(address)} && document.readyState === 'complete'"
        )

    def click(self, name: str) -> None:
        """Click on the element of an id, which must be enabled."""
        self.wait_for(f"!document.getElementById('{name}').disabled")
        self.evaluate(f"document.getElementById('{name}').click()")

    def choose_file(self, name: str, file: Path) -> None:
        """Choose a file in the input of an id."""
        self.wait_for(f"!document.getElementById('{name}').disabled")
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=f"#{name}")["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(file)])

    def downloaded(self) -> Path:
        """Wait for a download to end and return its file."""
        deadline = time.monotonic() + LIMIT_S
        while not any(
            event["method"] == "Browser.downloadProgress"
            and event["params"]["state"] == "completed"
            for event in self._events
        ):
            self._next(deadline, "a download")
        (file,) = self.downloads.iterdir()
        return file

    def look(self, *, scheme: str, width: int) -> None:
        """Set the preferred colors, light or dark, and the width of the window in CSS pixels."""
        self.call(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": scheme}],
        )
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        self.call("Emulation.setDeviceMetricsOverride", **size)

    def picture(self) -> bytes:
        """A PNG of the whole page."""
        taken = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        return base64.b64decode(taken["data"])

    def _next(self, deadline: float, what: str) -> dict[str, Any]:
        """Read the next message; events are kept."""
        while b"\0" not in self._rest:
            readable, _, _ = select.select(
                [self._from], [], [], max(0, deadline - time.monotonic())
            )
            part = os.read(self._from, 1 << 16) if readable else b""
            if not part:
                log = self._log.read_text(encoding="utf-8", errors="replace")[-2000:]
                raise AssertionError(f"Chromium gave no answer to {what}; it wrote:\n{log}")
            self._rest += part
        content, self._rest = self._rest.split(b"\0", 1)
        message: dict[str, Any] = json.loads(content)
        if "method" in message:
            self._take(message)
        return message

    def _take(self, event: dict[str, Any]) -> None:
        self._events.append(event)
        parameters = event["params"]
        if event["method"] == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
        elif event["method"] == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(parameters["exceptionDetails"]))
        elif event["method"] == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.complaints.append(parameters["entry"]["text"])
        elif event["method"] == "Runtime.consoleAPICalled" and parameters["type"] == "error":
            self.complaints.append(json.dumps(parameters["args"]))
