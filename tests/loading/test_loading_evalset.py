"""Good evalsets: what becomes of every section."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_ftgate.loading.evalset_file import load_evalset
from pytest_ftgate.model.evalset import Evalset, GraderSpec, Knowledge, Location, ModelSpec, Price, Suite
from pytest_ftgate.registry import Registries

Load = Callable[..., Evalset]

SHORT = 'prompt: "{{ input }}"\ngraders: [equals]\ncases:\n  - {input: a, expected: no}\n'
FULL = """\
# yaml-language-server: $schema=../schemas/evalset.schema.json
ftgate: 1
name: invoice-extraction
bar: 0.75
repeats: 3
models:
  candidate: {model: openai/x, params: {temperature: 0.7}, price: {input_usd_per_m: 1, output_usd_per_m: 2.5}}
  teacher: openai/y
prompt:
  - {role: system, content: "Extract."}
  - {role: user, content: "{{ input }}"}
graders:
  - is-json: {schema: schemas/invoice.json}
  - not-contains: sorry
arms:
  few_shot: {examples: {file: shots.jsonl}, k: 2}
  few_shot_2:
    kind: few_shot
    examples: [{input: q, expected: a}]
    prompt: "Q: {{ input }}"
  rewritten: {prompt: {file: prompts/v2.md}}
  structured: {response_format: {schema: schemas/invoice.json}}
  repair: {}
  context:
gates:
  accuracy: {min: 0.75, evidence: prove-pass}
  format_failures: {max: 0.05, arm: few_shot, role: teacher}
  latency: off
decision: {min_cases: 60, knowledge: {changes: weekly, citations: true}, waive: {context: no documents}}
economics: {calls_per_month: 300000, fine_tune: {method: lora, params_b: 8}}
suite: {name: invoices, weight: 0.5}
cases:
  - {id: inv-001, input: "one", expected: {total: 12.5}, context: "c",
     tags: [eu], must_pass: true, vars: {x: 1}}
  - {file: cases.jsonl}
"""


@pytest.fixture
def full(load: Load, write: Any) -> Evalset:
    write("evals/schemas/invoice.json", '{"type": "object"}')
    write("evals/shots.jsonl", '{"input": "1", "expected": "2"}\n{"input": "3", "expected": "4"}\n')
    write("evals/prompts/v2.md", "Please: {{ input }}\n")
    write("evals/cases.jsonl", '{"input": "two"}\n')
    return load(FULL)


def test_the_shortest_evalset(load: Load) -> None:
    evalset = load(SHORT)
    assert (evalset.name, evalset.path) == ("x", "evals/x.evalset.yaml")
    assert (evalset.bar, evalset.repeats, evalset.models) == (0.8, None, {})
    assert evalset.prompt == ({"role": "user", "content": "{{ input }}"},)
    assert [arm.name for arm in evalset.arms] == ["as_is"]
    assert [gate.name for gate in evalset.gates] == ["complete", "accuracy"]
    case = evalset.cases[0]
    assert (case.input, case.expected, case.has_expected) == ("a", "no", True)
    assert case.id == "c-" + hashlib.sha256(b'"a"').hexdigest()[:8]
    assert case.where == Location(file="evals/x.evalset.yaml", line=4, pointer="/cases/0")
    assert evalset.decision.knowledge == Knowledge(stated=False)


def test_head(full: Evalset) -> None:
    assert (full.name, full.bar, full.repeats) == ("invoice-extraction", 0.75, 3)
    assert full.models == {
        "candidate": ModelSpec(
            model="openai/x",
            params={"temperature": 0.7},
            price=Price(input_usd_per_m=1.0, output_usd_per_m=2.5),
        ),
        "teacher": ModelSpec(model="openai/y"),
    }
    assert (full.decision.enabled, full.decision.min_cases) == (True, 60)
    assert full.decision.knowledge == Knowledge(stated=True, changes="weekly", citations=True)
    assert full.decision.waive == {"context": "no documents"}
    assert full.economics["fine_tune"]["params_b"] == 8
    assert full.suite == Suite(name="invoices", weight=0.5)


def test_schemas_are_read_into_the_graders(full: Evalset) -> None:
    first, second = full.graders
    assert (first.name, first.options, first.has_value) == ("is-json", {"schema": {"type": "object"}}, False)
    assert first.where is not None
    assert (first.where.line, first.where.pointer) == (13, "/graders/0/is-json")
    assert (second.name, second.negated, second.value, second.label) == (
        "contains",
        True,
        "sorry",
        "not-contains",
    )


def test_arms(full: Evalset) -> None:
    assert [(arm.name, arm.kind) for arm in full.arms] == [
        ("as_is", "as_is"),
        ("few_shot", "few_shot"),
        ("few_shot_2", "few_shot"),
        ("rewritten", "prompt"),
        ("structured", "structured"),
        ("repair", "repair"),
        ("context", "context"),
    ]
    assert full.arm("few_shot").options == {
        "examples": ({"input": "1", "expected": "2"}, {"input": "3", "expected": "4"}),
        "k": 2,
    }
    assert full.arm("few_shot_2").options == {"examples": ({"input": "q", "expected": "a"},)}
    assert full.arm("few_shot_2").prompt == ({"role": "user", "content": "Q: {{ input }}"},)
    assert full.arm("rewritten").prompt == ({"role": "user", "content": "Please: {{ input }}\n"},)
    assert full.arm("structured").options == {"response_format": {"schema": {"type": "object"}}}
    assert full.arm("repair").options == full.arm("context").options == {}


def test_gates(full: Evalset) -> None:
    gates = {gate.name: gate for gate in full.gates}
    assert list(gates) == ["complete", "accuracy", "format_failures"]
    assert (gates["accuracy"].options, gates["accuracy"].evidence) == ({"min": 0.75}, "prove-pass")
    assert (gates["format_failures"].arm, gates["format_failures"].role) == ("few_shot", "teacher")


def test_cases_of_both_places(full: Evalset) -> None:
    one, two = full.cases
    assert (one.tags, one.must_pass, one.vars, one.context) == (("eu",), "all", {"x": 1}, "c")
    assert (two.input, two.has_expected) == ("two", False)
    assert two.where == Location(file="evals/cases.jsonl", line=1, pointer="")


def test_files_and_digest(full: Evalset, tmp_path: Path, registries: Registries) -> None:
    assert sorted(full.files) == [
        "evals/cases.jsonl",
        "evals/prompts/v2.md",
        "evals/schemas/invoice.json",
        "evals/shots.jsonl",
        "evals/x.evalset.yaml",
    ]
    assert full.files[0] == full.path
    path = tmp_path / "evals/x.evalset.yaml"
    assert load_evalset(path, tmp_path, registries).digest == full.digest
    (tmp_path / "evals/schemas/invoice.json").write_text('{"type": "array"}')
    assert load_evalset(path, tmp_path, registries).digest != full.digest


def graders_of(load: Load, written: str) -> tuple[GraderSpec, ...]:
    return load(f"prompt: x\ngraders:\n  - {written}\ncases: [{{input: a}}]").graders


GRADERS = [
    ("equals", ("equals", False, False, None, {})),
    ("equals: null", ("equals", False, True, None, {})),
    ("equals: 12", ("equals", False, True, 12, {})),
    ("equals: [1]", ("equals", False, True, [1], {})),
    ("equals: {value: {a: 1}}", ("equals", False, True, {"a": 1}, {})),
    ("contains: {value: x, ignore_case: true}", ("contains", False, True, "x", {"ignore_case": True})),
    ("contains: {ignore_case: true}", ("contains", False, False, None, {"ignore_case": True})),
    ("not-is-refusal", ("is-refusal", True, False, None, {})),
    ("not-contains-all: [a, no]", ("contains-all", True, True, ["a", "no"], {})),
    ("is-json:", ("is-json", False, False, None, {})),
    ("contains-all: '{{ vars.terms }}'", ("contains-all", False, True, "{{ vars.terms }}", {})),
    ("contains: '{{ expected }}'", ("contains", False, True, "{{ expected }}", {})),
    ("python: {function: is_polite}", ("python", False, False, None, {"function": "is_polite"})),
    ("python: is_polite", ("python", False, True, "is_polite", {})),
    ("python: {value: is_polite, transform: is_polite}",
     ("python", False, True, "is_polite", {"transform": "is_polite"})),
    ("label: {labels: [a, b]}", ("label", False, False, None, {"labels": ["a", "b"]})),
]  # fmt: skip


@pytest.mark.parametrize(("written", "spec"), GRADERS)
def test_grader_forms(load: Load, written: str, spec: tuple[Any, ...]) -> None:
    (found,) = graders_of(load, written)
    assert (found.name, found.negated, found.has_value, found.value, found.options) == spec


@pytest.mark.parametrize(
    ("name", "content"),
    [("l.json", '["a", "no"]'), ("l.yaml", "- a\n- no\n"), ("l.txt", "a\n\n no \n")],
)
def test_labels_of_a_file(load: Load, write: Any, name: str, content: str) -> None:
    write(f"evals/{name}", content)
    for written in (name, f"{{file: {name}}}"):
        (found,) = graders_of(load, f"label: {{labels: {written}}}")
        assert found.options == {"labels": ["a", "no"]}


@pytest.mark.parametrize("off", ["off", "false"])
def test_off(load: Load, off: str) -> None:
    evalset = load(SHORT + f"gates: {{accuracy: {off}, latency: {off}}}\ndecision: {off}\n")
    assert [gate.name for gate in evalset.gates] == ["complete"]
    assert evalset.decision.enabled is False


def test_knowledge_none(load: Load) -> None:
    assert load(SHORT + "decision: {knowledge: none}").decision.knowledge == Knowledge(stated=True, none=True)


def test_empty_sections_are_absent(load: Load) -> None:
    assert load(SHORT + "arms:\ngates:\ndecision:\nmodels:\neconomics:\n").arms == load(SHORT).arms


def test_messages_need_no_prompt_and_own_graders_no_others(load: Load) -> None:
    evalset = load(
        "cases:\n"
        "  - messages: [{role: user, content: '{% literal'}]\n"
        "    expected: a\n"
        "    graders: [equals, {contains: a}]\n"
        "    tools: [{type: function, function: {name: f}}]\n"
        "    group: 12\n"
        "    split: holdout\n"
        "    must_pass: majority\n"
    )
    (case,) = evalset.cases
    assert evalset.prompt == () == evalset.graders
    assert case.messages == ({"role": "user", "content": "{% literal"},)
    assert [spec.name for spec in case.graders] == ["equals", "contains"]
    assert case.tools == ({"type": "function", "function": {"name": "f"}},)
    assert (case.group, case.split, case.must_pass) == ("12", "holdout", "majority")


def test_ids(load: Load) -> None:
    evalset = load(
        "prompt: x\ngraders: [equals]\ncases:\n"
        "- {input: a}\n- {input: a}\n- {id: 7, input: a}\n- {vars: {q: 1}}\n- {id: é.b_c-1, input: b}\n"
    )
    first = evalset.cases[0].id
    assert [case.id for case in evalset.cases][1:3] == [f"{first}-2", "7"]
    assert evalset.cases[4].id == "é.b_c-1"
    assert len({case.id for case in evalset.cases}) == 5


def test_a_written_id_beats_a_made_one(load: Load) -> None:
    made = load(SHORT).cases[0].id
    evalset = load(f"prompt: x\ngraders: [equals]\ncases: [{{input: a}}, {{id: {made}, input: b}}]")
    assert [case.id for case in evalset.cases] == [f"{made}-2", made]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("p.md", "Say {{ input }}"),
        ("p.yaml", "- {role: user, content: 'Say {{ input }}'}"),
        ("p.json", '[{"role": "user", "content": "Say {{ input }}"}]'),
        ("p.yml", "'Say {{ input }}'"),
    ],
)
def test_prompt_files(load: Load, write: Any, name: str, content: str) -> None:
    write(f"evals/{name}", content)
    evalset = load(f"prompt: {{file: {name}}}\ngraders: [equals]\ncases: [{{input: a}}]")
    assert evalset.prompt == ({"role": "user", "content": "Say {{ input }}"},)


def test_bom_and_crlf(load: Load) -> None:
    assert load(b"\xef\xbb\xbf" + SHORT.replace("\n", "\r\n").encode()).cases[0].expected == "no"


def test_outside_files_where_allowed(load: Load, write: Any, tmp_path: Path) -> None:
    outside = tmp_path.parent / f"{tmp_path.name}-outside.jsonl"
    outside.write_text('{"input": "a"}\n')
    text = f"prompt: x\ngraders: [equals]\ncases: [{{file: ../../{outside.name}}}]"
    assert load(text, allow_outside=True).files[1] == f"../{outside.name}"


def test_the_case_of_the_issue_yaml_no_stays_a_label(load: Load) -> None:
    evalset = load("prompt: x\ngraders: [equals]\ncases:\n- {input: 12:30, expected: no, tags: [on, off]}")
    assert (evalset.cases[0].input, evalset.cases[0].expected) == ("12:30", "no")
    assert evalset.cases[0].tags == ("on", "off")
