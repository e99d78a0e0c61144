"""Trials: the requests wanted, and the plan that holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from pytest_ftgate.model.evalset import Evalset, GraderSpec, Json, Message
from pytest_ftgate.model.quickly_made import quickly_made
from pytest_ftgate.model.retrieval import Passage, Retrieval
from pytest_ftgate.model.settings import Shard


class TrialKey(NamedTuple):
    """Identity of a trial. `repeat` is 1-based. A tuple, for it is looked up a dozen times a trial."""

    evalset: str
    case: str
    arm: str
    role: str
    repeat: int

    def __str__(self) -> str:
        return f"{self.evalset}::{self.arm}::{self.case}[{self.role}#{self.repeat}]"


def serving_role(role: str, graded: TrialKey, position: int) -> str:
    """The role in the key of a trial that serves a grader: who is asked, and about which answer.

    `position` is the grader's in its case, from 1. The key's `repeat` then counts the questions. Case and
    arm are those of the graded trial.
    """
    return f"{role}:{graded.role}:{graded.repeat}:{position}"


def is_serving_role(role: str) -> bool:
    """Whether it is the role of a trial that serves a grader."""
    return ":" in role


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is sent. `response_format` and `tools` are in OpenAI form; `params` are the model's.

    `operation` "embedding": the content of the only message is to be embedded; the response's text is
    then the vector (model/vectors.py).
    """

    model: str
    messages: tuple[Message, ...]
    params: Mapping[str, Json] = field(default_factory=dict)
    response_format: Json = None
    tools: tuple[Json, ...] | None = None
    operation: Literal["chat", "embedding"] = "chat"


def forget_messages(request: Request) -> None:
    """Give up the messages of a request that is never sent again: plans keep all requests to the end of a
    session, and the texts of 10,000 prompts take megabytes."""
    object.__setattr__(request, "messages", ())


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One request wanted.

    `request_hash`: SHA-256 over what is sent without where it is sent (no `api_base`), so a
    cassette made against one server holds for another. `draw` tells independent draws of one
    request_hash apart: the repeat, and for equal requests of different cases in one arm their rank.
    `source_arm`: this trial judges the response of that arm's trial again (arm `repair`): the same
    request, hash and draw, never a call of its own. `tolerant`: graders see the tolerantly parsed
    value. `max_turns`: follow-up turns allowed after a format failure (arm `reask`), 0 = none.
    `extract`: JSON pointer to the part of a JSON answer that graders read as the text (arm `structured`
    where graders expect a bare label); None = the whole answer. `answer_tool`: the tool whose forced call
    holds the answer: graders read its arguments as the text (arm `structured`, mode `tool`).
    `graders_hash`: of what decides on follow-up turns; None where there are none. `passages`: what the answer
    has to quote from; none where no citations are wanted.
    """

    key: TrialKey
    request: Request
    request_hash: str
    draw: str
    source_arm: str | None = None
    tolerant: bool = False
    max_turns: int = 0
    extract: str | None = None
    answer_tool: str | None = None
    graders_hash: str | None = None
    passages: tuple[Passage, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """Draw `number` (from 1) of the `count` that an arm is written with.

    `shots`: places (from 1) of the examples that every case is shown, in their order.
    """

    number: int
    count: int
    shots: tuple[int, ...] = ()


ArmStatus = Literal["run", "skipped", "not_run", "waived"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedArm:
    """An arm of the plan. `run`: its trials are planned. `skipped`: it does not apply here (`reason`).

    `not_run`: left out by the user. `waived`: left out with a reason in the evalset. `draw` is None where
    the arm is not one of several draws.
    """

    name: str
    kind: str
    question: Literal[1, 2]
    status: ArmStatus
    reason: str = ""
    schema_enforced: Literal["enforced", "unsupported", "unverified"] | None = None
    draw: Draw | None = None


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedItem:
    """What becomes one pytest item: all repeats of a case under an arm by a role."""

    evalset: str
    case: str
    arm: str
    role: str
    trials: tuple[Trial, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that will be asked of an evalset, in ladder order: by arm, then role, then case.

    `graders` maps a case id to its graders (the evalset's, then its own), values rendered.
    `multiplicity` is M of the correction for several arms: the applicable arms planned.
    `retrievals`: what each arm that searches documents reached.
    `shard`: `items` are those of its cases only, every arm and repeat of them is run, and nothing is decided.
    `stated_models`: role → model of the command line, which the evalset need not name.
    """

    evalset: Evalset
    items: tuple[PlannedItem, ...]
    arms: tuple[PlannedArm, ...]
    roles: tuple[str, ...]
    repeats: int
    multiplicity: int
    graders: Mapping[str, tuple[GraderSpec, ...]]
    knowledge_tokens: int | None = None
    retrievals: tuple[Retrieval, ...] = ()
    settings_hash: str = ""
    shard: Shard | None = None
    stated_models: Mapping[str, str] = field(default_factory=dict)
