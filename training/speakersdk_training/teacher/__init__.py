"""Teachers: published encoders whose embeddings a student learns beside its speaker loss."""
