"""Error rates of a checkpoint on trial lists."""
