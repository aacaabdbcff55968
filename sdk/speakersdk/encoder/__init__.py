"""Speaker encoders: embeddings of whole recordings and of live streams."""
