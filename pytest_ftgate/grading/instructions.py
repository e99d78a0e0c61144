"""Grader `instructions`: the answer follows what it was told, by rules that a program can verify."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from importlib.util import find_spec

from pytest_ftgate.grading.grades import GraderError, Problem, fail_grade, judge_problems, pass_grade, show
from pytest_ftgate.grading.instruction_table import INSTRUCTIONS, READ_LANGUAGE, Wanted, read_instructions
from pytest_ftgate.grading.language import MISSING_LANGDETECT
from pytest_ftgate.grading.limits import MAX_OUTPUT_CHARS
from pytest_ftgate.model.evalset import Case, GraderSpec, Json
from pytest_ftgate.model.grade import Grade
from pytest_ftgate.model.protocols import GradeContext

_SHOWN_PROBLEMS = 5


def loosen(text: str) -> Iterator[str]:
    """The text as IFEval's loose rule reads it (Zhou et al. 2023, section 2.2).

    As it is, and without its first line, its last line, or both; each also without stars.
    """
    lines = text.split("\n")
    readings = [text, *("\n".join(part).strip() for part in (lines[1:], lines[:-1], lines[1:-1]))]
    seen: set[str] = set()
    for reading in (*readings, *(reading.replace("*", "") for reading in readings)):
        if reading not in seen:
            seen.add(reading)
            yield reading


class Instructions:
    """The answer follows every verifiable instruction of the case (IFEval, Zhou et al. 2023).

    The instructions are `expected` or the value: a list of `{id, kwargs}`. `mode`: `strict` (the default)
    reads the answer as it is; `loose` lets an instruction be followed by any of the benchmark's eight
    readings (without first line, last line, stars). A blank answer follows none, and fails the negated
    grader too. `Grade.fields` maps
    `/ID` to whether it was followed; the second of the same id is `/ID#2`.
    """

    is_format = False
    needs_expected = True
    options: Mapping[str, Json] = {"mode": {"enum": ["strict", "loose"]}}
    value: Mapping[str, Json] = {
        "type": ["array", "object"],
        "minItems": 1,
        "items": {
            "type": "object",
            "required": ["id"],
            "additionalProperties": False,
            "properties": {
                "id": {"enum": list(INSTRUCTIONS)},
                "kwargs": {"type": ["object", "null"]},
            },
        },
        "required": ["instruction_id_list", "kwargs"],
        "additionalProperties": False,
        "properties": {
            "instruction_id_list": {"type": "array", "items": {"enum": list(INSTRUCTIONS)}},
            "kwargs": {"type": "array", "items": {"type": ["object", "null"]}},
        },
    }
    # No answer can be derived from rules about one.
    reads_expected = None

    def grade(self, ctx: GradeContext) -> Grade:
        wanted, problems = read_instructions(ctx.expected)
        if problems:
            raise GraderError("; ".join(problems[:_SHOWN_PROBLEMS]))
        text = ctx.parsed.text
        if len(text) > MAX_OUTPUT_CHARS:
            reason = f"{len(text)} characters; instructions are checked on at most {MAX_OUTPUT_CHARS}"
            return fail_grade(ctx, "format:too_large", reason)
        readings = list(loosen(text)) if ctx.spec.options.get("mode") == "loose" else [text]
        followed = [any(map(entry.is_followed, readings)) for entry in wanted]
        broken = [entry for entry, is_followed in zip(wanted, followed, strict=True) if not is_followed]
        fields = dict(zip(_name_fields(wanted), followed, strict=True))
        if ctx.parsed.is_blank and ctx.spec.negated:
            # Which is not what "not followed" asks for.
            return pass_grade(ctx, "the answer is empty", fields=fields)
        return judge_problems(ctx, [_describe(entry) for entry in broken], fields=fields)

    def problems(self, spec: GraderSpec) -> tuple[str, ...]:
        """What is wrong with instructions given as the value; templates are checked once rendered."""
        if not spec.has_value or _has_template(spec.value):
            return ()
        return _find_problems(spec.value)

    def case_problems(self, spec: GraderSpec, case: Case) -> tuple[str, ...]:
        """What is wrong with the instructions in `expected`."""
        return () if spec.has_value or not case.has_expected else _find_problems(case.expected)

    def expected_holds(self, _: GraderSpec) -> str:
        return "instructions"


def _find_problems(value: Json) -> tuple[str, ...]:
    wanted, problems = read_instructions(value)
    if any(entry.id in READ_LANGUAGE for entry in wanted) and find_spec("langdetect") is None:
        return (*problems, MISSING_LANGDETECT)
    return problems


def _describe(entry: Wanted) -> Problem:
    kwargs = ", ".join(f"{key} {show(value, 40)}" for key, value in entry.kwargs.items())
    told = f"{entry.id} ({kwargs})" if kwargs else entry.id
    return Problem(f"style:instruction:{entry.id.replace(':', '/')}", f"{told} is not followed")


def _name_fields(wanted: Iterable[Wanted]) -> Iterator[str]:
    seen: dict[str, int] = {}
    for entry in wanted:
        seen[entry.id] = seen.get(entry.id, 0) + 1
        yield f"/{entry.id}" if seen[entry.id] == 1 else f"/{entry.id}#{seen[entry.id]}"


def _has_template(value: Json) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_template, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_has_template, value))
    return isinstance(value, str) and ("{{" in value or "{%" in value)
