"""records.jsonl and the run folder: complete or absent, with errors that say what to do."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pytest_ftgate.errors import StorageError
from pytest_ftgate.model.codec import encode_record
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.trial import TrialKey
from pytest_ftgate.storage.files import open_atomic
from pytest_ftgate.storage.records import RecordLog, read_records, write_records
from pytest_ftgate.storage.redaction import Redactor
from pytest_ftgate.storage.run_folder import RunFolder, find_run, list_runs, make_run_id


def record_of(case: str, **changes) -> Record:
    key = TrialKey(evalset="t", case=case, arm="as_is", role="candidate", repeat=1)
    return Record(key=key, outcome="passed", **{"output": "a", **changes})


RECORDS = [record_of("c-1"), record_of("c-2", output="\ud800\x00\u2028x"), record_of("é")]


def test_records_come_back_in_their_order(tmp_path):
    path = tmp_path / "deep" / "records.jsonl"
    assert write_records(path, iter(RECORDS)) == 3
    assert read_records(path) == RECORDS
    assert len(path.read_bytes().splitlines()) == 3


def test_a_failed_write_leaves_the_old_file_and_no_rest(tmp_path):
    path = tmp_path / "records.jsonl"
    write_records(path, RECORDS)

    def broken():
        yield RECORDS[0]
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        write_records(path, broken())
    assert read_records(path) == RECORDS
    assert list(tmp_path.iterdir()) == [path]


def test_the_log_holds_each_record_as_soon_as_it_is_appended(tmp_path):
    path = tmp_path / "run" / "records.jsonl"
    with RecordLog(path) as log:
        assert not path.exists()
        for count, record in enumerate(RECORDS, start=1):
            log.append(record)
            assert read_records(path) == RECORDS[:count]
    log.append(RECORDS[0])
    log.close()
    assert len(read_records(path)) == 4


def test_secrets_reach_neither_log_nor_file(tmp_path):
    redactor = Redactor({"OPENAI_API_KEY": "planted-key-123"})
    record = record_of("c-1", output="my key is planted-key-123", error="401 planted-key-123")
    write_records(tmp_path / "a", [record], redact=redactor)
    with RecordLog(tmp_path / "b", redact=redactor) as log:
        log.append(record)
    for name in ("a", "b"):
        assert "planted" not in (tmp_path / name).read_text()
        assert read_records(tmp_path / name)[0].key == record.key


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "cut off"),
        ("[]\n", "must be an object"),
        ("[" * 50_000 + "\n", "nested too deeply"),
        ('{"evalset": "t"}\n', "case: is missing"),
        ('{"a": NaN}\n', "NaN is not JSON"),
    ],
)
def test_a_bad_line_is_named_by_its_number(tmp_path, line, message):
    path = tmp_path / "records.jsonl"
    path.write_text(json.dumps(encode_record(RECORDS[0])) + "\n\n" + line)
    with pytest.raises(StorageError) as caught:
        read_records(path)
    assert f"{path}:3: not a record: " in str(caught.value)
    assert message in str(caught.value)


def test_a_file_that_is_missing_or_no_text_says_so(tmp_path):
    with pytest.raises(StorageError, match="cannot read"):
        read_records(tmp_path / "none.jsonl")
    (tmp_path / "x").write_bytes(b"\xff\xfe\n")
    with pytest.raises(StorageError, match="UTF-8"):
        read_records(tmp_path / "x")


def test_a_place_that_cannot_be_written_is_a_clear_error(tmp_path):
    (tmp_path / "file").write_text("x")
    for attempt in (
        lambda: write_records(tmp_path / "file" / "records.jsonl", RECORDS),
        lambda: RecordLog(tmp_path / "file" / "records.jsonl").append(RECORDS[0]),
        lambda: RunFolder.create(tmp_path / "file"),
    ):
        with pytest.raises(StorageError, match="Check its permissions"):
            attempt()


def test_an_atomic_file_is_absent_until_it_is_complete(tmp_path):
    path = tmp_path / "x.txt"
    with open_atomic(path) as file:
        file.write("all \ud800")
        assert not path.exists()
    assert path.read_text() == "all \\ud800"


def test_a_run_folder_has_its_place_and_is_kept_out_of_git(tmp_path):
    folder = RunFolder.create(tmp_path / ".ftgate")
    assert folder.path.parent == tmp_path / ".ftgate" / "runs"
    assert folder.path.is_dir()
    lines = (tmp_path / ".ftgate" / ".gitignore").read_text().splitlines()
    assert lines[:2] == ["*", "!baselines/"]


def test_an_own_gitignore_is_left_alone(tmp_path):
    (tmp_path / ".gitignore").write_text("mine\n")
    RunFolder.create(tmp_path)
    assert (tmp_path / ".gitignore").read_text() == "mine\n"


def test_run_ids_sort_by_time_and_do_not_collide():
    start = datetime(2026, 11, 22, 23, 59, 59, 999_000, tzinfo=UTC)
    ids = [make_run_id(start + timedelta(milliseconds=step)) for step in range(50)]
    assert ids == sorted(ids)
    assert len({make_run_id(start) for _ in range(50)}) == 50


def test_json_is_written_whole_or_not_at_all(tmp_path):
    folder = RunFolder.create(tmp_path)
    path = folder.write_json("report.json", {"a": "é\ud800"})
    assert json.loads(path.read_text(encoding="utf-8")) == {"a": "é\ud800"}
    for bad in ({"a": float("nan")}, {"a": object()}):
        with pytest.raises(StorageError, match=r"report\.json"):
            folder.write_json("report.json", bad)
    assert json.loads(path.read_text(encoding="utf-8")) == {"a": "é\ud800"}


@pytest.mark.parametrize("links", [True, False])
def test_latest_names_the_newest_run(tmp_path, monkeypatch, links):
    if not links:

        def refuse(*_args, **_kwargs):
            raise OSError("no links here")

        monkeypatch.setattr(Path, "symlink_to", refuse)
    for second in (1, 2):
        folder = RunFolder.create(tmp_path, datetime(2026, 1, 1, 0, 0, second, tzinfo=UTC))
        folder.mark_latest()
        assert find_run(tmp_path) == folder.path
        assert find_run(tmp_path, folder.path.name) == folder.path
    assert (tmp_path / "runs" / "latest").is_symlink() == links
    assert len(list_runs(tmp_path)) == 2


def test_latest_turns_from_a_link_into_a_file_where_links_stop_working(tmp_path, monkeypatch):
    RunFolder.create(tmp_path).mark_latest()

    def refuse(*_args, **_kwargs):
        raise NotImplementedError

    monkeypatch.setattr(Path, "symlink_to", refuse)
    newest = RunFolder.create(tmp_path)
    newest.mark_latest()
    assert find_run(tmp_path) == newest.path


def test_runs_are_found_by_the_start_of_their_id(tmp_path):
    with pytest.raises(StorageError, match="run pytest --ftgate first"):
        find_run(tmp_path)
    first = RunFolder.create(tmp_path, datetime(2026, 1, 1, tzinfo=UTC))
    second = RunFolder.create(tmp_path, datetime(2026, 1, 2, tzinfo=UTC))
    assert find_run(tmp_path, "20260101") == first.path
    assert find_run(tmp_path) == second.path
    with pytest.raises(StorageError, match="fits 2 runs"):
        find_run(tmp_path, "2026")
    with pytest.raises(StorageError, match="no run 'x'"):
        find_run(tmp_path, "x")
