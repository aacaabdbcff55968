import io
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import soxr

from speakersdk.arrays import Waveform
from speakersdk.audio.levels import AudioLevels, AudioProblem, QualityMeter, SpeechMeter
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.audio.waveform import read_audio
from speakersdk.demo_clips import FOLDER as CLIPS
from speakersdk.encoder.load import load_encoder
from speakersdk.enrollment.measure import measure_recording

WINDOWED = Path(__file__).parents[2] / "data" / "models" / "windowed.onnx"

HOP_SAMPLES = 1600


@pytest.fixture(scope="module")
def speech() -> Waveform:
    clips = [read_audio(path) for path in sorted(CLIPS.glob("slt-enroll-*.flac"))]
    return np.concatenate(clips)


def problems(samples: Waveform, noise: Waveform | None = None) -> set[AudioProblem | None]:
    quality, found = QualityMeter(sample_rate_hz=SAMPLE_RATE_HZ), set()
    if noise is not None:
        for hop in noise[: len(noise) // HOP_SAMPLES * HOP_SAMPLES].reshape(-1, HOP_SAMPLES):
            quality.measure(hop)
            quality.take(hop, speech_share=False)
    for hop in samples[: len(samples) // HOP_SAMPLES * HOP_SAMPLES].reshape(-1, HOP_SAMPLES):
        is_speech = bool(np.ptp(hop) > 0.1 * np.ptp(samples))
        quality.measure(hop)
        if is_speech:
            found.add(quality.problem())
        quality.take(hop, speech_share=is_speech)
    return found


def levels_of(samples: Waveform) -> AudioLevels:
    quality = QualityMeter(sample_rate_hz=SAMPLE_RATE_HZ, memory_hops=None)
    for hop in samples[: len(samples) // HOP_SAMPLES * HOP_SAMPLES].reshape(-1, HOP_SAMPLES):
        quality.measure(hop)
        is_speech = bool(np.ptp(hop) > 0.1 * np.ptp(samples))
        quality.take(hop, speech_share=is_speech)
    return quality.levels


def test_good_speech_has_no_problem(speech: Waveform) -> None:
    assert problems(speech) == {None}


def test_speech_that_is_too_quiet_is_named(speech: Waveform) -> None:
    assert AudioProblem.TOO_QUIET in problems(speech * np.float32(0.002))


def test_clipped_speech_is_named(speech: Waveform) -> None:
    assert AudioProblem.CLIPPED in problems(np.clip(speech * 10, -1, 1).astype(np.float32))


@pytest.mark.parametrize("clip", ["slt", "rms", "awb", "kal16"])
@pytest.mark.parametrize("peak", [1.05, 1.2, 1.5, 2.0, 4.0, 15.0])
def test_floats_above_full_scale_are_not_clipped(clip: str, peak: float) -> None:
    samples = read_audio(CLIPS / f"{clip}-enroll-1.flac")
    loud = samples * np.float32(peak / np.abs(samples).max())
    # In a live stream, the first hop that reaches full scale cannot be distinguished from one that
    # is clipped there.
    assert AudioProblem.CLIPPED not in levels_of(loud).problems()
    # Above full scale, they are clipped.
    assert AudioProblem.CLIPPED in problems(np.clip(loud, -peak / 3, peak / 3))


@pytest.mark.parametrize("clip", ["slt", "rms", "awb", "kal16"])
@pytest.mark.parametrize("gain", [1.5, 2.0, 4.0, 10.0])
@pytest.mark.parametrize("through", ["resampler", "MP3", "VORBIS"])
def test_clipped_speech_is_found_after_any_smoothing(clip: str, gain: float, through: str) -> None:
    samples = read_audio(CLIPS / f"{clip}-enroll-1.flac")
    cut = np.clip(samples * np.float32(gain / np.abs(samples).max()), -1, 1)
    if through == "resampler":
        smooth = soxr.resample(soxr.resample(cut, 16000, 44100), 44100, 16000)
    else:
        file = io.BytesIO()
        sf.write(file, cut, SAMPLE_RATE_HZ, format={"MP3": "MP3"}.get(through, "OGG"))
        file.seek(0)
        smooth = read_audio(file)
    assert np.abs(smooth).max() > 1  # otherwise there is nothing to show
    assert AudioProblem.CLIPPED in problems(smooth)


@pytest.mark.parametrize("offset", [-0.1, 0.01, 0.1, 0.3])
def test_a_constant_offset_is_neither_level_nor_noise(speech: Waveform, offset: float) -> None:
    shifted = 0.5 * speech + np.float32(offset)
    assert problems(shifted) == problems(0.5 * speech) == {None}
    quiet = speech * np.float32(0.002)
    assert AudioProblem.TOO_QUIET in problems(quiet + np.float32(offset))
    narrow = soxr.resample(soxr.resample(0.5 * speech, 16000, 8000), 8000, 16000)
    assert AudioProblem.NARROW_BAND in problems(narrow + np.float32(offset))
    levels = []
    for samples in (0.5 * speech, shifted):
        quality = QualityMeter(sample_rate_hz=SAMPLE_RATE_HZ, memory_hops=None)
        for number, hop in enumerate(samples[: 40 * HOP_SAMPLES].reshape(-1, HOP_SAMPLES)):
            quality.measure(hop)
            quality.take(hop, speech_share=number % 2 == 0)
        levels.append((quality.speech_dbfs, quality.snr_db))
    # float32 steps at the offset, 2^-24, are -144 dBFS; the quietest hop is at about -70.
    assert levels[1] == pytest.approx(levels[0], abs=0.01)


def test_noisy_speech_is_named(speech: Waveform, rng: np.random.Generator) -> None:
    noise = rng.normal(0, float(np.sqrt(np.mean(speech**2))), len(speech)).astype(np.float32)
    assert AudioProblem.NOISY in problems(speech * 0.5 + noise * 0.5, noise * np.float32(0.5))


def test_telephone_speech_is_named(speech: Waveform) -> None:
    narrow = soxr.resample(soxr.resample(speech, 16000, 8000), 8000, 16000)
    assert AudioProblem.NARROW_BAND in problems(narrow)


def test_levels_are_in_decibels_of_full_scale() -> None:
    quality = QualityMeter(sample_rate_hz=SAMPLE_RATE_HZ)
    assert (quality.speech_dbfs, quality.snr_db) == (None, None)
    wave = np.float32(0.1) * np.sign(np.sin(np.arange(HOP_SAMPLES))).astype(np.float32)
    quality.measure(wave)
    quality.take(wave, speech_share=True)
    assert quality.level_dbfs == pytest.approx(-20.0, abs=0.1)
    quality.measure(wave / 100)
    quality.take(wave / 100, speech_share=False)
    assert quality.snr_db == pytest.approx(40.0, abs=0.1)


def test_speech_below_the_noise_has_the_lowest_ratio(rng: np.random.Generator) -> None:
    quality = QualityMeter(sample_rate_hz=SAMPLE_RATE_HZ)
    noise = rng.normal(0, 0.1, HOP_SAMPLES).astype(np.float32)
    for gain, is_speech in ((1.0, False), (0.5, True)):
        quality.measure(np.float32(gain) * noise)
        quality.take(np.float32(gain) * noise, speech_share=is_speech)
    assert quality.snr_db == -20


def test_the_level_of_speech_is_that_of_its_frames_without_their_offset() -> None:
    level = SpeechMeter(hop_frames=10)
    assert level.dbfs is None
    tone = np.sin(np.arange(1600)).astype(np.float32)
    is_speech = np.arange(10) < 5
    for offset in (0.0, 0.1):
        samples = np.repeat(np.where(is_speech, 0.1, 0.01), 160).astype(np.float32) * tone
        level.take(samples + np.float32(offset), is_speech)
        level.take(samples, np.zeros(10, np.bool_))
    # A sine of amplitude 0.1; the mean of its part that is speech is a thousandth of it.
    assert level.dbfs == pytest.approx(-23.0, abs=0.1)


def test_samples_of_speech_at_full_scale_are_counted_with_their_offset() -> None:
    level = SpeechMeter(hop_frames=10)
    assert level.clipped_share is None
    is_speech = np.arange(10) < 5
    clipped = np.where(np.arange(1600) % 4 == 0, 1.0, 0.8).astype(np.float32)
    level.take(clipped, ~np.ones(10, np.bool_))
    assert level.clipped_share is None
    level.take(np.where(np.repeat(is_speech, 160), -clipped, 1.0).astype(np.float32), is_speech)
    assert level.clipped_share == 0.25
    level.take(np.full(1600, 0.5, np.float32), is_speech)
    assert level.clipped_share == 0.125


@pytest.mark.parametrize("is_windowed", [False, True])
def test_an_encoding_knows_how_much_is_clipped(
    demo_clips: Path, default_model: Path, *, is_windowed: bool
) -> None:
    """Floats that were amplified, but never clipped, hardly ever lie at full scale."""
    encoder = load_encoder(WINDOWED if is_windowed else default_model)
    loud = read_audio(demo_clips / "slt-probe.flac") * np.float32(100)
    shares = [encoder.encode(samples).clipped_share for samples in (np.clip(loud, -1, 1), loud)]
    assert shares[0] is not None
    assert shares[0] > 0.4
    assert shares[1] is not None
    assert shares[1] < 0.05


@pytest.mark.parametrize("file_format", ["WAV", "MP3"])
def test_resamplers_and_codecs_do_not_hide_that_speech_is_clipped(
    demo_clips: Path, default_model: Path, file_format: str
) -> None:
    speech = soxr.resample(read_audio(demo_clips / "slt-probe.flac"), SAMPLE_RATE_HZ, 48000)
    file = io.BytesIO()
    sf.write(file, np.clip(30 * speech, -1, 1), 48000, format=file_format)
    file.seek(0)
    share = load_encoder(default_model).encode(read_audio(file)).clipped_share
    assert share is not None
    assert share > 0.5


@pytest.mark.parametrize("gain_db", [0, -20])
def test_an_encoding_knows_the_level_of_its_speech(
    demo_clips: Path, default_model: Path, gain_db: int
) -> None:
    """Within 2 dB of the level of whole hops, for any silence around the speech."""
    encoder = load_encoder(default_model)
    for path in demo_clips.glob("*-probe.flac"):
        samples = read_audio(path)
        expected = measure_recording(encoder, samples, label="")[1].levels.speech_dbfs
        assert expected is not None
        quiet = samples * np.float32(10 ** (gain_db / 20))
        padded = np.concatenate([np.zeros(48000, np.float32), quiet, np.zeros(48000, np.float32)])
        for recording in (quiet, padded):
            level = encoder.encode(recording).speech_dbfs
            assert level == pytest.approx(expected + gain_db, abs=2.0)


@pytest.mark.parametrize(("shares", "expected"), [([0.5] * 15, None), ([0.3, 1.0] * 8, 8 / 10.4)])
def test_speech_in_whole_hops(shares: list[float], expected: float | None) -> None:
    quality = QualityMeter(sample_rate_hz=SAMPLE_RATE_HZ)
    hop = np.random.default_rng(0).normal(0, 0.1, 1600).astype(np.float32)
    for share in shares:
        quality.measure(hop)
        quality.take(hop, speech_share=share)
    assert quality.whole_share == (expected and pytest.approx(expected))


@pytest.mark.parametrize("num_whole", [1, 2])
def test_speech_in_scraps_is_a_problem(num_whole: int) -> None:
    quality = QualityMeter(sample_rate_hz=SAMPLE_RATE_HZ)
    hop = np.random.default_rng(0).normal(0, 0.1, 1600).astype(np.float32)
    for share in [0.5] * 18 + [1.0] * num_whole:  # of 9 + 1 hops, 10 % are whole; of 9 + 2, 18 %
        quality.measure(hop)
        quality.take(hop, speech_share=share)
    problem = AudioProblem.SCATTERED if num_whole == 1 else None
    assert quality.problem() == problem
