"""The JSON of a baseline → Baseline; a file from a pull request is not trusted to be whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_ftgate.model.baseline import Baseline, BaselineArm, BaselineCase, CaseOutcome
from pytest_ftgate.model.codec import load_json
from pytest_ftgate.model.evalset import GateSpec
from pytest_ftgate.model.json_keys import (
    read_choice_or_none,
    read_count,
    read_flag,
    read_number_or_none,
    read_objects,
    read_text,
    read_text_or_none,
    read_texts,
    wrong_value,
)

KEY = "ftgate_baseline"
FORMATS = (1,)
MAX_LOOKS = 100
_EVIDENCE = frozenset(("estimate", "prove-pass", "prove-fail"))


def decode_baseline(content: str | bytes) -> Baseline:
    """The baseline of a file's content. Raises ValueError naming the key of a wrong value."""
    value = load_json(content)
    if not isinstance(value, dict) or KEY not in value:
        raise ValueError(f"it has no key `{KEY}`")
    if value[KEY] not in FORMATS:
        raise ValueError(f"its format is {value[KEY]!r}, this version reads {FORMATS[-1]}")
    usual = read_text(value, "graders")
    cases = {
        name: _decode_case(name, body, at, usual) for name, body, at in _read_table(value, "cases", "cases")
    }
    return Baseline(
        evalset=read_text(value, "evalset"),
        path=read_text(value, "path"),
        bar=_read_share(value, "bar", 1.0),
        alpha=_read_share(value, "alpha", 0.5),
        graded_by=read_text(value, "graded_by"),
        graders=usual,
        gaps=read_text(value, "gaps", default=""),
        tied_to_prompt=read_flag(value, "tied_to_prompt", True),
        gates=tuple(_decode_gate(body, at) for at, body in read_objects(value, "gates")),
        cases=cases,
        arms=tuple(_decode_arm(body, at, cases) for at, body in read_objects(value, "arms")),
    )


def _decode_gate(body: Mapping[str, Any], at: str) -> GateSpec:
    return GateSpec(
        name=read_text(body, "name", at=at),
        options=_read_mapping(body, "options", at),
        arm=read_text(body, "arm", at=at),
        role=read_text(body, "role", at=at),
        evidence=read_choice_or_none(body, "evidence", _EVIDENCE),
    )


def _decode_case(name: str, body: Mapping[str, Any], at: str, usual: str) -> BaselineCase:
    return BaselineCase(
        id=name,
        hash=read_text(body, "hash", at=at),
        graders=read_text(body, "graders", default=usual, at=at),
        input=read_text_or_none(body, "input", at=at),
        expected=read_text_or_none(body, "expected", at=at),
        group=read_text_or_none(body, "group", at=at),
        tags=read_texts(body, "tags", at=at),
        is_dev=read_flag(body, "is_dev", False, at=at),
    )


def _decode_arm(body: Mapping[str, Any], at: str, known: Mapping[str, BaselineCase]) -> BaselineArm:
    question = read_count(body, "question", minimum=1, at=at)
    if question not in (1, 2):
        raise wrong_value("question", question, "1 or 2", at)
    look, looks = read_count(body, "look", default=0, at=at), read_count(body, "looks", default=0, at=at)
    if not look <= looks <= MAX_LOOKS:
        raise wrong_value("look", look, f"at most `looks`, and that at most {MAX_LOOKS}", at)
    outcomes = {}
    for case, inner, place in _read_table(body, "cases", f"{at}/cases"):
        if case not in known:
            raise ValueError(f"{place}: no such case among `cases`")
        outcomes[case] = _decode_outcome(inner, place)
    return BaselineArm(
        arm=read_text(body, "arm", at=at),
        role=read_text(body, "role", at=at),
        kind=read_text(body, "kind", at=at),
        question=1 if question == 1 else 2,
        model=read_text(body, "model", at=at),
        models=read_texts(body, "models", at=at),
        fingerprints=read_texts(body, "fingerprints", at=at),
        params=_read_mapping(body, "params", at),
        prompt=read_text(body, "prompt", default="", at=at),
        has_form=read_flag(body, "has_form", False, at=at),
        repeats=read_count(body, "repeats", at=at),
        look=look,
        looks=looks,
        cost_usd_per_1k_cases=read_number_or_none(body, "cost_usd_per_1k_cases", at=at),
        cases=outcomes,
    )


def _decode_outcome(body: Mapping[str, Any], at: str) -> CaseOutcome:
    graded, passed = read_count(body, "graded", at=at), read_count(body, "passed", at=at)
    given = _read_mapping(body, "failures", at)
    failures = {signature: read_count(given, signature, at=f"{at}/failures") for signature in given}
    if passed > graded or sum(failures.values()) > graded - passed:
        raise ValueError(f"{at}: {passed} passed and {sum(failures.values())} failed are more than {graded}")
    return CaseOutcome(
        graded=graded, passed=passed, failures=failures, answer=read_text_or_none(body, "answer", at=at)
    )


def _read_table(body: Mapping[str, Any], key: str, at: str) -> list[tuple[str, Mapping[str, Any], str]]:
    rows = body.get(key)
    if not isinstance(rows, dict):
        raise wrong_value(key, rows, "an object of cases")
    for name, row in rows.items():
        if not isinstance(row, dict):
            raise wrong_value(name, row, "an object", at)
    return [(name, row, f"{at}/{name}") for name, row in rows.items()]


def _read_mapping(body: Mapping[str, Any], key: str, at: str) -> dict[str, Any]:
    value = body.get(key, {})
    if not isinstance(value, dict):
        raise wrong_value(key, value, "an object", at)
    return value


def _read_share(body: Mapping[str, Any], key: str, most: float) -> float:
    value = read_number_or_none(body, key)
    if value is None or not 0 < value <= most:
        raise wrong_value(key, value, f"a number above 0 and at most {most:g}")
    return value
