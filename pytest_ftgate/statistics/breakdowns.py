"""Where the failures of arm `as_is` are: by label, by field, by tag; and what answered."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from pytest_ftgate.model.evalset import AS_IS, CANDIDATE, Evalset
from pytest_ftgate.model.finding import Finding
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.summary import Rate
from pytest_ftgate.statistics.intervals import Groups
from pytest_ftgate.statistics.rates import measure_rate
from pytest_ftgate.statistics.tallies import Counts

MAX_PREDICTED = 20
"""Predicted labels shown per expected label; what a model invents beyond them is summed."""
MAX_FIELDS = 200
MAX_TEXT = 80
NO_LABEL = "(none)"
OTHER_LABELS = "(other)"

_INDEX = re.compile(r"/\d+(?=/|$)")


def keep_as_is(records: Iterable[Record]) -> list[Record]:
    """The judged trials of arm `as_is` by the candidate."""
    return [
        record
        for record in records
        if record.is_judged and record.key.arm == AS_IS and record.key.role == CANDIDATE
    ]


def count_confusions(records: Sequence[Record]) -> dict[str, dict[str, int]]:
    """Expected label → predicted label → trials, the right ones included."""
    table: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for record in records:
        for grade in record.grades:
            if grade.expected_label is not None:
                predicted = NO_LABEL if grade.predicted is None else _shorten(grade.predicted)
                table[_shorten(grade.expected_label)][predicted] += 1
    return {expected: _keep_commonest(table[expected]) for expected in sorted(table)}


def _keep_commonest(row: Counter[str]) -> dict[str, int]:
    ranked = sorted(row.items(), key=lambda entry: (-entry[1], entry[0]))
    kept = dict(sorted(ranked[:MAX_PREDICTED]))
    rest = sum(count for _, count in ranked[MAX_PREDICTED:])
    if rest:
        kept[OTHER_LABELS] = kept.get(OTHER_LABELS, 0) + rest
    return kept


def _shorten(text: str) -> str:
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"


def measure_fields(records: Sequence[Record], groups: Groups, *, alpha: float) -> dict[str, Rate]:
    """JSON pointer (array indices as `*`) → rate of trials in which that field is right.

    Of more fields than MAX_FIELDS those seen in most trials are kept.
    """
    graded: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    passed: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    for record in records:
        for pointer, is_right in _merge_fields(record).items():
            graded[pointer][record.key.case] += 1
            passed[pointer][record.key.case] += is_right
    ranked = sorted(graded, key=lambda pointer: (-sum(graded[pointer].values()), pointer))[:MAX_FIELDS]
    return {
        pointer: measure_rate(passed[pointer], graded[pointer], groups, alpha=alpha)
        for pointer in sorted(ranked)
    }


def _merge_fields(record: Record) -> dict[str, bool]:
    fields: dict[str, bool] = {}
    for grade in record.grades:
        for pointer, is_right in grade.fields.items():
            name = _INDEX.sub("/*", pointer)
            fields[name] = fields.get(name, True) and is_right
    return fields


def measure_tags(evalset: Evalset, counts: Counts, groups: Groups, *, alpha: float) -> dict[str, Rate]:
    """Tag → accuracy over the cases that carry it."""
    cases_of: defaultdict[str, list[str]] = defaultdict(list)
    for case in evalset.cases:
        for tag in case.tags:
            if case.id in counts.graded:
                cases_of[tag].append(case.id)
    return {
        tag: measure_rate(
            {case: counts.passed.get(case, 0) for case in cases_of[tag]},
            {case: counts.graded[case] for case in cases_of[tag]},
            groups,
            alpha=alpha,
        )
        for tag in sorted(cases_of)
    }


def list_models(records: Iterable[Record]) -> dict[str, tuple[str, ...]]:
    """Role → the models that said they answered."""
    seen = {(record.key.role, record.model) for record in records if record.model is not None}
    models: defaultdict[str, list[str]] = defaultdict(list)
    for role, model in sorted(seen):
        models[role].append(model)
    return {role: tuple(names) for role, names in models.items()}


def count_infra_errors(records: Iterable[Record]) -> dict[str, int]:
    """`infra:*` signature → trials."""
    errors: Mapping[str, int] = Counter(
        record.signature for record in records if record.is_unanswered and record.signature is not None
    )
    return dict(sorted(errors.items()))


def explain_errors(records: Iterable[Record]) -> tuple[Finding, ...]:
    """What the trials without an answer or without a grade were told, most frequent first.

    One finding a signature, with the message of the first trial: it names the place and the remedy.
    """
    found: defaultdict[str, list[Record]] = defaultdict(list)
    for record in records:
        if record.outcome == "error" and record.error:
            found[record.signature or "error"].append(record)
    ranked = sorted(found.items(), key=lambda entry: (-len(entry[1]), entry[0]))
    return tuple(
        Finding(
            rule="errors",
            severity="error",
            what=f"{signature}, {len(same):,} trial{'s' if len(same) != 1 else ''}: {same[0].error}",
            cases=tuple(dict.fromkeys(record.key.case for record in same)),
        )
        for signature, same in ranked
    )
