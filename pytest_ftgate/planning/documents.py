"""Documents of arm `retrieval`: found under the rootdir, read as text, cut into chunks."""

# ruff: noqa: ARG002 - HTMLParser fixes the parameters

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

from pytest_ftgate.errors import FtgateError

SUFFIXES = (".md", ".txt", ".rst", ".html", ".htm")
MAX_FILES = 5_000
MAX_FILE_BYTES = 2_000_000
MAX_TOTAL_BYTES = 50_000_000
CHUNK_WORDS = 200
OVERLAP_WORDS = 40
"""A chunk packs paragraphs up to 200 words and begins with the last 40 words of the one before."""

_BLANK_LINES = re.compile(r"\n\s*\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A piece of a document; `source` is the file's path as it was found."""

    source: str
    text: str


def find_documents(
    patterns: Sequence[str], folder: Path, rootdir: Path, *, allow_outside: bool
) -> list[Path]:
    """The files that the globs match, relative to `folder`, sorted.

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


def read_chunks(paths: Iterable[Path], folder: Path) -> list[Chunk]:
    """All documents as chunks, in the order of their paths. Raises FtgateError for an unreadable file."""
    chunks = []
    for path in paths:
        source = path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name
        chunks += [Chunk(source=source, text=text) for text in cut_text(_read_text(path))]
    return chunks


def cut_text(text: str) -> list[str]:
    """A document's text in chunks of about CHUNK_WORDS words, each with OVERLAP_WORDS of the last."""
    chunks: list[str] = []
    current: list[str] = []
    size = 0
    for part, count in _split_paragraphs(text):
        if current and size + count > CHUNK_WORDS:
            chunks.append("\n\n".join(current))
            tail = " ".join(chunks[-1].split()[-OVERLAP_WORDS:])
            current, size = [tail], len(tail.split())
        current.append(part)
        size += count
    return [*chunks, "\n\n".join(current)] if current else chunks


def strip_html(text: str) -> str:
    """The visible text of an HTML document; block elements end a paragraph."""
    parser = _VisibleText()
    parser.feed(text)
    parser.close()
    return "".join(parser.parts)


class _VisibleText(HTMLParser):
    _HIDDEN = frozenset({"script", "style", "noscript", "template"})
    _BLOCKS = frozenset({
        "p", "div", "section", "article", "li", "ul", "ol", "table", "tr", "pre", "blockquote", "br",
        "h1", "h2", "h3", "h4", "h5", "h6", "dd", "dt", "title",
    })  # fmt: skip

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in self._HIDDEN
        self._end_block(tag)

    def handle_endtag(self, tag: str) -> None:
        self._hidden = max(0, self._hidden - (tag in self._HIDDEN))
        self._end_block(tag)

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)

    def _end_block(self, tag: str) -> None:
        if tag in self._BLOCKS:
            self.parts.append("\n\n")


def _match(pattern: str, folder: Path) -> set[Path]:
    try:
        matched = {path.resolve() for path in folder.glob(pattern) if path.suffix.lower() in SUFFIXES}
    except (NotImplementedError, ValueError, IndexError) as error:
        raise FtgateError(f"`docs` {pattern!r} is no relative glob: {error}") from None
    return {path for path in matched if path.is_file()}


def _check_sizes(paths: Iterable[Path]) -> None:
    sizes = {path: path.stat().st_size for path in paths}
    if len(sizes) > MAX_FILES:
        raise FtgateError(f"`docs` matches {len(sizes):,} files; at most {MAX_FILES:,} are indexed")
    large = [path for path, size in sizes.items() if size > MAX_FILE_BYTES]
    if large:
        raise FtgateError(f"{large[0]} has more than {MAX_FILE_BYTES:,} bytes; split it")
    if sum(sizes.values()) > MAX_TOTAL_BYTES:
        raise FtgateError(f"`docs` has more than {MAX_TOTAL_BYTES:,} bytes in all; name fewer files")


def _read_text(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise FtgateError(f"cannot read {path}: {error.strerror or error}") from None
    return strip_html(text) if path.suffix.lower() in (".html", ".htm") else text


def _split_paragraphs(text: str) -> Iterable[tuple[str, int]]:
    step = CHUNK_WORDS - OVERLAP_WORDS
    for paragraph in _BLANK_LINES.split(text):
        found = paragraph.split()
        if 0 < len(found) <= step:
            yield paragraph.strip(), len(found)
            continue
        for start in range(0, len(found), step):
            piece = found[start : start + step]
            yield " ".join(piece), len(piece)
