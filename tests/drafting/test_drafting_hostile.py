"""Configurations that no one would write: read or refused in words, never a traceback."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_ftgate.cli.check import check_evalsets
from pytest_ftgate.cli.main import main
from pytest_ftgate.drafting.draft import Draft
from pytest_ftgate.drafting.evalset_text import render_draft
from pytest_ftgate.drafting.from_promptfoo import draft_from_promptfoo
from pytest_ftgate.errors import FtgateError

_WORDS = (
    "equals contains is-json similar llm-rubric assert-set not-regex contains-any cost latency javascript "
    "tool-call-f1 levenshtein word-count {{x}} file://x.json file://../x *.yaml openai:gpt-4o openai: exec:x "
    "a [ ( 0.5 {{ no @x $ref output.trim()"
)
_KEYS = (
    "type value threshold vars assert options metadata description id config raw label transform provider "
    "weight tools functions x tags context expected input tests text response_format $ref prefix suffix path "
    "inputCost outputCost generationConfig content role"
)
WORDS = st.sampled_from([*_WORDS.split(), "", "{{ expected }}", "{% if x %}", "hello there", "\u00e9\x00"])
KEYS = st.sampled_from(_KEYS.split())
SCALARS = st.one_of(WORDS, st.integers(-2, 3), st.floats(0, 2), st.booleans(), st.none())
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
TOP = ("prompts", "providers", "targets", "tests", "defaultTest", "scenarios", "evaluateOptions", "env")
CONFIGS = st.fixed_dictionaries({}, optional=dict.fromkeys(TOP, ANYTHING))
ASSERTS = st.lists(
    st.dictionaries(KEYS, ANYTHING, max_size=3).map(lambda rest: {"type": "equals", **rest}), max_size=3
)
PROMPTS = st.sampled_from(["Say {{x}}", "{{vars}} {{id}} {{input}}", "plain"])
TESTS = st.fixed_dictionaries({"vars": st.dictionaries(KEYS, ANYTHING, max_size=4), "assert": ASSERTS})
LIKELY = st.fixed_dictionaries(
    {
        "prompts": st.lists(PROMPTS, min_size=1, max_size=2),
        "providers": st.lists(st.one_of(WORDS, st.dictionaries(KEYS, ANYTHING, max_size=3)), max_size=2),
        "tests": st.lists(TESTS, max_size=3),
        "defaultTest": st.fixed_dictionaries({"assert": ASSERTS, "vars": st.dictionaries(KEYS, SCALARS)}),
    }
)


@given(config=st.one_of(CONFIGS, LIKELY))
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_is_written_can_be_used_and_the_rest_is_refused(config: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "pytest.ini").write_text("[pytest]\n")
        (folder / "x.json").write_text('{"a": 1}')
        (folder / "c.json").write_text(json.dumps(config))
        try:
            draft = draft_from_promptfoo(Draft(name="t"), folder / "c.json")
        except FtgateError:
            return
        out = folder / "t.evalset.yaml"
        out.write_text(render_draft(draft, out.name), encoding="utf-8")
        (result,) = check_evalsets([out])
        assert result["problems"] == [], (config, out.read_text())


@pytest.mark.parametrize("name", ["c.csv", "c.jsonl", "c.yaml", "c.json"])
@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe\x00", b"\x00\x01", b"[" * 5000, b'"', b"a,a\n1,2\n", b"- - - -"]
)
def test_odd_files_are_refused(
    name: str, content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_bytes(content)
    status = main(["init", str(tmp_path / "o.evalset.yaml"), "--from", str(tmp_path / name)])
    assert status == 2
    assert capsys.readouterr().err.startswith("pytest-ftgate: ")
