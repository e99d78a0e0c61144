"""What `init` writes from flags and from files of examples reads back as it was given, and loads."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_ftgate.cli.check import builtin_registries
from pytest_ftgate.cli.main import main
from pytest_ftgate.drafting.draft import Draft
from pytest_ftgate.drafting.evalset_text import render_draft
from pytest_ftgate.loading.problems import Problems
from pytest_ftgate.loading.yaml_marks import parse_yaml
from pytest_ftgate.model.settings import Settings
from pytest_ftgate.plan_loading import load_plan

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
TRICKY = st.sampled_from(
    ["no", "1e3", "0o17", "1_000", "12:30", "~", ".5", "1.", "- a", "a: b", "{a}", "#x", "a #b", "|",
     "x\n\ny\n", " ", "\x1b[31m", "\u2028", "\x85", "\ufeff", "null", "-", "?", "%a", "@b", "`c", "true",
     "=", "<<", "\n", "*x"]
)  # fmt: skip
SCALAR = st.one_of(TEXT, TRICKY, st.integers(-(10**12), 10**12), st.booleans(), st.none())
VALUE = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=8
)


def read(text: str) -> dict[str, Any]:
    problems = Problems("x")
    document = parse_yaml(text, "x", problems)
    assert document is not None
    assert len(problems) == 0
    return document.value


@given(prompt=TEXT | TRICKY, values=st.lists(VALUE, min_size=1, max_size=3), remark=TEXT | TRICKY)
@settings(max_examples=100, deadline=None)
def test_every_value_reads_back(prompt: str, values: list[Any], remark: str) -> None:
    cases = [{"id": "a", "vars": {"v": value}} for value in values]
    draft = Draft(
        name=remark, source=remark, prompt=prompt, graders=[{"equals": {"value": values[0]}}], cases=cases
    )
    found = read(render_draft(draft, "x.evalset.yaml"))
    assert found["cases"] == cases
    assert (found["prompt"], found["name"]) == (prompt, remark)
    assert found["graders"] == draft.graders


def init(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    status = main(["init", *arguments, "--json"])
    return status, json.loads(capsys.readouterr().out)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("expected", "graders"),
    [
        (["refund", "charge"] * 4, [{"label": {"labels": ["charge", "refund"]}}]),
        (["yes", "no"] * 4, [{"label": {"labels": ["no", "yes"]}}]),
        (["12", "3.5", "-1,000"], ["numeric"]),
        (["A", "C", "E"], [{"choice": {"letters": "ABCDE"}}]),
        (['{"a": 1}', '{"b": "x"}'], ["is-json", "json-fields"]),
        (["Paris", "Rome", "Lima"], ["equals"]),
        (["a long text " * 20, "another text " * 20], [{"rouge-n": {"threshold": 0.5}}]),
    ],
)
def test_graders_follow_the_expected_outputs(
    expected: list[str], graders: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with Path("tickets.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["Question", "answer", "note"])
        rows.writerows([f"question {number}, quite new", value, "x"] for number, value in enumerate(expected))
    status, said = init(capsys, "--from", "tickets.csv", "--model", "openai/gpt-4o-mini")
    assert (status, said["problems"], said["cases"]) == (0, [], len(expected))
    assert said["path"] == "tickets.evalset.yaml"
    assert not [f for f in said["findings"] if f["severity"] == "error"], said["findings"]
    found = read(Path("tickets.evalset.yaml").read_text())
    assert found["graders"] == graders
    assert found["cases"] == [{"file": "tickets.csv", "map": {"input": "Question", "expected": "answer"}}]
    assert found["models"] == {"candidate": {"model": "openai/gpt-4o-mini"}}


@pytest.mark.parametrize("odd", ["{{ x }}", "{% if", "{#", "{% endraw %}{{ x }}", "a: b", "- c", "yes\tno"])
def test_labels_that_look_like_templates_are_kept(odd: str, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"input": f"question {n}, quite new", "expected": odd if n % 2 else "plain"} for n in range(8)]
    Path("rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    status, said = init(capsys, "--from", "rows.jsonl", "--model", "openai/gpt-4o-mini")
    assert (status, said["problems"]) == (0, []), said
    assert not [finding for finding in said["findings"] if finding["severity"] == "error"]


def chat(*texts: str, system: str | None = "Sort: {{ x }} or {% y %}") -> dict[str, Any]:
    """A training row: user and assistant in turn."""
    first = [] if system is None else [{"role": "system", "content": system}]
    turns = [{"role": ("user", "assistant")[n % 2], "content": text} for n, text in enumerate(texts)]
    return {"messages": [*first, *turns]}


def test_chat_training_rows_become_cases(capsys: pytest.CaptureFixture[str]) -> None:
    """What a fine-tuning file holds is judged before anything is tuned on it."""
    rows = [chat(f"question {n}, quite {{{{ new }}}}", ("refund", "charge")[n % 2]) for n in range(8)]
    rows.append(chat("hello", "hi, how can I help?", "billed twice", "charge"))
    Path("train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    status, said = init(capsys, "--from", "train.jsonl", "--model", "openai/gpt-4o-mini")
    assert (status, said["problems"], said["cases"]) == (0, [], 9)
    found = read(Path("train.evalset.yaml").read_text())
    assert found["cases"][0] == {"input": "question 0, quite {{ new }}", "expected": "refund"}
    assert found["cases"][8] == {"messages": rows[8]["messages"][1:4], "expected": "charge"}
    assert found["graders"] == [{"label": {"labels": ["charge", "refund"]}}]
    plan = load_plan(
        Path("train.evalset.yaml").resolve(),
        Settings(rootdir=str(Path.cwd()), directory=str(Path.cwd() / ".ftgate")),
        builtin_registries(),
    )
    sent = [item.trials[0].request.messages for item in plan.items]
    assert list(sent[0]) == rows[0]["messages"][:-1]
    assert list(sent[8]) == rows[8]["messages"][:-1]


def test_systems_that_differ_stay_in_the_cases(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [chat("a question", "yes", system=f"You are {n}.") for n in range(2)] + [
        chat("b", "no", system=None)
    ]
    Path("train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert init(capsys, "--from", "train.jsonl", "--model", "openai/gpt-4o-mini")[0] == 0
    found = read(Path("train.evalset.yaml").read_text())
    assert [case.get("messages", case.get("input")) for case in found["cases"]] == [
        rows[0]["messages"][:2],
        rows[1]["messages"][:2],
        "b",
    ]


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (chat("only a question", system=None), "at least two messages"),
        (chat("a", "b", "c"), "must be the assistant's answer"),
        ({"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": None}]}, "no text"),
        ({"messages": ["hello", "you"]}, "a list of messages with a `role`"),
    ],
)
def test_chat_rows_without_an_answer_are_refused(
    row: dict[str, Any], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("train.jsonl").write_text(json.dumps(chat("a", "b")) + "\n" + json.dumps(row))
    assert main(["init", "--from", "train.jsonl"]) == 2
    error = capsys.readouterr().err
    assert "train.jsonl: row 2" in error
    assert says in error


def test_columns_can_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    Path("data").mkdir()
    rows = [{"doc": {"q": f"what {n}"}, "gold": n, "context": "c"} for n in range(3)]
    Path("data/rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    status, said = init(
        capsys, "evalset", "evals/deep/rows.evalset.yaml", "--from", "data/rows.jsonl",
        "--map", "input=doc.q", "--map", "expected=gold", "--system", "Be brief", "--bar", "0.9",
        "--repeats", "2",
    )  # fmt: skip
    assert (status, said["problems"], said["cases"]) == (0, [], 3)
    found = read(Path("evals/deep/rows.evalset.yaml").read_text())
    mapping = {"input": "doc.q", "expected": "gold"}
    assert found["cases"] == [{"file": "../../data/rows.jsonl", "map": mapping}]
    assert (found["bar"], found["repeats"], found["graders"]) == (0.9, 2, ["numeric"])
    assert found["prompt"][0] == {"role": "system", "content": "Be brief"}


def test_flags_alone_are_enough(capsys: pytest.CaptureFixture[str]) -> None:
    status, said = init(capsys)
    assert (status, said["path"], said["problems"], said["cases"]) == (0, "my.evalset.yaml", [], 2)
    Path("p.md").write_text("Yes or no: {{ input }}")
    status, said = init(
        capsys, "--name", "t", "--case", "a", "yes", "--case", "b", "no", "--prompt", "@p.md", "--grader",
        "label: {labels: ['yes', 'no']}", "--grader", "no-extra-text",
    )  # fmt: skip
    assert (status, said["path"], said["problems"]) == (0, "t.evalset.yaml", [])
    found = read(Path("t.evalset.yaml").read_text())
    assert found["prompt"] == "Yes or no: {{ input }}"
    assert found["graders"] == [{"label": {"labels": ["yes", "no"]}}, "no-extra-text"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["x.yaml"], "the name of an evalset ends in .evalset.yaml"),
        (["odd.csv"], "pytest does not collect it; to make one from that file: --from odd.csv"),
        (["there.evalset.yaml"], "is there already; --force overwrites it"),
        (["--from", "gone.csv"], "gone.csv: cannot be read"),
        (["--from", "odd.csv"], "looks like the expected (columns: question, y); say --map expected=COLUMN"),
        (["--from", "odd.csv", "--map", "expected=z"], "no such column"),
        (["--from", "odd.csv", "--map", "expekted=y"], "Did you mean 'expected'?"),
        (["--from", "odd.csv", "--case", "a", "b"], "add the example to the file"),
        (["--map", "input=question"], "add --from FILE"),
        (["--from", "semicolons.csv"], "one column alone, 'input;expected': separate the cells by commas"),
        (["--from", "bad.jsonl"], "bad.jsonl: line 1: not valid JSON"),
        (["--from", "empty.jsonl"], "holds no rows"),
        (["--from", "long.csv"], "more cells than"),
        (["--from", "x.txt"], "wanted examples (.csv, .jsonl) or a promptfoo configuration"),
        (["--prompt", "@gone.md"], "gone.md: cannot be read"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("there.evalset.yaml").write_text("x")
    Path("odd.csv").write_text("question,y\na,b\n")
    Path("semicolons.csv").write_text("input;expected\na;b\n")
    Path("bad.jsonl").write_text("{a}\n")
    Path("empty.jsonl").write_text("\n\n")
    Path("long.csv").write_text("input,expected\na,b,c\n")
    assert main(["init", *arguments]) == 2
    assert says in capsys.readouterr().err
    assert Path("there.evalset.yaml").read_text() == "x"


def test_an_unusable_evalset_is_left_and_said(capsys: pytest.CaptureFixture[str]) -> None:
    status, said = init(capsys, "--grader", "labl", "--case", "a", "b")
    assert status == 1
    assert "unknown grader 'labl'" in said["problems"][0]
    assert Path("my.evalset.yaml").is_file()


def test_labels_that_look_like_templates_are_offered_as_written(capsys: pytest.CaptureFixture[str]) -> None:
    labels = ["{{ input }}", "{% if %}", "{# no #}", "{{{"]
    rows = [f'"case {n}","{label}"' for n, label in enumerate(labels * 2)]
    Path("odd.csv").write_text("\n".join(["input,expected", *rows]))
    status, said = init(capsys, "--from", "odd.csv", "--model", "openai/x")
    assert (status, said["problems"]) == (0, [])
    plan = load_plan(
        Path("odd.evalset.yaml"), Settings(rootdir=".", directory=".ftgate"), builtin_registries()
    )
    asked = str(plan.items[0].trials[0].request.messages[0]["content"])
    assert all(label in asked for label in labels)
    assert asked.endswith("\n\ncase 0")


def test_the_kinds_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["init", "--help"])
    assert "evalset" in capsys.readouterr().out
