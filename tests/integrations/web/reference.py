"""Results of the Python runtime for some audio, for the tests of integrations/web.

python -m tests.integrations.web.reference FOLDER writes reference.json, the recordings as float32,
and voiceprints. Nothing is stored in the repository, because the bundled model may change.
"""

from __future__ import annotations

import io
import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile as sf
import soxr

from speakersdk import (
    AudioError,
    Decision,
    EnrollmentError,
    Identification,
    StreamUpdate,
    Verifier,
    Voiceprint,
)
from speakersdk.audio.waveform import read_audio
from speakersdk.demo_clips import FOLDER
from speakersdk.models import default_model_path
from speakersdk.voiceprint.life import Consent

VOICES = ("slt", "rms", "awb", "kal16")
CLIPS = ("enroll-1", "enroll-2", "probe")
RATE_HZ = 16000
# Chunks of the streams in samples: not multiples of a hop, and some longer than one.
CHUNKS = (700, 1600, 5000)
# Recordings that are also verified at other rates, which change only thresholds.
THRESHOLDS = ("slt-probe", "one-second", "noisy", "two-voices", "silence", "short")
# Places in the streams where a quarter of a second is missing.
GAP_S = 14

Samples = npt.NDArray[np.float32]


def recordings() -> dict[str, tuple[Samples, int]]:
    """Return samples by name, (n,) or (n, channels), and their rate."""
    clips = {f"{voice}-{clip}": read_clip(voice, clip) for voice in VOICES for clip in CLIPS}
    rng = np.random.default_rng(20)
    slt, rms, awb = (clips[f"{voice}-probe"] for voice in ("slt", "rms", "awb"))
    time_s = np.arange(3 * RATE_HZ) / RATE_HZ
    made: dict[str, tuple[Samples, int]] = {name: (clip, RATE_HZ) for name, clip in clips.items()}
    others = {
        "short": slt[: RATE_HZ // 3],
        "brief": slt[RATE_HZ // 2 : RATE_HZ + 4000],
        "one-second": slt[RATE_HZ : 2 * RATE_HZ],
        "silence": np.zeros(2 * RATE_HZ, np.float32),
        "tone": (0.1 * np.sin(2 * np.pi * 220 * time_s)).astype(np.float32),
        "faint": (slt * 1e-3).astype(np.float32),
        "two-voices": np.concatenate([slt, rms]),
        "clipped": np.clip(20 * slt, -1, 1).astype(np.float32),
        "overdriven": np.clip(100 * rms, -1, 1).astype(np.float32),
        "overdriven-mp3": through_mp3(np.clip(100 * awb, -1, 1).astype(np.float32)),
        "noisy": (slt + 0.1 * rng.standard_normal(len(slt))).astype(np.float32),
        "loop": np.tile(slt[RATE_HZ : 2 * RATE_HZ + 4000], 4),
        "offset": (slt + 0.05).astype(np.float32),
        "long": np.concatenate([clips[f"slt-{clip}"] for clip in CLIPS]),
        "mp3": through_mp3(slt),
    }
    made |= {name: (samples, RATE_HZ) for name, samples in others.items()}
    for rate_hz in (8000, 22050, 44100, 48000, 96000):
        resampled = soxr.resample(slt, RATE_HZ, rate_hz, quality="VHQ").astype(np.float32)
        made[f"slt-{rate_hz}"] = (resampled, rate_hz)
    stereo = np.stack([made["slt-44100"][0], 0.5 * made["slt-44100"][0]], axis=1)
    made["stereo"] = (stereo, 44100)
    made["out-of-phase"] = (np.stack([slt, -slt], axis=1), RATE_HZ)
    return made


def read_clip(voice: str, clip: str) -> Samples:
    """Read a demonstration clip at 16 kHz."""
    return read_audio(FOLDER / f"{voice}-{clip}.flac")


def through_mp3(samples: Samples) -> Samples:
    """Return the samples as decoded from an MP3 file."""
    file = io.BytesIO()
    sf.write(file, samples, RATE_HZ, format="MP3")
    file.seek(0)
    return read_audio(file)


def enrolled(verifier: Verifier, made: dict[str, tuple[Samples, int]]) -> dict[str, Voiceprint]:
    """Enroll each voice."""
    return {
        voice: verifier.enroll(
            [made[f"{voice}-enroll-1"][0], made[f"{voice}-enroll-2"][0]],
            name=voice,
            sample_rate_hz=RATE_HZ,
        )
        for voice in VOICES
    }


def decision_values(decision: Decision) -> dict[str, Any]:
    """Return a decision as JSON."""
    return {**asdict(decision), "verdict": decision.verdict.value}


def identification_values(found: Identification) -> dict[str, Any]:
    """Return an identification as JSON."""
    return {
        "speaker": found.speaker,
        "margin": found.margin,
        "decision": decision_values(found.decision),
        "ranking": [
            {"name": name, "decision": decision_values(decision)}
            for name, decision in found.ranking
        ],
    }


def update_values(update: StreamUpdate) -> dict[str, Any]:
    """Return an update as JSON."""
    values = asdict(update)
    del values["capture"]
    return values


def embedded(verifier: Verifier, samples: Samples, rate_hz: int) -> Samples | None:
    """Return the embedding of a recording; None where it has no speech."""
    try:
        return verifier.embed(samples, sample_rate_hz=rate_hz)
    except AudioError:
        return None


def streamed(
    verifier: Verifier, voiceprints: list[Voiceprint], samples: Samples, rate_hz: int
) -> list[dict[str, Any]]:
    """Return the updates of a stream, in chunks of several lengths, with a gap."""
    stream = verifier.stream(voiceprints, silence_s=1.0)
    updates, position, number = [], 0, 0
    has_gap = False
    while position < len(samples):
        if not has_gap and position > GAP_S * rate_hz:
            stream.gap(0.25)
            has_gap = True
        size = CHUNKS[number % len(CHUNKS)]
        updates += stream.push(samples[position : position + size], sample_rate_hz=rate_hz)
        position, number = position + size, number + 1
    return [update_values(update) for update in updates + stream.finish()]


def enrolled_live(verifier: Verifier, samples: Samples) -> dict[str, Any]:
    """Return the progress of a live enrollment, every half second, and its voiceprint."""
    enrollment = verifier.enrollment("live", needed_s=5.0)
    progress = []
    for first in range(0, len(samples), RATE_HZ // 2):
        at = enrollment.push(samples[first : first + RATE_HZ // 2], sample_rate_hz=RATE_HZ)
        progress.append(asdict(at))
    voiceprint = enrollment.voiceprint()
    return {"progress": progress, "speech_s": voiceprint.speech_s.tolist()}


def refused(verifier: Verifier, made: dict[str, tuple[Samples, int]]) -> list[dict[str, Any]]:
    """Return sets of recordings that cannot be enrolled, and the reasons."""
    sets = [
        ["clipped"], ["noisy"], ["faint"], ["silence"], ["two-voices"], ["tone"], ["short"],
        ["brief"], ["loop"], ["slt-8000"], ["slt-probe", "slt-probe"],
        ["slt-probe", "rms-probe"], ["slt-probe", "slt-48000"],
    ]  # fmt: skip
    found = []
    for names in sets:
        pairs = [made[name] for name in names]
        try:
            verifier.enroll(pairs, name="ana", sample_rate_hz=None)
            found.append({"recordings": names, "error": None, "problems": []})
        except EnrollmentError as error:
            problems = list(error.problems)
            found.append({"recordings": names, "error": str(error), "problems": problems})
    return found


def write(folder: Path) -> None:
    """Write everything into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    verifier = Verifier()
    made = recordings()
    for name, (samples, _) in made.items():
        (folder / f"{name}.f32").write_bytes(samples.T.astype("<f4").tobytes())
    voiceprints = enrolled(verifier, made)
    for voice, voiceprint in voiceprints.items():
        voiceprint.save(folder / f"{voice}.voiceprint")
    adapted = voiceprints["slt"].adapted_by(
        verifier.embed((made["slt-probe"][0], RATE_HZ)), speech_s=1e-5
    )
    adapted.save(folder / "adapted.voiceprint")
    times = ("2026-11-28T10:00:00+00:00", "2026-11-28T11:00:00+00:00")
    lived = replace(
        adapted.adapted_by(adapted.adapted[0], speech_s=2.0, at_utc=times[0]),
        expires_utc="2999-01-01T00:00:00+00:00",
        consent=Consent(given_by="Zoë", text_id="notice-3", given_utc=times[0]),
    ).reverted(at_utc=times[1])
    lived.save(folder / "lived.voiceprint")
    assert verifier.manifest.calibration is not None
    fars = [point.far for point in verifier.manifest.calibration.operating_points]
    decisions = []
    for far in (None, fars[0], fars[-1], (fars[0] * fars[1]) ** 0.5):
        asked = Verifier(far=far)
        for name, (samples, rate_hz) in made.items():
            if far is not None and name not in THRESHOLDS:
                continue
            found = asked.identify(list(voiceprints.values()), samples, sample_rate_hz=rate_hz)
            decisions.append({"far": far, "recording": name, **identification_values(found)})
    turns = [made[f"{voice}-probe"][0] for voice in ("slt", "rms", "awb")]
    pause = np.zeros(2 * RATE_HZ, np.float32)
    stream = np.concatenate([*turns, pause, made["slt-enroll-1"][0][:50_001]])
    stream.astype("<f4").tofile(folder / "stream.f32")
    stream_48k = soxr.resample(stream, RATE_HZ, 48000, quality="VHQ").astype(np.float32)
    stream_48k.astype("<f4").tofile(folder / "stream-48k.f32")
    people = [voiceprints["rms"], voiceprints["slt"]]
    reference = {
        "model": str(default_model_path()),
        "recordings": {
            name: {"rate_hz": rate_hz, "channels": samples.ndim}
            for name, (samples, rate_hz) in made.items()
        },
        "embeddings": {
            name: embedding.tolist()
            for name, recording in made.items()
            if (embedding := embedded(verifier, *recording)) is not None
        },
        "enrolled": {name: one.speech_s.tolist() for name, one in voiceprints.items()},
        "decisions": decisions,
        "refused": refused(verifier, made),
        "chunks": CHUNKS,
        "gap_s": GAP_S,
        "stream": streamed(verifier, people, stream, RATE_HZ),
        "stream_48k": streamed(verifier, people, stream_48k, 48000),
        "live": enrolled_live(verifier, made["long"][0]),
    }
    (folder / "reference.json").write_text(json.dumps(reference), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
