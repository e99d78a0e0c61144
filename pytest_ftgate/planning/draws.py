"""Several draws of few-shot examples: each is an arm, so that one lucky set does not decide."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from pytest_ftgate.model.evalset import ArmSpec
from pytest_ftgate.model.finding import Finding

MAX_DRAWS = 20

Hand = tuple[int, ...]
"""Places in the pool, from 0, in the order in which they are shown."""


def deal_hand(pool: int, count: int, *, draw: int, seed: str) -> Hand:
    """The places of draw `draw` (from 1): `count` of a pool, without repetition.

    Draws are dealt as hands of cards: they have no place in common while the pool lasts, and more draws
    leave those before them as they are. Equal for equal arguments, on every machine.
    """
    count = min(count, pool)
    round_number, start = divmod((draw - 1) * count, pool)
    hand: dict[int, None] = {}
    while len(hand) < count:
        # Seeded and the same everywhere; nothing to do with secrets.
        deck = random.Random(f"{seed}:{round_number}").sample(range(pool), pool)  # noqa: S311
        for place in deck[start:]:
            if len(hand) < count:
                hand.setdefault(place)
        round_number, start = round_number + 1, 0
    return tuple(hand)


def find_draw_problem(spec: ArmSpec, hands: Sequence[Hand]) -> str | None:
    """Why these hands are no several draws, or None."""
    if len(set(hands)) == len(hands):
        return None
    pool = len(spec.options["examples"])
    return (
        f"arm {spec.base!r}: {pool} example{'s' if pool != 1 else ''} cannot give {len(hands)} different "
        f"draws of {len(hands[0])}: give more examples, or fewer `draws`"
    )


def find_overlaps(dealt: Iterable[tuple[ArmSpec, Sequence[Hand]]]) -> Iterable[Finding]:
    """A note for each arm whose draws share examples: they say less than as many draws apart."""
    for spec, hands in dealt:
        shown = sum(map(len, hands))
        if len(set().union(*hands)) == shown:
            continue
        yield Finding(
            rule="draws-overlap",
            severity="note",
            what=f"the {len(hands)} draws of arm {spec.base!r} share examples: its pool has "
            f"{len(spec.options['examples'])}",
            remedy=f"{shown} or more examples that are no cases make the draws independent",
        )
