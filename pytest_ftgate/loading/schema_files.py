"""The JSON Schemas shipped with the package."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import pytest_ftgate


@cache
def read_schema(name: str) -> dict[str, Any]:
    """The schema `<name>.schema.json`; the same object at every call, not to be changed.

    A wheel carries the schemas inside the package; an editable install finds them beside it.
    Raises FileNotFoundError where neither has it.
    """
    file = f"{name}.schema.json"
    packaged = resources.files(pytest_ftgate) / "schemas" / file
    sibling = Path(pytest_ftgate.__file__).parent.parent / "schemas" / file
    source = packaged if packaged.is_file() else sibling
    schema: dict[str, Any] = json.loads(source.read_text(encoding="utf-8"))
    return schema
