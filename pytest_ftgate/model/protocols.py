"""What a part must offer to be registered. Protocols, no base classes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from pytest_ftgate.model.evalset import ArmSpec, Case, Evalset, GateSpec, GraderSpec, Json, Message, ModelSpec
from pytest_ftgate.model.grade import Grade
from pytest_ftgate.model.quickly_made import quickly_made
from pytest_ftgate.model.response import Answer, Response
from pytest_ftgate.model.trial import Request, Trial
from pytest_ftgate.model.vectors import Vector

if TYPE_CHECKING:
    # Whoever only collects needs neither, and they take a while to make.
    from pytest_ftgate.model.summary import Summary
    from pytest_ftgate.model.verdict import GateResult


class ParsedOutput(Protocol):
    """A response's text, parsed once and shared by all graders of the trial.

    `text` is what graders read: reasoning (`<think>…</think>`) is already cut off.
    `tolerant`: graders must accept what the tolerant parser recovers (arm `repair`).
    """

    @property
    def text(self) -> str: ...
    @property
    def tolerant(self) -> bool: ...


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class GradeContext:
    """All that a grader sees of one trial. `expected` is `spec.value` where given, else the case's.

    `functions` looks up a registered python function by name. `is_format`: what its grade says of being
    about form. `replies` are the answers to what the grader's `ask` returned, in that order; empty for
    graders that ask no model.
    """

    spec: GraderSpec
    case: Case
    response: Response
    parsed: Any
    expected: Json
    has_expected: bool
    functions: Callable[[str], Any]
    is_format: bool = False
    replies: tuple[Answer, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a model-graded grader asks of the model of `role` ("judge" or "embedder").

    `vote` (from 1) tells independent draws of the same question apart. `text` of an embedder's question
    is in the only message.
    """

    role: str
    messages: tuple[Message, ...]
    response_format: Json = None
    vote: int = 1


class AskingGrader(Protocol):
    """A grader that needs a model: it says what to ask, and its `grade` finds the answers in `ctx.replies`.

    It is asked only where every other grader of the trial passed. `role` is who answers.
    """

    role: str

    def ask(self, ctx: GradeContext) -> Sequence[Question]: ...


class Grader(Protocol):
    """Judges one response. Must be pure and must not raise for any output.

    `options` maps option names to JSON Schemas (the loader refuses others); `value` is the schema
    of the positional value, or None where the grader takes none. `needs_expected`: without an
    expected value (and without a `value`) the trial is ungraded. `is_format`: counts as a format
    grader (DESIGN section 6).

    Optional members, all read at planning. Sentences on what keeps it from judging anything, told with the
    cases before a model is asked: `problems(spec)`, and `case_problems(spec, case)` for what only the case
    shows. `reads_expected`: "whole" or "part" where `expected` is an answer (or stands in one).
    `expected_holds(spec)`: what it holds where it is no answer ("tests"); few-shot examples never show that.
    """

    is_format: bool
    needs_expected: bool
    options: Mapping[str, Json]
    value: Json

    def grade(self, ctx: GradeContext) -> Grade: ...


class Provider(Protocol):
    """Answers requests. Raises ProviderError; any other exception is a bug of the provider."""

    async def complete(self, trial: Trial, request: Request, timeout_s: float) -> Response: ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmTask:
    """What an arm gets to build its trials with.

    `render(messages, case, extra)` renders templates for a case; `make(case, repeat, messages, …)`
    returns the finished Trial, hash and draw included (keywords: planning/trial_maker.py).
    `memo` is kept for all cases of one arm × role: what an arm computes once (it has no state itself).
    `embed(texts)` gives the vectors of texts, in order; raises FtgateError where they cannot be had.
    """

    spec: ArmSpec
    evalset: Evalset
    role: str
    model: ModelSpec
    repeats: int
    rootdir: str
    prompt: tuple[Message, ...]
    render: Callable[[Sequence[Message], Case, Mapping[str, Json]], tuple[Message, ...]]
    make: Callable[..., Trial]
    embed: Callable[[Sequence[str]], Sequence[Vector]]
    allow_outside_files: bool = False
    memo: dict[str, Any] = field(default_factory=dict)


class Arm(Protocol):
    """A way of asking. One object serves all evalsets: it must keep no state between calls.

    `options` maps option names to JSON Schemas. `question` is the question it answers (1 or 2).
    `problems` lists what makes the arm unusable (refused at collection); `inapplicable` gives the
    reason why it does not apply to this evalset, or None.
    """

    question: Literal[1, 2]
    options: Mapping[str, Json]

    def problems(self, spec: ArmSpec, evalset: Evalset) -> Iterable[str]: ...

    def inapplicable(self, spec: ArmSpec, evalset: Evalset) -> str | None: ...

    def trials(self, task: ArmTask, case: Case) -> Iterable[Trial]: ...


class Gate(Protocol):
    """A rule for the build. `options` maps option names to JSON Schemas."""

    options: Mapping[str, Json]

    def evaluate(
        self, spec: GateSpec, summary: Summary, *, evidence: str, baseline: Summary | None = None
    ) -> GateResult: ...


class Reporter(Protocol):
    """Writes a finished report (report.json's content) to a path."""

    def write(self, report: Mapping[str, Json], records: Path, path: Path) -> None: ...
