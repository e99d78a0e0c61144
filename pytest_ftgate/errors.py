"""The tree of errors this project raises on purpose. Everything else is a bug."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the errors are read in every pytest session, evalsets with --ftgate only
    from pytest_ftgate.model.evalset import Location


class FtgateError(Exception):
    """Root of all errors that carry a message for the user."""


class SettingsError(FtgateError):
    """A command-line option, ini value or environment is not usable."""


class UnknownNameError(FtgateError):
    """A name (grader, arm, gate, reporter, provider) is not registered.

    `text` is one sentence with a suggestion; `known` the names that are allowed.
    """

    def __init__(self, kind: str, name: str, known: Sequence[str]) -> None:
        self.kind, self.name, self.known = kind, name, tuple(sorted(known))
        super().__init__(f"unknown {kind} {name!r}.{suggest(name, self.known)}")


class EvalsetError(FtgateError):
    """All problems of one evalset, reported together."""

    def __init__(self, path: str, problems: Sequence[tuple[Location, str]]) -> None:
        self.path, self.problems = path, tuple(problems)
        lines = [put_on_one_line(f"{where}: {what}") for where, what in self.problems]
        count = f"{len(lines)} problem{'s' if len(lines) != 1 else ''}"
        super().__init__("\n".join([f"{put_on_one_line(path)}: {count}", *lines]))


def put_on_one_line(text: str) -> str:
    """The text with control, ANSI and bidi characters and line breaks as escapes.

    Keys of an evalset are not ours: one must not start a line of a CI log, which runs `::commands::` there.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


class RecordedResponsesError(FtgateError):
    """A file of recorded responses cannot be used (duplicate key, unknown case, bad line)."""


class StorageError(FtgateError):
    """The run folder, response store, or a report cannot be read or written."""


class ProviderError(FtgateError):
    """A request got no usable response.

    `signature` is one of the `infra:*`, `call:*` or `refusal:*` signatures; `retryable` says
    whether another attempt may succeed; `retry_after_s` is the vendor's wish in seconds.
    """

    def __init__(
        self,
        signature: str,
        message: str,
        *,
        retryable: bool,
        retry_after_s: float | None = None,
        fatal: bool = False,
    ) -> None:
        self.signature, self.retryable, self.retry_after_s = signature, retryable, retry_after_s
        self.fatal = fatal
        super().__init__(message)


def suggest(name: str, known: Sequence[str]) -> str:
    """' Did you mean …? Known: …' for an unknown name; the leading space is part of it."""
    from difflib import get_close_matches  # only where something is wrong

    close = get_close_matches(name, known, n=1, cutoff=0.6)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    shown = ", ".join(sorted(known)) if known else "nothing is registered"
    return f"{hint} Known: {shown}."
