"""What the cases of an evalset ask, in the forms that they are compared in."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from pytest_ftgate.model.evalset import Case, Json
from pytest_ftgate.planning.fingerprint import canonical_json
from pytest_ftgate.planning.texts import case_text, normalise, split_words

Asked = tuple[str, str]
"""(the question, what is shown beside it)"""


class CaseTexts:
    """Texts of cases, one a case and in their order; each form is made once, when it is first read."""

    def __init__(self, cases: Sequence[Case]) -> None:
        self.cases = cases

    @cached_property
    def raw(self) -> list[str]:
        """As `case_text` gives them."""
        return [case_text(case) for case in self.cases]

    @cached_property
    def said(self) -> list[str]:
        """Their words with single spaces between, normalised."""
        return [" ".join(split_words(normal)) for normal in self._normal]

    @cached_property
    def asked(self) -> list[Asked]:
        """All that is asked, the question normalised: that of a conversation with its roles."""
        return [
            (normal if case.messages is None else normalise(question_text(case)), show_rest(case))
            for case, normal in zip(self.cases, self._normal, strict=True)
        ]

    @cached_property
    def _normal(self) -> list[str]:
        return list(map(normalise, self.raw))


def question_text(case: Case) -> str:
    """The question as it is compared: a conversation with its roles."""
    return case_text(case) if case.messages is None else dump(list(case.messages))


def show_rest(case: Case) -> str:
    """What a case shows beside its question."""
    if not (case.context or case.vars or case.tools):
        return ""
    return dump([case.context, dict(case.vars), list(case.tools or ())])


def dump(value: Json) -> str:
    """Canonical JSON, or for what has none its type."""
    try:
        return canonical_json(value)
    except ValueError:
        return repr(type(value))
