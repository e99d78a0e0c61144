"""Graders as written → GraderSpecs, held against what the registered graders declare."""

from __future__ import annotations

from pytest_ftgate.loading.option_files import FILE_OPTIONS, read_option_files
from pytest_ftgate.loading.places import Place
from pytest_ftgate.loading.reading import Reading
from pytest_ftgate.loading.templates import find_template_problem, has_template
from pytest_ftgate.loading.validation import check_options, check_value
from pytest_ftgate.loading.wording import describe, quote, say_unknown, say_wrong_type
from pytest_ftgate.model.evalset import TRANSFORMS, GraderSpec, Json
from pytest_ftgate.model.protocols import Grader

_NOT = "not-"
_FORMS = "a grader: `name`, `name: VALUE` or `name: {option: …}`"
FUNCTION_OPTIONS = ("function", "target")
"""Options of any part whose value is the name of a registered python function."""
COMMON_OPTIONS: dict[str, Json] = {
    "transform": {
        "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]
    }
}
"""Options that every grader takes."""


def read_graders(value: Json, place: Place, reading: Reading) -> tuple[GraderSpec, ...]:
    """The graders of a list; those with problems are left out. null is an empty list."""
    if value is None:
        return ()
    if not isinstance(value, list):
        reading.problems.add(place, say_wrong_type("a list of graders (`- equals`)", value))
        return ()
    found = (_read_grader(item, place.at(index), reading) for index, item in enumerate(value))
    return tuple(spec for spec in found if spec is not None)


def _read_grader(item: Json, place: Place, reading: Reading) -> GraderSpec | None:
    """One grader, None after a problem. A mapping under its name is always options."""
    if isinstance(item, str):
        return _build(item, {}, False, None, place, place, reading)
    if not isinstance(item, dict) or not item:
        reading.problems.add(place, say_wrong_type(_FORMS, item))
        return None
    if len(item) > 1:
        names = ", ".join(f"`{quote(name)}`" for name in list(item)[:4])
        reading.problems.add(
            place,
            f"one list item holds one grader, found {names}; indent its options, or start a new item",
        )
        return None
    name, written = next(iter(item.items()))
    inner = place.at(name)
    if not isinstance(written, dict):
        return _build(name, {}, True, written, inner, inner, reading)
    options = {key: option for key, option in written.items() if key != "value"}
    has_value = "value" in written
    value_place = inner.at("value") if has_value else inner
    return _build(name, options, has_value, written.get("value"), inner, value_place, reading)


def _build(
    written: str,
    options: dict[str, Json],
    has_value: bool,
    value: Json,
    place: Place,
    value_place: Place,
    reading: Reading,
) -> GraderSpec | None:
    registry = reading.registries.graders
    is_negated = written not in registry and written.startswith(_NOT)
    name = written.removeprefix(_NOT) if is_negated else written
    if name not in registry:
        shown = written if not is_negated or name.startswith(_NOT) else name
        reading.problems.add(place, say_unknown("grader", shown, registry.names()))
        return None
    grader = registry.get(name)
    before = len(reading.problems)
    if grader.value is None and value is None and not options:
        has_value = False  # `- is-json:` with nothing behind the colon
    found, is_good = read_option_files(options, place, reading)
    checked = found if is_good else {key: option for key, option in found.items() if key not in FILE_OPTIONS}
    check_options(
        checked,
        {**grader.options, **COMMON_OPTIONS},
        f"option of {name}",
        place,
        reading.problems,
        also=() if grader.value is None else ("value",),
    )
    for option in FUNCTION_OPTIONS:
        if option in grader.options and option in found:
            check_function(found[option], place.at(option), reading)
    _check_transforms(found.get("transform"), place.at("transform"), reading)
    if has_value:
        _check_grader_value(name, grader, value, value_place, reading)
    elif name == "python" and "function" not in found:
        reading.problems.add(place, "`python` needs the name of a registered function: `python: my_grader`")
    if len(reading.problems) > before:
        return None
    return GraderSpec(
        name=name, negated=is_negated, has_value=has_value, value=value, options=found, where=place.where
    )


def _check_transforms(value: Json, place: Place, reading: Reading) -> None:
    if isinstance(value, str):
        if value not in TRANSFORMS:
            check_function(value, place, reading, also=TRANSFORMS)
        elif value in reading.registries.functions:
            reading.problems.add(
                place,
                f"'{value}' is a built-in transform and a registered python function as well; "
                "register the function under another name",
            )
    elif isinstance(value, list):
        for index, name in enumerate(value):
            _check_transforms(name, place.at(index), reading)


def _check_grader_value(name: str, grader: Grader, value: Json, place: Place, reading: Reading) -> None:
    if name == "python":
        check_function(value, place, reading)
    elif grader.value is None:
        reading.problems.add(place, f"`{name}` takes no value, got {describe(value)}; write `- {name}`")
    elif has_template(value):
        # Only the rendered text could be held against the schema.
        _check_value_templates(value, place, reading)
    else:
        check_value(value, grader.value, place, reading.problems)


def _check_value_templates(value: Json, place: Place, reading: Reading) -> None:
    if isinstance(value, str):
        problem = find_template_problem(value, sees_expected=True)
        if problem is not None:
            reading.problems.add(place, problem[1])
    elif isinstance(value, dict):
        for key, child in value.items():
            _check_value_templates(child, place.at(key), reading)
    elif isinstance(value, list):
        for index, child in enumerate(value):
            _check_value_templates(child, place.at(index), reading)


def check_function(name: Json, place: Place, reading: Reading, *, also: tuple[str, ...] = ()) -> None:
    """A problem unless `name` is a registered python function; `also` are names that need no registration."""
    registry = reading.registries.functions
    if not isinstance(name, str):
        reading.problems.add(place, say_wrong_type("the name of a registered python function", name))
    elif name not in registry:
        how = (
            "register it in conftest.py: `def pytest_ftgate_register_graders(registry, functions): "
            "functions.register('NAME', function)`"
        )
        if any(mark in name for mark in ".:/\\ "):
            reading.problems.add(
                place,
                f"'{quote(name)}' is a path: YAML names registered functions only, it never imports; {how}",
            )
        else:
            reading.problems.add(
                place, f"{say_unknown('python function', name, [*also, *registry.names()])} To add one, {how}"
            )
