"""A record's line that is made beforehand is the line that the log would have made."""

from __future__ import annotations

from pathlib import Path

from pytest_ftgate.model.codec import dump_json, encode_record
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.trial import TrialKey
from pytest_ftgate.storage.records import RecordLog, read_records


def test_lines_and_records_may_be_mixed(tmp_path: Path) -> None:
    key = TrialKey(evalset="e", case="c", arm="as_is", role="candidate", repeat=1)
    record = Record(key=key, outcome="passed", output="a \n \u2028 \ud800 grüß")
    with RecordLog(tmp_path / "a.jsonl") as log:
        log.append(record)
        log.append_line(dump_json(encode_record(record)))
    first, second = (tmp_path / "a.jsonl").read_bytes().splitlines()
    assert first == second
    assert read_records(tmp_path / "a.jsonl") == [record, record]
