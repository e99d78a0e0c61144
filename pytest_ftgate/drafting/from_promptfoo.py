"""A draft from a promptfoo configuration; whatever has no equal is named in its remarks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pytest_ftgate.drafting.draft import Draft
from pytest_ftgate.drafting.promptfoo_assertions import Judges, read_assertions
from pytest_ftgate.drafting.promptfoo_expected import share_graders
from pytest_ftgate.drafting.promptfoo_prompts import Prompt, read_prompts, require_prompts
from pytest_ftgate.drafting.promptfoo_providers import Provider, read_provider
from pytest_ftgate.drafting.promptfoo_source import PromptfooSource, as_mapping, each
from pytest_ftgate.drafting.promptfoo_templates import list_names
from pytest_ftgate.drafting.promptfoo_tests import Test, read_defaults, read_tests
from pytest_ftgate.errors import SettingsError
from pytest_ftgate.model.evalset import CANDIDATE, EMBEDDER, JUDGE, Json

DEFAULT_JUDGE, DEFAULT_EMBEDDER = "openai/gpt-4.1", "openai/text-embedding-3-large"
"""Whom promptfoo asks where nothing is said and an OpenAI key is there."""
_READ = (
    "prompts", "providers", "targets", "tests", "scenarios", "defaultTest", "description", "evaluateOptions",
    "commandLineOptions", "assertionTemplates", "$schema",
)  # fmt: skip
_KEYS: Mapping[str, str] = {
    "env": "the environment is given by whoever runs, never by a file",
    "redteam": "attacks are not made up; a list of them is a set of cases",
    "strategies": "attacks are not made up; a list of them is a set of cases",
    "extensions": "code from a configuration is never run; hooks stand in a conftest.py",
    "nunjucksFilters": "code from a configuration is never run; put the filtered text into vars",
    "derivedMetrics": "rates come by tag, by field and by pattern",
    "outputPath": "reports are asked for by --ftgate-report",
    "tracing": "steps inside of an application are not seen",
}
_STAND_IN: Json = "not-is-refusal"
_TAKEN = ("input", "context", "expected")
_CLEAN = re.compile(r"[^\w.-]+")


@dataclass(slots=True, kw_only=True)
class _Cases:
    """The cases, and the graders of each beside them."""

    cases: list[dict[str, Json]] = field(default_factory=list)
    graders: list[list[Json]] = field(default_factory=list)


def draft_from_promptfoo(base: Draft, path: Path) -> Draft:
    """`base` with what the configuration holds. Raises SettingsError where nothing can be asked or graded."""
    source = PromptfooSource(path)
    _remark_keys(source)
    prompts = require_prompts(read_prompts(source), source)
    provider = _read_providers(source)
    judges = Judges(lambda written, where: _name_judge(written, where, source))
    defaults = read_defaults(source)
    tests = read_tests(source, defaults)
    prompts = _frame_prompts(prompts, tests, source)
    shared = _read_shared(defaults, source, judges)
    found = _make_cases(tests, prompts, provider, shared, defaults, source, judges)
    if not found.cases:
        said = "; ".join(f"{r.where}: {r.what}" for r in source.remarks if r.kind == "no_equal")
        raise SettingsError(f"{path}: no test is left that can be asked and graded here. {said}")
    graders, cases = share_graders(shared, found.cases, found.graders)
    arms = _make_arms(prompts[1:], provider, source)
    _remark_meaning(source)
    return replace(
        base,
        source=path.name,
        models=base.models
        or _make_models(provider, judges, [*graders, *(g for gs in found.graders for g in gs)]),
        prompt=base.prompt or prompts[0].content,
        graders=base.graders or graders,
        repeats=base.repeats or _read_repeats(source),
        arms=arms,
        cases=cases,
        remarks=[*base.remarks, *source.remarks],
    )


def _remark_keys(source: PromptfooSource) -> None:
    for key in source.config:
        if key not in _READ and key not in ("sharing", "writeLatestResults", "tags", "metadata"):
            source.remark("no_equal", key, _KEYS.get(key, "no such key is known"))


def _remark_meaning(source: PromptfooSource) -> None:
    source.remark(
        "note", "bar",
        "promptfoo fails where any test fails; here the bar decides over all cases and repeats. A case that "
        "may never fail says `must_pass: true`",
    )  # fmt: skip


def _read_providers(source: PromptfooSource) -> Provider:
    """The first provider that is a model; the others are named."""
    written = list(each(source.config.get("providers", source.config.get("targets"))))
    found: list[Provider] = []
    for index, item in enumerate(written):
        if not found:
            provider = read_provider(item, f"providers[{index}]", source)
            if provider.model is not None:
                found.append(provider)
        else:
            name = item if isinstance(item, str) else item.get("id", "") if isinstance(item, dict) else ""
            model = read_provider(item, f"providers[{index}]", PromptfooSource(source.path)).model
            shown = model["model"] if isinstance(model, dict) else name
            what = f"an evalset asks one candidate; ask this one with --ftgate-use-model {shown}"
            source.remark("no_equal", f"providers[{index}]", what)
    return found[0] if found else Provider(name="")


def _name_judge(written: Json, where: str, source: PromptfooSource) -> Json:
    if isinstance(written, dict) and "id" not in written:
        written = next((written[key] for key in ("text", "embedding") if key in written), written)
    return None if written is None else read_provider(written, where, source).model


def _read_shared(defaults: Mapping[str, Json], source: PromptfooSource, judges: Judges) -> list[Json]:
    options = as_mapping(defaults.get("options"))
    given = options.get("provider")
    if isinstance(given, dict) and ("text" in given or "embedding" in given):
        judges.use(JUDGE, given.get("text"), "defaultTest.options.provider", source)
        judges.use(EMBEDDER, given.get("embedding"), "defaultTest.options.provider", source)
    elif given is not None:
        judges.use(JUDGE, given, "defaultTest.options.provider", source)
    return read_assertions(defaults.get("assert"), "defaultTest", source, judges, _transform(options))


def _transform(options: Mapping[str, Json]) -> Json:
    return options.get("transform", options.get("postprocess"))


def _frame_prompts(prompts: list[Prompt], tests: Sequence[Test], source: PromptfooSource) -> list[Prompt]:
    """The prompts with the prefix and suffix that all tests share."""
    frames = {(str(t.options.get("prefix") or ""), str(t.options.get("suffix") or "")) for t in tests}
    if frames <= {("", "")}:
        return prompts
    if len(frames) > 1 or any(not isinstance(prompt.content, str) for prompt in prompts):
        source.remark("no_equal", "options.prefix / suffix", "a prompt is the same for all cases: use a var")
        return prompts
    ((prefix, suffix),) = frames
    return [replace(prompt, content=f"{prefix}{prompt.content}{suffix}") for prompt in prompts]


def _make_cases(
    tests: Sequence[Test],
    prompts: Sequence[Prompt],
    provider: Provider,
    shared: Sequence[Json],
    defaults: Mapping[str, Json],
    source: PromptfooSource,
    judges: Judges,
) -> _Cases:
    """A case for each test that something grades. `shared`: the graders of all of them."""
    found = _Cases()
    needed = {name for prompt in prompts for name in list_names(prompt.content)}
    asserts_nothing = not shared and not any(test.asserts for test in tests)
    if asserts_nothing:
        source.remark(
            "note", "tests",
            f"they assert nothing: the grader `{_STAND_IN}` stands in. Write what a good answer is",
        )  # fmt: skip
    names = _name_cases(tests)
    for name, test in zip(names, tests, strict=True):
        _remark_options(test, defaults, bool(shared), source, judges)
        graders = read_assertions(test.asserts, test.where, source, judges, _transform(test.options))
        if asserts_nothing:
            graders = [_STAND_IN]
        if not graders and not shared:
            source.remark("no_equal", test.where, "left out: nothing that is left grades it")
            continue
        case: dict[str, Json] = {"id": name}
        case.update(_make_vars(test, needed | list_names([*shared, *graders])))
        if test.tags:
            case["tags"] = list(test.tags)
        if provider.tools:
            case["tools"] = list(provider.tools)
        found.cases.append(case)
        found.graders.append(graders)
    return found


def _name_cases(tests: Sequence[Test]) -> list[str]:
    """An id for each test: its description where that is one of a kind, else its number."""
    names = [_clean(test.description) for test in tests]
    counts = Counter(names)
    numbered = {f"t{number:03d}" for number in range(1, len(tests) + 1)}
    return [
        name if name and counts[name] == 1 and name not in numbered else f"t{number:03d}"
        for number, name in enumerate(names, start=1)
    ]


def _remark_options(
    test: Test, defaults: Mapping[str, Json], is_shared: bool, source: PromptfooSource, judges: Judges
) -> None:
    """What a test wants otherwise than the default does."""
    usual = as_mapping(defaults.get("options"))
    if is_shared and _transform(test.options) != _transform(usual):
        what = "its own transform does not reach the assertions of defaultTest"
        source.remark("differs", f"{test.where}.options.transform", what)
    if test.options.get("provider") != usual.get("provider"):
        judges.use(JUDGE, test.options.get("provider"), f"{test.where}.options.provider", source)


def _make_vars(test: Test, needed: set[str]) -> dict[str, Json]:
    """The vars of a case. A name that is read and the test lacks is an empty text, as in promptfoo."""
    values = {**dict.fromkeys(sorted(needed - {"vars", "id", "tags"}), ""), **test.vars}
    found: dict[str, Json] = {key: values.pop(key) for key in _TAKEN if key in values}
    if values or not found:
        found["vars"] = values
    if "input" not in found and not values:
        found["input"] = ""
        found.pop("vars", None)
    return found


def _clean(description: str) -> str:
    return _CLEAN.sub("-", description.strip())[:60].strip("-.").lower()


def _make_arms(prompts: Sequence[Prompt], provider: Provider, source: PromptfooSource) -> dict[str, Json]:
    arms: dict[str, Json] = {}
    for number, prompt in enumerate(prompts, start=2):
        label = _clean(prompt.label)
        is_free = label and label not in arms and label not in ("as_is", "gate")
        arms[label if is_free else f"prompt_{number}"] = {"kind": "prompt", "prompt": prompt.content}
    if prompts:
        source.remark("note", "prompts", "the first one is the prompt; each other is an arm of its own")
    if provider.response_format is not None:
        arms["structured"] = {"response_format": provider.response_format}
        what = "response_format is the arm `structured`: it is tried beside the prompt as it is"
        source.remark("differs", "providers[0].config", what)
    return arms


def _make_models(provider: Provider, judges: Judges, graders: Sequence[Json]) -> dict[str, Json]:
    models: dict[str, Json] = {}
    if provider.model is not None:
        models[CANDIDATE] = provider.model
    used = {next(iter(g)) if isinstance(g, dict) else str(g) for g in graders}
    for role, grader, default in (
        (JUDGE, "llm-rubric", DEFAULT_JUDGE),
        (EMBEDDER, "similar", DEFAULT_EMBEDDER),
    ):
        if grader in used or f"not-{grader}" in used:
            models[role] = judges.models.get(role, {"model": default})
    return models


def _read_repeats(source: PromptfooSource) -> int | None:
    for key in ("evaluateOptions", "commandLineOptions"):
        for name, value in as_mapping(source.config.get(key)).items():
            if name == "repeat" and isinstance(value, int) and 1 <= value <= 100:
                return value
            if name == "maxConcurrency":
                source.remark("note", f"{key}.{name}", f"--ftgate-concurrency {value}")
    return None
