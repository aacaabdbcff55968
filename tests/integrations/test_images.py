"""The images of the services in containers that are locked as compose.yaml locks them.

`.ci/images` builds the images and runs these tests. The containers have no network but loopback:
clients run inside them.
"""

import os
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ENGINE = os.environ.get("SPEAKERSDK_ENGINE", "").split()
RUN_OPTIONS = os.environ.get("SPEAKERSDK_ENGINE_RUN", "").split()
pytestmark = pytest.mark.skipif(
    not ENGINE, reason="no images of the services; .ci/images builds them with Docker or podman"
)
FOLDER = Path(__file__).parents[2] / "integrations"
SERVICES: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))[
    "services"
]
CLIPS = "/opt/speakersdk/lib/python*/site-packages/speakersdk/demo_clips"
DEADLINE_S = 120.0
NOBODY = 10001
KEY = "0123456789abcdef0123456789abcdef"

# Both run in the containers.
ASK_HTTP = f"""
import base64, glob, json, sys, urllib.request
path, voice = sys.argv[1:]
(clip,) = glob.glob(f"{CLIPS}/{{voice}}-probe.flac")
audio = base64.b64encode(open(clip, "rb").read()).decode()
request = urllib.request.Request(
    f"http://127.0.0.1:8080{{path}}",
    json.dumps({{"audio": audio}}).encode(),
    {{"Content-Type": "application/json", "Authorization": "Bearer {KEY}"}},
)
print(json.load(urllib.request.urlopen(request))["speaker"])
"""
STATE = """
import json, os
def writable(folder):
    try:
        open(f"{folder}/probe", "w").close()
        os.remove(f"{folder}/probe")
    except OSError:
        return False
    return True
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(json.dumps({
    "ids": [os.getuid(), os.getgid()],
    "capabilities": [int(status[name], 16) for name in ("CapPrm", "CapEff", "CapBnd")],
    "may_gain": status["NoNewPrivs"].strip() == "0",
    "writable": [f for f in ("/", "/opt/speakersdk", "/tmp", "/data") if writable(f)],
}))
"""


def engine(*arguments: str, stdin: str = "") -> str:
    """The output of the engine."""
    done = subprocess.run(
        [*ENGINE, *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


class Container:
    """A running container of a service."""

    def __init__(self, service: str, volume: str, *options: str) -> None:
        composed = SERVICES[service]
        self.healthcheck: list[str] = composed["healthcheck"]["test"][1:]
        self.name = engine(
            "run", "--detach", "--network=none",
            *(["--read-only"] if composed["read_only"] else []),
            *(f"--cap-drop={name}" for name in composed["cap_drop"]),
            *(f"--security-opt={name}" for name in composed["security_opt"]),
            *(f"--tmpfs={folder}" for folder in composed["tmpfs"]),
            f"--volume={volume}:/data",
            *RUN_OPTIONS, *options, f"speakersdk-{service}", *composed["command"],
        )  # fmt: skip

    def run(self, *command: str, stdin: str = "") -> str:
        """The output of a command in the container."""
        return engine("exec", "--interactive", self.name, *command, stdin=stdin)

    def shell(self, command: str) -> str:
        """The output of a command whose patterns the shell of the container fills in."""
        return self.run("sh", "-c", command)

    def wait_until_healthy(self) -> None:
        """Run the check of compose.yaml until it succeeds."""
        check = 'for i in $(seq 600); do "$@" 2>/dev/null && exit; sleep 0.1; done; exit 1'
        self.run("sh", "-c", check, "check", *self.healthcheck)

    def stop(self) -> int:
        """Send SIGTERM and return the exit status."""
        engine("stop", "-t", "60", self.name)
        return int(engine("inspect", "--format={{.State.ExitCode}}", self.name))


Start = Callable[..., Container]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts healthy containers that share volumes, which go when the test ends."""
    data, secrets = (f"speakersdk-{name}-{uuid.uuid4().hex}" for name in ("data", "secrets"))
    engine(
        "run", "--rm", "--interactive", "--network=none", "--user=0", "--entrypoint=sh",
        f"--volume={secrets}:/secrets", *RUN_OPTIONS, "speakersdk-http",
        "-c", f"cat >/secrets/keys && chmod 600 /secrets/keys && chown {NOBODY} /secrets/keys",
        stdin=f"tester {KEY}\n",
    )  # fmt: skip
    containers: list[Container] = []

    def started(service: str) -> Container:
        containers.append(Container(service, data, f"--volume={secrets}:/run/secrets:ro"))
        containers[-1].wait_until_healthy()
        return containers[-1]

    yield started
    engine("rm", "--force", *(each.name for each in containers))
    engine("volume", "rm", data, secrets)


@pytest.mark.parametrize("service", ["http", "wyoming"])
def test_a_service_may_write_only_its_data(start: Start, service: str) -> None:
    state = yaml.safe_load(start(service).run("python", "-", stdin=STATE))
    assert state == {
        "ids": [NOBODY, NOBODY],
        "capabilities": [0, 0, 0],
        "may_gain": False,
        "writable": ["/tmp", "/data"],
    }


def test_the_http_service_knows_who_was_enrolled_before_it_restarted(start: Start) -> None:
    first = start("http")
    first.shell(f"speakersdk enroll slt {CLIPS}/slt-enroll-*.flac")
    assert first.run("python", "-", "/v1/voice/identify", "slt", stdin=ASK_HTTP) == "slt"
    assert first.stop() == 0
    second = start("http")
    for voice, speaker in (("slt", "slt"), ("rms", "None")):
        assert second.run("python", "-", "/v1/voice/identify", voice, stdin=ASK_HTTP) == speaker


def test_the_wyoming_service_says_who_speaks(start: Start) -> None:
    service = start("wyoming")
    service.shell(f"speakersdk enroll slt {CLIPS}/slt-enroll-*.flac")
    client = (FOLDER / "wyoming/examples/who.py").read_text(encoding="utf-8")
    for voice, answer in (("slt", "slt: accept"), ("rms", "unknown: reject")):
        clip = service.shell(f"echo {CLIPS}/{voice}-probe.flac")
        assert service.run("python", "-", clip, stdin=client).startswith(answer)
    assert service.stop() == 0
