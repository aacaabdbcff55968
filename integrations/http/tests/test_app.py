"""Requests and answers of the real server, on the demonstration clips."""

import base64
import gzip
import io
from collections.abc import Callable
from dataclasses import replace

import httpx
import numpy as np
import pytest
import soundfile as sf
from openapi_spec_validator import OpenAPIV30SpecValidator
from running_server import CLIPS, Server

from speakersdk import Verifier, VoiceprintStore

Clip = Callable[[str], bytes]


def in_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def silence(seconds: float) -> bytes:
    file = io.BytesIO()
    sf.write(file, np.zeros(round(16000 * seconds), np.float32), 16000, format="WAV")
    return file.getvalue()


def test_two_recordings_are_compared_as_by_the_sdk(client: httpx.Client, clip: Clip) -> None:
    answer = client.post(
        "/v1/voice/verify",
        json={
            "audio1": in_base64(clip("slt-enroll-1")),
            "audio2": f"data:audio/flac;base64,{in_base64(clip('slt-probe'))}",
        },
    ).json()
    verifier = Verifier()
    slt = verifier.enroll([CLIPS / "slt-enroll-1.flac"], name="slt")
    expected = verifier.verify(slt, CLIPS / "slt-probe.flac")
    assert answer["verified"] is expected.accepted
    assert answer["verdict"] == expected.verdict
    assert expected.llr is not None
    assert expected.probability is not None
    # The same operations on the same samples: only the order of threads could differ.
    assert answer["llr"] == pytest.approx(expected.llr, abs=1e-4)
    assert answer["distance"] == pytest.approx(-expected.llr, abs=1e-4)
    assert answer["threshold"] == pytest.approx(-expected.threshold, abs=1e-9)
    assert answer["confidence"] == pytest.approx(100 * expected.probability, abs=1e-2)
    assert answer["far"] == 0.01
    assert answer["speech_s"] == pytest.approx(expected.speech_s)
    assert answer["model"] == verifier.manifest.name
    assert answer["processing_time_ms"] > 0


def test_an_enrolled_speaker_is_verified_by_name(client: httpx.Client, clip: Clip) -> None:
    verdicts = [
        client.post(
            "/v1/voice/verify", data={"name": "slt"}, files={"audio2": clip(f"{voice}-probe")}
        ).json()["verdict"]
        for voice in ("slt", "rms")
    ]
    assert verdicts == ["accept", "reject"]


def test_identification_names_the_speaker_or_none(client: httpx.Client, clip: Clip) -> None:
    known, stranger = (
        client.post("/v1/voice/identify", files={"audio": clip(f"{voice}-probe")}).json()
        for voice in ("slt", "rms")
    )
    assert known["speaker"] == "slt"
    assert [(each["id"], each["match"]) for each in known["matches"]] == [("slt", True)]
    assert stranger["speaker"] is None
    assert [each["match"] for each in stranger["matches"]] == [False]


def test_silence_gets_a_verdict_and_no_numbers(client: httpx.Client) -> None:
    answer = client.post("/v1/voice/identify", files={"audio": silence(2.0)}).json()
    assert answer["verdict"] == "no_speech"
    assert answer["reason"]
    assert answer["matches"] == []
    assert answer["llr"] is answer["probability"] is answer["score"] is answer["speaker"] is None


def test_a_speaker_is_registered_listed_and_deleted(
    client: httpx.Client, server: Server, clip: Clip
) -> None:
    audio = [in_base64(clip(f"awb-enroll-{number}")) for number in (1, 2)]
    first = client.post("/v1/voice/register", json={"name": "awb", "audio": audio})
    assert first.status_code == 200, first.text
    assert first.json()["id"] == "awb"
    assert VoiceprintStore(server.folder).load("awb").created_utc == first.json()["registered_at"]
    assert (
        client.post("/v1/voice/register", json={"name": "awb", "audio": audio}).status_code == 409
    )
    again = client.post("/v1/voice/register", json={"name": "awb", "audio": audio, "replace": True})
    assert again.status_code == 200
    voices = client.get("/v1/voice/voices").json()
    assert [each["name"] for each in voices["voices"]] == ["awb", "slt"]
    # As LocalAI's page calls it: JSON with any content type.
    kind = {"content-type": "application/x-www-form-urlencoded"}
    for status in (204, 404):
        gone = client.post("/v1/voice/forget", content='{"id": "awb"}', headers=kind)
        assert gone.status_code == status
    assert VoiceprintStore(server.folder).names() == ("slt",)


def test_a_client_is_not_told_of_options_of_the_command_line(
    client: httpx.Client, clip: Clip
) -> None:
    files = [("audio", clip(f"{voice}-enroll-1")) for voice in ("slt", "rms")]
    refused = client.post("/v1/voice/register", data={"name": "two"}, files=files)
    assert refused.status_code == 422
    message = refused.json()["error"]["message"]
    assert "unlike the other recordings" in message
    assert "accept" not in message


def test_an_embedding_is_that_of_the_sdk(client: httpx.Client, clip: Clip) -> None:
    answer = client.post("/v1/voice/embed", files={"audio": clip("slt-probe")}).json()
    expected = Verifier().embed(CLIPS / "slt-probe.flac")
    assert answer["dim"] == len(expected)
    np.testing.assert_allclose(answer["embedding"], expected, atol=1e-4)


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("verify", {"audio2": "AAAA"}, 400, "expected audio1 or name"),
        ("verify", {"name": "nobody", "audio2": "AAAA"}, 404, "no voiceprint named 'nobody'"),
        ("verify", {"name": "slt", "audio2": "AAAA", "threshold": 0.3}, 400, "--far"),
        ("verify", {"name": "slt", "audio2": "AAAA", "anti_spoofing": True}, 400, "replayed"),
        ("verify", {"name": "slt", "audio2": "AAAA", "model": "other"}, 400, "expected the model"),
        ("identify", {"audio": "AAAA", "store": "b"}, 400, "single store"),
        ("identify", {"audio": "AAAA", "colour": 1}, 400, "colour: "),
        ("identify", {"audio": "http://example.org/a.wav"}, 400, "fetches nothing"),
        ("identify", {"audio": "file:///etc/passwd"}, 400, "fetches nothing"),
        ("identify", {"audio": "?"}, 400, "expected one recording as base64"),
        ("identify", {"audio": "data:audio/wav,abc"}, 400, "data URI"),
        ("identify", {"audio": "AAAA"}, 422, "cannot read audio from audio"),
        ("identify", {"audio": "AAAA", "top_k": 0}, 400, "top_k"),
        ("register", {"name": "../x", "audio": "AAAA"}, 400, "expected a name"),
        ("register", {"name": "x", "audio": "AAAA", "labels": {"a": "b"}}, 400, "labels"),
        ("register", {"name": "x", "audio": []}, 400, "audio"),
        ("forget", {"id": "nobody"}, 404, "nobody"),
    ],
)
def test_a_wrong_request_is_refused_in_one_line(
    client: httpx.Client, path: str, body: dict[str, object], status: int, message: str
) -> None:
    answer = client.post(f"/v1/voice/{path}", json=body)
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert message in error["message"]
    assert "\n" not in error["message"]
    assert error["code"] == status


def test_an_expired_voiceprint_is_left_out_with_the_reason(
    client: httpx.Client, server: Server, clip: Clip
) -> None:
    kal = Verifier().enroll([CLIPS / "kal16-enroll-1.flac"], name="kal")
    store = VoiceprintStore(server.folder)
    store.save(replace(kal, expires_utc="2026-01-01T00:00:00+00:00"))
    try:
        voices = client.get("/v1/voice/voices").json()
        assert "expired" in voices["unusable"]["kal"]
        files = {"audio": clip("kal16-probe")}
        found = client.post("/v1/voice/identify", files=files).json()
        assert [each["name"] for each in found["matches"]] == ["slt"]
        files = {"audio2": clip("kal16-probe")}
        named = client.post("/v1/voice/verify", data={"name": "kal"}, files=files)
        assert named.status_code == 409
    finally:
        store.remove("kal")


@pytest.mark.parametrize(
    "content", [b"\xff{", b"", b"RIFF\0\0\0\0WAVE", gzip.compress(b"{}"), b"[" * 10000, b'{"a":1'],
    ids=["bytes", "empty", "WAV", "gzip", "nested", "cut"],
)  # fmt: skip
def test_what_is_neither_a_form_nor_json_is_refused(client: httpx.Client, content: bytes) -> None:
    answer = client.post("/v1/voice/identify", content=content)
    assert answer.status_code == 400
    assert "expected a form with files" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("multipart/form-data", b"--x--"),
        ("multipart/form-data; boundary=x", b"--y\r\n\r\nno part\r\n"),
        ("multipart/form-data; boundary=", b"--\r\n"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: x\r\n\r\n1\r\n--x--"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data; name=a\r\n"),
        (
            "multipart/form-data; charset=undefined; boundary=x",  # an encoding of Python
            b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--x--\r\n",
        ),
    ],
)
def test_a_damaged_form_is_refused_in_one_line(
    client: httpx.Client, kind: str, content: bytes
) -> None:
    answer = client.post("/v1/voice/identify", content=content, headers={"Content-Type": kind})
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]


def test_a_form_may_have_its_audio_in_base64_and_a_name_in_capitals(
    client: httpx.Client, clip: Clip
) -> None:
    """The parser of forms accepts fields of 1 MB by itself."""
    file = io.BytesIO()
    samples, rate_hz = sf.read(CLIPS / "slt-probe.flac")
    sf.write(file, np.tile(samples, 4), rate_hz, format="WAV", subtype="DOUBLE")
    text = in_base64(file.getvalue())
    assert len(text) > 2**20
    body = f'--x\r\nContent-Disposition: form-data; name="audio"\r\n\r\n{text}\r\n--x--\r\n'
    kind = {"Content-Type": "Multipart/Form-Data; boundary=x"}
    answer = client.post("/v1/voice/identify", content=body, headers=kind)
    assert answer.json().get("speaker") == "slt", answer.text


def test_every_refusal_has_one_line_in_error_message(client: httpx.Client) -> None:
    for method, path, status, message in (
        ("GET", "/nothing", 404, "GET /nothing is not served; the interface is at /docs"),
        ("GET", "/v1/voice/verify", 405, "/v1/voice/verify does not take GET; send POST"),
    ):
        refused = client.request(method, path)
        assert (refused.status_code, refused.json()["error"]["message"]) == (status, message)
    files = [("audio", (str(number), b"")) for number in range(17)]
    refused = client.post("/v1/voice/register", data={"name": "ann"}, files=files)
    assert refused.status_code == 400
    assert "Maximum number of files is 16" in refused.json()["error"]["message"]
    for fields, message in (
        ({"name": "slt"}, "audio2: expected this field, got none"),
        ({"audio2": "", "rate": 0.1}, "rate: unknown field; /docs lists the fields"),
    ):
        refused = client.post("/v1/voice/verify", json=fields)
        assert refused.json()["error"]["message"] == message


# The bundled page shows a file chooser only for a plain string of this format.
def test_the_interface_is_described_without_a_network(client: httpx.Client) -> None:
    interface = client.get("/openapi.json").json()
    assert list(OpenAPIV30SpecValidator(interface).iter_errors()) == []
    content = interface["paths"]["/v1/voice/verify"]["post"]["requestBody"]["content"]
    formats = {
        form: described["schema"]["properties"]["audio1"]["format"]
        for form, described in content.items()
    }
    assert formats == {"application/json": "byte", "multipart/form-data": "binary"}
    paths = interface["paths"]
    assert {path.rsplit("/", 1)[1] for path in paths} == {
        "verify", "register", "identify", "forget", "embed", "voices",
    }  # fmt: skip
    page = client.get("/docs")
    assert page.status_code == 200
    assert "https://" not in page.text
    assert client.get("/swagger/swagger-ui-bundle.js").status_code == 200


def test_metrics_count_requests_and_verdicts(client: httpx.Client, clip: Clip) -> None:
    def accepted() -> float:
        text = client.get("/metrics").text
        name = 'speakersdk_verdicts_total{endpoint="verify",verdict="accept"} '
        return sum(float(line[len(name) :]) for line in text.splitlines() if line.startswith(name))

    before = accepted()
    client.post("/v1/voice/verify", data={"name": "slt"}, files={"audio2": clip("slt-probe")})
    assert accepted() == before + 1
    assert 'requests_total{endpoint="/v1/voice/verify",status="200"}' in client.get("/metrics").text
