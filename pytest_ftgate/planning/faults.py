"""Faults of an evalset that its plan shows: they void accuracy, whatever the model answers (DESIGN 8)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pytest_ftgate.model.evalset import ArmSpec, Case, Json
from pytest_ftgate.model.finding import Finding
from pytest_ftgate.model.trial import Plan
from pytest_ftgate.planning.case_texts import CaseTexts
from pytest_ftgate.planning.draws import find_overlaps
from pytest_ftgate.planning.duplicates import find_contradictions
from pytest_ftgate.planning.few_shot import list_hands, read_pool
from pytest_ftgate.planning.field_offers import find_missing_fields
from pytest_ftgate.planning.label_offers import find_missing_labels
from pytest_ftgate.planning.leakage import find_near_leaks, find_quoted
from pytest_ftgate.planning.listing import join_groups, shorten
from pytest_ftgate.planning.near_duplicates import Specials
from pytest_ftgate.planning.offers import Missing, list_templates


def find_faults(plan: Plan, texts: CaseTexts | None = None) -> tuple[Finding, ...]:
    """Contradictory duplicates, shots that are nearly cases, cases that a prompt quotes, labels and fields
    that no prompt offers.

    `texts`: those of the plan's cases, where they are read elsewhere too.
    """
    texts = texts or CaseTexts(plan.evalset.cases)
    return (
        *_report_contradictions(texts),
        *_report_near_leaks(plan, texts),
        *_report_quoted(plan, texts),
        *find_overlaps([(spec, list_hands(spec, plan.evalset)) for spec in _list_pools(plan)]),
        *_report_labels(find_missing_labels(plan)),
        *_report_fields(find_missing_fields(plan)),
    )


def _report_contradictions(texts: CaseTexts) -> Iterable[Finding]:
    """The same question with different answers: an error where it is the same text.

    Where only letter case, Unicode form or signs differ, the difference may be meant: a warning.
    """
    exact, loose = find_contradictions(texts.cases, texts)
    if exact:
        yield Finding(
            rule="contradictory-cases",
            severity="error",
            what=f"the same input has different expected outputs: {join_groups(exact)}",
            cases=tuple(case for group in exact for case in group),
            remedy="decide which expected output is right, or give the context that tells the cases apart",
            blocks=True,
        )
    if loose:
        yield Finding(
            rule="nearly-contradictory-cases",
            severity="warning",
            what="inputs that differ in letter case, spelling of characters or punctuation only have "
            f"different expected outputs: {join_groups(loose)}",
            cases=tuple(case for group in loose for case in group),
            remedy="check that the difference is meant",
        )


def _list_pools(plan: Plan) -> Iterable[ArmSpec]:
    """The running arms with examples; of several draws from one pool the first."""
    running = {arm.name for arm in plan.arms if arm.status == "run"}
    specs = [spec for spec in plan.evalset.arms if spec.name in running and spec.options.get("examples")]
    return {spec.base: spec for spec in reversed(specs)}.values()


def _report_near_leaks(plan: Plan, texts: CaseTexts) -> Iterable[Finding]:
    cases = texts.cases
    for spec in _list_pools(plan):
        pool = [shot.text for shot in read_pool(spec, plan.evalset)]
        found = find_near_leaks(pool, texts.raw)
        specials = Specials(texts.said if found else ())
        pairs = [
            (shot, cases[case])
            for shot, case in found
            # One sentence filled with other names, and another answer: nothing is given away.
            if not (
                specials.is_other(pool[shot], texts.raw[case])
                and _answers_otherwise(spec.options["examples"][shot], cases[case])
            )
        ]
        if pairs:
            yield Finding(
                rule="shot-is-case",
                severity="error",
                what=f"arm {spec.base!r} has shots that are nearly cases: "
                + shorten([f"example {shot + 1} and {case.id}" for shot, case in pairs]),
                cases=tuple(dict.fromkeys(case.id for _, case in pairs)),
                remedy="take them out of the examples or out of the cases",
                blocks=True,
            )


def _answers_otherwise(example: Mapping[str, Json], case: Case) -> bool:
    """Whether both say what is expected, and not the same."""
    return "expected" in example and case.has_expected and example["expected"] != case.expected


def _report_quoted(plan: Plan, texts: CaseTexts) -> Iterable[Finding]:
    quoted = [texts.cases[place].id for place in find_quoted(list_templates(plan), texts.said)]
    if quoted:
        yield Finding(
            rule="prompt-shows-case",
            severity="error",
            what=f"the text of a prompt contains the input of a case: {shorten(quoted)}",
            cases=tuple(quoted),
            remedy="take the example out of the prompt, or the case out of the cases",
            blocks=True,
        )


def _report_labels(missing: Missing) -> Iterable[Finding]:
    if missing:
        names = [f"{label} ({len(cases)})" for label, cases in sorted(missing.items())]
        yield Finding(
            rule="label-not-offered",
            severity="error",
            what=f"{len(missing)} expected label{'s' if len(missing) > 1 else ''} "
            f"that no prompt of any arm offers (with cases): {', '.join(names)}",
            cases=tuple(case for cases in missing.values() for case in cases),
            remedy="name every label in the prompt, or mend the expected labels",
            blocks=True,
        )


def _report_fields(missing: Missing) -> Iterable[Finding]:
    if missing:
        yield Finding(
            rule="field-not-offered",
            severity="error",
            what="fields that an answer must have and no prompt of any arm names: "
            + ", ".join(sorted(missing)),
            cases=tuple(dict.fromkeys(case for cases in missing.values() for case in cases)),
            remedy="name the fields in the prompt, or do not ask for them (`required` of the schema, "
            "`expected`, `ignore` of json-fields)",
            blocks=True,
        )
