"""The figures that docs/economics.md names are those of the code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pytest_ftgate.decision.figures import read_references

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "economics.md").read_text(encoding="utf-8")


def list_keys(schema: dict[str, Any]) -> Iterator[str]:
    for name, part in schema["properties"].items():
        yield name
        if "properties" in part:
            yield from list_keys(part)


def test_every_key_is_explained() -> None:
    schema = json.loads((ROOT / "schemas" / "evalset.schema.json").read_text(encoding="utf-8"))
    keys = set(list_keys(schema["$defs"]["economics"]))
    assert [key for key in sorted(keys) if key not in TEXT] == []


def test_the_reference_figures_are_those_of_the_file() -> None:
    figures = read_references()
    serving = figures["serving_usd_per_m_tokens"]
    for low, high in (
        serving["tuned_self_hosted"],
        serving["prompting"],
        figures["methods"]["lora"]["setup_usd"],
        figures["distillation"]["setup_usd"],
        figures["distillation"]["examples"],
        figures["rag"]["setup_usd"],
        figures["methods"]["lora"]["training"]["usd"],
        figures["methods"]["full"]["training"]["usd"],
    ):
        assert f"{low:,}-{high:,}" in TEXT
    for method in ("lora", "qlora"):
        low, high = (round(100 * share) for share in figures["methods"][method]["quality_of_full"])
        assert f"{low}-{high} %" in TEXT
    assert "a published page's figures of May 2026, **not measurements**" in TEXT


def test_the_seed_s_arithmetic() -> None:
    """500 USD a month at 3-15 USD per million tokens, served at 0.02-0.5."""
    tokens = [500 / usd for usd in (15, 3)]
    assert [round(m) for m in tokens] == [33, 167]
    assert [round(tokens[0] * 0.02, 2), round(tokens[1] * 0.5)] == [0.67, 83]
    assert round(100 / (500 - 355) * 365.25 / 12 / 7, 1) == 3.0
    assert round(355 / (24 * 365.25 / 12), 2) == 0.49
    for said in (
        "33-167 million tokens",
        "0.67-83 USD",
        "100 / (500 - 355) x 4.348 = 3.0 weeks",
        "0.49 USD an hour",
    ):
        assert said in TEXT
