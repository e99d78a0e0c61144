"""What to do about assertions of promptfoo that have no equal grader, or only a near one."""

from __future__ import annotations

from collections.abc import Mapping

_FUNCTION = (
    "code from a configuration is never run; write it as a Python function, register it (hook "
    "pytest_ftgate_register_graders) and name it: `- python: NAME`"
)
_LANGUAGE = "no grader reads this language; a registered function can: `- python: NAME`"
_JUDGED = "an `llm-rubric` that says what you want is nearest"
_UNRECORDED = "log probabilities are not recorded"
_METRIC = "of the text metrics there are `rouge-n` and `levenshtein`; a registered function can be another"
_COMPARED = "prompts are compared as arms, over all cases and repeats, not answer by answer"
_SERVICE = "another service is not asked; `llm-rubric` or a registered function can judge"
_TRACE = "steps inside of an application are not seen; its answer is (`target: NAME`)"

ADVICE: Mapping[str, str] = {
    "javascript": _FUNCTION, "python": _FUNCTION, "ruby": _FUNCTION, "webhook": _FUNCTION,
    "is-sql": _LANGUAGE, "contains-sql": _LANGUAGE, "is-xml": _LANGUAGE, "contains-xml": _LANGUAGE,
    "is-html": _LANGUAGE, "contains-html": _LANGUAGE,
    "factuality": _JUDGED, "model-graded-factuality": _JUDGED, "answer-relevance": _JUDGED,
    "context-faithfulness": _JUDGED, "context-recall": _JUDGED, "context-relevance": _JUDGED,
    "conversation-relevance": _JUDGED, "agent-rubric": _JUDGED,
    "bleu": _METRIC, "gleu": _METRIC, "meteor": _METRIC, "f-score": _METRIC,
    "similar": "only the cosine of embeddings is measured (`similar`)",
    "perplexity": _UNRECORDED, "perplexity-score": _UNRECORDED,
    "classifier": _SERVICE, "moderation": _SERVICE, "guardrails": _SERVICE,
    "pi": _SERVICE, "search-rubric": _SERVICE,
    "select-best": _COMPARED, "max-score": _COMPARED, "human": "people do not grade in a run",
    "latency": "latency without a threshold", "cost": "cost without a threshold",
    "word-count": "only a largest number of words is graded (`max-length: {words: N}`)",
    "finish-reason": "needs no grader: a truncated answer fails as call:truncated",
    "trace-span-count": _TRACE, "trace-span-duration": _TRACE, "trace-error-spans": _TRACE,
    "trajectory": _TRACE, "skill-used": _TRACE,
}  # fmt: skip
"""By assertion type (what stands before a colon)."""

DIFFERENT: Mapping[str, str] = {
    "g-eval": "a judge votes on the criteria as a rubric, without steps of its own making",
    "model-graded-closedqa": "a judge votes on the criterion as a rubric",
}
"""Assertions that become `llm-rubric`."""
