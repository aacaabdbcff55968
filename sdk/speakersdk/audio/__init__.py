"""Audio input: files, arrays and microphones as mono float32 waveforms."""
