"""`pytest-ftgate export`: rows that the real loaders read, and no case that judges among them."""

from __future__ import annotations

import importlib
import json
import re
import warnings
from pathlib import Path
from typing import Any

import pytest
from e2e_world import World
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam
from pydantic import TypeAdapter
from verdict_world import LABELS, SHOTS, cases, evalset

from pytest_ftgate.cli.main import main
from pytest_ftgate.reports.markdown_text import escape_code, escape_text

FURTHER = [
    {"input": f"a further question, {word} of them all", "expected": label}
    for word, label in zip(
        ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth"), LABELS, strict=True
    )
]
TOOL = {
    "type": "function",
    "function": {
        "name": "refund",
        "description": "Pay an order back",
        "parameters": {"type": "object", "properties": {"order": {"type": "integer"}}, "required": ["order"]},
    },
}


@pytest.fixture(scope="module", autouse=True)
def _loaded_once() -> None:
    """pytester forgets what was imported after it; Arrow does not let the library be imported twice."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what its dependencies say of each other
        importlib.import_module("datasets")


@pytest.fixture
def world(pytester: pytest.Pytester) -> World:
    return World(pytester)


@pytest.fixture
def tickets(world: World) -> World:
    """A finished run of 60 tickets."""
    run(world, evalset(60, arms=("few_shot",), repeats=1))
    return world


def run(world: World, written: dict[str, Any]) -> None:
    world.write("tickets", written)
    world.write_lines("rows.jsonl", [{"case": case["id"], "output": "charge"} for case in written["cases"]])
    world.run("--ftgate-arms", "as_is", "--ftgate-replay", "rows.jsonl")


def export(*arguments: str, form: str = "openai", status: int = 0) -> None:
    assert main(["export", "--format", form, "--out", "out", "--estimate", *arguments]) == status


def read(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path("out", name).read_text(encoding="utf-8").splitlines()]


def reasons() -> dict[str, str]:
    return {row["name"]: row["reason"] for row in read("removed.jsonl")}


# -- the formats ------------------------------------------------------------------------------------


def find_format_errors(dataset: list[Any]) -> set[str]:
    """OpenAI's published rules: the checks of its cookbook ("Data preparation and analysis for chat model
    fine-tuning"), with the roles and keys that its fine-tuning guide adds for tools and weights; written
    here from the rules, and the messages held against the types of OpenAI's own library.
    """
    errors = {"fewer than 10 examples"} if len(dataset) < 10 else set()
    for example in dataset:
        if not isinstance(example, dict):
            errors.add("data_type")
        elif not example.get("messages"):
            errors.add("missing_messages_list")
        else:
            errors |= find_example_errors(example)
            for message in example["messages"]:
                errors |= find_message_errors(message)
    return errors


def find_example_errors(example: dict[str, Any]) -> set[str]:
    messages = example["messages"]
    found = {
        "example_does_not_end_with_the_assistant": messages[-1].get("role") != "assistant",
        "calls_without_tools": any(m.get("tool_calls") for m in messages) and not example.get("tools"),
        "example_unrecognized_key": bool(set(example) - {"messages", "tools", "parallel_tool_calls"}),
    }
    return {name for name, is_found in found.items() if is_found}


def find_message_errors(message: dict[str, Any]) -> set[str]:
    known = {"role", "content", "name", "function_call", "weight", "tool_calls", "tool_call_id"}
    role, weight = message.get("role"), message.get("weight")
    found = {
        "message_missing_key": not {"role", "content"} <= set(message),
        "message_unrecognized_key": bool(set(message) - known),
        "unrecognized_role": role not in ("system", "user", "assistant", "tool", "developer"),
        "missing_content": not message.get("content") and not message.get("tool_calls"),
        "weight": weight is not None and (weight not in (0, 1) or role != "assistant"),
    }
    return {name for name, is_found in found.items() if is_found}


def check_types(dataset: list[dict[str, Any]]) -> None:
    """Every message and tool is one of OpenAI's own types."""
    message, tool = TypeAdapter(ChatCompletionMessageParam), TypeAdapter(ChatCompletionToolParam)
    for example in dataset:
        for one in example["messages"]:
            message.validate_python(
                {key: value for key, value in one.items() if key != "weight"}, strict=False
            )
        for one in example.get("tools", ()):
            tool.validate_python(one)


def test_the_validator_can_fail() -> None:
    assert find_format_errors([{"messages": [{"role": "robot", "text": "x"}]}]) >= {
        "fewer than 10 examples", "unrecognized_role", "message_unrecognized_key", "missing_content",
        "example_does_not_end_with_the_assistant",
    }  # fmt: skip


def load_rows() -> list[dict[str, Any]]:
    """train.jsonl as TRL's users load it: by the datasets library."""
    from datasets import load_dataset

    loaded = load_dataset("json", data_files="out/train.jsonl", split="train", cache_dir="cache")
    return [dict(row) for row in loaded]


def test_openai_rows_follow_the_published_rules(tickets: World) -> None:
    tickets.write_lines("more.jsonl", FURTHER)
    export("--from", "more.jsonl")
    trained = read("train.jsonl")
    assert find_format_errors(trained) == set()
    check_types(trained)
    assert len(trained) == len(FURTHER) + len(SHOTS)
    first = trained[0]["messages"]
    assert [message["role"] for message in first] == ["user", "assistant"]
    assert first[0]["content"].endswith(f"Answer with the label alone.\n\n{FURTHER[0]['input']}")
    assert first[1]["content"] == FURTHER[0]["expected"]


@pytest.mark.parametrize("form", ["openai", "trl"])
def test_the_datasets_library_reads_what_was_written(tickets: World, form: str) -> None:
    tickets.write_lines("more.jsonl", FURTHER)
    export("--from", "more.jsonl", form=form)
    assert load_rows() == read("train.jsonl")


def with_tools() -> dict[str, Any]:
    """Cases whose answer is a call, with arguments of several kinds."""
    parameters = {"type": "object", "properties": {"text": {"type": "string"}, "tags": {"type": "array"}}}
    other = {**TOOL, "function": {**TOOL["function"], "name": "note", "parameters": parameters}}
    calls = [
        {"name": "refund", "arguments": {"order": 7}},
        {"name": "note", "arguments": {"text": "late", "tags": ["a", "b"]}},
    ]
    found = [
        {"id": f"t{i}", "input": f"{i * 7919 % 10007} wants its money: case {i}", "expected": [calls[i % 2]],
         "tools": [TOOL, other], "split": "dev" if i < 12 else None}
        for i in range(20)
    ]  # fmt: skip
    return {
        "prompt": "{{ input }}",
        "graders": ["tool-call"],
        "decision": {"knowledge": "none"},
        "cases": found,
    }


def test_calls_are_native_where_the_cases_have_tools(world: World) -> None:
    run(world, with_tools())
    export()
    trained = read("train.jsonl")
    assert len(trained) == 12
    assert find_format_errors(trained) == set()
    check_types(trained)
    call = trained[0]["messages"][-1]["tool_calls"][0]["function"]
    assert (call["name"], json.loads(call["arguments"])) == ("refund", {"order": 7})
    export(form="trl")
    loaded = load_rows()
    calls = [row["messages"][-1]["tool_calls"][0]["function"] for row in loaded]
    # Arrow has not filled in what a call lacks.
    assert calls[0] == {"name": "refund", "arguments": {"order": 7}}
    assert calls[1] == {"name": "note", "arguments": {"text": "late", "tags": ["a", "b"]}}
    assert [tool["function"]["name"] for tool in json.loads(loaded[0]["tools"])] == ["refund", "note"]
    assert all(row["messages"][-1]["content"] == "" for row in loaded)


def test_only_the_last_turn_of_a_conversation_is_learnt(tickets: World) -> None:
    turns = [
        {"role": "user", "content": "a question of many words"},
        {"role": "assistant", "content": "which one?"},
        {"role": "user", "content": "the one about parcels that never came"},
    ]
    tickets.write_lines("more.jsonl", [{"messages": turns, "expected": "delivery"}])
    export("--from", "more.jsonl")
    row = read("train.jsonl")[0]["messages"]
    assert [(m["role"], m.get("weight")) for m in row[-4:]] == [
        ("user", None), ("assistant", 0), ("user", None), ("assistant", None)
    ]  # fmt: skip


# -- what is held out -------------------------------------------------------------------------------


def test_no_case_that_judges_is_trained_on_unless_asked(
    tickets: World, capsys: pytest.CaptureFixture[str]
) -> None:
    export()
    trained = Path("out/train.jsonl").read_text()
    assert not re.search(r"key=c\d", trained)
    held = read("held_out.json")[0]
    assert [case["case"] for case in held["held_out"]] == [case["id"] for case in cases(60)]
    assert held["no_longer_judging"] == []


def test_a_train_share_says_which_cases_may_no_longer_judge(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    written = evalset(60, repeats=1)
    for place, case in enumerate(written["cases"]):
        case |= {"input": f"{place * 7919 % 10007} is what {place} says", "group": f"g{place // 3}"}
    run(world, written)
    capsys.readouterr()
    export("--train-share", "0.4", "--json")
    told = json.loads(capsys.readouterr().out)
    held = read("held_out.json")[0]
    spent, judging = set(held["no_longer_judging"]), {case["case"] for case in held["held_out"]}
    assert spent == set(told["no_longer_judging"])
    assert spent | judging == {case["id"] for case in cases(60)}
    assert not spent & judging
    group = {case["id"]: case["group"] for case in written["cases"]}
    assert {group[name] for name in spent}.isdisjoint({group[name] for name in judging})
    assert told["rows"] == len(spent)
    assert "cases are left to judge, and a diagnosis needs 50" in " ".join(told["notes"])
    assert "mark them `split: dev`" in Path("out/README.md").read_text()
    before = Path("out/train.jsonl").read_bytes()
    export("--train-share", "0.4")
    assert Path("out/train.jsonl").read_bytes() == before


def test_what_is_like_a_case_or_wrong_is_left_out_with_its_reason(world: World) -> None:
    written = evalset(60, repeats=1)
    sentence = "I was billed twice for the same order in May and would like my money back please"
    written["cases"][0] |= {"input": sentence}
    written["cases"][1] |= {"group": "doc-1"}
    run(world, written)
    world.write_lines(
        "more.jsonl",
        [
            {"input": sentence.upper(), "expected": "refund"},
            {"input": f"{sentence} now", "expected": "refund"},
            {"input": "of a document that judges", "expected": "refund", "group": "doc-1"},
            {"input": "a label that there is not", "expected": "nonsense"},
            {"input": "no answer is known to this"},
            {"input": "the parcel is wet", "expected": "damage"},
            {"input": "the parcel is wet", "expected": "damage"},
            {"input": "the parcel is wet", "expected": "delivery"},
        ],
    )
    export("--from", "more.jsonl")
    assert [reasons().get(f"more.jsonl:{line}") for line in range(1, 9)] == [
        "is_case", "near_case", "same_group", "rejected", "no_answer", None, "copy", "contradiction"
    ]  # fmt: skip
    assert len(read("train.jsonl")) == 1


def test_an_answer_that_breaks_the_schema_is_not_trained_on(world: World) -> None:
    schema = {"type": "object", "required": ["total"], "properties": {"total": {"type": "number"}}}
    written = {
        "prompt": "{{ input }}",
        "graders": [{"is-json": {"schema": schema}}, "json-fields"],
        "decision": {"knowledge": "none"},
        "cases": [
            {"id": f"i{n}", "input": f"invoice {n * 7919}", "expected": {"total": n}} for n in range(3)
        ],
    }
    run(world, written)
    good, bad = {"total": 3.5}, {"sum": 3.5}
    world.write_lines(
        "more.jsonl", [{"input": "one bill", "expected": good}, {"input": "a slip", "expected": bad}]
    )
    export("--from", "more.jsonl")
    assert [json.loads(row["messages"][-1]["content"]) for row in read("train.jsonl")] == [good]
    assert reasons() == {"more.jsonl:2": "rejected"}
    assert "schema:required" in read("removed.jsonl")[0]["detail"]


def test_dev_cases_are_trained_on_and_cases_of_all_evalsets_are_held_out(world: World) -> None:
    written = evalset(60, repeats=1)
    for place, case in enumerate(written["cases"]):
        case |= {
            "input": f"{place * 7919 % 10007} is what {place} says",
            "split": "dev" if place < 8 else None,
        }
    other = evalset(3, repeats=1)
    other["cases"][0]["input"] = "what the other evalset asks"
    world.write("other", other)
    run(world, written)
    names = {"tickets": written, "other": other}
    lines = [
        {"evalset": name, "case": case["id"], "output": "charge"}
        for name in names
        for case in names[name]["cases"]
    ]
    world.write_lines("rows.jsonl", lines)
    world.run("--ftgate-arms", "as_is", "--ftgate-replay", "rows.jsonl")
    world.write_lines("more.jsonl", [{"input": "What the OTHER evalset asks", "expected": "refund"}])
    assert main(["export", "--format", "trl", "--out", "out"]) == 2
    export("--evalset", "tickets", "--from", "more.jsonl", form="trl")
    assert len(read("train.jsonl")) == 8
    assert reasons() == {"more.jsonl:1": "is_case"}
    assert {case["evalset"] for case in read("held_out.json")[0]["held_out"]} == {"tickets", "other"}


# -- the card, and what can go wrong ----------------------------------------------------------------


def test_the_card_names_run_counts_removals_and_licence(tickets: World) -> None:
    tickets.write_lines("more.jsonl", [*FURTHER, {"input": "nothing known"}])
    export("--from", "more.jsonl")
    card = Path("out/README.md").read_text()
    run_id = tickets.report()["header"]["run"]
    assert f"run `{run_id}`" in card
    assert "| --from more.jsonl | 8 |" in card
    assert "| has no answer to learn | 1 |" in card
    assert "60 of tickets" in card
    assert "## Licence" in card
    assert "`more.jsonl`" in card


def test_tokens_are_counted_by_litellm(tickets: World, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["export", "--format", "openai", "--out", "out", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["tokens_by"].startswith("litellm's counter for ")
    assert 20 * told["rows"] < told["tokens"] < 200 * told["rows"]


def test_without_a_row_it_says_what_to_give(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    run(world, evalset(60, repeats=1))
    export(status=1)
    said = capsys.readouterr()
    assert "--from FILE" in said.err
    assert read("train.jsonl") == []


def test_a_verdict_that_does_not_justify_tuning_and_a_changed_evalset_are_said(
    tickets: World, capsys: pytest.CaptureFixture[str]
) -> None:
    written = evalset(60, arms=("few_shot",), repeats=1)
    tickets.write("tickets", {**written, "bar": 0.7})
    export()
    said = capsys.readouterr().err
    assert "does not justify tuning" in said
    assert "the evalset was changed since the run" in said


def test_a_folder_with_other_files_is_left_alone(tickets: World, capsys: pytest.CaptureFixture[str]) -> None:
    Path("out").mkdir()
    Path("out/thesis.txt").write_text("years of work")
    export(status=2)
    assert "holds other files (thesis.txt)" in capsys.readouterr().err
    assert [path.name for path in Path("out").iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--from", "absent.jsonl"), "no such file"),
        (("--evalset", "nobody"), "It has: tickets"),
        (("--from", "bad.jsonl"), "bad.jsonl:1"),
        (("--from", "more.jsonl", "--map", "input=nowhere"), "no row of"),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(
    tickets: World, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    Path("bad.jsonl").write_text("{not json\n")
    tickets.write_lines("more.jsonl", FURTHER)
    export(*arguments, status=2)
    assert said in capsys.readouterr().err
    assert not Path("out").exists()


@pytest.mark.parametrize("argument", ["--train-share=0", "--train-share=1", "--train-share=nan", "--map=x"])
def test_bad_values_are_usage_errors(argument: str) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["export", "--format", "trl", argument])
    assert stopped.value.code == 2


def test_hostile_text_stays_data_and_keys_are_never_written(
    tickets: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted-0123456789abcdef0123456789")
    hostile = "\u202e\x1b[2J</td>\n::set-output name=x::y\n{{ input }}"
    tickets.write_lines(
        "x`[y](z).jsonl",
        [
            {"input": hostile, "expected": "refund"},
            {"input": "my key is sk-planted-0123456789abcdef0123456789", "expected": "charge"},
        ],
    )
    export("--from", "x`[y](z).jsonl")
    text = Path("out/train.jsonl").read_text(encoding="utf-8")
    assert "sk-planted" not in text
    assert "{{ input }}" in read("train.jsonl")[0]["messages"][0]["content"]
    assert "\x1b" not in Path("out/README.md").read_text()
    card = Path("out/README.md").read_text()
    assert escape_code("x`[y](z).jsonl") in card
    assert f"| {escape_text('--from x`[y](z).jsonl')} | 2 |" in card
    assert all(not line.startswith("::") for line in capsys.readouterr().out.splitlines())
