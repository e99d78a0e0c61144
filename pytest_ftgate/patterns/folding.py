"""What a wider pattern is made of, and which patterns tell a reader the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from pytest_ftgate.model.summary import PatternPart
from pytest_ftgate.patterns.mining import LEVELS, Candidate
from pytest_ftgate.patterns.reproducibility import MIN_CASES, Assessment
from pytest_ftgate.patterns.signature import find_parents, is_within

NEARLY_ALL = 0.8
"""A narrower pattern, or the few largest, with this share of a wider one's trials tell it better."""

FEW = 3
MAX_PARTS = 5


def list_parts(candidate: Candidate, arms: Collection[str]) -> tuple[tuple[PatternPart, ...], int]:
    """The commonest parts of a wider candidate under `arms`, and how many there are; ((), 0) for a leaf.

    A part is a leaf signature, or the roll-up that several leaves of a family share.
    """
    if candidate.level == "leaf":
        return (), 0
    shown = [
        {leaf for leaf in trial.leaves if is_within(leaf, candidate.signature)}
        for trial in candidate.trials
        if trial.arm in arms
    ]
    names = _name_parts({leaf for leaves in shown for leaf in leaves}, candidate.signature)
    trials = Counter(name for leaves in shown for name in {names[leaf] for leaf in leaves})
    ranked = sorted(trials.items(), key=lambda part: (-part[1], part[0]))[:MAX_PARTS]
    return tuple(PatternPart(signature=name, trials=count) for name, count in ranked), len(trials)


def _name_parts(leaves: Collection[str], wide: str) -> dict[str, str]:
    """Leaf → the part of `wide` that it counts in."""
    rollups = {
        leaf: next((name for level, name in find_parents(leaf) if level == "rollup" and name != wide), leaf)
        for leaf in leaves
    }
    sizes = Counter(rollups.values())
    return {leaf: rollup if sizes[rollup] > 1 else leaf for leaf, rollup in rollups.items()}


def fold(assessments: Sequence[Assessment]) -> dict[str, str]:
    """Signature → the signature that is shown in its place.

    What is confirmed always stands: the verdict rests on it. Of what is not, a roll-up speaks for its
    leaves, which one remedy mends, unless one of them is nearly all of it. A family speaks only for
    members of fewer than three cases: the others name what to mend. It is not shown where a few of them
    are nearly all of it.
    """
    told: dict[str, str] = {}
    for wide in sorted(assessments, key=lambda one: LEVELS.index(one.candidate.level)):
        name = wide.candidate.signature
        members = [
            one
            for one in assessments
            if one is not wide
            and one.candidate.signature not in told
            and is_within(one.candidate.signature, name)
        ]
        teller = None if wide.reproducible else _find_teller(wide, members)
        if teller is not None:
            told[name] = teller
            continue
        told.update({one.candidate.signature: name for one in members if _is_told(one, wide)})
    return _follow(told)


def _is_told(member: Assessment, wide: Assessment) -> bool:
    if member.reproducible:
        return False
    return (
        wide.candidate.level == "rollup" or len({trial.case for trial in member.candidate.trials}) < MIN_CASES
    )


def _find_teller(wide: Assessment, members: Sequence[Assessment]) -> str | None:
    """The narrower pattern that tells the unconfirmed `wide` better; None where none does."""
    largest = sorted(members, key=lambda one: (not one.reproducible, -len(one.candidate.trials)))
    count = FEW if wide.candidate.level == "family" else 1
    shown = {id(trial) for one in largest[:count] for trial in one.candidate.trials}
    if not largest or len(shown) < NEARLY_ALL * len(wide.candidate.trials):
        return None
    return largest[0].candidate.signature


def _follow(told: Mapping[str, str]) -> dict[str, str]:
    """Every name with the last of its chain: that one is shown."""
    last = {}
    for name, teller in told.items():
        while teller in told:
            teller = told[teller]
        last[name] = teller
    return last
