"""Devices, processes, optimisers and captured graphs."""
