"""Tests of promptfoo in a CSV: columns are vars, `__expected` columns are assertions in a short form."""

from __future__ import annotations

import csv
import io
import re

from pytest_ftgate.drafting.promptfoo_source import PromptfooSource
from pytest_ftgate.errors import SettingsError
from pytest_ftgate.model.evalset import Json

_SHORT = re.compile(r"(not-)?([a-z][a-z0-9-]*)(?:\((\d*\.?\d+)\))?(?::(.*))?", re.DOTALL)
_BARE = (
    "is-json",
    "contains-json",
    "is-refusal",
    "latency",
    "cost",
    "is-valid-openai-tools-call",
    "is-sql",
    "is-html",
    "is-xml",
)
_WITH_VALUE = (
    "equals", "contains", "icontains", "contains-any", "contains-all", "icontains-any", "icontains-all",
    "starts-with", "regex", "is-json", "contains-json", "levenshtein", "rouge-n", "similar", "llm-rubric",
    "factuality", "model-graded-closedqa", "g-eval", "javascript", "python", "webhook", "classifier", "bleu",
    "meteor", "answer-relevance", "moderation", "contains-sql", "contains-html", "contains-xml", "word-count",
)  # fmt: skip
_ALIASES = {"fn": "javascript", "eval": "javascript", "grade": "llm-rubric", "file": "javascript"}
_SPECIAL = "__"


def read_test_table(text: str, where: str, source: PromptfooSource) -> list[Json]:
    """Tests in promptfoo's long form, one of each row. Raises SettingsError."""
    tests: list[Json] = []
    try:
        rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        tests.extend(_read_row(_clean(row), where, source) for row in rows if any(row.values()))
    except csv.Error as error:
        raise SettingsError(f"{where}: not valid CSV: {error}") from None
    return tests


def _clean(row: dict[str, str | None]) -> dict[str, str]:
    return {str(column).strip(): cell or "" for column, cell in row.items()}


def _read_row(row: dict[str, str], where: str, source: PromptfooSource) -> dict[str, Json]:
    test: dict[str, Json] = {"vars": {}, "assert": [], "metadata": {}}
    for column, cell in row.items():
        if not column.startswith(_SPECIAL):
            test["vars"][column] = cell
        elif not cell:
            continue
        elif re.fullmatch(r"__expected\d*", column):
            test["assert"].append(parse_short(cell))
        elif column == "__description":
            test["description"] = cell
        elif column.startswith("__metadata:"):
            name = column.removeprefix("__metadata:").removesuffix("[]")
            test["metadata"][name] = (
                [part.strip() for part in cell.split(",")] if column.endswith("[]") else cell
            )
        elif column in ("__prefix", "__suffix"):
            test.setdefault("options", {})[column.removeprefix(_SPECIAL)] = cell
        elif column == "__threshold":
            test["threshold"] = float(cell) if re.fullmatch(r"\d*\.?\d+", cell) else cell
        elif column != "__metric":
            source.remark("no_equal", where, f"column {column}")
    return test


def parse_short(text: str) -> dict[str, Json]:
    """An assertion of a cell: `contains-any(…): a, b`; a text without a type is `equals`."""
    match = _SHORT.fullmatch(text.strip())
    kind = _ALIASES.get(match[2], match[2]) if match else ""
    is_typed = match is not None and (kind in _WITH_VALUE if match[4] is not None else kind in _BARE)
    if match is None or not is_typed:
        return {"type": "equals", "value": text}
    found: dict[str, Json] = {"type": (match[1] or "") + kind}
    if match[3] is not None:
        found["threshold"] = float(match[3])
    if match[4] is not None and match[4].strip():
        found["value"] = match[4].strip()
    return found
