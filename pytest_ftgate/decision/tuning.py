"""Question 3: is there a specific, reproducible pattern that no arm fixes? And what is left open."""

from __future__ import annotations

from pytest_ftgate.decision.claims import is_at_bar, is_claim, is_proven_at_bar, is_proven_below
from pytest_ftgate.decision.draws import count_draws
from pytest_ftgate.decision.enforcement import STRUCTURED, explain_unproven
from pytest_ftgate.decision.knowledge import MIN_CONTEXT_SHARE
from pytest_ftgate.decision.leaning import find_leaning
from pytest_ftgate.decision.missed_limits import describe_missed_limits
from pytest_ftgate.decision.pattern_conditions import ENFORCE_SCHEMA, GIVE_CONTEXT, name_repeats
from pytest_ftgate.decision.readiness import EXPLAIN, run_command
from pytest_ftgate.decision.situation import Situation
from pytest_ftgate.decision.wording import (
    describe_accuracy,
    format_count,
    format_percent,
    join_names,
    to_ascii,
)
from pytest_ftgate.model.verdict import Verdict


def tell_fine_tune(situation: Situation) -> Verdict:
    """Every arm that applies was run and is proven below; usable patterns explain enough failures."""
    patterns = situation.usable_patterns
    noun = format_count(len(patterns), "reproducible pattern")
    verb = "explains" if len(patterns) == 1 else "explain"
    return situation.answer(
        "fine_tune_justified",
        f"{_none_reaches(situation)}, and {noun} {verb} {format_percent(situation.usable_share, 0)} of the "
        f"failures: {_pattern_names(situation)}.",
        p=_tuning_p(situation),
        changes=(
            "an arm that reaches the bar: another prompt, more examples, the data in context",
            f"patterns that explain under {format_percent(situation.evalset.decision.share)} of the failures",
        ),
        next_command="pytest-ftgate export latest --format trl",
    )


def tell_partial_pattern(situation: Situation) -> Verdict:
    """As above, but the patterns explain too little."""
    share, wanted = situation.usable_share, situation.evalset.decision.share
    patterns = situation.usable_patterns
    verb = "explains" if len(patterns) == 1 else "explain"
    return situation.answer(
        "partial_pattern",
        f"{_none_reaches(situation)}; {format_count(len(patterns), 'reproducible pattern')} "
        f"({_pattern_names(situation)}) {verb} only {format_percent(share, 0)} of the failures, less than "
        f"{format_percent(wanted)}: most failures are something else."
        f"{describe_missed_limits(situation)}{_name_missing(situation)}",
        missing_arms=situation.missing_arms,
        p=_tuning_p(situation),
        changes=(*_run_missing(situation), "mend the other failures first: prompt, data or labels"),
        next_command=EXPLAIN,
    )


def tell_no_pattern(situation: Situation) -> Verdict:
    """All arms that were run are proven below the bar, and nothing recurs in all of them.

    Arms that were not run can only take patterns away, so they do not open this again; they are named.
    """
    return situation.answer(
        "no_pattern",
        f"{_none_reaches(situation)}, and no failure pattern recurs in all of them: a better model, better "
        f"data or a clearer task, not tuning.{describe_missed_limits(situation)}{_name_missing(situation)}",
        missing_arms=situation.missing_arms,
        changes=(*_run_missing(situation), "a stronger model: --ftgate-use-model MODEL", "checked labels"),
        next_command=run_command(situation) if situation.missing_arms else EXPLAIN,
    )


def tell_inconclusive(situation: Situation) -> Verdict:
    """What remains: says what is open, what it leans to, and how many cases would decide."""
    undecided = _undecided_arms(situation)
    below = [_none_reaches(situation)] if situation.is_all_below else []
    reasons = [*below, *_open_accuracies(situation, undecided), *_open_conditions(situation)]
    reasons = reasons or ["the evidence fits no other verdict"]
    leaning = find_leaning(situation)
    needed = situation.summary.cases_needed if undecided else None
    lean = f" It leans to {leaning}." if leaning else ""
    noun = "holdout case" if situation.summary.split else "case"
    more = f" About {format_count(needed, noun)} in all would decide." if needed else ""
    changes = [*_run_missing(situation)]
    if needed:
        changes.append(f"about {format_count(needed, noun)} in all, for an 80 % chance to decide")
    if not _is_recurrence_assessed(situation) or situation.has_unassessed_patterns:
        changes.append(name_repeats(situation))
    return situation.answer(
        "inconclusive",
        f"{'; '.join(reasons)}.{lean}{more}",
        leans_to=leaning,
        cases_needed=needed,
        missing_arms=situation.missing_arms,
        changes=tuple(changes),
        next_command=run_command(situation),
    )


def _none_reaches(situation: Situation) -> str:
    count, bar, best = len(situation.arms), format_percent(situation.bar), situation.best_arm
    if count == 1:
        return f"The one arm run does not reach {bar} ({situation.arms[0].arm}: {describe_accuracy(best)})"
    name = to_ascii(best.arm) if best else "none"
    drawn = count_draws(situation.arms)
    return f"None of the {count} arms run{drawn} reaches {bar} (best: {name}, {describe_accuracy(best)})"


def _pattern_names(situation: Situation) -> str:
    return join_names([to_ascii(pattern.signature)[:80] for pattern in situation.usable_patterns], 3)


def _tuning_p(situation: Situation) -> float:
    """max(max_m p[accuracy_m >= bar], min_s Holm p_s): STATISTICS section 7, "Presentation"."""
    tests = [t for arm in situation.arms for t in (arm.accuracy_test, arm.lenient_test) if t is not None]
    holm = [p.p_holm for p in situation.usable_patterns if p.p_holm is not None]
    return max([test.p_below for test in tests] + [min(holm, default=1.0)], default=1.0)


def _is_recurrence_assessed(situation: Situation) -> bool:
    return situation.summary.repeats >= 2 or situation.summary.further_trials > 0


def _name_missing(situation: Situation) -> str:
    missing = situation.unrun_arms
    unrun = f" Not run: {join_names([to_ascii(name) for name in missing])}." if missing else ""
    gap = situation.context_gap
    unproven = " The schema of structured is not proven enforced." if situation.is_schema_unproven else ""
    return f"{unrun}{unproven} Question 2 is open: {gap}." if gap else f"{unrun}{unproven}"


def _run_missing(situation: Situation) -> tuple[str, ...]:
    names = join_names([to_ascii(name) for name in situation.unrun_arms])
    run = (f"run {names} (or waive with a reason under `decision.waive`)",) if names else ()
    enforce = (ENFORCE_SCHEMA,) if situation.is_schema_unproven else ()
    return (*run, *enforce, *((GIVE_CONTEXT,) if situation.context_gap else ()))


def _undecided_arms(situation: Situation) -> list[str]:
    """Arms proven neither at nor below the bar."""
    bar = situation.bar
    return [a.arm for a in situation.arms if not is_proven_at_bar(a, bar) and not is_proven_below(a, bar)]


def _open_accuracies(situation: Situation, undecided: list[str]) -> list[str]:
    shown = [
        f"{to_ascii(arm.arm)} {describe_accuracy(arm)}" for arm in situation.arms if arm.arm in undecided
    ]
    if not shown:
        return []
    verb = "is" if len(shown) == 1 else "are"
    bar = format_percent(situation.bar)
    return [f"{join_names(shown, 4)} {verb} proven neither at nor below the bar of {bar}"]


def _open_conditions(situation: Situation) -> list[str]:
    reasons = []
    if situation.as_is is None:
        reasons.append("arm as_is was not run")
    knowing = [arm for arm in situation.proven_arms if arm.question == 2]
    if knowing:
        name = to_ascii(knowing[0].arm)
        reasons.append(f"{name} is proven at the bar, but not shown to be better than every prompt arm")
    passed_over = [a for a in situation.arms if not is_claim(a) and is_at_bar(a, situation.bar)]
    if passed_over:
        name = to_ascii(passed_over[0].arm)
        reasons.append(
            f"{name} reaches the bar on holdout, but dev chose another arm: that is no proof, which takes "
            "a fresh holdout, or all cases judging (no `split`)"
        )
    if situation.unrun_arms:
        names = join_names([to_ascii(name) for name in situation.unrun_arms])
        verb = "has" if len(situation.unrun_arms) == 1 else "have"
        reasons.append(f"{names} {verb} not been run, without which tuning cannot be justified")
    if STRUCTURED in situation.missing_arms:
        run = [arm for arm in situation.arms if arm.kind == STRUCTURED]
        reasons += [text for text in [explain_unproven(run, situation.evalset)] if text]
    if situation.context_gap:
        needed = format_percent(MIN_CONTEXT_SHARE)
        reasons.append(f"{situation.context_gap}, where tuning cannot be justified under {needed}")
    if situation.summary.patterns.confirmed and not situation.usable_patterns:
        reasons.append(
            "the patterns are about wrong values, and question 2 was waived: is it lack of knowledge?"
        )
    if situation.is_control_failed:
        reasons.append(_describe_failed_control(situation))
    if not _is_recurrence_assessed(situation):
        reasons.append("with 1 repeat of each case, recurrence of the patterns is not assessed")
    elif situation.has_unassessed_patterns and not situation.summary.patterns.confirmed:
        reasons.append("recurrence of the patterns is not assessed")
    return reasons


def _describe_failed_control(situation: Situation) -> str:
    control = situation.summary.patterns.control
    found = f"{control.found:,} of {control.shuffles:,}" if control else "some"
    return (
        f"the negative control failed: the same search finds a pattern in {found} shuffles of the grades, so "
        "that it proves nothing here (check `decision.alpha_fine_tune` and `decision.floor`)"
    )
