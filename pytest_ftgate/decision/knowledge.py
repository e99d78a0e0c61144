"""How much of the evalset's knowledge its cases and its prompt carry: what question 2 is answered from."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from pytest_ftgate.model.evalset import AS_IS, Evalset, Json, Knowledge
from pytest_ftgate.model.retrieval import Retrieval

CONTEXT, RETRIEVAL = "context", "retrieval"
MIN_CONTEXT_SHARE = 0.9
"""Share of the judged cases that must have context before an arm that gives it answers question 2."""

MIN_CACHED_TOKENS = 1_024
"""Shorter prompts are not cached (OpenAI's guide to prompt caching; Anthropic's: 1,024 to 4,096 by model)."""

SMALL_KNOWLEDGE_TOKENS = 10_000
STATIC_CHANGES = frozenset(("never", "no", "none", "static", "rarely", "false", "off"))

_NOTHING: tuple[Json, ...] = (None, "", [], {})


def is_static(knowledge: Knowledge) -> bool:
    """Whether nothing was said of the knowledge that makes it change."""
    return knowledge.changes is None or knowledge.changes.strip().lower() in STATIC_CHANGES


def fits_prompt(knowledge: Knowledge, tokens: int | None) -> bool:
    """Whether the knowledge fits a cached prompt: < 10k tokens, no citations, not said to change."""
    is_small = tokens is not None and tokens < SMALL_KNOWLEDGE_TOKENS
    return is_small and is_static(knowledge) and not knowledge.citations


def count_contexts(
    evalset: Evalset, judged: Collection[str], unanswering: Collection[str] = ()
) -> tuple[int, int]:
    """(cases with context, cases) among the judged; among all where `judged` is empty.

    The context of `unanswering` cases does not count: it is known not to contain their answer.
    """
    cases = [case for case in evalset.cases if not judged or case.id in judged]
    given = sum(case.context not in _NOTHING and case.id not in unanswering for case in cases)
    return given, len(cases)


def count_reached(search: Retrieval, judged: Collection[str], unanswering: Collection[str]) -> int:
    """The judged cases (all where `judged` is empty) whose gold context a search is known to have reached.

    A search that misses would else be taken for a model that cannot learn.
    """
    return sum(
        search.holds(case) and case not in unanswering for case in search.gold if not judged or case in judged
    )


def has_context_prompt(evalset: Evalset) -> bool:
    """Whether the prompt of `as_is` names the context itself, so that `as_is` is the context arm."""
    own = next((arm.prompt for arm in evalset.arms if arm.name == AS_IS), None)
    return any(CONTEXT in text and _reads_context(text) for text in _list_texts(own or evalset.prompt))


def _list_texts(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (text for part in value.values() for text in _list_texts(part))
    elif isinstance(value, list | tuple):
        yield from (text for part in value for text in _list_texts(part))


def _reads_context(template: str) -> bool:
    from jinja2 import Environment, TemplateError, meta

    try:
        # Only parsed, never rendered: nothing is there to escape.
        parsed = Environment().parse(template)  # noqa: S701
    except (TemplateError, RecursionError):
        return False
    return CONTEXT in meta.find_undeclared_variables(parsed)
