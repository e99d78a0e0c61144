"""Cases in files: .jsonl, .csv, .yaml, and the map of their columns."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_ftgate.model.evalset import Evalset

Load = Callable[..., Evalset]
Problems = Callable[..., list[str]]


def refer(name: str, rest: str = "") -> str:
    return f'prompt: "{{{{ input }}}}"\ngraders: [equals]\ncases:\n  - {{file: {name}{rest}}}\n'


def test_jsonl(load: Load, write: Any) -> None:
    write(
        "evals/c.jsonl",
        '\n{"id": "a", "input": {"q": [1]}, "expected": null, "lang": "de"}\r\n\n{"input": "b"}',
    )
    first, second = load(refer("c.jsonl")).cases
    assert (first.id, first.input, first.expected, first.has_expected) == ("a", {"q": [1]}, None, True)
    assert first.vars == {"lang": "de"}
    assert first.where is not None
    assert (first.where.file, first.where.line) == ("evals/c.jsonl", 2)
    assert second.where is not None
    assert (second.has_expected, second.where.line) == (False, 4)


def test_map_with_dotted_paths(load: Load, write: Any) -> None:
    row = {
        "question": {"text": "q"},
        "answers": ["a", "b"],
        "input": "hidden",
        "meta": {"l": "de"},
        "rest": 1,
    }
    write("evals/c.jsonl", json.dumps(row) + "\n")
    rest = ", map: {input: question.text, expected: answers.1, vars.lang: meta.l}"
    (case,) = load(refer("c.jsonl", rest)).cases
    assert (case.input, case.expected, case.vars) == ("q", "b", {"rest": 1, "lang": "de"})


def test_csv(load: Load, write: Any) -> None:
    write(
        "evals/c.csv",
        "id,question,expected,tags,must_pass,lang\n"
        '1,"two\nlines","{""a"": 1}","x; y",true,de\n'
        "\n"
        "2,12,[redacted],,,\n"
        "3,no,007,z,majority,\n",
    )
    one, two, three = load(refer("c.csv", ", map: {input: question}")).cases
    assert (one.id, one.input, one.expected, one.tags, one.must_pass) == (
        "1",
        "two\nlines",
        {"a": 1},
        ("x", "y"),
        "all",
    )
    assert one.vars == {"lang": "de"}
    assert (two.input, two.expected, two.tags, two.must_pass, two.vars) == ("12", "[redacted]", (), None, {})
    assert (three.input, three.expected, three.must_pass) == ("no", "007", "majority")
    assert [case.where.line for case in (one, two, three) if case.where] == [2, 5, 6]


def test_yaml(load: Load, write: Any) -> None:
    write("evals/c.yaml", "# cases\n- input: a\n  expected: no\n- {input: b, lang: de}\n")
    first, second = load(refer("c.yaml")).cases
    assert first.where is not None
    assert (first.expected, first.where.line, first.where.pointer) == ("no", 2, "/0")
    assert second.vars == {"lang": "de"}


def test_example_files_may_hold_cases(load: Load, write: Any) -> None:
    write("evals/s.csv", "id,q,expected,must_pass,lang\na,x,y,true,de\n")
    text = refer("c.jsonl") + "arms: {few_shot: {examples: {file: s.csv, map: {input: q}}}}"
    write("evals/c.jsonl", '{"input": "b"}')
    assert load(text).arm("few_shot").options["examples"] == (
        {"id": "a", "input": "x", "expected": "y", "vars": {"lang": "de"}},
    )


JSONL_PROBLEMS = [
    ("[1]\n", "1: /: must be a case (a mapping with `input`), got a list of 1"),
    ('"x"\n', '1: /: must be a case (a mapping with `input`), got "x" (a string)'),
    ('{"input": 1}\n{"a": }\n', "2: /: not valid JSON: Expecting value (column 7)"),
    ('{"input": NaN}\n', "1: /: NaN is no JSON number; quote it if it is text"),
    ('{"input": 1, "input": 2}\n', "1: /: duplicate key 'input'"),
    ('{"input": ' + "[" * 1000 + "]" * 1000 + "}\n", "1: /: nested deeper than 100 levels"),
    ('{"input": ' + "[" * 200_000 + "\n", "1: /: nested deeper than 100 levels"),
    ('{"input": "\\udc00"}\n', "1: /: half of a surrogate pair"),
    (
        '{"lang": "de", "id": "a b"}\n',
        '1: /id: an id is made of letters, digits, `_`, `.` and `-`, got "a b"',
    ),
    ('{"id": "a"}\n', "1: /: a case needs `input`, `messages` or `vars`"),
    ('{"input": 1, "tags": "x"}\n', '1: /tags: must be a list of tags, got "x" (a string)'),
    ('{"input": 1, "messages": [{"role": "usr", "content": ""}]}\n', "1: /messages/0/role: must be"),
]


@pytest.mark.parametrize(("content", "problem"), JSONL_PROBLEMS)
def test_bad_lines(problems: Problems, write: Any, content: str, problem: str) -> None:
    write("evals/c.jsonl", content)
    (found,) = problems(refer("c.jsonl"))
    assert found.startswith(f"evals/c.jsonl:{problem}")


def test_a_huge_line(problems: Problems, write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_ftgate.loading.case_files.MAX_LINE", 1000)
    write("evals/c.jsonl", json.dumps({"input": "x" * 1000}) + "\n")
    assert problems(refer("c.jsonl")) == ["evals/c.jsonl:1: /: a line of 1,013 characters (at most 1,000)"]


CSV_PROBLEMS = [
    ("", '4: /cases/0/file: "c.csv" holds no cases'),
    ("input\n", '4: /cases/0/file: "c.csv" holds no cases'),
    ("input,input\na,b\n", "evals/c.csv:1: /: two columns are named 'input'"),
    ("input,\na,b\n", "evals/c.csv:1: /: column 2 has no name"),
    ("input,x\na\n", "evals/c.csv:2: /: 1 cells, but the header names 2 columns; quote cells with commas"),
    (
        "input,x\na,b,c\n",
        "evals/c.csv:2: /: 3 cells, but the header names 2 columns; quote cells with commas",
    ),
    ('input\n"a"b\n', "evals/c.csv:2: /: not valid CSV: "),
    ('input\n"a\n', "evals/c.csv:2: /: not valid CSV: "),
    (
        "input\n" + "x" * 200_000,
        "evals/c.csv:2: /: not valid CSV: field larger than field limit (131072); put",
    ),
    ("input,must_pass\na,yes\n", 'evals/c.csv:2: /must_pass: must be true, false or "majority", got "yes"'),
]


@pytest.mark.parametrize(("content", "problem"), CSV_PROBLEMS)
def test_bad_csv(problems: Problems, write: Any, content: str, problem: str) -> None:
    write("evals/c.csv", content)
    (found,) = problems(refer("c.csv"))
    assert found.startswith(problem)


MAP_PROBLEMS = [
    (
        ", map: {input: qestion}",
        "4: /cases/0/map/input: no row of \"c.jsonl\" has a column 'qestion'. Did you mean 'question'?",
    ),
    (
        ", map: {inptu: question}",
        "4: /cases/0/map/inptu: unknown key of a case 'inptu'. Did you mean 'input'?",
    ),
    (", map: {input: 3}", "4: /cases/0/map/input: must be the name of a column, got 3 (a number)"),
    (", map: [a]", "4: /cases/0/map: must be a mapping of case keys to columns, got a list of 1"),
    (", map: {vars.input: question}", "4: /cases/0/map/vars.input: unknown key of a case"),
    (", mpa: {}", "4: /cases/0/mpa: unknown key of a case file 'mpa'. Did you mean 'map'? Known: file, map."),
]


@pytest.mark.parametrize(("rest", "problem"), MAP_PROBLEMS)
def test_bad_maps(problems: Problems, write: Any, rest: str, problem: str) -> None:
    write("evals/c.jsonl", '{"question": "x", "input": "i"}\n')
    assert any(found.startswith(problem) for found in problems(refer("c.jsonl", rest)))


def test_yaml_file_that_is_no_list(problems: Problems, write: Any) -> None:
    write("evals/c.yaml", "cases: []")
    assert problems(refer("c.yaml")) == [
        "evals/c.yaml:1: /: a file of cases is a list (`- input: …`), got a mapping with `cases`"
    ]


def test_duplicate_ids_across_files(problems: Problems, write: Any) -> None:
    write("evals/c.jsonl", '{"id": "a", "input": 1}\n{"id": "b", "input": 1}\n{"id": "b", "inp": 1}\n')
    assert problems(refer("c.jsonl") + "  - {id: a, input: x}\n") == [
        "5: /cases/1/id: duplicate id 'a' (first at evals/c.jsonl:1)",
        "evals/c.jsonl:3: /id: duplicate id 'b' (first at evals/c.jsonl:2)",
    ]


def test_only_so_many_problems_are_told(problems: Problems, write: Any) -> None:
    write("evals/c.jsonl", "x\n" * 10_000)
    found = problems(refer("c.jsonl"))
    assert len(found) == 51
    assert found[-1].endswith("… and 9950 more problems")


rows = st.dictionaries(
    st.sampled_from(
        ["id", "input", "expected", "vars", "tags", "messages", "x", "tools", "graders", "group", "split"]
    ),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
        max_leaves=4,
    ),
    max_size=5,
)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(rows, max_size=3))
def test_any_row_is_a_case_or_a_problem(load: Load, write: Any, found: list[dict[str, Any]]) -> None:
    from pytest_ftgate.errors import EvalsetError

    write("evals/c.jsonl", "".join(json.dumps(row) + "\n" for row in found))
    try:
        cases = load(refer("c.jsonl")).cases
    except EvalsetError:
        return
    assert [case.input for case in cases] == [row.get("input") for row in found]


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.sampled_from(["c.jsonl", "c.csv", "c.yaml"]), st.binary(max_size=120))
def test_any_bytes_are_cases_or_problems(load: Load, write: Any, name: str, content: bytes) -> None:
    from pytest_ftgate.errors import EvalsetError

    write(f"evals/{name}", content)
    try:
        evalset = load(refer(name))
    except EvalsetError:
        return
    assert evalset.cases
