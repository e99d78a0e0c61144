"""Documents of arm `retrieval`: found under the rootdir and read as text, within bounds."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_ftgate.errors import FtgateError
from pytest_ftgate.planning.document_text import HTML, PDF, UnreadableError, read_text

SUFFIXES = (".md", ".txt", ".rst", *HTML, PDF)
MAX_FILES = 5_000
MAX_FILE_BYTES = 2_000_000
MAX_PDF_BYTES = 20_000_000
MAX_TOTAL_BYTES = 50_000_000
MAX_TOTAL_CHARS = 50_000_000
"""Of the text of all documents: a PDF of few bytes may hold much of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document's text. `source`: its path from the evalset's folder, without leading `../`; prompts show
    it, so it must not hang on where pytest was started. `note`: what was odd in reading it.
    """

    source: str
    text: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Documents:
    """What was read, in the order of the paths, and why each of the others could not be."""

    read: tuple[Document, ...]
    unread: tuple[tuple[str, str], ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence a file that was not read, or not read as it should be."""
        left_out = tuple(f"{source}: left out, {why}" for source, why in self.unread)
        return (*left_out, *(f"{each.source}: {each.note}" for each in self.read if each.note))


def find_documents(
    patterns: Sequence[str], folder: Path, rootdir: Path, *, allow_outside: bool
) -> list[Path]:
    """The files that the globs match, relative to `folder`, links followed, sorted.

    Raises FtgateError for a pattern that matches nothing, files outside the rootdir, or too much.
    """
    found: set[Path] = set()
    for pattern in patterns:
        matched = _match(pattern, folder)
        if not matched:
            raise FtgateError(
                f"`docs` {pattern!r} matches no {', '.join(SUFFIXES)} file in {folder}; "
                "the pattern is relative to the evalset's folder, as in ../docs/**/*.md"
            )
        found |= matched
    outside = sorted(path for path in found if not path.is_relative_to(rootdir.resolve()))
    if outside and not allow_outside:
        raise FtgateError(
            f"`docs` reaches outside the rootdir: {outside[0]}; move it inside, "
            "or allow it with the ini option ftgate_allow_outside_files"
        )
    _check_sizes(found)
    return sorted(found)


def read_documents(paths: Iterable[Path], folder: Path) -> Documents:
    """All documents as text, named from the evalset's `folder`. Raises FtgateError where none can be read,
    or they hold too much text.
    """
    read, unread, size = list[Document](), list[tuple[str, str]](), 0
    for path in paths:
        source = _name(path, folder)
        try:
            text, note = read_text(path, max_bytes=_max_bytes(path))
        except UnreadableError as error:
            unread.append((source, str(error)))
            continue
        size += len(text)
        if size > MAX_TOTAL_CHARS:
            raise FtgateError(
                f"`docs` holds more than {MAX_TOTAL_CHARS:,} characters of text; name fewer files"
            )
        read.append(Document(source=source, text=text, note=note))
    if not read:
        told = "; ".join(f"{source}: {why}" for source, why in unread[:3])
        raise FtgateError(f"`docs`: none of the {len(unread):,} files can be read ({told})")
    return Documents(read=tuple(read), unread=tuple(unread))


def _name(path: Path, folder: Path) -> str:
    try:
        parts = Path(os.path.relpath(path, folder)).parts
    except ValueError:  # another drive on Windows
        return path.name
    return "/".join(part for part in parts if part != os.pardir)


def _match(pattern: str, folder: Path) -> set[Path]:
    try:
        matched = {path.resolve() for path in folder.glob(pattern) if path.suffix.lower() in SUFFIXES}
    except (NotImplementedError, ValueError, IndexError) as error:
        raise FtgateError(f"`docs` {pattern!r} is no relative glob: {error}") from None
    except (OSError, RuntimeError) as error:
        # RuntimeError: links in a circle, before Python 3.13.
        raise FtgateError(f"`docs` {pattern!r} cannot be looked for: {error}") from None
    return {path for path in matched if path.is_file()}


def _check_sizes(paths: Iterable[Path]) -> None:
    sizes = {path: path.stat().st_size for path in paths}
    if len(sizes) > MAX_FILES:
        raise FtgateError(f"`docs` matches {len(sizes):,} files; at most {MAX_FILES:,} are indexed")
    for path, size in sizes.items():
        if size > _max_bytes(path):
            raise FtgateError(f"{path} has {size:,} bytes, more than {_max_bytes(path):,}; split it")
    if sum(sizes.values()) > MAX_TOTAL_BYTES:
        raise FtgateError(f"`docs` has more than {MAX_TOTAL_BYTES:,} bytes in all; name fewer files")


def _max_bytes(path: Path) -> int:
    return MAX_PDF_BYTES if path.suffix.lower() == PDF else MAX_FILE_BYTES
