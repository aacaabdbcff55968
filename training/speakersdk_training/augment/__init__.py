"""Augmentation of whole batches on the device: rooms, channels, noise, transmission and level."""

from speakersdk_training.augment.augmenter import AugmentConfig, Augmenter
from speakersdk_training.augment.mixing import mix_speakers
from speakersdk_training.augment.spec_augment import SpecAugmentConfig, draw_masks
from speakersdk_training.augment.vocal_tract import warp_vocal_tract

__all__ = [
    "AugmentConfig",
    "Augmenter",
    "SpecAugmentConfig",
    "draw_masks",
    "mix_speakers",
    "warp_vocal_tract",
]
