"""The report as a JSON file, and files written complete or not at all."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from shutil import copyfile
from typing import Any

from pytest_ftgate.errors import StorageError


def render_json(report: Mapping[str, Any]) -> str:
    """Indented JSON in UTF-8-safe text. Raises ValueError for NaN."""
    text = json.dumps(report, ensure_ascii=False, indent=2, allow_nan=False)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        text = json.dumps(report, ensure_ascii=True, indent=2, allow_nan=False)
    return text + "\n"


def write_file(path: Path, text: str) -> None:
    """Write a text file in one step; missing folders are made. Raises StorageError."""
    _replace(path, lambda temporary: _write(temporary, text))


def copy_file(source: Path, path: Path) -> None:
    """Copy a file in one step; onto itself is nothing to do. Raises StorageError."""
    if path.exists() and source.exists() and path.samefile(source):
        return
    _replace(path, lambda temporary: copyfile(source, temporary))


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")


def _replace(path: Path, fill: Any) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fill(temporary)
        temporary.replace(path)
    except OSError as error:
        cause = error.strerror or type(error).__name__
        raise StorageError(
            f"cannot write {path}: {cause}. Choose another path with --ftgate-report."
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
