"""Options that may name a file: `schema`, `labels`, `response_format`; read before they are checked."""

from __future__ import annotations

from pytest_ftgate.loading.places import Place
from pytest_ftgate.loading.reading import Reading
from pytest_ftgate.loading.user_schemas import read_user_schema
from pytest_ftgate.loading.wording import describe, show
from pytest_ftgate.model.evalset import Json

FILE_OPTIONS = ("schema", "labels", "response_format", "examples")
"""Options that are not checked further once reading their file failed."""


def read_option_files(
    options: dict[str, Json], place: Place, reading: Reading
) -> tuple[dict[str, Json], bool]:
    """The options with their files read, and whether all could be. The input is left as it is."""
    found: dict[str, Json] = {}
    before = len(reading.problems)
    for name, value in options.items():
        if name == "schema":
            found[name] = read_user_schema(value, place.at(name), reading)
        elif name == "labels" and (
            isinstance(value, str) or (isinstance(value, dict) and set(value) == {"file"})
        ):
            found[name] = _read_labels(value, place.at(name), reading)
        elif name == "response_format" and isinstance(value, dict):
            found[name] = _read_response_format(value, place.at(name), reading)
        else:
            found[name] = value
    return found, len(reading.problems) == before


def _read_response_format(value: dict[str, Json], place: Place, reading: Reading) -> dict[str, Json]:
    """`{schema: …}`, or OpenAI's `{type: json_schema, json_schema: {name, schema: …}}`."""
    found = dict(value)
    if "schema" in value:
        found["schema"] = read_user_schema(value["schema"], place.at("schema"), reading)
    inner = value.get("json_schema")
    if isinstance(inner, dict) and "schema" in inner:
        schema = read_user_schema(inner["schema"], place.at("json_schema", "schema"), reading)
        found["json_schema"] = {**inner, "schema": schema}
    return found


def _read_labels(value: Json, place: Place, reading: Reading) -> list[Json] | None:
    """Labels of a .json or .yaml list, or of a text file with one label a line."""
    named = value
    if isinstance(value, dict):
        named, place = value["file"], place.at("file")
    if isinstance(named, str) and named.lower().endswith((".json", ".yaml", ".yml")):
        document = reading.read_document(named, place)
        if document is None:
            return None
        if not isinstance(document.value, list):
            reading.problems.add(Place(document), f"must be a list of labels, got {describe(document.value)}")
            return None
        return document.value
    found = reading.files.read(named, place)
    if found is None:
        return None
    labels: list[Json] = [line.strip() for line in found[1].splitlines() if line.strip()]
    if not labels:
        reading.problems.add(place, f"{show(named)} holds no label")
    return labels
