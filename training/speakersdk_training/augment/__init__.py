"""Augmentation on the device: rooms, channels, noise and level, a whole batch at once."""

from speakersdk_training.augment.augmenter import AugmentConfig, Augmenter

__all__ = ["AugmentConfig", "Augmenter"]
