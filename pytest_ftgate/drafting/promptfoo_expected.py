"""Assertions that every test makes, as graders of the whole evalset; compared values as `expected`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from pytest_ftgate.loading.templates import has_template
from pytest_ftgate.model.evalset import Json

_COMPARING = (
    "equals", "contains", "icontains", "contains-any", "contains-all", "icontains-any", "icontains-all",
    "starts-with", "levenshtein", "rouge-n", "similar", "tool-call-f1",
)  # fmt: skip
_EXPECTED = re.compile(r"\s*\{\{\s*expected\s*\}\}\s*")


def share_graders(
    shared: Sequence[Json], cases: Sequence[Mapping[str, Json]], own: Sequence[Sequence[Json]]
) -> tuple[list[Json], list[Json]]:
    """Graders of the evalset, and the cases with what is left of their own.

    A value that stands in every case as the only one of its grader becomes `expected`; a grader that is the
    same in every case stands once.
    """
    rest = [list(graders) for graders in own]
    graders = [_drop_expected(grader) for grader in shared]
    done = [dict(case) for case in cases]
    name = None if any("expected" in case for case in cases) else _find_compared(rest)
    if name is not None:
        for case, mine in zip(done, rest, strict=True):
            grader = next(g for g in mine if _name(g) == name)
            mine.remove(grader)
            case["expected"], options = _split(grader)
        graders.append({name: options} if options else name)
    for grader in list(rest[0]):
        if all(grader in mine for mine in rest):
            graders.append(_drop_expected(grader))
            for mine in rest:
                mine.remove(grader)
    for case, mine in zip(done, rest, strict=True):
        if mine:
            case["graders"] = mine
    return graders, [dict(case) for case in done]


def _find_compared(own: Sequence[Sequence[Json]]) -> str | None:
    """The first comparing grader that each case has exactly once, with a plain value and the same options."""
    for name in _COMPARING:
        written = [[grader for grader in graders if _name(grader) == name] for graders in own]
        if not all(len(found) == 1 for found in written):
            continue
        parts = [_split(found[0]) for found in written]
        options = {json.dumps(options, sort_keys=True) for _, options in parts}
        if len(options) == 1 and not any(value is None or has_template(value) for value, _ in parts):
            return name
    return None


def _name(grader: Json) -> str:
    return next(iter(grader)) if isinstance(grader, dict) else str(grader)


def _split(grader: Json) -> tuple[Json, dict[str, Json]]:
    """Value and options of a grader as written."""
    if not isinstance(grader, dict):
        return None, {}
    written = next(iter(grader.values()))
    if not isinstance(written, dict):
        return written, {}
    return written.get("value"), {key: value for key, value in written.items() if key != "value"}


def _drop_expected(grader: Json) -> Json:
    """`equals: "{{ expected }}"` as `equals`."""
    value, options = _split(grader)
    name = _name(grader)
    if name not in _COMPARING or not isinstance(value, str) or not _EXPECTED.fullmatch(value):
        return grader
    return {name: options} if options else name
