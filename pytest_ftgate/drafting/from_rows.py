"""A draft over a CSV or JSONL file of examples, which stays where it is."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pytest_ftgate.drafting.chat_rows import are_chats, read_chats
from pytest_ftgate.drafting.draft import Draft, Remark
from pytest_ftgate.drafting.example_rows import Row, choose_columns, look_up, read_rows
from pytest_ftgate.drafting.guessing import Guess, escape_template, guess_graders, write_prompt
from pytest_ftgate.model.evalset import Json


def draft_from_rows(base: Draft, source: Path, folder: Path, columns: Mapping[str, str]) -> Draft:
    """`base` with the cases of the file, and with graders and a prompt guessed where it states none.

    `folder`: where the evalset will stand; the file is named from there. Raises SettingsError.
    """
    rows = read_rows(source)
    if not columns and are_chats(rows):
        return _draft_from_chats(base, rows, source)
    chosen = choose_columns(rows, columns)
    guess = guess_graders([look_up(row, chosen["expected"]) for row in rows])
    remarks = [Remark(kind="note", where=source.name, what=_tell_columns(chosen)), *_tell_guess(base, guess)]
    is_stated = bool(base.graders)
    named: dict[str, Json] = {"file": Path(os.path.relpath(source.resolve(), folder.resolve())).as_posix()}
    renamed = {key: column for key, column in chosen.items() if key != column}
    return replace(
        base,
        source=base.source or source.name,
        prompt=base.prompt or write_prompt("" if is_stated else guess.form),
        graders=base.graders or guess.graders,
        cases=[{**named, **({"map": renamed} if renamed else {})}],
        remarks=[*base.remarks, *remarks],
    )


def _draft_from_chats(base: Draft, rows: Sequence[Row], source: Path) -> Draft:
    system, cases = read_chats(rows, source)
    guess = guess_graders([case["expected"] for case in cases])
    told = [
        "the last answer of each row is its `expected`, and what stands before it is asked",
        "a model that was trained on these rows cannot be judged by them: keep other rows for that",
    ]
    prompt: Json = "{{ input }}"
    if system is not None and base.prompt:
        told.append("the system message of its rows is left out: the prompt stated stands in its place")
    elif system is not None:
        prompt = [{"role": "system", "content": escape_template(system)}, {"role": "user", "content": prompt}]
    return replace(
        base,
        source=base.source or source.name,
        prompt=base.prompt or prompt,
        graders=base.graders or guess.graders,
        cases=cases,
        remarks=[
            *base.remarks,
            *(Remark(kind="note", where=source.name, what=what) for what in told),
            *_tell_guess(base, guess),
        ],
    )


def _tell_guess(base: Draft, guess: Guess) -> list[Remark]:
    """Why these graders, where none are stated."""
    if base.graders:
        return []
    what = f"chosen because {guess.why}; change them where that is wrong"
    return [Remark(kind="note", where="graders", what=what)]


def draft_from_examples(base: Draft, examples: Sequence[tuple[str, str]]) -> Draft:
    """`base` with the examples given, or with two that say what to put in their place."""
    if not examples:
        remark = Remark(
            kind="note", where="cases", what="two placeholders: put your own examples in their place"
        )
        return replace(
            base,
            prompt=base.prompt or write_prompt("Answer with yes or no alone."),
            graders=base.graders or ("equals",),
            cases=[
                {
                    "id": "example-1",
                    "input": "Is 7 a prime number?",
                    "expected": "yes",
                    "tags": ["placeholder"],
                },
                {
                    "id": "example-2",
                    "input": "Is 8 a prime number?",
                    "expected": "no",
                    "tags": ["placeholder"],
                },
            ],
            remarks=[*base.remarks, remark],
        )
    guess = guess_graders([expected for _, expected in examples])
    return replace(
        base,
        prompt=base.prompt or write_prompt("" if base.graders else guess.form),
        graders=base.graders or guess.graders,
        cases=[{"input": asked, "expected": expected} for asked, expected in examples],
    )


def _tell_columns(chosen: Mapping[str, str]) -> str:
    return (
        ", ".join(f"`{key}` is column {column!r}" for key, column in chosen.items()) + "; others are `vars`"
    )
