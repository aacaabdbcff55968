"""Every call of the public interface with every argument of a wrong type."""

from __future__ import annotations

import inspect
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

import speakersdk
from speakersdk import (
    AttemptLimit,
    AudioProblem,
    CalibrationProfile,
    Challenge,
    Consent,
    EmbeddingTable,
    Gallery,
    LastUses,
    Microphone,
    RememberedRecordings,
    Rotation,
    SealingKey,
    SpeakerSdkError,
    Verifier,
    VoiceGate,
    Voiceprint,
    VoiceprintStore,
    WrongTypeError,
    as_waveform,
    check_new_name,
    expiry_after,
    load_encoder,
    read_audio,
    read_embeddings,
)
from speakersdk.evaluation.embedding_table import write_embeddings
from speakersdk.models import default_model_path

RATE_HZ: Final = 16000
Call = tuple[Callable[..., Any], dict[str, Any]]


def closed_file() -> io.BytesIO:
    file = io.BytesIO()
    file.close()
    return file


# Right for no argument: a call with one of them must end with one line, whatever the argument is.
ALWAYS_WRONG: Final[Mapping[str, Any]] = {
    "object": object(),
    "complex": 1j,
    "closed file": closed_file(),
    "text file": io.StringIO("a"),
    "array of objects": np.array([None]),
    "array of three axes": np.zeros((2, 2, 2)),
    "masked array": np.ma.masked_equal([0.0, 1.0], 0.0),
    "list of lists": [[None]],
}
# Right for some arguments. They must end with one line, or be taken.
SOMETIMES_WRONG: Final[Mapping[str, Any]] = {
    "None": None,
    "text": "no such thing",
    "empty text": "",
    "text with NUL": "a\0b",
    "lone surrogate": "\udcff",
    "half a character": "\ud800",
    "bytes": b"x",
    "negative": -1,
    "zero": 0,
    "five": 5,
    "huge": 10**400,
    "NaN": float("nan"),
    "infinite": float("inf"),
    "True": True,
    "float32": np.float32(0.5),
    "float64": np.float64(3),
    "int64": np.int64(3),
    "empty list": [],
    "tuple": (),
    "mapping": {},
    "list of None": [None],
    "list of text": ["x"],
    "empty array": np.zeros(0),
    "folder": Path(),
}
# A stream has any key, and `quality` says of each recording why it cannot be read.
KEEPS_ANY: Final = {
    ("StreamPool.add", "key"),
    ("StreamPool.gap", "key"),
    ("StreamPool.remove", "key"),
    ("quality", "recordings"),
}


@pytest.fixture(scope="module")
def calls(
    verifier: Verifier, voices: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Call]:
    """Calls with right arguments, by name."""
    folder = tmp_path_factory.mktemp("calls")
    recordings, clip = list(voices["slt"].enroll), voices["slt"].probe
    slt = verifier.enroll(recordings, name="slt")
    samples, embedding, manifest = read_audio(clip), slt.embedding, verifier.manifest
    chunk, dim = samples[:1600], len(embedding)
    store = VoiceprintStore(folder / "store")
    store.save(slt)
    slt.save(folder / "slt.voiceprint")
    key = SealingKey.from_bytes(b"k" * 32)
    pool = verifier.stream_pool()
    pool.add("k", [slt])
    gallery = Gallery(dim)
    gallery.add("a", embedding)
    gallery.save(folder / "a.gallery")
    rotation = Rotation.from_key(key, dim)
    limit, uses = AttemptLimit(folder=folder), LastUses(folder=folder)
    remembered, gate = RememberedRecordings(store), VoiceGate(verifier, [slt])
    profile = CalibrationProfile.of(
        manifest, name="p", offset=0.0, scale=1.0, num_speakers=5, num_recordings=20
    )
    stream = {"miss_rate": 0.05, "limit_s": 10.0, "window_s": None, "silence_s": 5.0}
    audio = {"samples": chunk, "sample_rate_hz": RATE_HZ}
    recording = {"recording": clip, "sample_rate_hz": None}
    names = (
        "name", "model_name", "model_sha256", "temperature", "exemplars", "speech_s", "created_utc",
        "adapted", "adapted_speech_s", "expires_utc", "consent", "history",
    )  # fmt: skip
    table = EmbeddingTable(
        names=("a",), sources=("a.wav",), embeddings=embedding[None], speech_s=np.ones(1),
        duration_s=np.ones(1), model_name="m", model_sha256="0" * 64,
    )  # fmt: skip
    write_embeddings(folder / "a.npz", table)
    return {
        "Verifier": (Verifier, {
            "model": None, "far": 0.01, "c_miss": 1.0, "c_fa": 1.0, "device": "cpu",
            "strict": None, "precision": "fp32", "num_threads": 1, "calibration": None,
            "max_duration_s": None, "channel": None, "spoof_detector": None,
        }),
        "Verifier with a prior": (Verifier, {"prior": 0.5, "c_miss": 1.0, "c_fa": 1.0}),
        "enroll": (verifier.enroll, {
            "recordings": recordings, "name": "a", "sample_rate_hz": None, "accept": (),
            "append_to": None,
        }),
        "quality": (verifier.quality, {"recordings": recordings, "sample_rate_hz": None}),
        "adapt": (verifier.adapt, {"voiceprint": slt, **recording}),
        "verify": (verifier.verify, {"voiceprint": slt, **recording}),
        "verify a pair": (
            lambda rate, array: verifier.verify(slt, (rate, array)),
            {"rate": RATE_HZ, "array": chunk},
        ),
        "identify": (verifier.identify, {"voiceprints": [slt], **recording}),
        "diarize": (verifier.diarize, {"voiceprints": (), **recording}),
        "stream": (verifier.stream, {"voiceprints": [slt], **stream}),
        "stream_pool": (verifier.stream_pool, {"capacity": 2, **stream}),
        "listen": (verifier.listen, {"voiceprints": [slt]}),
        "enrollment": (verifier.enrollment, {"name": "a", "needed_s": 10.0}),
        "score": (verifier.score, {"a": slt, "b": clip, "sample_rate_hz": None}),
        "embed": (verifier.embed, recording),
        "usable": (verifier.usable, {"voiceprints": [slt]}),
        "SpeakerStream.push": (verifier.stream([slt]).push, audio),
        "SpeakerStream.gap": (verifier.stream([slt]).gap, {"lost_s": 1.0}),
        "Enrollment.push": (verifier.enrollment("a").push, audio),
        "Enrollment.gap": (verifier.enrollment("a").gap, {"lost_s": 1.0}),
        "StreamPool.add": (pool.add, {"voiceprints": [slt], "key": "k"}),
        "StreamPool.gap": (pool.gap, {"key": "k", "lost_s": 1.0}),
        "StreamPool.push": (pool.push, {"chunks": {"k": chunk}, "sample_rate_hz": RATE_HZ}),
        "StreamPool.remove": (pool.remove, {"key": "none"}),
        "VoiceGate": (VoiceGate, {
            "verifier": verifier, "allowed": [slt], "forbidden": (), "silence_s": 1.0,
        }),
        "VoiceGate.push": (gate.push, audio),
        "VoiceGate.push_pcm": (
            gate.push_pcm, {"pcm": b"\0\0", "sample_rate_hz": RATE_HZ, "num_channels": 1},
        ),
        "Microphone": (Microphone, {"device": "none", "queue_s": 5.0}),
        "VoiceprintStore": (VoiceprintStore, {"folder": folder, "key": None}),
        "VoiceprintStore.check_new": (
            store.check_new, {"name": "b", "replace": False, "append": False},
        ),
        "VoiceprintStore.check_stored": (store.check_stored, {"name": "slt"}),
        "VoiceprintStore.exchange": (store.exchange, {"old": slt, "new": slt}),
        "VoiceprintStore.load": (store.load, {"name": "slt"}),
        "VoiceprintStore.path": (store.path, {"name": "slt"}),
        "VoiceprintStore.remove": (
            lambda name, is_overwritten: store.remove(name, is_overwritten=is_overwritten),
            {"name": "none", "is_overwritten": False},
        ),
        "VoiceprintStore.save": (store.save, {"voiceprint": slt, "replace": True}),
        "VoiceprintStore.save_all": (store.save_all, {"voiceprints": [slt], "replace": True}),
        "Voiceprint": (Voiceprint, {name: getattr(slt, name) for name in names}),
        "Voiceprint.load": (Voiceprint.load, {"path": folder / "slt.voiceprint", "key": None}),
        "Voiceprint.from_bytes": (Voiceprint.from_bytes, {"data": slt.to_bytes()}),
        "Voiceprint.save": (slt.save, {"path": folder / "b", "is_new": False, "key": None}),
        "Voiceprint.new": (Voiceprint.new, {
            "model": manifest, "name": "a", "exemplars": [embedding], "speech_s": [3.0],
        }),
        "Voiceprint.with_exemplars": (slt.with_exemplars, {"other": slt}),
        "Voiceprint.adapted_by": (
            slt.adapted_by, {"embedding": embedding, "speech_s": 3.0, "at_utc": None},
        ),
        "Voiceprint.reverted": (slt.reverted, {"at_utc": None}),
        "Voiceprint.check_current": (slt.check_current, {"now": None, "used": None}),
        "Voiceprint.check_usable": (slt.check_usable, {"model": manifest}),
        "Gallery": (Gallery, {"dim": 4, "storage": "float32", "keep_exact": True}),
        "Gallery.add": (gallery.add, {"name": "a", "embedding": embedding}),
        "Gallery.add_many": (gallery.add_many, {"names": ["a"], "embeddings": [embedding]}),
        "Gallery.add_voiceprint": (gallery.add_voiceprint, {"voiceprint": slt}),
        "Gallery.from_embeddings": (
            Gallery.from_embeddings, {"embeddings": [embedding], "names": None},
        ),
        "Gallery.from_voiceprints": (Gallery.from_voiceprints, {"voiceprints": [slt]}),
        "Gallery.load": (
            Gallery.load, {"path": folder / "a.gallery", "verify": True, "key": None},
        ),
        "Gallery.remove": (gallery.remove, {"name": "none"}),
        "Gallery.save": (gallery.save, {"path": folder / "c", "key": None}),
        "Gallery.search": (gallery.search, {"probe": embedding, "k": 1, "num_threads": 1}),
        "SealingKey": (SealingKey, {"key": b"k" * 32, "passphrase": None}),
        "SealingKey.from_bytes": (SealingKey.from_bytes, {"key": b"k" * 32}),
        "SealingKey.from_file": (SealingKey.from_file, {"path": folder / "d", "create": True}),
        "SealingKey.from_passphrase": (SealingKey.from_passphrase, {"passphrase": "a"}),
        "SealingKey.derived": (key.derived, {"purpose": "x"}),
        "SealingKey.open": (key.open, {"sealed": key.seal(b"a")}),
        "SealingKey.seal": (key.seal, {"data": b"a"}),
        "Rotation": (Rotation, {"seed": b"s" * 32, "dim": 4}),
        "Rotation.from_key": (Rotation.from_key, {"key": key, "dim": 4}),
        "Rotation.rotate": (rotation.rotate, {"embeddings": embedding}),
        "Rotation.rotated": (rotation.rotated, {"voiceprint": slt}),
        "AttemptLimit": (AttemptLimit, {
            "folder": folder, "tries": 5, "window_s": 9.0, "wait_s": 3.0, "maximum_wait_s": 30.0,
        }),
        "AttemptLimit.decide": (limit.decide, {"name": "a", "answer": lambda: True}),
        "AttemptLimit.begin": (limit.begin, {"name": "a"}),
        "LastUses": (LastUses, {"folder": folder}),
        "LastUses.record": (uses.record, {"voiceprints": [slt]}),
        "LastUses.current": (uses.current, {"voiceprints": [slt]}),
        "Consent": (Consent, {
            "given_by": "a", "text_id": "b", "given_utc": "2026-01-01T00:00:00+00:00",
        }),
        "Challenge": (Challenge, {"digits": "1234"}),
        "Challenge.random": (Challenge.random, {"num_digits": 6}),
        "RememberedRecordings": (RememberedRecordings, {"store": store}),
        "RememberedRecordings.known": (remembered.known, {"name": "slt"}),
        "RememberedRecordings.remember": (
            remembered.remember, {"name": "slt", "blocks": [samples]},
        ),
        "CalibrationProfile.load": (CalibrationProfile.load, {"name": "p", "folder": folder}),
        "CalibrationProfile.save": (profile.save, {"replace": True, "folder": folder}),
        "AudioProblem.of": (AudioProblem.of, {"key": "clipped"}),
        "as_waveform": (as_waveform, {**audio, "channel": None}),
        "read_embeddings": (read_embeddings, {"path": str(folder / "a.npz"), "key": None}),
        "read_audio": (read_audio, {"path": clip, "limit_s": None, "channel": None}),
        "check_new_name": (check_new_name, {"name": "a", "taken": ()}),
        "expiry_after": (expiry_after, {"period": "30d", "now": None}),
        "load_encoder": (load_encoder, {
            "path": default_model_path(), "device": "cpu", "strict": None, "precision": "fp32",
            "num_threads": 1, "fixed_shapes": None,
        }),
    }  # fmt: skip


def problem(call: Callable[..., Any], arguments: dict[str, Any]) -> str | None:
    """Return what is wrong with the end of a call: any error but one declared line."""
    try:
        call(**arguments)
    except (SpeakerSdkError, OSError) as error:
        return None if "\n" not in str(error).strip() else f"several lines: {error}"
    except (TypeError, ValueError) as error:  # of a wrong shape or dimension
        is_own = "expected" in str(error) or "is required for arrays" in str(error)
        return None if is_own else f"{type(error).__name__}: {error}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "taken"


def test_no_argument_of_a_wrong_type_is_taken_or_raises_another_error(
    calls: dict[str, Call], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where a text is taken for a path
    found = []
    for name, (call, right) in calls.items():
        for argument in right:
            keeps_any = (name, argument) in KEEPS_ANY
            for kind, value in (ALWAYS_WRONG | SOMETIMES_WRONG).items():
                if kind == "text file":
                    value.seek(0)
                what = problem(call, {**right, argument: value})
                may_be_taken = kind in SOMETIMES_WRONG or keeps_any
                if what is not None and not (what == "taken" and may_be_taken):
                    found.append(f"{name}({argument}={kind}): {what}")
    assert not found, "\n".join(found[:40])


def test_every_public_class_and_function_that_users_call_is_among_the_calls(
    calls: dict[str, Call],
) -> None:
    # Results and errors are made by the package. The others have their own checks.
    made_here = {
        "Adaptation", "AudioBlock", "Candidate", "Decision", "Diarization", "DiarizedSpeaker",
        "EmbeddingTable", "EncoderStream", "Encoding", "Enrollment", "EnrollmentProgress",
        "GateUpdate", "Identification", "InputDevice", "Match", "ModelManifest", "Calibration",
        "CalibrationProfile", "OperatingPoint", "RecordingQuality", "SpeakerEncoder",
        "SpeakerStream", "StreamPool", "StreamUpdate", "Turn", "Verdict", "AudioProblem",
        "symmetric_kl", "symmetric_kl_matrix", "symmetric_kl_to_many", "list_devices", "utc_now",
    }  # fmt: skip
    public = {
        name
        for name in speakersdk.__all__
        if callable(value := getattr(speakersdk, name))
        and not (inspect.isclass(value) and issubclass(value, BaseException))
        and name != "Recording"
    }
    assert public - made_here <= calls.keys()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"far": "1%"}, r"expected far to be a number or None, got '1%'"),
        ({"model": ""}, r"expected model to be a path or None, got ''"),
        ({"spoof_detector": 5}, r"expected spoof_detector to be a function or None, got 5"),
        (
            {"num_threads": 1.0},
            r"expected num_threads to be a whole number below 2\*\*31, got 1\.0",
        ),
        ({"strict": "yes"}, r"expected strict to be True, False or None, got 'yes'"),
    ],
)
def test_the_line_says_what_was_expected_and_what_came(
    arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(WrongTypeError, match=message) as caught:
        Verifier(**arguments)
    assert isinstance(caught.value, TypeError | ValueError)


def test_the_line_says_what_to_do_instead(verifier: Verifier, voices: dict[str, Any]) -> None:
    slt, samples = verifier.enroll(voices["slt"].enroll, name="slt"), np.zeros(RATE_HZ)
    wrap = r"; write \[\.\.\.\] around a single one$"
    calls: tuple[tuple[Callable[[Any], Any], Any, str], ...] = (
        (lambda files: verifier.enroll(files, name="a"), "a.wav", f"got 'a.wav'{wrap}"),
        (lambda files: verifier.enroll(files, name="a"), Path("a.wav"), wrap),
        (lambda files: verifier.enroll(files, name="a"), samples, f"got ndarray{wrap}"),
        (verifier.stream, slt, wrap),
        (verifier.stream, {"a": slt}, r"values\(\)\) for the values$"),
        (verifier.stream, "slt", "VoiceprintStore.load$"),
        (
            verifier.stream,
            ["slt"],
            "expected voiceprints to be a list, each",
        ),
        (lambda who: verifier.verify(who, "a.wav"), "slt", "VoiceprintStore.load$"),
        (lambda who: verifier.verify(who, "a.wav"), [slt], "pass a single one$"),
        (lambda probe: Gallery(256).search(probe, 1), "a.wav", "embed it with Verifier.embed$"),
        (read_audio, samples, "to be a path or an open binary file, got"),
        (
            lambda chunk: verifier.stream([slt]).push(chunk, sample_rate_hz=RATE_HZ),
            "a.wav",
            "got text; read a file with speakersdk.read_audio$",
        ),
    )
    for call, value, message in calls:
        with pytest.raises(SpeakerSdkError, match=message):
            call(value)


def test_a_rate_that_nothing_uses_is_refused(verifier: Verifier, voices: dict[str, Any]) -> None:
    slt = verifier.enroll(voices["slt"].enroll, name="slt")
    for other in (slt, voices["slt"].probe):
        with pytest.raises(speakersdk.ConfigError, match="no sample rate for a file or a voicepr"):
            verifier.score(slt, other, sample_rate_hz=RATE_HZ)


def test_numbers_of_numpy_are_numbers(verifier: Verifier) -> None:
    assert Verifier(far=np.float32(0.01)).request.far == 0.01
    assert verifier.enrollment("a", needed_s=np.int64(5)).progress.needed_s == 5
    assert Challenge.random(np.int8(4)).digits.isdigit()


def test_a_call_keeps_its_name_its_documentation_and_pythons_own_errors() -> None:
    assert read_audio.__name__ == "read_audio"
    parameters = inspect.signature(Verifier.score).parameters
    assert list(parameters) == ["self", "a", "b", "sample_rate_hz"]
    with pytest.raises(TypeError, match="takes 1 positional argument but 2"):
        read_audio("a.wav", 3)
    with pytest.raises(TypeError, match="unexpected keyword argument 'rate'"):
        read_audio("a.wav", rate=3)
