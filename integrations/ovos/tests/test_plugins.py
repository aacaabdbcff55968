"""The plugins, found and loaded by the real plugin manager, on the demonstration clips."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from ovos_plugin_manager.embeddings import (
    find_voice_embeddings_plugins,
    load_voice_embeddings_plugin,
)
from ovos_plugin_manager.wakewords import (
    find_wake_word_verifier_plugins,
    load_wake_word_verifier_plugin,
)

import speakersdk.demo_clips
from speakersdk import AudioError, ConfigError, LastUses, Verdict, Verifier, VoiceprintStore

CLIPS = Path(speakersdk.demo_clips.__file__).parent
VERIFIER, EMBEDDER = "speakersdk-verifier", "speakersdk-embedder"


def pcm(clip: str) -> bytes:
    samples, _ = sf.read(CLIPS / f"{clip}.flac", dtype="int16")
    return samples.tobytes()


def after_silence(clip: str) -> bytes:
    """Return the clip after 7 s of silence: the listener passes its whole buffer."""
    return bytes(2 * 7 * 16000) + pcm(clip)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("voiceprints")
    verifier, store = Verifier(), VoiceprintStore(folder)
    for voice in ("slt", "awb"):
        clips = [CLIPS / f"{voice}-enroll-{number}.flac" for number in (1, 2)]
        store.save(verifier.enroll(clips, name=voice))
    return folder


def test_the_plugin_manager_finds_both() -> None:
    assert VERIFIER in find_wake_word_verifier_plugins()
    assert EMBEDDER in find_voice_embeddings_plugins()


@pytest.mark.parametrize(
    ("voice", "names", "is_accepted"),
    [("slt", None, True), ("awb", None, True), ("rms", None, False), ("awb", ["slt"], False)],
)
def test_only_enrolled_speakers_wake_the_assistant(
    folder: Path, voice: str, names: list[str] | None, is_accepted: bool
) -> None:
    config = {"voiceprints": str(folder), "names": names, "enabled": True}
    verifier = load_wake_word_verifier_plugin(VERIFIER)(config)
    (folder / ".uses.json").unlink(missing_ok=True)
    assert verifier.verify(after_silence(f"{voice}-probe")) is is_accepted
    assert LastUses(folder=folder).days().keys() == set(names or ("slt", "awb"))
    assert verifier.last.speaker == (voice if is_accepted else None)


@pytest.mark.parametrize("is_accepted", [False, True])
def test_too_little_speech_is_decided_by_an_option(folder: Path, is_accepted: bool) -> None:
    config = {"voiceprints": str(folder), "accept_inconclusive": is_accepted}
    verifier = load_wake_word_verifier_plugin(VERIFIER)(config)
    # A fifth of a second from within a sentence.
    assert verifier.verify(pcm("slt-probe")[32000 : 32000 + 6400]) is is_accepted
    assert verifier.last.decision.verdict is Verdict.INCONCLUSIVE


def test_silence_does_not_wake_the_assistant(folder: Path) -> None:
    config = {"voiceprints": str(folder), "accept_inconclusive": True}
    assert not load_wake_word_verifier_plugin(VERIFIER)(config).verify(bytes(32000))


@pytest.mark.parametrize("is_open", [False, True])
@pytest.mark.parametrize("chunk", [b"", b"x", None])
def test_an_error_is_a_no_by_default(folder: Path, chunk: bytes | None, is_open: bool) -> None:
    config = {"voiceprints": str(folder), "fail_open": is_open}
    assert load_wake_word_verifier_plugin(VERIFIER)(config).verify(chunk) is is_open


def test_without_enrolled_speakers_the_answer_is_no(tmp_path: Path) -> None:
    verifier = load_wake_word_verifier_plugin(VERIFIER)({"voiceprints": str(tmp_path)})
    assert not verifier.verify(pcm("slt-probe"))


def test_a_file_that_cannot_be_read_is_logged(
    tmp_path: Path, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / "rms.voiceprint").touch()
    verifier = load_wake_word_verifier_plugin(VERIFIER)({"voiceprints": str(tmp_path)})
    assert verifier.verify(pcm("slt-probe"))
    assert "skipped rms.voiceprint: not a voiceprint" in capfd.readouterr().out


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(ConfigError, match="threshold"):
        load_wake_word_verifier_plugin(VERIFIER)({"threshold": 0.45})


def test_embeddings_are_those_of_the_sdk() -> None:
    embedder = load_voice_embeddings_plugin(EMBEDDER)({})
    expected = Verifier().embed(CLIPS / "slt-probe.flac")
    data = pcm("slt-probe")
    samples = np.frombuffer(data, np.int16)
    for audio in (data, samples, samples.astype(np.float32) / 32768):
        # The same samples in other types: they are rounded at most once.
        np.testing.assert_allclose(embedder.get_embeddings(audio), expected, atol=1e-4)


def test_an_embedding_of_silence_is_refused() -> None:
    with pytest.raises(AudioError):
        load_voice_embeddings_plugin(EMBEDDER)({}).get_embeddings(bytes(64000))


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("sample_width", 3, "sample_width"),
        ("sample_width", [2], "sample_width"),
        ("channels", 0, "channel"),
        ("channels", "1", "channel"),
        ("sample_rate", "16k", "sample_rate to be a number"),
    ],
)
def test_a_wrong_format_is_refused_at_the_start(option: str, value: object, message: str) -> None:
    for plugin in (
        load_voice_embeddings_plugin(EMBEDDER),
        load_wake_word_verifier_plugin(VERIFIER),
    ):
        with pytest.raises(ConfigError, match=message):
            plugin({option: value})


@pytest.mark.parametrize(
    ("option", "value"),
    [("names", "ann"), ("names", [5]), ("fail_open", "yes"), ("accept_inconclusive", 1)],
)
def test_an_option_of_a_wrong_type_is_refused_at_the_start(option: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"expected {option} to be"):
        load_wake_word_verifier_plugin(VERIFIER)({option: value})
