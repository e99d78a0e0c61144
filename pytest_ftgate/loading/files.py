"""The files an evalset is made of: found, bounded, decoded, and hashed."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from pytest_ftgate.loading.places import Place
from pytest_ftgate.loading.problems import Problems
from pytest_ftgate.loading.wording import show
from pytest_ftgate.model.evalset import Location

MAX_FILE_BYTES = 128 * 1024 * 1024


class EvalsetFiles:
    """Reads files relative to the evalset's folder and remembers what was read; `size` in bytes.

    Paths are followed through symlinks and must end under the rootdir, unless `allow_outside`.
    """

    def __init__(self, evalset: Path, rootdir: Path, problems: Problems, *, allow_outside: bool) -> None:
        self._folder, self._rootdir = evalset.parent, rootdir
        self._real_rootdir = Path(os.path.realpath(rootdir))
        self._problems, self._allow_outside = problems, allow_outside
        self._texts: dict[str, str] = {}
        self._digests: dict[str, bytes] = {}
        self._named: dict[str, None] = {}
        self.size = 0

    @property
    def names(self) -> tuple[str, ...]:
        """The files read so far, rootdir-relative with forward slashes, in the order read."""
        return tuple(self._digests)

    @property
    def named(self) -> tuple[str, ...]:
        """The files read beside the evalset's own, as it names them, in the order read."""
        return tuple(self._named)

    @property
    def digest(self) -> str:
        """SHA-256 over the names and contents of all files read, whatever the order."""
        total = hashlib.sha256()
        for name in sorted(self._digests):
            total.update(name.encode("utf-8", "replace") + b"\0" + self._digests[name])
        return total.hexdigest()

    def read_evalset(self, path: Path) -> str | None:
        """The evalset's own text; None after a problem."""
        name = name_file(path, self._rootdir)
        return self._read(path, name, Location(file=name))

    def read(self, named: object, place: Place) -> tuple[str, str] | None:
        """Name and text of a file that the evalset names at `place`; None after a problem."""
        path = self._find(named, place)
        if path is None:
            return None
        name = name_file(path, self._rootdir)
        text = self._texts.get(name)
        if text is None:
            text = self._read(path, name, place)
        if text is None:
            return None
        self._texts[name] = text
        self._named[str(named)] = None
        return name, text

    def _find(self, named: object, place: Place) -> Path | None:
        if not isinstance(named, str) or not named.strip():
            self._problems.add(place, f"must be the path of a file, got {show(named)}")
            return None
        path = Path(os.path.normpath(self._folder / named))
        try:
            real = Path(os.path.realpath(path))
        except (OSError, ValueError):
            self._problems.add(place, f"not a usable path: {show(named)}")
            return None
        if not self._allow_outside and not real.is_relative_to(self._real_rootdir):
            self._problems.add(
                place,
                f"{show(named)} lies outside the rootdir; copy the file into the project, or set the ini "
                "`ftgate_allow_outside_files = true`",
            )
            return None
        return path

    def _read(self, path: Path, name: str, where: Location | Place) -> str | None:
        content = self._read_bytes(path, where)
        if content is None:
            return None
        self._digests[name] = hashlib.sha256(content).digest()
        self.size += len(content)
        try:
            return content.decode("utf-8").removeprefix("\ufeff")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            what = f"not UTF-8 text (byte 0x{content[error.start]:02x}); save the file as UTF-8"
            self._problems.add(Location(file=name, line=line), what)
            return None

    def _read_bytes(self, path: Path, where: Location | Place) -> bytes | None:
        """The bytes of a regular file: a pipe or a device could block or never end."""
        shown = show(name_file(path, self._folder))
        try:
            facts = path.stat()
            if stat.S_ISDIR(facts.st_mode):
                self._problems.add(where, f"{shown} is a folder, not a file")
            elif not stat.S_ISREG(facts.st_mode):
                self._problems.add(where, f"{shown} is not a regular file")
            elif facts.st_size > MAX_FILE_BYTES:
                size, most = facts.st_size >> 20, MAX_FILE_BYTES >> 20
                self._problems.add(where, f"{shown} is too large: {size} MiB (at most {most} MiB); split it")
            else:
                return path.read_bytes()
        except FileNotFoundError:
            self._problems.add(where, f"there is no file {shown} (paths are relative to the evalset)")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "not a usable path"
            self._problems.add(where, f"cannot read {shown}: {reason}")
        return None


def name_file(path: Path, rootdir: Path) -> str:
    """The path relative to the rootdir, with forward slashes; with `..` where it lies outside."""
    try:
        return Path(os.path.relpath(path, rootdir)).as_posix()
    except ValueError:  # another drive on Windows
        return path.as_posix()
