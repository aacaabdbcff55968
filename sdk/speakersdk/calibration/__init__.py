"""From score to log-likelihood ratio, and from error rate to threshold."""
