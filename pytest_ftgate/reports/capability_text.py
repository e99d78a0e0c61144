"""The capability card in words: its sentence, its rows, and what they rest on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytest_ftgate.reports.numbers import format_count

TITLES = {
    "retained": "CAPABILITY RETAINED",
    "lost": "CAPABILITY LOST",
    "inconclusive": "CAPABILITY INCONCLUSIVE",
}
RIGHT = frozenset(("base", "candidate", "change", "bounds", "cases"))
"""Columns of numbers."""


def describe_models(card: Mapping[str, Any]) -> str:
    """Who is compared: `candidate A against base B`."""
    named = {role: "/".join(models) for role, models in card["models"].items()}
    own, other = (f" {named[role]}" if named.get(role) else "" for role in ("candidate", card["against"]))
    return f"candidate{own} against {card['against']}{other}"


def describe_card(card: Mapping[str, Any]) -> str:
    """The sentence: what was lost, else what was retained and what is open."""
    suites = card["suites"]
    lost = [_say_lost(s["suite"], s["loss"]) for s in suites if _outcome(s) == "lost"]
    kept, open_ones = (
        [s["suite"] for s in suites if _outcome(s) == word] for word in ("retained", "inconclusive")
    )
    absent = [s["suite"] for s in suites if s["loss"] is None]
    overall = card["overall"]
    if overall and overall["outcome"] == "lost" and not lost:
        lost = [_say_lost("the suites together", overall)]
    size = f"{len(kept)} of {format_count(len(suites), 'suite')}"
    if card["outcome"] == "retained":
        margins = sorted({s["loss"]["margin"] for s in suites})
        points = " or ".join(f"{100 * margin:g}" for margin in margins)
        where = f"in each of {len(suites)} suites" if len(suites) > 1 else f"in {suites[0]['suite']}"
        sentence = f"a loss of {points} points is excluded {where}"
    elif lost:
        sentence = f"{', '.join(lost)}; retained in {size}"
    else:
        sentence = f"no loss is shown; retained in {size}"
    parts = [sentence]
    if open_ones:
        parts.append(f"not decided: {', '.join(open_ones)}")
    if absent:
        parts.append(f"not evaluated: {', '.join(absent)}")
    return "; ".join(parts) + "."


def list_rows(card: Mapping[str, Any]) -> list[dict[str, str]]:
    """One row a suite, then one for all of them."""
    rows = [_row(s["suite"], s["loss"], s["base"], s["candidate"]) for s in card["suites"]]
    if card["overall"]:
        rows.append(_row("overall", card["overall"], None, None))
    return rows


def list_notes(card: Mapping[str, Any]) -> list[str]:
    """What the rows rest on: bounds, correction, weights, and why a suite is not evaluated."""
    notes = [
        f"{s['suite']} ({s['path']}) {'is not decided' if s['loss'] else 'was not evaluated'}: {s['reason']}"
        for s in card["suites"]
        if s["reason"]
    ]
    level = f"{100 * (1 - card['alpha']):g} %"
    margins = _describe_margins(card["suites"])
    notes.append(
        f"Accuracies in percent; change in points, candidate minus {card['against']}, paired by case; bounds "
        f"one-sided, {level} each. Retained: a loss of {margins} is excluded. Lost: the loss is proven"
        + (f", corrected for {card['tests']} tests (Holm)." if card["tests"] > 1 else ".")
    )
    if card["overall"]:
        notes.append(f"Overall: the suites' mean, {_describe_weights(card['suites'])}.")
    if any(loss["cases_needed"] for loss in _losses(card)):
        notes.append("Cases: judged/about as many as would decide at the change seen, with power 80 %.")
    return notes


def _row(name: str, loss: Mapping[str, Any] | None, base: float | None, own: float | None) -> dict[str, str]:
    row = {
        "suite": name,
        "base": _percent(base),
        "candidate": _percent(own),
    }
    if loss is None:
        return row | {"change": "-", "bounds": "-", "result": "not evaluated", "cases": "-"}
    needed = f"/{loss['cases_needed']:,}" if loss["cases_needed"] else ""
    return row | {
        "change": f"{100 * loss['difference']:+.1f}",
        "bounds": f"{100 * loss['lower']:+.1f} .. {100 * loss['upper']:+.1f}",
        "result": loss["outcome"],
        "cases": f"{loss['cases']:,}{needed}",
    }


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"


def _losses(card: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = [s["loss"] for s in card["suites"]] + [card["overall"]]
    return [loss for loss in found if loss is not None]


def _outcome(suite: Mapping[str, Any]) -> str:
    return str(suite["loss"]["outcome"]) if suite["loss"] else "not_evaluated"


def _say_lost(name: str, loss: Mapping[str, Any]) -> str:
    within = f", less than {100 * loss['margin']:g}" if loss["lower"] > -loss["margin"] else ""
    return f"{name} lost {-100 * loss['difference']:.1f} points{within}"


def _describe_margins(suites: Sequence[Mapping[str, Any]]) -> str:
    margins = {s["suite"]: s["loss"]["margin"] for s in suites if s["loss"]}
    if len(set(margins.values())) == 1:
        return f"{100 * next(iter(margins.values())):g} points"
    return ", ".join(f"{100 * margin:g} points ({name})" for name, margin in margins.items())


def _describe_weights(suites: Sequence[Mapping[str, Any]]) -> str:
    if len({s["weight"] for s in suites}) == 1:
        return "equal weights"
    return "weights " + ", ".join(f"{s['suite']} {s['weight']:g}" for s in suites)
