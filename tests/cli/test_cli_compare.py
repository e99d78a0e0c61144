"""`pytest-ftgate compare` and `bless`, and `--save` / `--compare` of `judge` and `merge`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from baseline_world import Counts, build_arm, build_baseline, outcome
from e2e_world import World

from pytest_ftgate.cli.main import main
from pytest_ftgate.model.baseline import Baseline
from pytest_ftgate.model.evalset import GateSpec
from pytest_ftgate.storage.baseline_files import read_baselines, write_baselines
from pytest_ftgate.storage.redaction import Redactor


@pytest.fixture
def world(pytester: pytest.Pytester) -> World:
    return World(pytester)


def place(world: World, name: str, *baselines: Baseline) -> None:
    write_baselines(world.path / ".ftgate" / "baselines" / name, baselines, Redactor({}))


def counts(passed: int, cases: int = 60, *, k: int = 5, shift: int = 0) -> Counts:
    """The first `passed` cases (from `shift` on) pass all their trials, the others none."""
    return {f"c{n:02d}": (k if (n - shift) % cases < passed else 0, k) for n in range(cases)}


def compare(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    status = main(["compare", *arguments, "--json"])
    text = capsys.readouterr().out
    return status, json.loads(text) if text else {}


def test_without_gates_of_its_own_an_evalset_is_judged_by_both(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    place(world, "a", build_baseline(counts(50)))
    place(world, "worse", build_baseline(counts(40)))
    place(world, "other", build_baseline(counts(50, shift=3)))
    assert compare(capsys, "a", "a")[0] == 0
    status, found = compare(capsys, "a", "worse")
    (entry,) = found["evalsets"]
    assert status == 1
    assert [(gate["name"], gate["outcome"]) for gate in entry["gates"]] == [
        ("no_regression", "failed"), ("collapse", "failed"),
    ]  # fmt: skip
    assert len(entry["baseline"]["pairs"][0]["pair"]["collapsed"]) == 10
    status, found = compare(capsys, "a", "other")
    assert [gate["outcome"] for gate in found["evalsets"][0]["gates"]] == ["passed", "failed"]
    assert main(["compare", "a", "worse"]) == 1
    text = capsys.readouterr().out
    assert "broken  c40  5/5 -> 0/5" in text
    assert "... and 5 more broken" in text
    assert "FAILED gate collapse: 10 cases always passed in baseline a, never now" in text
    assert max(map(len, text.splitlines())) <= 80


def test_each_evalset_has_its_own_margin_and_the_command_line_another(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    gates = {
        name: (GateSpec(name="no_regression", options={"margin": margin}, evidence="prove-pass"),)
        for name, margin in (("loose", 0.5), ("tight", 0.01))
    }
    for name in ("a", "b"):
        place(
            world,
            name,
            *(build_baseline(counts(50), evalset=evalset, gates=own) for evalset, own in gates.items()),
        )
    status, found = compare(capsys, "a", "b")
    assert status == 1
    assert {e["name"]: e["gates"][0]["outcome"] for e in found["evalsets"]} == {
        "loose": "passed",
        "tight": "failed",
    }
    assert compare(capsys, "a", "b", "--margin", "0.5")[0] == 0
    place(world, "c", build_baseline(counts(50), evalset="loose"))
    status, found = compare(capsys, "a", "c")
    assert (status, found["notes"]) == (0, ["not in c: tight"])
    assert compare(capsys, "a", "c", "--strict", "--margin", "0.01")[0] == 1


def test_arms_can_be_compared_across_runs(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    base = build_baseline(counts(40))
    better = build_arm({c: outcome(*both) for c, both in counts(50).items()}, arm="few_shot")
    place(world, "a", base)
    place(world, "b", build_baseline(counts(40), arms=(*base.arms, better)))
    status, found = compare(capsys, "a", "b", "--arm", "few_shot", "--against-arm", "as_is")
    (pair,) = found["evalsets"][0]["baseline"]["pairs"]
    assert status == 0
    assert (pair["arm"], pair["against_arm"], len(pair["pair"]["fixed"])) == ("few_shot", "as_is", 10)
    assert main(["compare", "b", "a", "--against-arm", "few_shot"]) == 1
    assert main(["compare", "a", "b", "--arm", "few_shot"]) == 2
    assert "no arm few_shot (candidate); there are: as_is (candidate)" in capsys.readouterr().err


def test_what_is_not_there_or_has_nothing_in_common_is_said(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    place(world, "a", build_baseline(counts(5)))
    place(world, "b", build_baseline(counts(5), evalset="u"))
    place(world, "gone", build_baseline({"x": (5, 5)}))
    for arguments, said in (
        (("a", "nowhere"), "nowhere: no such baseline, run or path. Baselines under"),
        (("a", "b"), "a and b have no evalset in common: a has t, b has u"),
    ):
        assert main(["compare", *arguments]) == 2
        assert said in capsys.readouterr().err
    status, found = compare(capsys, "a", "gone")
    assert status == 1, "no case can be compared: that is no proof of anything"
    assert "61 cases cannot be compared" in found["evalsets"][0]["gates"][0]["reason"]
    place(world, "part", build_baseline(counts(5), gaps="2 of 5 cases selected"))
    status, found = compare(capsys, "a", "part")
    assert (status, found["evalsets"][0]["gates"][0]["name"]) == (1, "complete")
    status, found = compare(capsys, "part", "a")
    assert (status, found["notes"]) == (0, ["part is no whole run of t: 2 of 5 cases selected"])
    with pytest.raises(SystemExit):
        main(["compare", "a", "b", "--margin", "2"])


EVALSET = {
    "models": {"candidate": "test/m"},
    "prompt": "{{ input }}",
    "graders": ["equals"],
    "decision": "off",
    "gates": {"accuracy": "off", "no_regression": {"against": "baseline"}},
    "cases": [{"id": f"c{n:02d}", "input": f"i{n}", "expected": "yes"} for n in range(40)],
}


def replay(world: World, *wrong: int, arguments: tuple[str, ...] = ()) -> pytest.RunResult:
    world.write("t", EVALSET)
    world.write_lines(
        "answers.jsonl",
        [
            {"case": f"c{n:02d}", "repeat": repeat, "output": "no" if n in wrong else "yes"}
            for n in range(40)
            for repeat in range(1, 6)
        ],
    )
    return world.run("--ftgate-replay", "answers.jsonl", *arguments)


def test_bless_takes_a_whole_run_and_refuses_a_part(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert replay(world, 1).ret == 0
    run = world.report()["header"]["run"]
    capsys.readouterr()
    assert main(["bless", run, "main"]) == 0
    assert capsys.readouterr().out.startswith("t: 40 cases, accuracy 97.5 % (.ftgate/baselines/main/t.json)")
    replay(world, 1, 2)
    assert main(["bless", "latest", "main"]) == 0
    assert "accuracy 95 %, was 97.5 %" in capsys.readouterr().out
    assert main(["bless", "latest", "kept/here", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["saved"][0]["accuracy"] == pytest.approx(0.95)
    assert set(read_baselines(world.path / "kept" / "here")) == {"t"}
    before = (world.path / ".ftgate" / "baselines" / "main" / "t.json").read_bytes()
    replay(world, arguments=("-k", "c01"))
    assert main(["bless", "latest", "main"]) == 1
    assert "t: not saved, the run is not whole: 1 of 40 cases selected" in capsys.readouterr().err
    assert (world.path / ".ftgate" / "baselines" / "main" / "t.json").read_bytes() == before
    for arguments, said in (
        (("latest", "a b"), "'a b' is not usable"),
        (("nowhere", "main"), "no such baseline, run or path"),
        (("latest", "main", "--evalset", "u"), "latest has no evalset 'u'; it has: t"),
    ):
        assert main(["bless", *arguments]) == 2
        assert said in capsys.readouterr().err


def test_judging_again_saves_and_compares(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    replay(world, arguments=("--ftgate-save", "main"))
    replay(world, *range(12))
    assert main(["judge", "latest", "--compare", "main", "--save", "next"]) == 1
    output = capsys.readouterr()
    assert "against baseline main: -30.0 points" in output.out
    assert "saved as baseline next: t" in output.err
    assert set(read_baselines(world.path / ".ftgate" / "baselines" / "next")) == {"t"}
    assert main(["judge", "latest", "--compare", "nowhere", "--json"]) == 0
    capsys.readouterr()
    assert main(["judge", "latest", "--compare", "nowhere", "--require-baseline"]) == 1
    assert main(["judge", "latest", "--require-baseline"]) == 2
    assert "--require-baseline names no baseline" in capsys.readouterr().err
    assert main(["compare", "main", "latest"]) == 1
    # A run of before there were baselines: it says what to do, and doing it helps.
    latest = (world.path / ".ftgate" / "runs" / "latest").resolve()
    shutil.rmtree(latest / "baseline")
    capsys.readouterr()
    assert main(["compare", "main", "latest"]) == 2
    assert "`pytest-ftgate judge RUN`" in capsys.readouterr().err
    main(["judge", "latest"])
    assert main(["compare", "main", "latest"]) == 1


def test_shards_keep_nothing_and_their_merge_does(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    replay(world, arguments=("--ftgate-save", "main"))
    folders = []
    for index in (1, 2):
        shard = f"{index}/2"
        arguments = ("--ftgate-shard", shard, "--ftgate-save", "part", "--ftgate-compare", "main")
        assert replay(world, *range(12), arguments=arguments).ret == 0
        run = (world.path / ".ftgate" / "runs" / "latest").resolve()
        assert not (run / "baseline").exists()
        assert world.entry()["baseline"] is None
        folders.append(str(run))
    assert not (world.path / ".ftgate" / "baselines" / "part").exists()
    capsys.readouterr()
    assert main(["merge", *folders, "--compare", "main", "--save", "merged"]) == 1
    assert "FAILED t.evalset.yaml::gate::no_regression" in capsys.readouterr().out
    alone = world.path / "alone"
    replay(world, *range(12), arguments=("--ftgate-save", f"{alone}/"))
    merged = world.path / ".ftgate" / "baselines" / "merged" / "t.json"
    assert merged.read_bytes() == (alone / "t.json").read_bytes()
    assert Path(folders[0]).is_dir()
