"""Recorded responses: judged without any model, never on another prompt's answers."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trials import make_trial

from pytest_ftgate.errors import RecordedResponsesError
from pytest_ftgate.execution.recorded_provider import RecordedProvider, ResponseRecorder, merge_parts
from pytest_ftgate.execution.recorded_rows import RecordedResponses
from pytest_ftgate.model.evalset import ArmSpec, Case, Evalset
from pytest_ftgate.model.response import Failure, Response, ToolCall, Usage
from pytest_ftgate.model.trial import Plan


@pytest.fixture
def write(tmp_path):
    def write(*rows, name="rows.jsonl"):
        path = tmp_path / name
        lines = [row if isinstance(row, str | bytes) else json.dumps(row) for row in rows]
        path.write_bytes(b"\n".join(line if isinstance(line, bytes) else line.encode() for line in lines))
        return path

    return write


@pytest.fixture
def replay(make_engine):
    def replay(path, *trials, **options):
        engine = make_engine(RecordedProvider(RecordedResponses.load([path]), **options))
        engine.submit(trials)
        answers = [engine.wait(trial.key, 10) for trial in trials]
        assert engine.requests_sent == 0
        return answers[0] if len(answers) == 1 else answers

    return replay


def plan(cases=("c-1", "c-2"), arms=("as_is", "few_shot"), name="e"):
    evalset = Evalset(
        path=f"{name}.evalset.yaml",
        name=name,
        cases=tuple(Case(id=case) for case in cases),
        arms=tuple(ArmSpec(name=arm, kind=arm) for arm in arms),
    )
    return Plan(
        evalset=evalset, items=(), arms=(), roles=("candidate",), repeats=1, multiplicity=1, graders={}
    )


def test_a_row_gives_everything_it_holds(write, replay):
    row = {
        "case": "c-1",
        "output": "hi",
        "tool_calls": [{"name": "f", "arguments": "{}"}],
        "finish_reason": "stop",
        "usage": {"prompt_tokens": 4, "completion_tokens": 2},
        "latency_s": 0.5,
        "cost_usd": 0.01,
        "model": "m",
        "schema_enforced": "enforced",
        "request_hash": make_trial().request_hash,
    }
    assert replay(write(row), make_trial()) == Response(
        text="hi",
        tool_calls=(ToolCall(name="f", arguments="{}"),),
        finish_reason="stop",
        usage=Usage(prompt_tokens=4, completion_tokens=2),
        latency_s=0.5,
        cost_usd=0.01,
        model="m",
        schema_enforced="enforced",
        cached=True,
    )


def test_defaults_of_a_row_and_what_it_is_not_tied_to(write, replay):
    answer = replay(write({"case": "c-1", "output": "hi"}), make_trial())
    assert (answer.text, answer.cached, answer.tied_to_prompt) == ("hi", True, False)


def test_rows_are_found_by_case_arm_role_repeat_and_evalset(write, replay):
    path = write(
        {"case": "c-1", "output": "1"},
        {"case": "c-1", "repeat": 2, "output": "2"},
        {"case": "c-1", "arm": "few_shot", "output": "3"},
        {"case": "c-1", "role": "teacher", "output": "4"},
        {"case": "c-1", "evalset": "other", "output": "5"},
    )
    trials = [
        make_trial(),
        make_trial(repeat=2),
        make_trial(arm="few_shot"),
        make_trial(role="teacher"),
        make_trial(evalset="other"),
    ]
    assert [answer.text for answer in replay(path, *trials)] == ["1", "2", "3", "4", "5"]


def test_equal_requests_of_different_arms_keep_their_own_rows(write, replay):
    path = write({"case": "c-1", "output": "a"}, {"case": "c-1", "role": "teacher", "output": "b"})
    assert [a.text for a in replay(path, make_trial(), make_trial(role="teacher"))] == ["a", "b"]


def test_a_trial_without_a_row_is_not_evaluated(write, replay):
    answer = replay(write({"case": "c-2", "output": "x"}), make_trial())
    assert (answer.signature, answer.attempts) == ("infra:not_recorded", 0)


def test_a_row_of_another_prompt_is_stale(write, replay):
    path = write({"case": "c-1", "output": "x", "request_hash": make_trial("old prompt").request_hash})
    answer = replay(path, make_trial("new prompt"))
    assert answer.signature == "infra:stale"
    assert "rows.jsonl:1" in answer.message


def test_a_row_without_a_hash_does_not_count_under_strict(write, replay):
    answer = replay(write({"case": "c-1", "output": "x"}), make_trial(), require_hash=True)
    assert answer.signature == "infra:not_recorded"
    assert "--ftgate-strict" in answer.message


def test_repair_falls_back_to_its_source_but_a_row_of_its_own_wins(write, replay):
    rows = [{"case": "c-1", "output": "raw"}]
    trial = make_trial(arm="repair", source_arm="as_is")
    assert replay(write(*rows), trial).text == "raw"
    assert replay(write(*rows, {"case": "c-1", "arm": "repair", "output": "own"}), trial).text == "own"


def test_a_recorded_follow_up_is_not_asked_again(write, make_engine):
    def follow_up(*_):
        raise AssertionError("a recording cannot be asked again")

    rows = RecordedResponses.load([write({"case": "c-1", "arm": "reask", "output": "bad", "turns": 2})])
    engine = make_engine(RecordedProvider(rows), follow_up=follow_up)
    trial = make_trial(arm="reask", max_turns=1)
    engine.submit([trial])
    assert engine.wait(trial.key, 10).turns == 2


@pytest.mark.parametrize(
    ("error", "signature"),
    [
        ({"signature": "infra:timeout", "message": "late"}, "infra:timeout"),
        ({"signature": "refusal:content_filter"}, "refusal:content_filter"),
        ("call:context_overflow: 9031 tokens", "call:context_overflow"),
        ("HTTP 500", "infra:recorded"),
    ],
)
def test_a_recorded_error_is_a_failure(error, signature, write, replay):
    answer = replay(write({"case": "c-1", "error": error}), make_trial())
    assert isinstance(answer, Failure)
    assert answer.signature == signature


def test_all_bad_lines_are_reported_together_with_their_place(write):
    path = write(
        {"case": "c-1", "output": "x"},
        "{broken",
        "[]",
        {"output": "no case"},
        {"case": "c-2"},
        {"case": "c-3", "output": 5},
        {"case": "c-4", "output": "x", "repeat": 0},
        '{"case": "c-5", "output": "x", "latency_s": NaN}',
        b'{"case": "c-6", "output": "\xff"}',
        '{"case": "c-7", "output": ' + "[" * 5000,
        {"case": "c-8", "error": {"signature": "label:a", "message": ""}},
        {"case": "c-1", "arm": "as_is", "role": "candidate", "repeat": 1, "output": "again"},
        "",
    )
    with pytest.raises(RecordedResponsesError) as caught:
        RecordedResponses.load([path])
    lines = str(caught.value).splitlines()
    assert lines[0] == "recorded responses: 11 problems"
    assert [line.partition("rows.jsonl:")[2].partition(":")[0] for line in lines[1:-1]] == [
        str(n) for n in range(2, 13)
    ]
    assert "case 'c-1', arm 'as_is', role 'candidate', repeat 1 was already answered at" in lines[-2]
    assert "rows.jsonl:1" in lines[-2]
    assert "--ftgate-record" in lines[-1]


def test_a_duplicate_in_another_file_is_an_error(write):
    paths = [write({"case": "c-1", "output": "x"}, name=name) for name in ("a.jsonl", "b.jsonl")]
    with pytest.raises(RecordedResponsesError, match=r"b\.jsonl:1: .* already answered at .*a\.jsonl:1"):
        RecordedResponses.load(paths)


def test_a_missing_file_is_a_clear_error(tmp_path):
    with pytest.raises(RecordedResponsesError, match=r"none\.jsonl: cannot be read"):
        RecordedResponses.load([tmp_path / "none.jsonl"])


def test_unknown_cases_and_arms_are_errors_with_a_suggestion(write):
    rows = RecordedResponses.load(
        [
            write(
                {"case": "c-1", "output": "x"},
                {"case": "c-11", "output": "x"},
                {"case": "c-1", "arm": "few_shots", "output": "x"},
                {"case": "zzz", "evalset": "e", "output": "x"},
                {"case": "zzz", "evalset": "not in this run", "output": "x"},
            )
        ]
    )
    with pytest.raises(RecordedResponsesError) as caught:
        rows.check([plan()])
    text = str(caught.value)
    assert "3 problems" in text
    assert "rows.jsonl:2: case 'c-11' is in no planned evalset. Did you mean 'c-1'?" in text
    assert "rows.jsonl:3: arm 'few_shots' is in no planned evalset. Did you mean 'few_shot'?" in text
    assert "rows.jsonl:4" in text
    rows = RecordedResponses.load([write({"case": "c-1", "output": "x"}, {"case": "d-1", "output": "x"})])
    rows.check([plan(), plan(cases=("d-1",), name="f")])


ANSWERS = st.builds(
    Response,
    text=st.none() | st.text(alphabet=st.characters(), max_size=50),
    tool_calls=st.just((ToolCall(name="f", arguments="{", id="1"),)) | st.just(()),
    finish_reason=st.sampled_from([None, "stop", "length"]),
    usage=st.none()
    | st.builds(Usage, prompt_tokens=st.integers(0, 10**9), reasoning_tokens=st.integers(0, 9)),
    latency_s=st.none() | st.floats(0, 1e6),
    cost_usd=st.none() | st.floats(0, 1e6),
    model=st.none() | st.text(max_size=9),
    answered_at=st.just("2026-11-22T00:00:00.000+00:00"),
    turns=st.integers(1, 3),
    schema_enforced=st.sampled_from([None, "unverified"]),
)


@settings(max_examples=50, deadline=None)
@given(st.lists(ANSWERS, min_size=1, max_size=4))
def test_what_was_recorded_is_what_is_replayed(tmp_path_factory, answers):
    path = tmp_path_factory.mktemp("r") / "cassette.jsonl"
    recorder = ResponseRecorder(path)
    trials = [make_trial(case=f"c-{n}") for n in range(len(answers))]
    for trial, answer in zip(trials, answers, strict=True):
        recorder.add(trial, answer)
    recorder.close()
    rows = RecordedResponses.load([path])
    assert [rows.find(trial).answer for trial in trials] == [replace(a, cached=True) for a in answers]
    assert [rows.find(trial).request_hash for trial in trials] == [trial.request_hash for trial in trials]


def test_a_recorded_failure_is_replayed_as_one(tmp_path, replay):
    recorder = ResponseRecorder(tmp_path / "c.jsonl", redact=lambda text: text.replace("sk-planted", "***"))
    recorder.add(make_trial(), Failure(signature="infra:auth", message="bad key sk-planted"))
    recorder.close()
    assert "sk-planted" not in (tmp_path / "c.jsonl").read_text()
    assert replay(tmp_path / "c.jsonl", make_trial()).message == "bad key ***"


def test_repair_is_not_recorded_twice(tmp_path):
    recorder = ResponseRecorder(tmp_path / "c.jsonl")
    recorder.add(make_trial(), Response(text="x"))
    recorder.add(make_trial(arm="repair", source_arm="as_is"), Response(text="x"))
    recorder.close()
    assert len((tmp_path / "c.jsonl").read_text().splitlines()) == 1


def test_parts_of_workers_come_together_in_plan_order(tmp_path):
    path = tmp_path / "c.jsonl"
    order = [make_trial(case=case).key for case in ("z", "m", "a")]
    for part, case in (("gw1", "a"), ("gw0", "m"), ("gw2", "z")):
        recorder = ResponseRecorder(path, part=part)
        recorder.add(make_trial(case=case), Response(text=part))
        recorder.close()
    assert not path.exists()
    merge_parts(path, order)
    assert [json.loads(line)["case"] for line in path.read_text().splitlines()] == ["z", "m", "a"]
    assert [file.name for file in tmp_path.iterdir()] == ["c.jsonl"]


def test_recording_again_replaces_what_was_answered_again_and_keeps_the_rest(tmp_path):
    path = tmp_path / "c.jsonl"
    for answers in ({"a": "1", "b": "1"}, {"b": "2", "c": "2"}):
        recorder = ResponseRecorder(path)
        for case, text in answers.items():
            recorder.add(make_trial(case=case), Response(text=text))
        recorder.close()
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(row["case"], row["output"]) for row in rows] == [("a", "1"), ("b", "2"), ("c", "2")]


def test_recording_again_drops_rows_that_are_no_longer_planned(tmp_path, write):
    path = write(
        {"evalset": "e", "case": "gone", "arm": "as_is", "output": "old"},
        {"evalset": "e", "case": "c-1", "arm": "gone", "output": "old"},
        {"evalset": "e", "case": "c-1", "arm": "as_is", "repeat": 2, "output": "old"},
        {"evalset": "e", "case": "c-2", "arm": "as_is", "output": "not selected this time"},
        {"evalset": "other", "case": "o", "arm": "as_is", "output": "another evalset"},
    )
    recorder = ResponseRecorder(path)
    recorder.add(make_trial(case="c-1"), Response(text="new"))
    recorder.close([make_trial(case="c-1").key, make_trial(case="c-2").key])
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [row["output"] for row in rows] == ["new", "not selected this time", "another evalset"]
    RecordedResponses.load([path]).check([plan(arms=("as_is",))])


def test_a_killed_recording_loses_at_most_its_unfinished_line(tmp_path):
    path = tmp_path / "c.jsonl"
    recorder = ResponseRecorder(path)
    recorder.add(make_trial(case="a"), Response(text="1"))
    recorder._file.write(b'{"case": "b", "outp')
    recorder._file.close()
    recorder = ResponseRecorder(path)
    recorder.add(make_trial(case="c"), Response(text="2"))
    recorder.close()
    assert [json.loads(line)["case"] for line in path.read_text().splitlines()] == ["a", "c"]


def test_a_recording_that_is_damaged_is_not_overwritten(tmp_path):
    path = tmp_path / "c.jsonl"
    path.write_text("{my notes\n")
    recorder = ResponseRecorder(path)
    recorder.add(make_trial(), Response(text="1"))
    with pytest.raises(RecordedResponsesError, match=r"c\.jsonl:1: .*nothing was overwritten"):
        recorder.close()
    assert path.read_text() == "{my notes\n"
