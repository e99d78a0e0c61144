"""What a search reached, as advice: "the search misses it" is told from "the model cannot use it"."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_ftgate.decision.claims import is_proven_at_bar, is_proven_below, value_of
from pytest_ftgate.decision.evidence import TOLERANCE
from pytest_ftgate.decision.knowledge import RETRIEVAL
from pytest_ftgate.decision.situation import Situation
from pytest_ftgate.decision.wording import describe_accuracy, format_count, format_percent, to_ascii
from pytest_ftgate.model.retrieval import RetrievalSummary
from pytest_ftgate.model.summary import ArmSummary

GOOD_RECALL = 0.9
"""recall@k from which on the search is not what holds an arm back: what may stay unshown of question 2."""

_SILENT = ("not_asked", "incomplete", "not_ready", "bar_met", "fix_call", "improve_prompt")
_UNJUDGED = ("not_asked", "incomplete", "bar_met", "improve_prompt")


def advise_on_search(situation: Situation, decision: str) -> tuple[str, ...]:
    """Sentences for a verdict that hangs on question 2; none for those that do not."""
    if situation.evalset.decision.knowledge.citations and decision in ("bar_met", "improve_prompt"):
        return (
            "citations are wanted, and this prompt shows no passages to quote: an arm of question 2 does",
        )
    uncited = () if decision in _UNJUDGED else tuple(_tell_uncited(situation))
    if decision in _SILENT:
        return uncited
    ran = {arm.arm for arm in situation.arms if arm.accuracy_test is not None}
    found = [
        sentence
        for each in situation.summary.retrievals
        if each.search.arm in ran
        for sentence in _tell(each, situation)
    ]
    if decision == "use_rag" and not situation.summary.retrievals:
        found.append(
            "arm context hands each case its gold context; what a search reaches is not known: "
            "add arm retrieval with your `docs`"
        )
    best = None if found else _find_best_search(situation)
    if decision == "use_rag" and best is not None and not is_proven_at_bar(best, situation.bar):
        found.append(f"more cases would show whether arm {to_ascii(best.arm)} reaches the bar")
    return (*uncited, *found)


def describe_shortfall(situation: Situation, arm: ArmSummary) -> str:
    """What the best search that was tried makes of knowledge with which `arm` reaches the bar.

    '' where `arm` is itself a search, or none was run.
    """
    best = None if arm.kind == RETRIEVAL else _find_best_search(situation)
    if best is None:
        return ""
    found = next((each for each in situation.summary.retrievals if each.search.arm == best.arm), None)
    recall = found.recall.get(found.search.k) if found is not None else None
    reached = ""
    if found is not None and recall is not None and recall.value is not None:
        reached = f" with recall@{found.search.k} {format_percent(recall.value)}"
    if is_proven_at_bar(best, situation.bar):
        how = "reaches it, but is not shown to be better than every prompt"
    elif is_proven_below(best, situation.bar):
        how = "falls short of it"
    else:
        how = "is not proven to reach it"
    return (
        f" The search that was tried {how}: arm {to_ascii(best.arm)} has {describe_accuracy(best)}{reached}."
    )


def _find_best_search(situation: Situation) -> ArmSummary | None:
    searched = [arm for arm in situation.arms if arm.kind == RETRIEVAL and arm.accuracy_test is not None]
    return max(searched, key=value_of, default=None)


def _tell_uncited(situation: Situation) -> Iterator[str]:
    """Arms that only their citations keep from the bar: the knowledge helps, the quotes are missing."""
    for arm in situation.arms:
        test, failures = arm.accuracy_test, arm.citation_failures
        if test is None or failures is None or failures.value is None:
            continue
        right = test.value + failures.value
        if test.value < situation.bar <= right + TOLERANCE:
            name = to_ascii(arm.arm)
            yield (
                f"arm {name} gives the right answer in {format_percent(right)} of its trials, but "
                f"{format_percent(failures.value)} fail for their citations alone: ask for the quotes in "
                "your own words (`cite:` of the arm), with an example, or take `citations: true` out"
            )


def _tell(found: RetrievalSummary, situation: Situation) -> Iterator[str]:
    search, name = found.search, f"arm {to_ascii(found.search.arm)}"
    recall = found.recall.get(search.k)
    if found.absent:
        yield f"{name}: no document holds the gold context of {format_count(len(found.absent), 'case')}"
    if recall is None or recall.value is None:
        if not found.absent:
            what = "how often its search reaches what is needed is not known"
            yield f"{name}: {what}: give cases their `context`"
        return
    share = f"recall@{search.k} {format_percent(recall.value)} of {format_count(recall.cases, 'case')}"
    if recall.value < GOOD_RECALL:
        yield f"{name}: the search misses what it should find ({share}{_tell_deeper(found)}): {_mend(found)}"
    reached, bar = found.accuracy_reached, situation.bar
    if reached is not None and reached.value is not None and reached.value < bar:
        passed = f"{format_percent(reached.value)} of {format_count(reached.cases, 'case')}"
        what = "the model misses the bar even where its prompt holds the gold context"
        yield f"{name}: {what} ({passed}): {_use(found)}"


def _tell_deeper(found: RetrievalSummary) -> str:
    """', recall@20 90 %' where more chunks would hold clearly more."""
    deepest = max(found.recall)
    here, there = found.recall[found.search.k].value, found.recall[deepest].value
    if here is None or there is None or there - here < 0.05:
        return ""
    return f", recall@{deepest} {format_percent(there)}"


def _mend(found: RetrievalSummary) -> str:
    ways = ["a larger `k`"] if _tell_deeper(found) else []
    ways += ["`rank: hybrid`"] if found.search.rank != "hybrid" else []
    return f"mend the search ({', '.join([*ways, 'other `chunk_words`'])}) before the model is blamed"


def _use(found: RetrievalSummary) -> str:
    oracle = found.oracle_reached
    if oracle is not None and oracle.value is not None and found.accuracy_reached is not None:
        value = found.accuracy_reached.value or 0.0
        if oracle.value - value >= 0.05:
            passed = f"arm context passes {format_percent(oracle.value)} of them"
            return f"{passed}, so what else is shown distracts it"
        return "it cannot use what it is shown"
    return "it cannot use what it is shown, or what else is shown distracts it"
