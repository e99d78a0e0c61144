"""The graders that come with the package."""

from __future__ import annotations

from pytest_ftgate.grading.choice import Choice
from pytest_ftgate.grading.containment import Contains, StartsWith
from pytest_ftgate.grading.equality import Equals
from pytest_ftgate.grading.extra_text import NoExtraText
from pytest_ftgate.grading.json_documents import ContainsJson, IsJson
from pytest_ftgate.grading.json_fields import JsonFields
from pytest_ftgate.grading.label_grader import Label
from pytest_ftgate.grading.length import MaxLength
from pytest_ftgate.grading.numeric import Numeric
from pytest_ftgate.grading.python_function import Python
from pytest_ftgate.grading.refusal import IsRefusal
from pytest_ftgate.grading.regex_match import Regex
from pytest_ftgate.grading.tool_grader import ToolCallGrader
from pytest_ftgate.model.protocols import Grader
from pytest_ftgate.registry import Registry


def register(registry: Registry[Grader]) -> None:
    """Add all built-in graders. `not-NAME` needs no entry: every grader can be negated."""
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
        "is-refusal": IsRefusal(),
        "no-extra-text": NoExtraText(),
        "max-length": MaxLength(),
        "python": Python(),
    }
    for name, grader in graders.items():
        registry.register(name, grader)
