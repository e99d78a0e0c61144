"""No text crashes the loader; what is generated comes back; loading is fast."""
# ruff: noqa: E501 (tables)

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_ftgate.errors import EvalsetError
from pytest_ftgate.model.evalset import Evalset

Load = Callable[..., Evalset]
relaxed = settings(
    max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)

KEYS = st.sampled_from(
    ["prompt", "graders", "arms", "gates", "decision", "models", "cases", "economics", "bar", "file", "input", "expected",
     "equals", "is-json", "schema", "few_shot", "examples", "accuracy", "messages", "role", "content", "value", "map",
     "kind", "candidate", "params", "id", "vars", "tools", "$ref", "properties", "response_format", "labels", "label"]
)  # fmt: skip
LEAVES = st.sampled_from(
    [None, True, False, 0, -1, 0.8, 50, "", "x", "{{ input }}", "{{ expected }}", "{% if", "off", "equals", "nope.jsonl",
     "x.evalset.yaml", "user", "#/$defs/x", "../..", "\x00", "☃", "a b", "gate", "as_is"]
)  # fmt: skip
NODES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=25,
)


@relaxed
@given(st.text(max_size=300))
def test_any_text(load: Load, text: str) -> None:
    with pytest.raises(EvalsetError) as caught:
        load(text.encode("utf-8", "surrogatepass"))
    assert caught.value.problems


@relaxed
@given(st.dictionaries(KEYS, NODES, max_size=6))
def test_any_document(load: Load, document: dict[str, Any]) -> None:
    try:
        evalset = load(json.dumps(document))
    except EvalsetError:
        return
    assert evalset.cases


@relaxed
@given(
    st.sampled_from(
        ["prompt", "graders", "arms", "gates", "decision", "models", "cases", "economics", "suite"]
    ),
    NODES,
)
def test_any_section(load: Load, section: str, value: Any) -> None:
    document = {"prompt": "{{ input }}", "graders": ["equals"], "cases": [{"input": "a"}], section: value}
    try:
        evalset = load(json.dumps(document))
    except EvalsetError:
        return
    assert evalset.cases


texts = st.text(st.characters(codec="utf-8", exclude_characters="\x85\u2028\u2029\ufeff"), max_size=15)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
names = st.from_regex(r"[A-Za-z0-9_.-]{1,12}", fullmatch=True)
cases = st.fixed_dictionaries(
    {"id": names, "input": values},
    optional={
        "expected": values,
        "context": values,
        "tags": st.lists(names, unique=True, max_size=3),
        "vars": st.dictionaries(names, values, max_size=2),
        "must_pass": st.sampled_from([True, False, "majority"]),
        "group": names,
    },
)


@relaxed
@given(st.lists(cases, min_size=1, max_size=5, unique_by=lambda case: case["id"]), st.booleans())
def test_generated_cases_come_back(
    load: Load, write: Any, generated: list[dict[str, Any]], is_inline: bool
) -> None:
    generated = [
        case for case in generated if not {"input", "expected", "context", "vars"} & set(case.get("vars", {}))
    ]
    if not generated:
        return
    head: dict[str, Any] = {"prompt": "{{ input }}", "graders": ["equals"]}
    if is_inline:
        text = yaml.safe_dump({**head, "cases": generated}, default_style='"', sort_keys=False)
    else:
        write("evals/c.jsonl", "".join(json.dumps(case) + "\n" for case in generated))
        text = json.dumps({**head, "cases": [{"file": "c.jsonl"}]})
    found = load(text).cases
    must_pass = {True: "all", "majority": "majority"}
    for case, written in zip(found, generated, strict=True):
        assert (case.id, case.input, case.has_expected) == (
            written["id"],
            written["input"],
            "expected" in written,
        )
        assert (case.expected, case.context) == (written.get("expected"), written.get("context"))
        assert (case.tags, case.vars) == (tuple(written.get("tags", ())), written.get("vars", {}))
        assert case.must_pass == must_pass.get(written.get("must_pass", False))
        assert case.group == written.get("group")


@pytest.mark.slow
def test_ten_thousand_inline_cases_cost_no_more_than_bare_yaml(load: Load) -> None:
    text = "prompt: '{{ input }}'\ngraders: [equals]\ncases:\n" + "".join(
        f"  - id: c{n}\n    input: What is {n} plus {n}?\n    expected: {{total: {n}.5, name: foo}}\n"
        f"    context: words of context {n}\n    tags: [a, b]\n    must_pass: true\n"
        for n in range(10_000)
    )

    def measure(function: Callable[[], Any]) -> float:
        best = 1e9
        for _ in range(3):
            gc.collect()
            start = time.process_time()
            function()
            best = min(best, time.process_time() - start)
        return best

    bare = measure(lambda: yaml.load(text, Loader=yaml.CSafeLoader))
    assert measure(lambda: load(text)) < 1.3 * bare


@pytest.mark.slow
def test_many_equal_inputs_without_ids_stay_linear(load: Load, write: Any) -> None:
    write("evals/c.jsonl", '{"input": "a", "expected": "b"}\n' * 50_000)
    found = load("prompt: x\ngraders: [equals]\ncases: [{file: c.jsonl}]").cases
    assert len({case.id for case in found}) == 50_000
