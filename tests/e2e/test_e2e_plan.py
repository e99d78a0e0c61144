"""--ftgate-plan: what a run would take, said before any call."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import Any

import pytest
from e2e_world import World, make_cases, model_at
from servers import Call, ChatServer


def echo(call: Call) -> str:
    return "yes-" + call.prompt.rsplit("key=", 1)[1][:4]


def evalset(server: ChatServer | None = None, count: int = 60, **more: Any) -> dict[str, Any]:
    models: dict[str, Any] = {"candidate": {"model": "openai/gpt-4o-mini", "params": {"max_tokens": 50}}}
    if server is not None:
        models = model_at(server, max_tokens=50)
    return {
        "models": models,
        "prompt": "{{ input }}",
        "graders": ["equals"],
        "repeats": 2,
        "decision": {"looks": 1},
        "cases": make_cases(count),
        **more,
    }


PLAN = ("--ftgate-plan",)


def rows(result: pytest.RunResult) -> dict[str, list[str]]:
    """The table's rows by the arm they are of: trials, calls, tokens in, tokens out, price, time."""
    lines = [re.split(r" {2,}", line.strip()) for line in result.outlines if line.startswith("  ")]
    return {cells[0]: cells[1:] for cells in lines if len(cells) == 7}


def test_says_what_the_run_would_take_and_asks_nothing(world: World) -> None:
    with world.serve(echo) as server:
        arms = {"rewritten": {"prompt": "Say it: {{ input }}"}, "repair": {}}
        world.write("t", evalset(server, arms=arms))
        result = world.run(*PLAN)
        assert server.count == 0
    assert result.ret == 0
    assert not (world.path / ".ftgate").exists()
    table = rows(result)
    assert table["as_is"][:2] == ["120", "120"]
    assert table["rewritten"][:2] == ["120", "120"]
    assert table["repair"][:2] == ["120", "0"]
    assert table["all"][:2] == ["360", "240"]
    said = " ".join(result.stdout.str().split())
    assert "an accuracy between" in said
    assert "cannot be told from the bar of 80 %" in said
    assert "If as_is is proven at the bar" in said
    assert "price unknown of openai/scripted: give `price:`" in said
    assert max(map(len, result.outlines[result.outlines.index("t.evalset.yaml") :])) <= 80
    assert result.stdout.str().isascii()


def test_the_calls_of_the_plan_are_those_of_the_run(world: World) -> None:
    with world.serve(echo) as server:
        arms = {"rewritten": {"prompt": "Say it: {{ input }}"}}
        path = world.write("t", evalset(server, count=20, arms=arms, decision="off"))
        planned = rows(world.run(*PLAN))["all"]
        world.run("-k", "c001")
        assert server.count == 4
        rest = rows(world.run(*PLAN))["all"]
        refreshed = rows(world.run(*PLAN, "--ftgate-refresh"))["all"]
        world.run()
        assert int(planned[1]) == server.count == 80
        again = rows(world.run(*PLAN))["all"]
        assert server.count == 80
    assert rest[1] == "76"
    assert refreshed[1] == "80"
    assert again[:2] == ["80", "0"]
    assert path.exists()


def test_prices_stated_and_listed(world: World) -> None:
    # 60 cases, 2 repeats: 120 calls; "key=c000" is 2 tokens, "yes-c000" 2, max_tokens 50.
    world.write("t", evalset())
    listed = rows(world.run(*PLAN))["as_is"]
    low = 120 * (2 * 0.15 + 2 * 0.60) / 1e6
    high = 120 * (2 * 0.15 + 50 * 0.60) / 1e6
    assert low < 0.001
    assert listed[4] == f"<$0.001-{high:.2g}"
    stated = evalset()
    stated["models"]["candidate"]["price"] = {"input_usd_per_m": 1e6, "output_usd_per_m": 0}
    world.write("t", stated)
    assert rows(world.run(*PLAN))["as_is"][4] == "$240.00"


def test_replay_takes_no_call(world: World) -> None:
    with world.serve(echo) as server:
        world.write("t", evalset(server, count=5))
        world.run("--ftgate-record", "r.jsonl", "--ftgate-dir", "other")
    result = world.run(*PLAN, "--ftgate-replay", "r.jsonl")
    assert rows(result)["as_is"][:2] == ["10", "0"]
    result.stdout.fnmatch_lines(["*recorded answers are judged: no call*"])


def test_judges_are_counted_too(world: World) -> None:
    plan = evalset(count=10, graders=["equals", {"llm-rubric": "it is polite"}])
    plan["models"]["judge"] = {"model": "openai/gpt-4o", "params": {"max_tokens": 100}}
    world.write("t", plan)
    table = rows(world.run(*PLAN))
    assert table["[judge]"][:2] == ["-", "0-60"]
    assert table["all"][:2] == ["20", "20-80"]


def test_a_selection_has_a_smaller_plan_and_no_verdict(world: World) -> None:
    world.write("t", evalset())
    result = world.run(*PLAN, "-k", "c001 or c002")
    assert rows(result)["as_is"][:2] == ["4", "4"]
    assert "cannot be told" not in result.stdout.str()
    result.stdout.fnmatch_lines(["*no verdict*"])


def test_an_identical_temperature_0_may_take_fewer_calls(world: World) -> None:
    plan = evalset(repeats=5)
    plan["models"]["candidate"]["params"]["temperature"] = 0
    world.write("t", plan)
    # 20 cases twice and 40 once, or all five times.
    assert rows(world.run(*PLAN))["as_is"][:2] == ["300", "80-300"]


def test_too_few_cases_are_said(world: World) -> None:
    world.write("t", evalset(count=8))
    said = " ".join(world.run(*PLAN).stdout.str().split())
    assert "no accuracy can be proven to reach the bar of 80 %" in said
    assert "8 different cases can be judged, a diagnosis needs 50" in said


def test_a_gate_that_cannot_pass_fails_the_plan(world: World) -> None:
    world.write("t", evalset(count=8, gates={"accuracy": {"evidence": "prove-pass"}}))
    result = world.run(*PLAN)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*gate accuracy cannot pass*"])


def test_several_evalsets_are_summed_and_plain_tests_are_not_run(world: World) -> None:
    world.write("a", evalset(count=5))
    world.write("b", evalset(count=5))
    world.pytester.makepyfile("def test_not_run(): raise SystemExit(3)")
    result = world.run(*PLAN)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["All 2 evalsets: 20 calls, *"])


def test_no_evalset(world: World) -> None:
    result = world.run(*PLAN)
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    result.stdout.fnmatch_lines(["no evalset*was selected"])


def test_collect_only_stays_what_it_is(world: World) -> None:
    world.write("t", evalset(count=3))
    result = world.run(*PLAN, "--collect-only", "-q")
    assert "t.evalset.yaml::as_is::c001" in result.stdout.str()
    assert "ftgate plan" not in result.stdout.str()


def test_a_damaged_store_is_said_and_left_alone(world: World) -> None:
    world.write("t", evalset(count=3))
    store = world.path / ".ftgate" / "responses.sqlite"
    store.parent.mkdir()
    store.write_bytes(b"no database" * 100)
    result = world.run(*PLAN)
    assert result.ret == 0
    assert rows(result)["as_is"][:2] == ["6", "6"]
    result.stdout.fnmatch_lines(["*responses.sqlite cannot be read*"])
    assert store.read_bytes() == b"no database" * 100


def test_one_process_makes_the_plan_and_without_litellm(world: World) -> None:
    world.write("t", evalset(count=5))
    (world.path / "conftest.py").write_text(
        "import json, os, sys\n"
        "def pytest_unconfigure(config):\n"
        "    seen = {'litellm': 'litellm' in sys.modules, 'worker': os.environ.get('PYTEST_XDIST_WORKER')}\n"
        "    open(f'seen-{os.getpid()}.json', 'w').write(json.dumps(seen))\n"
    )
    arguments = [sys.executable, "-m", "pytest", "--ftgate", "--ftgate-plan", "-n", "2", "-q"]
    # This test may itself run in a worker of xdist.
    environment = {name: value for name, value in os.environ.items() if "XDIST" not in name}
    done = subprocess.run(
        arguments, cwd=world.path, capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("ftgate plan") == 1
    seen = [json.loads(path.read_text()) for path in world.path.glob("seen-*.json")]
    assert seen == [{"litellm": False, "worker": None}]
    assert not (world.path / ".ftgate").exists()


def test_an_arm_that_may_stop_early_has_a_lower_end(world: World) -> None:
    world.write("t", evalset(count=200, decision={"looks": 4}))
    result = world.run("--ftgate-plan")
    low, high = map(int, rows(result)["as_is"][1].split("-"))
    assert 0 < low < high == 400
    result.stdout.fnmatch_lines(["*as_is may stop as soon as proven at the bar*"])


@pytest.mark.parametrize(
    ("caps", "status", "said"),
    [
        (("--ftgate-max-cost", "0.0001"), 1, "CAP BROKEN: --ftgate-max-cost 0.0001"),
        (("--ftgate-max-cost", "0.001"), 0, "warning: --ftgate-max-cost 0.001"),
        (("--ftgate-max-cost", "10"), 0, ""),
        (("--ftgate-max-tokens", "100"), 1, "CAP BROKEN: --ftgate-max-tokens 100"),
        (("--ftgate-max-tokens", "1000"), 0, "warning: --ftgate-max-tokens 1000"),
        (("--ftgate-max-tokens", "100000"), 0, ""),
    ],
)
def test_caps(world: World, caps: tuple[str, str], status: int, said: str) -> None:
    world.write("t", evalset())
    result = world.run(*PLAN, *caps)
    assert result.ret == status
    assert said in result.stdout.str()
    assert bool(said) == any(word in result.stdout.str() for word in ("CAP BROKEN", "warning: "))


def test_a_cap_on_cost_needs_every_price(world: World) -> None:
    plan = evalset()
    plan["models"]["candidate"]["model"] = "openai/no-such-model"
    world.write("t", plan)
    result = world.run(*PLAN, "--ftgate-max-cost", "5")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*price*"])
