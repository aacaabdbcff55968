"""Devices, processes, optimizers and captured graphs."""
