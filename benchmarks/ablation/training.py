"""One run of `seed_ablation.py`: it trains a rung with one seed and measures it on new speakers."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.ablation.clustering import (
    adjusted_rand_index,
    average_cluster_purity,
    best_cut,
    legacy_misclassification_rate,
    linkage,
    misclassification_rate,
)
from benchmarks.ablation.features import FIXED_FRAME, LONG_SENTENCES, SENTENCES, Sentences
from benchmarks.ablation.features import Features as StoredFeatures
from benchmarks.ablation.rungs import Rung
from benchmarks.ablation.threshold import balanced_accuracy, best_threshold
from speakersdk.metrics import eer, min_dcf
from speakersdk_training.compute.optim import OptimConfig
from speakersdk_training.data.speaker_draws import AlternatingPairs, make_draw
from speakersdk_training.fit.pair_monitor import pair_statistics, spread_statistics
from speakersdk_training.losses.jensen_shannon import JensenShannon, JensenShannonConfig
from speakersdk_training.losses.margin_softmax import MarginSoftmax, MarginSoftmaxConfig
from speakersdk_training.losses.pair_likelihood import PairLikelihood, PairLikelihoodConfig
from speakersdk_training.losses.pairwise_kl import PairwiseKl
from speakersdk_training.losses.prototypical import Ge2e, Prototypical, PrototypicalConfig
from speakersdk_training.losses.symmetric_kl import symmetric_kl
from speakersdk_training.models.blstm import BlstmEncoder, segment_mean
from speakersdk_training.models.mel_filters import papers_frontend

_LOOKS = 100  # points of a loss curve
_EVALUATION_BATCH = 256
_CLIP_NORM = 5.0
_VALIDATION_PAIRS = 20_000


@dataclass(frozen=True, slots=True)
class Run:
    """The plan of a run: a rung, a seed, a number of steps (0 for none), and a deadline."""

    rung: Rung
    seed: int
    steps: int
    deadline_s: float = math.inf  # as from time.time()


def train_and_measure(run: Run, features: StoredFeatures, device: torch.device) -> dict[str, Any]:
    """Train and measure, and return values for JSON."""
    start = time.perf_counter()
    torch.manual_seed(run.seed)
    trained = _train(run, features, device)
    trained["seconds"] = round(time.perf_counter() - start, 1)
    encoder, loss = trained.pop("encoder").eval(), trained.pop("loss")
    rung = run.rung
    result = {"rung": rung.name, "change": rung.change, "seed": run.seed, **trained}
    if trained["outcome"] == "done":
        measured = _measure(encoder, loss, features, rung.segment_frames, device)
        result |= measured or {"outcome": "diverged"}
    return result


def _train(run: Run, features: StoredFeatures, device: torch.device) -> dict[str, Any]:
    rung = run.rung
    encoder = BlstmEncoder(rung.network, papers_frontend()).to(device).train()
    num_speakers = len(features.voice_group)
    loss = make_loss(rung, encoder, num_speakers).to(device)
    draw = _batches(rung, features, run.seed, device)
    schedule = OptimConfig()
    # Adam as in Keras, which both codes use.
    optimizer = torch.optim.Adam(
        [*encoder.parameters(), *loss.parameters()],
        lr=rung.learning_rate,
        eps=1e-8,
        fused=device.type == "cuda",
    )
    every = max(run.steps // _LOOKS, 1)
    curve: list[list[float]] = []
    outcome = "done"
    step = 0
    statistics: dict[str, float] = {}
    for step in range(1, run.steps + 1):
        if rung.is_scheduled:
            factor = schedule.learning_rate_factor(step / (run.steps + 1))
            for group in optimizer.param_groups:
                group["lr"] = rung.learning_rate * factor
        frames, classes = draw()
        embeddings = encoder.embed_frames(frames)
        value = _loss_value(rung, loss, encoder, embeddings, classes)
        optimizer.zero_grad(set_to_none=True)
        value.backward()
        if rung.is_scheduled:
            nn.utils.clip_grad_norm_(encoder.parameters(), _CLIP_NORM)
        optimizer.step()
        if step % every == 0 or step in (1, run.steps):
            curve.append([step, float(value.detach())])
            outcome = _outcome(run, step, curve[-1][1])
            if outcome != "done":
                break
    if not all(bool(weight.isfinite().all()) for weight in encoder.parameters()):
        outcome = "diverged"
    if outcome != "diverged" and step:
        statistics = _statistics(loss, encoder, embeddings.detach(), classes)
    return {
        "encoder": encoder,
        "loss": loss,
        "outcome": outcome,
        "steps": step,
        "parameters": sum(parameter.numel() for parameter in encoder.parameters()),
        "loss_curve": [[int(at), round(each, 6)] for at, each in curve if math.isfinite(each)],
        "statistics": {
            name: round(each, 6) for name, each in statistics.items() if math.isfinite(each)
        },
    }


def _outcome(run: Run, step: int, loss: float) -> str:
    """Return why the training must end after a step, or "done"."""
    if not math.isfinite(loss):
        return "diverged"
    is_late = time.time() > run.deadline_s and step < run.steps
    return "stopped" if is_late else "done"


def make_loss(rung: Rung, encoder: BlstmEncoder, num_speakers: int) -> nn.Module:
    """Make the loss of a rung."""
    config = rung.loss
    if isinstance(config, PairLikelihoodConfig):
        return PairLikelihood(config)
    if isinstance(config, JensenShannonConfig):
        return JensenShannon(config)
    if isinstance(config, PrototypicalConfig):
        return (Ge2e if rung.ge2e else Prototypical)(config)
    if isinstance(config, MarginSoftmaxConfig):
        return MarginSoftmax(
            config,
            embedding_dim=encoder.embedding_dim,
            num_classes=num_speakers,
            temperature=encoder.temperature,
        )
    return PairwiseKl(config)


def _loss_value(
    rung: Rung, loss: nn.Module, encoder: BlstmEncoder, embeddings: Tensor, classes: Tensor
) -> Tensor:
    if isinstance(loss, MarginSoftmax):
        return loss(embeddings, classes, margin=loss.config.margin)
    outputs = encoder.head(embeddings)
    if isinstance(loss, PairwiseKl) and rung.broadcasts:
        divergences, same = loss.divergences(outputs, classes)
        return broadcast_loss(divergences[:, 0], same.float()[:, None], margin=loss.config.margin)
    return loss(outputs, classes)


def broadcast_loss(divergences: Tensor, labels: Tensor, *, margin: float) -> Tensor:
    """Compute the loss of the original question, including its defect.

    Keras made the labels (B, 1) while the Lambda layer gave (B,) distances. Each of the products
    below is (B, B), every label times every distance. If half of the labels are ones, the loss is
    margin / 2 for all distances below the margin.
    """
    return (labels * divergences + (1 - labels) * torch.relu(margin - divergences)).mean()


def rounding_accuracy(divergences: Tensor, labels: Tensor) -> float:
    """Compute the 'accuracy' that Keras reports: the share of equal round(distance) and label."""
    return float((labels == divergences.round()).float().mean())


@torch.no_grad()
def _statistics(
    loss: nn.Module, encoder: BlstmEncoder, embeddings: Tensor, classes: Tensor
) -> dict[str, float]:
    values = spread_statistics(embeddings)
    if isinstance(loss, PairwiseKl):
        outputs = encoder.head(embeddings)
        values |= pair_statistics(loss, outputs, classes)
        if loss.config.pairs == "two_branch":
            divergences, same = loss.divergences(outputs, classes)
            values["rounding_accuracy"] = rounding_accuracy(
                divergences.sum(dim=1), same.float()[:, None]
            )
    return values


def _batches(
    rung: Rung, features: StoredFeatures, seed: int, device: torch.device
) -> Callable[[], tuple[Tensor, Tensor]]:
    """Draw batches of (B, 128, 40) frames and (B,) speakers."""
    frames = torch.from_numpy(features.train.frames).to(device)
    first = torch.from_numpy(features.train.first).to(device)
    length = torch.from_numpy(features.train.length).to(device)
    generator = torch.Generator(device).manual_seed(seed)
    num_speakers = len(features.voice_group)
    if rung.sampler.kind == "alternating":
        draw_speakers = AlternatingPairs(
            torch.ones(num_speakers, device=device),
            generator,
            torch.from_numpy(features.voice_group),
        )
    else:
        draw_speakers = make_draw(
            rung.sampler,
            tuple(map(str, range(num_speakers))),
            torch.ones(num_speakers, device=device),
            generator,
        )

    def integers(high: int) -> Tensor:
        return torch.randint(high, (rung.batch_size,), generator=generator, device=device)

    position = torch.arange(rung.segment_frames, device=device)

    def draw() -> tuple[Tensor, Tensor]:
        speakers = draw_speakers(rung.batch_size)
        sentence = integers(LONG_SENTENCES)
        if rung.sampler.kind == "alternating":
            # The second sentence of a pair differs from the first.
            other = 1 + integers(LONG_SENTENCES - 1)
            sentence[1::2] = (sentence[0::2] + other[1::2]) % LONG_SENTENCES
        row = speakers * SENTENCES + sentence
        room = (length[row] - rung.segment_frames).clamp(min=0)
        if rung.fixed_crop:
            offset = room.clamp(max=FIXED_FRAME)  # 100 ms into the sentence
        else:
            chance = torch.rand(rung.batch_size, generator=generator, device=device)
            offset = (chance * (room + 1)).long().clamp(max=room)
        # A sentence that is shorter than a crop is repeated from its start.
        places = first[row][:, None] + (offset[:, None] + position) % length[row][:, None]
        return frames[places].float().transpose(1, 2), speakers

    return draw


@torch.no_grad()
def _measure(
    encoder: BlstmEncoder,
    loss: nn.Module,
    features: StoredFeatures,
    segment_frames: int,
    device: torch.device,
) -> dict[str, float]:
    """Measure error rates and clustering of unseen speakers; thresholds come from others.

    The result is empty if an embedding is NaN. Measures that are undefined for equal embeddings are
    left out.
    """

    def embed(sentences: Sentences) -> npt.NDArray[np.float32]:
        sums, counts = _segment_sums(encoder, sentences, segment_frames, device)
        return sums / counts[:, None].astype(np.float32)

    segments, validation = embed(features.segments), embed(features.validation)
    sums, counts = _segment_sums(encoder, features.clustered, segment_frames, device)
    if not all(np.isfinite(values).all() for values in (segments, validation, sums)):
        return {}
    enroll, probe = torch.from_numpy(features.trials[:, :2]).T
    labels = features.trials[:, 2].astype(bool)
    cosine = _cosines(segments[enroll], segments[probe])
    scaled = encoder.scale(torch.from_numpy(segments))
    divergence = -symmetric_kl(scaled[enroll], scaled[probe]).numpy()
    checked = _validation_scores(validation, features.validation.speaker)
    threshold = best_threshold(*checked)
    apart = features.apart
    values = {
        "eer": eer(cosine, labels),
        "eer_kl": eer(divergence, labels),
        "eer_without_shared_audio": eer(cosine[apart], labels[apart]),
        "min_dcf_0.05": min_dcf(cosine, labels, p_target=0.05),
        "validation_eer": eer(*checked),
        "accuracy": balanced_accuracy(cosine, labels, threshold),
        "threshold": threshold,
        **cluster(sums, counts, features.clustered.speaker),
    }
    if isinstance(loss, PairwiseKl):
        outputs = encoder.head(torch.from_numpy(segments).to(device)).cpu()
        branches = torch.stack([outputs[enroll], outputs[probe]], dim=1).flatten(0, 1)
        distances = _two_branch_distance(loss, branches)
        if np.isfinite(distances).all():  # raw outputs are unbounded
            values["eer_of_outputs"] = eer(-distances, labels)
    return {name: round(float(value), 6) for name, value in values.items() if math.isfinite(value)}


def _two_branch_distance(loss: PairwiseKl, outputs: Tensor) -> npt.NDArray[np.float64]:
    """Return the (N,) distances of the loss between rows 0 and 1, rows 2 and 3, ..."""
    branches = PairwiseKl(replace(loss.config, pairs="two_branch"))
    nobody = torch.zeros(len(outputs), dtype=torch.int64)
    divergences, _ = branches.divergences(outputs.double(), nobody)
    return divergences.sum(dim=1).numpy()


def cluster(
    sums: npt.NDArray[np.float32], counts: npt.NDArray[np.int64], speaker: npt.NDArray[np.int64]
) -> dict[str, float]:
    """Follow the papers' protocol: two utterances per speaker, of 8 and of 2 sentences.

    Args:
        sums: (N, D) sum over each sentence's segments.
        counts: (N,) number of segments.
        speaker: (N,) speaker of each sentence, ten consecutive ones each.

    Returns:
        The rates of both forms of linkage, without undefined ones.
    """
    utterance = speaker * 2 + (np.arange(len(counts)) % SENTENCES >= LONG_SENTENCES)
    size = int(utterance.max()) + 1
    totals = np.zeros((size, sums.shape[1]))
    np.add.at(totals, utterance, sums)
    embeddings = totals / np.bincount(utterance, counts, size)[:, None]
    speakers = [str(row // 2) for row in range(size)]
    values: dict[str, float] = {}
    for form in ("condensed", "square_matrix"):
        try:
            tree = linkage(embeddings, form)
        except ValueError:  # zeros have no cosine, nor have the distances of equal embeddings
            continue
        best = best_cut(speakers, tree, misclassification_rate)
        legacy = best_cut(speakers, tree, legacy_misclassification_rate)
        suffix = "" if form == "condensed" else "_square_matrix"
        values |= {
            f"mr{suffix}": best.rate,
            f"legacy_mr{suffix}": legacy.rate,
            f"acp{suffix}": average_cluster_purity(speakers, best.clusters),
            f"ari{suffix}": adjusted_rand_index(speakers, best.clusters),
        }
    return values


def _segment_sums(
    encoder: BlstmEncoder, sentences: Sentences, segment_frames: int, device: torch.device
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Return the (N, D) sums over each sentence's segments, and their (N,) numbers."""
    sums = np.empty((len(sentences.first), encoder.embedding_dim), np.float32)
    counts = np.maximum(sentences.length // segment_frames, 1)
    used = np.minimum(sentences.length, counts * segment_frames)  # short sentences are used whole
    for length in np.unique(used):
        rows = np.flatnonzero(used == length)
        for start in range(0, len(rows), _EVALUATION_BATCH):
            part = rows[start : start + _EVALUATION_BATCH]
            places = sentences.first[part][:, None] + np.arange(length)
            frames = torch.from_numpy(sentences.frames[places]).to(device).float().transpose(1, 2)
            mean = segment_mean(
                encoder.embed_frames, frames, length=segment_frames, step=segment_frames
            )
            sums[part] = mean.cpu().numpy() * counts[part][:, None]
    return sums, counts


def _validation_scores(
    embeddings: npt.NDArray[np.float32], speakers: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Return cosines of fixed pairs of single sentences of the validation speakers."""
    first, second = np.triu_indices(len(speakers), 1)
    chosen = np.random.default_rng(1).permutation(len(first))[:_VALIDATION_PAIRS]
    first, second = first[chosen], second[chosen]
    return _cosines(embeddings[first], embeddings[second]), speakers[first] == speakers[second]


def _cosines(
    one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]
) -> npt.NDArray[np.float64]:
    similarity = functional.cosine_similarity(torch.from_numpy(one), torch.from_numpy(other))
    return similarity.double().numpy()
