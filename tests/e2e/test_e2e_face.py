"""The pytest face: items, node ids, outcomes, selection, gates, JUnit."""

from __future__ import annotations

import json
import sys
import xml.etree.ElementTree as ET

from e2e_world import QUICK, World, make_cases, model_at
from servers import Call, ChatServer, Reply


def answer_by_key(wrong: set[str] = frozenset()) -> object:  # type: ignore[assignment]
    def script(call: Call) -> str:
        key = call.prompt.rsplit("key=", 1)[1][:4]
        return f"no-{key}" if key in wrong else f"yes-{key}"

    return script


def simple(server: ChatServer, count: int = 6, **more: object) -> dict[str, object]:
    return {
        "models": model_at(server),
        "prompt": "{{ input }}",
        "graders": ["equals"],
        "repeats": 2,
        "cases": make_cases(count),
        **more,
    }


def test_items_outcomes_and_node_ids(world: World) -> None:
    with world.serve(answer_by_key(wrong={"c002"})) as server:
        world.write("t", simple(server))
        result = world.run("-v")
    result.stdout.fnmatch_lines(
        [
            "*t.evalset.yaml::as_is::c000 PASSED*",
            "*t.evalset.yaml::as_is::c002 MISSED*",
            "*t.evalset.yaml::gate::accuracy PASSED*",
        ]
    )
    assert "1 missed" in result.stdout.str()
    assert result.ret == 0
    assert server.count == 12
    assert [r["case"] for r in world.records()][:4] == ["c000", "c000", "c001", "c001"]


def test_many_cases_are_listed_the_same_before_and_after_they_were_planned(world: World) -> None:
    with world.serve(answer_by_key()) as server:
        world.write("t", simple(server, count=700, repeats=5, arms={"repair": {}}))
        first = world.run("--collect-only", "-q")
        assert list((world.path / ".ftgate" / "cache").iterdir())
        again = world.run("--collect-only", "-q")
    listed = [line for line in first.outlines if "::" in line]
    assert len(listed) == 1400
    assert [line for line in again.outlines if "::" in line] == listed


def test_junit_and_collect_only(world: World) -> None:
    with world.serve(answer_by_key(wrong={"c002"})) as server:
        world.write("t", simple(server))
        collected = world.run("--collect-only", "-q")
        assert server.count == 0
        assert not (world.path / ".ftgate").exists()
        result = world.run("--junitxml=j.xml")
    assert "t.evalset.yaml::as_is::c005" in collected.stdout.str()
    assert result.ret == 0
    cases = {c.get("name"): c for c in ET.parse(world.path / "j.xml").iter("testcase")}
    assert cases["c002"].find("skipped").get("message") == "2/2 failed: value:text"
    assert "accuracy" in cases


def test_must_pass_fails_the_build_and_lf_runs_it_again(world: World) -> None:
    with world.serve(answer_by_key(wrong={"c002"})) as server:
        evalset = simple(server)
        evalset["cases"][2]["must_pass"] = True
        world.write("t", evalset)
        result = world.pytester.runpytest_inprocess("--ftgate")
        assert result.ret == 1
        result.stdout.fnmatch_lines(["*must_pass case 'c002'*2/2 failed*"])
        again = world.pytester.runpytest_inprocess("--ftgate", "--lf")
    again.stdout.fnmatch_lines(["*not evaluated: 1 of 6 *"])
    assert world.verdict()["decision"] == "not_asked"


def test_a_failed_gate_selects_its_whole_evalset(world: World) -> None:
    with world.serve(answer_by_key(wrong={f"c{i:03d}" for i in range(5)})) as server:
        world.write("t", simple(server))
        first = world.pytester.runpytest_inprocess("--ftgate")
        assert first.ret == 1
        first.stdout.fnmatch_lines(["FAILED t.evalset.yaml::gate::accuracy*"])
        pasted = world.run("t.evalset.yaml::gate::accuracy")
        pasted.assert_outcomes(failed=1, passed=2)
        rerun = world.pytester.runpytest_inprocess("--ftgate", "--lf")
        assert world.entry()["verdict"]["decision"] != "not_asked"
    assert rerun.ret == 1


def test_selection_gives_no_verdict_and_only_selected_items_are_asked(world: World) -> None:
    with world.serve(answer_by_key()) as server:
        evalset = simple(server)
        evalset["cases"][0]["tags"] = ["eu"]
        world.write("t", evalset)
        result = world.run("-k", "eu")
    assert server.count == 2
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*1 of 6 * selected*"])
    assert world.verdict()["decision"] == "not_asked"
    assert {g["outcome"] for g in world.entry()["gates"]} == {"skipped"}


def test_strict_fails_a_partial_selection(world: World) -> None:
    with world.serve(answer_by_key()) as server:
        world.write("t", simple(server, count=20))
        result = world.run("-k", "c001", "--ftgate-strict")
    assert result.ret == 1


def test_x_stops_and_is_incomplete(world: World) -> None:
    with world.serve(answer_by_key(wrong={"c002"})) as server:
        evalset = simple(server)
        evalset["cases"][2]["must_pass"] = True
        world.write("t", evalset)
        result = world.run("-x")
    assert result.ret != 0
    assert world.verdict()["decision"] == "incomplete"


def test_unanswered_items(world: World) -> None:
    def script(call: Call) -> Reply | str:
        if "c001" in call.prompt:
            return Reply(status=400, error="no such thing")
        return answer_by_key()(call)  # type: ignore[operator]

    with world.serve(script) as server:
        world.write("t", simple(server))
        result = world.run("-v")
    result.stdout.fnmatch_lines(["*as_is::c001 UNANSWERED*", "*gate::complete*"])
    assert result.ret == 1
    assert world.verdict()["decision"] == "incomplete"


def test_crashing_grader_is_an_error_of_ours(world: World) -> None:
    world.pytester.makeconftest(
        "def boom(*args, **kwargs):\n    raise RuntimeError('grader bug')\n"
        "def pytest_ftgate_register_graders(registry, functions):\n    functions.register('boom', boom)\n"
    )
    with world.serve("x") as server:
        evalset = simple(server, count=2)
        evalset["graders"] = [{"python": "boom"}]
        world.write("t", evalset)
        result = world.run("-v")
    result.stdout.fnmatch_lines(["*as_is::c000 ERROR*", "*grader bug*"])
    assert result.ret == 1
    assert {r["outcome"] for r in world.records()} == {"error"}


def test_without_the_flag_nothing_happens(world: World) -> None:
    world.write("t", {"prompt": "{{ input }}", "graders": ["equals"], "cases": make_cases(1)})
    world.pytester.makepyfile("def test_it(): pass")
    result = world.pytester.runpytest_inprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1)
    assert sorted(p.name for p in world.path.iterdir() if p.name != "__pycache__") == [
        "t.evalset.yaml",
        "test_without_the_flag_nothing_happens.py",
    ]


def test_no_evalset_is_ordinary_pytest_with_one_warning(world: World) -> None:
    world.pytester.makepyfile("def test_it(): pass")
    result = world.run()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*warning: no evalset*"])
    assert result.ret == 0


def test_reruns_are_refused(world: World) -> None:
    world.pytester.makeconftest("def pytest_addoption(parser):\n    parser.addoption('--reruns', type=int)\n")
    with world.serve("x") as server:
        world.write("t", simple(server))
        result = world.run("--reruns", "2")
    assert result.ret == 4
    assert "--reruns would hide" in result.stdout.str() + result.stderr.str()
    assert server.count == 0


def test_stale_cassette_is_never_green(world: World) -> None:
    with world.serve(answer_by_key()) as server:
        world.write("t", simple(server))
        assert world.run("--ftgate-record", "c.jsonl").ret == 0
        world.write("t", simple(server, prompt="Changed: {{ input }}"))
    replayed = world.run("--ftgate-replay", "c.jsonl")
    assert replayed.ret == 1
    assert world.verdict()["decision"] == "incomplete"
    assert {r["signature"] for r in world.records()} == {"infra:stale"}


def test_replay_gives_the_recorded_report(world: World) -> None:
    with world.serve(answer_by_key(wrong={"c001"})) as server:
        world.write("t", simple(server))
        assert world.run("--ftgate-record", "c.jsonl").ret == 0
        live = world.entry()
        sent = server.count
        assert world.run("--ftgate-replay", "c.jsonl").ret == 0
        assert server.count == sent
    assert comparable(world.entry()) == comparable(live)


def comparable(entry: dict) -> dict:
    """An evalset's report without timings and spending."""
    dropped = {
        "latency_p50_s",
        "latency_p95_s",
        "cost_usd",
        "requests_sent",
        "unpriced_calls",
        "settings_hash",
    }
    if isinstance(entry, dict):
        return {k: comparable(v) for k, v in entry.items() if k not in dropped}
    return [comparable(v) for v in entry] if isinstance(entry, list) else entry  # type: ignore[return-value]


def test_must_pass_counts_where_a_gate_reads(world: World) -> None:
    """Trying a remedy, or comparing with a weaker model, must not fail a build by a case."""

    def script(call: Call) -> str:
        return "wrong" if "ALT" in call.prompt else answer_by_key()(call)  # type: ignore[operator]

    with world.serve(script) as server:
        evalset = simple(server, arms={"alt": {"prompt": "ALT {{ input }}"}}, decision="off")
        for case in evalset["cases"]:
            case["must_pass"] = True
        world.write("t", evalset)
        assert world.run().ret == 0
        evalset["gates"] = {"accuracy": {"arm": "alt"}}
        world.write("t", evalset)
        gated = world.run()
    assert gated.ret == 1
    gated.stdout.fnmatch_lines(["*must_pass case 'c000' under alt*"])


def test_command_line_before_evalset_before_ini(world: World) -> None:
    world.pytester.makeini("[pytest]\nftgate_repeats = 1\nftgate_evidence = estimate\n")
    with world.serve(answer_by_key()) as server:
        gates = {"accuracy": {"evidence": "prove-pass"}}
        world.write("t", simple(server, count=20, repeats=3, gates=gates))
        assert world.run().ret == 0
        assert len(world.records()) == 60
        assert {g["evidence"] for g in world.entry()["gates"] if g["name"] == "accuracy"} == {"prove-pass"}
        assert world.run("--ftgate-repeats", "2").ret == 0
        assert len(world.records()) == 40
        world.write("t", {k: v for k, v in simple(server, count=20).items() if k != "repeats"})
        assert world.run().ret == 0
        assert len(world.records()) == 20


def test_an_arm_called_gateway_is_no_gate(world: World) -> None:
    with world.serve(answer_by_key()) as server:
        world.write("t", simple(server, arms={"gateway": {"prompt": "x {{ input }}"}}))
        world.run("t.evalset.yaml::gateway::c001")
    assert server.count == 2


def test_an_evalset_outside_the_rootdir_is_refused(world: World) -> None:
    root = world.path / "root"
    root.mkdir()
    with world.serve(answer_by_key()) as server:
        world.write("t", simple(server))
        result = world.run("--rootdir", str(root), "t.evalset.yaml")
        assert result.ret == 2
        result.stdout.fnmatch_lines(["*lies outside pytest's rootdir*"])
        distributed = world.run("--rootdir", str(root), "t.evalset.yaml", "-n", "2", subprocess=True)
    assert distributed.ret != 0
    assert server.count == 0


def test_one_probe_for_each_server(world: World) -> None:
    """What one server enforces says nothing of another that the same model id is asked at."""

    def enforce(call: Call) -> str:
        wanted = (call.get("response_format") or {}).get("json_schema", {}).get("schema")
        if not wanted:
            return "yes"
        return json.dumps({key: spec["enum"][0] for key, spec in wanted["properties"].items()})

    with world.serve(enforce) as strict, world.serve("prose") as loose:
        for name, server in (("strict", strict), ("loose", loose)):
            evalset = simple(server, arms={"structured": {}})
            evalset["graders"] = [{"label": {"labels": ["yes", "no"]}}]
            for case in evalset["cases"]:
                case["expected"] = "yes"
            world.write(name, evalset)
        world.run()
    found = {
        name: next(a for a in world.entry(name)["arms"] if a["arm"] == "structured")["schema_enforced"]
        for name in ("strict", "loose")
    }
    assert found == {"strict": "enforced", "loose": "unverified"}


def test_a_conftest_beside_the_evalsets_is_seen(world: World) -> None:
    folder = world.path / "evals"
    folder.mkdir()
    (folder / "conftest.py").write_text(
        "def pytest_ftgate_register_graders(functions):\n"
        "    functions.register('polite', lambda *args, **more: True)\n"
    )
    with world.serve(answer_by_key()) as server:
        evalset = simple(server, count=2, graders=[{"python": "polite"}], decision="off")
        world.write("evals/t", evalset | {"name": "t"})
        for arguments in ((), ("evals",)):
            assert world.run(*arguments).ret == 0
    assert {r["outcome"] for r in world.records()} == {"passed"}


def test_a_late_conftest_that_raises_is_one_clear_message(world: World) -> None:
    folder = world.path / "evals"
    folder.mkdir()
    (folder / "conftest.py").write_text("def pytest_ftgate_register_graders(functions):\n    1 / 0\n")
    with world.serve(answer_by_key()) as server:
        world.write("evals/t", simple(server, count=2) | {"name": "t"})
        result = world.run()
    output = result.stdout.str() + result.stderr.str()
    assert result.ret == 2
    assert "pytest_ftgate_register_graders of a plugin or conftest.py raised ZeroDivisionError" in output
    assert "INTERNALERROR" not in output


def test_the_header_says_how_requests_went(world: World) -> None:
    with world.serve(answer_by_key()) as server:
        world.write("t", simple(server))
        result = world.run("-v")
        assert world.report()["header"]["transports"] == ["openai: lean"]
        result.stdout.fnmatch_lines(["requests went by openai: lean"])
        (world.path / ".ftgate" / "responses.sqlite").unlink()
        world.run("-n", "2", subprocess=True)
        assert world.report()["header"]["transports"] == ["openai: lean"]
        world.run()
        assert world.report()["header"]["transports"] == []  # all from the store: nothing was sent


def test_collecting_imports_nothing_that_asks_or_judges(world: World) -> None:
    """Editors and `-n` collect often; half a second of imports would be for nothing."""
    world.write("one", {"prompt": "{{ input }}", "graders": ["equals"], "cases": make_cases(3)})
    heavy = ["litellm", *(f"pytest_ftgate.{name}" for name in ("runner", "pipeline", "patterns"))]
    code = (
        "import sys, pytest; pytest.main(sys.argv[1:]); "
        f"print('imported', [name for name in {heavy} if name in sys.modules])"
    )
    arguments = ("--ftgate", "--collect-only", "-q", "--ftgate-use-model", "openai/m", *QUICK)
    result = world.pytester.run(sys.executable, "-c", code, *arguments)
    result.stdout.fnmatch_lines(["*one.evalset.yaml*", "imported []"])
