"""The decision as a tree in plain text: what was asked, with each number, and what would flip it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pytest_ftgate.reports.tables import wrap_text

Condition = Mapping[str, Any]

_INDENT = "    "
_LEGEND = "SE: standard errors between the evidence and the other answer, where chance could turn it."


def render_decision(verdict: Mapping[str, Any], room: int) -> list[str]:
    """The steps up to the one that holds, then the flips; nothing where the verdict has no steps."""
    steps = verdict.get("steps") or []
    if not steps:
        return []
    lines = wrap_text("how it was decided: the first question answered YES is the verdict; [x] holds", room)
    told: set[str] = set()
    for number, step in enumerate(steps, 1):
        condition = step["condition"]
        lines += _render_step(number, condition["holds"], f"{step['decision']}: {condition['text']}", room)
        lines += _render_parts(condition, room, 2, told, in_full=condition["holds"])
        if condition["holds"]:
            break
    else:
        lines += _render_step(len(steps) + 1, True, "inconclusive: none of these holds", room)
    return [*lines, "", *_render_flips(verdict, room), "", *wrap_text(_LEGEND, room)]


def _render_step(number: int, holds: bool, text: str, room: int) -> list[str]:
    return wrap_text(f"{number:>2}  {'YES' if holds else 'no':<3}  {text}", room, " " * 9)


def _render_parts(
    condition: Condition, room: int, depth: int, told: set[str], *, in_full: bool
) -> Iterator[str]:
    """The parts of a rule. Of one that does not hold only what is to blame is opened, unless `in_full`."""
    indent = _INDENT * depth
    for part in condition.get("parts", ()):
        text, distance = str(part["text"]), part.get("distance")
        is_open = bool(part.get("parts")) and (in_full or not part["holds"])
        if distance is not None:
            text += f"  ({distance:.1f} SE)"
        elif is_open and part["name"] in told:
            is_open, text = False, f"{text} (as above)"
        yield from wrap_text(f"{indent}[{'x' if part['holds'] else ' '}] {text}", room, f"{indent}    ")
        if is_open:
            told.add(part["name"])
            yield from _render_parts(part, room, depth + 1, told, in_full=in_full)


def _render_flips(verdict: Mapping[str, Any], room: int) -> list[str]:
    leaves = {leaf["name"]: leaf for step in verdict["steps"] for leaf in _list_leaves(step["condition"])}
    lines = wrap_text("what would give another verdict, all else being equal, closest first", room)
    for number, flip in enumerate(verdict["flips"], 1):
        text = _describe_flip(flip, leaves)
        lines += wrap_text(f"{number:>2}. {text} -> {flip['decision']}", room, _INDENT)
    return lines if verdict["flips"] else [*lines, "  - nothing that chance or a person could turn"]


def _describe_flip(flip: Mapping[str, Any], leaves: Mapping[str, Condition]) -> str:
    """What chance could turn, with its distance; else what a person can do."""
    if flip["distance"] is not None:
        return f"{flip['text']} ({flip['distance']:.1f} SE)"
    turned = [leaves[name] for name in flip["conditions"]]
    remedies = [leaf["remedy"] if leaf["distance"] is None else leaf["text"] for leaf in turned]
    return "; ".join(dict.fromkeys(remedies))


def _list_leaves(condition: Condition) -> Iterator[Condition]:
    if "rule" not in condition:
        yield condition
    for part in condition.get("parts", ()):
        yield from _list_leaves(part)
