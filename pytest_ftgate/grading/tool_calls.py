"""Reading tool calls: native ones, or JSON, `<tool_call>` blocks and Python call syntax in the text."""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_ftgate.grading.limits import MAX_CALL_CHARS
from pytest_ftgate.grading.parsed import TextOutput
from pytest_ftgate.grading.strict_json import is_too_deep
from pytest_ftgate.model.evalset import Json
from pytest_ftgate.model.response import ToolCall

_BLOCK = re.compile(r"<tool_call>(.*?)(?:</tool_call>|\Z)", re.DOTALL)
_PYTHON = re.compile(r"\[?\s*[A-Za-z_][\w.\-]*\s*\(")
_FENCE = re.compile(r"\A`{1,3}[\w-]*\s*|\s*`{1,3}\Z")
_MAX_PYTHON_BRACKETS = 60
_MAX_SIGNS = 60
_MAX_CALLS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call as read. `positional` arguments get their names from the tool's schema."""

    name: str
    arguments: Mapping[str, Json]
    positional: tuple[Json, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """The calls of an answer. `signatures`: what was wrong with how they were written, primary first."""

    calls: tuple[Call, ...] = ()
    signatures: tuple[str, ...] = ()


def read_native(tool_calls: Sequence[ToolCall]) -> Calls:
    """Native calls; arguments that are no JSON object give the `format:` kinds of their text."""
    calls: list[Call] = []
    signatures: list[str] = []
    for tool_call in tool_calls[:_MAX_CALLS]:
        if not tool_call.arguments.strip():
            calls.append(Call(name=tool_call.name, arguments={}))
            continue
        reading = TextOutput(tool_call.arguments).read_json()
        signatures += reading.signatures
        is_object = reading.has_value and isinstance(reading.value, dict)
        if not is_object and not reading.signatures:
            signatures.append("format:not_json")
        calls.append(Call(name=tool_call.name, arguments=reading.value if is_object else {}))
    return Calls(calls=tuple(calls), signatures=tuple(dict.fromkeys(signatures)))


def read_written(parsed: TextOutput) -> Calls:
    """Calls written in the text; none where it is ordinary prose."""
    text = parsed.text.strip()
    if "<tool_call>" in text:
        return _read_blocks(text)
    python = _read_python(text)
    if python is not None:
        return Calls(calls=python)
    if text.startswith("`"):
        inner = _read_python(_FENCE.sub("", text[:MAX_CALL_CHARS]))
        if inner is not None:
            return Calls(calls=inner, signatures=() if parsed.tolerant else ("format:fenced",))
    if "{" not in text:
        return Calls()
    reading = parsed.read_json()
    calls = _read_value(reading.value) if reading.has_value else None
    return Calls(calls=calls, signatures=reading.signatures) if calls else Calls()


def _read_blocks(text: str) -> Calls:
    calls: list[Call] = []
    signatures: list[str] = []
    for match in list(_BLOCK.finditer(text))[:_MAX_CALLS]:
        reading = TextOutput(match[1].strip()).read_json()
        found = _read_value(reading.value) if reading.has_value else None
        signatures += reading.signatures or (() if found else ("format:not_json",))
        calls += found or ()
    return Calls(calls=tuple(calls), signatures=tuple(dict.fromkeys(signatures)))


def _read_value(value: Json) -> tuple[Call, ...] | None:
    """Calls in a JSON value of any usual form: {name, arguments}, OpenAI's, {fn: {…}}, or lists of them."""
    if isinstance(value, dict) and isinstance(value.get("tool_calls"), list):
        value = value["tool_calls"]
    if isinstance(value, list):
        if len(value) > _MAX_CALLS:
            return None
        found = [_read_one(item) for item in value]
        calls = tuple(call for call in found if call is not None)
        return calls if len(calls) == len(found) else None
    call = _read_one(value)
    return (call,) if call is not None else None


def _read_one(value: Json) -> Call | None:
    if not isinstance(value, dict):
        return None
    if isinstance(value.get("function"), dict):
        value = value["function"]
    name = value.get("name", value.get("function"))
    if isinstance(name, str):
        arguments = value.get("arguments", value.get("parameters", value.get("args", {})))
        if isinstance(arguments, str):
            arguments = TextOutput(arguments).read_json().value
        return Call(name=name, arguments=arguments) if isinstance(arguments, dict) else None
    if len(value) == 1:
        ((name, arguments),) = value.items()
        return Call(name=name, arguments=arguments) if isinstance(arguments, dict) else None
    return None


def _read_python(text: str) -> tuple[Call, ...] | None:
    """Calls in Python syntax, `f(a=1)` or `[f(a=1), g()]`, where the whole text is that."""
    if len(text) > MAX_CALL_CHARS or not _PYTHON.match(text) or not text.endswith((")", "]")):
        return None
    # The compiler's own stack must not be what stops a hostile text.
    brackets = text.count("(") + text.count("[") + text.count("{")
    if (brackets > _MAX_PYTHON_BRACKETS and _nests_deep(text)) or _has_sign_run(text):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text, mode="eval").body
        nodes = tree.elts if isinstance(tree, ast.List) else [tree]
        return tuple(_read_node(node) for node in nodes)[:_MAX_CALLS]
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return None


def _nests_deep(text: str) -> bool:
    return is_too_deep(text.replace("(", "[").replace(")", "]")) or text.count("(") > 2 * _MAX_PYTHON_BRACKETS


def _has_sign_run(text: str) -> bool:
    return re.search(rf"(?:[-+~]\s*){{{_MAX_SIGNS}}}", text) is not None


def _read_node(node: ast.expr) -> Call:
    if not isinstance(node, ast.Call):
        raise ValueError("no call")
    named = {keyword.arg: _read_literal(keyword.value) for keyword in node.keywords if keyword.arg}
    positional = tuple(_read_literal(argument) for argument in node.args)
    return Call(name=ast.unparse(node.func), arguments=named, positional=positional)


def _read_literal(node: ast.expr) -> Json:
    value: Any = ast.literal_eval(node)
    # Through JSON: tuples become lists, keys text, and what JSON cannot say is refused.
    return json.loads(json.dumps(value, allow_nan=False))
