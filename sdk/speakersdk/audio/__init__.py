"""Audio in: files, arrays and microphones become mono float32 waveforms."""
