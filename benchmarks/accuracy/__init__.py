"""Error rates of the bundled model, and what influences them."""
