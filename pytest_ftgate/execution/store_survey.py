"""A look into the response store that changes nothing: what it could answer, and how answers were so far."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from pytest_ftgate.execution.endpoints import endpoint_of
from pytest_ftgate.execution.store import StoreKey, is_servable, store_key
from pytest_ftgate.model.codec import decode_response, load_json
from pytest_ftgate.model.response import Response
from pytest_ftgate.model.trial import Trial

SAMPLE = 200
"""Newest responses of a model that are looked at for its latency."""

_ONE = "SELECT body FROM responses WHERE digest = ? AND draw = ?"
_OF_MODEL = (
    "SELECT body FROM responses WHERE model = ? OR model = ? OR model GLOB ? ORDER BY rowid DESC LIMIT ?"
)


@dataclass(slots=True)
class Survey:
    """What the store holds for some trials. `fault`: why it could not be read, or None.

    `answered` maps a trial's key in the store to its response, where that would be served.
    `latencies_s` maps a model id to the latencies of its newest responses, sorted.
    """

    answered: dict[StoreKey, Response] = field(default_factory=dict)
    latencies_s: dict[str, list[float]] = field(default_factory=dict)
    fault: str | None = None


def key_of(trial: Trial) -> StoreKey:
    """Under which key the trial's response is kept."""
    return store_key(trial, endpoint_of(trial.request))


def survey_store(path: Path, trials: Sequence[Trial]) -> Survey:
    """What the store at `path` holds for these trials and their models; an absent file holds nothing."""
    survey = Survey()
    if not path.is_file():
        return survey
    try:
        with _open(path) as connection:
            for trial in trials:
                key = key_of(trial)
                row = connection.execute(_ONE, (key.digest, key.draw)).fetchone()
                response = _decode(row[0]) if row else None
                if response is not None and is_servable(response):
                    survey.answered[key] = response
            for model in {trial.request.model for trial in trials}:
                survey.latencies_s[model] = _list_latencies(connection, model)
    except sqlite3.Error as error:
        survey.fault = f"{path.name} cannot be read ({error})"
    return survey


@contextmanager
def _open(path: Path) -> Iterator[sqlite3.Connection]:
    uri = f"file:{quote(str(path))}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=5.0)) as connection:
        yield connection


def _list_latencies(connection: sqlite3.Connection, model: str) -> list[float]:
    """A vendor answers with the model's name alone, often with its date: `gpt-4o-mini-2024-07-18`."""
    name = model.partition("/")[2] or model
    rows = connection.execute(_OF_MODEL, (model, name, f"{_escape(name)}-[0-9]*", SAMPLE))
    responses = (_decode(body) for (body,) in rows)
    return sorted(r.latency_s for r in responses if r is not None and r.latency_s is not None)


def _escape(text: str) -> str:
    return "".join(f"[{char}]" if char in "*?[" else char for char in text)


def _decode(body: object) -> Response | None:
    if not isinstance(body, str):
        return None
    try:
        return decode_response(load_json(body))
    except (ValueError, AttributeError, TypeError):
        return None
