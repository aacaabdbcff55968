"""From waveform to embedding, for whole recordings and hop by hop."""
