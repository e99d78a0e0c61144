"""Counts by arm, role and case: one pass over the records of an evalset."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pytest_ftgate.model.evalset import GraderSpec
from pytest_ftgate.model.grade import CITATIONS, FORMAT_GRADERS, is_format_failure, kind_of
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.response import SchemaEnforced
from pytest_ftgate.model.run import Looks
from pytest_ftgate.model.trial import Plan


@dataclass(slots=True)
class CaseSpending:
    """Tokens, money and seconds of one case's answers.

    `unpriced` ones had no known price, `metered` ones said their usage.
    """

    answers: int = 0
    unpriced: int = 0
    costs_usd: tuple[float, ...] = ()
    metered: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    latencies_s: tuple[float, ...] = ()

    def add(self, record: Record) -> None:
        """Count one answer."""
        self.answers += 1
        if record.cost_usd is not None:
            self.costs_usd += (record.cost_usd,)
        elif record.output is not None or record.tool_calls:
            self.unpriced += 1
        if record.usage is not None:
            self.metered += 1
            self.prompt_tokens += record.usage.prompt_tokens
            self.completion_tokens += record.usage.completion_tokens
        if record.latency_s is not None:
            self.latencies_s += (record.latency_s,)


@dataclass(slots=True)
class Counts:
    """Counts of one arm × role; mappings go from case id to trials, only where there are any.

    `uncited` counts trials that fail for their citations alone: the answer is right.
    """

    graded: dict[str, int] = field(default_factory=dict)
    passed: dict[str, int] = field(default_factory=dict)
    call_failed: dict[str, int] = field(default_factory=dict)
    format_failed: dict[str, int] = field(default_factory=dict)
    uncited: dict[str, int] = field(default_factory=dict)
    errors: int = 0
    unanswered: int = 0
    enforced: set[SchemaEnforced] = field(default_factory=set)
    spending: dict[str, CaseSpending] = field(default_factory=dict)
    first_answer: dict[str, Record] = field(default_factory=dict)
    repeated_cases: set[str] = field(default_factory=set)
    differing_cases: set[str] = field(default_factory=set)

    @property
    def identical_repeats(self) -> bool | None:
        """Whether every repeat of every case gave the same output; None where no case has two."""
        return not self.differing_cases if self.repeated_cases else None

    def add(self, record: Record) -> None:
        """Count one trial."""
        self.add_outcome(record)
        case = record.key.case
        if record.schema_enforced is not None:
            self.enforced.add(record.schema_enforced)
        if record.outcome == "passed" or not record.is_unanswered:
            self._add_answer(case, record)
            spending = self.spending.get(case)
            if spending is None:
                spending = self.spending[case] = CaseSpending()
            spending.add(record)

    def add_outcome(self, record: Record) -> None:
        """Count what one trial came to, not its answer."""
        case, outcome = record.key.case, record.outcome
        if outcome == "passed":
            self.graded[case] = self.graded.get(case, 0) + 1
            self.passed[case] = self.passed.get(case, 0) + 1
        elif outcome == "failed":
            self.graded[case] = self.graded.get(case, 0) + 1
            self._add_failure(case, record.signature)
            if _lacks_citations_alone(record):
                self.uncited[case] = self.uncited.get(case, 0) + 1
        elif outcome == "error":
            self.errors += 1
            self.unanswered += record.is_unanswered

    def _add_failure(self, case: str, signature: str | None) -> None:
        if signature is None:
            return
        if signature.startswith("call:"):
            self.call_failed[case] = self.call_failed.get(case, 0) + 1
        elif is_format_failure(signature):
            self.format_failed[case] = self.format_failed.get(case, 0) + 1

    def _add_answer(self, case: str, record: Record) -> None:
        if record.output is None and not record.tool_calls:
            return
        first = self.first_answer.setdefault(case, record)
        if first is record:
            return
        self.repeated_cases.add(case)
        if case not in self.differing_cases and _read_answer(first) != _read_answer(record):
            self.differing_cases.add(case)


def _read_answer(record: Record) -> tuple[str | None, tuple[tuple[str, str], ...]]:
    return record.output, tuple((call.name, call.arguments) for call in record.tool_calls)


def _lacks_citations_alone(record: Record) -> bool:
    """Whether a failed trial would have passed, had its answer quoted its source."""
    if record.signature is None or kind_of(record.signature) != "style":
        return False
    return {grade.grader for grade in record.grades if grade.outcome == "failed"} == {CITATIONS}


def set_aside(records: Sequence[Record], looks: Mapping[tuple[str, str], Looks]) -> Sequence[Record]:
    """The records, those of cases that ran only after their arm was stopped as ungraded.

    They were answered and paid for; in a rate they would be no random choice of cases.
    """
    beyond = {name: frozenset(watched.beyond) for name, watched in looks.items() if watched.beyond}
    if not beyond:
        return records
    return [
        replace(record, outcome="ungraded", signature=None)
        if record.outcome in ("passed", "failed")
        and record.key.case in beyond.get((record.key.arm, record.key.role), ())
        else record
        for record in records
    ]


def set_further_aside(records: Sequence[Record], repeats: int) -> Sequence[Record]:
    """The records, those of repeats beyond the planned ones as ungraded.

    They were paid for. In a rate they would add failures to the cases that failed (STATISTICS section 0); one
    without an answer was not wanted by the plan, and leaves no gap.
    """
    if all(record.key.repeat <= repeats for record in records):
        return records
    return [
        record if record.key.repeat <= repeats else replace(record, outcome="ungraded", signature=None)
        for record in records
    ]


def count_further(records: Iterable[Record], repeats: int) -> int:
    """Judged trials beyond the planned repeats."""
    return sum(record.key.repeat > repeats and record.is_judged for record in records)


def count_records(records: Iterable[Record]) -> dict[tuple[str, str], Counts]:
    """Counts by (arm, role), whatever order the records come in."""
    counts: dict[tuple[str, str], Counts] = {}
    for record in records:
        name = (record.key.arm, record.key.role)
        own = counts.get(name)
        if own is None:
            own = counts[name] = Counts()
        own.add(record)
    return counts


def find_format_cases(plan: Plan, records: Iterable[Record]) -> frozenset[str]:
    """Cases that a format grader judges: by its name, or because its grade says so.

    A negated grader forbids a format and is none.
    """
    lists = {id(graders): graders for graders in plan.graders.values()}
    judging = {name for name, graders in lists.items() if _has_format_grader(graders)}
    cases = {case for case, graders in plan.graders.items() if id(graders) in judging}
    for record in records:
        if record.key.case not in cases and any(grade.is_format for grade in record.grades):
            cases.add(record.key.case)
    return frozenset(cases)


def _has_format_grader(graders: Iterable[GraderSpec]) -> bool:
    return any(spec.name in FORMAT_GRADERS and not spec.negated for spec in graders)


def keep_cases(counts: Mapping[str, int], cases: frozenset[str]) -> dict[str, int]:
    """The counts of those cases alone."""
    return {case: count for case, count in counts.items() if case in cases}
