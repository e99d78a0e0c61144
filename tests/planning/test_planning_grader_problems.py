"""Graders that cannot work as they are written are refused before anything is asked."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from pytest_ftgate.cli.check import builtin_registries
from pytest_ftgate.errors import EvalsetError
from pytest_ftgate.model.settings import Settings
from pytest_ftgate.plan_loading import load_plan


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


@pytest.mark.parametrize(
    ("graders", "cases", "said"),
    [
        (
            "graders: [instructions]",
            "[{id: a, input: x, expected: [{id: 'punctuation:no_coma'}]}, "
            "{id: b, input: z, expected: [{id: 'punctuation:no_coma'}]}]",
            "Did you mean punctuation:no_comma?",
        ),
        (
            "graders: [instructions]",
            "[{id: a, input: x, expected: [{id: 'startend:end_checker'}]}, "
            "{id: b, input: z, expected: [{id: 'startend:end_checker'}]}]",
            "startend:end_checker needs `end_phrase`",
        ),
        (
            "graders: [is-valid-openai-tools-call]",
            "[{id: a, input: x}, {id: b, input: z}]",
            "the case has no tools to hold a call against: give it `tools:`",
        ),
        (
            "graders: [code]",
            "[{id: a, input: x, expected: 'assert f('}, {id: b, input: z, expected: {test: 'assert f('}}]",
            "the tests are no Python",
        ),
        (
            "graders: [code]",
            "[{id: a, input: x, expected: {entry_point: f}}, {id: b, input: z, expected: {entry_point: f}}]",
            "`expected` is a mapping without `test`",
        ),
    ],
)
def test_what_only_cases_show_is_told_once_before_anything_is_asked(
    tmp_path: Path, graders: str, cases: str, said: str
) -> None:
    message = refuse(tmp_path, graders, cases=cases)
    assert message.count(said) == 1
    assert "(cases a, b)" in message


def test_what_is_well_in_a_case_is_no_problem(tmp_path: Path) -> None:
    message = refuse(
        tmp_path,
        "graders: [instructions]",
        cases="[{id: a, input: x, expected: [{id: wrong}]}, {id: b, input: z}, "
        "{id: c, input: y, expected: [{id: 'punctuation:no_comma'}]}]",
    )
    assert "(case a)" in message


@pytest.mark.parametrize("is_given", [False, True])
def test_a_rule_of_language_needs_langdetect_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_given: bool
) -> None:
    monkeypatch.setattr("pytest_ftgate.grading.instructions.find_spec", lambda _: None)
    rule = "[{id: 'language:response_language', kwargs: {language: de}}]"
    graders = f"graders: [instructions: {rule}]" if is_given else "graders: [instructions]"
    message = refuse(tmp_path, graders, cases=f"[{{id: a, input: x, expected: {rule}}}]")
    assert message.count("pip install pytest-ftgate[instructions]") == 1
