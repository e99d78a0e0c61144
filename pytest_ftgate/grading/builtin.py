"""The graders that come with the package."""

from __future__ import annotations

from pytest_ftgate.grading.budgets import Budget
from pytest_ftgate.grading.choice import Choice
from pytest_ftgate.grading.citations import Citations
from pytest_ftgate.grading.code_grader import Code
from pytest_ftgate.grading.containment import Contains, StartsWith
from pytest_ftgate.grading.equality import Equals
from pytest_ftgate.grading.extra_text import NoExtraText
from pytest_ftgate.grading.instructions import Instructions
from pytest_ftgate.grading.json_documents import ContainsJson, IsJson
from pytest_ftgate.grading.json_fields import JsonFields
from pytest_ftgate.grading.label_grader import Label
from pytest_ftgate.grading.length import MaxLength
from pytest_ftgate.grading.llm_rubric import LlmRubric
from pytest_ftgate.grading.numeric import Numeric
from pytest_ftgate.grading.python_function import Python
from pytest_ftgate.grading.refusal import IsRefusal
from pytest_ftgate.grading.regex_match import Regex
from pytest_ftgate.grading.similar import Similar
from pytest_ftgate.grading.terms import Terms
from pytest_ftgate.grading.text_metrics import Levenshtein, RougeN
from pytest_ftgate.grading.tool_grader import ToolCallGrader
from pytest_ftgate.grading.tool_names import ToolCallF1
from pytest_ftgate.grading.tool_validity import ValidCalls
from pytest_ftgate.model.protocols import Grader
from pytest_ftgate.registry import Registry


def register(registry: Registry[Grader], *, code_unsafe: bool = False) -> None:
    """Add all built-in graders. `not-NAME` needs no entry: every grader can be negated.

    `code_unsafe`: `code` may run answers' code unconfined where no sandbox works.
    """
    graders: dict[str, Grader] = {
        "equals": Equals(),
        "contains": Contains(),
        "icontains": Contains(ignore_case=True),
        "contains-any": Contains("any"),
        "contains-all": Contains("all"),
        "icontains-any": Contains("any", ignore_case=True),
        "icontains-all": Contains("all", ignore_case=True),
        "starts-with": StartsWith(),
        "regex": Regex(),
        "is-json": IsJson(),
        "contains-json": ContainsJson(),
        "json-fields": JsonFields(),
        "label": Label(),
        "numeric": Numeric(),
        "choice": Choice(),
        "tool-call": ToolCallGrader(),
        "tool-call-f1": ToolCallF1(),
        "is-valid-openai-tools-call": ValidCalls(),
        "is-valid-function-call": ValidCalls(single=True),
        "levenshtein": Levenshtein(),
        "rouge-n": RougeN(),
        "terms": Terms(),
        "latency": Budget("latency"),
        "cost": Budget("cost"),
        "is-refusal": IsRefusal(),
        "no-extra-text": NoExtraText(),
        "max-length": MaxLength(),
        "python": Python(),
        "instructions": Instructions(),
        "llm-rubric": LlmRubric(),
        "similar": Similar(),
        "citations": Citations(),
        "code": Code(is_unsafe_allowed=code_unsafe),
    }
    for name, grader in graders.items():
        registry.register(name, grader)
