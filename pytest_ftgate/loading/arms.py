"""The ways of asking, as written → ArmSpecs. `as_is` is always the first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pytest_ftgate.loading.case_files import read_example_file
from pytest_ftgate.loading.cases import read_example
from pytest_ftgate.loading.graders import FUNCTION_OPTIONS, check_function
from pytest_ftgate.loading.names import check_name
from pytest_ftgate.loading.option_files import FILE_OPTIONS, read_option_files
from pytest_ftgate.loading.places import Place
from pytest_ftgate.loading.prompts import check_prompt_template, read_prompt
from pytest_ftgate.loading.reading import Reading
from pytest_ftgate.loading.validation import check_options
from pytest_ftgate.loading.wording import quote, say_unknown, say_wrong_type
from pytest_ftgate.model.evalset import AS_IS, ArmSpec, Json, name_draw

PROMPT = "prompt"
RESERVED = "gate"
DRAWS = "draws"
"""Option with which a kind of arm lets one arm of the file stand for several."""
KEYS = ("prompt", "kind")


def read_arms(value: Json, place: Place, reading: Reading) -> tuple[ArmSpec, ...]:
    """`as_is` and the arms of a mapping; those with problems are left out. null is no further arm."""
    found = [ArmSpec(name=AS_IS, kind=AS_IS)]
    if value is None:
        return tuple(found)
    if not isinstance(value, dict):
        reading.problems.add(place, say_wrong_type("a mapping of arms (`few_shot: {examples: …}`)", value))
        return tuple(found)
    for name, options in value.items():
        arm = _read_arm(name, options, place.at(name), reading)
        if arm is not None:
            found.extend(_list_draws(arm))
    return tuple(found)


def _list_draws(arm: ArmSpec) -> Iterator[ArmSpec]:
    """The arm, or its draws `NAME[1]`, `NAME[2]`, … where it asks for several."""
    count = arm.options.get(DRAWS, 1)
    if count == 1:
        yield arm
        return
    for draw in range(1, count + 1):
        yield replace(arm, name=name_draw(arm.name, draw), draw=draw)


def _read_arm(name: str, written: Json, place: Place, reading: Reading) -> ArmSpec | None:
    before = len(reading.problems)
    if name == AS_IS:
        reading.problems.add(
            place, "`as_is` is always there (the evalset's own prompt); remove it from `arms`"
        )
        return None
    if name == RESERVED:
        reading.problems.add(
            place, "`gate` cannot name an arm: it stands for gates in node ids; choose another name"
        )
    check_name(name, "an arm's name", place, reading)
    if written is not None and not isinstance(written, dict):
        reading.problems.add(place, say_wrong_type("a mapping of options, or empty ({})", written))
        return None
    options = dict(written or {})
    kind = _find_kind(name, options, place, reading)
    prompt = None
    if "prompt" in options:
        prompt = read_prompt(options.pop("prompt"), place.at("prompt"), reading)
    elif kind == PROMPT:
        reading.problems.add(place, "an arm of kind `prompt` needs a `prompt`")
    if kind is None:
        return None
    found = _read_options(kind, options, place, reading)
    if len(reading.problems) > before:
        return None
    return ArmSpec(name=name, kind=kind, options=found, prompt=prompt, where=place.where)


def _find_kind(name: str, options: dict[str, Json], place: Place, reading: Reading) -> str | None:
    """`kind:`; else the arm's own name where that is a kind; else `prompt` where it has one."""
    registry = reading.registries.arms
    known = [kind for kind in registry.names() if kind != AS_IS]
    if "kind" in options:
        kind = options.pop("kind")
        if isinstance(kind, str) and kind in known:
            return kind
        what = (
            say_unknown("kind of arm", kind, known)
            if isinstance(kind, str)
            else say_wrong_type("a string", kind)
        )
        reading.problems.add(place.at("kind"), what)
        return None
    if name in known:
        return name
    if "prompt" in options:
        return PROMPT
    what = say_unknown("arm", name, known)
    reading.problems.add(place, f"{what} An arm of your own has a `prompt:`, or says its `kind:`.")
    return None


def _read_options(kind: str, options: dict[str, Json], place: Place, reading: Reading) -> dict[str, Json]:
    if kind not in reading.registries.arms:
        reading.problems.add(place, say_unknown("kind of arm", kind, reading.registries.arms.names()))
        return {}
    before = len(reading.problems)
    found, _ = read_option_files(options, place, reading)
    if "examples" in found:
        found["examples"] = _read_examples(found["examples"], place.at("examples"), reading)
    is_good = len(reading.problems) == before
    checked = found if is_good else {key: option for key, option in found.items() if key not in FILE_OPTIONS}
    declared = reading.registries.arms.get(kind).options
    check_options(checked, declared, f"option of {quote(kind)}", place, reading.problems, also=KEYS)
    if isinstance(found.get("template"), str):
        check_prompt_template(found["template"], place.at("template"), reading)
    for option in FUNCTION_OPTIONS:
        if option in declared and option in found:
            check_function(found[option], place.at(option), reading)
    if "examples" in found:
        found["examples"] = tuple(found["examples"])
    return found


def _read_examples(value: Json, place: Place, reading: Reading) -> list[Json]:
    """Case-like mappings of a list, or of `{file: …, map: …}`; a string is the file."""
    if isinstance(value, str):
        return read_example_file({"file": value}, place, reading)
    if isinstance(value, dict) and "file" in value:
        return read_example_file(value, place, reading)
    if not isinstance(value, list):
        reading.problems.add(place, say_wrong_type("a list of examples, or {file: PATH}", value))
        return []
    if not value:
        reading.problems.add(place, "must not be empty")
    found = (read_example(item, place.at(index), reading) for index, item in enumerate(value))
    return [example for example in found if example is not None]
