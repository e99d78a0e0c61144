"""Synthetic worlds of which the truth is known, judged by the decision code itself."""
