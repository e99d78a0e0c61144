"""Strict JSON: no NaN, no duplicate keys, no lone surrogates, no bottomless nesting."""

from __future__ import annotations

import json
import re
from typing import NoReturn

from pytest_ftgate.loading.wording import quote
from pytest_ftgate.loading.yaml_marks import MAX_DEPTH
from pytest_ftgate.loading.yaml_scalars import ScalarError, read_float
from pytest_ftgate.model.evalset import Json

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class JsonTextError(ValueError):
    """The text is not JSON as wanted here. `line` is 1-based within the text."""

    def __init__(self, what: str, line: int = 1) -> None:
        self.line = line
        super().__init__(what)


def parse_json(text: str) -> Json:
    """The value of a JSON text. Raises JsonTextError for anything that is not strict JSON."""
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        what = f"not valid JSON: {error.msg} (column {error.colno})"
        raise JsonTextError(what, error.lineno) from None
    except RecursionError:
        raise JsonTextError(f"nested deeper than {MAX_DEPTH} levels") from None
    except ScalarError as error:
        raise JsonTextError(str(error)) from None
    except ValueError:
        raise JsonTextError("a number of more digits than Python converts; quote it if it is text") from None
    # A JSON text cannot be deeper than the brackets it opens: most texts need no walk.
    if text.count("[") + text.count("{") > MAX_DEPTH and is_too_deep(value):
        raise JsonTextError(f"nested deeper than {MAX_DEPTH} levels")
    if _SURROGATE.search(text) and not _is_encodable(value):
        raise JsonTextError("half of a surrogate pair (\\ud8…) is no character; write the whole character")
    return value


def is_too_deep(value: Json) -> bool:
    """Whether a JSON value nests deeper than 100 levels; walks level by level, never recursing."""
    level: list[Json] = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for node in level
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
        ]
    return any(isinstance(node, dict | list) for node in level)


def _is_encodable(value: Json) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _read_pairs(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise ScalarError(f"duplicate key '{quote(key)}'")
        seen.add(key)
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ScalarError(f"{name} is no JSON number; quote it if it is text")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_read_pairs, parse_constant=_refuse_constant, parse_float=read_float
)
