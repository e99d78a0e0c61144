"""Failing trials become patterns: signatures, mining, reproducibility."""
