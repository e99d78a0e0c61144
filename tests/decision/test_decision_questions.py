"""The verdict of scripted worlds, and every condition at its edge."""

from __future__ import annotations

from dataclasses import replace

import pytest
from decision_world import (
    BAR,
    LOW,
    all_arms,
    beats,
    build_arm,
    build_evalset,
    build_pattern,
    build_rate,
    build_registries,
    build_search,
    build_summary,
    build_test,
    decide_with,
    idle_arm,
    justified,
    pattern_set,
    worlds,
)
from hypothesis import given
from hypothesis import strategies as st

from pytest_ftgate.decision.claims import is_proven_at_bar
from pytest_ftgate.decision.questions import decide
from pytest_ftgate.model.evalset import Case, GateSpec, GraderSpec, Knowledge
from pytest_ftgate.model.finding import Finding
from pytest_ftgate.model.summary import CaseTally


def judge(evalset, summary, *, strict=False, evidence=None):
    return decide(evalset, summary, strict=strict, evidence=evidence, registries=build_registries())


def verdict_of(summary, **changes):
    return judge(build_evalset(**changes), summary).verdict


@pytest.mark.parametrize("name", list(worlds()))
def test_each_world_reaches_its_verdict(name):
    evalset, summary = worlds()[name]
    verdict = judge(evalset, summary).verdict
    assert verdict.decision == name.split()[0]
    assert verdict.reason.isascii()
    assert verdict.reason.endswith(".")
    assert verdict.m_arms == summary.multiplicity


def test_earlier_conditions_win_over_later_ones():
    blocking = Finding(rule="empty-passes", severity="error", what="x", blocks=True)
    good = build_summary(*all_arms(0.95, 0.95, 0.95, 0.95))
    assert verdict_of(replace(good, findings=(blocking,))).decision == "not_ready"
    assert verdict_of(replace(good, findings=(blocking,), missing=1)).decision == "incomplete"
    assert verdict_of(replace(good, missing=1, partial=True)).decision == "not_asked"
    # 20 cases are too few to diagnose, and enough for a proof.
    assert verdict_of(replace(good, judged_cases=20)).decision == "bar_met"


def test_a_finding_that_does_not_block_changes_nothing():
    warning = Finding(rule="rare-labels", severity="error", what="labels are rare", blocks=False)
    assert verdict_of(replace(justified(), findings=(warning,))).decision == "fine_tune_justified"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"missing": 1}, "incomplete"),
        ({"stale": 1}, "incomplete"),
        ({"not_recorded": 1}, "incomplete"),
        ({"stop": "budget of $1.00 reached"}, "incomplete"),
        ({"total": 0, "selected": 0}, "incomplete"),
        ({}, "fine_tune_justified"),
    ],
)
def test_incomplete_for_each_kind_of_gap(changes, expected):
    assert verdict_of(replace(justified(), **changes)).decision == expected


@pytest.mark.parametrize(("unanswered", "expected"), [(12, "bar_met"), (13, "incomplete")])
def test_two_percent_of_an_arm_may_stay_unanswered(unanswered, expected):
    arms = (build_arm("as_is", 0.93), build_arm("few_shot", 0.9, unanswered=unanswered))
    assert verdict_of(build_summary(*arms)).decision == expected


def test_unanswered_trials_of_another_role_count_too():
    teacher = replace(build_arm("as_is", 0.95), role="teacher", unanswered=60)
    verdict = verdict_of(build_summary(build_arm("as_is", 0.93), teacher))
    assert verdict.decision == "incomplete"
    assert "teacher" in verdict.reason


def test_crashing_graders_make_a_run_incomplete():
    arm = build_arm("as_is", 0.93, accuracy=build_rate(0.93, errors=60))
    assert verdict_of(build_summary(arm)).decision == "incomplete"


@pytest.mark.parametrize(("lower", "expected"), [(BAR, "bar_met"), (BAR - 1e-12, "inconclusive")])
def test_the_bar_is_reached_at_equality(lower, expected):
    arm = build_arm("as_is", 0.85, accuracy_test=replace(build_test(0.85), lower=lower))
    assert verdict_of(build_summary(arm)).decision == expected


@pytest.mark.parametrize(("upper", "expected"), [(BAR, "inconclusive"), (BAR - 1e-12, "fine_tune_justified")])
def test_an_upper_bound_at_the_bar_is_not_below_it(upper, expected):
    arms = [replace(arm, accuracy_test=replace(arm.accuracy_test, upper_ft=upper)) for arm in LOW]
    assert verdict_of(replace(justified(), arms=tuple(arms))).decision == expected


def test_call_failures_counted_as_passes_keep_an_arm_from_being_below():
    few_shot = replace(LOW[1], lenient_test=replace(LOW[1].lenient_test, upper_ft=BAR))
    verdict = verdict_of(replace(justified(), arms=(LOW[0], few_shot, *LOW[2:])))
    assert verdict.decision == "inconclusive"


def find_missed(*signatures, arms=("as_is",)):
    """The verdict where as_is fails only by those signatures."""
    patterns = pattern_set(
        *(build_pattern(name, reproducible=False, share=0.4, arms=arms) for name in signatures)
    )
    return verdict_of(build_summary(build_arm("as_is", 0.6, lenient=0.95), patterns=patterns))


@pytest.mark.parametrize(
    ("signature", "limit", "remedy"),
    [
        ("call:slow", "over the limit of grader latency", "a faster model or endpoint"),
        ("call:expensive", "over the limit of grader cost", "a cheaper model"),
        ("call:fast", "faster than grader not-latency allows", "another limit"),
        ("call:cheap", "cheaper than grader not-cost allows", "another limit"),
    ],
)
def test_a_missed_limit_is_named_and_no_broken_call(signature, limit, remedy):
    verdict = find_missed(signature)
    assert verdict.decision == "fix_call"
    assert verdict.reason.startswith(f"Right answers {limit} ({signature}) stand between")
    assert "cut off" not in verdict.reason
    assert "95 % if the limits were met" in verdict.reason
    assert remedy in verdict.changes[0]
    assert not any("max_tokens" in change for change in verdict.changes)


def test_broken_calls_and_missed_limits_are_told_together():
    verdict = find_missed("call:slow", "call:truncated")
    assert "cut off or wrongly set, and right answers over the limit of grader latency" in verdict.reason
    assert "max_tokens" in verdict.changes[0]
    assert "a faster model" in verdict.changes[1]


def test_what_another_arm_missed_is_not_told_of_this_one():
    verdict = find_missed("call:slow", arms=("few_shot",))
    assert verdict.reason.startswith("Calls that were cut off")


def test_missed_limits_among_other_failures_are_named_below_the_bar():
    slow = build_pattern("call:slow", reproducible=False, share=0.3)
    verdict = verdict_of(build_summary(*LOW, patterns=pattern_set(slow)))
    assert verdict.decision == "no_pattern"
    assert "Of the failures, 30 % are right answers over the limit of grader latency (call:slow)" in (
        verdict.reason
    )


def test_missed_limits_are_never_a_reason_to_tune():
    labels = build_pattern(share=0.3)
    slow = build_pattern("call:slow", share=0.6)
    verdict = verdict_of(build_summary(*LOW, patterns=pattern_set(labels, slow)))
    assert verdict.decision == "partial_pattern"
    assert "(call:slow)" in verdict.reason


def test_arms_other_than_as_is_are_corrected_for_their_number():
    few_shot = build_arm("few_shot", 0.87, accuracy_test=replace(build_test(0.87), lower_m=0.79))
    assert few_shot.accuracy_test.lower >= BAR
    assert verdict_of(build_summary(build_arm("as_is", 0.6), few_shot)).decision == "inconclusive"


def test_a_proven_arm_goes_before_call_failures():
    arms = (build_arm("as_is", 0.6, lenient=0.95), build_arm("few_shot", 0.93))
    assert verdict_of(build_summary(*arms)).decision == "improve_prompt"


def test_the_cheapest_proven_prompt_is_named():
    dear = build_arm("few_shot", 0.95, cost_usd_per_1k_cases=2.0)
    cheap = build_arm("rewritten", 0.93, cost_usd_per_1k_cases=0.5)
    verdict = verdict_of(build_summary(build_arm("as_is", 0.6), dear, cheap))
    assert (verdict.decision, verdict.recommended_arm) == ("improve_prompt", "rewritten")
    unpriced = [replace(arm, cost_usd_per_1k_cases=None) for arm in (dear, cheap)]
    unpriced[0] = replace(unpriced[0], prompt_tokens=10)
    assert verdict_of(build_summary(build_arm("as_is", 0.6), *unpriced)).recommended_arm == "few_shot"


def in_context(**changes):
    paired = beats("context", "as_is", "few_shot", "structured")
    return build_summary(*all_arms(0.5, 0.55, 0.52, 0.92), **{"paired": paired, **changes})


@pytest.mark.parametrize(
    ("knowledge", "tokens", "expected"),
    [
        (Knowledge(stated=True, changes="never"), 9_999, "add_context"),
        (Knowledge(), 9_999, "add_context"),
        (Knowledge(stated=True, changes="never"), 10_000, "use_rag"),
        (Knowledge(stated=True, changes="never"), None, "use_rag"),
        (Knowledge(stated=True, changes="daily"), 500, "use_rag"),
        (Knowledge(stated=True, changes="never", citations=True), 500, "use_rag"),
    ],
)
def test_small_static_knowledge_goes_into_the_prompt(knowledge, tokens, expected):
    verdict = verdict_of(in_context(knowledge_tokens=tokens), decision=decide_with(knowledge=knowledge))
    assert (verdict.decision, verdict.recommended_arm) == (expected, "context")


@pytest.mark.parametrize("broken", ["as_is", "few_shot", "structured"])
def test_context_must_beat_every_prompt_arm(broken):
    pairs = [
        replace(p, lower=0.0) if p.second == broken else p
        for p in beats("context", "as_is", "few_shot", "structured")
    ]
    verdict = verdict_of(in_context(paired=tuple(pairs)))
    assert verdict.decision == "inconclusive"
    assert verdict.leans_to in ("use_rag", "add_context")
    unpaired = tuple(p for p in pairs if p.second != broken)
    assert verdict_of(in_context(paired=unpaired)).decision == "inconclusive"


def without(name, status="not_run"):
    return tuple(idle_arm(a.arm, status, "left out") if a.arm == name else a for a in LOW)


@pytest.mark.parametrize("name", ["few_shot", "structured", "context"])
def test_an_arm_that_was_not_run_rules_out_fine_tuning_and_is_named(name):
    for arms in (without(name), tuple(a for a in LOW if a.arm != name)):
        verdict = verdict_of(replace(justified(), arms=arms))
        assert verdict.decision == "inconclusive"
        assert verdict.leans_to == "fine_tune_justified"
        assert verdict.missing_arms == (name,)
        assert name in verdict.reason
        assert any(name in change for change in verdict.changes)


def test_a_schema_that_is_not_enforced_is_not_told_as_an_arm_to_run():
    arms = tuple(replace(a, schema_enforced="unverified") if a.arm == "structured" else a for a in LOW)
    verdict = verdict_of(replace(justified(), arms=arms))
    assert (verdict.decision, verdict.missing_arms) == ("inconclusive", ("structured",))
    assert "structured has not been run" not in verdict.reason
    assert "structured counts only where the schema is proven enforced" in verdict.reason
    assert [change.split(":")[0] for change in verdict.changes] == ["have the schema of structured enforced"]
    assert "run structured" not in str(verdict.steps)
    unrun = verdict_of(replace(justified(), arms=without("structured")))
    assert "structured has not been run" in unrun.reason


def test_nothing_leans_to_tuning_where_no_remedy_was_tried():
    verdict = verdict_of(replace(justified(), arms=LOW[:1]))
    assert (verdict.decision, verdict.leans_to) == ("inconclusive", None)
    assert "leans to" not in verdict.reason


def test_any_arm_the_user_left_out_rules_out_fine_tuning():
    verdict = verdict_of(replace(justified(), arms=(*LOW, idle_arm("rewritten", "not_run"))))
    assert (verdict.decision, verdict.missing_arms) == ("inconclusive", ("rewritten",))


@pytest.mark.parametrize(
    ("state", "expected"),
    [("enforced", "fine_tune_justified"), ("unsupported", "fine_tune_justified"),
     ("unverified", "inconclusive"), (None, "inconclusive")],
)  # fmt: skip
def test_structured_counts_only_when_the_schema_was_proven_enforced(state, expected):
    arms = tuple(replace(a, schema_enforced=state) if a.arm == "structured" else a for a in LOW)
    verdict = verdict_of(replace(justified(), arms=arms))
    assert verdict.decision == expected
    assert verdict.missing_arms == (() if expected == "fine_tune_justified" else ("structured",))


def test_structured_is_not_needed_without_a_format_grader():
    arms = tuple(replace(a, format_failures=None) for a in LOW if a.arm != "structured")
    summary = replace(justified(), arms=arms)
    assert verdict_of(summary, graders=(GraderSpec(name="numeric"),)).decision == "fine_tune_justified"
    assert verdict_of(summary, graders=(GraderSpec(name="is-json"),)).decision == "inconclusive"


def test_context_is_not_needed_where_no_knowledge_is():
    arms = tuple(a for a in LOW if a.arm != "context")
    summary = replace(justified(), arms=arms)
    bare = tuple(Case(id=f"c{i}", input="x", expected="y", has_expected=True) for i in range(120))
    none = decide_with(knowledge=Knowledge(stated=True, none=True))
    assert verdict_of(summary, cases=bare, decision=none).decision == "fine_tune_justified"
    assert verdict_of(summary, cases=bare).missing_arms == ("context",)
    assert verdict_of(summary, decision=none).missing_arms == ("context",)


NO_KNOWLEDGE = Knowledge(stated=True, none=True)


def cases_with_context(count, total=100, context="c"):
    return tuple(
        Case(id=f"c{i}", input="x", expected="y", has_expected=True, context=context if i < count else None)
        for i in range(total)
    )


@pytest.mark.parametrize(
    ("cases", "knowledge", "is_answered"),
    [
        (cases_with_context(100), Knowledge(), True),
        (cases_with_context(90), Knowledge(), True),
        (cases_with_context(89), Knowledge(), False),
        (cases_with_context(1), Knowledge(), False),
        (cases_with_context(100, context=""), Knowledge(), False),
        (cases_with_context(1), NO_KNOWLEDGE, True),
    ],
)
def test_context_answers_question_2_only_where_nearly_all_cases_have_it(cases, knowledge, is_answered):
    verdict = verdict_of(justified(), cases=cases, decision=decide_with(knowledge=knowledge))
    assert (verdict.decision == "fine_tune_justified") == is_answered
    assert verdict.missing_arms == (() if is_answered else ("context",))


def test_too_little_context_is_said_with_its_numbers():
    verdict = verdict_of(justified(), cases=cases_with_context(1))
    assert verdict.decision == "inconclusive"
    assert "context is given for 1 of 100 cases" in verdict.reason
    assert "not been run" not in verdict.reason
    assert any("90 % of the cases" in change for change in verdict.changes)
    scattered = replace(justified(), patterns=pattern_set(build_pattern(reproducible=False)))
    assert "1 of 100 cases" in verdict_of(scattered, cases=cases_with_context(1)).reason


def test_only_judged_cases_count_for_the_share_of_context():
    tallies = tuple(CaseTally(case=f"c{i}", graded=5, passed=3) for i in range(10))
    arms = (replace(LOW[0], tallies=tallies), *LOW[1:])
    summary = replace(justified(), arms=arms)
    assert verdict_of(summary, cases=cases_with_context(10)).decision == "fine_tune_justified"
    hollow = tuple(replace(case, context=None) if int(case.id[1:]) < 10 else case
                   for case in cases_with_context(100))  # fmt: skip
    assert verdict_of(summary, cases=hollow).missing_arms == ("context",)


@pytest.mark.parametrize(("reached", "is_answered"), [(100, True), (90, True), (89, False), (None, False)])
def test_retrieval_answers_question_2_only_where_it_is_known_to_reach_the_knowledge(reached, is_answered):
    """A search that misses what is needed would be taken for a model that cannot learn."""
    arms = (*(a for a in LOW if a.arm != "context"), build_arm("retrieval", 0.69))
    searches = () if reached is None else (build_search(reached=reached, missed=100 - reached),)
    verdict = verdict_of(replace(justified(), arms=arms, retrievals=searches), cases=cases_with_context(0))
    assert (verdict.decision == "fine_tune_justified") == is_answered
    if not is_answered:
        assert f"reach what {reached or 0} of 100 cases need" in verdict.reason


RAG = (
    {"role": "system", "content": "Answer."},
    {"role": "user", "content": "{{ context|trim }}\n{{ input }}"},
)


@pytest.mark.parametrize(
    ("prompt", "given", "is_answered"),
    [
        (RAG, 100, True),
        (RAG, 89, False),
        (({"role": "user", "content": [{"type": "text", "text": "{{ context }}"}]},), 100, True),
        (({"role": "user", "content": "{% for c in context %}{{ c }}{% endfor %}"},), 100, True),
        (({"role": "user", "content": "the context: {{ input }}"},), 100, False),
        (({"role": "user", "content": "{{ vars.context }}{{ input['context'] }}"},), 100, False),
        (({"role": "user", "content": "{{ context"},), 100, False),
        ((), 100, False),
    ],
)
def test_a_prompt_that_names_the_context_is_its_own_context_arm(prompt, given, is_answered):
    bare = tuple(a for a in LOW if a.arm != "context")
    skipped = (*bare, idle_arm("context", "skipped", "the prompt already has the context"))
    for arms in (bare, skipped):
        summary = replace(justified(), arms=arms)
        verdict = verdict_of(summary, cases=cases_with_context(given), prompt=prompt)
        assert (verdict.decision == "fine_tune_justified") == is_answered
        assert verdict.missing_arms == (() if is_answered else ("context",))


def test_waiving_context_bars_nothing_where_the_prompt_has_it():
    summary = build_summary(
        *(a for a in LOW if a.arm != "context"),
        patterns=pattern_set(build_pattern("value:/total", share=0.8)),
    )
    waived = decide_with(waive={"context": "in the prompt"})
    assert verdict_of(summary, decision=waived, prompt=RAG).decision == "fine_tune_justified"
    assert verdict_of(summary, decision=waived).decision == "inconclusive"


def test_a_waived_context_arm_of_another_name_bars_value_patterns_too():
    gold = replace(idle_arm("context", "waived", "secret"), arm="gold")
    summary = build_summary(
        *(a for a in LOW if a.arm != "context"), gold,
        patterns=pattern_set(build_pattern("value:/total", share=0.8)),
    )  # fmt: skip
    assert verdict_of(summary, decision=decide_with(waive={"gold": "secret"})).decision == "inconclusive"


def test_as_is_is_tested_at_alpha_and_any_other_arm_corrected():
    test = replace(build_test(0.87), lower=BAR, lower_m=BAR - 0.01)
    assert is_proven_at_bar(build_arm("as_is", 0.87, accuracy_test=test), BAR)
    assert not is_proven_at_bar(build_arm("few_shot", 0.87, accuracy_test=test), BAR)
    assert not is_proven_at_bar(idle_arm("as_is", "not_run"), BAR)


def test_the_next_command_says_that_it_asks_whatever_this_run_sent():
    evalset, summary = worlds()["inconclusive"]
    for sent in (0, 500):
        command = judge(evalset, replace(summary, requests_sent=sent)).verdict.next_command
        assert command == "pytest --ftgate evals/tickets.evalset.yaml  # asks the model"


def test_the_next_command_names_the_models_that_this_one_named():
    evalset, summary = worlds()["inconclusive"]
    stated = {"candidate": "openai/one", "judge": "openai/two; rm"}
    command = judge(evalset, replace(summary, stated_models=stated)).verdict.next_command
    options = "--ftgate-use-model openai/one --ftgate-use-model 'judge=openai/two; rm'"
    assert command == f"pytest --ftgate evals/tickets.evalset.yaml {options}  # asks the model"


@pytest.mark.parametrize("changes", [{"stale": 1}, {"not_recorded": 2}])
def test_after_an_incomplete_replay_the_next_command_records(changes):
    verdict = verdict_of(replace(justified(), requests_sent=0, **changes))
    assert verdict.decision == "incomplete"
    command, comment = verdict.next_command.split("  # ")
    assert command == "pytest --ftgate evals/tickets.evalset.yaml --ftgate-record FILE"
    assert comment == "asks the model"


def test_a_waived_arm_is_not_missing_and_is_printed():
    waived = decide_with(waive={"few_shot": "no examples exist"})
    for arms in (tuple(a for a in LOW if a.arm != "few_shot"), without("few_shot", "waived")):
        verdict = verdict_of(replace(justified(), arms=arms), decision=waived)
        assert verdict.decision == "fine_tune_justified"
        assert verdict.waived == {"few_shot": "no examples exist"}
        assert "no examples exist" in verdict.reason


def test_value_patterns_never_justify_tuning_with_question_2_waived():
    arms = tuple(a for a in LOW if a.arm != "context")
    waived = decide_with(waive={"context": "secret"})
    value = build_pattern("value:/total", share=0.8)
    only_value = build_summary(*arms, patterns=pattern_set(value))
    assert verdict_of(only_value, decision=waived).decision == "inconclusive"
    assert "question 2" in verdict_of(only_value, decision=waived).reason
    mixed = build_summary(*arms, patterns=pattern_set(value, build_pattern(share=0.2), share=1.0))
    assert verdict_of(mixed, decision=waived).decision == "partial_pattern"
    label = build_summary(*arms, patterns=pattern_set(build_pattern(share=0.6)))
    assert verdict_of(label, decision=waived).decision == "fine_tune_justified"
    # With question 2 answered, a wrong value is no lack of knowledge.
    assert verdict_of(build_summary(*LOW, patterns=pattern_set(value))).decision == "fine_tune_justified"


def test_call_patterns_are_never_model_patterns():
    summary = build_summary(*LOW, patterns=pattern_set(build_pattern("call:truncated")))
    assert verdict_of(summary).decision != "fine_tune_justified"


@pytest.mark.parametrize(("share", "expected"), [(0.5, "fine_tune_justified"), (0.499, "partial_pattern")])
def test_patterns_must_be_half_of_the_failures(share, expected):
    summary = build_summary(*LOW, patterns=pattern_set(build_pattern(share=share)))
    assert verdict_of(summary).decision == expected


def test_one_repeat_never_confirms_and_never_denies_a_pattern():
    unassessed = build_pattern(reproducible=None, p_holm=None)
    verdict = verdict_of(build_summary(*LOW, patterns=pattern_set(unassessed), repeats=1))
    assert verdict.decision == "inconclusive"
    assert verdict.leans_to is None
    assert "recurrence" in verdict.reason


def test_repeats_that_are_identical_want_a_temperature_and_not_more_of_them():
    unassessed = pattern_set(build_pattern(reproducible=None, p_holm=None))
    told = verdict_of(build_summary(*LOW, patterns=unassessed))
    assert any("repeats: 5" in change for change in told.changes)
    identical = [replace(arm, identical_repeats=True, repeats_dropped=480) for arm in LOW]
    told = verdict_of(build_summary(*identical, patterns=unassessed))
    assert told.decision == "inconclusive"
    assert any("a higher temperature" in change for change in told.changes)
    assert not any("repeats: 5" in change for change in told.changes)


def test_a_set_below_the_bar_with_as_is_alone_names_what_was_not_run():
    """The Banking77 replay: one arm, one repeat."""
    summary = build_summary(
        build_arm("as_is", 0.4),
        patterns=pattern_set(build_pattern("format:prose_before", reproducible=None)),
        repeats=1,
        tied_to_prompt=False,
    )
    verdict = verdict_of(summary)
    assert verdict.decision == "inconclusive"
    assert verdict.missing_arms == ("few_shot", "structured", "context")
    assert "not tied to this prompt" in verdict.reason


def test_p_is_the_weakest_link():
    verdict = verdict_of(justified())
    assert verdict.p == pytest.approx(0.01)
    few_shot = build_arm("few_shot", 0.93)
    improved = verdict_of(build_summary(build_arm("as_is", 0.6), few_shot, multiplicity=4))
    assert improved.p == pytest.approx(4 * few_shot.accuracy_test.p_above)
    assert verdict_of(in_context(knowledge_tokens=5)).p == pytest.approx(0.05)


def test_inconclusive_says_how_many_cases_would_decide():
    evalset, summary = worlds()["inconclusive"]
    verdict = judge(evalset, summary).verdict
    assert verdict.cases_needed == 720
    assert "720 cases" in verdict.reason
    assert verdict.leans_to == "no_pattern"


def test_only_the_candidate_climbs_the_ladder():
    base = tuple(replace(arm, role="base") for arm in all_arms(0.95, 0.95, 0.95, 0.95))
    assert verdict_of(replace(justified(), arms=(*LOW, *base))).decision == "fine_tune_justified"


def test_as_is_must_have_been_run():
    summary = build_summary(*LOW[1:], patterns=pattern_set(build_pattern()))
    assert verdict_of(summary).decision == "inconclusive"
    assert verdict_of(build_summary()).decision == "incomplete"


@pytest.mark.parametrize(
    ("economics", "gate", "expected"),
    [
        (
            {"calls_per_month": 300_000},
            GateSpec(name="cost", options={"usd_per_1k_cases": 0.1}),
            ("distill",),
        ),
        ({"calls_per_month": 300_000}, GateSpec(name="latency", options={"p95_s": 0.5}), ("distill",)),
        ({"calls_per_month": 300_000}, GateSpec(name="latency", options={"p95_s": 2.0}), ()),
        ({}, GateSpec(name="cost", options={"usd_per_1k_cases": 0.1}), ()),
    ],
)
def test_distill_stands_beside_a_bar_that_is_met_too_dearly(economics, gate, expected):
    evalset = build_evalset(economics=economics, gates=(gate,))
    for summary in (build_summary(build_arm("as_is", 0.93)), build_summary(*all_arms(0.6, 0.95, 0.6, 0.6))):
        verdict = judge(evalset, summary).verdict
        assert verdict.also == expected
        assert (verdict.plan is not None) == bool(expected)


BOUNDS = st.floats(0.3, 0.95)
STATES = st.sampled_from(["run", "not_run", "absent"])


@given(
    values=st.tuples(BOUNDS, BOUNDS, BOUNDS, BOUNDS),
    lenient=st.floats(0, 0.2),
    states=st.tuples(STATES, STATES, STATES),
    enforced=st.sampled_from(["enforced", "unverified", None]),
    reproducible=st.sampled_from([True, False, None]),
    share=st.floats(0, 1),
)
def test_fine_tuning_is_never_justified_without_every_condition(
    values, lenient, states, enforced, reproducible, share
):
    arms = [build_arm("as_is", values[0], lenient=min(1, values[0] + lenient))]
    for name, value, state in zip(("few_shot", "structured", "context"), values[1:], states, strict=True):
        if state == "run":
            changes = {"schema_enforced": enforced} if name == "structured" else {}
            arms.append(build_arm(name, value, lenient=min(1, value + lenient), **changes))
        elif state == "not_run":
            arms.append(idle_arm(name, "not_run"))
    pattern = build_pattern(share=share, reproducible=reproducible)
    summary = build_summary(*arms, patterns=pattern_set(pattern))
    verdict = verdict_of(summary)
    allowed = (
        all(state == "run" for state in states)
        and enforced == "enforced"
        and all(a.accuracy_test.upper_ft < BAR and a.lenient_test.upper_ft < BAR for a in arms)
        and reproducible is True
        and share >= 0.5
    )
    assert (verdict.decision == "fine_tune_justified") == allowed
