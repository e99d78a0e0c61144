"""Signatures: normal form and wider signatures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_ftgate.patterns.signature import (
    MAX_PART,
    find_answer,
    find_parents,
    is_within,
    needs_agreement,
    normalise,
)

KINDS = ("format", "schema", "tool", "label", "style", "refusal", "value", "empty", "call")
HOSTILE = st.text(st.characters(), max_size=400)
SIGNATURES = st.one_of(
    HOSTILE,
    st.builds(lambda kind, rest: f"{kind}:{rest}", st.sampled_from(KINDS), HOSTILE),
    st.builds(lambda a, b: f"label:confusion:{a}→{b}", HOSTILE, HOSTILE),
    st.builds(lambda path: f"schema:required:/{'/'.join(path)}", st.lists(st.from_regex(r"[\d/a]{1,9}"))),
)


@given(SIGNATURES)
def test_normal_form_is_stable_short_and_printable(signature: str) -> None:
    normal = normalise(signature)
    assert normalise(normal) == normal
    assert len(normal) <= 3 * MAX_PART + 20
    assert normal.isprintable()
    normal.encode("utf-8")


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("schema:required:/items/3/sku", "schema:required:/items/*/sku"),
        ("schema:type:/items/0:string", "schema:type:/items/*:string"),
        ("value:/items/12/price", "value:/items/*/price"),
        ("value:/2026/a1", "value:/*/a1"),
        ("label:confusion:tier/1→tier/2", "label:confusion:tier/1→tier/2"),
        ("style:forbidden:a\x1b[31m", "style:forbidden:a\\x1b[31m"),
        ("label:out_of_taxonomy:x\u202ey", "label:out_of_taxonomy:x\\u202ey"),
        ("format:fenced", "format:fenced"),
        ("style:instruction:keywords/2/existence", "style:instruction:keywords/2/existence"),
        ("value:code:timeout", "value:code:timeout"),
    ],
)
def test_normal_forms(written: str, normal: str) -> None:
    assert normalise(written) == normal


def test_long_labels_stay_distinct_and_keep_the_arrow() -> None:
    one, other = (normalise(f"label:confusion:A→{'b' * 5_000_000}{end}") for end in "xy")
    assert one != other
    assert one.startswith("label:confusion:A→bbb")


@pytest.mark.parametrize(
    ("leaf", "parents"),
    [
        ("label:confusion:A→B", [("rollup", "label:confusion:*→B"), ("family", "label")]),
        ("label:out_of_taxonomy:x", [("rollup", "label:out_of_taxonomy:*"), ("family", "label")]),
        ("schema:required:/items/*/sku", [("rollup", "schema:required:*"), ("family", "schema")]),
        ("tool:no_call", [("family", "tool")]),
        ("tool:missing_arg:x", [("rollup", "tool:missing_arg:*"), ("family", "tool")]),
        ("format:fenced", [("family", "format")]),
        ("value:/total", [("family", "value")]),
        ("empty:blank", []),
        ("call:truncated", []),
        ("refusal:text", [("family", "refusal")]),
        ("refusal:content_filter", []),
        ("value:code:timeout", [("rollup", "value:code:*"), ("family", "value")]),
        ("style:instruction:keywords/existence", [("rollup", "style:instruction:*"), ("family", "style")]),
        ("style:rubric:tone", [("rollup", "style:rubric:*"), ("family", "style")]),
        ("style:rubric", [("family", "style")]),
        ("value:rubric", [("family", "value")]),
        ("format:syntax_error", [("family", "format")]),
        ("schema:required:*", [("family", "schema")]),
        ("label:confusion:*→B", [("family", "label")]),
        ("call:slow", []),
    ],
)
def test_wider_signatures(leaf: str, parents: list[tuple[str, str]]) -> None:
    assert list(find_parents(leaf)) == parents
    assert all(is_within(leaf, name) for _, name in parents)
    assert is_within(leaf, leaf)
    assert not is_within(leaf, "other")


def test_what_needs_the_wrong_answer_to_repeat() -> None:
    assert needs_agreement("label", "family")
    assert needs_agreement("value", "family")
    assert needs_agreement("value:text", "leaf")
    assert needs_agreement("value:/", "leaf")
    assert not needs_agreement("value:/total", "leaf")
    assert not needs_agreement("label:confusion:*→B", "rollup")
    assert not needs_agreement("format", "family")
    assert needs_agreement("value:rubric", "leaf")
    assert needs_agreement("value:similar", "leaf")
    assert not needs_agreement("style:rubric:tone", "leaf")


def test_code_is_specific_by_what_happened_but_not_by_being_wrong() -> None:
    for name in ("timeout", "memory", "processes", "network", "forbidden_write", "NameError"):
        assert not needs_agreement(f"value:code:{name}", "leaf")
    assert needs_agreement("value:code:assertion", "leaf")
    assert needs_agreement("value:code:*", "rollup")
    assert find_answer("value:code:timeout", "a") == find_answer("value:code:timeout", "b")
    assert find_answer("value:code:assertion", "a") != find_answer("value:code:assertion", "b")


def test_wrong_answers() -> None:
    assert find_answer("label:confusion:A→B", "…") == find_answer("label:confusion:C→B", "?")
    assert find_answer("label:out_of_taxonomy:x", "") == find_answer("label:out_of_taxonomy:y", "")
    assert find_answer("value:text", "no") != find_answer("value:text", "yes")
    assert find_answer("value:/total", "no") == find_answer("value:/total", "yes")
