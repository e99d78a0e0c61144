"""Shuts this very process in, where bubblewrap is not at hand; then runs the runner. Never imported.

Started as `python -S -c <this text> <runner's text> <mounts> <folder's bytes> <candidate's text>`. New user,
mount, pid, net, ipc and uts namespaces; a root of nothing but read-only mounts and one small writable folder
`/tmp`; no capabilities, no way to gain any. Needs Linux 5.12 (mount_setattr). Whatever fails ends it with
exit status 125 and one line on standard error, before any of the candidate's code is read.
"""
# ruff: noqa: PTH102, PTH103, PTH112, PTH120, PTH211, S108
# (pathlib would cost a third of the start; this /tmp is a new one)

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

NOBODY = 65534
SETUP_FAILED = 125

CLONE_NEWNS, CLONE_NEWUTS = 0x20000, 0x4000000
CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x8000000, 0x10000000, 0x20000000, 0x40000000
SPACES = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS
MS_NOSUID, MS_NODEV, MS_BIND, MS_REC, MS_PRIVATE = 2, 4, 4096, 16384, 1 << 18
MNT_DETACH = 2
MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID, MOUNT_ATTR_NODEV = 1, 2, 4
AT_FDCWD, AT_RECURSIVE = -100, 0x8000
SYS_MOUNT_SETATTR = 442
SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41, "riscv64": 41, "ppc64le": 203, "s390x": 217}
PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 24, 38
CAPABILITY_VERSION_3 = 0x20080522

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def check(result: int, what: str) -> int:
    """The result of a system call; raises OSError where it failed."""
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
    return result


def prctl(option: int, value: int, what: str) -> None:
    """Set a property of this process."""
    check(libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0), what)


def mount(source: str | None, target: str, kind: str | None, flags: int, data: str = "") -> None:
    """mount(2)."""
    arguments = [text.encode() if text else None for text in (source, target, kind)]
    what = f"mount {target}"
    check(libc.mount(*arguments, ctypes.c_ulong(flags), data.encode() or None), what)


def protect(target: str, attributes: int, *, whole: bool) -> None:
    """Add mount attributes to a mount, and with `whole` to all below it."""
    wanted = (ctypes.c_uint64 * 4)(attributes, 0, 0, 0)
    flags = AT_RECURSIVE if whole else 0
    size = ctypes.c_size_t(ctypes.sizeof(wanted))
    path = target.encode()
    number = ctypes.c_long(SYS_MOUNT_SETATTR)
    check(libc.syscall(number, AT_FDCWD, path, flags, wanted, size), "mount_setattr (Linux 5.12)")


def enter_namespaces() -> bool:
    """New namespaces for all that comes; the pid namespace begins with the next fork.

    Returns whether a user namespace is still wanted: root enters it last, as nobody, since limits on
    processes do not bind root and its interpreter may stand where nobody cannot look.
    """
    if os.geteuid() == 0 and libc.unshare(SPACES) == 0:
        return True
    user, group = os.geteuid(), os.getegid()
    check(libc.unshare(SPACES | CLONE_NEWUSER), "unshare")
    write_file("/proc/self/setgroups", "deny")
    write_file("/proc/self/uid_map", f"{NOBODY} {user} 1")
    write_file("/proc/self/gid_map", f"{NOBODY} {group} 1")
    with contextlib.suppress(OSError):  # read-only in containers; it only forbids further namespaces
        write_file("/proc/sys/user/max_user_namespaces", "0")
    return False


def become_nobody() -> None:
    """From root to nobody, in a user namespace without a single id: no further one can be made in it."""
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    check(libc.unshare(CLONE_NEWUSER), "unshare of the user namespace")


def write_file(path: str, text: str) -> None:
    """Write a file of /proc in one piece."""
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def bind(descriptor: int, target: str, *, is_device: bool) -> None:
    """What the descriptor stands for, read-only at `target`."""
    source = f"/proc/self/fd/{descriptor}"
    is_folder = os.path.isdir(source)
    os.makedirs(target if is_folder else os.path.dirname(target), exist_ok=True)
    if not is_folder:
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
    mount(source, target, None, MS_BIND | MS_REC)
    attributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | (0 if is_device else MOUNT_ATTR_NODEV)
    protect(target, attributes, whole=True)
    os.close(descriptor)


def build_root(paths: Sequence[str], links: Sequence[tuple[str, str]], folder_bytes: int) -> None:
    """A new root: `paths` read-only at their own places, symbolic links, and an empty `/tmp`."""
    # Descriptors, since the new root hides what is in /tmp.
    sources = {path: os.open(path, os.O_PATH) for path in paths}
    base = "/tmp"
    mount(None, "/", None, MS_REC | MS_PRIVATE)
    mount("tmpfs", base, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=0755")
    for path, descriptor in sources.items():
        bind(descriptor, base + path, is_device=path.startswith("/dev/"))
    for path, target in links:
        os.symlink(target, base + path)
    os.mkdir(base + "/tmp")
    mount("tmpfs", base + "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, f"size={folder_bytes},mode=1777")
    os.chdir(base)
    number = SYS_PIVOT_ROOT.get(os.uname().machine)
    if number is None:
        raise OSError(f"no number of pivot_root is known for {os.uname().machine}")
    check(libc.syscall(ctypes.c_long(number), b".", b"."), "pivot_root")
    check(libc.umount2(b".", MNT_DETACH), "umount of the old root")
    protect("/", MOUNT_ATTR_RDONLY, whole=False)
    os.chdir("/tmp")


def drop_capabilities() -> None:
    """Nothing that this user namespace allows is left, and nothing can be gained by exec."""
    capability = 0
    while libc.prctl(PR_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0) == 0:
        capability += 1
    prctl(PR_SET_NO_NEW_PRIVS, 1, "no_new_privs")
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    check(libc.capset(header, (ctypes.c_uint32 * 6)()), "capset")


def confine(paths: Sequence[str], links: Sequence[tuple[str, str]], folder_bytes: int) -> None:
    """Returns in the first process of the new pid namespace, shut in; its parent waits for its end."""
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL, "pdeathsig")
    is_root = enter_namespaces()
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        os._exit(min(abs(os.waitstatus_to_exitcode(status)), 255))
    build_root(paths, links, folder_bytes)
    if is_root:
        become_nobody()
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL, "pdeathsig")  # a change of user clears it
    drop_capabilities()


def main() -> None:
    """Shut in, then run the runner's text in this process."""
    runner, mounts, folder_bytes = sys.argv[1:4]
    try:
        # Our own parent wrote this text.
        paths, links = eval(mounts)  # noqa: S307
        confine(paths, links, int(folder_bytes))
    except OSError as error:
        os.write(2, f"namespaces: {error.strerror or error}\n".encode())
        os._exit(SETUP_FAILED)
    exec(compile(runner, "<runner>", "exec"), {"__name__": "__main__"})  # noqa: S102


if __name__ == "__main__":
    main()
