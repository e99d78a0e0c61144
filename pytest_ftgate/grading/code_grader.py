"""Grader `code`: runs the answer's Python code against tests, in a sandbox."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from typing import Any

from pytest_ftgate.grading.code_text import MAX_CODE_CHARS, find_code, looks_like_code
from pytest_ftgate.grading.grades import GraderError, fail_grade, judge_blank, pass_grade, show
from pytest_ftgate.grading.sandbox import NoSandboxError, Sandbox, find_sandbox, run_unconfined
from pytest_ftgate.grading.sandbox_run import CodeJob, CodeResult, run_code
from pytest_ftgate.grading.signatures import clean
from pytest_ftgate.model.evalset import Case, GraderSpec, Json
from pytest_ftgate.model.grade import Grade
from pytest_ftgate.model.protocols import GradeContext

DEFAULT_TIMEOUT_S = 10.0
MAX_TIMEOUT_S = 60
DEFAULT_MEMORY_MB = 512
_NAME = re.compile(r"[A-Za-z_]\w{0,59}")
_REASONS = {
    "assertion": "a test failed",
    "timeout": "it did not end in time",
    "memory": "it needed more memory than it may have",
    "processes": "it started more processes or threads than it may have",
    "forbidden_write": "it tried to write outside its folder",
    "network": "it looked for a network, and there is none",
    "crash": "the interpreter crashed",
    "exit": "it ended before the tests were done",
    "killed": "it ended the process that watches it",
    "no_entry_point": "the function asked for is not there",
}


class Code:
    """The answer's Python code passes the tests: asserts, or HumanEval's `check(candidate)`.

    Tests: the value, option `tests`, or `expected` (a text, or {test, entry_point}). The code is that of
    the answer's fenced blocks, else the whole answer; where it does not define `entry_point` it completes
    `prefix` (the case's input unless given). `entry_point` defaults to the last function in `prefix`.
    """

    is_format = False
    needs_expected = False
    options: Mapping[str, Json] = {
        "tests": {"type": "string"},
        "entry_point": {"type": "string"},
        "prefix": {"type": "string"},
        "timeout_s": {"type": "number", "exclusiveMinimum": 0, "maximum": MAX_TIMEOUT_S},
        "memory_mb": {"type": "integer", "minimum": 64, "maximum": 4096},
    }
    value: Mapping[str, Json] = {"type": "string"}
    reads_expected = None

    def __init__(
        self, *, is_unsafe_allowed: bool = False, find: Callable[[], Sandbox] = find_sandbox
    ) -> None:
        self.is_unsafe_allowed = is_unsafe_allowed
        self._find = find

    def grade(self, ctx: GradeContext) -> Grade:
        tests, entry_point = _read_tests(ctx.spec, ctx.expected if ctx.has_expected else None)
        if tests is None:
            return Grade(grader=ctx.spec.label, outcome="ungraded", reason="there are no tests for this case")
        text = ctx.parsed.text
        if len(text) > MAX_CODE_CHARS:
            return fail_grade(ctx, "format:too_large", f"{len(text)} characters; {MAX_CODE_CHARS} are run")
        texts = find_code(text)
        if ctx.parsed.is_blank:
            return judge_blank(ctx, "format:no_code")
        if not texts:
            return fail_grade(ctx, "format:no_code", f"no Python code in {show(text)}")
        options = ctx.spec.options
        job = CodeJob(
            texts=texts,
            tests=tests,
            entry_point=entry_point,
            prefix=_read_prefix(ctx),
            timeout_s=float(options.get("timeout_s", DEFAULT_TIMEOUT_S)),
            memory_mb=int(options.get("memory_mb", DEFAULT_MEMORY_MB)),
        )
        return _judge(ctx, run_code(self._choose_sandbox(), job), texts)

    def problems(self, spec: GraderSpec) -> tuple[str, ...]:
        """No sandbox, and tests that are no Python: told before a model is asked for answers."""
        found = []
        tests = spec.options.get("tests", spec.value)
        problem = _find_syntax_problem(tests) if isinstance(tests, str) else None
        if problem:
            found.append(problem)
        try:
            self._choose_sandbox()
        except NoSandboxError as error:
            found.append(str(error))
        return tuple(found)

    def case_problems(self, spec: GraderSpec, case: Case) -> tuple[str, ...]:
        """Tests in `expected` that cannot be run."""
        if spec.has_value or "tests" in spec.options or not case.has_expected:
            return ()
        try:
            tests, _ = _read_tests(spec, case.expected)
        except GraderError as error:
            return (str(error),)
        problem = _find_syntax_problem(tests) if tests is not None else None
        return (problem,) if problem else ()

    def expected_holds(self, spec: GraderSpec) -> str | None:
        return None if "tests" in spec.options else "tests"

    def _choose_sandbox(self) -> Sandbox:
        try:
            return self._find()
        except NoSandboxError:
            if self.is_unsafe_allowed:
                return run_unconfined()
            raise


def _find_syntax_problem(tests: str) -> str | None:
    try:
        compile(tests, "tests", "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as error:
        return f"the tests are no Python: {clean(str(error), 200)}"
    return None


def _read_tests(spec: GraderSpec, expected: Json) -> tuple[str | None, str]:
    """The tests (None where the case has none) and the entry point ("" where none is named)."""
    entry_point = spec.options.get("entry_point", "")
    given = spec.options.get("tests")
    source: Any = given if given is not None else expected
    if isinstance(source, Mapping):
        entry_point = entry_point or source.get("entry_point") or ""
        source = source.get("test", source.get("tests"))
        if source is None:
            raise GraderError("`expected` is a mapping without `test`; wanted {test: …, entry_point: …}")
    if source is not None and not isinstance(source, str):
        raise GraderError(f"takes tests as a text of Python, got {show(source)}")
    if not isinstance(entry_point, str) or (entry_point and not entry_point.isidentifier()):
        raise GraderError(f"`entry_point` must be the name of a function, got {show(entry_point)}")
    if source is not None and not source.strip():
        raise GraderError("the tests are empty: any code would pass")
    return source, entry_point


def _read_prefix(ctx: GradeContext) -> str:
    prefix = ctx.spec.options.get("prefix")
    if prefix is None:
        prefix = ctx.case.input
    return prefix if isinstance(prefix, str) else ""


def _judge(ctx: GradeContext, result: CodeResult, texts: tuple[str, ...]) -> Grade:
    said = clean(result.text, 300)
    if result.kind == "passed":
        return pass_grade(ctx)
    if result.kind == "broken":
        raise GraderError(said)
    if result.kind == "syntax":
        is_code = "`" in ctx.parsed.text or looks_like_code(texts[0])
        return fail_grade(
            ctx, "format:syntax_error" if is_code else "format:no_code", f"no Python code: {said}"
        )
    if result.kind == "exception":
        name = result.name if _NAME.fullmatch(result.name) else "Exception"
        return fail_grade(ctx, f"value:code:{name}", said)
    reason = _REASONS[result.kind]
    return fail_grade(ctx, f"value:code:{result.kind}", f"{reason}: {said}" if said else reason)
