"""The capability card: its sentence, its table, and hostile names in it."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import jsonschema
import pytest
from report_world import HOSTILE, load_schema

from pytest_ftgate.model.capability import CapabilityCard, Loss, SuiteResult
from pytest_ftgate.reports.capability_terminal import render_card
from pytest_ftgate.reports.markdown import render_report
from pytest_ftgate.reports.report import build_report

KEPT = Loss(outcome="retained", margin=0.05, cases=100, difference=0.01, lower=-0.02, upper=0.04, p_lost=1.0)
OPEN = replace(KEPT, outcome="inconclusive", difference=-0.03, lower=-0.09, cases_needed=1410)
LOST = replace(KEPT, outcome="lost", difference=-0.19, lower=-0.279, upper=-0.101, p_lost=0.0006)


def suite(name: str, loss: Loss | None, reason: str = "") -> SuiteResult:
    known = {"base": 0.55, "candidate": 0.36} if loss else {}
    path = f"{name}.evalset.yaml"
    return SuiteResult(suite=name, evalset=name, path=path, weight=1.0, loss=loss, reason=reason, **known)


def report(*suites: SuiteResult, outcome: str, overall: Loss | None = None, **more: object) -> dict:
    card = CapabilityCard(
        against="base", alpha=0.05, tests=len(suites) + 1, outcome=outcome, suites=suites, overall=overall,
        models={"candidate": ("v/tuned",), "base": ("v/untuned",)}, **more,
    )  # fmt: skip
    built = json.loads(json.dumps(build_report({}, [], card)))
    jsonschema.Draft202012Validator(load_schema("report.schema.json")).validate(built)
    return built


def show(built: dict, **options: int) -> str:
    return "\n".join(render_card(built["capability"], **options))


GOLDEN = """\
general capability: candidate v/tuned against base v/untuned

  CAPABILITY LOST: coding lost 19.0 points; retained in 1 of 3 suites; not
  decided: knowledge.

  suite        base  candidate  change          bounds  result            cases
  -----------  ----  ---------  ------  --------------  ------------  ---------
  mathematics  55.0       36.0    +1.0    -2.0 .. +4.0  retained            100
  coding       55.0       36.0   -19.0  -27.9 .. -10.1  lost                100
  knowledge    55.0       36.0    -3.0    -9.0 .. +4.0  inconclusive  100/1,410
  overall         -          -    +1.0    -2.0 .. +4.0  retained            100
  Accuracies in percent; change in points, candidate minus base, paired by case;
  bounds one-sided, 95 % each. Retained: a loss of 5 points is excluded. Lost:
  the loss is proven, corrected for 4 tests (Holm).
  Overall: the suites' mean, equal weights.
  Cases: judged/about as many as would decide at the change seen, with power
  80 %."""


def test_the_whole_card() -> None:
    built = report(
        suite("mathematics", KEPT),
        suite("coding", LOST),
        suite("knowledge", OPEN),
        outcome="lost",
        overall=KEPT,
    )
    assert show(built) == GOLDEN
    assert show(built, verbosity=-1) == GOLDEN.split("\n\n  suite")[0]
    assert render_card(None) == []


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    built = report(
        suite("a rather long name of a suite", OPEN), suite("b", None, HOSTILE), outcome="inconclusive"
    )
    assert [line for line in render_card(built["capability"], width=width) if len(line) > width] == []


@pytest.mark.parametrize(
    ("suites", "outcome", "overall", "sentence"),
    [
        ([("a", KEPT)], "retained", None, "a loss of 5 points is excluded in a."),
        ([("a", KEPT), ("b", replace(KEPT, margin=0.1))], "retained", KEPT,
         "a loss of 5 or 10 points is excluded in each of 2 suites."),
        ([("a", OPEN), ("b", KEPT)], "inconclusive", OPEN,
         "no loss is shown; retained in 1 of 2 suites; not decided: a."),
        ([("a", OPEN), ("b", OPEN)], "lost", LOST,
         "the suites together lost 19.0 points; retained in 0 of 2 suites; not decided: a, b."),
        ([("a", replace(LOST, difference=-0.02, lower=-0.03)), ("b", KEPT)], "lost", KEPT,
         "a lost 2.0 points, less than 5; retained in 1 of 2 suites."),
        ([("a", KEPT), ("b", None)], "inconclusive", None,
         "no loss is shown; retained in 1 of 2 suites; not evaluated: b."),
    ],
)  # fmt: skip
def test_the_sentence(
    suites: list[tuple[str, Loss | None]], outcome: str, overall: Loss | None, sentence: str
) -> None:
    built = report(*(suite(name, loss) for name, loss in suites), outcome=outcome, overall=overall)
    assert sentence in " ".join(show(built).split())
    assert sentence in render_report(built)


def test_hostile_names_stay_text() -> None:
    built = report(
        replace(suite("a", None, HOSTILE), path=HOSTILE, suite=f"x{HOSTILE}"),
        suite("b", KEPT),
        outcome="inconclusive",
    )
    built["capability"]["models"] = {"candidate": [HOSTILE], "base": [HOSTILE]}
    terminal = show(built)
    assert terminal.isascii()
    assert all(line.isprintable() for line in terminal.splitlines())
    assert not re.search(r"^\s*::", terminal, re.MULTILINE)
    assert "##[" not in terminal
    markdown = render_report(built)
    assert "<script>" not in markdown
    assert not re.search(r"(?<!\\)\]\(javascript", markdown)
    assert not re.search(r"(?<![\u200b\\])@everyone", markdown)
    assert not re.search(r"^\s*::", markdown, re.MULTILINE)


def test_a_report_from_before_the_card_has_none() -> None:
    built = build_report({}, [])
    assert built["capability"] is None
    del built["capability"]
    assert "CAPABILITY" not in render_report(built)
