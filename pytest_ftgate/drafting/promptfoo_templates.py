"""Nunjucks templates as Jinja2: nearly the same language, but for some filters and names."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING

from pytest_ftgate.loading.templates import find_template_problem, has_template
from pytest_ftgate.model.evalset import Json

if TYPE_CHECKING:
    from jinja2.sandbox import SandboxedEnvironment

_MARKED = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_DUMP = re.compile(r"\|\s*dump\b(\([^)]*\))?")
_LENGTH = re.compile(r"(?<=\w)\.length\b")
_WORDS = (("===", "=="), ("!==", "!="), ("&&", "and"), ("||", "or"))
RENAMED: Mapping[str, str] = {"id": "id_", "tags": "tags_", "vars": "vars_"}
"""Vars whose name means something else to our templates."""
_NAME = re.compile(r"(?<![\w.'\"|])(id|tags|vars)\b(?!\s*[=(])")


def convert_templates(value: Json) -> Json:
    """The value with every template in it written in Jinja2."""
    if isinstance(value, str):
        return _MARKED.sub(lambda found: _convert(found.group()), value) if has_template(value) else value
    if isinstance(value, list):
        return [convert_templates(part) for part in value]
    if isinstance(value, dict):
        return {key: convert_templates(part) for key, part in value.items()}
    return value


def _convert(marked: str) -> str:
    for theirs, ours in _WORDS:
        marked = marked.replace(theirs, ours)
    marked = _LENGTH.sub("|length", _DUMP.sub("| tojson", marked))
    return _NAME.sub(lambda found: RENAMED[found[1]], marked)


def find_faults(value: Json, *, sees_expected: bool = False) -> str:
    """A sentence about the first template that is none here, '' where all are."""
    for text in _texts(value):
        problem = find_template_problem(text, sees_expected=sees_expected)
        if problem is not None:
            return problem[1]
        if has_template(text) and (fault := _compile(text)):
            return fault
    return ""


def _compile(text: str) -> str:
    """What only compiling finds: filters that Jinja2 has not; and names that are promptfoo's own."""
    from jinja2 import TemplateError

    environment = _make_environment()
    try:
        environment.compile(text)
    except (TemplateError, RecursionError) as error:
        return f"not a valid template: {error}"
    if "env" in list_names(text):
        return "{{ env.… }}: templates never see the environment; write a var"
    return ""


def list_names(value: Json) -> set[str]:
    """Every name that the templates of a value read; they must be valid."""
    from jinja2 import meta

    environment = _make_environment()
    found: set[str] = set()
    for text in _texts(value):
        if has_template(text):
            found |= meta.find_undeclared_variables(environment.parse(text))
    return found - set(environment.globals)


@cache
def _make_environment() -> SandboxedEnvironment:
    from jinja2.sandbox import SandboxedEnvironment

    return SandboxedEnvironment(autoescape=False)


def _texts(value: Json) -> list[str]:
    texts: list[str] = []
    _visit(value, texts.append)
    return texts


def _visit(value: Json, see: Callable[[str], None]) -> None:
    if isinstance(value, str):
        see(value)
    elif isinstance(value, list):
        for part in value:
            _visit(part, see)
    elif isinstance(value, dict):
        for part in value.values():
            _visit(part, see)
