"""Assertions of promptfoo as graders; each one without an equal is named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pytest_ftgate.drafting.promptfoo_advice import ADVICE, DIFFERENT
from pytest_ftgate.drafting.promptfoo_source import FILE, PromptfooSource, each, is_code
from pytest_ftgate.drafting.promptfoo_templates import convert_templates, find_faults
from pytest_ftgate.errors import suggest
from pytest_ftgate.loading.json_text import JsonTextError, parse_json
from pytest_ftgate.loading.problems import Problems
from pytest_ftgate.loading.yaml_marks import parse_yaml
from pytest_ftgate.model.evalset import Json

_NOT = "not-"
_PLAIN = ("equals", "contains", "icontains", "starts-with")
_LISTS = ("contains-any", "contains-all", "icontains-any", "icontains-all")
_CALLS = ("is-valid-openai-tools-call", "is-valid-openai-function-call", "is-valid-function-call")
_LIMITS = ("latency", "cost")
_EXTRAS: Mapping[str, str] = {"levenshtein": "metrics", **dict.fromkeys((*_CALLS, "tool-call-f1"), "tools")}
_NAMES: Mapping[str, str] = {
    "is-valid-openai-function-call": "is-valid-function-call", "similar:cosine": "similar",
    "word-count": "max-length", "model-graded-closedqa": "llm-rubric", "g-eval": "llm-rubric",
}  # fmt: skip
"""Our names of assertions that are called otherwise."""
_RUBRICS = ("llm-rubric", "model-graded-closedqa", "g-eval")
_TRANSFORMS: Mapping[str, list[str]] = {
    "output.trim()": ["strip"], "output.strip()": ["strip"], "output.toLowerCase()": ["lower"],
    "output.lower()": ["lower"], "output.trim().toLowerCase()": ["strip", "lower"],
    "output.toLowerCase().trim()": ["lower", "strip"], "output": [],
}  # fmt: skip
_IGNORED = (
    "type", "value", "threshold", "transform", "provider", "weight", "metric", "config", "rubricPrompt",
    "$ref",
)  # fmt: skip


def read_assertions(
    written: Json, where: str, source: PromptfooSource, judges: Judges, transform: Json = None
) -> list[Json]:
    """The graders of a list of assertions, sets of assertions among them.

    `transform`: what the test does to every output before.
    """
    found: list[Json] = []
    for index, item in enumerate(each(written)):
        place = f"{where}.assert[{index}]"
        item = source.resolve(item)
        if not isinstance(item, dict) or not isinstance(item.get("type"), str):
            source.remark("no_equal", place, "no assertion: `type` is missing")
        elif item["type"] == "assert-set":
            found += _read_set(item, place, source, judges, transform)
        else:
            grader = _read_one({"transform": transform, **item}, place, source, judges)
            if grader is not None:
                found.append(grader)
    return found


class Judges:
    """The models of role `judge` and `embedder` that the assertions name: one each."""

    def __init__(self, name: Callable[[Json, str], Json]) -> None:
        self._name = name
        self.models: dict[str, Json] = {}

    def use(self, role: str, provider: Json, where: str, source: PromptfooSource) -> None:
        """Take the model over; a second one for the same role has no equal."""
        model = self._name(provider, where)
        if model is not None and self.models.setdefault(role, model) != model:
            source.remark("differs", where, f"one model of role {role} grades all; this one is not asked")


def _read_set(
    item: Mapping[str, Json], where: str, source: PromptfooSource, judges: Judges, transform: Json
) -> list[Json]:
    threshold = item.get("threshold")
    if isinstance(threshold, int | float) and threshold < 1:
        what = f"assert-set with threshold {threshold:g}: here every grader must pass; the set is left out"
        source.remark("no_equal", where, what)
        return []
    return read_assertions(item.get("assert"), where, source, judges, transform)


def _read_one(item: dict[str, Json], where: str, source: PromptfooSource, judges: Judges) -> Json:
    """The grader of one assertion, or None with a remark."""
    kind = str(item["type"])
    base = kind.removeprefix(_NOT)
    if item.get("weight") == 0:
        source.remark("no_equal", where, f"{kind} with weight 0 only counts: here every grader decides")
        return None
    if isinstance(item.get("weight"), int | float) and item["weight"] != 1:
        source.remark(
            "differs", where, f"weight {item['weight']}: here every grader must pass, whatever its weight"
        )
    transforms = _read_transform(item.get("transform"))
    if transforms is None:
        source.remark(
            "no_equal", where,
            f"{kind} on a transformed output ({str(item['transform'])[:80]}): register the transform as a "
            "function (hook pytest_ftgate_register_graders) and name it with `transform:`",
        )  # fmt: skip
        return None
    if isinstance(item.get("value"), str) and item["value"].startswith(FILE) and is_code(item["value"]):
        source.remark("no_equal", where, f"{kind} with {item['value']}: {ADVICE['javascript']}")
        return None
    converted = _convert(base, item, where, source, judges)
    if converted is None:
        return None
    value, options = converted
    fault = find_faults(value, sees_expected=True)
    if fault:
        source.remark("no_equal", where, f"{kind}: {fault}")
        return None
    if base in _EXTRAS:
        source.remark("note", base, f"needs pip install 'pytest-ftgate[{_EXTRAS[base]}]'")
    if transforms:
        options["transform"] = transforms if len(transforms) > 1 else transforms[0]
    for key in item:
        if key not in _IGNORED:
            source.remark("differs", where, f"`{key}` of {kind} is not read")
    name = (_NOT if kind.startswith(_NOT) else "") + _NAMES.get(base, base)
    return write_grader(name, value, options)


def write_grader(name: str, value: Json, options: Mapping[str, Json]) -> Json:
    """A grader in its shortest form; `value` None is none."""
    if value is None and not options:
        return name
    if options or isinstance(value, dict):
        return {name: {**({} if value is None else {"value": value}), **options}}
    return {name: value}


def _read_transform(written: Json) -> list[str] | None:
    """Our names of a transform's steps; None where it has no equal."""
    if written in (None, "", []):
        return []
    if not isinstance(written, str):
        return None
    return _TRANSFORMS.get("".join(written.removeprefix("return ").rstrip("; \n").split()))


def _convert(
    base: str, item: Mapping[str, Json], where: str, source: PromptfooSource, judges: Judges
) -> tuple[Json, dict[str, Json]] | None:
    """Value (None: `expected`) and options of the grader, or None with a remark."""
    loaded = convert_templates(source.load(item.get("value"), f"{where}.value"))
    threshold = item.get("threshold")
    bounded: dict[str, Any] = {} if threshold is None else {"threshold": threshold}
    if base in _PLAIN or base in _LISTS or base == "regex":
        if loaded is None or loaded == "" or loaded == []:
            source.remark("no_equal", where, f"{base} without a value")
            return None
        value = list(loaded) if isinstance(loaded, list) else loaded
        return (value, {}) if base in (*_LISTS, "equals") else (str(value), {})
    if base in ("is-json", "contains-json"):
        schema = _read_schema(loaded)
        return None, {} if schema is None else {"schema": schema}
    if base in ("levenshtein", "rouge-n"):
        return loaded, bounded
    if base in ("is-refusal", *_CALLS):
        return None, {}
    if base == "tool-call-f1":
        return ([part.strip() for part in loaded.split(",")] if isinstance(loaded, str) else loaded), bounded
    if base in _LIMITS and threshold is not None:
        return None, bounded
    if base == "word-count" and isinstance(loaded, dict) and set(loaded) == {"max"}:
        return None, {"words": loaded["max"]}
    if base in ("similar", "similar:cosine"):
        judges.use("embedder", item.get("provider"), where, source)
        return str(loaded), bounded
    if base in _RUBRICS:
        return _convert_rubric(base, loaded, item, where, source, judges)
    advice = ADVICE.get(base.partition(":")[0])
    if advice is None:
        advice = f"no assertion type that is known.{suggest(base, sorted(ADVICE))}"
    source.remark("no_equal", where, f"{item['type']}: {advice}")
    return None


def _convert_rubric(
    base: str, loaded: Json, item: Mapping[str, Json], where: str, source: PromptfooSource, judges: Judges
) -> tuple[Json, dict[str, Json]] | None:
    if base in DIFFERENT:
        source.remark("differs", where, f"{base}: {DIFFERENT[base]}")
    if "rubricPrompt" in item:
        source.remark(
            "differs", where, "rubricPrompt: the judge's instructions are ours; the rubric is yours"
        )
    judges.use("judge", item.get("provider"), where, source)
    rubric = "\n".join(f"- {part}" for part in loaded) if isinstance(loaded, list) else loaded
    if rubric in (None, ""):
        source.remark("no_equal", where, f"{base} without a rubric")
        return None
    options: dict[str, Json] = {"votes": 1}
    if item.get("threshold") is not None:
        options["threshold"] = item["threshold"]
    return str(rubric), options


def _read_schema(loaded: Json) -> Json:
    """A schema as a mapping, also where it is written as JSON or YAML in a text."""
    if not isinstance(loaded, str) or not loaded.strip():
        return loaded or None
    try:
        return parse_json(loaded)
    except JsonTextError:
        document = parse_yaml(loaded, "schema", Problems("schema"))
        return None if document is None else document.value
