"""Cases whose expected value is suspect: whoever is asked, and however, gives one other answer."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pytest_ftgate.model.evalset import Case
from pytest_ftgate.model.finding import Finding
from pytest_ftgate.model.grade import kind_of
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.trial import Plan
from pytest_ftgate.patterns.examples import write_value
from pytest_ftgate.patterns.survey import find_roots

MIN_SOURCES = 2
"""Arms × roles that must agree: the same question asked again shows a habit of the model, no more."""

_ANSWER_KINDS = frozenset(("label", "value", "tool"))
_SHOWN, _SHOWN_CHARS, _LONGEST = 5, 60, 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A case that failed in all its `trials` under `sources` arms × roles with one `answer`."""

    case: str
    answer: str
    trials: int
    sources: int


def find_suspects(plan: Plan, records: Iterable[Record]) -> list[Suspect]:
    """The cases that every arm, repeat and role fails with the same answer, in plan order.

    Only answers that differ from the expected one count: a wrong form says nothing of it. Arms that read
    another arm's answers again are one source with it, and a case needs two sources. Where many cases go
    wrong in the same way (expected A, answered B), a habit of the models is likelier than so many slips of
    the pen: these come last.
    """
    arms = [arm.name for arm in plan.arms if arm.status == "run"]
    roots = find_roots(plan, arms)
    judged: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        if record.is_judged:
            judged[record.key.case].append(record)
    found = []
    for case in plan.evalset.cases:
        own = judged.get(case.id, ())
        answer = _find_common_answer(own)
        if answer is None:
            continue
        sources = {(roots.get(record.key.arm, record.key.arm), record.key.role) for record in own}
        if len(sources) >= MIN_SOURCES:
            found.append(Suspect(case=case.id, answer=answer, trials=len(own), sources=len(sources)))
    cases = {case.id: case for case in plan.evalset.cases}
    alike = Counter(_name_slip(suspect, cases) for suspect in found)
    return sorted(found, key=lambda suspect: alike[_name_slip(suspect, cases)])


def explain_suspects(plan: Plan, records: Iterable[Record]) -> tuple[Finding, ...]:
    """A note that lists the suspects, where there are any."""
    suspects = find_suspects(plan, records)
    if not suspects:
        return ()
    cases = {case.id: case for case in plan.evalset.cases}
    told = [
        f"{suspect.case} expects {_show(_expect(cases[suspect.case]))}, {suspect.trials:,} of "
        f"{suspect.trials:,} answers are {_show(suspect.answer)}"
        for suspect in suspects[:_SHOWN]
    ]
    more = f"; and {len(suspects) - _SHOWN:,} more" if len(suspects) > _SHOWN else ""
    verb = "case gets" if len(suspects) == 1 else "cases get"
    return (
        Finding(
            rule="suspect-expected",
            severity="note",
            what=f"{len(suspects):,} {verb} one and the same wrong answer from every arm, role and repeat: "
            f"{'; '.join(told)}{more}",
            cases=tuple(suspect.case for suspect in suspects),
            remedy="look at these expected values first; where they are right, the models share a habit",
        ),
    )


def _find_common_answer(records: Sequence[Record]) -> str | None:
    """The answer that all of them give in place of the expected value."""
    answer = _find_answer(records[0]) if records else None
    if answer is None or any(_find_answer(record) != answer for record in records):
        return None
    return answer


def _find_answer(record: Record) -> str | None:
    """What was answered in place of the expected value; None where it passed, or the form is wrong."""
    if record.outcome != "failed":
        return None
    signatures = (record.signature or "", *record.secondary)
    if not any(kind_of(entry) in _ANSWER_KINDS for entry in signatures):
        return None
    failed = [grade for grade in record.grades if grade.outcome == "failed"]
    for grade in failed:
        # The label or number that a text comes to, whatever else it says.
        if grade.predicted is not None:
            return grade.predicted
    if kind_of(record.signature or "") not in _ANSWER_KINDS:
        return None
    text = record.output
    if record.tool_calls:
        text = " ".join(f"{call.name}({call.arguments})" for call in record.tool_calls)
    folded = " ".join((text or "").casefold().split())
    return folded if 0 < len(folded) <= _LONGEST else None


def _expect(case: Case) -> str:
    return (write_value(case.expected) or "null") if case.has_expected else "nothing"


def _name_slip(suspect: Suspect, cases: Mapping[str, Case]) -> tuple[str, str]:
    return _expect(cases[suspect.case]), suspect.answer


def _show(text: str) -> str:
    return repr(text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}...")
