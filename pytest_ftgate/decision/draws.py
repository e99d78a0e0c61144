"""What verdicts say of an arm that is one of several draws of few-shot examples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from pytest_ftgate.decision.wording import format_interval, format_percent, join_names, to_ascii
from pytest_ftgate.model.evalset import base_arm
from pytest_ftgate.model.summary import ArmSummary

_SHOTS_SHOWN = 12


def describe_other_draws(arm: ArmSummary, arms: Iterable[ArmSummary], bar: float) -> str:
    """' It is one of 3 draws of examples (…): ship this very set.'; '' for an arm that is none.

    `arms` are those that were run.
    """
    if arm.draw is None:
        return ""
    draws = [other for other in arms if base_arm(other.arm) == base_arm(arm.arm)]
    others = [
        f"{to_ascii(other.arm)} {format_interval(other.accuracy)}"
        for other in draws
        if other.arm != arm.arm and other.accuracy is not None
    ]
    told = f"others: {join_names(others)}" if others else "no other was needed"
    below = any(draw.accuracy_test is not None and draw.accuracy_test.value < bar for draw in draws)
    spread = f"; not all of them reach {format_percent(bar)}" if below else ""
    return f" It is one of {arm.draw.count} draws of examples ({told}){spread}: ship this very set."


def name_shots(arm: ArmSummary) -> str:
    """' (examples 4, 9 and 2 of its pool, in this order)', '' where they are not known."""
    if arm.draw is None or not arm.draw.shots:
        return ""
    shown = join_names([str(place) for place in arm.draw.shots], _SHOTS_SHOWN)
    noun = "example" if len(arm.draw.shots) == 1 else "examples"
    return f" ({noun} {shown} of its pool, in this order)"


def count_draws(arms: Sequence[ArmSummary]) -> str:
    """' (3 of them draws of few_shot)', '' where no arm was drawn more than once."""
    drawn = Counter(base_arm(arm.arm) for arm in arms if arm.draw is not None)
    told = [f"{count} of them draws of {to_ascii(base)}" for base, count in drawn.items() if count > 1]
    return f" ({', '.join(told)})" if told else ""


def fold_draws(names: Iterable[str], arms: Iterable[ArmSummary]) -> tuple[str, ...]:
    """The names, an arm's draws as the arm itself where all of them are among these."""
    names = list(names)
    draws: dict[str, set[str]] = {}
    for arm in arms:
        if arm.draw is not None:
            draws.setdefault(base_arm(arm.arm), set()).add(arm.arm)
    whole = {base for base, members in draws.items() if members.issubset(names)}
    return tuple(dict.fromkeys(base_arm(name) if base_arm(name) in whole else name for name in names))
