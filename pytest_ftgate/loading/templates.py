"""Syntax of the Jinja2 templates, checked before anything is asked."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from pytest_ftgate.model.evalset import Json

if TYPE_CHECKING:
    from jinja2.sandbox import SandboxedEnvironment

_MARKS = re.compile(r"\{[{%#]")


@cache
def _make_environment() -> SandboxedEnvironment:
    from jinja2.sandbox import SandboxedEnvironment

    # Only parsed here; autoescape would change prompts, which are not HTML.
    return SandboxedEnvironment(autoescape=False)


def has_template(value: Json) -> bool:
    """Whether a value holds template marks anywhere."""
    if isinstance(value, str):
        return _MARKS.search(value) is not None
    if isinstance(value, dict):
        return any(has_template(child) for child in value.values())
    return isinstance(value, list) and any(has_template(child) for child in value)


def find_template_problem(text: str, *, sees_expected: bool) -> tuple[int, str] | None:
    """Line within the text (1-based) and sentence, or None where the template is fine.

    Names that nothing defines are found later, when the template meets a case.
    """
    if not _MARKS.search(text):
        return None
    from jinja2 import TemplateSyntaxError, meta

    try:
        tree = _make_environment().parse(text)
        names = meta.find_undeclared_variables(tree)
        loads_others = any(True for _ in meta.find_referenced_templates(tree))
    except TemplateSyntaxError as error:
        hint = "write literal braces as {{ '{{' }} or inside {% raw %}…{% endraw %}"
        return error.lineno, f"not a valid template: {error.message}; {hint}"
    except RecursionError:
        return 1, "not a valid template: nested too deeply"
    if loads_others:
        return 1, "a template cannot include, import or extend another one; write its text here"
    if "expected" in names and not sees_expected:
        return _find_line(text), (
            "a prompt must not see `expected`: the answer would be in the question; "
            "put what the model may know into `vars` or `context`"
        )
    return None


def _find_line(text: str) -> int:
    return text.count("\n", 0, max(text.find("expected"), 0)) + 1
