"""Figures of the plan that are not measured: what the evalset states, else the published page's."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from pytest_ftgate.model.economics import Figure, Origin, Range
from pytest_ftgate.model.evalset import Json

METHODS = ("full", "lora", "qlora")
DEFAULT_METHOD = "lora"


@cache
def read_references() -> Mapping[str, Any]:
    """The reference figures that come with the package, with their source and date."""
    text = files("pytest_ftgate.decision").joinpath("reference_figures.json").read_text(encoding="utf-8")
    figures: Mapping[str, Any] = json.loads(text)
    return figures


class Figures:
    """Looks figures up, and remembers those that were used."""

    def __init__(self, economics: Mapping[str, Json]) -> None:
        self._economics = economics
        self._used: dict[str, Figure] = {}

    @property
    def used(self) -> tuple[Figure, ...]:
        return tuple(self._used.values())

    @property
    def method(self) -> str:
        """The method of tuning that the plan is about."""
        method = str(self.read("fine_tune.method") or DEFAULT_METHOD).lower()
        return method if method in METHODS else DEFAULT_METHOD

    def read(self, name: str) -> Json:
        """What `economics:` states under a dotted name; None where nothing."""
        value: Json = self._economics
        for key in name.split("."):
            value = value.get(key) if isinstance(value, Mapping) else None
        return value

    def take(self, name: str, fallback: Json = None, origin: Origin = "reference") -> Range | None:
        """The figure stated under that name, else `fallback` (a number or [low, high]); None without both."""
        stated = read_range(self.read(name))
        return self._use(name, stated, "stated") or self._use(name, read_range(fallback), origin)

    def take_of_method(
        self, method: str, key: str, fallback: Json = None, origin: Origin = "reference"
    ) -> Range | None:
        """A figure of a method: `fine_tune.KEY` for the chosen one, else `methods.METHOD.KEY`."""
        if method == self.method and read_range(self.read(f"fine_tune.{key}")) is not None:
            return self.take(f"fine_tune.{key}")
        return self.take(f"methods.{method}.{key}", fallback, origin)

    def take_serving(self) -> tuple[Range, Range]:
        """USD per million prompt tokens, and per million completion tokens, of the tuned model.

        0 where only a price a month is stated: a server of one's own has no price a token.
        """
        name = "fine_tune.serving_usd_per_m_tokens"
        stated = self.read(name)
        if isinstance(stated, Mapping):
            parts = [
                self.take(f"{name}.{part}", 0.0, "assumed") or (0.0, 0.0) for part in ("input", "output")
            ]
            return parts[0], parts[1]
        is_rented = stated is None and self.read("fine_tune.serving_usd_per_month") is not None
        reference = 0.0 if is_rented else read_references()["serving_usd_per_m_tokens"]["tuned_self_hosted"]
        price = self.take(name, reference, "assumed" if is_rented else "reference") or (0.0, 0.0)
        return price, price

    def _use(self, name: str, value: Range | None, origin: Origin) -> Range | None:
        if value is not None:
            self._used[name] = Figure(name=name, value=value, origin=origin)
        return value


def read_range(value: Json) -> Range | None:
    """A number of 0 or more, or a list of two in any order, as (low, high); None for anything else."""
    if isinstance(value, Sequence) and not isinstance(value, str) and len(value) == 2:
        low, high = read_number(value[0]), read_number(value[1])
        return None if low is None or high is None else (min(low, high), max(low, high))
    number = read_number(value)
    return None if number is None else (number, number)


def read_number(value: Json) -> float | None:
    """A finite number of 0 or more; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and value >= 0 else None
