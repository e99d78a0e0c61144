"""What the reports say of money: in the terminal and in Markdown, known or not."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from decision_world import (
    LOW,
    all_arms,
    build_arm,
    build_evalset,
    build_spending,
    build_summary,
    justified,
    worlds,
)
from jsonschema import Draft202012Validator
from report_world import HOSTILE, SCHEMAS, load_schema, planned_report, report_of

from pytest_ftgate.model.evalset import GateSpec, ModelSpec
from pytest_ftgate.model.spending import UsdDifference
from pytest_ftgate.reports.hostile_text import measure_width
from pytest_ftgate.reports.markdown import render_report
from pytest_ftgate.reports.price_tables import format_weeks
from pytest_ftgate.reports.terminal import render_evalset


def made(summary: Any = None, gates: Any = None, models: Any = None, **economics: Any) -> dict[str, Any]:
    changes = {name: value for name, value in (("gates", gates), ("models", models)) if value}
    report = report_of(build_evalset(economics=economics, **changes), summary or justified())
    Draft202012Validator(load_schema("report.schema.json")).validate(json.loads(json.dumps(report)))
    return report


def told(report: dict[str, Any], verbosity: int = 0) -> str:
    """The terminal's text on one line."""
    lines = render_evalset(report["evalsets"][0], verbosity=verbosity)
    assert max(map(measure_width, lines)) <= 80
    return " ".join(" ".join(lines).split())


def marked(report: dict[str, Any]) -> str:
    """Markdown without its escapes, on one line."""
    return " ".join(re.sub(r"\\(.)", r"\1", render_report(report)).split())


@pytest.fixture(params=[told, marked])
def shown(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_a_month_of_each_arm_and_the_plan_stand_in_both(shown: Any) -> None:
    text = shown(planned_report())
    for wanted in (
        "What 300,000 calls a month cost",
        "118 .. 128",
        "+417",
        "Plan: LoRA on 8B, 12-16 GB VRAM (1 GPU), $17-34 to train in 4.6 h, $50-500 to set up.",
        "Breaks even in 2.3-23 weeks at 300,000 calls a month: $123.00 a month today (as_is), $0.66-16 tuned",
        "full fine-tune",
        "QLoRA",
        "3,000,000",
        "The tuned model may lose:",
        "published page's figures",
        "not measurements",
    ):
        assert wanted in text


def test_the_document_shows_what_the_terminal_shows() -> None:
    text = (SCHEMAS.parent / "docs" / "economics.md").read_text(encoding="utf-8")
    shown = text.split("```text\n")[1].split("\n```")[0]
    lines = [line.removeprefix("  ") for line in render_evalset(planned_report()["evalsets"][0])]
    assert shown in "\n".join(lines)
    assert len(shown.splitlines()) > 40


def test_what_is_taken_for_granted_is_said_where_there_is_room() -> None:
    assert "Taken for granted" not in told(planned_report())
    assert "Taken for granted: the cases stand for the calls of production" in told(planned_report(), 1)
    assert "Taken for granted" in marked(planned_report())


def test_stated_figures_are_named_as_such(shown: Any) -> None:
    text = shown(
        made(calls_per_month=9, fine_tune={"params_b": 8, "setup_usd": 7, "serving_usd_per_month": 40})
    )
    assert "Stated here: fine_tune.serving_usd_per_month, fine_tune.setup_usd." in text
    assert "rented round the clock" not in text


def test_nothing_stated_and_no_plan_shows_nothing(shown: Any) -> None:
    text = shown(report_of(*worlds()["bar_met"]))
    assert "calls cost" not in text
    assert "Plan" not in text


def test_without_a_volume_1000_calls_are_shown(shown: Any) -> None:
    text = shown(made(fine_tune={"params_b": 8}))
    assert "What 1,000 calls cost (no volume stated)" in text
    assert "state economics.calls_per_month" in text
    assert "1,000,000" in text


def test_an_unknown_price_is_said_plainly(shown: Any) -> None:
    arms = tuple(replace(build_arm(a.arm, 0.6, cost_usd_per_1k_cases=None)) for a in LOW)
    text = shown(made(replace(justified(), arms=arms), calls_per_month=300_000, fine_tune={"params_b": 8}))
    assert (
        "Not known: what openai/gpt-4o-mini costs: no price is known for it; state models.candidate.price"
        in text
    )
    assert "$3-15 per million tokens" in text
    assert "Break-even at 300,000 calls a month: not known." in text
    assert "$0.00 a month" not in text


@pytest.mark.parametrize(
    ("serving", "said"),
    [
        (
            [0.02, 50],
            "No break-even shown at 300,000 calls a month: $123.00 a month today (as_is), $0.66-1,650 tuned, "
            "serving included; at best 2.3 weeks, at worst nothing is saved.",
        ),
        ([40, 50], "nothing is shown to be saved."),
    ],
)
def test_no_break_even_is_shown_where_none_is(shown: Any, serving: list[float], said: str) -> None:
    report = made(calls_per_month=300_000, fine_tune={"params_b": 8, "serving_usd_per_m_tokens": serving})
    assert said in shown(report)


@pytest.mark.parametrize(
    ("weeks", "payback", "text"),
    [
        ((2.31, 23.4), "shown", "2.3-23"),
        ((3.0, 3.0), "shown", "3"),
        ((2.31, None), "not_shown", "2.3 or more"),
        (None, "none", "never"),
        (None, "unknown", "-"),
        ((9.9, 1e6), "shown", "10 to over 520"),
        ((1e6, 1e9), "shown", "over 520"),
        ((1e6, None), "not_shown", "over 520"),
    ],
)
def test_weeks_as_people_read_them(weeks: Any, payback: str, text: str) -> None:
    assert format_weeks({"break_even_weeks": weeks, "payback": payback}) == text


SLOW = (GateSpec(name="latency", options={"p95_s": 0.5}),)
MET = build_summary(build_arm("as_is", 0.93))


def test_a_missed_target_says_whether_it_is_proven(shown: Any) -> None:
    text = shown(made(MET, SLOW, calls_per_month=1000, fine_tune={"params_b": 8}))
    assert "The 95th percentile of latency of as_is misses its limit: 1.2 s, 0.5 s allowed (proven)." in text
    assert "Distill: LoRA on 8B" in text
    assert "To have them answered by the prompt of today costs $4.1-41." in text
    near = (GateSpec(name="cost", options={"usd_per_1k_cases": 0.4}),)
    assert "misses its limit: 0.41 USD, 0.4 USD allowed (not proven)." in shown(
        made(MET, near, calls_per_month=9)
    )
    far = (GateSpec(name="cost", options={"usd_per_1k_cases": 4}),)
    assert "is within its limit: 0.41 USD, 4 USD allowed." in shown(made(MET, far, calls_per_month=9))


def test_a_forecast_waits(shown: Any) -> None:
    text = shown(made(MET, SLOW, calls_per_month=1000, volume="forecast"))
    assert "What 1,000 calls a month cost (a forecast)" in text
    assert "distilling waits for a proven one" in text
    assert "Distill:" not in text


@pytest.mark.parametrize(("base_s", "said"), [(0.2, "p95 within its limit"), (0.4, "p95 beyond its limit")])
def test_the_small_model_s_latency_stands_beside_today_s(shown: Any, base_s: float, said: str) -> None:
    base = replace(build_arm("as_is", 0.4), role="base", latency_p50_s=base_s, latency_p95_s=2 * base_s)
    text = shown(made(build_summary(build_arm("as_is", 0.93), base), SLOW, calls_per_month=1000))
    assert "0.8s and 1.2s today (as_is)" in text
    assert (
        f"{base_s:g}s and {2 * base_s:g}s for the tuned one (measured on role base, untuned): {said}." in text
    )


def test_what_an_arm_costs_over_as_is_is_part_of_its_latency(shown: Any) -> None:
    slower = build_arm("few_shot", 0.95, latency_p50_s=2.0, latency_p95_s=3.0)
    world = build_summary(build_arm("as_is", 0.6), slower)
    text = shown(made(world, SLOW, calls_per_month=1000))
    assert (
        "2.0s and 3.0s today (few_shot), 0.8s and 1.2s with as_is; not known for a tuned small model." in text
    )


def test_setting_up_retrieval(shown: Any) -> None:
    evalset, summary = worlds()["use_rag"]
    stated = {"calls_per_month": 9}
    text = shown(report_of(replace(evalset, economics=stated), summary))
    assert "Setting up retrieval: $1,000-5,000 (a published page's figure)." in text
    own = stated | {"rag": {"setup_usd": 50}}
    assert "Setting up retrieval: $50 (stated)." in shown(report_of(replace(evalset, economics=own), summary))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (0.0001, "2 USD saved on 1,000 calls (1.8 .. 2.2); $515-2,030 up front come back after"),
        (0.002, "at best, no break-even shown at worst."),
        (None, "no break-even shown for $515-2,030 up front."),
    ],
)
def test_from_teacher_to_student(shown: Any, error: float | None, said: str) -> None:
    t = None if error is None else 1.98
    gap = UsdDifference(cases=120, clusters=120, t=t, value=0.002, error=error)
    spending = replace(build_spending(LOW[0]), over_candidate=gap)
    world = build_summary(build_arm("as_is", 0.9), replace(LOW[0], role="teacher", spending=spending))
    text = shown(made(world, calls_per_month=100_000, fine_tune={"params_b": 7}))
    assert "From teacher to candidate, both measured:" in text
    assert said in text
    assert "as_is [teacher]" in text


def test_hostile_names_stay_text() -> None:
    models = {"candidate": ModelSpec(model=HOSTILE)}
    arm = build_arm("as_is", 0.6, cost_usd_per_1k_cases=None)
    report = made(build_summary(arm, *all_arms(0.6, 0.6, 0.6, 0.6)[1:]), models=models, calls_per_month=9)
    for line in (*render_evalset(report["evalsets"][0]), *render_report(report).splitlines()):
        assert line.replace("\u200b", "").isprintable()
        assert not line.lstrip().startswith("::")
        assert "##[" not in line
    assert "@everyone" not in render_report(report)


@pytest.mark.parametrize("width", [40, 55, 80, 120])
@pytest.mark.parametrize("verbosity", [0, 1])
def test_it_fits_any_terminal(width: int, verbosity: int) -> None:
    arms = tuple(replace(a, arm=f"{a.arm}-{'x' * 60}") for a in LOW[1:])
    world = replace(justified(), arms=(LOW[0], *arms))
    own = {"params_b": 8, "serving_usd_per_m_tokens": [0.001, 1e6], "setup_usd": [0, 1e9]}
    report = made(world, SLOW, calls_per_month=1e9, fine_tune=own)
    lines = render_evalset(report["evalsets"][0], width=width, verbosity=verbosity)
    assert max(map(measure_width, lines)) <= width
    assert all(line.isascii() for line in lines)
