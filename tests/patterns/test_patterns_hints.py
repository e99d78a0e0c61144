"""Every signature has a one-line hint that names a remedy: an arm, or a step to take."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import pytest_ftgate
from pytest_ftgate.model.grade import KINDS, kind_of
from pytest_ftgate.patterns.hints import HINTS, find_hint
from pytest_ftgate.patterns.signature import find_parents
from pytest_ftgate.planning.builtin import register
from pytest_ftgate.registry import Registry

GRADING = Path(pytest_ftgate.__file__).parent / "grading"

OWN_HINT = (
    "call:truncated", "call:context_overflow", "call:param_dropped", "call:schema_not_enforced",
    "call:slow", "call:expensive", "call:fast", "call:cheap",
    "refusal:text", "refusal:content_filter", "empty:blank", "empty:whitespace",
    "format:fenced", "format:prose_before", "format:prose_after", "format:two_documents",
    "format:python_literal", "format:trailing_comma", "format:single_quotes", "format:unquoted_key",
    "format:unclosed", "format:nan", "format:schema_echo", "format:not_json", "format:too_deep",
    "format:too_large", "format:no_choice", "format:no_label", "format:no_match", "format:spelling",
    "format:no_code", "format:syntax_error",
    "schema:required:/a", "schema:type:/a:string", "schema:enum:/a", "schema:additionalProperties:/",
    "tool:no_call", "tool:unneeded_call", "tool:wrong_name", "tool:missing_arg:x", "tool:unknown_arg:x",
    "tool:arg_type:x", "tool:arg_value:x", "tool:count",
    "label:confusion:A→B", "label:out_of_taxonomy:x",
    "style:forbidden:word", "style:missing:word", "style:too_long", "style:extra_text", "style:rubric",
    "style:rubric:tone", "style:instruction:length_constraints/number_words",
    "value:/total", "value:text", "value:numeric", "value:no_number", "value:rubric", "value:similar",
    "value:code:assertion", "value:code:timeout", "value:code:memory", "value:code:processes",
    "value:code:exit", "value:code:killed", "value:code:crash", "value:code:no_entry_point",
    "value:code:network", "value:code:forbidden_write", "value:code:NameError", "value:code:KeyError",
)  # fmt: skip

STEPS = frozenset((
    "Ask", "Cap", "Check", "Choose", "Define", "Describe", "Force", "Give", "List", "Look", "Mark", "Mend",
    "Name", "Put", "Raise", "Say", "Send", "Set", "Sharpen", "Shorten", "Show", "State", "Strip", "Talk",
    "Use",
))  # fmt: skip
"""A hint opens with what to do."""


def arms() -> frozenset[str]:
    registry: Registry = Registry("arm")
    register(registry)
    return frozenset(registry.names())


def assert_names_a_remedy(hint: str) -> None:
    assert hint.split()[0] in STEPS
    assert hint.isprintable()
    assert hint.endswith(".")
    assert len(hint) <= 100
    assert set(re.findall(r"`(\w+)`", hint)) <= arms()


@pytest.mark.parametrize("name", sorted(HINTS))
def test_a_hint_is_one_line_that_says_what_to_do(name: str) -> None:
    assert_names_a_remedy(HINTS[name])
    assert kind_of(name) in KINDS


@pytest.mark.parametrize("signature", OWN_HINT)
def test_each_known_signature_and_its_wider_ones_have_a_hint(signature: str) -> None:
    for name in (signature, *(wide for _, wide in find_parents(signature))):
        assert_names_a_remedy(find_hint(name))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "infra"])
def test_each_kind_has_a_hint_for_details_nobody_foresaw(kind: str) -> None:
    assert find_hint(f"{kind}:never_seen:x") == find_hint(kind) != ""


def test_every_signature_in_the_graders_has_a_hint() -> None:
    kinds = "|".join(kind for kind in KINDS if kind not in ("infra", "filtered"))
    written = {
        found
        for path in GRADING.glob("*.py")
        for found in re.findall(rf'"((?:{kinds}):[a-zA-Z_]+)', path.read_text(encoding="utf-8"))
    }
    assert len(written) > 30
    assert [signature for signature in sorted(written) if not find_hint(signature)] == []


@pytest.mark.parametrize(
    ("signature", "word"),
    [
        ("value:code:timeout", "time limit"),
        ("value:code:*", "solved problem"),
        ("value:code:ZeroDivisionError", "solved problem"),
        ("value:code", "solved problem"),
        ("style:instruction:*", "instruction"),
        ("style:rubric:tone of voice", "rubric"),
        ("label:confusion:a:b→c", "labels that are confused"),
        ("refusal:content_filter", "content filter"),
        ("schema:minimum:/a", "Send the schema"),
        ("", ""),
        ("nonsense", ""),
        ("infra:timeout", ""),
    ],
)
def test_the_most_particular_hint_is_given(signature: str, word: str) -> None:
    hint = find_hint(signature)
    assert word in hint
    assert bool(hint) is bool(word)


def test_reask_is_offered_only_for_what_it_asks_again() -> None:
    """Arm `reask` asks again after a failure of form; of a wrong value it never hears."""
    offered = {kind_of(name) for name, hint in HINTS.items() if "`reask`" in hint}
    assert offered <= {"format", "schema"}


def test_where_no_knowledge_is_needed_no_hint_asks_for_it():
    for name in ("value:text", "value:/total"):
        assert "`context`" in find_hint(name)
        hint = find_hint(name, knowledge_needed=False)
        assert_names_a_remedy(hint)
        assert "`context`" not in hint
    assert find_hint("value:numeric", knowledge_needed=False) == find_hint("value:numeric")
