"""Files of further solved examples."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_ftgate.cli.check import builtin_registries
from pytest_ftgate.errors import EvalsetError
from pytest_ftgate.loading.further_cases import load_further_cases


def load(path: Path, text: str, **columns: str) -> list:
    path.write_text(text)
    return load_further_cases(path, columns, path.parent, builtin_registries())


def test_rows_are_cases_that_may_say_their_answer(tmp_path: Path) -> None:
    text = '{"input": "a", "expected": "b", "group": "g", "team": "x"}\n'
    text += '{"input": "c", "answer": "d", "expected": ["e"]}\n'
    (first, case, given), (second, other, answer) = load(tmp_path / "m.jsonl", text)
    assert (first, case.input, case.expected, case.group, given) == ("m.jsonl:1", "a", "b", "g", {})
    assert case.vars == {"team": "x"}
    assert (second, other.expected, answer) == ("m.jsonl:2", ["e"], {"answer": "d"})


def test_columns_of_a_csv_are_renamed(tmp_path: Path) -> None:
    ((where, case, _),) = load(
        tmp_path / "m.csv", "question,label\nhi,refund\n", input="question", expected="label"
    )
    assert (where, case.input, case.expected) == ("m.csv:2", "hi", "refund")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no cases"),
        ("[1]\n", "m.jsonl:1"),
        ('{"input": "a", "answer": 3}\n', "the answer to give"),
        ('{"input": "a", "group": ["x"]}\n', "the name of a group"),
    ],
)
def test_problems_name_file_and_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(EvalsetError, match=said):
        load(tmp_path / "m.jsonl", text)
