"""Teachers: published encoders whose embeddings a student learns to imitate."""
