"""Error rates of an encoder on trial lists, with the symmetric KL score and with the cosine."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from speakersdk.evaluation.segments import read_segments
from speakersdk.evaluation.trials import read_trials, used_segments
from speakersdk.metrics import eer, min_dcf
from speakersdk_training.config import TrialsConfig
from speakersdk_training.evaluation.conditions import Condition
from speakersdk_training.evaluation.trial_audio import read_segment_audio
from speakersdk_training.losses.symmetric_kl import symmetric_kl
from speakersdk_training.models.encoder import Encoder

_BATCH = 256


class TrialSet:
    """A trial list with its audio on the device, ready to be scored repeatedly."""

    def __init__(self, config: TrialsConfig, *, device: torch.device, few: int = 0) -> None:
        """Read trials and audio.

        Args:
            config: the trial list.
            device: device that encodes and scores.
            few: number of trials to keep, spread evenly over the list; 0 means all.
        """
        trials = read_trials(Path(config.trials))
        if few:
            trials = trials[:: max(len(trials) // few, 1)][:few]
        segments = used_segments(trials, read_segments(Path(config.segments)))
        audio = read_segment_audio(segments, Path(config.root))
        self.name = config.name
        row_of = {segment.name: row for row, segment in enumerate(segments)}
        self._audio = [torch.from_numpy(audio[segment.name]) for segment in segments]
        self._enroll = torch.tensor([row_of[trial.enroll] for trial in trials], device=device)
        self._probe = torch.tensor([row_of[trial.probe] for trial in trials], device=device)
        self.labels = np.array([trial.is_target for trial in trials])
        # The speakers of each trial, for confidence intervals.
        speaker_of = {segment.name: segment.speaker for segment in segments}
        self.speakers = (
            [speaker_of[trial.enroll] for trial in trials],
            [speaker_of[trial.probe] for trial in trials],
        )
        self._device = device

    def evaluate(self, encoder: Encoder) -> dict[str, float]:
        """Compute EER and minDCF(0.05) of both scores; the encoder must be in eval mode."""
        divergence, cosine = self.scores(encoder)
        num_target = int(self.labels.sum())
        return {
            "eer": eer(divergence, self.labels),
            "eer_cosine": eer(cosine, self.labels),
            "min_dcf_0.05": min_dcf(divergence, self.labels, p_target=0.05),
            "target_trials": num_target,
            "nontarget_trials": len(self.labels) - num_target,
        }

    @torch.no_grad()
    def scores(
        self, encoder: Encoder, condition: Condition | None = None
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Score all trials by minus J and by the cosine; higher for more similar.

        Args:
            encoder: encoder in eval mode.
            condition: change of the probes; enrollments stay clean. None means no change.
        """
        return self.scores_of(partial(self._embed, encoder), condition)

    def scores_of(
        self, embed: Callable[[list[Tensor]], Tensor], condition: Condition | None = None
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Score all trials with any function that computes embeddings.

        Args:
            embed: function from recordings, each (n,) float32, to embeddings (recordings, D).
            condition: as in `scores`.
        """
        embeddings = degraded = embed(self._audio)
        if condition is not None:
            # Every recording has its own draws, independent of the rest of the list.
            changed = [
                torch.from_numpy(condition(samples.numpy(), np.random.default_rng(row)))
                for row, samples in enumerate(self._audio)
            ]
            degraded = embed(changed)
        enroll, probe = embeddings[self._enroll], degraded[self._probe]
        divergence = symmetric_kl(enroll, probe)
        cosine = functional.cosine_similarity(enroll, probe)
        return -divergence.cpu().numpy(), cosine.cpu().numpy()

    def _embed(self, encoder: Encoder, audio: list[Tensor]) -> Tensor:
        """Return (segments, D) embeddings of length T; a batch holds segments of one length."""
        lengths: dict[int, list[int]] = {}
        for row, samples in enumerate(audio):
            lengths.setdefault(len(samples), []).append(row)
        result = torch.empty(len(audio), encoder.embedding_dim, device=self._device)
        for rows in lengths.values():
            for first in range(0, len(rows), _BATCH):
                part = rows[first : first + _BATCH]
                samples = torch.stack([audio[row] for row in part]).to(self._device)
                result[part] = encoder.scale(encoder.embed(samples))
        return result


def load_trial_sets(configs: Iterable[TrialsConfig], *, device: torch.device) -> list[TrialSet]:
    """Read all trial lists and their audio."""
    return [TrialSet(config, device=device) for config in configs]
