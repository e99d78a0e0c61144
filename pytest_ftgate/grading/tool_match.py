"""Comparing tool calls by BFCL's rules (Patil et al. 2025, ast_checker.py): any-of values, optional
arguments, types of the tool's schema, parallel calls in any order.

Stricter than BFCL: `true` is not 1 in objects either. Looser: an integer counts for a number inside lists
too (JSON has one kind of number); strings are compared loosely at every depth of lists and objects; dots
and underscores in a function's name are one for every model; calls are matched as a whole, where BFCL
gives the first call that fits to each wanted one in turn.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_ftgate.grading.grades import GraderError, Problem, Problems, show
from pytest_ftgate.grading.schema import freeze
from pytest_ftgate.grading.signatures import clean, type_name
from pytest_ftgate.grading.tool_calls import MAX_CALLS, Call
from pytest_ftgate.model.evalset import Json

OPTIONAL = ""
_IGNORED = re.compile(r"[ ,./\-_*^]")
# BFCL's own names, for tools that were not converted to JSON Schema.
_TYPE_NAMES = {"dict": "object", "float": "number", "tuple": "array", "list": "array"}
_TYPES = frozenset({"null", "boolean", "integer", "number", "string", "array", "object"})


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedCall:
    """`allowed` maps each argument to its allowed values; `""` among them = it may be left out.

    `is_exact`: strings must be equal as they stand (form {name, arguments}).
    """

    name: str
    allowed: Mapping[str, Sequence[Json]]
    is_exact: bool = False


def read_wanted(expected: Json) -> tuple[WantedCall, ...]:
    """The calls expected: BFCL's [{fn: {arg: [allowed]}}] or {name, arguments}, one or a list.

    Raises GraderError for any other form, and for more than 50 calls. [] = no call must be made.
    """
    entries = expected if isinstance(expected, list) else [expected]
    if len(entries) > MAX_CALLS:
        raise GraderError(f"needs at most {MAX_CALLS} expected calls, got {len(entries)}")
    return tuple(_read_entry(entry) for entry in entries)


def _read_entry(entry: Json) -> WantedCall:
    if isinstance(entry, Mapping):
        name, arguments = entry.get("name"), entry.get("arguments", {})
        if isinstance(name, str) and isinstance(arguments, Mapping) and entry.keys() <= {"name", "arguments"}:
            return WantedCall(
                name=name, allowed={key: [value] for key, value in arguments.items()}, is_exact=True
            )
        if len(entry) == 1:
            ((name, arguments),) = entry.items()
            if isinstance(arguments, Mapping) and all(
                isinstance(v, list | tuple) for v in arguments.values()
            ):
                return WantedCall(name=name, allowed=dict(arguments))
    raise GraderError(
        f"needs expected calls as [{{function: {{argument: [allowed values]}}}}] or {{name, arguments}}, "
        f"got {show(entry)}"
    )


def compare_calls(calls: Sequence[Call], wanted: Sequence[WantedCall], tools: Mapping[str, Json]) -> Problems:
    """Problems of the calls made against those wanted, in any order; empty where all agree."""
    if not wanted:
        made = ", ".join(show(call.name, 40) for call in calls[:3])
        return (Problem("tool:unneeded_call", f"no call was wanted, got {made}"),) if calls else ()
    if not calls:
        names = ", ".join(show(want.name, 40) for want in wanted[:3])
        return (Problem("tool:no_call", f"no call was made, wanted {names}"),)
    problems = [[compare_call(call, want, tools) for call in calls] for want in wanted]
    if len(calls) != len(wanted):
        count = Problem("tool:count", f"{len(calls)} calls were made, wanted {len(wanted)}")
        return (count, *_unmatched_problems(problems))
    return _unmatched_problems(problems)


def _unmatched_problems(problems: list[list[Problems]]) -> Problems:
    """Match what agrees (augmenting paths); of each wanted call left, the problems of the nearest call."""
    owner: dict[int, int] = {}

    def claim(want: int, seen: set[int]) -> bool:
        for call, found in enumerate(problems[want]):
            if found or call in seen:
                continue
            seen.add(call)
            if call not in owner or claim(owner[call], seen):
                owner[call] = want
                return True
        return False

    left = [want for want in range(len(problems)) if not claim(want, set())]
    free = [call for call in range(len(problems[0])) if call not in owner]
    result: list[Problem] = []
    for want in left:
        if not free:
            break
        nearest = min(
            free, key=lambda call: (_is_wrong_name(problems[want][call]), len(problems[want][call]))
        )
        free.remove(nearest)
        result.extend(problems[want][nearest])
    return tuple(dict.fromkeys(result))


def _is_wrong_name(problems: Problems) -> bool:
    return any(problem.signature == "tool:wrong_name" for problem in problems)


def compare_call(call: Call, want: WantedCall, tools: Mapping[str, Json]) -> Problems:
    """Problems of one call against one wanted call: missing, unknown, wrong type, wrong value."""
    sent_name = want.name.replace(".", "_")
    if call.name.replace(".", "_") != sent_name:
        reason = f"called {show(call.name, 60)}, wanted {show(want.name, 60)}"
        return (Problem("tool:wrong_name", reason),)
    properties, required = read_parameters(tools.get(want.name) or tools.get(sent_name))
    arguments = name_arguments(call, list(properties) or list(want.allowed))
    problems = [
        Problem(f"tool:missing_arg:{clean(name, 40)}", f"argument {name!r} is missing")
        for name, allowed in want.allowed.items()
        if name not in arguments and (want.is_exact or OPTIONAL not in allowed or name in required)
    ]
    for name, value in arguments.items():
        if name not in want.allowed:
            reason = f"argument {show(name, 40)} is not wanted"
            problems.append(Problem(f"tool:unknown_arg:{clean(name, 40)}", reason))
            continue
        problem = _compare_argument(name, value, want, properties.get(name))
        if problem is not None:
            problems.append(problem)
    return tuple(problems)


def name_arguments(call: Call, names: Sequence[str]) -> dict[str, Json]:
    """Arguments by name; positional ones take the parameters' order."""
    arguments = dict(call.arguments)
    for index, value in enumerate(call.positional):
        arguments.setdefault(names[index] if index < len(names) else f"#{index + 1}", value)
    return arguments


def read_parameters(tool: Json) -> tuple[Mapping[str, Json], frozenset[str]]:
    """(properties, required) of a tool in OpenAI form; empty where it says nothing."""
    function = tool.get("function", tool) if isinstance(tool, Mapping) else {}
    parameters = function.get("parameters") if isinstance(function, Mapping) else None
    if not isinstance(parameters, Mapping):
        return {}, frozenset()
    properties, required = parameters.get("properties"), parameters.get("required")
    return (
        properties if isinstance(properties, Mapping) else {},
        frozenset(required if isinstance(required, list | tuple) else ()),
    )


def _compare_argument(name: str, value: Json, want: WantedCall, schema: Json) -> Problem | None:
    allowed = want.allowed[name]
    is_right = any(is_allowed(value, option, is_exact=want.is_exact) for option in allowed)
    if is_right and want.is_exact:
        return None
    short = clean(name, 40)
    real = [option for option in allowed if want.is_exact or option != OPTIONAL]
    if not has_type(value, schema) and not any(_same_type(value, option) for option in real):
        return Problem(f"tool:arg_type:{short}", f"argument {name!r} is {type_name(value)} {show(value)}")
    if is_right:
        return None
    options = ", ".join(show(option, 40) for option in allowed[:3])
    return Problem(f"tool:arg_value:{short}", f"argument {name!r} is {show(value)}, allowed: {options}")


def has_type(value: Json, schema: Json) -> bool:
    """Whether the value, and each item of a list, is of the `type` that its schema names (any, where it
    names none that is known). An integer is a number; 2.0 is no integer, and no boolean is a number.
    """
    if not isinstance(schema, Mapping):
        return True
    wanted = schema.get("type")
    written = wanted if isinstance(wanted, list | tuple) else [wanted]
    names = {_TYPE_NAMES.get(name, name) for name in written if isinstance(name, str)}
    have = type_name(value)
    if names and names <= _TYPES and have not in names and not (have == "integer" and "number" in names):
        return False
    return not isinstance(value, list) or all(has_type(item, schema.get("items")) for item in value)


def _same_type(value: Json, option: Json) -> bool:
    """Whether the value has the type of an allowed one, which counts more than the schema's."""
    have, want = type_name(value), type_name(option)
    if have == want == "array":
        kinds = {type_name(item) for item in option}
        return all(
            type_name(item) in kinds or (type_name(item) == "integer" and "number" in kinds) for item in value
        )
    return have == want or (have == "integer" and want == "number")


def is_allowed(value: Json, option: Json, *, is_exact: bool) -> bool:
    """Whether a value is the allowed one. BFCL's form: strings without case, spaces and `,./-_*^`; an
    object's allowed values are lists, and `""` in one makes the key optional.
    """
    if is_exact:
        return bool(freeze(value) == freeze(option))
    if isinstance(value, str) and isinstance(option, str):
        return standardise(value) == standardise(option)
    if isinstance(value, list) and isinstance(option, list):
        pairs = zip(value, option, strict=False)
        return len(value) == len(option) and all(is_allowed(a, b, is_exact=False) for a, b in pairs)
    if isinstance(value, Mapping) and isinstance(option, Mapping):
        return _is_allowed_object(value, option)
    return bool(freeze(value) == freeze(option))


def _is_allowed_object(value: Mapping[str, Json], option: Mapping[str, Any]) -> bool:
    for key, allowed in option.items():
        options = allowed if isinstance(allowed, list) else [allowed]
        if key not in value:
            if OPTIONAL not in options:
                return False
        elif not any(_is_allowed_inside(value[key], entry) for entry in options):
            return False
    return all(key in option for key in value)


def _is_allowed_inside(value: Json, option: Json) -> bool:
    """Inside an object a further object may also be given as it stands: BFCL knows only one level."""
    return is_allowed(value, option, is_exact=False) or bool(freeze(value) == freeze(option))


def standardise(text: str) -> str:
    """BFCL's standard form of a string."""
    return _IGNORED.sub("", text).lower().replace("'", '"')
