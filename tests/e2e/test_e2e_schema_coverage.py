"""The editor schema knows every built-in part and each of its options."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_ftgate.cli.check import builtin_registries

SCHEMA = json.loads((Path(__file__).resolve().parents[2] / "schemas" / "evalset.schema.json").read_text())


def words_of(node: Any) -> set[str]:
    """Every property name that appears anywhere below a node, local references followed once."""
    found: set[str] = set()
    stack, seen = [node], set()
    while stack:
        one = stack.pop()
        if isinstance(one, dict):
            reference = one.get("$ref", "")
            if reference.startswith("#/$defs/") and reference not in seen:
                seen.add(reference)
                target: Any = SCHEMA
                for part in reference[2:].split("/"):
                    target = target[part]
                stack.append(target)
            found |= set(one.get("properties", {}))
            stack += one.values()
        elif isinstance(one, list):
            stack += one
    return found


@pytest.mark.parametrize("kind", ["graders", "arms", "gates"])
def test_every_option_of_every_built_in_part(kind: str) -> None:
    registry = getattr(builtin_registries(), kind)
    described = SCHEMA["$defs"][kind]["properties"]
    for name in registry:
        if (kind, name) == ("arms", "as_is"):  # always there, never written
            continue
        assert name in described, f"{kind}: {name}"
        missing = set(registry.get(name).options) - words_of(described[name])
        assert not missing, f"{kind}: {name} lacks {sorted(missing)}"
