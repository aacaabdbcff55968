"""Calibration: from score to log-likelihood ratio, and from error rate to threshold."""
