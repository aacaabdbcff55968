"""From log-likelihood ratio to verdict."""
