"""Option `transform` of every grader: what is done to the answer's text before that grader reads it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pytest_ftgate.grading.grades import GraderError, show
from pytest_ftgate.grading.parsed import TextOutput
from pytest_ftgate.grading.strict_json import parse_strict
from pytest_ftgate.model.evalset import GraderSpec

_OPENING = re.compile(r"(`{3,}|~{3,})[^\n`~]*\n")
_AROUND = ("fenced", "prose_before", "prose_after")
_THOUGHT = re.compile(r"<(/?)(?:think|thinking|reasoning)>", re.IGNORECASE)


def transform_output(parsed: TextOutput, spec: GraderSpec, functions: Callable[[str], Any]) -> TextOutput:
    """The output as the grader of `spec` reads it, its transforms applied in order.

    Raises GraderError where a registered function raises or gives no text.
    """
    for name in list_transforms(spec):
        if name == "extract_json":
            text = _extract_json(parsed)
        else:
            built_in = _BUILT_IN.get(name)
            text = built_in(parsed.text) if built_in is not None else _call(name, functions, parsed.text)
        parsed = parsed.derive(text)
    return parsed


def list_transforms(spec: GraderSpec) -> Sequence[str]:
    """The names in the option `transform`, in order."""
    names: str | Sequence[str] = spec.options.get("transform", ())
    return (names,) if isinstance(names, str) else names


def _call(name: str, functions: Callable[[str], Any], text: str) -> str:
    try:
        result = functions(name)(text)
    except Exception as error:
        raise GraderError(f"transform {name} raised {type(error).__name__}: {error}") from error
    if not isinstance(result, str):
        raise GraderError(f"transform {name} returned {show(result)}; it must return a text")
    return result


def _strip_fence(text: str) -> str:
    """What is inside the code fence, where one fenced block is all of the answer."""
    stripped = text.strip()
    opening = _OPENING.match(stripped)
    if opening is None or not stripped.endswith(opening.group(1)) or len(stripped) <= opening.end():
        return text
    inner = stripped[opening.end() :].rstrip(opening.group(1)[0])
    return text if opening.group(1) in inner else inner.rstrip()


def _strip_think(text: str) -> str:
    """Without any block of reasoning; one that never closes is left as it is."""
    kept, position, opened = [], 0, None
    for tag in _THOUGHT.finditer(text):
        if not tag.group(1):
            opened = tag.start() if opened is None else opened
        elif opened is not None:
            kept.append(text[position:opened])
            position, opened = tag.end(), None
    rest = text[position:]
    return "".join([*kept, rest.lstrip() if kept else rest])


def _extract_json(output: TextOutput) -> str:
    """The JSON document in the text, where nothing but a fence or prose stands around it; else the text.

    Of a tolerant output (arm `repair`) it is what the tolerant parser recovers, written anew.
    """
    if output.strict.is_valid or not output.diagnosis.has_value:
        return output.text
    found = output.diagnosis
    document = output.text[found.start : found.end]
    is_around = all(kind in _AROUND for kind in found.kinds)
    if is_around and parse_strict(document).is_valid:
        return document
    # A fence around all of the text: its inside is strict JSON.
    is_whole = found.kinds == ("fenced",) and found.end - found.start == len(output.text)
    if output.tolerant or is_whole:
        return json.dumps(found.value, ensure_ascii=False)
    return output.text


_BUILT_IN: Mapping[str, Callable[[str], str]] = {
    "strip_fence": _strip_fence,
    "strip_think": _strip_think,
    "lower": str.lower,
    "strip": str.strip,
}
