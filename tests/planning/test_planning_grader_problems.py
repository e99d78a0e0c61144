"""Graders that cannot work as they are written are refused before anything is asked."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from pytest_ftgate.cli.check import builtin_registries
from pytest_ftgate.errors import EvalsetError
from pytest_ftgate.model.settings import Settings
from pytest_ftgate.pipeline import load_plan


def refuse(
    folder: Path, graders: str, *, cases: str = "[{id: a, input: x, expected: y}, {id: b, input: z}]"
) -> str:
    path = folder / "x.evalset.yaml"
    text = f"prompt: '{{{{ input }}}}'\nmodels: {{candidate: openai/m}}\n{graders}\ncases: {cases}\n"
    path.write_text(textwrap.dedent(text))
    settings = Settings(rootdir=str(folder), directory=str(folder))
    with pytest.raises(EvalsetError) as refused:
        load_plan(path, settings, builtin_registries())
    return str(refused.value)


@pytest.mark.parametrize(
    ("graders", "said"),
    [
        ("graders: [levenshtein: {threshold: 2, min_similarity: 0.5}]", "min_similarity"),
        ("graders: [latency]", "threshold"),
    ],
)
def test_what_a_grader_says_of_its_options_is_a_problem_of_the_evalset(
    tmp_path: Path, graders: str, said: str
) -> None:
    message = refuse(tmp_path, graders)
    assert "x.evalset.yaml:3" in message
    assert said in message


def test_it_is_told_once_for_all_cases(tmp_path: Path) -> None:
    message = refuse(tmp_path, "graders: [latency]")
    assert message.count("latency") <= 2
