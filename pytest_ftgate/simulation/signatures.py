"""The failures that synthetic worlds are made of."""

from __future__ import annotations

from pytest_ftgate.simulation.world import By

FENCED, PROSE, REQUIRED = "format:fenced", "format:prose_before", "schema:required:/total"
TOO_LONG, NO_CALL, TRUNCATED = "style:too_long", "tool:no_call", "call:truncated"
FLOOR = 0.05

EIGHT_KINDS = (
    FENCED, REQUIRED, NO_CALL, TOO_LONG,
    "label:out_of_taxonomy:x", "refusal:text", "empty:blank", "value:/sum",
)  # fmt: skip
"""No two of them share a roll-up or a family."""

FIELDS = tuple(f"value:/field{number}" for number in range(30))
"""Diffuse failures: each trial gets one at random, so none comes near the floor and none repeats."""

_LABELS = "ABCDEFGH"
CONFUSIONS = tuple(f"label:confusion:{a}→{b}" for b in _LABELS for a in _LABELS if a != b)


def flat(rate: float) -> By:
    """The same rate in every column."""
    return (rate, rate, rate, rate)
