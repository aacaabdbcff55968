"""How often the bundled model is wrong, and what changes that."""
