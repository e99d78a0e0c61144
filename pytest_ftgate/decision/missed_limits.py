"""Limits on latency and cost that right answers missed: neither broken calls nor wrong answers."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_ftgate.decision.situation import Situation
from pytest_ftgate.decision.wording import format_percent, join_names
from pytest_ftgate.model.grade import kind_of
from pytest_ftgate.model.summary import ArmSummary, Pattern


@dataclass(frozen=True, slots=True)
class _Miss:
    what: str
    remedy: str


_MISSES = {
    "call:slow": _Miss(
        "over the limit of grader latency",
        "a faster model or endpoint, a shorter answer, or a higher limit of grader latency",
    ),
    "call:expensive": _Miss(
        "over the limit of grader cost",
        "a cheaper model, a shorter prompt or answer, cached prompts, or a higher limit of grader cost",
    ),
    "call:fast": _Miss("faster than grader not-latency allows", "another limit of grader not-latency"),
    "call:cheap": _Miss("cheaper than grader not-cost allows", "another limit of grader not-cost"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFailures:
    """What the `call:*` failures of an arm are: `missed` signatures of limits, and whether any call broke."""

    missed: tuple[str, ...]
    is_broken: bool

    @property
    def what(self) -> str:
        """The failures, as the subject of a sentence."""
        limits = (
            f"right answers {' or '.join(_MISSES[name].what for name in self.missed)}" if self.missed else ""
        )
        names = f" ({join_names(self.missed)})" if self.missed else ""
        if not self.is_broken:
            return limits[:1].upper() + limits[1:] + names
        return "Calls that were cut off or wrongly set" + (f", and {limits}{names}," if limits else "")

    @property
    def condition(self) -> str:
        """The world without them."""
        parts = ["they counted as passes"] if self.is_broken else []
        return " and ".join([*parts, *(["the limits were met"] if self.missed else [])])

    @property
    def remedies(self) -> tuple[str, ...]:
        broken = "mend the call: a higher max_tokens, a shorter prompt, a schema that the vendor enforces"
        return (*((broken,) if self.is_broken else ()), *(_MISSES[name].remedy for name in self.missed))


def read_call_failures(situation: Situation, arm: ArmSummary) -> CallFailures:
    """The kinds of an arm's call failures, from the patterns; where those name none, a broken call."""
    patterns = [p for p in situation.summary.patterns.patterns if kind_of(p.signature) == "call"]
    seen = [p.signature for p in patterns if p.level == "leaf" and _shows(p, arm)]
    missed = tuple(name for name in _MISSES if name in seen)
    return CallFailures(missed=missed, is_broken=not missed or any(name not in _MISSES for name in seen))


def describe_missed_limits(situation: Situation) -> str:
    """' Of the failures, 12 % are right answers over …', '' where no limit was missed."""
    told = [
        f"{format_percent(pattern.share, 0)} are right answers {_MISSES[pattern.signature].what} "
        f"({pattern.signature})"
        for pattern in situation.summary.patterns.patterns
        if pattern.signature in _MISSES and pattern.share
    ]
    return f" Of the failures, {' and '.join(told)}: no prompt and no tuning mends that." if told else ""


def _shows(pattern: Pattern, arm: ArmSummary) -> bool:
    return any(entry.arm == arm.arm and entry.trials for entry in pattern.arms)
