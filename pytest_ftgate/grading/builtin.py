"""The graders that come with the package."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from importlib import import_module
from typing import Any

from pytest_ftgate.model.protocols import Grader
from pytest_ftgate.registry import Registry

_GRADERS: Mapping[str, tuple[str, str, Mapping[str, Any]]] = {
    "equals": ("equality", "Equals", {}),
    "contains": ("containment", "Contains", {}),
    "icontains": ("containment", "Contains", {"ignore_case": True}),
    "contains-any": ("containment", "Contains", {"mode": "any"}),
    "contains-all": ("containment", "Contains", {"mode": "all"}),
    "icontains-any": ("containment", "Contains", {"mode": "any", "ignore_case": True}),
    "icontains-all": ("containment", "Contains", {"mode": "all", "ignore_case": True}),
    "starts-with": ("containment", "StartsWith", {}),
    "regex": ("regex_match", "Regex", {}),
    "is-json": ("json_documents", "IsJson", {}),
    "contains-json": ("json_documents", "ContainsJson", {}),
    "json-fields": ("json_fields", "JsonFields", {}),
    "label": ("label_grader", "Label", {}),
    "numeric": ("numeric", "Numeric", {}),
    "choice": ("choice", "Choice", {}),
    "tool-call": ("tool_grader", "ToolCallGrader", {}),
    "tool-call-f1": ("tool_names", "ToolCallF1", {}),
    "is-valid-openai-tools-call": ("tool_validity", "ValidCalls", {}),
    "is-valid-function-call": ("tool_validity", "ValidCalls", {"single": True}),
    "levenshtein": ("text_metrics", "Levenshtein", {}),
    "rouge-n": ("text_metrics", "RougeN", {}),
    "terms": ("terms", "Terms", {}),
    "latency": ("budgets", "Budget", {"measured": "latency"}),
    "cost": ("budgets", "Budget", {"measured": "cost"}),
    "is-refusal": ("refusal", "IsRefusal", {}),
    "no-extra-text": ("extra_text", "NoExtraText", {}),
    "max-length": ("length", "MaxLength", {}),
    "python": ("python_function", "Python", {}),
    "instructions": ("instructions", "Instructions", {}),
    "llm-rubric": ("llm_rubric", "LlmRubric", {}),
    "similar": ("similar", "Similar", {}),
    "citations": ("citations", "Citations", {}),
    "code": ("code_grader", "Code", {}),
}
"""Name → the module here, its class, and how that is made."""


def register(registry: Registry[Grader], *, code_unsafe: bool = False) -> None:
    """Add all built-in graders. `not-NAME` needs no entry: every grader can be negated.

    `code_unsafe`: `code` may run answers' code unconfined where no sandbox works.
    """
    for name, (module, kind, options) in _GRADERS.items():
        given = {"is_unsafe_allowed": code_unsafe} if name == "code" else options
        registry.defer(name, partial(_make, module, kind, given))


def _make(module: str, kind: str, options: Mapping[str, Any]) -> Grader:
    grader: Grader = getattr(import_module(f"pytest_ftgate.grading.{module}"), kind)(**options)
    return grader
