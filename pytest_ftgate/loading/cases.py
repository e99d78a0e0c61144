"""One example as written → a Case."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

from pytest_ftgate.loading.graders import read_graders
from pytest_ftgate.loading.names import MAX_NAME, NAME, check_name
from pytest_ftgate.loading.places import Place
from pytest_ftgate.loading.prompts import read_messages
from pytest_ftgate.loading.reading import Reading
from pytest_ftgate.loading.validation import say_not_among
from pytest_ftgate.loading.wording import quote, say_unknown, say_wrong_type
from pytest_ftgate.model.evalset import Case, Json, Location

CASE_KEYS = (
    "id", "input", "expected", "context", "tags", "vars", "messages", "tools", "group", "must_pass", "split",
    "graders",
)  # fmt: skip
EXAMPLE_ANSWERS = ("answer", "tool_calls")
EXAMPLE_KEYS = ("id", "input", "expected", "context", "tags", "vars", "messages", *EXAMPLE_ANSWERS)
TAKEN_VARS = frozenset({"input", "expected", "context", "vars"})


def read_case(row: Json, place: Place, reading: Reading) -> Case | None:
    """The case of one mapping, None after a problem. An empty id is to be filled in later."""
    if not isinstance(row, dict):
        reading.problems.add(place, say_wrong_type("a case (a mapping with `input`)", row))
        return None
    before = len(reading.problems)
    fields: dict[str, Any] = {}
    for key, value in row.items():
        reader = _READERS.get(key)
        if reader is not None:
            fields[key] = reader(value, place, reading)
        elif key in ("input", "expected", "context"):
            fields[key] = value
        else:
            reading.problems.add(place.at(key), say_unknown("key", key, (*CASE_KEYS, "file", "map")))
    is_known = len(reading.problems) == before or all(key in CASE_KEYS for key in row)
    # A misspelt `input` is told once.
    if is_known and not ("input" in fields or "messages" in fields or fields.get("vars")):
        reading.problems.add(place, "a case needs `input`, `messages` or `vars`")
    if len(reading.problems) > before:
        return None
    fields.setdefault("id", "")
    return Case(has_expected="expected" in row, where=place.where, **fields)


def read_example(row: Json, place: Place, reading: Reading) -> dict[str, Json] | None:
    """A few-shot example: a case-like mapping with the answer it shows; None after a problem.

    The answer is `answer`, or `tool_calls`, or the last of its `messages`, or `expected`.
    """
    before = len(reading.problems)
    plain = row
    if isinstance(row, dict):
        for key in row:
            if key in CASE_KEYS and key not in EXAMPLE_KEYS:
                reading.problems.add(
                    place.at(key), f"`{key}` has no meaning in a few-shot example; remove it"
                )
        if "answer" in row and (row["answer"] is None or not str(row["answer"]).strip()):
            what = say_wrong_type("the answer to show (a text)", row["answer"])
            reading.problems.add(place.at("answer"), what)
        plain = {key: value for key, value in row.items() if key not in EXAMPLE_ANSWERS}
    case = read_case(plain, place, reading)
    is_answered = case is None or case.has_expected or case.messages or set(row) & set(EXAMPLE_ANSWERS)
    if not is_answered:
        reading.problems.add(place, "a few-shot example needs `expected` (or `answer`): the output it shows")
    return dict(row) if len(reading.problems) == before else None


def check_unique_id(row: Json, place: Place, reading: Reading) -> None:
    """A problem where another case of the evalset, in whatever file, has the same id."""
    name = row.get("id") if isinstance(row, dict) else None
    if isinstance(name, bool) or not isinstance(name, str | int) or name == "":
        return
    known = reading.ids.get(str(name))
    if known is None:
        # A place would keep a row that is a document by itself, and has no other lines.
        document = place.document
        is_row = not document.marks
        reading.ids[str(name)] = Location(file=document.file, line=document.line) if is_row else place
        return
    first = known.at("id").where if isinstance(known, Place) else known
    what = f"duplicate id '{quote(str(name))}' (first at {first.file}:{first.line})"
    reading.problems.add(place.at("id"), what)


def make_id(case: Case) -> str:
    """`c-` and 8 hex digits of the SHA-256 of what is asked: the input, else the messages, else the vars."""
    asked = case.input
    if case.messages is not None:
        asked = list(case.messages)
    elif asked is None and case.vars:
        asked = dict(case.vars)
    text = json.dumps(asked, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return "c-" + hashlib.sha256(text.encode("utf-8")).hexdigest()[:8]


def _read_id(value: Json, place: Place, reading: Reading) -> str:
    """A name; a whole number is taken as its digits."""
    if isinstance(value, str) and len(value) <= MAX_NAME and NAME.match(value):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    check_name(value, "an id", place.at("id"), reading)
    return ""


def _read_tags(value: Json, place: Place, reading: Reading) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        reading.problems.add(place.at("tags"), say_wrong_type("a list of tags", value))
        return ()
    for index, tag in enumerate(value):
        if not isinstance(tag, str) or not tag.strip():
            reading.problems.add(place.at("tags", index), say_wrong_type("a tag (a string)", tag))
            return ()
    return tuple(dict.fromkeys(value))


def _read_vars(value: Json, place: Place, reading: Reading) -> dict[str, Json]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        reading.problems.add(place.at("vars"), say_wrong_type("a mapping of names to values", value))
        return {}
    for name in value:
        if name in TAKEN_VARS:
            what = f"`{name}` cannot be the name of a var: the case has a key of that name"
            reading.problems.add(place.at("vars", name), what)
    return value


def _read_messages(value: Json, place: Place, reading: Reading) -> Any:
    return read_messages(value, place.at("messages"), reading)


def _read_tools(value: Json, place: Place, reading: Reading) -> tuple[Json, ...] | None:
    if value is None:
        return None
    inner = place.at("tools")
    if not isinstance(value, list):
        reading.problems.add(inner, say_wrong_type("a list of tools in OpenAI form", value))
        return None
    for index, tool in enumerate(value):
        function = tool.get("function") if isinstance(tool, dict) else None
        is_good = isinstance(function, dict) and isinstance(function.get("name"), str)
        if not is_good or tool.get("type", "function") != "function":
            form = "a tool ({type: function, function: {name: …, parameters: …}})"
            reading.problems.add(inner.at(index), say_wrong_type(form, tool))
    return tuple(value)


def _read_group(value: Json, place: Place, reading: Reading) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if value is None or (isinstance(value, str) and value.strip()):
        return value
    reading.problems.add(place.at("group"), say_wrong_type("the name of a group", value))
    return None


def _read_must_pass(value: Json, place: Place, reading: Reading) -> str | None:
    if value is True or value == "majority":
        return "all" if value is True else "majority"
    if value is not False and value is not None:
        reading.problems.add(place.at("must_pass"), say_not_among([True, False, "majority"], value))
    return None


def _read_split(value: Json, place: Place, reading: Reading) -> str | None:
    if value is None or value == "dev" or value == "holdout":
        return None if value is None else str(value)
    reading.problems.add(place.at("split"), say_not_among(["dev", "holdout"], value))
    return None


def _read_own_graders(value: Json, place: Place, reading: Reading) -> Any:
    return read_graders(value, place.at("graders"), reading)


_READERS: dict[str, Callable[[Json, Place, Reading], Any]] = {
    "id": _read_id,
    "tags": _read_tags,
    "vars": _read_vars,
    "messages": _read_messages,
    "tools": _read_tools,
    "group": _read_group,
    "must_pass": _read_must_pass,
    "split": _read_split,
    "graders": _read_own_graders,
}
