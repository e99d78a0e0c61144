"""Grader `python`: a function that the project registered by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from pytest_ftgate.grading.grades import GraderError, fail_grade, pass_grade, show
from pytest_ftgate.grading.signatures import clean
from pytest_ftgate.model.evalset import GraderSpec, Json
from pytest_ftgate.model.grade import KINDS, Grade, kind_of
from pytest_ftgate.model.protocols import GradeContext

_OFFERED = "output, expected, case, response, ctx"


class Python:
    """Calls a registered function with those of `output`, `expected`, `case`, `response`, `ctx` it names.

    It returns a bool, a score (passed from `threshold` up, default 0.5), a Grade, or a mapping with `pass`
    and / or `score`, and optionally `reason` and `signature`. An exception is an error of the grader.
    """

    is_format = False
    needs_expected = False
    options: Mapping[str, Json] = {"threshold": {"type": "number"}, "function": {"type": "string"}}
    value: Mapping[str, Json] = {"type": "string"}
    reads_expected = None

    def grade(self, ctx: GradeContext) -> Grade:
        name = ctx.spec.value if ctx.spec.has_value else ctx.spec.options.get("function")
        if not isinstance(name, str):
            raise GraderError("needs the name of a registered function")
        function = ctx.functions(name)
        try:
            result = function(**_choose_arguments(function, ctx))
        except (KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except BaseException as error:
            # A test framework's own outcomes (pytest.fail) are no Exception; here they are a crash like any.
            raise GraderError(f"{name} raised {type(error).__name__}: {error}") from error
        return _read_result(ctx, name, result)

    def problems(self, spec: GraderSpec) -> tuple[str, ...]:
        is_named = isinstance(spec.value, str) or isinstance(spec.options.get("function"), str)
        return () if is_named else ("needs the name of a registered function",)


def _choose_arguments(function: Callable[..., Any], ctx: GradeContext) -> dict[str, Any]:
    offered = {
        "output": ctx.parsed.text,
        "expected": ctx.case.expected,
        "case": ctx.case,
        "response": ctx.response,
        "ctx": ctx,
    }
    parameters = inspect.signature(function).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return offered
    names = [parameter.name for parameter in parameters]
    unknown = [p.name for p in parameters if p.name not in offered and p.default is p.empty]
    if unknown:
        raise GraderError(f"its parameter {unknown[0]!r} is not on offer; a grader may take {_OFFERED}")
    return {name: offered[name] for name in names if name in offered}


def _read_result(ctx: GradeContext, name: str, result: Any) -> Grade:
    if isinstance(result, Grade):
        return result
    threshold = float(ctx.spec.options.get("threshold", 0.5))
    reason, signature = "", "value:text"
    if isinstance(result, Mapping):
        reason = str(result.get("reason", ""))
        signature = clean(str(result.get("signature") or signature), 160)
        if kind_of(signature) not in KINDS:
            raise GraderError(
                f"{name} gave the signature {signature!r}; its kind must be one of {', '.join(KINDS)}"
            )
        result = result.get("pass", result.get("score"))
    if isinstance(result, bool):
        is_passed = result
    elif isinstance(result, int | float) and result == result:
        is_passed = result >= threshold
        reason = reason or f"score {result:g}, threshold {threshold:g}"
    else:
        raise GraderError(
            f"{name} returned {show(result)}; it must return a bool, a score, a mapping or a Grade"
        )
    return pass_grade(ctx, reason) if is_passed else fail_grade(ctx, signature, reason or f"{name} says no")
