"""Jinja2 templates of prompts and grader values, rendered in a sandbox with bounds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from pytest_ftgate.errors import FtgateError, suggest
from pytest_ftgate.model.evalset import Case, Json, Message

if TYPE_CHECKING:
    from jinja2 import Template

    from pytest_ftgate.planning.sandbox import BoundedEnvironment

MAX_RENDERED_CHARS = 4_000_000
"""Longest text that a template may produce, in characters."""
MAX_LOOP_STEPS = 100_000
"""Numbers that all `range()` calls of one rendering may yield together."""

_UNDEFINED_NAME = re.compile(r"^'([^']*)' is undefined$")
_SINGLE_EXPRESSION = re.compile(r"^\s*\{\{-?((?:(?!\{\{|\}\}|\{%).)*?)-?\}\}\s*$", re.DOTALL)


class TemplateUseError(FtgateError):
    """A template cannot be rendered. `pointer` leads to it from where it was written.

    `topic` is the fault without what differs from case to case, such as the names that are known.
    """

    def __init__(self, text: str, pointer: str = "", topic: str = "") -> None:
        self.text, self.pointer, self.topic = text, pointer, topic or text
        super().__init__(text)


def is_template(text: str) -> bool:
    """Whether `text` contains Jinja2 syntax; a lone brace, as in JSON, is none."""
    return "{" in text and ("{{" in text or "{%" in text or "{#" in text)


def case_names(case: Case) -> dict[str, Json]:
    """What a prompt template may name for a case: never `expected`.

    A variable has its own name as well, unless that name is taken.
    """
    names: dict[str, Json] = {key: value for key, value in case.vars.items() if key != "expected"}
    names["vars"] = case.vars
    names["id"], names["tags"] = case.id, list(case.tags)
    for name, value, is_given in (
        ("input", case.input, case.messages is None or case.input is not None),
        ("context", case.context, case.context is not None),
    ):
        names.pop(name, None)
        if is_given:
            names[name] = value
    return names


def grader_names(case: Case) -> dict[str, Json]:
    """What a grader's value may name for a case: as `case_names`, and `expected` where there is one."""
    names = case_names(case)
    if case.has_expected:
        names["expected"] = case.expected
    return names


def render_text(source: str, names: Mapping[str, Json]) -> str:
    """The text of a template. Raises TemplateUseError for any error in it."""
    if not is_template(source):
        return source
    template = _compile(source)
    try:
        return _collect(template, names)
    except _render_errors() as error:
        raise _explain(error, names) from None


def render_value(source: str, names: Mapping[str, Json]) -> Json:
    """As `render_text`, but a template that is one expression keeps the type of its value."""
    match = _SINGLE_EXPRESSION.match(source)
    if match is None:
        return render_text(source, names)
    try:
        environment = _environment()
        environment.loop_steps = 0
        value = environment.compile_expression(match[1].strip(), undefined_to_none=False)(**names)
        # Undefined values and what cannot be printed complain here.
        str(environment.finalize(value))  # type: ignore[misc]
    except _render_errors() as error:
        raise _explain(error, names) from None
    return value


def render_deep(value: Json, names: Mapping[str, Json], *, keep_types: bool = False) -> Json:
    """`value` with every string in its lists and mappings rendered; keys stay."""
    if isinstance(value, str):
        if not is_template(value):
            return value
        return render_value(value, names) if keep_types else render_text(value, names)
    if isinstance(value, Mapping):
        return {key: render_deep(part, names, keep_types=keep_types) for key, part in value.items()}
    if isinstance(value, Sequence):
        return [render_deep(part, names, keep_types=keep_types) for part in value]
    return value


def contains_template(value: Json) -> bool:
    """Whether any string within `value` is a template."""
    if isinstance(value, str):
        return is_template(value)
    if isinstance(value, Mapping):
        return any(contains_template(part) for part in value.values())
    return isinstance(value, Sequence) and any(contains_template(part) for part in value)


def render_messages(
    messages: Sequence[Message], names: Mapping[str, Json], *, positions: Sequence[int] | None = None
) -> tuple[Message, ...]:
    """The messages with their contents rendered. `positions` are their places for a fault's pointer."""
    rendered = []
    for index, message in enumerate(messages):
        content = message.get("content")
        if content is None or (isinstance(content, str) and not is_template(content)):
            rendered.append(message)
            continue
        try:
            rendered.append({**message, "content": render_deep(content, names)})
        except TemplateUseError as fault:
            place = positions[index] if positions is not None else index
            raise TemplateUseError(fault.text, f"/{place}/content", fault.topic) from None
    return tuple(rendered)


def mentions(value: Json, name: str) -> bool:
    """Whether a template within `value` reads the name. Raises TemplateUseError for a syntax error."""
    if isinstance(value, str):
        return name in value and name in _free_names(value)
    if isinstance(value, Mapping):
        return any(mentions(part, name) for part in value.values())
    return isinstance(value, Sequence) and any(mentions(part, name) for part in value)


@lru_cache(maxsize=1)
def _environment() -> BoundedEnvironment:
    from pytest_ftgate.planning.sandbox import make_environment

    return make_environment(MAX_LOOP_STEPS, MAX_RENDERED_CHARS)


@lru_cache(maxsize=4096)
def _compile(source: str) -> Template:
    from jinja2 import TemplateSyntaxError

    try:
        return _environment().from_string(source)
    except TemplateSyntaxError as error:
        raise TemplateUseError(
            f"not a Jinja2 template (line {error.lineno} of it): {error.message}; "
            "write {% raw %}…{% endraw %} around braces that are meant literally"
        ) from None
    except (RecursionError, MemoryError):
        raise TemplateUseError("the template is nested too deep") from None


@lru_cache(maxsize=4096)
def _free_names(source: str) -> frozenset[str]:
    from jinja2 import meta

    if not is_template(source):
        return frozenset()
    _compile(source)
    return frozenset(meta.find_undeclared_variables(_environment().parse(source)))


def _collect(template: Template, names: Mapping[str, Json]) -> str:
    environment = _environment()
    environment.loop_steps = 0
    chunks, size = [], 0
    # Template.generate() and new_context() list the globals of a ChainMap for each text: that is half of a
    # rendering, and only templates that import others have a use for it.
    context = environment.context_class(
        environment, {**environment.globals, **names}, template.name, template.blocks
    )
    for chunk in template.root_render_func(context):
        size += len(chunk)
        if size > MAX_RENDERED_CHARS:
            raise TemplateUseError(f"the template's text is longer than {MAX_RENDERED_CHARS:,} characters")
        chunks.append(chunk)
    return "".join(chunks)


@lru_cache(maxsize=1)
def _render_errors() -> tuple[type[BaseException], ...]:
    from jinja2 import TemplateError

    # A template can run into any of these on data that its author did not think of.
    return (
        TemplateError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError,
        RecursionError, MemoryError,
    )  # fmt: skip


def _explain(error: BaseException, names: Mapping[str, Json]) -> TemplateUseError:
    if isinstance(error, TemplateUseError):
        return error
    if isinstance(error, RecursionError):
        return TemplateUseError("the template, or a value it prints, is nested too deep")
    text = str(error) or type(error).__name__
    match = _UNDEFINED_NAME.match(text)
    known = sorted(names)
    listed = f" Known: {', '.join(known)}."
    if match and match[1] == "context":
        hint = "give it one, or write {% if context is defined %}…{% endif %}"
        return TemplateUseError(f"'context' is undefined: the case has none; {hint}")
    if match and match[1] == "expected":
        text = "'expected' is undefined: a prompt never sees it, a grader only where the case has one"
        return TemplateUseError(f"{text}.{listed}", topic=text)
    if match:
        text = f"undefined name {match[1]!r}"
        return TemplateUseError(f"{text}.{suggest(match[1], known)}", topic=text)
    return TemplateUseError(f"{text}.{listed}", topic=text)
