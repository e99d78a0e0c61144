"""Graders and a prompt that fit a set of expected outputs, for the user to mend."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_ftgate.loading.json_text import JsonTextError, parse_json
from pytest_ftgate.model.evalset import Json

MAX_LABELS = 150
_LABEL_CHARS, _SHORT_CHARS = 60, 80
_NUMBER = re.compile(r"[-+]?\d[\d,]*(\.\d+)?")
_BRACE = re.compile(r"\{(?=[{%#])")
_LETTER = re.compile(r"[A-J]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """Graders, what the prompt must say of the answer's form ('' for nothing), and why these graders."""

    graders: tuple[Json, ...]
    form: str = ""
    why: str


def guess_graders(expected: Sequence[Json]) -> Guess:
    """What the expected outputs look like: letters, numbers, labels, JSON, short or long texts."""
    values = [_read(value) for value in expected if value not in (None, "")]
    texts = [value if isinstance(value, str) else "" for value in values]
    if values and all(isinstance(value, dict) for value in values):
        keys = list(dict.fromkeys(str(key) for value in values for key in value))
        form = f"Answer with one JSON object with the keys {', '.join(keys[:60])}."
        return Guess(
            graders=("is-json", "json-fields"), form=form, why="every expected output is a JSON object"
        )
    if any(not isinstance(value, str) for value in values):
        numeric = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
        return _numeric() if numeric else Guess(graders=("equals",), why="expected outputs are JSON values")
    if values and all(_LETTER.fullmatch(text) for text in texts):
        letters = "".join(sorted(set("ABCD").union(texts)))
        form = f"Answer with one letter of {', '.join(letters)}."
        return Guess(
            graders=({"choice": {"letters": letters}},), form=form, why="expected outputs are letters"
        )
    if values and all(_NUMBER.fullmatch(text.strip()) for text in texts):
        return _numeric()
    labels = list(dict.fromkeys(text.strip() for text in texts))
    is_taxonomy = len(labels) <= min(MAX_LABELS, len(values) // 2)
    if values and is_taxonomy and all(len(label) <= _LABEL_CHARS and "\n" not in label for label in labels):
        return Guess(
            graders=({"label": {"labels": [escape_template(label) for label in sorted(labels)]}},),
            form=f"Answer with one of these labels and nothing else: {', '.join(sorted(labels))}.",
            why=f"{len(values)} expected outputs are {len(labels)} different texts",
        )
    if all(len(text) <= _SHORT_CHARS for text in texts):
        return Guess(
            graders=("equals",), form="Answer with the answer alone.", why="expected outputs are short texts"
        )
    rubric = "long texts: think of `llm-rubric` (a model of role judge) or `similar`"
    return Guess(graders=({"rouge-n": {"threshold": 0.5}},), why=f"expected outputs are {rubric}")


def write_prompt(form: str) -> str:
    """A first prompt over the case's input. What `form` quotes of the data stands there as written."""
    form = escape_template(form)
    return f"{form}\n\n{{{{ input }}}}" if form else "{{ input }}"


def escape_template(text: str) -> str:
    """The text as a Jinja2 template that renders to it."""
    return _BRACE.sub("{{ '{' }}", text)


def _numeric() -> Guess:
    return Guess(
        graders=("numeric",), form="Answer with the number alone.", why="expected outputs are numbers"
    )


def _read(value: Json) -> Json:
    """The value; a text that is a JSON object or list is read as one, as cells of a CSV are."""
    if isinstance(value, str) and value.lstrip().startswith(("{", "[")):
        try:
            return parse_json(value)
        except JsonTextError:
            return value
    return value
