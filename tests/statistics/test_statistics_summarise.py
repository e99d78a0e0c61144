"""The summary: what counts, what is missing, and what is said where nothing is known."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from scipy.stats import binomtest
from statistics_world import arm, failed, make_plan, passed, unanswered

from pytest_ftgate.model.evalset import Case
from pytest_ftgate.model.grade import Grade
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.response import ToolCall, Usage
from pytest_ftgate.model.run import RunFacts
from pytest_ftgate.model.summary import ArmSummary
from pytest_ftgate.statistics.arms import find_quantile
from pytest_ftgate.statistics.summarise import summarise

TWO = (Case(id="a", tags=("eu", "vip")), Case(id="b", tags=("eu",)))


def only_arm(records: list[Record], **plan: object) -> ArmSummary:
    summary = summarise(make_plan(TWO, (arm("as_is"),), **plan), records, RunFacts())  # type: ignore[arg-type]
    assert len(summary.arms) == 1
    return summary.arms[0]


def test_a_rate_is_the_mean_over_cases_and_missing_trials_are_no_failures() -> None:
    one = only_arm(
        [
            passed("a", "as_is", 1),
            unanswered("a", "as_is", 2),
            failed("b", "as_is", 1),
            failed("b", "as_is", 2),
        ]
    )
    assert one.accuracy is not None
    assert one.accuracy.value == 0.5
    assert (one.accuracy.hits, one.accuracy.graded, one.accuracy.cases) == (1, 3, 2)
    assert (one.accuracy.errors, one.accuracy.planned) == (1, 4)
    assert (one.planned, one.unanswered, one.repeats) == (4, 1, 2)
    assert [(t.case, t.passed, t.graded) for t in one.tallies] == [("a", 1, 1), ("b", 0, 2)]


def test_one_repeat_gives_the_exact_binomial_interval_at_each_level() -> None:
    cases = tuple(Case(id=f"c{i}") for i in range(40))
    records = [(passed if i < 30 else failed)(f"c{i}", "as_is", 1) for i in range(40)]
    plan = make_plan(cases, (arm("as_is"), arm("few_shot"), arm("context", 2)), repeats=1)
    one = summarise(plan, records, RunFacts()).arm("as_is")
    assert one is not None
    assert one.accuracy is not None
    assert one.accuracy_test is not None
    shown = binomtest(30, 40).proportion_ci(0.95)
    assert (one.accuracy.low, one.accuracy.high) == pytest.approx((shown.low, shown.high))
    test = one.accuracy_test
    assert test.lower == pytest.approx(binomtest(30, 40).proportion_ci(0.90).low)
    assert test.lower_m == pytest.approx(binomtest(30, 40).proportion_ci(1 - 2 * 0.05 / 3).low)
    assert test.upper_ft == pytest.approx(binomtest(30, 40).proportion_ci(0.92).high)
    assert test.p_above == pytest.approx(binomtest(30, 40, 0.8, "greater").pvalue)
    assert test.p_below == pytest.approx(binomtest(30, 40, 0.8, "less").pvalue)


def test_nothing_judged_gives_no_rate_and_no_bound() -> None:
    one = only_arm([unanswered("a", "as_is", 1), replace(passed("b", "as_is", 1), outcome="ungraded")])
    assert one.accuracy is not None
    assert (one.accuracy.value, one.accuracy.lower, one.accuracy.upper) == (None, None, None)
    assert (one.accuracy_test, one.lenient_test, one.icc, one.tallies) == (None, None, None, ())
    summary = summarise(make_plan((), (arm("as_is"),)), [], RunFacts())
    assert summary.arms[0].status == "run"
    assert (summary.judged_cases, summary.cases_needed, summary.cost_usd) == (0, None, None)


def test_ungraded_cases_are_not_in_n() -> None:
    records = [passed("a", "as_is", 1), replace(passed("b", "as_is", 1), outcome="ungraded")]
    summary = summarise(make_plan(TWO, (arm("as_is"),)), records, RunFacts())
    assert (summary.judged_cases, summary.total_cases) == (1, 2)


def test_call_failures_count_as_passes_in_the_lenient_test_alone() -> None:
    one = only_arm(
        [
            passed("a", "as_is", 1),
            failed("a", "as_is", 2, "call:truncated"),
            failed("b", "as_is", 1, "call:truncated"),
            failed("b", "as_is", 2, "format:fenced"),
        ],
        graders=("is-json",),
    )
    assert one.accuracy_test is not None
    assert one.lenient_test is not None
    assert (one.accuracy_test.value, one.lenient_test.value) == (0.25, 0.75)
    assert one.call_failures is not None
    assert one.call_failures.value == 0.5
    assert one.format_failures is not None
    assert (one.format_failures.value, one.format_failures.hits) == (0.25, 1)
    assert [t.call_failed for t in one.tallies] == [1, 1]


def test_format_failures_are_null_without_a_format_grader() -> None:
    records = [passed("a", "as_is", 1), failed("b", "as_is", 1, "format:fenced")]
    assert only_arm(records).format_failures is None
    found = only_arm(records, graders=("label",)).format_failures
    assert found is not None
    assert found.value == 0.5


def test_a_grade_that_says_so_makes_its_case_a_format_case() -> None:
    grade = Grade(grader="mine", outcome="passed", is_format=True)
    found = only_arm([passed("a", "as_is", 1, grades=(grade,)), failed("b", "as_is", 1)]).format_failures
    assert found is not None
    assert (found.value, found.cases) == (0.0, 1)
    assert found.upper is not None
    assert found.upper > 0.9


def test_pass_hat_k_is_the_share_of_cases_that_always_pass() -> None:
    records = [passed("a", "as_is", r) for r in (1, 2)] + [passed("b", "as_is", 1), failed("b", "as_is", 2)]
    found = only_arm(records).pass_hat_k
    assert found is not None
    assert (found.value, found.cases) == (0.5, 2)


@pytest.mark.parametrize(("outputs", "identical"), [(("x", "x"), True), (("x", "y"), False), (("x",), None)])
def test_identical_repeats(outputs: tuple[str, ...], identical: bool | None) -> None:
    records = [passed("a", "as_is", i + 1, output=text) for i, text in enumerate(outputs)]
    assert only_arm(records).identical_repeats is identical


def test_tool_calls_are_part_of_what_is_identical() -> None:
    calls = [(ToolCall(name="f", arguments=text, id=text),) for text in ("{}", "{} ")]
    records = [passed("a", "as_is", i + 1, output=None, tool_calls=call) for i, call in enumerate(calls)]
    assert only_arm(records).identical_repeats is False


def test_money_tokens_and_latency() -> None:
    usage = Usage(prompt_tokens=100, completion_tokens=10)
    records = [
        passed("a", "as_is", 1, cost_usd=0.001, latency_s=1.0, usage=usage),
        failed("b", "as_is", 1, cost_usd=0.003, latency_s=3.0, usage=usage, cached=True),
        failed("b", "as_is", 2, "call:context_overflow", output=None),
    ]
    summary = summarise(make_plan(TWO, (arm("as_is"),)), records, RunFacts(requests_sent=2))
    one = summary.arms[0]
    assert one.cost_usd == pytest.approx(0.004)
    assert one.cost_usd_per_1k_cases == pytest.approx(1.25)  # the mean of case a (0.001) and case b (0.0015)
    assert (one.prompt_tokens, one.completion_tokens) == (200, 20)
    assert (one.latency_p50_s, one.latency_p95_s) == pytest.approx((2.0, 2.9))
    assert summary.cost_usd == pytest.approx(0.001)
    assert summary.requests_sent == 2


def test_an_answer_of_unknown_price_makes_the_cost_unknown() -> None:
    assert only_arm([passed("a", "as_is", 1, cost_usd=0.1), passed("b", "as_is", 1)]).cost_usd is None


def test_answers_judged_again_are_paid_once() -> None:
    plan = make_plan(TWO, (arm("as_is"), arm("repair")), sources={"repair": "as_is"})
    records = [failed("a", "as_is", 1, cost_usd=0.5), passed("a", "repair", 1, cost_usd=0.5)]
    summary = summarise(plan, records, RunFacts())
    assert summary.cost_usd == 0.5
    repair = summary.arm("repair")
    assert repair is not None
    assert repair.cost_usd == 0.5


def test_arms_that_were_not_run_keep_their_reason() -> None:
    arms = (
        arm("as_is"),
        arm("few_shot"),
        arm("structured", 1, "skipped", "no format grader"),
        arm("context", 2, "waived", "no data"),
    )
    facts = RunFacts(not_needed={"few_shot": "as_is is proven at the bar"})
    summary = summarise(make_plan(TWO, arms), [passed("a", "as_is", 1)], facts)
    assert [(one.arm, one.status, one.reason) for one in summary.arms] == [
        ("as_is", "run", ""),
        ("few_shot", "not_run", "as_is is proven at the bar"),
        ("structured", "skipped", "no format grader"),
        ("context", "waived", "no data"),
    ]
    assert all(one.accuracy is None for one in summary.arms[1:])


def test_arms_are_compared_with_as_is_and_context_with_every_prompt() -> None:
    arms = (arm("as_is"), arm("few_shot"), arm("context", 2))
    records = [failed("a", "as_is", 1), passed("b", "as_is", 1)]
    records += [passed(case, name, 1) for case in "ab" for name in ("few_shot", "context")]
    summary = summarise(make_plan(TWO, arms), records, RunFacts())
    pairs = {(p.first, p.second): p for p in summary.paired}
    assert set(pairs) == {("few_shot", "as_is"), ("context", "as_is"), ("context", "few_shot")}
    assert pairs["few_shot", "as_is"].difference == 0.5
    assert pairs["few_shot", "as_is"].fixed == ("a",)


def test_roles_are_kept_apart() -> None:
    plan = make_plan(TWO, (arm("as_is"),), roles=("candidate", "teacher"))
    records = [failed("a", "as_is", 1, model="m-1"), passed("a", "as_is", 1, "teacher", model="t-1")]
    summary = summarise(plan, records, RunFacts())
    values = {one.role: one.accuracy.value for one in summary.arms if one.accuracy}
    assert values == {"candidate": 0.0, "teacher": 1.0}
    assert summary.resolved_models == {"candidate": ("m-1",), "teacher": ("t-1",)}
    assert summary.judged_cases == 1


def test_stale_and_missing_recordings_are_counted() -> None:
    records = [
        unanswered("a", "as_is", 1, "infra:stale"),
        unanswered("a", "as_is", 2, "infra:not_recorded"),
        unanswered("b", "as_is", 1, "infra:not_recorded"),
        passed("b", "as_is", 2, tied_to_prompt=False),
    ]
    summary = summarise(make_plan(TWO, (arm("as_is"),)), records, RunFacts(missing=3, stop="budget"))
    assert (summary.stale, summary.not_recorded) == (1, 2)
    assert summary.infra_errors == {"infra:not_recorded": 2, "infra:stale": 1}
    assert not summary.tied_to_prompt
    assert (summary.missing, summary.stop) == (3, "budget")


def test_breakdowns_of_as_is() -> None:
    def grade(predicted: str | None, **fields: bool) -> tuple[Grade, ...]:
        named = {f"/{name.replace('__', '/')}": value for name, value in fields.items()}
        return (
            Grade(grader="label", outcome="passed", expected_label="A", predicted=predicted, fields=named),
        )

    records = [
        passed("a", "as_is", 1, grades=grade("A", items__0__sku=True, items__1__sku=True, total=True)),
        failed("a", "as_is", 2, grades=grade("B", items__0__sku=True, items__1__sku=False, total=True)),
        failed("b", "as_is", 1, grades=grade(None)),
        failed("b", "few_shot", 1, grades=grade("Z")),
    ]
    summary = summarise(make_plan(TWO, (arm("as_is"), arm("few_shot"))), records, RunFacts())
    assert summary.confusion == {"A": {"A": 1, "B": 1, "(none)": 1}}
    assert {name: rate.value for name, rate in summary.fields.items()} == {"/items/*/sku": 0.5, "/total": 1.0}
    assert {tag: (rate.value, rate.cases) for tag, rate in summary.tags.items()} == {
        "eu": (0.25, 2),
        "vip": (0.5, 1),
    }


def test_invented_labels_do_not_flood_the_confusion_table() -> None:
    records = [
        failed(
            "a",
            "as_is",
            i + 1,
            grades=(
                Grade(grader="label", outcome="failed", expected_label="A", predicted=f"{i:03d}" + "x" * 500),
            ),
        )
        for i in range(100)
    ]
    summary = summarise(make_plan(TWO, (arm("as_is"),), repeats=100), records, RunFacts())
    row = summary.confusion["A"]
    assert len(row) == 21
    assert row["(other)"] == 80
    assert max(map(len, row)) <= 80


def test_cases_needed_only_where_something_is_undecided() -> None:
    cases = tuple(Case(id=f"c{i:03d}") for i in range(100))

    def needed(share: float, alternate: bool = False) -> int | None:
        records = [
            (passed if i < 100 * share else failed)(case.id, "as_is", 1) for i, case in enumerate(cases)
        ]
        return summarise(make_plan(cases, (arm("as_is"),), repeats=1), records, RunFacts()).cases_needed

    assert needed(0.98) is None
    assert needed(0.40) is None
    assert needed(0.80) is None
    near, nearer = needed(0.76), needed(0.78)
    assert near is not None
    assert nearer is not None
    assert 100 < near < nearer


def test_order_of_records_changes_nothing() -> None:
    cases = tuple(Case(id=f"c{i}", group=f"g{i % 3}") for i in range(9))
    plan = make_plan(cases, (arm("as_is"), arm("few_shot")), repeats=3)
    shuffler = random.Random(0)
    records = [
        (passed if shuffler.random() < 0.6 else failed)(
            trial.key.case, trial.key.arm, trial.key.repeat, cost_usd=shuffler.random() / 7, latency_s=0.1
        )
        for item in plan.items
        for trial in item.trials
    ]
    first = summarise(plan, records, RunFacts())
    shuffler.shuffle(records)
    assert summarise(plan, records, RunFacts()) == first


@pytest.mark.parametrize(("share", "value"), [(0, 1.0), (0.5, 2.5), (0.95, 3.85), (1, 4.0)])
def test_quantiles_are_interpolated(share: float, value: float) -> None:
    assert find_quantile([1.0, 2.0, 3.0, 4.0], share) == pytest.approx(value)
    assert find_quantile([], share) is None
