"""Attacks: how often is a replayed, copied or synthesized voice accepted, before and after?

Speakers of speechocean762 (development split) enroll two recordings of 6 s. Attacks are copies of
the first one, the same through five simulated loudspeakers, rooms and microphones, and sentences of
three synthesizers. Accepted "before": by the voice only. "always": repeats of an enrolled recording
are X row has new recordings of the speakers themselves, of 4 s.

Needs the speech corpora, and the Debian packages espeak-ng, flite, festival and festvox-kallpc16k.
With `--smoke`, synthesizers that are not installed are left out.
"""

from __future__ import annotations

import itertools
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import corpora
from benchmarks.harness.enrolled import enrolled
from benchmarks.harness.measure import Benchmark
from benchmarks.harness.replay_chains import CHAINS, COPIES
from speakersdk import Decision, Verifier, VoiceprintStore
from speakersdk.arrays import Waveform
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.audio.waveform import read_audio
from speakersdk.enrollment.fingerprint import REPEATED, fingerprint_of, repeats
from speakersdk.enrollment.remembered_recordings import RememberedRecordings
from speakersdk.metrics import iapmr
from speakersdk_training.data.corpus import by_speaker

SPEAKERS = 60
ENROLL_S, PROBE_S = 6.0, 4.0
TEXTS = (
    "My voice is my password, please let me in and open the door for me.",
    "The quick brown fox jumps over the lazy dog while the sun is shining.",
)
# Commands that write a text to a WAV file, by program.
SYNTHESIZERS = {
    "espeak-ng": ["espeak-ng", "-w", "{file}", "{text}"],
    "flite": ["flite", "-t", "{text}", "-o", "{file}"],
    "festival": ["text2wave", "-o", "{file}"],
}


def main() -> int:
    """Measure and report."""
    benchmark = Benchmark(name="attacks", question=(__doc__ or "").splitlines()[0])
    corpora.require()
    missing = [command[0] for command in SYNTHESIZERS.values() if shutil.which(command[0]) is None]
    if missing and not benchmark.smoke:
        print(
            f"expected the programs {', '.join(missing)}, found none of them; install the "
            "Debian packages espeak-ng, flite, festival and festvox-kallpc16k",
            file=sys.stderr,
        )
        return 2
    verifier = Verifier(far=0.01)
    speakers = recordings(2 if benchmark.smoke else SPEAKERS)
    spoken = {name: synthesized(name) for name in SYNTHESIZERS}
    with tempfile.TemporaryDirectory(prefix="speakersdk-attacks-") as folder:
        store = VoiceprintStore(folder)
        memory = RememberedRecordings(store)
        for name, (*known, _) in speakers.items():
            store.save(enrolled(verifier, known, name))
            for samples in known:
                memory.remember(name, [samples])

        def outcomes(name: str, probes: Iterable[Waveform]) -> Iterator[tuple[Decision, Decision]]:
            voiceprint = store.load(name)
            for samples in probes:
                decision = verifier.verify(voiceprint, samples, sample_rate_hz=SAMPLE_RATE_HZ)
                yield decision, memory.checked(name, [samples], decision)

        def record(row: str, probes: dict[str, list[Waveform]]) -> None:
            found = [each for name, listed in probes.items() for each in outcomes(name, listed)]
            if found:
                benchmark.record(row, rates(found))

        for row, change in {**COPIES, **CHAINS}.items():
            record(row, {name: [change(first)] for name, (first, *_) in speakers.items()})
        for row, sentences in spoken.items():
            record(row, dict.fromkeys(speakers, sentences))
        record("the speakers themselves", {name: [probe] for name, (*_, probe) in speakers.items()})
    benchmark.record("other recordings taken for repeats", chance_agreement(speakers))
    benchmark.record("model", verifier.manifest.weights_sha256[:12])
    benchmark.finish()
    return 0


def recordings(num_speakers: int) -> dict[str, tuple[Waveform, Waveform, Waveform]]:
    """Read two enrollment recordings and a probe per speaker, from different utterances."""
    packs, found = corpora.Packs(), {}
    for speaker, utterances in by_speaker(corpora.utterances("speechocean762", "dev")).items():
        parts = iter(utterances)
        taken = []
        for seconds in (ENROLL_S, ENROLL_S, PROBE_S):
            num_samples = round(seconds * SAMPLE_RATE_HZ)
            samples = packs.joined(parts, num_samples)
            if len(samples) >= num_samples:
                taken.append(samples[:num_samples])
        if len(taken) == 3:
            first, second, probe = taken
            found[speaker.replace("/", " ")] = first, second, probe
        if len(found) == num_speakers:
            break
    return found


def synthesized(name: str) -> list[Waveform]:
    """Synthesize the sentences; empty if the synthesizer is not installed."""
    command = SYNTHESIZERS[name]
    if shutil.which(command[0]) is None:
        print(f"{name} is not installed: left out")
        return []
    spoken = []
    with tempfile.TemporaryDirectory(prefix="speakersdk-attacks-") as folder:
        for text in TEXTS:
            file = Path(folder) / "spoken.wav"
            filled = [part.format(file=file, text=text) for part in command]
            subprocess.run(filled, input=text, text=True, check=True, capture_output=True)
            spoken.append(read_audio(file))
    return spoken


def rates(found: list[tuple[Decision, Decision]]) -> dict[str, Any]:
    """Return the percentages accepted by the voice only, and with each check for repeats."""
    accepted = {
        "before": [
            always.accepted or "repeats a known recording" in always.reason for always, _ in found
        ],
        "always": [always.accepted for always, _ in found],
        "remembered": [remembered.accepted for _, remembered in found],
    }
    row: dict[str, Any] = {"attempts": len(found)}
    for state, flags in accepted.items():
        rate, *interval = (round(100 * share, 1) for share in iapmr(flags))
        row |= {f"{state}_percent": rate, f"{state}_interval_percent": interval}
    return row


def chance_agreement(speakers: dict[str, tuple[Waveform, Waveform, Waveform]]) -> dict[str, Any]:
    """Measure the agreement of recordings that repeat nothing, of one speaker and of two."""
    agreements = []
    listed = list(speakers.values())
    for own, other in zip(listed, [*listed[1:], listed[0]], strict=True):
        known = [fingerprint_of([samples]) for samples in (*own, *other)]
        pairs = itertools.product(range(3), range(6))
        agreements += [repeats([own[a]], [known[b]]) for a, b in pairs if a != b]
    return {
        "pairs": len(agreements),
        "flagged": int(sum(agreement >= REPEATED for agreement in agreements)),
        "p99": round(float(np.quantile(agreements, 0.99)), 3),
        "highest": round(max(agreements), 3),
        "bound": REPEATED,
    }


if __name__ == "__main__":
    raise SystemExit(main())
