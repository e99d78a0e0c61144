"""Where candidate code may run: what this machine offers, tried once, and the command that uses it."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, TypeAlias

from pytest_ftgate.grading.grades import GraderError

Kind: TypeAlias = Literal["bubblewrap", "namespaces", "none"]

FOLDER_BYTES = 16 << 20
"""Size of the only folder that confined code can write to."""
NOBODY = 65534
_DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
_SYSTEM = (
    "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32",
    "/usr/bin", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libx32",
    "/usr/local/bin", "/usr/local/lib", "/usr/local/lib64", "/usr/share/zoneinfo", "/nix/store",
    "/etc/ld.so.cache",
)  # fmt: skip
"""Not /usr as a whole: projects live in /usr/src and /usr/local/src."""
_REMEDIES = (
    "install bubblewrap 0.8 or later (apt-get install bubblewrap), or allow user namespaces "
    "(Ubuntu 24.04: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0; "
    "docker: --security-opt seccomp=unconfined), "
    "or run candidate code unconfined: ini key ftgate_code_unsafe = true"
)


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A way to run candidate code. `command()` is the argument list; `user` is who starts it.

    `kind` "none" confines nothing: only the limits of the kernel on a process and the clock are left.
    """

    kind: Kind
    command: Callable[[], list[str]]
    user: int | None = None

    @property
    def is_confined(self) -> bool:
        return self.kind != "none"


class NoSandboxError(GraderError):
    """No way of confining code works on this machine."""


def find_sandbox() -> Sandbox:
    """The first kind that holds on this machine, tried once in a process (about 0.1 s).

    Raises NoSandboxError with what was tried and what to do.
    """
    found = _try_sandboxes()
    if isinstance(found, str):
        raise NoSandboxError(found)
    return found


@lru_cache(maxsize=1)
def _try_sandboxes() -> Sandbox | str:
    from pytest_ftgate.grading.sandbox_probe import find_weakness

    tried = []
    for sandbox in list_sandboxes():
        weakness = find_weakness(sandbox)
        if weakness is None:
            return sandbox
        tried.append(f"{sandbox.kind}: {weakness}")
    what = "; ".join(tried) or f"none is known for {sys.platform}"
    return f"no sandbox here ({what}): {_REMEDIES}"


def list_sandboxes() -> list[Sandbox]:
    """The kinds that this system knows, best first; whether they work is another matter.

    bubblewrap comes first, since it has been read by many; but not for root, whose interpreter it often
    cannot reach as nobody, and whose processes the kernel would not count.
    """
    if sys.platform != "linux":
        return []
    path = shutil.which("bwrap")
    found = [_use_bubblewrap(path)] if path else []
    return [_use_namespaces(), *found] if _is_root() else [*found, _use_namespaces()]


def run_unconfined() -> Sandbox:
    """No sandbox at all: for who said so in the ini."""
    executable = find_interpreter()
    return Sandbox("none", lambda: [executable, *_FLAGS, *read_programs()])


_FLAGS = ("-P", "-s", "-S", "-B", "-c")
"""No working folder on the path, no user's folder, no site-packages, no files written."""


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def find_interpreter() -> str:
    """The interpreter itself: not a virtual environment's link to it."""
    return os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)


def _find_sources(executable: str) -> tuple[list[str], list[tuple[str, str]]]:
    """What is shown inside: paths, and symbolic links at the root."""
    links = [(path, str(Path(path).readlink())) for path in _SYSTEM if Path(path).is_symlink()]
    linked = {path for path, _ in links}
    paths = [path for path in _SYSTEM if path not in linked and Path(path).exists()]
    paths += [path for path in _find_python(executable) if not _is_below(path, paths)]
    return [*dict.fromkeys(paths), *(path for path in _DEVICES if Path(path).exists())], links


def _find_python(executable: str) -> list[str]:
    """The interpreter, its standard library and shared libraries; never the folder of an environment."""
    prefixes = dict.fromkeys(os.path.realpath(prefix) for prefix in (sys.base_prefix, sys.base_exec_prefix))
    folders = [os.path.join(prefix, name) for prefix in prefixes for name in ("lib", sys.platlibdir)]  # noqa: PTH118
    folders.append(str(sysconfig.get_config_var("LIBDIR") or ""))
    return [executable, *(folder for folder in dict.fromkeys(folders) if folder and Path(folder).is_dir())]


def _is_below(path: str, parents: Sequence[str]) -> bool:
    return any(path == parent or path.startswith(parent + "/") for parent in parents)


def _library_path(executable: str) -> str:
    return ":".join(folder for folder in _find_python(executable)[1:] if not folder.startswith("/usr/lib"))


def _use_bubblewrap(path: str) -> Sandbox:
    executable = find_interpreter()
    paths, links = _find_sources(executable)
    wrap = [path, "--unshare-user", "--disable-userns", "--unshare-pid", "--unshare-net", "--unshare-ipc"]
    wrap += ["--unshare-uts", "--unshare-cgroup-try", "--die-with-parent", "--uid", str(NOBODY)]
    # The first process of its pid namespace can be killed by nobody inside.
    wrap += ["--gid", str(NOBODY), "--clearenv", "--as-pid-1"]
    for name, value in environment().items():
        wrap += ["--setenv", name, value]
    for source in paths:
        wrap += ["--dev-bind" if source in _DEVICES else "--ro-bind", source, source]
    for link, target in links:
        wrap += ["--symlink", target, link]
    wrap += ["--size", str(FOLDER_BYTES), "--perms", "0700", "--tmpfs", "/tmp"]  # noqa: S108 - a new one
    wrap += ["--remount-ro", "/", "--chdir", "/tmp", "--", executable, *_FLAGS]  # noqa: S108
    return Sandbox("bubblewrap", lambda: [*wrap, *read_programs()], NOBODY if _is_root() else None)


def _use_namespaces() -> Sandbox:
    executable = find_interpreter()
    sources = repr(_find_sources(executable))

    def command() -> list[str]:
        runner, candidate = read_programs()
        confinement = read_program("code_confinement")
        return [executable, *_FLAGS, confinement, runner, sources, str(FOLDER_BYTES), candidate]

    return Sandbox("namespaces", command)


def environment() -> dict[str, str]:
    """All that code gets of an environment: no key, no home, no path of the project."""
    found = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0", "MALLOC_ARENA_MAX": "1"}
    libraries = _library_path(find_interpreter())
    return {**found, "LD_LIBRARY_PATH": libraries} if libraries else found


def read_programs() -> tuple[str, str]:
    """The supervisor's text, and the candidate's, which is its last argument."""
    return read_program("code_runner"), read_program("code_candidate")


@lru_cache(maxsize=4)
def read_program(name: str) -> str:
    """The text of a program of this package that is run, never imported."""
    return (Path(__file__).parent / f"{name}.py").read_text(encoding="utf-8")
