"""Which failures are reproducible patterns, and which are not."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from pattern_world import Cell, confirmed, find, make_plan, make_records

from pytest_ftgate.model.evalset import DecisionSpec
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.run import RunFacts
from pytest_ftgate.model.summary import PatternSet
from pytest_ftgate.patterns.examples import MAX_OUTPUT
from pytest_ftgate.patterns.find import MAX_LISTED

ARMS = ("as_is", "few_shot", "structured")


def lucky(seed: int) -> random.Random:
    return random.Random(seed)


def test_a_frequent_failure_of_every_arm_is_one_pattern() -> None:
    plan = make_plan(ARMS, 60, 5)
    found = find(plan, make_records(plan, lambda arm, i, r: "format:fenced" if i % 3 == 0 else None))
    (pattern,) = found.patterns
    assert (pattern.signature, pattern.level, pattern.kind) == ("format:fenced", "leaf", "format")
    assert pattern.reproducible
    assert pattern.specific
    assert (pattern.trials, pattern.cases, pattern.share) == (300, 20, 1.0)
    assert pattern.rate.value == pytest.approx(1 / 3)
    assert (pattern.recurrence, pattern.form) == (1.0, "case-bound")
    assert [(arm.arm, arm.trials, arm.cases, arm.recurring_cases) for arm in pattern.arms] == [
        (arm, 100, 20, 20) for arm in ARMS
    ]
    assert found.confirmed_share == 1.0
    assert found.confirmed_share_low is not None
    assert 0.5 < found.confirmed_share_low < 1.0
    assert found.p_best == pattern.p_holm
    assert 0 < pattern.p_holm < 1e-6  # type: ignore[operator]
    assert "repair" in pattern.hint


def test_what_one_arm_cures_is_no_pattern() -> None:
    plan = make_plan(ARMS, 60, 5)
    records = make_records(
        plan, lambda arm, i, r: "format:fenced" if i % 3 == 0 and arm != "structured" else None
    )
    (pattern,) = find(plan, records).patterns
    assert pattern.reproducible is False
    assert "structured" in pattern.why_not
    assert pattern.specific is None


def test_one_in_five_of_all_trials_is_a_stochastic_pattern() -> None:
    rng, plan = lucky(1), make_plan(ARMS, 100, 5)
    records = make_records(plan, lambda arm, i, r: "format:prose_before" if rng.random() < 0.2 else None)
    (pattern,) = find(plan, records).patterns
    assert pattern.reproducible
    assert pattern.form == "stochastic"
    assert pattern.recurrence == pytest.approx(0.2, abs=0.1)


def test_a_rate_near_the_floor_is_not_enough() -> None:
    plan = make_plan(ARMS, 100, 5)
    records = make_records(plan, lambda arm, i, r: "format:fenced" if i < 6 else None)
    (pattern,) = find(plan, records).patterns
    assert pattern.reproducible is False
    assert "above 5% in every arm" in pattern.why_not


def test_two_cases_are_an_anecdote() -> None:
    plan = make_plan(("as_is",), 5, 20)
    records = make_records(plan, lambda arm, i, r: "format:fenced" if i < 2 else None)
    (pattern,) = find(plan, records).patterns
    assert pattern.reproducible is False
    assert "fewer than 3 cases" in pattern.why_not


def test_failures_that_never_come_twice_do_not_recur() -> None:
    plan = make_plan(("as_is",), 200, 2)
    records = make_records(plan, lambda arm, i, r: "format:fenced" if i < 80 and r == 0 else None)
    (pattern,) = find(plan, records).patterns
    assert pattern.reproducible is False
    assert "recur" in pattern.why_not
    assert pattern.recurrence == 0


def test_one_repeat_is_never_assessed() -> None:
    plan = make_plan(ARMS, 60, 1)
    found = find(plan, make_records(plan, lambda arm, i, r: "format:fenced" if i % 2 else None))
    (pattern,) = found.patterns
    assert pattern.reproducible is None
    assert "one repeat" in pattern.why_not
    assert pattern.recurrence is None
    assert pattern.form is None
    assert found.confirmed == ()
    assert found.confirmed_share == 0


@pytest.mark.parametrize(
    ("signature", "cause"),
    [("call:truncated", "call"), ("refusal:content_filter", "filter")],
)
def test_what_is_not_the_models_doing_is_never_a_pattern(signature: str, cause: str) -> None:
    plan = make_plan(ARMS, 60, 5)
    found = find(plan, make_records(plan, lambda arm, i, r: (signature, ("format:unclosed",), "x")))
    (pattern,) = found.patterns
    assert pattern.signature == signature
    assert pattern.reproducible is False
    assert cause in pattern.why_not
    assert pattern.p_holm is None


def test_unanswered_trials_are_not_failures() -> None:
    plan = make_plan(("as_is",), 20, 3)
    records = [
        replace(record, outcome="error", signature="infra:timeout") if record.key.repeat == 1 else record
        for record in make_records(plan, lambda arm, i, r: "format:fenced")
    ]
    (pattern,) = find(plan, records).patterns
    assert (pattern.trials, pattern.rate.graded) == (40, 40)


def test_no_label_at_first_and_the_same_wrong_label_later_is_one_pattern() -> None:
    """Zero-shot the format failure hides it: only the secondary signature says `label`."""
    plan = make_plan(ARMS, 60, 5)

    def outcome(arm: str, i: int, r: int) -> Cell:
        if i % 2:
            return None
        if arm == "as_is":
            return ("format:not_json", ("label:out_of_taxonomy:(prose)",), f"It seems {i} {r}")
        return (f"label:confusion:L{i % 7}→refund", (), "refund")

    found = find(plan, make_records(plan, outcome))
    assert [(p.signature, p.level) for p in found.confirmed] == [("label", "family")]
    assert found.confirmed_share == 1.0
    assert all(arm.trials == 150 for arm in found.confirmed[0].arms)


def test_random_labels_are_no_label_pattern_and_a_settled_confusion_is() -> None:
    labels = [f"L{i}" for i in range(8)]

    def names(settled: bool) -> list[str]:
        rng, plan = lucky(3), make_plan(ARMS, 100, 5)

        def outcome(arm: str, i: int, r: int) -> Cell:
            if rng.random() > 0.4:
                return None
            wrong = [label for label in labels if label != labels[i % 8]]
            got = wrong[i // 8 % 7] if settled else rng.choice(wrong)
            return (f"label:confusion:{labels[i % 8]}→{got}", (), got)

        return confirmed(plan, make_records(plan, outcome))

    assert names(settled=False) == []
    assert "label" in names(settled=True)


def test_three_labels_at_random_do_not_pass_for_agreement() -> None:
    """Two random wrong answers of three labels agree half the time: that is chance, not a pattern."""
    verdicts = []
    for seed in range(20):
        rng, plan = lucky(seed), make_plan(("as_is",), 60, 5)

        def outcome(arm: str, i: int, r: int, rng: random.Random = rng) -> Cell:
            if rng.random() > 0.2:
                return None
            return f"label:confusion:L{i % 3}→L{(i + rng.choice((1, 2))) % 3}"

        verdicts.append("label" in confirmed(plan, make_records(plan, outcome)))
    assert sum(verdicts) <= 4


@pytest.mark.parametrize(("same", "expected"), [(True, ["value:text"]), (False, [])])
def test_a_wrong_text_is_a_pattern_only_where_it_repeats(same: bool, expected: list[str]) -> None:
    plan = make_plan(ARMS, 60, 5)
    records = make_records(
        plan,
        lambda arm, i, r: ("value:text", (), "I do not know." if same else f"{arm}{i}{r}") if i % 2 else None,
    )
    assert confirmed(plan, records) == expected


def test_a_wrong_field_is_specific_by_its_place() -> None:
    plan = make_plan(ARMS, 60, 5)
    records = make_records(
        plan, lambda arm, i, r: (f"value:/items/{r}/price", (), f"{arm}{i}{r}") if i % 2 else None
    )
    assert confirmed(plan, records) == ["value:/items/*/price"]


def test_many_small_leaves_make_one_rollup() -> None:
    plan = make_plan(ARMS, 100, 5)
    records = make_records(plan, lambda arm, i, r: f"schema:required:/f{i}" if i % 3 == 0 else None)
    assert confirmed(plan, records) == ["schema:required:*"]


def test_a_wider_pattern_must_add_something() -> None:
    """The leaf explains the family but for 2 %: the family is no second finding."""
    plan = make_plan(ARMS, 100, 5)

    def outcome(arm: str, i: int, r: int) -> Cell:
        if i < 30:
            return "format:fenced"
        return "format:prose_before" if i < 32 else None

    found = find(plan, make_records(plan, outcome))
    assert [p.signature for p in found.confirmed] == ["format:fenced"]
    assert "format" not in [p.signature for p in found.patterns]


def test_a_wider_pattern_stands_beside_a_leaf_where_it_adds_enough() -> None:
    plan = make_plan(ARMS, 100, 5)

    def outcome(arm: str, i: int, r: int) -> Cell:
        if i < 30:
            return "schema:required:/a"
        return f"schema:required:/f{i}" if i < 60 else None

    found = find(plan, make_records(plan, outcome))
    assert {p.signature for p in found.confirmed} == {"schema:required:/a", "schema:required:*"}
    assert found.confirmed_share == 1.0


def test_a_trial_counts_once_in_the_share() -> None:
    plan = make_plan(ARMS, 60, 5)
    both = ("format:fenced", ("schema:required:/a",), "x")
    records = make_records(plan, lambda arm, i, r: both if i < 30 else ("refusal:text" if i < 40 else None))
    found = find(plan, records)
    shares = {p.signature: p.share for p in found.patterns}
    assert {"format:fenced", "schema:required:/a"} <= {p.signature for p in found.confirmed}
    assert shares["format:fenced"] == shares["schema:required:/a"] == 0.75
    assert found.confirmed_share == 1.0


def test_unspecific_patterns_are_said_to_be_so() -> None:
    rng, plan = lucky(5), make_plan(ARMS, 100, 5)

    def outcome(arm: str, i: int, r: int) -> Cell:
        if i < 20:
            return "format:fenced"
        return ("value:text", (), str(rng.random())) if i < 60 else None

    found = find(plan, make_records(plan, outcome))
    (pattern,) = found.confirmed
    assert found.confirmed_share == pytest.approx(1 / 3)
    assert pattern.specific is False


def test_the_share_is_that_of_the_best_arm() -> None:
    plan = make_plan(ARMS, 60, 5)

    def outcome(arm: str, i: int, r: int) -> Cell:
        if i < 20:
            return "format:fenced"
        return f"style:forbidden:w{r}{i}" if arm == "as_is" and i < 50 else None

    found = find(plan, make_records(plan, outcome))
    assert found.best_arm == "few_shot"
    assert found.confirmed_share == 1.0


def identical(arms: tuple[str, ...], sources: dict[str, str] | None = None) -> PatternSet:
    plan = make_plan(arms, 60, 5, sources=sources)
    return find(plan, make_records(plan, lambda arm, i, r: ("format:fenced" if i % 2 else None, (), "x")))


def test_identical_repeats_need_a_second_arm() -> None:
    (alone,) = identical(("as_is",)).patterns
    assert alone.reproducible is None
    assert "identical" in alone.why_not
    assert alone.recurrence is None
    assert identical(("as_is", "few_shot")).confirmed


def test_the_same_answers_judged_again_are_no_second_arm() -> None:
    """Arm `repair` judges the answers of `as_is`: agreeing with oneself is no recurrence."""
    (pattern,) = identical(("as_is", "repair"), {"repair": "as_is"}).patterns
    assert pattern.reproducible is None
    assert pattern.trials == 150
    assert identical(("as_is", "repair", "few_shot"), {"repair": "as_is"}).confirmed


def test_what_repair_recovers_is_no_pattern() -> None:
    plan = make_plan(("as_is", "repair"), 60, 5, sources={"repair": "as_is"})
    records = make_records(plan, lambda arm, i, r: "format:fenced" if i % 2 and arm == "as_is" else None)
    (pattern,) = find(plan, records).patterns
    assert pattern.reproducible is False
    assert "repair" in pattern.why_not


def test_repeats_left_out_as_identical_are_not_a_plan_of_one_repeat() -> None:
    plan = make_plan(("as_is", "few_shot"), 60, 2)
    records = make_records(plan, lambda arm, i, r: ("format:fenced", (), "x") if i % 2 else None)
    facts = RunFacts(dropped={(arm, "candidate"): 180 for arm in ("as_is", "few_shot")})
    assert find(plan, records, facts).confirmed


def test_arms_that_were_not_needed_are_not_asked_for() -> None:
    plan = make_plan(ARMS, 60, 5)
    records = make_records(plan, lambda arm, i, r: "format:fenced" if i % 2 else None)
    kept = [record for record in records if record.key.arm != "structured"]
    assert find(plan, kept).confirmed == ()
    assert find(plan, kept, RunFacts(not_needed={"structured": "proven"})).confirmed


def test_groups_are_one_cluster() -> None:
    """Failures of one document are one observation, however many cases it has."""

    def names(group: bool) -> list[str]:
        plan = make_plan(ARMS, 60, 5, groups=lambda i: f"doc{i // 15}" if group else None)
        return confirmed(plan, make_records(plan, lambda arm, i, r: "format:fenced" if i < 15 else None))

    assert names(group=False) == ["format:fenced"]
    assert names(group=True) == []


def test_the_floor_and_level_come_from_the_evalset() -> None:
    plan = make_plan(ARMS, 60, 5, decision=DecisionSpec(floor=0.4))
    assert confirmed(plan, make_records(plan, lambda arm, i, r: "format:fenced" if i < 20 else None)) == []


def test_examples_are_short_raw_and_of_different_cases() -> None:
    plan = make_plan(ARMS, 60, 5)
    raw = "\x1b[31m" + "y" * 10_000
    records = make_records(
        plan, lambda arm, i, r: ("format:fenced", (), raw if r else "z" * (i + 1)) if i < 30 else None
    )
    (pattern,) = find(plan, records).patterns
    assert [(e.case, e.output) for e in pattern.examples] == [
        ("c0000", "z"),
        ("c0001", "zz"),
        ("c0002", "zzz"),
    ]
    assert pattern.examples[0].arm == "as_is"
    assert (pattern.examples[0].input, pattern.examples[0].expected) == ("in 0", "x")
    records = make_records(plan, lambda arm, i, r: ("format:fenced", (), raw))
    (pattern,) = find(plan, records).patterns
    assert pattern.examples[0].output is not None
    assert pattern.examples[0].output.startswith("\x1b[31myyy")
    assert len(pattern.examples[0].output) == MAX_OUTPUT


def test_an_evalset_without_failures_or_answers_has_no_patterns() -> None:
    plan = make_plan(ARMS, 10, 2)
    good = find(plan, make_records(plan, lambda arm, i, r: None))
    assert (good.patterns, good.confirmed_share, good.best_arm) == ((), None, "as_is")
    assert find(plan, []) == PatternSet()


def test_a_flood_of_signatures_is_cut() -> None:
    plan = make_plan(("as_is",), 500, 5)
    records = make_records(plan, lambda arm, i, r: f"label:out_of_taxonomy:{i}-{r}-\ud800")
    found = find(plan, records)
    assert len(found.patterns) <= MAX_LISTED + 2
    assert [p.signature for p in found.confirmed] == ["label:out_of_taxonomy:*"]


def mixed_world() -> tuple[object, list[Record]]:
    rng, plan = lucky(9), make_plan(ARMS, 60, 5, groups=lambda i: f"g{i // 2}" if i < 20 else None)

    def outcome(arm: str, i: int, r: int) -> Cell:
        luck = rng.random()
        if i % 4 == 0 and luck < 0.9:
            return (f"label:confusion:L{i % 5}→L{i % 3 + 5}", (), "out")
        if luck < 0.3:
            return (
                f"schema:required:/f{rng.randrange(9)}",
                (f"label:confusion:L1→L{rng.randrange(4)}",),
                "o",
            )
        return None

    return plan, make_records(plan, outcome)


def test_order_of_records_changes_nothing() -> None:
    plan, records = mixed_world()
    first = find(plan, records)  # type: ignore[arg-type]
    assert first.confirmed
    for seed in range(3):
        shuffled = list(records)
        lucky(seed).shuffle(shuffled)
        assert find(plan, shuffled) == first  # type: ignore[arg-type]
