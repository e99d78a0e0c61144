"""Files that are complete or absent: written beside their place, then moved there."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from pytest_ftgate.errors import StorageError


@contextmanager
def open_atomic(path: Path) -> Iterator[TextIO]:
    """A UTF-8 text file that appears at `path` only when the block ends without an error.

    Missing folders are made. Raises StorageError where it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
            yield file
            file.flush()
        temporary.replace(path)
    except OSError as error:
        raise describe_failure("write", path, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a whole text file, atomically. Raises StorageError."""
    with open_atomic(path) as file:
        file.write(text)


def describe_failure(action: str, path: Path, error: OSError) -> StorageError:
    """A StorageError that names the file, the cause and the remedy."""
    cause = error.strerror or type(error).__name__
    return StorageError(
        f"cannot {action} {path}: {cause}. "
        f"Check its permissions and the free space{_name_directory_option(path)}."
    )


def _name_directory_option(path: Path) -> str:
    inside = any(part == "runs" for part in path.parts) or path.name.startswith(".ftgate")
    return ", or choose another folder with --ftgate-dir DIR" if inside else ""
