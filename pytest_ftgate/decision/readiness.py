"""Conditions that come before any question: was it asked, was it answered, is the evalset sound."""

from __future__ import annotations

import shlex

from pytest_ftgate.decision.completeness import describe_gaps, describe_selection
from pytest_ftgate.decision.situation import Situation
from pytest_ftgate.decision.wording import format_count, join_names, to_ascii
from pytest_ftgate.model.evalset import CANDIDATE
from pytest_ftgate.model.finding import Finding
from pytest_ftgate.model.verdict import Verdict

EXPLAIN = "pytest-ftgate explain latest"
ASKS = "# asks the model"


def run_command(situation: Situation, *options: str) -> str:
    """The command that runs this evalset, quoted for a shell, with the models that the command line named.

    It always says that it asks and so may cost: the run before it may have been a replay, and a verdict
    must not depend on what came from the store.
    """
    models: list[str] = []
    for role, model in situation.summary.stated_models.items():
        models += "--ftgate-use-model", model if role == CANDIDATE else f"{role}={model}"
    command = shlex.join(["pytest", "--ftgate", situation.summary.path, *models, *options])
    return f"{command}  {ASKS}"


def tell_not_asked(situation: Situation) -> Verdict:
    """`decision: off`, or a selection made on purpose."""
    if not situation.evalset.decision.enabled:
        reason = "No question is asked of this evalset (decision: off); its gates decide the build."
        return situation.answer("not_asked", reason)
    selection = describe_selection(situation.summary)
    return situation.answer(
        "not_asked",
        f"Not evaluated: {selection}; a verdict needs them all.",
        next_command=run_command(situation),
    )


def tell_incomplete(situation: Situation) -> Verdict:
    """Records are missing, answers are lacking, or the run was stopped."""
    gaps = describe_gaps(situation.summary)
    options: tuple[str, ...] = ()
    changes = ["a run that evaluates every planned trial; answers already paid for are not asked again"]
    if situation.summary.stale or situation.summary.not_recorded:
        changes = [
            "record the missing and stale answers again: --ftgate-record FILE with a model and its key"
        ]
        options = ("--ftgate-record", "FILE")
    return situation.answer(
        "incomplete",
        f"Not every trial was evaluated, so nothing can be concluded: {'; '.join(gaps)}.",
        changes=tuple(changes),
        next_command=run_command(situation, *options),
    )


def tell_faulty(situation: Situation) -> Verdict:
    """Faults of the evalset that can inflate or void its accuracy."""
    faults = [finding for finding in situation.summary.findings if finding.blocks]
    does = "makes" if len(faults) == 1 else "make"
    count = format_count(len(faults), "fault")
    more = f" (and {format_count(len(faults) - 1, 'more fault')})" if len(faults) > 1 else ""
    return situation.answer(
        "not_ready",
        f"{count} of the evalset {does} its accuracy meaningless: {_describe_fault(faults[0])}{more}.",
        changes=tuple(to_ascii(fault.remedy) for fault in faults if fault.remedy),
        next_command=run_command(situation),
    )


def _describe_fault(fault: Finding) -> str:
    what = to_ascii(fault.what).rstrip(".")
    return f"{what} ({join_names([to_ascii(c) for c in fault.cases], 5)})" if fault.cases else what


def tell_too_few(situation: Situation) -> Verdict:
    """Fewer judged cases with expected outputs than a diagnosis needs."""
    judged, wanted = situation.judged_cases, situation.evalset.decision.min_cases
    cases = format_count(
        judged, "distinct judged case" if judged < situation.summary.judged_cases else "judged case"
    )
    return situation.answer(
        "not_ready",
        f"Only {cases} with expected outputs, and no arm is proven at the bar: "
        f"a diagnosis needs {wanted} or more.",
        cases_needed=wanted,
        changes=(f"{format_count(wanted - judged, 'more case')} with expected outputs",),
        next_command=run_command(situation),
    )
