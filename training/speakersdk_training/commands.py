"""The commands of ``speakersdk-train``. They import torch only when they run."""

from __future__ import annotations

import argparse
import json

from speakersdk.cli.program import importing


def fit(arguments: argparse.Namespace) -> int:
    """Train an encoder."""
    with importing():
        from speakersdk_training.config import load_config
        from speakersdk_training.fit.run import fit

    fit(
        load_config(arguments.config, tuple(arguments.set)),
        arguments.output,
        resume=arguments.resume,
    )
    return 0


def evaluate(arguments: argparse.Namespace) -> int:
    """Measure and print the error rates of a checkpoint."""
    with importing():
        from speakersdk_training.checkpoint import load_encoder, read_checkpoint
        from speakersdk_training.compute.device import pick_device
        from speakersdk_training.config import config_from_dict
        from speakersdk_training.evaluation.evaluate import load_trial_sets

    encoder, info = load_encoder(arguments.checkpoint)
    config = config_from_dict(read_checkpoint(arguments.checkpoint)["config"])
    device = pick_device(arguments.device)
    results = {
        trial_set.name: trial_set.evaluate(encoder.to(device))
        for trial_set in load_trial_sets(config.trials, device=device)
    }
    if arguments.json:
        print(json.dumps({"name": info.name, "step": info.step, "trials": results}))
        return 0
    for name, metrics in results.items():
        print(
            f"{name}: EER {100 * metrics['eer']:.2f} % (cosine {100 * metrics['eer_cosine']:.2f} "
            f"%), minDCF(0.05) {metrics['min_dcf_0.05']:.3f}, {metrics['target_trials']} target "
            f"and {metrics['nontarget_trials']} nontarget trials"
        )
    return 0


def speech_head(arguments: argparse.Namespace) -> int:
    """Train only the speech head."""
    with importing():
        from speakersdk_training.compute.device import pick_device
        from speakersdk_training.fit.speech_head import SpeechHeadConfig, train_speech_head

    train_speech_head(
        arguments.checkpoint,
        arguments.output,
        device=pick_device(arguments.device),
        training=SpeechHeadConfig(
            steps=arguments.steps,
            budget_s=arguments.seconds,
            batch_size=arguments.batch,
            crop_s=arguments.crop_seconds,
            channels=arguments.channels,
            learning_rate=arguments.learning_rate,
        ),
    )
    return 0


def teacher(arguments: argparse.Namespace) -> int:
    """Compute and store a teacher's table."""
    with importing():
        from dataclasses import replace

        from speakersdk_training.compute.device import pick_device
        from speakersdk_training.config import load_config
        from speakersdk_training.fit.bank import read_bank
        from speakersdk_training.teacher.embed import embed_audio
        from speakersdk_training.teacher.encoders import load_teacher
        from speakersdk_training.teacher.provenance import provenance
        from speakersdk_training.teacher.table import load_table

    device = pick_device(arguments.device)
    teacher = load_teacher(arguments.kind, arguments.weights).to(device)
    data = load_config(arguments.config, tuple(arguments.set)).data
    rate = 16000
    table = embed_audio(
        teacher,
        read_bank(replace(data, speech_labels=""), device=device),
        speeds=data.speeds,
        window_samples=round(arguments.seconds * rate),
        stride_samples=round(arguments.every * rate),
        is_half=device.type == "cuda",
        taught_by=provenance(arguments.weights, name=arguments.name, licence=arguments.licence),
    )
    if arguments.join:
        table = load_table(arguments.join).joined(table)
    table.save(arguments.output)
    return 0


def speech_labels(arguments: argparse.Namespace) -> int:
    """Label training audio and store the labels."""
    with importing():
        import numpy as np

        from speakersdk.files import replacement
        from speakersdk_training.data.corpus import read_corpus
        from speakersdk_training.data.speech_labels import label_corpus
        from speakersdk_training.errors import TrainingError

    if not arguments.output.parent.is_dir():  # report it before hours of work
        raise TrainingError(f"expected a folder at {arguments.output.parent}, found none")
    labels = label_corpus(read_corpus(arguments.layout, arguments.root), arguments.root)
    # An open file, because NumPy would add a suffix to a path without one.
    with replacement(arguments.output, is_private=False) as file:
        np.savez_compressed(file, **labels)  # type: ignore[arg-type]
    return 0


def trials(arguments: argparse.Namespace) -> int:
    """Draw trial lists and count what they contain."""
    with importing():
        import numpy as np

        from speakersdk_training.data.corpus import read_corpus
        from speakersdk_training.evaluation.trial_lists import (
            cut_segments,
            draw_trials,
            write_lists,
        )

    utterances = [
        utterance
        for utterance in read_corpus(arguments.layout, arguments.root)
        if arguments.corpus in {"", utterance.corpus} and arguments.split in {"", utterance.split}
    ]
    rng = np.random.default_rng(arguments.seed)
    for duration_s in arguments.seconds:
        segments = cut_segments(utterances, arguments.root, duration_s=duration_s)
        trials = draw_trials(
            segments,
            num_target=arguments.targets,
            num_nontarget=arguments.nontargets,
            rng=rng,
        )
        name = f"{arguments.corpus or arguments.root.resolve().name}-{duration_s:g}s"
        write_lists(arguments.output, name, segments, trials)
        num_target = sum(trial.is_target for trial in trials)
        print(
            f"{name}: {len(segments)} segments, {num_target} target and "
            f"{len(trials) - num_target} nontarget trials"
        )
    return 0
