"""Makes the trials of one arm × role: requests, their hashes, and draws that tell equal ones apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import is_not

from pytest_ftgate.errors import FtgateError
from pytest_ftgate.model.evalset import Case, Json, Message, ModelSpec
from pytest_ftgate.model.retrieval import Passage
from pytest_ftgate.model.trial import Request, Trial, TrialKey
from pytest_ftgate.planning.fingerprint import describe_rest, draw_name, hash_messages

TrialsOf = Callable[[str, str], tuple[Trial, ...]]
"""(arm, case id) → that arm's trials of the case, for the same role."""


class TrialMaker:
    """`ArmTask.make`. One per arm × role; called case by case, repeats of a case in a row."""

    def __init__(self, *, evalset: str, arm: str, role: str, model: ModelSpec, trials_of: TrialsOf) -> None:
        self._evalset, self._arm, self._role, self._model = evalset, arm, role, model
        self._trials_of = trials_of
        self._ranks: dict[str, tuple[str, int]] = {}
        self._rest: tuple[tuple[Json, ...], str] | None = None
        self._last: tuple[str, tuple[Json, ...], Request, str, int] | None = None

    def __call__(
        self,
        case: Case,
        repeat: int,
        messages: Sequence[Message] | None = None,
        *,
        response_format: Json = None,
        answer_tool: Json = None,
        like: str | None = None,
        source_arm: str | None = None,
        tolerant: bool = False,
        max_turns: int = 0,
        extract: str | None = None,
        passages: tuple[Passage, ...] = (),
    ) -> Trial:
        """A finished trial.

        `like`: the request, hash and draw of that arm's trial, in place of `messages`; `source_arm`
        implies it, and says that the response is that trial's too. `answer_tool`: a tool (OpenAI form) whose
        call is forced, in place of the case's tools; its arguments are the answer. `passages`: what it has to
        quote from. Raises FtgateError for a request that is no JSON or nested too deep.
        """
        key = TrialKey(evalset=self._evalset, case=case.id, arm=self._arm, role=self._role, repeat=repeat)
        borrowed = source_arm or like
        if borrowed is not None:
            source = self._trials_of(borrowed, case.id)[repeat - 1]
            request, hashed, draw = source.request, source.request_hash, source.draw
            extract, tool_name = extract or source.extract, source.answer_tool
            passages = passages or source.passages
        else:
            request, hashed, rank = self._request(case, messages, response_format, answer_tool)
            draw, tool_name = draw_name(repeat, rank), _name_tool(answer_tool)
        return Trial(
            key=key,
            request=request,
            request_hash=hashed,
            draw=draw,
            source_arm=source_arm,
            tolerant=tolerant,
            max_turns=max_turns,
            extract=extract,
            answer_tool=tool_name,
            passages=passages,
        )

    def _request(
        self, case: Case, messages: Sequence[Message] | None, response_format: Json, answer_tool: Json
    ) -> tuple[Request, str, int]:
        last, asked = self._last, (messages, response_format, answer_tool)
        if last and last[0] == case.id and not any(map(is_not, last[1], asked)):
            return last[2:]
        forced = {} if answer_tool is None else {"tool_choice": _force(answer_tool)}
        request = Request(
            model=self._model.model,
            messages=tuple(messages or ()),
            params={**self._model.params, **forced} if forced else self._model.params,
            response_format=response_format,
            tools=case.tools if answer_tool is None else (answer_tool,),
        )
        try:
            hashed = hash_messages(request.messages, self._describe_rest(case, request, answer_tool))
        except ValueError as error:
            raise FtgateError(f"the request cannot be written as JSON: {error}") from None
        rank = self._rank(hashed, case.id)
        if messages is not None:
            self._last = (case.id, asked, request, hashed, rank)
        return request, hashed, rank

    def _describe_rest(self, case: Case, request: Request, answer_tool: Json) -> str:
        given = (request.response_format, case.tools, answer_tool)
        if self._rest is None or any(map(is_not, self._rest[0], given)):
            self._rest = (given, describe_rest(request))
        return self._rest[1]

    def _rank(self, hashed: str, case_id: str) -> int:
        last_case, rank = self._ranks.get(hashed, (case_id, 0))
        if last_case != case_id:
            rank += 1
        self._ranks[hashed] = (case_id, rank)
        return rank


def _name_tool(tool: Json) -> str | None:
    return None if tool is None else str(tool["function"]["name"])


def _force(tool: Json) -> Json:
    """OpenAI's `tool_choice` that leaves no choice; litellm translates it for other vendors."""
    return {"type": "function", "function": {"name": tool["function"]["name"]}}
