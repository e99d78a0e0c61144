"""Advice on a search: "it misses the passage" is told from "the model cannot use it"."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from decision_world import (
    LOW,
    beats,
    build_arm,
    build_evalset,
    build_rate,
    build_registries,
    build_search,
    build_summary,
    decide_with,
)

from pytest_ftgate.decision.questions import find_verdict
from pytest_ftgate.decision.situation import Situation
from pytest_ftgate.model.evalset import Knowledge, ModelSpec, Price
from pytest_ftgate.model.knowledge import KnowledgeSize
from pytest_ftgate.model.verdict import Verdict

NOTHING_SAID = Knowledge()
PRICE = Price(input_usd_per_m=0.15, output_usd_per_m=0.6, cached_input_usd_per_m=0.075)


def judge(*searches: Any, arms: Any = None, knowledge: Knowledge = NOTHING_SAID, **summary: Any) -> Verdict:
    made = build_summary(*(arms or (*LOW, build_arm("retrieval", 0.6))))
    made = replace(made, retrievals=searches, **summary)
    evalset = build_evalset(decision=decide_with(knowledge=knowledge))
    return find_verdict(Situation(evalset=evalset, summary=made, registries=build_registries()))


def advice(*searches: Any, **more: Any) -> str:
    return " / ".join(judge(*searches, **more).changes)


def test_a_search_that_misses_is_named_with_its_recall_and_what_would_mend_it() -> None:
    found = build_search(reached=24, missed=16, accuracy_reached=build_rate(0.9, cases=24))
    said = advice(replace(found, recall={4: build_rate(0.6, cases=40), 20: build_rate(0.9, cases=40)}))
    assert "the search misses what it should find (recall@4 60 % of 40 cases, recall@20 90 %)" in said
    assert "a larger `k`, `rank: hybrid`" in said
    assert "even where its prompt holds" not in said


def test_a_model_that_cannot_use_what_it_is_shown_is_told_from_that() -> None:
    found = build_search(reached=39, missed=1, accuracy_reached=build_rate(0.5, cases=39))
    said = advice(found)
    assert "the search misses" not in said
    assert "misses the bar even where its prompt holds the gold context (50 % of 39 cases)" in said
    assert "it cannot use what it is shown" in advice(replace(found, oracle_reached=build_rate(0.52)))
    assert "distracts it" in advice(replace(found, oracle_reached=build_rate(0.9)))


def test_both_can_be_said_at_once() -> None:
    said = advice(build_search(reached=20, missed=20, accuracy_reached=build_rate(0.5, cases=20)))
    assert "the search misses" in said
    assert "even where its prompt holds" in said


def test_gold_context_in_no_document_and_none_at_all() -> None:
    said = advice(build_search(reached=38, absent=2))
    assert "no document holds the gold context of 2 cases" in said
    assert "give cases their `context`" in advice(build_search())
    assert "give cases" not in said


def test_a_good_search_and_an_arm_that_did_not_run_say_nothing() -> None:
    found = build_search(reached=40, accuracy_reached=build_rate(0.95))
    assert "retrieval" not in advice(found)
    assert "retrieval" not in advice(build_search(missed=40), arms=LOW)


KNOWING = (*(arm for arm in LOW if arm.arm != "context"), build_arm("context", 0.93, half=0.03))
BETTER = beats("context", "as_is", "few_shot", "structured")


def test_an_oracle_alone_asks_for_a_real_search() -> None:
    verdict = judge(arms=KNOWING, knowledge_tokens=50_000, paired=BETTER)
    assert verdict.decision == "use_rag"
    assert any("add arm retrieval" in change for change in verdict.changes)


def test_a_search_that_falls_short_of_the_oracle_is_told_with_its_recall_and_what_to_mend() -> None:
    """The verdict stays: with the right text the bar is reached; the search is what has to be built."""
    search = build_arm("retrieval", 0.6)
    found = build_search(reached=24, missed=16, accuracy_reached=build_rate(0.93, cases=24))
    verdict = judge(found, arms=(*KNOWING, search), knowledge_tokens=50_000, paired=BETTER, judged_cases=120)
    assert (verdict.decision, verdict.recommended_arm) == ("use_rag", "context")
    assert (
        "The search that was tried falls short of it: "
        "arm retrieval has 60 % (54.0 .. 66.0) with recall@4 60 %." in verdict.reason
    )
    assert any("the search misses what it should find" in change for change in verdict.changes)


def test_a_search_that_is_not_yet_proven_asks_for_cases() -> None:
    search = build_arm("retrieval", 0.84)
    found = build_search(reached=39, missed=1, accuracy_reached=build_rate(0.85, cases=39))
    verdict = judge(found, arms=(*KNOWING, search), knowledge_tokens=50_000, paired=BETTER)
    assert "is not proven to reach it: arm retrieval has 84 %" in verdict.reason
    assert any("more cases would show" in change for change in verdict.changes)


def test_a_search_that_reaches_the_bar_itself_is_recommended_before_the_oracle() -> None:
    search = build_arm("retrieval", 0.92, half=0.03, cost_usd_per_1k_cases=5.0)
    both = (*BETTER, *beats("retrieval", "as_is", "few_shot", "structured"))
    verdict = judge(build_search(reached=40), arms=(*KNOWING, search), knowledge_tokens=50_000, paired=both)
    assert (verdict.decision, verdict.recommended_arm) == ("use_rag", "retrieval")
    assert "search that was tried" not in verdict.reason


def test_a_search_at_the_bar_that_is_not_shown_to_beat_the_prompts_is_not_called_short_of_it() -> None:
    search = build_arm("retrieval", 0.92, half=0.03)
    verdict = judge(build_search(reached=40), arms=(*KNOWING, search), knowledge_tokens=50_000, paired=BETTER)
    assert (verdict.decision, verdict.recommended_arm) == ("use_rag", "context")
    assert "reaches it, but is not shown to be better than every prompt: arm retrieval" in verdict.reason
    assert not any("more cases would show" in change for change in verdict.changes)


def test_small_and_static_knowledge_says_nothing_of_a_search() -> None:
    search = build_arm("retrieval", 0.6)
    verdict = judge(arms=(*KNOWING, search), knowledge_tokens=2_000, paired=BETTER)
    assert (verdict.decision, verdict.recommended_arm) == ("add_context", "context")
    assert "search" not in verdict.reason


@pytest.mark.parametrize("judged_cases", [120, 30])
def test_right_answers_without_their_quotes_are_told_from_wrong_ones(judged_cases: int) -> None:
    """Whether too few cases or no pattern ends it: what keeps the arm from the bar is the quotes."""
    uncited = build_arm("context", 0.1, citation_failures=build_rate(0.85))
    arms = (*(arm for arm in LOW if arm.arm != "context"), uncited)
    verdict = judge(arms=arms, knowledge=Knowledge(stated=True, citations=True), judged_cases=judged_cases)
    assert verdict.decision == ("no_pattern" if judged_cases == 120 else "not_ready")
    said = " / ".join(verdict.changes)
    assert "arm context gives the right answer in 95 % of its trials" in said
    assert "85 % fail for their citations alone" in said
    assert "`cite:`" in said


def test_wrong_answers_without_quotes_are_not_blamed_on_the_quotes() -> None:
    wrong = build_arm("context", 0.1, citation_failures=build_rate(0.5))
    arms = (*(arm for arm in LOW if arm.arm != "context"), wrong)
    said = advice(arms=arms, knowledge=Knowledge(stated=True, citations=True))
    assert "citations alone" not in said


@pytest.mark.parametrize(
    ("tokens", "price", "words"),
    [
        (8_000, PRICE, "and cache it ($1.20 more per 1,000 calls, $0.60 read from the cache)."),
        (8_000, replace(PRICE, cached_input_usd_per_m=None), "and cache it ($1.20 more per 1,000 calls)."),
        (500, PRICE, "($0.07 more per 1,000 calls; most vendors cache prompts from 1,024 tokens on)"),
        (8_000, None, "and cache it."),
    ],
)
def test_small_knowledge_is_priced_in_the_prompt_and_from_the_cache(
    tokens: int, price: Price | None, words: str
) -> None:
    size = KnowledgeSize(tokens=tokens, price=price)
    verdict = find_verdict(
        Situation(
            evalset=build_evalset(models={"candidate": ModelSpec(model="m")}),
            summary=replace(build_summary(*KNOWING), knowledge_tokens=tokens, knowledge=size, paired=BETTER),
            registries=build_registries(),
        )
    )
    assert verdict.decision == "add_context"
    assert words in verdict.reason


def test_citations_wanted_of_a_prompt_without_passages_are_mentioned() -> None:
    arms = (build_arm("as_is", 0.93, half=0.03),)
    wanted = Knowledge(stated=True, citations=True)
    assert "no passages to quote" in advice(arms=arms, knowledge=wanted)
    assert "no passages" not in advice(arms=arms)
