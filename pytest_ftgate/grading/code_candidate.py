"""Loads the answer and runs its tests: the child of the supervisor (code_runner), which execs this text.

Never imported. What it needs of builtins and modules it takes before the answer runs.
"""
# ruff: noqa: PTH100, PTH109
# (pathlib would cost a third of the start)

from __future__ import annotations

import builtins
import contextlib
import errno
import marshal
import os
import resource
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing would cost as much
    from collections.abc import Mapping, Sequence
    from typing import Any, NoReturn, TypeAlias

    Result: TypeAlias = tuple[str, str, str]  # kind, name of an exception, sentence

FOLDER = os.getcwd()
ANSWER, TESTS, PREFIX = "<answer>", "<tests>", "<prefix>"
ONLY_AST = 0x400
MAX_TEXT = 400
TOKEN_BYTES = 16
RESERVE = 16 << 20
"""Memory that is kept for saying that there was none left."""
FIELD, END = "\x1f", "\x1e"
_NETWORK = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.ECONNREFUSED, errno.ENETDOWN}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def parse(text: str, name: str) -> tuple[Any, str | None]:
    """The syntax tree and None, or None and what is wrong."""
    try:
        return compile(text, name, "exec", ONLY_AST, True), None
    except SyntaxError as error:
        return None, f"{error.msg} (line {error.lineno})"
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        return None, f"{type(error).__name__}: {error}"


def defined_names(tree: Any) -> list[str]:
    """Names that the module's own statements define."""
    names = []
    for node in tree.body:
        kind = type(node).__name__
        if kind in ("FunctionDef", "AsyncFunctionDef", "ClassDef"):
            names.append(node.name)
        elif kind in ("Assign", "AnnAssign"):
            targets = node.targets if kind == "Assign" else [node.target]
            names += [target.id for target in targets if hasattr(target, "id")]
        elif kind in ("Import", "ImportFrom"):
            names += [alias.asname or alias.name for alias in node.names]
    return names


def join(*parts: str) -> bytes:
    """The parts of a result as one line, each cut."""
    plain = (part[:MAX_TEXT].replace(FIELD, " ").replace(END, " ") for part in parts)
    return FIELD.join(plain).encode("utf-8", "replace")


def unpack(descriptor: int) -> Any:
    """The next value of a pipe."""
    wanted, data = int.from_bytes(os.read(descriptor, 8), "big"), b""
    while len(data) < wanted:
        piece = os.read(descriptor, wanted - len(data))
        if not piece:
            os._exit(1)
        data += piece
    return marshal.loads(data)  # noqa: S302 - the supervisor wrote it


def be_candidate(down: tuple[int, int], up: tuple[int, int]) -> NoReturn:
    """Load the answer, then run the tests; never returns."""
    end, own, getpid, write, stream = os._exit, os.getpid(), os.getpid, os.write, sys.stdout
    suppress = contextlib.suppress
    os.close(down[1])
    os.close(up[0])
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(2, 1)
    sys.argv = ["answer"]
    job = unpack(down[0])
    token, status = b"\0" * TOKEN_BYTES, 1
    attempts: list[str] = []
    try:
        limit(job["limits"])
        watch(attempts)
        known = dict(vars(builtins))
        names, problem = load(job)
        if getpid() != own:
            end(1)
        if problem is None:
            restore(known)
            write(up[1], b"L")
            tests, entry_point = unpack(down[0])
            run_tests(names, tests, entry_point, job["entry_point"])
            # Only now: while its code runs, no frame of this process holds the token.
            write(up[1], b"T")
            token = unpack(down[0])
        status = 0
    except BaseException as error:  # noqa: BLE001 - whatever the code raises is the result
        problem = describe_in_need(error, attempts)
    if getpid() != own:
        end(1)
    with suppress(BaseException):  # the stream is the candidate's to break
        stream.flush()
    kind, name, text = problem or ("passed", "", "")
    write(up[1], b"R" + token + join(kind, name, text))
    end(status)


def limit(limits: Mapping[str, int]) -> None:
    """Limits of the kernel on this process and its children."""
    for name, value in limits.items():
        number = getattr(resource, name, None)
        if number is None:
            continue
        _, hard = resource.getrlimit(number)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        reserve = RESERVE if name == "RLIMIT_AS" else 0
        with contextlib.suppress(ValueError, OSError):  # macOS, where nothing is confined, refuses some
            resource.setrlimit(number, (max(value - reserve, 0), value))


def watch(attempts: list[str]) -> None:
    """Note what is tried, to name the failure; nothing is forbidden here."""

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if event.startswith("socket."):
            attempts.append("network")
        elif event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING:
            attempts.append(arguments[0])
        del attempts[:-8]

    sys.addaudithook(note)


def restore(known: Mapping[str, Any]) -> None:
    """Builtins as they were, and no trace function: the tests must mean what they say."""
    current = vars(builtins)
    current.clear()
    current.update(known)
    sys.settrace(None)
    sys.setprofile(None)


def load(job: Mapping[str, Any]) -> tuple[dict[str, Any], Result | None]:
    """The names of the answer after it ran, and what is wrong where it could not."""
    module = type(sys)("answer")
    sys.modules["answer"] = module
    names = vars(module)
    prefix, entry_point = job["prefix"], job["entry_point"]
    text, is_whole, problem = choose_text(job["texts"], prefix, entry_point)
    if text is None:
        return names, ("syntax", "", problem)
    if is_whole and prefix:
        load_prefix(prefix, names, entry_point)
    exec(compile(text, ANSWER, "exec", 0, True), names)  # noqa: S102 - this is what the sandbox is for
    if entry_point and entry_point not in names:
        return names, ("no_entry_point", "", f"the answer does not define {entry_point}")
    return names, None


def load_prefix(prefix: str, names: dict[str, Any], entry_point: str) -> None:
    """Imports and helpers that stand in the prompt; a prompt in prose has none."""
    tree, _ = parse(prefix + "\n", PREFIX)
    kinds = {type(node).__name__ for node in tree.body} if tree else set()
    if kinds & {"FunctionDef", "ClassDef", "Import", "ImportFrom"}:
        with contextlib.suppress(Exception):  # then the answer must do without it
            exec(compile(prefix + "\n", PREFIX, "exec", 0, True), names)  # noqa: S102
        names.pop(entry_point, None)


def choose_text(texts: Sequence[str], prefix: str, entry_point: str) -> tuple[str | None, bool, str]:
    """The code (None where there is none), whether it stands by itself, and what is wrong.

    First an answer that defines the entry point, then one that completes the prefix, then any code at all.
    """
    first, problem = None, None
    for text in texts:
        tree, found = parse(text, ANSWER)
        problem = problem or found
        if tree is not None and tree.body:
            if not entry_point or entry_point in defined_names(tree):
                return text, True, ""
            first = first or text
    for text in texts if prefix else ():
        completed = prefix + text
        tree, _ = parse(completed, ANSWER)
        if tree is not None and (not entry_point or entry_point in defined_names(tree)):
            return completed, False, ""
    return first, True, problem or "there is no statement in it"


def run_tests(names: dict[str, Any], tests: str, check_name: str | None, entry_point: str) -> None:
    """Run the tests; an exception says what went wrong."""
    if entry_point:
        # Else an answer's own `abs` or `len` would be what the tests measure with.
        kept = names[entry_point]
        names = {name: value for name, value in names.items() if not hasattr(builtins, name)}
        names[entry_point] = kept
    names["__builtins__"] = builtins
    names["__name__"] = "tests"
    exec(compile(tests, TESTS, "exec", 0, True), names)  # noqa: S102
    if check_name:
        names["check"](names[check_name])


def describe_in_need(error: BaseException, attempts: list[str]) -> Result:
    """The same as `describe`, with the memory that was kept back."""
    try:
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
        return describe(error, attempts)
    except MemoryError:
        return "memory", "", "MemoryError"


def describe(error: BaseException, attempts: list[str]) -> Result:
    """(kind, name, text) of an exception."""
    kind, name = type(error), type(error).__name__
    try:
        text = f"{name}: {error}"
    except BaseException:  # noqa: BLE001 - an exception of the candidate's own
        text = name
    place, line = find_place(error)
    text += f" ({place} line {line})" if place else ""
    if issubclass(kind, AssertionError) and place == "tests":
        return "assertion", "", text
    chain = find_chain(error)
    if any(isinstance(entry, MemoryError) or number(entry) == errno.ENOMEM for entry in chain):
        return "memory", "", text
    if number(error) == errno.EAGAIN or text.startswith("RuntimeError: can't start new thread"):
        return "processes", "", text
    if any(number(entry) == errno.EROFS or is_refused_write(entry, attempts) for entry in chain):
        return "forbidden_write", "", text
    if "network" in attempts and any(is_network(entry) for entry in chain):
        return "network", "", text
    return "exception", name, text


def number(error: BaseException) -> int | None:
    """The errno of an OSError, else None."""
    return error.errno if isinstance(error, OSError) else None


def is_refused_write(error: BaseException, attempts: list[str]) -> bool:
    """Whether a file outside the folder was to be written, and could not be."""
    path = error.filename if isinstance(error, OSError) else None
    if not isinstance(path, str) or path not in attempts:
        return False
    return not os.path.abspath(path).startswith(FOLDER + os.sep)


def is_network(error: BaseException) -> bool:
    """Whether a network was looked for that is not there."""
    return number(error) in _NETWORK or type(error).__name__ in ("gaierror", "URLError")


def find_chain(error: BaseException | None) -> list[BaseException]:
    """The exception and those it came from, at most 8."""
    chain: list[BaseException] = []
    while isinstance(error, BaseException) and len(chain) < 8:
        chain.append(error)
        error = error.__cause__ or error.__context__
    return chain


def find_place(error: BaseException) -> tuple[str, int]:
    """Where it was raised: ("tests" or "answer", line), ("", 0) where neither was on the stack."""
    place, trace, left = ("", 0), error.__traceback__, 100_000
    while trace is not None and left:
        name = trace.tb_frame.f_code.co_filename
        if name in (ANSWER, TESTS):
            place = (name.strip("<>"), trace.tb_lineno)
        trace, left = trace.tb_next, left - 1
    return place
