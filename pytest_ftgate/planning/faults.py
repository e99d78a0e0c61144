"""Faults of an evalset that its plan shows: they void accuracy, whatever the model answers (DESIGN 8)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from pytest_ftgate.model.evalset import ArmSpec, Case, Json
from pytest_ftgate.model.summary import Finding
from pytest_ftgate.model.trial import Plan
from pytest_ftgate.planning.draws import find_overlaps
from pytest_ftgate.planning.few_shot import list_hands, read_pool
from pytest_ftgate.planning.fingerprint import canonical_json
from pytest_ftgate.planning.leakage import find_near_leaks
from pytest_ftgate.planning.offers import find_missing_fields, find_missing_labels
from pytest_ftgate.planning.texts import case_text, normalise

_SHOWN = 10


def find_faults(plan: Plan) -> tuple[Finding, ...]:
    """Contradictory duplicates, shots that are nearly cases, labels and fields that no prompt offers."""
    return (
        *_find_contradictions(plan.evalset.cases),
        *_find_near_leaks(plan),
        *find_overlaps([(spec, list_hands(spec, plan.evalset)) for spec in _list_pools(plan)]),
        *_report_labels(find_missing_labels(plan)),
        *_report_fields(find_missing_fields(plan)),
    )


def _find_contradictions(cases: Sequence[Case]) -> Iterable[Finding]:
    """The same question with different answers: an error where it is the same text.

    Where only letter case or Unicode form differ, the difference may be meant: a warning.
    """
    exact = _group_contradictions(cases, _exact_form)
    told = {case for group in exact for case in group}
    if exact:
        yield Finding(
            severity="error",
            what=f"the same input has different expected outputs: {_show(exact)}",
            cases=tuple(case for group in exact for case in group),
            remedy="decide which expected output is right, or give the context that tells the cases apart",
            blocks=True,
        )
    folded = [g for g in _group_contradictions(cases, normalise) if not told.issuperset(g)]
    if folded:
        yield Finding(
            severity="warning",
            what=f"inputs that differ in letter case or spelling of characters only have different "
            f"expected outputs: {_show(folded)}",
            cases=tuple(case for group in folded for case in group),
            remedy="check that the difference is meant",
        )


def _exact_form(text: str) -> str:
    return " ".join(text.split())


def _group_contradictions(cases: Sequence[Case], form: Callable[[str], str]) -> list[tuple[str, ...]]:
    groups: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        if case.has_expected:
            groups[_asked(case, form)].append(case)
    return [
        tuple(case.id for case in group)
        for group in groups.values()
        if len({_answer(case.expected) for case in group}) > 1
    ]


def _asked(case: Case, form: Callable[[str], str]) -> str:
    question = case_text(case) if case.messages is None else _dump(list(case.messages))
    rest = [case.context, dict(case.vars), list(case.tools or ())]
    return form(question) + "\0" + (_dump(rest) if any(rest) else "")


def _answer(expected: Json) -> str:
    return normalise(expected if isinstance(expected, str) else _dump(expected))


def _dump(value: Json) -> str:
    try:
        return canonical_json(value)
    except ValueError:
        return repr(type(value))


def _list_pools(plan: Plan) -> Iterable[ArmSpec]:
    """The running arms with examples; of several draws from one pool the first."""
    running = {arm.name for arm in plan.arms if arm.status == "run"}
    specs = [spec for spec in plan.evalset.arms if spec.name in running and spec.options.get("examples")]
    return {spec.base: spec for spec in reversed(specs)}.values()


def _find_near_leaks(plan: Plan) -> Iterable[Finding]:
    cases = plan.evalset.cases
    for spec in _list_pools(plan):
        pool = [shot.text for shot in read_pool(spec, plan.evalset)]
        leaks = find_near_leaks(pool, [case_text(case) for case in cases])
        if leaks:
            pairs = [f"example {shot + 1} and {cases[case].id}" for shot, case in leaks]
            yield Finding(
                severity="error",
                what=f"arm {spec.base!r} has shots that are nearly cases: {_shorten(pairs)}",
                cases=tuple(dict.fromkeys(cases[case].id for _, case in leaks)),
                remedy="take them out of the examples or out of the cases",
                blocks=True,
            )


def _report_labels(missing: dict[str, tuple[str, ...]]) -> Iterable[Finding]:
    if missing:
        names = [f"{label} ({len(cases)})" for label, cases in sorted(missing.items())]
        yield Finding(
            severity="error",
            what=f"{len(missing)} expected label{'s' if len(missing) > 1 else ''} "
            f"that no prompt of any arm offers (with cases): {', '.join(names)}",
            cases=tuple(case for cases in missing.values() for case in cases),
            remedy="name every label in the prompt, or mend the expected labels",
            blocks=True,
        )


def _report_fields(missing: dict[str, tuple[str, ...]]) -> Iterable[Finding]:
    if missing:
        yield Finding(
            severity="error",
            what=f"required fields that no prompt of any arm names: {', '.join(sorted(missing))}",
            cases=tuple(dict.fromkeys(case for cases in missing.values() for case in cases)),
            remedy="name the fields in the prompt, or do not require them in the schema",
            blocks=True,
        )


def _show(groups: Sequence[Sequence[str]]) -> str:
    return _shorten([" / ".join(group) for group in groups])


def _shorten(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
