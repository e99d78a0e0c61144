"""Grader `label`: one label of a taxonomy."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import replace

from pytest_ftgate.grading.grades import GraderError, fail_grade, pass_grade, read_text, show
from pytest_ftgate.grading.labels import Found, Taxonomy, name_invented, normalise, read_taxonomy
from pytest_ftgate.grading.signatures import clean
from pytest_ftgate.model.evalset import Evalset, GraderSpec, Json
from pytest_ftgate.model.grade import Grade
from pytest_ftgate.model.protocols import GradeContext

_MAX_EVALSETS = 32


class Label:
    """The answer names the expected label.

    `labels`: the taxonomy; without it, the labels that the evalset expects. `match` says how the answer
    may name it: `exact`; `normalised` (the default: case, quotes, closing punctuation and `_` for a space
    do not count, so labels that differ in nothing else are one); `in_text` (anywhere in the text, as a whole
    word; of overlapping labels the longest, of several the first named). Under `exact` and `normalised` a
    label with other text around it is a format failure, with what `in_text` would say as secondary signature.
    """

    is_format = True
    needs_expected = True
    options: Mapping[str, Json] = {
        "labels": {"type": "array", "items": {"type": ["string", "number", "boolean"]}, "minItems": 1},
        "match": {"enum": ["exact", "normalised", "in_text"]},
    }
    value: Mapping[str, Json] = {"type": ["string", "number", "boolean", "array"]}
    reads_expected = "whole"

    def __init__(self) -> None:
        self._last: tuple[GraderSpec, Evalset, GraderSpec] | None = None

    def grade(self, ctx: GradeContext) -> Grade:
        accepted = _read_accepted(ctx.expected)
        taxonomy = _taxonomy(ctx, accepted)
        text, match = ctx.parsed.text, ctx.spec.options.get("match", "normalised")
        predicted = taxonomy.read_exact(text) if match == "exact" else taxonomy.read_normalised(text)
        if predicted is None and match == "exact" and (other := taxonomy.read_normalised(text)):
            grade = self._judge(ctx, accepted, other)
            reason = f"{show(text)} is not spelled as the label {show(other)}"
            return self._as_format(ctx, grade, ("format:spelling",), reason)
        if predicted is not None:
            return self._judge(ctx, accepted, predicted)
        found = taxonomy.find(text)
        if not found:
            return self._judge_unknown(ctx, accepted, text)
        grade = self._judge(ctx, accepted, found[0].label)
        if match == "in_text":
            return grade
        return self._as_format(ctx, grade, _sides(text, found), f"other text around the label: {show(text)}")

    def _judge(self, ctx: GradeContext, accepted: Sequence[str], predicted: str) -> Grade:
        labels = {"expected_label": accepted[0], "predicted": predicted}
        if predicted in accepted or self._is_same(ctx, accepted, predicted):
            return pass_grade(ctx, **labels)
        pair = f"{clean(accepted[0], 50)}→{clean(predicted, 50)}"
        reason = f"expected {show(accepted[0])}, got {show(predicted)}"
        return fail_grade(ctx, f"label:confusion:{pair}", reason, **labels)

    def _is_same(self, ctx: GradeContext, accepted: Sequence[str], predicted: str) -> bool:
        """Under `exact`, an accepted label that is spelled as one of the taxonomy is that one alone."""
        stated: Container[str] = _stated(ctx) if ctx.spec.options.get("match") == "exact" else ()
        return normalise(predicted) in {normalise(label) for label in accepted if label not in stated}

    def _judge_unknown(self, ctx: GradeContext, accepted: Sequence[str], text: str) -> Grade:
        invented = name_invented(text)
        if "labels" in ctx.spec.options or invented.startswith("("):
            signature = f"label:out_of_taxonomy:{invented}"
            reason = f"{show(text)} names none of the labels"
        else:
            # No taxonomy was stated: a label that no case expects may still be one.
            signature = f"label:confusion:{clean(accepted[0], 50)}→{invented}"
            reason = f"expected {show(accepted[0])}, got {show(text)}"
        return fail_grade(ctx, signature, reason, expected_label=accepted[0], predicted=invented)

    def _as_format(self, ctx: GradeContext, lenient: Grade, signatures: Sequence[str], reason: str) -> Grade:
        if ctx.parsed.tolerant:
            return lenient
        rest = [*signatures[1:], *([lenient.signature] if lenient.signature else [])]
        labels = {"expected_label": lenient.expected_label, "predicted": lenient.predicted}
        return fail_grade(ctx, signatures[0], reason, rest, **labels)

    def complete_spec(self, spec: GraderSpec, evalset: Evalset) -> GraderSpec:
        """The spec with the labels that the evalset expects, where it names no taxonomy."""
        if "labels" in spec.options:
            return spec
        last = self._last  # case after case has the same one
        if last is None or last[0] is not spec or last[1] is not evalset:
            options = {**spec.options, "expected_labels": _expected_labels(evalset)}
            last = self._last = (spec, evalset, replace(spec, options=options))
        return last[2]

    def format_grade(self, ctx: GradeContext) -> Grade:
        """Whether the answer is a label at all, without saying which one is right."""
        taxonomy = _taxonomy(ctx, _read_accepted(ctx.expected))
        text = ctx.parsed.text
        if "labels" not in ctx.spec.options or taxonomy.read_normalised(text) is not None:
            return pass_grade(ctx)
        if taxonomy.find(text) and ctx.spec.options.get("match") == "in_text":
            return pass_grade(ctx)
        known = ", ".join(taxonomy.labels[:100])
        reason = f"the answer must be exactly one of these labels and nothing else: {known}"
        return fail_grade(ctx, "format:no_label", reason)


_expected_by_evalset: dict[int, tuple[Evalset, tuple[str, ...]]] = {}


def _expected_labels(evalset: Evalset) -> tuple[str, ...]:
    known = _expected_by_evalset.get(id(evalset))
    if known is not None and known[0] is evalset:
        return known[1]
    values = [case.expected for case in evalset.cases if case.has_expected]
    texts = [value for value in values if isinstance(value, str) and len(value) <= 100]
    labels = tuple(dict.fromkeys(texts))
    if len(_expected_by_evalset) >= _MAX_EVALSETS:
        _expected_by_evalset.clear()
    _expected_by_evalset[id(evalset)] = (evalset, labels)
    return labels


def _read_accepted(expected: Json) -> list[str]:
    values = expected if isinstance(expected, list) else [expected]
    if not values or any(isinstance(value, list | dict) for value in values):
        raise GraderError(f"needs an expected label (or a list of labels), got {show(expected)}")
    return [read_text(value) for value in values]


_stated_by_identity: dict[int, tuple[Sequence[Json], Taxonomy]] = {}


def _stated(ctx: GradeContext) -> Taxonomy:
    """The labels that the evalset states or expects, read once."""
    options = ctx.spec.options
    labels = options.get("labels") or options.get("expected_labels") or ()
    known = _stated_by_identity.get(id(labels))
    if known is not None and known[0] is labels:
        return known[1]
    stated = read_taxonomy(tuple([label if isinstance(label, str) else read_text(label) for label in labels]))
    if len(_stated_by_identity) >= _MAX_EVALSETS:
        _stated_by_identity.clear()
    _stated_by_identity[id(labels)] = (labels, stated)
    return stated


def _taxonomy(ctx: GradeContext, accepted: Sequence[str]) -> Taxonomy:
    stated = _stated(ctx)
    missing = tuple(label for label in accepted if label not in stated)
    return read_taxonomy(stated.labels + missing) if missing else stated


def _sides(text: str, found: Sequence[Found]) -> tuple[str, ...]:
    before, after = text[: found[0].start], text[found[-1].end :]
    sides = []
    if before.strip(" \t\r\n\"'`*“”‘’("):
        sides.append("format:prose_before")
    if len(found) > 1 or after.strip(" \t\r\n\"'`*“”‘’)."):
        sides.append("format:prose_after")
    return tuple(sides) or ("format:prose_after",)
