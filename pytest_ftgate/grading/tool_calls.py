"""Reading tool calls: native ones, or JSON, `<tool_call>` blocks and Python call syntax in the text."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from math import isfinite
from typing import Any

from pytest_ftgate.grading.limits import MAX_CALL_CHARS
from pytest_ftgate.grading.parsed import TextOutput
from pytest_ftgate.grading.strict_json import is_too_deep
from pytest_ftgate.model.evalset import Json
from pytest_ftgate.model.response import ToolCall

_BLOCK = re.compile(r"<tool_call>(.*?)(?:</tool_call>|\Z)", re.DOTALL)
_PYTHON = re.compile(r"\[?\s*+[A-Za-z_][\w.\-]*+\s*+\(")
_FENCE = re.compile(r"\A`{1,3}[\w-]*\s*|\s*`{1,3}\Z")
CALL_KEYS = frozenset({"name", "function", "arguments", "parameters", "args", "type", "id", "index"})
"""Keys of a written call: an object with others is something else, however it is named."""
_MAX_PYTHON_BRACKETS = 60
_MAX_SIGNS = 60
MAX_CALLS = 50
"""So many calls can be wanted. Of an answer one more is read: enough to tell that they are too many."""


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


def read_native(tool_calls: Sequence[ToolCall], *, tolerant: bool = False) -> Calls:
    """Native calls; arguments that are no JSON object give the `format:` kinds of their text."""
    reader = _Reader(tolerant)
    calls = [
        Call(name=call.name, arguments=reader.read_arguments(call.arguments) or {})
        for call in tool_calls[: MAX_CALLS + 1]
    ]
    return reader.finish(calls)


def read_written(parsed: TextOutput) -> Calls:
    """Calls written in the text; none where it is ordinary prose.

    JSON may stand in prose (a format failure), `<tool_call>` blocks may too (as models are trained to);
    Python syntax must be the whole text, or all of one fenced block.
    """
    text = parsed.text.strip()
    reader = _Reader(parsed.tolerant)
    if "<tool_call>" in text:
        return reader.finish(reader.read_blocks(text))
    python = _read_python(text)
    if python is not None:
        return Calls(calls=python)
    if text.startswith("`"):
        inner = _read_python(_FENCE.sub("", text[:MAX_CALL_CHARS]))
        if inner is not None:
            return Calls(calls=inner, signatures=() if parsed.tolerant else ("format:fenced",))
    if "{" not in text:
        return Calls()
    reading = parsed.reading
    calls = reader.read_value(reading.value) if reading.has_value else None
    reader.signatures[:0] = reading.signatures
    return reader.finish(calls) if calls else Calls()


class _Reader:
    """Reads calls from JSON values, and collects what was wrong with how they were written."""

    def __init__(self, tolerant: bool) -> None:
        self.tolerant = tolerant
        self.signatures: list[str] = []

    def finish(self, calls: Sequence[Call]) -> Calls:
        return Calls(calls=tuple(calls), signatures=tuple(dict.fromkeys(self.signatures)))

    def read_blocks(self, text: str) -> list[Call]:
        calls: list[Call] = []
        for match in islice(_BLOCK.finditer(text), MAX_CALLS + 1):
            reading = TextOutput(match[1].strip(), tolerant=self.tolerant).reading
            found = self.read_value(reading.value) if reading.has_value else None
            self.signatures += reading.signatures or (() if found else ("format:not_json",))
            calls += found or ()
        return calls[: MAX_CALLS + 1]

    def read_value(self, value: Json) -> list[Call] | None:
        """Calls in a JSON value of any usual form: {name, arguments}, OpenAI's, {fn: {…}}, or lists."""
        if isinstance(value, dict) and isinstance(value.get("tool_calls"), list):
            value = value["tool_calls"]
        items = value if isinstance(value, list) else [value]
        found = [self.read_one(item) for item in items[: MAX_CALLS + 1]]
        calls = [call for call in found if call is not None]
        return calls if len(calls) == len(found) else None

    def read_one(self, value: Json) -> Call | None:
        if not isinstance(value, dict):
            return None
        if isinstance(value.get("function"), dict):
            value = value["function"]
        name = value.get("name", value.get("function"))
        if isinstance(name, str):
            # {"name": "Ann", "age": 3} is an answer about a person.
            if not value.keys() <= CALL_KEYS:
                return None
            written = value.get("arguments", value.get("parameters", value.get("args")))
            arguments = self.read_arguments(written)
        elif len(value) == 1:
            ((name, arguments),) = value.items()
        else:
            return None
        return Call(name=name, arguments=arguments) if isinstance(arguments, dict) else None

    def read_arguments(self, written: Json) -> Json:
        """Arguments as an object, or as the JSON text of one; none where nothing is written."""
        if written is None or (isinstance(written, str) and not written.strip()):
            return {}
        if not isinstance(written, str):
            return written
        reading = TextOutput(written, tolerant=self.tolerant).reading
        self.signatures += reading.signatures
        if reading.has_value and isinstance(reading.value, dict):
            return reading.value
        if not reading.signatures:
            self.signatures.append("format:not_json")
        return {}


def _read_python(text: str) -> tuple[Call, ...] | None:
    """Calls in Python syntax, where the whole text is that: `f(a=1)`, `[f(a=1), g()]`, or one a line."""
    if len(text) > MAX_CALL_CHARS or not _PYTHON.match(text) or not text.endswith((")", "]")):
        return None
    # The compiler's own stack must not be what stops a hostile text.
    brackets = text.count("(") + text.count("[") + text.count("{")
    if (brackets > _MAX_PYTHON_BRACKETS and _nests_deep(text)) or _has_sign_run(text):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            lines = ast.parse(text).body
        nodes = [node for line in lines for node in _list_nodes(line)]
        return tuple(_read_node(node) for node in nodes[: MAX_CALLS + 1])
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError, OverflowError):
        return None


def _nests_deep(text: str) -> bool:
    return is_too_deep(text.replace("(", "[").replace(")", "]")) or text.count("(") > 2 * _MAX_PYTHON_BRACKETS


def _has_sign_run(text: str) -> bool:
    return re.search(rf"(?:[-+~]\s*+){{{_MAX_SIGNS}}}", text) is not None


def _list_nodes(line: ast.stmt) -> Sequence[ast.expr]:
    if not isinstance(line, ast.Expr):
        raise ValueError("no expression")
    return line.value.elts if isinstance(line.value, ast.List | ast.Tuple) else [line.value]


def _read_node(node: ast.expr) -> Call:
    prefix = ""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub):
        # Python reads the name of `get-weather(city="Bonn")` as a difference.
        prefix, node = ast.unparse(node.left).replace(" ", "") + "-", node.right
    if not isinstance(node, ast.Call):
        raise ValueError("no call")
    arguments: dict[str, Json] = {}
    for keyword in node.keywords:
        value = _read_literal(keyword.value)
        arguments.update({keyword.arg: value} if keyword.arg is not None else value)
    positional = tuple(_read_literal(argument) for argument in node.args)
    return Call(name=prefix + ast.unparse(node.func), arguments=arguments, positional=positional)


def _read_literal(node: ast.expr) -> Json:
    """The value of a literal. What is none (`true`, `2 * 3`, a set) is the text of its code, as BFCL reads
    names: such an argument has a wrong type or value, but the call is made.
    """
    if isinstance(node, ast.List | ast.Tuple):
        return [_read_literal(item) for item in node.elts]
    if isinstance(node, ast.Dict):
        keys = [ast.literal_eval(key) if key is not None else None for key in node.keys]
        if any(isinstance(key, bool) or not isinstance(key, str | int) for key in keys):
            return ast.unparse(node)
        return {str(key): _read_literal(value) for key, value in zip(keys, node.values, strict=True)}
    try:
        value: Any = ast.literal_eval(node)
    except (ValueError, TypeError):
        return ast.unparse(node)
    is_json = value is None or isinstance(value, str | bool | int)
    return value if is_json or (isinstance(value, float) and isfinite(value)) else ast.unparse(node)
