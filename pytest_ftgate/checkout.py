"""What of a checkout differs from a git revision. Asks git; changes nothing."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pytest_ftgate.errors import SettingsError

SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """The working tree at `top` against the commit `revision`, which the user calls `ref`.

    `changed` and `tracked` are paths below `top` as git writes them: files that differ from the revision (new
    and deleted ones too, but not ignored ones), and files that git knows.
    """

    ref: str
    revision: str
    top: Path
    changed: frozenset[str] = field(default_factory=frozenset)
    tracked: frozenset[str] = field(default_factory=frozenset)

    def is_changed(self, path: Path) -> bool:
        """Whether a file differs, or may: of one that git does not track nothing is known."""
        names = self._name(path)
        return any(name in self.changed for name in names) or not any(name in self.tracked for name in names)

    def is_listed(self, path: Path) -> bool:
        """Whether git says that a file differs."""
        return any(name in self.changed for name in self._name(path))

    def _name(self, path: Path) -> set[str]:
        """The path as git has it: of a link its own name, and that of the file it leads to."""
        both = {Path(os.path.realpath(path.parent)) / path.name, Path(os.path.realpath(path))}
        return {Path(os.path.relpath(each, self.top)).as_posix() for each in both}

    def list_matching(self, pattern: str, folder: Path) -> list[str]:
        """Changed files that a glob relative to `folder` matches, deleted ones too. Raises SettingsError."""
        found = [
            *_split(_git(folder, "diff", *_NAMES, self.revision, "--", f":(glob){pattern}")),
            *_split(_git(folder, "ls-files", *_OTHERS, "--", f":(glob){pattern}")),
        ]
        return sorted(set(found))

    def read(self, name: str) -> bytes | None:
        """A file of the revision, by its path below `top`; None where it had none."""
        try:
            return _git(self.top, "cat-file", "blob", f"{self.revision}:{name}")
        except SettingsError:
            return None


_NAMES = ("--name-only", "--no-renames", "--no-ext-diff", "-z")
_OTHERS = ("--others", "--exclude-standard", "--full-name", "-z")


def open_checkout(folder: Path, ref: str) -> Checkout:
    """The checkout that a folder is in, against a revision.

    Raises SettingsError: no git, no checkout, a revision that is not there.
    """
    if ref.startswith("-") or not ref.strip():
        raise SettingsError(f"{ref!r} is no git revision; wanted: a branch, a tag or a commit")
    top = Path(os.fsdecode(_git(folder, "rev-parse", "--show-toplevel").rstrip(b"\n")))
    try:
        revision = _git(top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    except SettingsError:
        raise SettingsError(
            f"git knows no revision {ref!r} in {top}; fetch it first (git fetch origin BRANCH; with "
            "actions/checkout: fetch-depth: 0), or give another branch, tag or commit"
        ) from None
    commit = revision.decode("ascii", "replace").strip()
    changed = {
        *_split(_git(top, "diff", *_NAMES, commit, "--")),
        *_split(_git(top, "ls-files", *_OTHERS)),
    }
    tracked = _split(_git(top, "ls-files", "-z"))
    return Checkout(ref=ref, revision=commit, top=top, changed=frozenset(changed), tracked=frozenset(tracked))


def _split(output: bytes) -> Iterator[str]:
    return (os.fsdecode(name) for name in output.split(b"\0") if name)


def _git(folder: Path, *arguments: str) -> bytes:
    command: Sequence[str] = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)  # noqa: S603 - no shell
    except FileNotFoundError:
        raise SettingsError("git is not installed here, so it is not known what changed") from None
    except (OSError, subprocess.SubprocessError) as error:
        raise SettingsError(f"git cannot be asked what changed: {error}") from error
    if done.returncode:
        said = " ".join(os.fsdecode(done.stderr).split()) or f"exit status {done.returncode}"
        raise SettingsError(f"git {arguments[0]} in {folder}: {said}")
    return done.stdout
