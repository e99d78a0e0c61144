"""The lenient reading: which `format:` kinds keep a text from being one JSON document, and its value.

Where several hold, the one that has to be mended first is the primary kind (`ORDER`): what stands
around the document (a fence, prose), then what cuts it, then how it is written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pytest_ftgate.grading.limits import MAX_RELAXED_CHARS, MAX_REPAIR_CHARS
from pytest_ftgate.grading.relaxed_json import Relaxed, read_relaxed
from pytest_ftgate.grading.strict_json import StrictJson, is_too_deep, parse_strict
from pytest_ftgate.model.evalset import Json

ORDER = (
    "schema_echo",
    "too_large",
    "too_deep",
    "two_documents",
    "fenced",
    "prose_before",
    "prose_after",
    "unclosed",
    "python_literal",
    "nan",
    "single_quotes",
    "unquoted_key",
    "trailing_comma",
    "not_json",
)

_START = re.compile(
    r"""\{(?=\s*(?:["'\u201c}]|[A-Za-z_$][\w$-]*\s*:|\Z))
    |\[(?=\s*(?:[\[{"'\u201c\](0-9]|-[0-9]|(?:true|false|null|True|False|None|NaN)\b|\Z))""",
    re.VERBOSE,
)
_FENCE_BEFORE = re.compile(r"(?:`+|~~~+)[ \t]*[A-Za-z0-9_+-]{0,20}\s*\Z")
_FENCE_AFTER = re.compile(r"\s*(?:`+|~~~+)")
_CITATION = re.compile(r"\[\s*\d{1,4}(?:\s*,\s*\d{1,4})*\s*\]")
_SCALARS: dict[str, tuple[str, Json]] = {
    "True": ("python_literal", True),
    "False": ("python_literal", False),
    "None": ("python_literal", None),
    "NaN": ("nan", None),
    "Infinity": ("nan", None),
    "-Infinity": ("nan", None),
}
_OPEN_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+', re.DOTALL)
_MAX_DOCUMENTS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """`kinds`: bare names of `format:` kinds, primary first; empty for strict JSON.

    `positions`: offset in the text where each kind shows first (a few kinds have no place).
    `start`, `end`: where the document stands in the text. `value` counts where `has_value`.
    `is_cut`: nothing is wrong but that the text ends in the middle of the document.
    """

    kinds: tuple[str, ...]
    value: Json = None
    has_value: bool = False
    start: int = 0
    end: int = 0
    positions: Mapping[str, int] = field(default_factory=dict)
    is_cut: bool = False

    @property
    def signatures(self) -> tuple[str, ...]:
        return tuple(f"format:{kind}" for kind in self.kinds)


def diagnose(text: str, strict: StrictJson) -> Diagnosis:
    """What is wrong with `text` as JSON, and the value a tolerant parser recovers. Never raises."""
    if strict.is_valid:
        return Diagnosis(kinds=(), value=strict.value, has_value=True, end=len(text))
    if strict.problem == "too_large" or len(text) > MAX_RELAXED_CHARS:
        return Diagnosis(kinds=("too_large",))
    first = len(text) - len(text.lstrip())
    fenced = _read_fenced(text.strip())
    if fenced is not None:
        return _diagnose_whole(text, {"fenced": first}, fenced.value)
    documents = _find_documents(text)
    if not documents:
        return _diagnose_scalar(text, first, strict)
    main = next((document for document in documents if document.is_clean), documents[0])
    if main.is_too_deep:
        is_cut = text.count("[") + text.count("{") > text.count("]") + text.count("}")
        kind, position = ("unclosed", main.start) if is_cut else ("too_deep", strict.position or main.start)
        return Diagnosis(kinds=(kind,), positions={kind: position})
    return _diagnose_document(text, main, documents, strict)


def _diagnose_whole(text: str, positions: Mapping[str, int], value: Json) -> Diagnosis:
    """A value that is all of the text."""
    return Diagnosis(kinds=_sort(positions), value=value, has_value=True, end=len(text), positions=positions)


def _sort(kinds: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(kinds, key=ORDER.index))


def _read_fenced(stripped: str) -> StrictJson | None:
    """The strict JSON that is all of a fenced block, or None."""
    if not stripped.startswith(("`", "~~~")):
        return None
    inner = _FENCE_AFTER.sub("", stripped, count=1).rstrip("`~ \r\n\t")
    for content in (inner, inner.partition("\n")[2]):
        strict = parse_strict(content)
        if strict.is_valid:
            return strict
    return None


def _find_documents(text: str) -> list[Relaxed]:
    found: list[Relaxed] = []
    position = len(text) - len(text.lstrip())
    forced = position if text[position : position + 1] == "{" else None
    while len(found) < _MAX_DOCUMENTS:
        start = forced
        if start is None:
            match = _START.search(text, position)
            if match is None:
                break
            start = match.start()
        forced = None
        document = read_relaxed(text, start)
        found.append(document)
        position = document.end
    real = [document for document in found if not _CITATION.fullmatch(text, document.start, document.end)]
    return real or found


def _diagnose_document(text: str, main: Relaxed, documents: list[Relaxed], strict: StrictJson) -> Diagnosis:
    found = dict(main.defects)
    before, after = text[: main.start], text[main.end :]
    fence = _FENCE_BEFORE.search(before[-200:])
    if fence is not None:
        opened = len(before) - (min(len(before), 200) - fence.start())
        found["fenced"] = opened
        before = before[:opened]
        closing = _FENCE_AFTER.match(after)
        after = after[closing.end() :] if closing else after
    if before.strip():
        found["prose_before"] = len(before) - len(before.lstrip())
    second = next((other for other in documents if _is_second(text, main, other)), None)
    if second is not None:
        found["two_documents"] = second.start
    elif after.strip():
        found["prose_after"] = len(text) - len(after.lstrip())
    value, has_value = _recover(text, main)
    if not found or (not main.is_clean and not main.defects):
        found["not_json"] = main.start if strict.position is None else strict.position
    kinds = _sort(found)
    return Diagnosis(
        kinds=kinds,
        value=value,
        has_value=has_value,
        start=main.start,
        end=main.end,
        positions=found,
        is_cut=main.is_cut and kinds == ("unclosed",),
    )


def _is_second(text: str, main: Relaxed, other: Relaxed) -> bool:
    """Whether `other` is a further document, not a bracket in the prose that follows."""
    if other.start <= main.start:
        return False
    if not text[main.end : other.start].strip(" \t\r\n,;`"):
        return True
    is_object = text[main.start] == text[other.start] == "{"
    return is_object and other.is_clean and not other.defects and other.end - other.start > 2


def _recover(text: str, document: Relaxed) -> tuple[Json, bool]:
    if document.is_clean:
        try:
            return json.loads(document.rewritten, strict=False), True
        except (ValueError, RecursionError):
            pass
    broken = text[document.start : document.end]
    if len(broken) > MAX_REPAIR_CHARS or document.is_too_deep:
        return None, False
    return _repair(broken)


def _repair(broken: str) -> tuple[Json, bool]:
    """What json-repair makes of a text that starts with a bracket; an empty guess is no recovery."""
    import json_repair

    try:
        value: Json = json_repair.loads(broken)
        is_deep = is_too_deep(json.dumps(value))
    except Exception:  # noqa: BLE001 - a repair by guessing may fail in any way on hostile text
        return None, False
    has_value = isinstance(value, dict | list) and bool(value) and not is_deep
    return (value, True) if has_value else (None, False)


def _diagnose_scalar(text: str, first: int, strict: StrictJson) -> Diagnosis:
    """Texts without an object or array: a bare or fenced string, number or literal, or no JSON at all."""
    stripped = text.strip()
    if stripped in _SCALARS:
        kind, value = _SCALARS[stripped]
        return _diagnose_whole(text, {kind: first}, value)
    if len(stripped) > 1 and stripped[0] == stripped[-1] == "'" and "'" not in stripped[1:-1]:
        return _diagnose_whole(text, {"single_quotes": first}, stripped[1:-1])
    if _OPEN_STRING.fullmatch(stripped):
        return _diagnose_whole(text, {"unclosed": first}, stripped[1:])
    if stripped.startswith("("):
        document = read_relaxed(stripped, 0)
        if document.end == len(stripped) and document.is_clean:
            value, has_value = _recover(stripped, document)
            positions = {kind: first + position for kind, position in document.defects.items()}
            return Diagnosis(
                kinds=_sort(positions),
                value=value,
                has_value=has_value,
                end=len(text),
                positions=positions,
            )
    position = first if strict.position is None else strict.position
    return Diagnosis(kinds=("not_json",), positions={"not_json": position})
