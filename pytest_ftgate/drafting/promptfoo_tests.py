"""Tests and scenarios of promptfoo as cases."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pytest_ftgate.drafting.example_rows import read_rows, read_source
from pytest_ftgate.drafting.promptfoo_csv import read_test_table
from pytest_ftgate.drafting.promptfoo_source import PromptfooSource, as_mapping, each, is_code, read_data
from pytest_ftgate.drafting.promptfoo_templates import RENAMED
from pytest_ftgate.model.evalset import Json

MAX_TESTS = 100_000
_KNOWN = ("vars", "assert", "description", "metadata", "options", "threshold", "config")
_KNOWN_OPTIONS = (
    "transform",
    "provider",
    "prefix",
    "suffix",
    "rubricPrompt",
    "disableVarExpansion",
    "postprocess",
)
_NO_EQUAL: Mapping[str, str] = {
    "provider": "every case is asked of the same candidate; ask another with --ftgate-use-model",
    "providers": "every case is asked of the same candidate; ask another with --ftgate-use-model",
    "prompts": "every arm is tried on every case",
    "providerOutput": "an answer given beforehand: judge recorded answers with --ftgate-replay",
    "assertScoringFunction": "every grader must pass",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """One test with single values for its vars. `where`: its place in the configuration."""

    where: str
    vars: Mapping[str, Json]
    asserts: Json = None
    description: str = ""
    tags: tuple[str, ...] = ()
    options: Mapping[str, Json] = field(default_factory=dict)


def read_defaults(source: PromptfooSource) -> dict[str, Json]:
    """`defaultTest`, wherever it stands."""
    value = source.load(source.config.get("defaultTest"), "defaultTest")
    if not isinstance(value, dict):
        return {}
    _remark_rest(value, "defaultTest", source)
    return value


def read_tests(source: PromptfooSource, defaults: Mapping[str, Json]) -> list[Test]:
    """All tests, scenarios included; one without vars where there are none."""
    tests = list(_read_list(source.config.get("tests"), "tests", {}, source, defaults))
    for number, scenario in enumerate(each(source.config.get("scenarios"))):
        where = f"scenarios[{number}]"
        scenario = source.load(scenario, where)
        if not isinstance(scenario, dict):
            continue
        for row in each(source.load(scenario.get("config"), where)):
            shared = as_mapping(as_mapping(row).get("vars"))
            tests += _read_list(scenario.get("tests"), f"{where}.tests", shared, source, defaults)
    if not tests and not (source.config.get("tests") or source.config.get("scenarios")):
        tests = list(_expand({}, "tests", {}, source, defaults))
    return tests


def _read_list(
    written: Json,
    where: str,
    shared: Mapping[str, Json],
    source: PromptfooSource,
    defaults: Mapping[str, Json],
) -> Iterator[Test]:
    for place, test in itertools.islice(_list_tests(written, where, source), MAX_TESTS):
        if isinstance(test, dict):
            yield from _expand(test, place, shared, source, defaults)
        else:
            source.remark("no_equal", place, "neither a test nor a file of tests")


def _list_tests(written: Json, where: str, source: PromptfooSource) -> Iterator[tuple[str, Json]]:
    """Each test with its place; files are read."""
    is_list = isinstance(written, list)
    for index, item in enumerate(each(written)):
        place = f"{where}[{index}]" if is_list else where
        named = item.get("path") if isinstance(item, dict) and "path" in item else item
        if not isinstance(named, str):
            yield place, source.resolve(item)
        elif is_code(named) or (isinstance(item, dict) and item.get("config")):
            source.remark(
                "no_equal", place, f"{named}: code that makes tests is not run; save them as CSV or JSONL"
            )
        elif named.startswith(("http://", "https://", "huggingface://", "az://", "s3://")):
            source.remark("no_equal", place, f"{named[:80]}: nothing is fetched; save it as CSV or JSONL")
        else:
            for path in source.find(named):
                yield from _read_file(path, source)


def _read_file(path: Path, source: PromptfooSource) -> Iterator[tuple[str, Json]]:
    suffix = path.suffix.lower()
    if suffix == ".csv":
        found: Json = read_test_table(read_source(path), path.name, source)
    elif suffix == ".jsonl":
        found = list(read_rows(path))
    else:
        found = read_data(path)
    for index, test in enumerate(each(found)):
        yield f"{path.name}[{index}]", test


def _expand(
    test: Mapping[str, Json],
    where: str,
    shared: Mapping[str, Json],
    source: PromptfooSource,
    defaults: Mapping[str, Json],
) -> Iterator[Test]:
    """The test for each combination of the values of its vars, as promptfoo takes lists of texts."""
    _remark_rest(test, where, source)
    given = source.load(test.get("vars"), f"{where}.vars")
    default = source.load(defaults.get("vars"), "defaultTest.vars")
    merged = {**as_mapping(default), **shared, **as_mapping(given)}
    values = {name: source.load(value, f"{where}.vars.{name}") for name, value in merged.items()}
    options = {**as_mapping(defaults.get("options")), **as_mapping(test.get("options"))}
    is_expanded = not options.get("disableVarExpansion")
    choices = [
        value if is_expanded and isinstance(value, list) and value and isinstance(value[0], str) else [value]
        for value in values.values()
    ]
    for chosen in itertools.product(*choices):
        yield Test(
            where=where,
            vars={RENAMED.get(name, name): value for name, value in zip(values, chosen, strict=True)},
            asserts=test.get("assert"),
            description=str(test.get("description") or ""),
            tags=tuple(
                _list_tags({**as_mapping(defaults.get("metadata")), **as_mapping(test.get("metadata"))})
            ),
            options=options,
        )


def _list_tags(metadata: Mapping[str, Json]) -> Iterator[str]:
    for name, value in metadata.items():
        for part in each(value):
            if isinstance(part, str | int | float | bool) and str(part).strip():
                yield re.sub(r"\s+", " ", f"{name}:{part}")[:100]


def _remark_rest(test: Mapping[str, Json], where: str, source: PromptfooSource) -> None:
    """What a test says that has no equal."""
    for key in test:
        if key not in _KNOWN:
            source.remark("no_equal", f"{where}.{key}", _NO_EQUAL.get(key, "no such key is known"))
    for key in as_mapping(test.get("options")):
        if key not in _KNOWN_OPTIONS:
            source.remark("no_equal", f"{where}.options.{key}", "no such option is known")
    if isinstance(test.get("threshold"), int | float):
        what = f"a test passes from a score of {test['threshold']:g}: here every grader must pass"
        source.remark("differs", f"{where}.threshold", what)
