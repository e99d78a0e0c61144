"""What litellm's map says of models: prices, limits, names. Read as data; nothing of litellm is imported."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from pytest_ftgate.execution.endpoints import vendor_of
from pytest_ftgate.model.evalset import Price

_MAP = "litellm/model_prices_and_context_window_backup.json"
"""The map that litellm itself falls back to without a network, and the only one that a run uses."""

_READ = (
    "litellm_provider", "input_cost_per_token", "output_cost_per_token", "cache_read_input_token_cost",
    "max_output_tokens", "max_input_tokens", "supports_response_schema",
)  # fmt: skip
"""What is read here of a model's entry."""

_FREE_VENDOR = "local"

_LATEST = re.compile(r"(?:^|[-_/:@.])latest$")
_DATE = re.compile(r"[-@](?:\d{4}-\d{2}-\d{2}|\d{8})$")
_SHORT_DATE = re.compile(r"-\d{4}$")
_SHORT_DATE_VENDORS = ("", "openai")
"""Elsewhere four digits after an open model's name tell another model, not a snapshot of the same."""

_NAMING_VENDORS = ("azure",)
"""Where the user names deployments: their names say nothing of the model behind."""


def find_price(model: str) -> Price | None:
    """The list price of a model id, USD per million tokens; None for one that the map does not know.

    Models of this machine (`local/…`) are free. What vendors add or take off (writing to their cache,
    batches, long prompts) is left out.
    """
    vendor = vendor_of(model)
    if vendor == _FREE_VENDOR:
        return Price(input_usd_per_m=0.0, output_usd_per_m=0.0)
    entry = _find_entry(model, vendor)
    if entry is None:
        return None
    prices = [entry.get("input_cost_per_token"), entry.get("output_cost_per_token", 0.0)]
    if not all(isinstance(price, int | float) for price in prices):
        return None
    cached = entry.get("cache_read_input_token_cost")
    return Price(
        input_usd_per_m=1e6 * prices[0],
        output_usd_per_m=1e6 * prices[1],
        cached_input_usd_per_m=1e6 * cached if isinstance(cached, int | float) else None,
    )


def find_max_output(model: str) -> int | None:
    """The tokens that an answer of the model may have at most; None where the map does not say."""
    entry = _find_entry(model, vendor_of(model))
    longest = entry.get("max_output_tokens") if entry is not None else None
    return longest if isinstance(longest, int) and longest > 0 else None


def find_window(model: str) -> int | None:
    """The tokens that a prompt of the model may have at most; None where the map does not say."""
    entry = _find_entry(model, vendor_of(model))
    window = entry.get("max_input_tokens") if entry is not None else None
    return window if isinstance(window, int) and window > 0 else None


def find_schema_support(model: str) -> bool | None:
    """Whether the map says that the vendor takes a schema for answers; None for models it does not know."""
    entry = _find_entry(model, vendor_of(model))
    return None if entry is None else bool(entry.get("supports_response_schema"))


def is_floating(model: str) -> bool:
    """Whether the vendor may put another model behind the id: `…-latest`, or a name with dated snapshots."""
    if vendor_of(model) in (_FREE_VENDOR, *_NAMING_VENDORS):
        return False
    return bool(_LATEST.search(model)) or find_snapshot(model) is not None


def find_snapshot(model: str) -> str | None:
    """A dated snapshot of a model that the map lists under the same vendor, the newest of those with a full
    date; None where none is.
    """
    vendor = vendor_of(model)
    base = _LATEST.sub("", model)
    bare = base.removeprefix(f"{vendor}/")
    dates = (_DATE, _SHORT_DATE) if vendor in _SHORT_DATE_VENDORS else (_DATE,)
    found = [
        name[len(start) :]
        for start in {base, bare}
        for name, entry in _read_map().items()
        if name.startswith(start) and isinstance(entry, Mapping)
        if str(entry.get("litellm_provider", "")).startswith(vendor)
        if any(date.fullmatch(name, len(start)) for date in dates)
    ]
    # A full date goes before one without its year.
    return base + max(found, key=lambda date: (len(date), date)) if found else None


def _find_entry(model: str, vendor: str) -> Mapping[str, Any] | None:
    entries = _read_map()
    for name in (model, model.removeprefix(f"{vendor}/")):
        entry = entries.get(name)
        # `vendor/name` is listed as `name` too, but so may be the same name of another vendor.
        if isinstance(entry, Mapping) and str(entry.get("litellm_provider", "")).startswith(vendor):
            return entry
    return None


@cache
def _read_map() -> Mapping[str, Any]:
    try:
        path = Path(str(distribution("litellm").locate_file(_MAP)))
        entries = json.loads(path.read_text(encoding="utf-8"))
    except (PackageNotFoundError, OSError, ValueError):
        return {}
    if not isinstance(entries, dict):
        return {}
    # Whole it takes 5 MiB to the end of the session; litellm has its own copy.
    return {
        name: {key: entry[key] for key in _READ if key in entry}
        for name, entry in entries.items()
        if isinstance(entry, Mapping)
    }
