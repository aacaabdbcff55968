"""Augmentation of whole batches on the device: rooms, channels, noise, transmission and level."""
