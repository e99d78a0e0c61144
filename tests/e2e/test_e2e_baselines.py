"""Baselines from end to end: save, compare, what fails, what is only said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from e2e_world import World, make_cases, model_at
from jsonschema import Draft202012Validator
from servers import Call, ChatServer

SCHEMA = json.loads((Path(__file__).resolve().parents[2] / "schemas" / "report.schema.json").read_text())
GATES = {"accuracy": "off", "no_regression": {"against": "baseline"}, "collapse": {"against": "baseline"}}


class Answers:
    """A server's script: right unless the case is among `wrong`."""

    def __init__(self, *wrong: int) -> None:
        self.wrong = {f"c{number:03d}" for number in wrong}

    def __call__(self, call: Call) -> str:
        key = call.prompt.partition("key=")[2]
        return f"{'no' if key in self.wrong else 'yes'}-{key}"


def write(world: World, server: ChatServer, name: str = "t", count: int = 100, **more: Any) -> None:
    evalset = {
        "models": model_at(server, temperature=0.7),
        "prompt": "{{ input }}",
        "graders": ["equals"],
        "bar": 0.8,
        "decision": "off",
        "gates": GATES,
        "cases": make_cases(count),
    }
    world.write(name, {**evalset, **more})


def compared(world: World, name: str | None = None) -> dict[str, Any]:
    """The comparison of arm as_is with the baseline."""
    (pair,) = world.entry(name)["baseline"]["pairs"]
    return dict(pair)


def gates(world: World, name: str | None = None) -> dict[str, str]:
    return {gate["name"]: gate["outcome"] for gate in world.entry(name)["gates"]}


def test_three_broken_and_three_fixed_of_100_collapse_and_leave_accuracy_quiet(world: World) -> None:
    answers = Answers(10, 11, 12)
    with world.serve(answers) as server:
        write(world, server, gates={**GATES, "accuracy": {}})
        assert world.run("--ftgate-save", "main").ret == 0
        saved = (world.path / ".ftgate" / "baselines" / "main" / "t.json").read_text()
        answers.wrong = {"c020", "c021", "c022"}
        write(world, server, gates={**GATES, "accuracy": {}}, prompt="Please: {{ input }}")
        result = world.run(
            "--ftgate-compare", "main", "--ftgate-report", "markdown=out.md", "--junitxml=j.xml"
        )
    assert result.ret == 1
    assert gates(world) == {
        "complete": "passed", "accuracy": "passed", "no_regression": "passed", "collapse": "failed",
    }  # fmt: skip
    pair = compared(world)
    assert pair["pair"]["fixed"] == ["c010", "c011", "c012"]
    assert pair["pair"]["broken"] == pair["pair"]["collapsed"] == ["c020", "c021", "c022"]
    held = pair["pair"]
    told = [held[name] for name in ("other_accuracy", "own_accuracy", "difference")]
    assert told == pytest.approx([0.97, 0.97, 0.0])
    (flip,) = [flip for flip in pair["flips"] if flip["case"] == "c020"]
    assert (flip["input"], flip["before"], flip["now"]) == ("key=c020", "yes-c020", "no-c020")
    assert (flip["passed_before"], flip["passed_now"], flip["graded_now"]) == (5, 0, 5)
    assert pair["changes"] == ["the prompt was changed"]
    result.stdout.fnmatch_lines([
        "gate collapse: 3 cases always passed in baseline main, never now (they are: c020, c021, c022)",
        "*broken  c020  5/5 -> 0/5  \"key=c020\"",
        "*then  \"yes-c020\"",
        "*now   \"no-c020\"  value:text",
    ])  # fmt: skip
    markdown = (world.path / "out.md").read_text()
    assert (
        "| broken | `c020` | 5/5 -\\> 0/5 | `key=c020` | `yes-c020` | `no-c020` | `value:text` |" in markdown
    )
    assert "c020, c021, c022" in (world.path / "j.xml").read_text()
    Draft202012Validator(SCHEMA).validate(world.report())
    assert (world.path / ".ftgate" / "baselines" / "main" / "t.json").read_text() == saved


def test_absent_baseline_is_one_line_and_fails_only_where_it_is_required(world: World) -> None:
    with world.serve(Answers()) as server:
        write(world, server, count=10)
        write(world, server, "plain", count=10, gates={"accuracy": {}}, prompt="plain {{ input }}")
        result = world.run("--ftgate-compare", "main")
        assert result.ret == 0
        told = [line for line in result.outlines if "there is no baseline main yet" in line]
        assert len(told) == 2, "one line an evalset"
        assert gates(world, "t")["no_regression"] == gates(world, "t")["collapse"] == "skipped"
        assert world.entry("t")["baseline"] | {"why": ""} == {
            "name": "main", "found": False, "why": "", "is_required": False, "pairs": [],
        }  # fmt: skip
        assert world.run("--ftgate-compare", "main", "--ftgate-require-baseline").ret == 1
        assert gates(world, "t")["no_regression"] == gates(world, "t")["collapse"] == "failed"
        result = world.run("plain.evalset.yaml", "--ftgate-compare", "main", "--ftgate-require-baseline")
        assert result.ret == 1
        result.stdout.fnmatch_lines(["*plain.evalset.yaml: there is no baseline main yet*"])
        assert world.run("--ftgate-require-baseline").ret == pytest.ExitCode.USAGE_ERROR
        # No baseline named at all: the gates say how, and nothing fails.
        assert world.run().ret == 0
        assert "--ftgate-save NAME" in world.entry("t")["gates"][1]["reason"]


def test_two_evalsets_have_a_margin_and_a_baseline_of_their_own(world: World) -> None:
    answers = Answers()
    with world.serve(answers) as server:
        for name, margin in (("loose", 0.5), ("tight", 0.02)):
            gate = {"against": "baseline", "margin": margin, "evidence": "prove-pass"}
            own = {"gates": {"accuracy": "off", "no_regression": gate}, "prompt": name + " {{ input }}"}
            write(world, server, name, count=40, **own)
        assert world.run("--ftgate-save", "main").ret == 0
        write(world, server, "third", count=5, prompt="third {{ input }}")
        answers.wrong = {"c001", "c002"}
        result = world.run("--ftgate-compare", "main", "--ftgate-refresh")
    assert result.ret == 1
    assert gates(world, "loose")["no_regression"] == "passed"
    assert gates(world, "tight")["no_regression"] == "failed"
    assert "of other evalsets only (loose, tight)" in world.entry("third")["baseline"]["why"]
    assert compared(world, "tight")["changes"] == []


def test_what_cannot_be_compared_is_said_case_by_case(world: World) -> None:
    cases = make_cases(30)
    with world.serve(Answers()) as server:
        write(world, server, cases=cases)
        assert world.run("--ftgate-save", "main").ret == 0
        changed = [{**case} for case in cases[2:]]
        changed[0]["expected"] = "yes-something-else"
        changed[1]["id"] = "renamed"
        changed[2]["graders"] = [{"contains": "yes"}]
        changed.append({"id": "fresh", "input": "key=fresh", "expected": "yes-fresh"})
        write(world, server, cases=changed)
        assert world.run("--ftgate-compare", "main").ret == 0
        pair = compared(world)
        assert {left["case"]: left["why"] for left in pair["not_comparable"]} == {
            "c000": "gone", "c001": "gone", "c002": "changed", "c004": "graders", "fresh": "new",
        }  # fmt: skip
        assert pair["pair"]["cases"] == 26, "a case under another name is the same case"
        reason = world.entry()["gates"][1]["reason"]
        assert "5 cases cannot be compared (1 changed in what they ask or expect, " in reason
        # Other params: nothing can be compared, and that is no way around the gate.
        write(world, server, cases=cases, models=model_at(server, temperature=0.2))
        assert world.run("--ftgate-compare", "main").ret == 1
        assert gates(world)["no_regression"] == gates(world)["collapse"] == "failed"
        assert {left["why"] for left in compared(world)["not_comparable"]} == {"params"}
        assert compared(world)["pair"] is None


def test_a_new_gated_arm_is_held_against_what_shipped(world: World) -> None:
    answers = Answers(1, 2, 3)
    with world.serve(answers) as server:
        write(world, server, count=30)
        assert world.run("--ftgate-save", "main").ret == 0
        gate = {"no_regression": {"against": "baseline", "arm": "better"}, "accuracy": "off"}
        server.script = lambda call: Answers()(call) if call.prompt.startswith("Best") else answers(call)
        write(world, server, count=30, arms={"better": {"prompt": "Best: {{ input }}"}}, gates=gate)
        assert world.run("--ftgate-compare", "main").ret == 0
    pairs = {pair["arm"]: pair for pair in world.entry()["baseline"]["pairs"]}
    assert pairs["better"]["against_arm"] == "as_is"
    assert pairs["better"]["pair"]["fixed"] == ["c001", "c002", "c003"]
    assert pairs["as_is"]["pair"]["fixed"] == []


def test_selection_is_compared_but_neither_gated_nor_saved(world: World) -> None:
    with world.serve(Answers()) as server:
        write(world, server, count=20)
        assert world.run("--ftgate-save", "main").ret == 0
        before = (world.path / ".ftgate" / "baselines" / "main" / "t.json").read_bytes()
        result = world.run("-k", "c001 or c002", "--ftgate-compare", "main", "--ftgate-save", "main")
    assert result.ret == 0
    assert gates(world)["no_regression"] == "skipped"
    assert compared(world)["pair"]["cases"] == 2
    assert {left["why"] for left in compared(world)["not_comparable"]} == {"not_judged_now"}
    result.stdout.fnmatch_lines(["*t.evalset.yaml was not saved as main: 2 of 20 cases selected"])
    assert (world.path / ".ftgate" / "baselines" / "main" / "t.json").read_bytes() == before


def test_damaged_baseline_is_refused_before_anything_is_paid(world: World) -> None:
    home = world.path / ".ftgate" / "baselines" / "main"
    home.mkdir(parents=True)
    with world.serve(Answers()) as server:
        write(world, server, count=5)
        for content in ("{", '{"ftgate_baseline": 99}', '["x"]', '{"ftgate_baseline": 1, "evalset": 7}'):
            (home / "t.json").write_text(content)
            result = world.run("--ftgate-compare", "main")
            assert result.ret == pytest.ExitCode.USAGE_ERROR
            result.stderr.fnmatch_lines(["*t.json is no baseline that can be used*"])
        assert server.count == 0
        assert world.run("--ftgate-save", "../x").ret == 0, "any path will do"
        assert (world.path.parent / "x" / "t.json").is_file()
        for name in ("latest", "a b", "-x", ".hidden"):
            assert world.run(f"--ftgate-save={name}").ret == pytest.ExitCode.USAGE_ERROR


def test_run_can_be_held_against_a_path_a_run_and_the_latest_one(world: World) -> None:
    answers = Answers()
    with world.serve(answers) as server:
        write(world, server, count=30)
        assert world.run("--ftgate-save", "kept/base", "--ftgate-report", "json=kept/r.json").ret == 0
        run = world.report()["header"]["run"]
        answers.wrong = {f"c{number:03d}" for number in range(12)}
        for other in ("kept/base", "kept/base/t.json", f".ftgate/runs/{run}", run, "kept/r.json"):
            assert world.run("--ftgate-compare", other, "--ftgate-refresh").ret == 1, other
            assert len(compared(world)["pair"]["broken"]) == 12
        # The latest run is the broken one by now.
        assert world.run("--ftgate-compare", "latest", "--ftgate-refresh").ret == 0
        assert compared(world)["pair"]["broken"] == []
        assert gates(world)["no_regression"] == "passed"


@pytest.mark.slow
def test_two_workers_save_the_same_bytes_and_compare_alike(world: World) -> None:
    answers = Answers(3, 4)
    with world.serve(answers) as server:
        write(world, server, count=30, repeats=5)
        assert world.run("--ftgate-save", "one").ret == 0
        assert world.run("--ftgate-save", "two", "-n", "2", subprocess=True).ret == 0
        answers.wrong = {"c003", "c007"}
        one = world.run("--ftgate-compare", "one", "--ftgate-refresh")
        alone = world.entry()["baseline"]["pairs"]
        two = world.run("--ftgate-compare", "two", "--ftgate-refresh", "-n", "2", subprocess=True)
    saved = [(world.path / ".ftgate" / "baselines" / name / "t.json").read_bytes() for name in ("one", "two")]
    assert saved[0] == saved[1]
    assert one.ret == two.ret == 1
    assert world.entry()["baseline"]["pairs"] == alone
    assert gates(world)["collapse"] == "failed"


HOSTILE = (
    "\x1b[31mred\x1b[0m \x07\u202egnp <script>alert(1)</script> ](javascript:x) @everyone | `` |"
    "\n::set-output name=x::y\n::add-mask::z\n##[error]no "
)


def test_hostile_answers_stay_what_they_are_in_every_report(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "sk-planted-0123456789abcdef"
    monkeypatch.setenv("PLANTED_API_KEY", key)
    answers = Answers()
    with world.serve(answers) as server:
        write(world, server, count=20)
        assert world.run("--ftgate-save", "main").ret == 0
        server.script = lambda _call: HOSTILE + key + "x" * 50_000
        report = ("--ftgate-report", "markdown=out.md", "--junitxml=j.xml")
        result = world.run("--ftgate-compare", "main", "--ftgate-refresh", "--ftgate-save", "next", *report)
    assert result.ret == 1
    saved = (world.path / ".ftgate" / "baselines" / "next" / "t.json").read_text()
    markdown = (world.path / "out.md").read_text()
    told = [result.stdout.str(), result.stderr.str(), saved, markdown, (world.path / "j.xml").read_text()]
    told.append(json.dumps(world.report()["evalsets"][0]["baseline"]))
    assert not any(key in text for text in told)
    assert len(saved) < 40_000, "answers are cut"
    assert len(json.dumps(world.entry()["baseline"])) < 60_000
    terminal = result.stdout.str()
    assert "\x1b" not in terminal
    assert "\u202e" not in terminal
    lines = [*terminal.splitlines(), *markdown.splitlines()]
    assert not [line for line in lines if line.lstrip().startswith(("::", "##["))]
    rows = [line for line in markdown.splitlines() if line.startswith("| broken")]
    assert len(rows) == 10
    assert "10 more broken" in markdown
    for row in rows:
        code = row.replace("\\|", "")
        assert code.count(" | ") == 6, "no cell is broken open"
        assert "<script>" in row, "inside a code span it is only text"
        assert "::" not in row


CONFTEST = """
from pytest_ftgate.model.verdict import GateResult

class NoDrop:
    options = {}

    def evaluate(self, spec, summary, *, evidence, baseline=None):
        then = baseline.arm("as_is").accuracy.value if baseline else None
        now = summary.arm("as_is").accuracy.value
        return GateResult(
            name=spec.name, arm=spec.arm, role=spec.role, value=now, limit=then, reason=f"{then} then",
            outcome="skipped" if then is None else "passed" if now >= then else "failed",
        )

def pytest_ftgate_register_gates(registry):
    registry.register("no_drop", NoDrop())

def pytest_ftgate_decide(summary, baseline):
    print("decided with", baseline and baseline.arm("as_is").accuracy.hits)
"""


def test_gates_and_decisions_of_others_get_the_baseline(world: World) -> None:
    world.pytester.makeconftest(CONFTEST)
    answers = Answers()
    with world.serve(answers) as server:
        write(world, server, count=10, gates={"accuracy": "off", "no_drop": {}})
        assert world.run("-s", "--ftgate-save", "main").ret == 0
        assert gates(world)["no_drop"] == "skipped"
        answers.wrong = {"c003"}
        result = world.run("-s", "--ftgate-compare", "main", "--ftgate-refresh")
    assert result.ret == 1
    assert gates(world)["no_drop"] == "failed"
    result.stdout.fnmatch_lines(["*decided with 50*"])


def test_dev_cases_are_held_against_dev_and_never_gated(world: World) -> None:
    cases = [{**case, "split": "dev" if i < 10 else "holdout"} for i, case in enumerate(make_cases(30))]
    answers = Answers()
    with world.serve(answers) as server:
        write(world, server, cases=cases)
        assert world.run("--ftgate-save", "main").ret == 0
        answers.wrong = {"c001", "c002"}
        arguments = ("--ftgate-compare", "main", "--ftgate-refresh")
        assert world.run(*arguments).ret == 0, "dev cases judge nothing"
        pair = compared(world)
        assert pair["pair"]["cases"] == 20
        assert {left["why"] for left in pair["not_comparable"]} == {"dev"}
        assert world.run("-k", "split:dev", *arguments).ret == 0
        pair = compared(world)
        assert pair["pair"]["cases"] == 10
        assert pair["pair"]["broken"] == ["c001", "c002"]


def test_arms_are_not_stopped_early_where_runs_are_compared(world: World) -> None:
    with world.serve(Answers()) as server:
        write(world, server, count=100, decision={}, gates={"accuracy": {}})
        assert world.run().ret == 0
        assert server.count < 500, "proven at an early look"
        assert world.run("--ftgate-save", "main").ret == 0
        assert server.count == 500
        assert world.run("--ftgate-compare", "main").ret == 0
    assert compared(world)["pair"]["cases"] == 100


PYTHON_GRADER = """
def is_good(output, case):
    return output.startswith({prefix!r})

def pytest_ftgate_register_graders(functions):
    functions.register("is_good", is_good)
"""


def test_changed_code_of_a_grader_is_another_grader(world: World) -> None:
    world.pytester.makeconftest(PYTHON_GRADER.format(prefix="yes"))
    with world.serve(Answers()) as server:
        write(world, server, count=10, graders=[{"python": "is_good"}])
        assert world.run("--ftgate-save", "main").ret == 0
        assert world.run("--ftgate-compare", "main").ret == 0
        assert compared(world)["not_comparable"] == []
        world.pytester.makeconftest(PYTHON_GRADER.format(prefix=""))
        # In a process of its own: this one has the old source of conftest.py in mind.
        assert world.run("--ftgate-compare", "main", subprocess=True).ret == 1
    assert {left["why"] for left in compared(world)["not_comparable"]} == {"graders"}
    assert gates(world)["no_regression"] == "failed"
