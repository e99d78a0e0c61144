"""Bad options, recordings, plugins and places: one clean message, the right exit status, nothing asked."""

from __future__ import annotations

import json
from typing import Any

import pytest
from e2e_world import World, make_cases, model_at
from servers import ChatServer, Reply

BAD_OPTIONS = {
    "repeats-zero": (
        ["--ftgate-repeats", "0"],
        "--ftgate-repeats: '0' is not usable; wanted: a whole number of at least 1",
    ),
    "repeats-word": (["--ftgate-repeats", "many"], "--ftgate-repeats: 'many' is not usable"),
    "empty-limit": (
        ["--ftgate-max-cost", ""],
        "--ftgate-max-cost: its value is empty; wanted: USD, or no --ftgate-max-cost",
    ),
    "empty-save": (["--ftgate-save="], "--ftgate-save: its value is empty; wanted: NAME"),
    "timeout": (
        ["--ftgate-timeout", "nan"],
        "--ftgate-timeout: 'nan' is not usable; wanted: a number above 0",
    ),
    "report-kind": (
        ["--ftgate-report", "htmll=x"],
        "--ftgate-report: 'htmll' is no kind of report. Known: json",
    ),
    "report-shape": (["--ftgate-report", "json"], "wanted: KIND=PATH"),
    "role": (["--ftgate-use-model", "techer=openai/m"], "Did you mean 'teacher'?"),
    "evidence": (["--ftgate-evidence", "hunch"], "one of estimate, prove-pass, prove-fail"),
    "replay-missing": (
        ["--ftgate-replay", "none.jsonl"],
        "--ftgate-replay: 'none.jsonl' is not a file; record one",
    ),
    "replay-and-record": (
        ["--ftgate-replay", "t.evalset.yaml", "--ftgate-record", "c.jsonl"],
        "--ftgate-record with --ftgate-replay",
    ),
    "dist-each": (["-n", "2", "--dist", "each"], "use --dist loadfile with --ftgate"),
    "dir-in-a-file": (["--ftgate-dir", "t.evalset.yaml/sub"], "choose another folder with --ftgate-dir"),
    "report-in-a-file": (["--ftgate-report", "json=t.evalset.yaml/x.json"], "choose another path"),
    "report-is-a-folder": (["--ftgate-report", "json=."], "that is a folder; name a file in it"),
    "record-in-a-file": (["--ftgate-record", "t.evalset.yaml/c.jsonl"], "choose another path"),
}


@pytest.mark.parametrize("name", BAD_OPTIONS)
def test_bad_options(world: World, name: str) -> None:
    arguments, expected = BAD_OPTIONS[name]
    with world.serve("x") as server:
        world.write("t", simple(server))
        result = world.run(*arguments)
    assert result.ret == 4
    assert expected in errors(result)
    assert server.count == 0


def test_an_unknown_arm(world: World) -> None:
    with world.serve("x") as server:
        world.write("t", simple(server))
        result = world.run("--ftgate-arms", "as_is,few_shoot")
    assert result.ret != 0
    assert "few_shoot" in errors(result)
    assert server.count == 0


def test_a_damaged_run_folder(world: World) -> None:
    (world.path / ".ftgate").mkdir()
    (world.path / ".ftgate" / "responses.sqlite").mkdir()
    with world.serve("x") as server:
        world.write("t", simple(server))
        result = world.run()
        assert server.count == 0
    assert result.ret == 4
    assert "responses.sqlite: the response store cannot be used" in errors(result)


BAD_RECORDINGS = {
    "bad-line": ('{"case": "c000", "output": "x"}\n{"case": \n', ["c.jsonl:2: is no JSON"]),
    "no-object": ("[1]\n", ["c.jsonl:1: must be a JSON object"]),
    "duplicate": (
        '{"case": "c000", "output": "x"}\n' * 2,
        ["c.jsonl:2: case 'c000'", "already answered at", "c.jsonl:1"],
    ),
    "unknown-case": (
        '{"case": "c00O", "output": "x"}\n',
        ["c.jsonl:1: case 'c00O' is in no planned evalset"],
    ),
    "unknown-arm": (
        '{"case": "c000", "arm": "as_if", "output": "x"}\n',
        ["c.jsonl:1: arm 'as_if'", "Did you mean 'as_is'?"],
    ),
    "not-text": (b"\xff\xfe\n".decode("latin-1"), ["c.jsonl:1"]),
}


@pytest.mark.parametrize(
    ("name", "workers"), [*((name, 0) for name in BAD_RECORDINGS), ("bad-line", 2), ("unknown-case", 2)]
)
def test_bad_recordings(world: World, name: str, workers: int) -> None:
    text, expected = BAD_RECORDINGS[name]
    (world.path / "c.jsonl").write_text(text, encoding="latin-1")
    with world.serve("x") as server:
        world.write("t", simple(server, cases=make_cases(30)))
        arguments = ["-n", str(workers)] if workers else []
        result = world.run("--ftgate-replay", "c.jsonl", *arguments, subprocess=bool(workers))
        assert server.count == 0
    assert result.ret == 4
    for part in expected:
        assert part in errors(result)
    assert len(result.outlines) + len(result.errlines) < 25


def test_a_damaged_recording_is_not_overwritten(world: World) -> None:
    (world.path / "c.jsonl").write_text('{"case": \n')
    with world.serve("x") as server:
        world.write("t", simple(server))
        result = world.run("--ftgate-record", "c.jsonl")
    assert result.ret == 1
    assert "c.jsonl:1: is no JSON" in errors(result)
    assert "nothing was overwritten" in errors(result)
    assert (world.path / "c.jsonl").read_text() == '{"case": \n'
    assert len(list(world.path.glob("c.jsonl.*.part"))) == 1


def test_a_report_that_becomes_unwritable_fails_the_build(world: World) -> None:
    world.pytester.makeconftest(
        "from pathlib import Path\n"
        "def pytest_ftgate_verdict_reached(config):\n"
        "    (config.rootpath / 'out').rename(config.rootpath / 'gone')\n"
        "    (config.rootpath / 'out').write_text('')\n"
    )
    with world.serve(lambda call: f"yes-{call.prompt[-4:]}") as server:
        world.write("t", simple(server))
        result = world.run("--ftgate-report", "markdown=out/r.md")
    assert result.ret == 1
    assert "--ftgate-report markdown=" in errors(result)
    assert world.verdict()["decision"] != "incomplete"


RAISING = {
    "pytest_ftgate_register_graders": (4, 0),
    "pytest_ftgate_register_reporters": (4, 0),
    "pytest_ftgate_case_status": (1, 4),
    "pytest_ftgate_decide": (1, 4),
    "pytest_ftgate_record_finished": (1, 4),
    "pytest_ftgate_verdict_reached": (1, 4),
    "pytest_ftgate_update_header": (1, 4),
}


@pytest.mark.parametrize("hook", RAISING)
def test_a_hook_that_raises(world: World, hook: str) -> None:
    status, sent = RAISING[hook]
    world.pytester.makeconftest(f"def {hook}():\n    raise ValueError('my mistake')\n")
    with world.serve(lambda call: f"yes-{call.prompt[-4:]}") as server:
        world.write("t", simple(server))
        result = world.run()
        assert server.count == sent
    assert result.ret == status
    assert f"the hook {hook} of a plugin or conftest.py raised ValueError: my mistake at" in errors(result)
    assert "conftest.py:2" in errors(result)
    if sent:
        assert len(world.records()) == 4
        assert world.entry()["gates"]


def test_a_hook_that_signs_failures_raises(world: World) -> None:
    world.pytester.makeconftest(
        "def pytest_ftgate_failure_signature():\n    raise ValueError('my mistake')\n"
    )
    with world.serve("no") as server:
        world.write("t", simple(server))
        result = world.run()
        assert result.ret == 1
        assert "the hook pytest_ftgate_failure_signature of a plugin or conftest.py raised" in errors(result)
        assert world.verdict()["decision"] == "incomplete"
        # What was paid for is kept.
        (world.path / "conftest.py").unlink()
        world.run()
        assert server.count == 4


def test_third_party_parts_that_raise(world: World) -> None:
    world.pytester.makeconftest(
        "class Broken:\n"
        "    options = {}\n"
        "    def evaluate(self, *a, **k): raise ValueError('gate bug')\n"
        "    def write(self, *a, **k): raise ValueError('reporter bug')\n"
        "def pytest_ftgate_register_gates(registry): registry.register('broken', Broken())\n"
        "def pytest_ftgate_register_reporters(registry): registry.register('mine', Broken())\n"
    )
    with world.serve(lambda call: f"yes-{call.prompt[-4:]}") as server:
        world.write("t", simple(server, gates={"broken": {}}))
        result = world.run("--ftgate-report", "mine=x.txt")
    assert result.ret == 1
    assert "reporter bug" in errors(result)
    assert "gate bug" in errors(result)
    assert world.records()


def test_a_provider_that_raises(world: World) -> None:
    world.pytester.makeconftest(
        "class Mine:\n"
        "    async def complete(self, trial, request, timeout_s): raise ValueError('provider bug')\n"
        "    async def close(self): pass\n"
        "def pytest_ftgate_register_providers(registry): registry.register('mine', Mine())\n"
    )
    world.write("t", simple(None, models={"candidate": {"model": "mine/x"}}))
    result = world.run()
    assert result.ret == 1
    assert "provider Mine failed with ValueError: provider bug" in errors(result)
    assert world.verdict()["decision"] == "incomplete"


def test_settings_from_the_ini(world: World) -> None:
    world.pytester.makeini(
        "[pytest]\nftgate = true\nftgate_concurrency = 2\nftgate_repeats = 3\nftgate_dir = runs\n"
        "ftgate_report =\n  json=a.json\n  markdown=b.md\n"
    )
    with world.serve(lambda call: Reply(f"yes-{call.prompt[-4:]}", delay_s=0.1)) as server:
        evalset = simple(server, count=6)
        del evalset["repeats"]
        world.write("t", evalset)
        result = world.pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:hypothesispytest")
    assert result.ret == 0
    assert server.count == 18
    assert server.peak_in_flight == 2
    assert json.loads((world.path / "a.json").read_text())["header"]["settings"]["concurrency"] == 2
    assert (world.path / "b.md").exists()
    assert (world.path / "runs" / "runs" / "latest").exists()
    assert not (world.path / ".ftgate").exists()


def test_a_bad_value_in_the_ini(world: World) -> None:
    world.pytester.makeini("[pytest]\nftgate_concurrency = lots\n")
    world.write("t", simple(None))
    result = world.run()
    assert result.ret == 4
    assert "ini key ftgate_concurrency: 'lots' is not usable" in errors(result)


def test_the_command_line_beats_the_ini(world: World) -> None:
    world.pytester.makeini("[pytest]\nftgate_repeats = 3\n")
    with world.serve("x") as server:
        evalset = simple(server)
        del evalset["repeats"]
        world.write("t", evalset)
        world.run("--ftgate-repeats", "1")
    assert server.count == 2


def simple(server: ChatServer | None, count: int = 2, **more: Any) -> dict[str, Any]:
    evalset: dict[str, Any] = {
        "prompt": "{{ input }}",
        "graders": ["equals"],
        "repeats": 2,
        "cases": make_cases(count),
    }
    if server is not None:
        evalset["models"] = model_at(server)
    return evalset | more


def errors(result: pytest.RunResult) -> str:
    """All that was said, blanks folded; there is no traceback in it."""
    text = f"{result.stdout.str()}\n{result.stderr.str()}"
    assert "Traceback" not in text
    assert "INTERNALERROR" not in text
    return " ".join(text.split())
