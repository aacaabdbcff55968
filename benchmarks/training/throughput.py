"""Throughput of training: seconds of audio per second, and the time of the parts of a step.

    python -m benchmarks.training.throughput            # a GPU if there is one

The audio is noise, because the time of a step does not depend on the content. Everything else is a
step of `speakersdk-train fit` with the configurations named below.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from benchmarks.harness.measure import REPOSITORY, Benchmark
from speakersdk_training.compute.device import pick_device, prepare_torch
from speakersdk_training.config import TrainConfig, load_config
from speakersdk_training.data.audio_bank import AudioBank
from speakersdk_training.fit.trainer import Trainer

CONFIGS = ("arch-plain", "arch-front")
NUM_SPEAKERS, SPEAKER_S = 1889, 24.0  # the numbers of the shared speech corpora
SAMPLE_RATE_HZ = 16000


def main() -> int:
    """Measure each configuration and write the report."""
    benchmark = Benchmark(
        name="training-throughput", question="How much audio does training process in a second?"
    )
    device = pick_device("auto")
    prepare_torch(device)
    is_small = benchmark.smoke or device.type == "cpu"
    bank = noise_bank(device, 8 if is_small else NUM_SPEAKERS)
    for name in CONFIGS[:1] if benchmark.smoke else CONFIGS:
        config = load_config(REPOSITORY / "training" / "experiments" / f"{name}.toml")
        if is_small:
            run = replace(config.run, batch_size=30, compile=False)
            config = replace(config, run=run, augment=replace(config.augment, num_rooms=6))
        measure(benchmark, name, config, bank)
    benchmark.record("device", torch.cuda.get_device_name() if device.type == "cuda" else "cpu")
    benchmark.finish()
    return 0


def measure(benchmark: Benchmark, name: str, config: TrainConfig, bank: AudioBank) -> None:
    """Time a step and its parts."""
    trainer = Trainer(config, bank, noise=torch.zeros(0), rooms=[], trial_sets=[])
    crop_s = config.run.crop_s[0]
    audio_s = config.run.batch_size * crop_s
    trainer.train_step()  # the first step compiles
    parts: dict[str, Callable[[], object]] = {
        "draw and augment": lambda: trainer.draw_batch(crop_s),
        "encode": lambda: encode(trainer, batch.samples, with_gradient=False),
        "encode and back": lambda: encode(trainer, batch.samples, with_gradient=True),
        "whole step": trainer.train_step,
    }
    batch = trainer.draw_batch(crop_s)
    for part, call in parts.items():
        benchmark.measure(f"{name}, {part}", finished(call), work=audio_s, unit="s of audio")


def encode(trainer: Trainer, samples: Tensor, *, with_gradient: bool) -> None:
    """Run front end and encoder as in a step, with or without the backward pass."""
    embeddings, _ = trainer.objective.encode(samples)
    if with_gradient:
        embeddings.sum().backward()


def finished(call: Callable[[], object]) -> Callable[[], None]:
    """Return a call that also waits for its work on the GPU."""

    def run() -> None:
        call()
        if torch.cuda.is_available():
            torch.cuda.synchronize()

    return run


def noise_bank(device: torch.device, num_speakers: int) -> AudioBank:
    """Make speakers with equal lengths of noise."""
    length = round(SPEAKER_S * SAMPLE_RATE_HZ)
    generator = torch.Generator(device).manual_seed(1)
    samples = torch.randint(
        -8000, 8000, (num_speakers * length,), generator=generator, device=device, dtype=torch.int16
    )
    numbers = torch.arange(num_speakers, device=device)
    return AudioBank(
        samples=samples,
        speech=torch.zeros(len(samples) // 160, dtype=torch.uint8, device=device),
        first=numbers * length,
        length=torch.full_like(numbers, length),
        begins=numbers * length,
        speakers=tuple(f"noise/{number}" for number in range(num_speakers)),
    )


if __name__ == "__main__":
    raise SystemExit(main())
