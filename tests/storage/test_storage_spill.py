"""The spill: texts beyond its budget are on disk, and a record reads as if they were not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pytest_ftgate.errors import StorageError
from pytest_ftgate.model.codec import encode_record
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.response import ToolCall, Usage
from pytest_ftgate.model.trial import TrialKey
from pytest_ftgate.storage.spill import SpilledRecord, TextSpill


def make_record(text: str | None, *calls: ToolCall) -> Record:
    return Record(
        key=TrialKey(evalset="e", case="c", arm="as_is", role="candidate", repeat=2),
        outcome="failed",
        signature="value:text",
        output=text,
        tool_calls=calls,
        usage=Usage(prompt_tokens=1, completion_tokens=2),
        flags=("truncated",),
    )


@pytest.mark.parametrize(
    "record",
    [
        make_record("long " * 100),
        make_record("\ud800 \x00 \u2028 é" * 100),
        make_record(None, ToolCall(name="f", arguments='{"a": ' + "1" * 200 + "}", id="x")),
        make_record("", ToolCall(name="f", arguments="x" * 200), ToolCall(name="g", arguments="")),
    ],
    ids=["text", "odd", "call", "calls"],
)
def test_spilled_record_reads_as_before(tmp_path: Path, record: Record) -> None:
    spill = TextSpill(lambda: tmp_path, kept_chars=0)
    other = spill.slim(make_record("another " * 100))
    slim = spill.slim(record)
    assert isinstance(slim, SpilledRecord)
    assert encode_record(slim) == encode_record(record)
    assert (slim.output, slim.tool_calls, slim.key) == (record.output, record.tool_calls, record.key)
    assert slim.is_judged
    assert other.output == "another " * 100
    # A changed copy is a record like any other.
    changed = replace(slim, outcome="passed")
    assert type(changed) is Record
    assert changed == replace(record, outcome="passed")
    spill.close()
    with pytest.raises(StorageError):
        _ = slim.output


def test_texts_within_the_budget_and_short_ones_stay(tmp_path: Path) -> None:
    spill = TextSpill(lambda: tmp_path / "never made", kept_chars=1_000)
    short, first, second = make_record("x" * 100), make_record("y" * 600), make_record("z" * 400)
    for record in (short, first, second, short):
        assert spill.slim(record) is record
    assert not (tmp_path / "never made").exists()


def test_what_cannot_be_spilled_is_told(tmp_path: Path) -> None:
    spill = TextSpill(lambda: tmp_path / "nowhere", kept_chars=0)
    with pytest.raises(StorageError, match="cannot write texts into"):
        spill.slim(make_record("x" * 200))


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    spill = TextSpill(lambda: tmp_path, kept_chars=0)
    spill.slim(make_record("x" * 200))
    spill.close()
    assert list(tmp_path.iterdir()) == []
