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


def test_wrong_answers() -> None:
    assert find_answer("label:confusion:A→B", "…") == find_answer("label:confusion:C→B", "?")
    assert find_answer("label:out_of_taxonomy:x", "") == find_answer("label:out_of_taxonomy:y", "")
    assert find_answer("value:text", "no") != find_answer("value:text", "yes")
    assert find_answer("value:/total", "no") == find_answer("value:/total", "yes")
