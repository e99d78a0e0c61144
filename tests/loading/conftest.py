"""Small registries in place of the built-in parts, which the loader must know nothing of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pytest_ftgate.errors import EvalsetError
from pytest_ftgate.loading.evalset_file import load_evalset
from pytest_ftgate.model.evalset import Evalset
from pytest_ftgate.registry import Registries

ANY: Any = {}
SCHEMA_OPTION = {"schema": {"type": "object"}}
SHARE = {"type": "number", "minimum": 0, "maximum": 1}
GRADERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "equals": (ANY, {}),
    "contains": ({"type": "string"}, {"ignore_case": {"type": "boolean"}}),
    "contains-all": ({"type": "array", "items": {"type": "string"}}, {}),
    "regex": ({"type": "string"}, {}),
    "is-json": (None, SCHEMA_OPTION),
    "json-fields": (
        None,
        {
            "ignore": {"type": "array", "items": {"type": "string"}},
            "numeric_tolerance": {"type": "number", "minimum": 0},
            **SCHEMA_OPTION,
        },
    ),
    "label": ({"type": "string"}, {"labels": {"type": "array", "items": {"type": "string"}, "minItems": 1}}),
    "is-refusal": (None, {}),
    "max-length": ({"type": "integer", "minimum": 1}, {"unit": {"enum": ["characters", "words"]}}),
    "python": ({"type": "string"}, {"transform": {"type": "string"}, "function": {"type": "string"}}),
}
ARMS: dict[str, dict[str, Any]] = {
    "as_is": {},
    "prompt": {},
    "few_shot": {"examples": {"type": "array"}, "k": {"type": "integer", "minimum": 1}},
    "structured": {"response_format": {"type": "object"}},
    "repair": {},
    "context": {"from": {"const": "case"}, "template": {"type": "string"}},
}
GATES: dict[str, dict[str, Any]] = {
    "complete": {},
    "accuracy": {"min": SHARE},
    "format_failures": {"max": SHARE},
    "latency": {"p95_s": {"type": "number", "exclusiveMinimum": 0}},
}


@dataclass
class FakePart:
    """What the loader reads of a registered part."""

    options: Mapping[str, Any]
    value: Any = None
    is_format: bool = False
    needs_expected: bool = False
    question: int = 1
    extra: dict[str, Any] = field(default_factory=dict)


def make_registries() -> Registries:
    registries = Registries()
    for name, (value, options) in GRADERS.items():
        registries.graders.register(name, FakePart(options, value))  # type: ignore[arg-type]
    for name, options in ARMS.items():
        registries.arms.register(name, FakePart(options))  # type: ignore[arg-type]
    for name, options in GATES.items():
        registries.gates.register(name, FakePart(options))  # type: ignore[arg-type]
    registries.functions.register("is_polite", lambda output: True)
    registries.functions.register("lower", str.lower)
    return registries


@pytest.fixture(scope="session")
def registries() -> Registries:
    return make_registries()


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str | bytes], Path]:
    """Write a file below the rootdir."""

    def _write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return path

    return _write


@pytest.fixture
def load(tmp_path: Path, write: Any, registries: Registries) -> Callable[..., Evalset]:
    """Load an evalset given as text; it lies in `evals/` below the rootdir."""

    def _load(text: str | bytes, **options: Any) -> Evalset:
        return load_evalset(write("evals/x.evalset.yaml", text), tmp_path, registries, **options)

    return _load


@pytest.fixture
def problems(load: Callable[..., Evalset]) -> Callable[..., list[str]]:
    """The problems of a bad evalset, each as `line: pointer: what`."""

    def _problems(text: str | bytes, **options: Any) -> list[str]:
        with pytest.raises(EvalsetError) as caught:
            load(text, **options)
        return [
            f"{where}: {what}".removeprefix("evals/x.evalset.yaml:") for where, what in caught.value.problems
        ]

    return _problems
