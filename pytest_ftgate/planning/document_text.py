"""A document's file → its text: plain text of any usual encoding, HTML, PDF."""

from __future__ import annotations

import codecs
import importlib.util
import re
from pathlib import Path

from pytest_ftgate.planning.html_text import strip_html

HTML = (".html", ".htm")
PDF = ".pdf"
MAX_PDF_PAGES = 2_000
MAX_PDF_CHARS = 5_000_000

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_FALLBACK = "cp1252"
_HEAD_BYTES = 1024
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9._:-]{1,40})", re.IGNORECASE)


class UnreadableError(Exception):
    """The file holds no text that could be read; the message says why."""


def read_text(path: Path, *, max_bytes: int) -> tuple[str, str]:
    """(text, what was odd about it or ""). Raises UnreadableError."""
    try:
        with path.open("rb") as file:
            content = file.read(max_bytes + 1)
    except OSError as error:
        raise UnreadableError(error.strerror or str(error)) from None
    if len(content) > max_bytes:
        raise UnreadableError(f"it has grown beyond {max_bytes:,} bytes")
    suffix = path.suffix.lower()
    if suffix == PDF:
        text, note = _read_pdf(content)
    else:
        text, note = _decode(content, is_html=suffix in HTML)
        text = strip_html(text) if suffix in HTML else text
    if not text.strip():
        raise UnreadableError("it holds no text" + (" (scanned pages?)" if suffix == PDF else ""))
    return text, note


def _decode(content: bytes, *, is_html: bool) -> tuple[str, str]:
    """The text by its byte order mark, as UTF-8, by what an HTML head says, else as Windows-1252."""
    encoding = next((name for bom, name in _BOMS if content.startswith(bom)), None)
    if encoding is None and b"\0" in content:
        raise UnreadableError("it is binary (zero bytes)")
    try:
        return content.decode(encoding or "utf-8"), ""
    except UnicodeDecodeError as error:
        if encoding is not None:
            raise UnreadableError(
                f"it is no {encoding} text, as its first bytes say: {error.reason}"
            ) from None
    stated = _META_CHARSET.search(content[:_HEAD_BYTES]) if is_html else None
    if stated is not None:
        name = stated[1].decode("ascii")
        try:
            # Other codecs of Python's are no text encodings; they raise LookupError.
            return content.decode(name), ""
        except (LookupError, UnicodeError, ValueError):
            return content.decode(
                _FALLBACK, "replace"
            ), f"is no {name}, as its head says: read as {_FALLBACK}"
    return content.decode(_FALLBACK, "replace"), f"is no UTF-8: read as {_FALLBACK}"


def _read_pdf(content: bytes) -> tuple[str, str]:
    if importlib.util.find_spec("pypdf") is None:
        raise UnreadableError('reading PDF needs pypdf: pip install "pytest-ftgate[pdf]"')
    import logging
    from io import BytesIO

    from pypdf import PdfReader

    # What it has to say of each broken object goes to stderr otherwise.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        reader = PdfReader(BytesIO(content))
        if reader.is_encrypted and not reader.decrypt(""):
            raise UnreadableError("it is encrypted")
        pages, note = reader.pages, ""
        count = len(pages)
        if count > MAX_PDF_PAGES:
            note = f"only the first {MAX_PDF_PAGES:,} of {count:,} pages were read"
        texts, size = list[str](), 0
        for index in range(min(count, MAX_PDF_PAGES)):
            texts.append(pages[index].extract_text() or "")
            size += len(texts[-1])
            if size > MAX_PDF_CHARS:
                note = f"only the first {index + 1:,} of {count:,} pages were read"
                break
    except UnreadableError:
        raise
    # A broken PDF raises nearly anything: pypdf walks what the file says of itself.
    except Exception as error:  # noqa: BLE001
        raise UnreadableError(f"it is no PDF that can be read ({type(error).__name__})") from None
    return "\n\n".join(texts), note
