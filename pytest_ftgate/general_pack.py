"""The general-capability pack: seven evalsets with their cases, which ship with the package.

Where each case comes from, and under which licence, stands in packs/general/README.md, which goes with them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files

from pytest_ftgate.errors import SettingsError, suggest
from pytest_ftgate.model.evalset import ModelSpec

SUITES = (
    "mathematics",
    "coding",
    "knowledge",
    "instructions",
    "truthfulness",
    "tool_calling",
    "plain_json",
)
SCHEMA = "plain_json.schema.json"
MARGIN, REPEATS = 0.05, 3

_TEXT_TOOLS = """\
prompt: |
  Answer with the function calls that do what is asked, as JSON and nothing else: a list of
  {"name": ..., "arguments": {...}}. If no function fits, say so in a sentence, without JSON.

  Functions:
  {% for function in functions %}
  {{ function.function | tojson }}
  {%- endfor %}

  Request: {{ input }}"""
_NATIVE_TOOLS = 'prompt: "{{ input }}"             # native tools: pip install "pytest-ftgate[tools]"'
_UNNAMED = (
    "# models: {base: vendor/untuned, candidate: vendor/tuned}   # or --ftgate-use-model base=vendor/untuned"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PackOptions:
    """What the evalsets say. `models`: role → model; roles without one are left to the command line.

    `margin`: the drop in accuracy that would not matter. `native_tools`: functions are offered as tools of
    the call, in place of a text that any model can be asked with.
    """

    suites: Sequence[str] = SUITES
    models: Mapping[str, ModelSpec] = field(default_factory=dict)
    margin: float = MARGIN
    repeats: int = REPEATS
    native_tools: bool = False


def build_pack(options: PackOptions) -> dict[str, str]:
    """Relative path → text of every file. Raises SettingsError for an unknown suite."""
    if not options.suites:
        raise SettingsError(f"no suite is named. Known: {', '.join(SUITES)}")
    unknown = [name for name in options.suites if name not in SUITES]
    if unknown:
        what = f"no suite {unknown[0]!r}.{suggest(unknown[0], SUITES)} Known: {', '.join(SUITES)}"
        raise SettingsError(what)
    built = {"README.md": _read("README.md")}
    for name in dict.fromkeys(options.suites):
        built[f"{name}.evalset.yaml"] = _fill(_read(f"{name}.yaml"), options)
        built[f"cases/{name}.jsonl"] = _read(f"cases/{name}.jsonl")
        if name == "plain_json":
            built[SCHEMA] = _read(SCHEMA)
    return built


def _fill(text: str, options: PackOptions) -> str:
    tools, prompt = (
        (", map: {tools: functions}", _NATIVE_TOOLS) if options.native_tools else ("", _TEXT_TOOLS)
    )
    values = {
        "@REPEATS@": str(options.repeats),
        "@MARGIN@": f"{options.margin:g}",
        "@TOOLS_PROMPT@": prompt,
        "@TOOLS@": tools,
        # The last, so that no name of a model is taken for a mark.
        "@MODELS@": _write_models(options.models),
    }
    for mark, value in values.items():
        text = text.replace(mark, value)
    return text


def _write_models(models: Mapping[str, ModelSpec]) -> str:
    """Ids and params as JSON, which YAML reads."""
    lines = []
    for role, spec in models.items():
        written = {"model": spec.model} | ({"params": dict(spec.params)} if spec.params else {})
        lines.append(f"  {role}: {json.dumps(written, ensure_ascii=False)}")
    return "\n".join(["models:", *lines]) if lines else _UNNAMED


def _read(name: str) -> str:
    source = files("pytest_ftgate").joinpath("packs", "general", *name.split("/"))
    return source.read_text(encoding="utf-8")
