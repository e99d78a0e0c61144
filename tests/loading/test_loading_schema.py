"""The editor schema and the loader agree on the core shapes."""
# ruff: noqa: E501 (tables: one row a line)

from __future__ import annotations

import copy
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_ftgate.cli.check import builtin_registries
from pytest_ftgate.errors import EvalsetError
from pytest_ftgate.loading import schema_files
from pytest_ftgate.loading.schema_files import read_schema
from pytest_ftgate.loading.validation import compile_evalset_schema
from pytest_ftgate.model.evalset import Evalset

Load = Callable[..., Evalset]
BASE: dict[str, Any] = {
    "prompt": "{{ input }}",
    "graders": ["equals"],
    "cases": [{"input": "a", "expected": "b"}],
}
MESSAGE = {"role": "user", "content": "x"}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


def change(**sections: Any) -> dict[str, Any]:
    return {**copy.deepcopy(BASE), **sections}


def case(**keys: Any) -> dict[str, Any]:
    return change(cases=[keys])


GOOD = [
    BASE,
    change(ftgate=1, name="a b", bar=0.5, repeats=100),
    change(models={"candidate": "x/y", "teacher": {"model": "x", "params": {"seed": 1}}}),
    change(models={"base": {"model": "x", "price": {"input_usd_per_m": 0, "output_usd_per_m": 2.5}}}),
    change(prompt=[MESSAGE, {"role": "system", "content": [{"type": "text", "text": "x"}]}]),
    change(prompt=[MESSAGE, {"role": "assistant", "tool_calls": [{}]}]),
    change(
        graders=[{"equals": None}, {"equals": {"value": {"a": 1}}}, "not-is-refusal", {"not-contains": "x"}]
    ),
    change(graders=[{"is-json": {"schema": {"type": "object"}}}, {"json-fields": {"ignore": ["a"]}}]),
    change(graders=[{"label": {"labels": ["a"]}}, {"max-length": 3}, {"python": "is_polite"}]),
    change(
        arms={
            "few_shot": {"examples": [{"input": 1, "expected": 2}], "k": 1},
            "x": {"prompt": "y"},
            "repair": None,
        }
    ),
    change(arms={"few_shot_2": {"kind": "few_shot", "examples": [{"messages": [MESSAGE]}]}}),
    change(arms={"structured": {"response_format": {"schema": {}}}, "context": {"from": "case"}}),
    change(arms=None, gates=None, decision=None, models=None, economics=None),
    change(
        gates={
            "accuracy": {"min": 0.8, "evidence": "prove-pass"},
            "latency": {"p95_s": 2.0, "role": "teacher"},
        }
    ),
    change(gates={"accuracy": "off", "latency": False, "format_failures": None, "complete": {}}),
    change(decision="off"),
    change(decision=False),
    change(decision={"alpha": 0.01, "floor": 0.1, "share": 1, "looks": 1, "seed": 3, "min_cases": 50}),
    change(decision={"knowledge": "none", "waive": {"few_shot": "why"}}),
    change(decision={"knowledge": {"changes": "weekly", "citations": True}}),
    change(
        economics={
            "calls_per_month": 3,
            "volume": "forecast",
            "budget_usd_per_month": 9,
            "fine_tune": {"method": "lora", "params_b": 8, "setup_usd": [1, 2], "training_usd": 0},
            "methods": {"full": {"setup_usd": 7, "vram_gb_per_billion": [8, 16]}, "lora": None},
            "gpu": {"gb": 24, "usd_per_hour": [0.4, 0.5]},
            "distill": {"examples_wanted": 500},
            "rag": {"setup_usd": 0},
        }
    ),
    case(id="a.b_c-1", input=None, expected=None, context={"a": 1}, tags=["x"], vars={"y": 1}, group="g"),
    case(id=7, input=[1], must_pass=True, split="dev", tools=[TOOL], graders=["equals"], group=3),
    case(messages=[MESSAGE], must_pass="majority"),
    case(vars={"x": None}, tags=None, must_pass=None, split=None, group=None, tools=None, graders=None),
]
BAD = [
    [], "x", None, {},
    change(gates={"accuracy": {"evidence": None}}), change(cases=[]), change(cases=None), change(cases="x"), change(cases=["x"]), change(promt="x"),
    change(ftgate=2), change(ftgate="1"), change(name=""), change(name=3), change(name="a::b"), change(name="a\nb"),
    change(bar=0), change(bar=1), change(bar="x"), change(bar=True),
    change(repeats=0), change(repeats=101), change(repeats=1.5), change(repeats=None),
    change(models={"student": "x"}), change(models={"base": ""}), change(models={"base": {}}), change(models=["x"]),
    change(models={"base": {"model": "x", "parms": {}}}), change(models={"base": {"model": "x", "params": [1]}}),
    change(models={"base": {"model": "x", "price": {"input_usd_per_m": 1}}}),
    change(models={"base": {"model": "x", "price": {"input_usd_per_m": 1, "output_usd_per_m": -1}}}),
    change(prompt=""), change(prompt=" \n"), change(prompt=3), change(prompt=[]), change(prompt={}),
    change(prompt=MESSAGE), change(prompt=[{"role": "usr", "content": "x"}]), change(prompt=[{"role": "user"}]),
    change(prompt=[{"content": "x"}]), change(prompt=[{"role": "user", "content": 3}]), change(prompt=["x"]),
    change(prompt=[{"role": "user", "content": None}]), change(prompt=[{"role": "user", "content": [{"text": "x"}]}]),
    change(graders="equals"), change(graders={"equals": None}), change(graders=[3]), change(graders=[{}]),
    change(graders=[["equals"]]), change(graders=[{"equals": 1, "contains": "x"}]), change(graders=[{"is-json": True}]),
    change(graders=[{"json-fields": {"numeric_tolerance": -1}}]), change(graders=[{"label": {"labels": []}}]),
    change(graders=[{"json-fields": {"ignroe": ["a"]}}]),
    change(arms={"few_shot": {"exampels": []}}),
    change(gates={"latency": {"p95": 1}}),
    change(graders=[{"python": 3}]), change(graders=[{"not-python": 3}]),
    change(arms=["few_shot"]), change(arms={"few_shot": 3}), change(arms={"as_is": {}}), change(arms={"gate": {"prompt": "x"}}),
    change(arms={"a b": {"prompt": "x"}}), change(arms={"x": {"prompt": ""}}), change(arms={"few_shot": {"k": 0}}),
    change(arms={"few_shot": {"examples": []}}), change(arms={"few_shot": {"examples": [{"input": 1}]}}),
    change(arms={"few_shot": {"examples": [{"expected": 1}]}}), change(arms={"structured": {"response_format": 3}}),
    change(arms={"few_shot": {"examples": [{"input": 1, "expected": 1, "must_pass": True}]}}),
    change(arms={"context": {"from": "docs"}}), change(arms={"x": {"kind": 3}}),
    change(gates=["accuracy"]), change(gates={"accuracy": 0.8}), change(gates={"accuracy": "on"}), change(gates={"complete": "off"}),
    change(gates={"latency": {"p95_s": 0}}), change(gates={"latency": {"p95_s": 1, "role": "x"}}),
    change(gates={"latency": {"p95_s": 1, "evidence": "x"}}), change(gates={"format_failures": {"max": 2}}),
    change(decision="on"), change(decision=True), change(decision={"alfa": 1}), change(decision={"min_cases": 49}),
    change(decision={"alpha": 0}), change(decision={"looks": 0}), change(decision={"seed": -1}), change(decision={"share": 0}),
    change(decision={"knowledge": "x"}), change(decision={"knowledge": {"change": "x"}}), change(decision={"waive": {"few_shot": ""}}),
    change(economics=[1]), change(economics={"calls_per_month": "x"}), change(economics={"fine_tune": {"method": "x"}}),
    change(economics={"x": 1}), change(economics={"calls_per_month": -1}), change(economics={"volume": "hoped for"}),
    change(economics={"fine_tune": {"setup_usd": -1}}), change(economics={"fine_tune": {"setup_usd": [1, 2, 3]}}),
    change(economics={"fine_tune": {"serving_usd_per_m_tokens": {"input": 1}}}), change(economics={"gpu": {"gb": 0}}),
    change(economics={"methods": {"dora": {}}}), change(economics={"rag": {"setup_usd": 1e13}}),
    change(economics={"methods": {"lora": {"quality_of_full": 95}}}),
    case(), case(expected="x"), case(input=1, inptu=1), case(id="a b", input=1), case(id="", input=1), case(id=None, input=1),
    case(id=True, input=1), case(id="x" * 201, input=1), case(input=1, tags="x"), case(input=1, tags=[1]), case(input=1, tags=[" "]),
    case(input=1, vars=[1]), case(input=1, vars={"input": 1}), case(vars={}), case(messages=[]), case(messages="x"),
    case(messages=[{"role": "x", "content": "y"}]), case(input=1, tools={}), case(input=1, tools=[{}]),
    case(input=1, tools=[{"function": {}}]), case(input=1, group=""), case(input=1, group=True), case(input=1, must_pass="all"),
    case(input=1, must_pass=1), case(input=1, split="x"), case(input=1, graders="equals"), case(file=""), case(file=3),
    case(file="x.jsonl", mpa={}), case(file="x.jsonl", map={"inptu": "x"}), case(file="x.jsonl", map={"input": 3}),
]  # fmt: skip


def is_loadable(load: Load, document: Any) -> bool:
    try:
        load(json.dumps(document))
    except EvalsetError:
        return False
    return True


@pytest.mark.parametrize("document", GOOD, ids=range(len(GOOD)))
def test_good_for_both(load: Load, document: Any) -> None:
    jsonschema.validate(document, read_schema("evalset"))
    load(json.dumps(document))


@pytest.mark.parametrize("document", BAD, ids=[json.dumps(document)[-60:] for document in BAD])
def test_bad_for_both(load: Load, document: Any) -> None:
    assert not compile_evalset_schema().is_valid(document)
    assert not is_loadable(load, document)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_a_damaged_evalset_is_refused_by_the_loader_where_the_schema_refuses_it(
    load: Load, data: Any
) -> None:
    document = copy.deepcopy(data.draw(st.sampled_from(GOOD)))
    node = document
    for _ in range(data.draw(st.integers(0, 4))):
        inner = list(node) if isinstance(node, dict) else list(range(len(node)))
        inner = [step for step in inner if isinstance(node[step], dict | list) and node[step]]
        if not inner:
            break
        node = node[data.draw(st.sampled_from(inner))]
    steps = list(node) if isinstance(node, dict) else list(range(len(node)))
    node[data.draw(st.sampled_from(steps))] = data.draw(
        st.sampled_from([None, True, False, 0, -1, 1.5, "", "x", "a b", [], {}, [None], {"x": 1}, "off"])
    )
    if not compile_evalset_schema().is_valid(document):
        assert not is_loadable(load, document)


def test_the_schema_is_a_schema_with_a_version() -> None:
    schema = read_schema("evalset")
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"].endswith(":1")


def test_everything_a_user_writes_is_described() -> None:
    schema = read_schema("evalset")
    for name in ("graders", "arms", "gates", "case", "decision", "economics", "case_file"):
        for key, inner in schema["$defs"][name]["properties"].items():
            assert inner.get("description"), f"{name}.{key}"


def test_graders_arms_and_gates_have_one_property_each() -> None:
    defs = read_schema("evalset")["$defs"]
    names = builtin_registries().graders.names()
    assert sorted(defs["graders"]["properties"]) == sorted(names)
    assert sorted(defs["negated_graders"]["properties"]) == sorted(f"not-{name}" for name in names)
    assert {"few_shot", "structured", "repair", "reask", "context", "retrieval", "prompt"} <= set(
        defs["arms"]["properties"]
    )
    assert {"complete", "accuracy", "format_failures", "latency", "cost"} <= set(defs["gates"]["properties"])


def test_the_validator_is_compiled_once() -> None:
    assert compile_evalset_schema() is compile_evalset_schema()


def test_a_schema_that_is_not_there() -> None:
    with pytest.raises(FileNotFoundError):
        read_schema("nope")


def test_the_packaged_copy_is_found_where_there_is_no_sibling(tmp_path: Path) -> None:
    """As in a wheel: the package zipped up or moved, with `schemas` inside it."""
    package = Path(schema_files.__file__).parent.parent
    archive = tmp_path / "site.zip"
    with zipfile.ZipFile(archive, "w") as wheel:
        for source in package.rglob("*.py"):
            wheel.write(source, Path("pytest_ftgate") / source.relative_to(package))
        wheel.write(
            package.parent / "schemas/evalset.schema.json", "pytest_ftgate/schemas/evalset.schema.json"
        )
    code = (
        f"import sys; sys.path.insert(0, {str(archive)!r})\n"
        "from pytest_ftgate.loading.schema_files import read_schema\n"
        "import pytest_ftgate; assert 'site.zip' in pytest_ftgate.__file__\n"
        "print(read_schema('evalset')['title'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.startswith("pytest-ftgate evalset")


def test_importing_the_stage_imports_nothing_heavy() -> None:
    code = (
        "import pkgutil, importlib, sys, pytest_ftgate.loading as stage\n"
        "for module in pkgutil.iter_modules(stage.__path__):\n"
        "    importlib.import_module(f'pytest_ftgate.loading.{module.name}')\n"
        "heavy = {'yaml', 'jsonschema', 'jinja2', 'litellm', 'scipy', 'aiohttp', 'pytest'} & set(sys.modules)\n"
        "stages = {'planning', 'execution', 'grading', 'statistics', 'decision', 'reports', 'glue'}\n"
        "others = [n for n in sys.modules if n.startswith('pytest_ftgate.') and n.split('.')[1] in stages]\n"
        "sys.exit(f'{heavy} {others}' if heavy or others else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
