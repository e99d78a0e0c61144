"""`pytest-ftgate judge`: a stored run judged again is what a fresh replay of its answers would be."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from e2e_world import World, comparable, make_cases, model_at
from servers import Call

from pytest_ftgate.cli.check import builtin_registries
from pytest_ftgate.cli.main import main
from pytest_ftgate.execution.recorded_rows import RowKey, row_line
from pytest_ftgate.model.grade import Grade
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.response import Answer, Failure, Response, ToolCall, Usage
from pytest_ftgate.model.settings import Settings
from pytest_ftgate.model.trial import Trial, TrialKey
from pytest_ftgate.plan_loading import load_plan
from pytest_ftgate.runner import UNSUPPORTED
from pytest_ftgate.stored_answers import restore_answer

SHOTS = [{"input": f"shot {i}", "expected": f"answer {i}"} for i in range(4)]


@pytest.fixture
def world(pytester: pytest.Pytester) -> World:
    return World(pytester)


def answer(trial: Trial) -> Answer:
    """Upper case for every third case; wrong for every sixth, but never with shots (more messages)."""
    number = int(trial.key.case[1:])
    if number % 6 == 0 and len(trial.request.messages) == 1:
        return say(f"no-c{number:03d}")
    return say(f"{'YES' if number % 3 == 1 else 'yes'}-c{number:03d}")


def say(text: str, **more: Any) -> Response:
    usage = Usage(prompt_tokens=11, completion_tokens=7)
    return Response(text=text, usage=usage, model="scripted-1", latency_s=0.25, cost_usd=0.001, **more)


def ladder(count: int = 60, **more: Any) -> dict[str, Any]:
    return {
        "models": {"candidate": {"model": "openai/scripted", "params": {"temperature": 0.7}}},
        "prompt": "{{ input }}",
        "graders": ["equals"],
        "repeats": 2,
        "arms": {"few_shot": {"examples": SHOTS, "k": 2}, "repair": {}},
        "cases": make_cases(count),
        **more,
    }


def run(
    world: World, evalset: dict[str, Any], script: Callable[[Trial], Answer] = answer, *arguments: str
) -> dict[str, Any]:
    """Write an evalset, record an answer to each of its trials, and run it by replay."""
    path = world.write("t", evalset)
    settings = Settings(rootdir=str(world.path), directory=str(world.path / ".ftgate"))
    plan = load_plan(path, settings, builtin_registries())
    trials = [trial for item in plan.items for trial in item.trials if trial.source_arm is None]
    rows = [
        row_line(
            RowKey("t", trial.key.case, trial.key.arm, trial.key.role, trial.key.repeat),
            trial.request_hash,
            script(trial),
        )
        for trial in trials
    ]
    (world.path / "recorded.jsonl").write_text("\n".join(rows))
    replay(world, *arguments)
    return evalset


def replay(world: World, *arguments: str) -> int:
    return int(world.run("--ftgate-replay", "recorded.jsonl", *arguments).ret)


def outcome(world: World) -> dict[str, Any]:
    return {"entries": comparable(world.report()["evalsets"]), "records": comparable(world.records())}


def without_hindsight(found: dict[str, Any]) -> dict[str, Any]:
    """The outcome without the warning that the rules came after the answers; it must be the first finding."""
    for entry in found["entries"]:
        warning = entry["findings"].pop(0)
        assert "was changed after the answers" in warning["what"]
        assert entry["verdict"]["p"] is None
    return found


def without_odds(found: dict[str, Any]) -> dict[str, Any]:
    for entry in found["entries"]:
        entry["verdict"]["p"] = None
    return found


def judge(*arguments: str) -> int:
    return main(["judge", *arguments])


def test_unchanged_evalset_gives_the_same_run(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    run(world, ladder())
    before, first = outcome(world), world.report()["header"]["run"]
    capsys.readouterr()
    status = judge("latest")
    after, header = outcome(world), world.report()["header"]
    assert after == before
    assert status == 1
    assert (header["source"], header["judged_from"]) == ("judge", first)
    assert header["run"] != first
    assert world.report()["evalsets"][0]["requests_sent"] == 0
    assert {record["cached"] for record in world.records()} == {True}
    shown = capsys.readouterr().out
    assert "FAILED t.evalset.yaml::gate::accuracy" in shown
    assert "no model was called" in shown
    # A judged run can be judged again.
    assert judge("latest") == 1
    assert outcome(world) == before


@pytest.mark.parametrize(
    "change",
    [
        {"graders": [{"icontains": "yes"}]},
        {"graders": ["icontains"], "bar": 0.7},
        {"bar": 0.3},
        {"graders": ["icontains"], "decision": {"alpha": 0.01, "min_cases": 80, "looks": 1}},
        {"gates": {"format_failures": {"max": 0.1}, "accuracy": "off"}, "graders": ["equals", "regex"]},
    ],
    ids=["grader", "grader-and-bar", "bar", "decision", "gates"],
)
def test_changed_evalset_equals_a_fresh_replay(world: World, change: dict[str, Any]) -> None:
    if "regex" in change.get("graders", ()):
        change = {**change, "graders": ["equals", {"regex": "^yes"}]}
    # A replay may stop where the arm is proven; judging again reads all answers that there are.
    written = run(world, ladder(decision={"looks": 1}))
    stored = world.report()["header"]["run"]
    world.write("t", {**written, **change})
    replayed = replay(world)
    expected = outcome(world)
    assert judge(stored) == replayed
    assert without_hindsight(outcome(world)) == without_odds(expected)


def test_lower_bar_makes_arms_unneeded_and_a_higher_one_never_claims_what_was_not_asked(world: World) -> None:
    run(world, ladder(240, bar=0.3))
    assert [arm["status"] for arm in world.entry()["arms"]] == ["run", "not_run", "not_run"]
    stored = world.report()["header"]["run"]
    assert judge(stored, "--bar", "0.95") == 1
    arms = {arm["arm"]: arm for arm in world.entry()["arms"]}
    # Arm repair reads the answers of as_is again, so it can be judged; few_shot was never asked.
    assert arms["repair"]["status"] == "run"
    assert arms["few_shot"]["status"] == "not_run"
    assert arms["few_shot"]["reason"] == f"needed now, but run {stored} did not ask it"
    verdict = world.verdict()
    assert verdict["decision"] == "inconclusive"
    assert "few_shot" in verdict["missing_arms"]
    assert world.entry()["bar"] == 0.95


def test_bar_option_equals_an_evalset_with_that_bar(world: World) -> None:
    written = run(world, ladder(bar=0.9, gates={"accuracy": {"min": 0.9}}))
    stored = world.report()["header"]["run"]
    judge(stored, "--bar", "0.6")
    by_option = without_hindsight(outcome(world))
    world.write("t", {**written, "bar": 0.6, "gates": {"accuracy": {"min": 0.6}}})
    judge(stored)
    assert without_hindsight(outcome(world)) == by_option
    assert world.entry()["gates"][1]["limit"] == 0.6


def test_a_gate_on_an_arm_that_was_not_asked_is_incomplete(world: World) -> None:
    written = run(world, ladder(bar=0.3))
    world.write("t", {**written, "gates": {"format_failures": {"max": 0.1, "arm": "few_shot"}}})
    assert judge() == 1
    assert world.verdict()["decision"] == "incomplete"
    assert world.entry()["missing"]["records"] == 120


def test_what_judges_said_is_read_from_the_response_store(world: World) -> None:
    def script(call: Call) -> str:
        if "{" not in call.prompt:
            return f"yes-{call.prompt[-4:]}"
        is_pass = '"answer":"yes-c001"' not in call.prompt
        return json.dumps({"reason": "so it is", "score": float(is_pass), "pass": is_pass})

    with world.serve(script) as server:
        models = {role: model_at(server)["candidate"] for role in ("candidate", "judge")}
        rubric: dict[str, Any] = {"llm-rubric": {"value": "It says yes.", "votes": 1}}
        written = ladder(4, models=models, graders=[rubric], arms={}, repeats=2)
        world.write("t", written)
        world.run("--ftgate-record", "recorded.jsonl")
        sent = server.count
    before, stored = outcome(world), world.report()["header"]["run"]
    assert {record["outcome"] for record in world.records()} == {"passed", "failed"}
    judge(stored)
    assert outcome(world) == before
    # A further grader of another kind needs no further reply; another rubric does, and nobody is asked.
    world.write("t", {**written, "graders": [rubric, "equals"]})
    judge(stored)
    assert world.entry()["verdict"]["decision"] == "not_ready"
    other = {"llm-rubric": {"value": "It is polite.", "votes": 1}}
    world.write("t", {**written, "graders": [other]})
    assert judge(stored) == 1
    assert world.verdict()["decision"] == "incomplete"
    assert world.entry()["missing"]["not_recorded"] == 8
    assert "run pytest --ftgate to ask it" in world.records()[0]["error"]
    assert server.count == sent
    # What was left unanswered is still there to be judged.
    world.write("t", written)
    judge()
    assert outcome(world)["records"] == before["records"]
    # Where the response store is gone, a recording has the replies.
    (world.path / ".ftgate" / "responses.sqlite").unlink()
    assert judge(stored) == 1
    assert world.entry()["missing"]["not_recorded"] == 8
    judge(stored, "--replies", "recorded.jsonl")
    assert outcome(world) == before


def test_another_prompt_is_stale(world: World) -> None:
    written = run(world, ladder())
    world.write("t", {**written, "prompt": "Now: {{ input }}"})
    assert judge() == 1
    assert world.verdict()["decision"] == "incomplete"
    assert world.entry()["infra_errors"]["infra:stale"] == len(world.records())
    assert {record["outcome"] for record in world.records()} == {"error"}


def test_cases_and_arms_that_came_and_went(world: World) -> None:
    written = run(world, ladder())
    cases = [*make_cases(58), {"id": "new", "input": "key=c000 again", "expected": "x"}]
    world.write("t", {**written, "cases": cases, "arms": {}})
    assert judge() == 1
    entry = world.entry()
    assert entry["verdict"]["decision"] == "incomplete"
    assert entry["missing"]["records"] == 2
    notes = [finding["what"] for finding in entry["findings"] if finding["severity"] == "note"]
    assert any("of cases that the evalset has no more: c058, c059" in note for note in notes)
    assert any("of arms that the evalset has no more: repair, few_shot" in note for note in notes)
    world.write("t", {**written, "cases": make_cases(58), "arms": {}, "repeats": 1})
    judge()
    assert world.entry()["verdict"]["decision"] != "incomplete"
    assert len(world.records()) == 58


def test_an_arm_that_reads_stored_answers_again_can_be_added(world: World) -> None:
    def fenced(trial: Trial) -> Answer:
        return say(f'```json\n{{"key": "yes-{trial.key.case}"}}\n```')

    cases = [{**case, "expected": {"key": case["expected"]}} for case in make_cases(60)]
    written = run(world, ladder(graders=["json-fields"], cases=cases, arms={}), fenced)
    world.write("t", {**written, "arms": {"repair": {}}})
    judge()
    assert [(arm["arm"], arm["accuracy"]["value"]) for arm in world.entry()["arms"]] == [
        ("as_is", 0.0),
        ("repair", 1.0),
    ]


def test_identical_repeats_stay_dropped(world: World) -> None:
    evalset = ladder(
        count=30, repeats=5, models={"candidate": {"model": "openai/scripted", "params": {"temperature": 0}}}
    )
    written = run(world, evalset)
    assert world.entry()["arms"][0]["repeats_dropped"] == 100
    before, stored = outcome(world), world.report()["header"]["run"]
    judge()
    assert outcome(world) == before
    world.write("t", {**written, "graders": ["icontains"]})
    replay(world)
    expected = outcome(world)
    judge(stored)
    assert without_hindsight(outcome(world)) == without_odds(expected)
    # Another first case: what was dropped stays dropped, and is not taken for lost.
    world.write("t", {**written, "cases": evalset["cases"][3:]})
    judge(stored)
    assert world.entry()["missing"]["records"] == 0
    assert world.entry()["infra_errors"] == {}
    assert world.entry()["arms"][0]["repeats_dropped"] == 27 * 5 - len(
        [record for record in world.records() if record["arm"] == "as_is"]
    )


def test_refused_schema_is_not_asked_again(world: World) -> None:
    def refuse(trial: Trial) -> Answer:
        return UNSUPPORTED if trial.key.arm == "structured" else answer(trial)

    schema = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}
    arms = {"structured": {"response_format": {"schema": schema}}}
    run(world, ladder(arms=arms), refuse)
    before = outcome(world)
    assert before["entries"][0]["arms"][1]["status"] == "skipped"
    judge()
    assert outcome(world) == before


def test_unanswered_and_failed_calls_stay_so(world: World) -> None:
    def script(trial: Trial) -> Answer:
        failures = {"c007": "infra:auth", "c008": "refusal:content_filter", "c009": "call:param_dropped"}
        if trial.key.case in failures:
            return Failure(signature=failures[trial.key.case], message="said why")
        if trial.key.case == "c010":
            call = ToolCall(name="f", arguments='{"a": 1}')
            return Response(text=None, tool_calls=(call,), finish_reason="tool_calls")
        return say("yes", finish_reason="length") if trial.key.case == "c011" else answer(trial)

    run(world, ladder(arms={}), script)
    before = outcome(world)
    assert before["entries"][0]["infra_errors"]
    judge()
    after = outcome(world)
    assert after == before


def test_another_role_is_judged_again_too(world: World) -> None:
    def script(trial: Trial) -> Answer:
        return say("no") if trial.key.role == "base" else answer(trial)

    models = {role: {"model": f"openai/{role}"} for role in ("candidate", "base")}
    run(world, ladder(models=models), script)
    before = outcome(world)
    assert [arm["role"] for arm in before["entries"][0]["arms"]][:2] == ["candidate", "base"]
    judge()
    assert outcome(world) == before


def test_a_run_that_was_spread_climbs_no_ladder(world: World) -> None:
    gates = {"accuracy": "off", "latency": {"p95_s": 9, "arm": "few_shot"}, "cost": {"usd_per_1k_cases": 9}}
    gates["cost"]["arm"] = "repair"
    written = run(world, ladder(bar=0.3, gates=gates))
    path = world.path / ".ftgate" / "runs" / world.report()["header"]["run"] / "report.json"
    world.write("t", {**written, "gates": {}})
    judge(path.parent.name)
    assert [arm["status"] for arm in world.entry()["arms"]] == ["run", "not_run", "not_run"]
    report = json.loads(path.read_text())
    report["header"]["distribution"] = "spread: every arm and repeat was run"
    path.write_text(json.dumps(report))
    judge(path.parent.name)
    assert [arm["status"] for arm in world.entry()["arms"]] == ["run", "run", "run"]
    del report["evalsets"][0]["items"]
    path.write_text(json.dumps(report))
    assert judge(path.parent.name) == 2


def test_partial_selection_stays_partial(world: World) -> None:
    run(world, ladder(), answer, "-k", "c001 or c002")
    before = outcome(world)
    assert judge() == 0
    assert outcome(world) == before
    assert judge("latest", "--strict") == 1


def test_stopped_run_stays_incomplete(world: World) -> None:
    evalset = ladder()
    evalset["cases"][5] |= {"must_pass": True, "expected": "never"}
    run(world, evalset, answer, "-x")
    before = outcome(world)
    assert before["entries"][0]["stop"]
    assert judge() == 1
    assert outcome(world) == before


def test_must_pass_fails_without_a_gate(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    evalset = ladder(bar=0.5, arms={})
    evalset["cases"][1] |= {"must_pass": True}
    run(world, evalset)
    capsys.readouterr()
    assert judge() == 1
    assert "FAILED t.evalset.yaml::as_is::c001 - 2/2 failed: " in capsys.readouterr().out
    written = json.loads((world.path / "t.evalset.yaml").read_text())
    world.write("u", {**written, "name": "t", "graders": ["icontains"]})
    assert judge("latest", "--evalset", "u.evalset.yaml") == 0


def test_rows_without_a_hash(world: World) -> None:
    world.write("t", ladder(count=60, arms={}, bar=0.5, repeats=1))
    world.write_lines(
        "rows.jsonl", [{"case": case["id"], "output": case["expected"]} for case in make_cases(60)]
    )
    world.run("--ftgate-replay", "rows.jsonl")
    before = outcome(world)
    assert judge() == 0
    assert outcome(world) == before
    assert not world.entry()["tied_to_prompt"]
    assert judge("latest", "--strict") == 1
    assert world.entry()["missing"]["not_recorded"] == len(before["records"])


def test_reports_and_another_folder(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    run(world, ladder(arms={}))
    stored = (world.path / ".ftgate" / "runs" / "latest").resolve()
    capsys.readouterr()
    arguments = ["--out", "elsewhere", "--report", "markdown=r.md", "--report", "records=r.jsonl", "--json"]
    assert judge(str(stored / "records.jsonl"), *arguments) == 1
    report = json.loads(capsys.readouterr().out)
    made = world.path / "elsewhere" / "runs" / report["header"]["run"]
    assert json.loads((made / "report.json").read_text()) == report
    assert (world.path / "r.jsonl").read_text() == (made / "records.jsonl").read_text()
    assert "accuracy" in (world.path / "r.md").read_text()
    assert (world.path / ".ftgate" / "runs" / "latest").resolve() == stored
    assert judge(stored.name[:20], "--report", "html=x.html") == 2
    assert "Known: json, markdown, records" in capsys.readouterr().err


def test_what_cannot_be_judged_is_said(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert judge() == 2
    assert "run pytest --ftgate first" in capsys.readouterr().err
    written = run(world, ladder(arms={}))
    world.write("u", written | {"name": "other"})
    assert judge("latest", "--evalset", "u.evalset.yaml") == 2
    assert "no evalset named 'other'. It has: t." in capsys.readouterr().err
    world.write("t", {**written, "graders": [{"python": "ours"}]})
    assert judge() == 2
    assert "known to pytest only" in capsys.readouterr().err
    (world.path / "t.evalset.yaml").unlink()
    assert judge() == 2
    assert "name the evalset with --evalset FILE" in capsys.readouterr().err
    ((world.path / ".ftgate" / "runs" / "latest") / "report.json").unlink()
    assert judge() == 2
    assert "was killed or still goes on" in capsys.readouterr().err


KEY = TrialKey(evalset="t", case="c", arm="as_is", role="candidate", repeat=1)


def test_a_cut_output_is_not_judged_again() -> None:
    cut = Record(key=KEY, outcome="passed", output="a\n… [cut: 9 characters]", flags=("output_cut",))
    arguments = "{\n… [cut: 2000000 characters]"
    call = Record(key=KEY, outcome="passed", tool_calls=(ToolCall(name="f", arguments=arguments),))
    for record in (cut, call):
        restored = restore_answer(record)
        assert isinstance(restored, Failure)
        assert restored.signature == "infra:output_cut"


def test_records_give_back_what_they_were_made_of() -> None:
    crashed = Record(
        key=KEY,
        outcome="error",
        error="grader x: broke",
        grades=(Grade(grader="x", outcome="error", reason="broke"),),
    )
    assert isinstance(restore_answer(crashed), Response)
    filtered = Record(key=KEY, outcome="failed", signature="refusal:content_filter", error="filtered")
    assert restore_answer(filtered) == Failure(
        signature="refusal:content_filter", message="filtered", attempts=0
    )
    unnamed = restore_answer(Record(key=KEY, outcome="ungraded", error="filtered"))
    assert isinstance(unnamed, Failure)
    assert unnamed.signature == "call:not_named"


SCHEMA = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}


@pytest.mark.parametrize(
    "change",
    [
        {"response_format": {"type": "json_object"}},
        {"response_format": {"schema": {**SCHEMA, "required": []}}},
        {"response_format": {"schema": SCHEMA}, "prompt": "Answer in JSON: {{ input }}"},
    ],
    ids=["format", "schema", "prompt"],
)
def test_what_was_never_refused_is_stale(world: World, change: dict[str, Any]) -> None:
    def refuse(trial: Trial) -> Answer:
        return UNSUPPORTED if trial.key.arm == "structured" else say("no")

    arms = {"structured": {"response_format": {"schema": SCHEMA}}, "few_shot": {"examples": SHOTS, "k": 2}}
    written = run(world, ladder(graders=["is-json"], arms=arms, decision={"knowledge": "none"}), refuse)
    assert world.verdict()["decision"] == "fine_tune_justified"
    stored = world.report()["header"]["run"]
    world.write("t", {**written, "arms": {**arms, "structured": change}})
    assert judge(stored) == replay(world) == 1
    judge(stored)
    assert world.verdict()["decision"] == "incomplete"
    assert world.entry()["missing"]["stale"] == 120
    # Fewer cases do not make it another request.
    world.write("t", {**written, "cases": make_cases(60)[5:]})
    judge(stored)
    assert {arm["arm"]: arm["status"] for arm in world.entry()["arms"]} == {
        "as_is": "run",
        "structured": "skipped",
        "few_shot": "run",
    }


def test_judging_a_judged_run_still_says_that_the_rules_came_later(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    written = run(world, ladder(100, arms={}, repeats=1))
    stored = world.report()["header"]["run"]
    passing = [case for case in written["cases"] if int(case["id"][1:]) % 3 == 2]
    world.write("t", {**written, "cases": passing})
    for _ in range(3):
        judge()
        findings = world.entry()["findings"]
        assert (findings[0]["severity"], stored in findings[0]["what"]) == ("warning", True)
        assert any(finding["what"].startswith("67 stored records are of cases") for finding in findings)
        assert world.verdict()["p"] is None
    capsys.readouterr()
    judge("latest", "--bar", "0.5")
    assert "If this verdict were wrong" not in capsys.readouterr().out
    # The bar stays, as evidence and strict do, and that is said.
    judge()
    assert world.entry()["bar"] == 0.5
    assert "the bar is 0.5, as given when this run was judged before" in "".join(capsys.readouterr())
    judge("latest", "--bar", "0.7")
    assert world.entry()["bar"] == 0.7
    assert "the bar is" not in "".join(capsys.readouterr())
    # What is there again was not left out; its answers are lost all the same.
    world.write("t", written)
    judge()
    assert world.verdict()["decision"] == "incomplete"
    assert not any("no more" in finding["what"] for finding in world.entry()["findings"])


def reasking(graders: list[Any]) -> dict[str, Any]:
    cases = [{**case, "expected": f"yes-{case['id']}"} for case in make_cases(60)]
    arms = {"reask": {"max_turns": 1}}
    return ladder(graders=graders, arms=arms, cases=cases, decision={"looks": 1})


def test_turns_that_other_format_graders_asked_for_are_stale(world: World) -> None:
    def script(trial: Trial) -> Answer:
        number = int(trial.key.case[1:])
        if number % 2:
            return say(f'"yes-{trial.key.case}"')
        if trial.key.arm == "reask":
            return say(f'"yes-{trial.key.case}"', turns=2)
        return say(f"The answer: yes-{trial.key.case}")

    written = reasking(["is-json"])
    path = world.write("t", written)
    settings = Settings(rootdir=str(world.path), directory=str(world.path / ".ftgate"))
    plan = load_plan(path, settings, builtin_registries())
    rows = [
        row_line(
            RowKey("t", trial.key.case, trial.key.arm, trial.key.role, trial.key.repeat),
            trial.request_hash,
            script(trial),
            trial.graders_hash,
        )
        for item in plan.items
        for trial in item.trials
    ]
    (world.path / "recorded.jsonl").write_text("\n".join(rows))
    replay(world)
    stored = world.report()["header"]["run"]
    assert [arm["accuracy"]["value"] for arm in world.entry()["arms"]] == [0.5, 1.0]
    # Graders that say nothing of the format change no turn.
    for graders, stale in (
        (["is-json", {"contains": "yes"}], 0),
        ([{"regex": "yes-"}, {"not-contains": "The answer"}], 60),
        ([{"is-json": {"schema": {"type": "object"}}}], 120),
    ):
        world.write("t", {**written, "graders": graders})
        replay(world)
        expected = outcome(world)
        assert world.entry()["missing"]["stale"] == stale
        judge(stored)
        found = without_hindsight(outcome(world))
        for each in (found, expected):
            for record in each["records"]:
                record.pop("error", None)
            for entry in each["entries"]:
                del entry["findings"]
        assert found == without_odds(expected)


def test_what_only_pytest_knows_is_told(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    inside = world.path / "inside"
    inside.mkdir()
    (world.path / "shared.json").write_text('{"type": "string"}')
    world.pytester.makeini("[pytest]\nftgate_allow_outside_files = true\n")
    (world.path / "pytest.ini").write_text("[pytest]\nftgate_allow_outside_files = true\n")
    run(world, ladder(arms={}))
    header = world.report()["header"]["settings"]
    assert (header["allow_outside_files"], header["code_unsafe"]) == (True, False)
    capsys.readouterr()
    judge()
    said = capsys.readouterr().err
    assert "`ftgate_allow_outside_files` on" in said
    assert "conftest.py" not in said
    (world.path / "conftest.py").write_text("")
    judge("latest", "--allow-outside-files", "--json")
    said = capsys.readouterr().err
    assert "ini" not in said
    assert "note: conftest.py is not read and no hook called" in said
    assert world.report()["header"]["settings"]["allow_outside_files"] is True


def test_files_outside_of_the_rootdir_need_the_users_word(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written = run(world, ladder(arms={}))
    stored = (world.path / ".ftgate" / "runs" / "latest").resolve()
    (world.path / "inside").mkdir()
    (world.path / "shared.json").write_text('{"type": "string"}')
    outside = {**written, "ftgate": 1, "name": "t", "graders": [{"is-json": {"schema": "../shared.json"}}]}
    (world.path / "inside" / "t.evalset.yaml").write_text(json.dumps(outside))
    monkeypatch.chdir(world.path / "inside")
    arguments = [str(stored), "--evalset", "t.evalset.yaml", "--out", "."]
    capsys.readouterr()
    assert judge(*arguments) == 2
    assert "no ini is read here: give --allow-outside-files" in capsys.readouterr().err
    assert judge(*arguments, "--allow-outside-files") == 1
