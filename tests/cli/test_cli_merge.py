"""`pytest-ftgate merge`: shards make the run that one process makes, or it is said why they cannot."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from e2e_world import World, comparable, make_cases

from pytest_ftgate.cli.check import builtin_registries
from pytest_ftgate.cli.main import main
from pytest_ftgate.execution.recorded_rows import RowKey, row_line
from pytest_ftgate.model.evalset import Case
from pytest_ftgate.model.response import Response, Usage
from pytest_ftgate.model.settings import Settings
from pytest_ftgate.plan_loading import load_plan
from pytest_ftgate.planning.shards import assign_cases

SHOTS = [{"input": f"shot {i}", "expected": f"answer {i}"} for i in range(4)]


@pytest.fixture
def world(pytester: pytest.Pytester) -> World:
    return World(pytester)


def ladder(count: int = 60, **more: Any) -> dict[str, Any]:
    """Every fourth answer is wrong, so no arm reaches the bar and one process runs every arm and repeat."""
    return {
        "models": {"candidate": {"model": "openai/scripted", "params": {"temperature": 0.7}}},
        "prompt": "{{ input }}",
        "graders": ["equals"],
        "repeats": 2,
        "bar": 0.95,
        "arms": {"few_shot": {"examples": SHOTS, "k": 2}, "repair": {}},
        "cases": make_cases(count),
        **more,
    }


def record(world: World, evalset: dict[str, Any], name: str = "t") -> None:
    """Write an evalset and an answer to each of its trials."""
    path = world.write(name, evalset)
    settings = Settings(rootdir=str(world.path), directory=str(world.path / ".ftgate"))
    plan = load_plan(path, settings, builtin_registries())
    rows = []
    for trial in (t for item in plan.items for t in item.trials if t.source_arm is None):
        number = int(trial.key.case[1:])
        text = f"no-{number}" if number % 4 == 0 else f"yes-c{number:03d}"
        usage = Usage(prompt_tokens=11, completion_tokens=7)
        answer = Response(text=text, usage=usage, model="scripted-1", latency_s=0.25, cost_usd=0.001)
        key = RowKey(name, trial.key.case, trial.key.arm, trial.key.role, trial.key.repeat)
        rows.append(row_line(key, trial.request_hash, answer))
    with (world.path / "recorded.jsonl").open("a") as file:
        file.write("".join(row + "\n" for row in rows))


def replay(world: World, *arguments: str) -> int:
    return int(world.run("--ftgate-replay", "recorded.jsonl", *arguments).ret)


def outcome(world: World) -> dict[str, Any]:
    return {"entries": comparable(world.report()["evalsets"]), "records": comparable(world.records())}


def keep(world: World, to: str) -> Path:
    """Copy the newest run as an artefact would be."""
    return Path(shutil.copytree((world.path / ".ftgate/runs/latest").resolve(), world.path / to))


def run_shards(world: World, count: int, *arguments: str) -> list[str]:
    folders = []
    for index in range(1, count + 1):
        assert replay(world, "--ftgate-shard", f"{index}/{count}", *arguments) == 0
        folders.append(str(keep(world, f"artefacts/part-{index}")))
    return folders


def refuse(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What `merge` says where it cannot merge."""
    capsys.readouterr()
    assert main(["merge", *arguments]) == 2
    return capsys.readouterr().err


def change(folder: str, name: str, **more: Any) -> None:
    """Change the header of a stored report."""
    path = Path(folder) / "report.json"
    report = json.loads(path.read_text())
    report[name].update(more)
    path.write_text(json.dumps(report))


def test_merge_is_the_whole_run(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    record(world, ladder())
    record(world, ladder(5, name="small", decision="off"), "small")
    assert replay(world) == 1
    whole = outcome(world)
    folders = run_shards(world, 3)
    capsys.readouterr()
    # The order in which they are given says nothing.
    assert main(["merge", *reversed(folders), "--report", "json=merged.json", "--out", "out"]) == 1
    shown = capsys.readouterr().out
    assert "merged from 3 shards; no model was called" in shown
    assert "FAILED t.evalset.yaml::gate::accuracy" in shown
    runs = sorted((world.path / "out/runs").glob("2*"))
    merged = json.loads((runs[0] / "report.json").read_text())
    assert len(runs) == 1
    assert comparable(merged["evalsets"]) == whole["entries"]
    assert json.loads(Path("merged.json").read_text()) == merged
    lines = [json.loads(line) for line in (runs[0] / "records.jsonl").read_text().splitlines()]
    assert comparable(lines) == whole["records"]


def test_folder_of_artefacts_stands_for_all_that_is_in_it(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    record(world, ladder(8))
    run_shards(world, 2)
    # An upload that follows links has the same run twice.
    shutil.copytree(world.path / "artefacts/part-1", world.path / "artefacts/latest")
    assert main(["merge", "artefacts", "--json"]) == 1
    report = json.loads(capsys.readouterr().out.rpartition("\n{")[2].join(("{", "")))
    assert len(report["header"]["merged_from"]) == 2
    assert report["evalsets"][0]["cases"]["total"] == 8


def test_merged_run_can_be_judged_again(world: World) -> None:
    record(world, ladder())
    assert main(["merge", *run_shards(world, 2)]) == 1
    merged = outcome(world)
    assert main(["judge", "latest"]) == 1
    assert outcome(world) == merged


def test_judged_shard_still_decides_nothing(world: World) -> None:
    record(world, ladder(12))
    folders = run_shards(world, 2)
    assert main(["judge", folders[1]]) == 0
    assert world.report()["header"]["shard"] == "2/2"
    assert world.entry()["verdict"]["decision"] == "not_asked"
    assert main(["merge", folders[0], "latest"]) == 1


def test_shards_without_cases_need_not_be_there(world: World) -> None:
    record(world, ladder(2, arms={}, gates={"accuracy": "off"}, decision="off"))
    folders = run_shards(world, 3)
    assert main(["merge", *folders]) == 0
    assert main(["merge", *folders[:2]]) == 0
    assert world.entry()["cases"] == {"total": 2, "judged": 2}


def test_stop_of_a_shard_makes_the_merge_incomplete(world: World) -> None:
    record(world, ladder())
    folders = run_shards(world, 2)
    path = Path(folders[1]) / "report.json"
    report = json.loads(path.read_text())
    report["evalsets"][0]["stop"] = "interrupted"
    path.write_text(json.dumps(report))
    assert main(["merge", *folders]) == 1
    assert world.entry()["verdict"]["decision"] == "incomplete"
    assert "interrupted" in world.entry()["verdict"]["reason"]


def test_lost_records_make_the_merge_incomplete(world: World) -> None:
    record(world, ladder())
    folders = run_shards(world, 2)
    path = Path(folders[0]) / "records.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-3]))
    assert main(["merge", *folders]) == 1
    assert world.entry()["missing"]["records"] == 3
    assert world.entry()["verdict"]["decision"] == "incomplete"


def test_what_does_not_belong_together_is_refused(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    record(world, ladder(12))
    first, second = run_shards(world, 2)
    assert "the run of 2/2 is missing" in refuse(capsys, first)
    replay(world, "--ftgate-shard", "1/2")
    again = str(keep(world, "again"))
    assert "shard 1/2 is there twice" in refuse(capsys, first, second, again)
    replay(world, "--ftgate-shard", "3/3")
    other = str(keep(world, "other"))
    assert "parts of different runs" in refuse(capsys, first, other)
    replay(world, "--ftgate-shard", "2/2", "--ftgate-evidence", "prove-fail")
    lenient = str(keep(world, "lenient"))
    assert "their setting 'evidence' differs" in refuse(capsys, first, lenient)
    replay(world)
    assert "is no run of a shard" in refuse(capsys, first, "latest")
    assert "no run 'nowhere'" in refuse(capsys, first, "nowhere")
    change(second, "header", shard="2/x")
    assert "'2/x' of a report is not usable" in refuse(capsys, first, second)


def test_changed_evalset_is_refused(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    evalset = ladder(12)
    record(world, evalset)
    first, second = run_shards(world, 2)
    world.write("t", {**evalset, "bar": 0.5})
    said = refuse(capsys, first, second)
    assert "is not what shard 1/2" in said
    assert "must not change between its shards and their merge" in said


def test_shards_of_different_evalsets_are_refused(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    evalset = ladder(12)
    record(world, evalset)
    first, _ = run_shards(world, 2)
    world.write("t", {**evalset, "bar": 0.9})
    replay(world, "--ftgate-shard", "2/2")
    assert "settings_hash of evalset 't' differs" in refuse(capsys, first, "latest")


def test_record_that_two_shards_have_is_refused(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    record(world, ladder(12))
    first, second = run_shards(world, 2)
    line = (Path(first) / "records.jsonl").read_text().splitlines()[0]
    with (Path(second) / "records.jsonl").open("a") as file:
        file.write(line + "\n")
    assert "two shards have a record of t::as_is::c000" in refuse(capsys, first, second)


def test_artefact_without_records_is_told(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    record(world, ladder(4, arms={}))
    first, second = run_shards(world, 2)
    (Path(second) / "records.jsonl").unlink()
    assert "has no records.jsonl" in refuse(capsys, first, second)
    empty = world.path / "empty"
    empty.mkdir()
    assert "holds no run" in refuse(capsys, first, str(empty))


def test_shards_are_even_and_never_divide_a_group() -> None:
    cases = [Case(id=f"c{i}", group=None if i % 3 else f"g{i % 12}") for i in range(300)]
    for count in (1, 2, 3, 7, 300):
        assigned = assign_cases(cases, count)
        assert set(assigned) == {case.id for case in cases}
        assert set(assigned.values()) <= set(range(1, count + 1))
        groups = {(case.group, assigned[case.id]) for case in cases if case.group}
        assert len(groups) == len({case.group for case in cases if case.group})
    single = assign_cases([Case(id=f"c{i}") for i in range(10)], 3)
    assert list(single.values()) == [1, 2, 3] * 3 + [1]
