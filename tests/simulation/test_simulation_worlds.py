"""The simulator's own arithmetic: worlds are what they say, and results depend on the seed alone."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from pytest_ftgate.errors import SettingsError
from pytest_ftgate.model.evalset import DecisionSpec
from pytest_ftgate.model.verdict import GateResult, Judgement, Verdict
from pytest_ftgate.simulation.cells import AGAIN, Cell, simulate, simulate_checked
from pytest_ftgate.simulation.draws import draw_levels, draw_trials, list_signatures
from pytest_ftgate.simulation.experiment import Experiment, run_experiment
from pytest_ftgate.simulation.outcome import describe_experiment
from pytest_ftgate.simulation.setting import adopt_plan, build_plan, build_setting, resize_plan
from pytest_ftgate.simulation.study import Run
from pytest_ftgate.simulation.world import COLUMNS, MOST_FALSE, TUNE, World, move_world
from pytest_ftgate.simulation.worlds import MAIN, WORLDS, list_worlds
from pytest_ftgate.statistics.intervals import build_sample
from pytest_ftgate.statistics.sample_size import estimate_icc

BY_KEY = pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.key)


def experiment(*keys: str, **changes: object) -> Experiment:
    base = Experiment(
        worlds=[list_worlds()[key] for key in keys],
        sizes=[(50, 2), (60, 3)],
        bar=0.8,
        evalsets=4,
        seed=0,
        arms=COLUMNS,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def measure_rates(world: World, cases: int = 6_000) -> tuple[list[float], list[dict[str, float]]]:
    """Accuracy and rate of each signature, by column."""
    setting, rng = build_setting(cases, 1), Random(1)
    trials = draw_trials(world, setting, draw_levels(world, setting, rng), rng, repeats=1)
    names = list_signatures(world)
    counts = [Counter(names[case[0]] for case in arm) for arm in trials]
    return [c[""] / cases for c in counts], [{n: c[n] / cases for n in world.patterns} for c in counts]


@BY_KEY
def test_worlds_are_what_they_say(world: World) -> None:
    """The drawn accuracies and pattern rates are the true ones: else nothing measured is about the truth."""
    accuracy, patterns = measure_rates(world)
    assert accuracy == pytest.approx(list(world.accuracy), abs=0.02)
    for name, rates in world.patterns.items():
        assert [found[name] for found in patterns] == pytest.approx(list(rates), abs=0.02)


@BY_KEY
def test_the_kind_of_a_world_follows_from_its_truth(world: World) -> None:
    reaches = max(world.accuracy) >= world.bar
    survivors = [name for name, rates in world.patterns.items() if min(rates) > DecisionSpec().floor]
    if world.kind in ("true", "share"):
        assert not reaches
        assert survivors
        assert (world.share >= 0.5) is (world.kind == "true")
    elif world.kind != "blind" and not world.repairs and not world.findings and "fix_call" not in world.right:
        assert reaches or not survivors
    assert ("fine_tune_justified" in world.right) is (world.kind == "true")


def test_diffuse_failures_cluster_by_case_as_stated() -> None:
    world, setting, rng = list_worlds()["diffuse"], build_setting(2_000, 4), Random(2)
    trials = draw_trials(world, setting, draw_levels(world, setting, rng), rng, repeats=4)
    passed = {str(i): case.count(0) for i, case in enumerate(trials[0])}
    assert estimate_icc(passed, dict.fromkeys(passed, 4)) == pytest.approx(0.5, abs=0.05)


def test_a_case_bound_pattern_hits_the_same_cases_under_every_arm() -> None:
    world, setting, rng = list_worlds()["tunable-case"], build_setting(500, 2), Random(3)
    trials = draw_trials(world, setting, draw_levels(world, setting, rng), rng, repeats=2)
    hit = [{i for i, case in enumerate(arm) if 1 in case} for arm in trials]
    assert len(hit[0] & hit[1]) / len(hit[0] | hit[1]) > 0.8


def test_arm_repair_reads_the_same_answers_again() -> None:
    world, setting, rng = list_worlds()["repair"], build_setting(100, 2, repair=True), Random(4)
    assert [(arm.name, arm.source) for arm in setting.arms][:2] == [("as_is", None), ("repair", "as_is")]
    as_is, repair = draw_trials(world, setting, draw_levels(world, setting, rng), rng, repeats=2)[:2]
    assert any(1 in case for case in as_is)
    assert repair == [[0 if number == 1 else number for number in case] for case in as_is]


def test_cases_of_a_group_are_equally_hard() -> None:
    plan = build_plan(40, 30)
    cases = tuple(replace(case, group=f"g{i // 20}") for i, case in enumerate(plan.evalset.cases))
    setting = adopt_plan(replace(plan, evalset=replace(plan.evalset, cases=cases)))
    assert setting.clusters == (0,) * 20 + (1,) * 20
    for level in draw_levels(list_worlds()["diffuse"], setting, Random(5)):
        assert len(set(level.other)) == 2


def test_a_world_moved_to_another_bar_keeps_its_distance_and_share() -> None:
    world = list_worlds()["tunable"]
    moved = move_world(world, 0.9)
    assert moved is not None
    assert moved.accuracy == pytest.approx([value + 0.1 for value in world.accuracy])
    assert moved.share == pytest.approx(world.share)
    above = move_world(list_worlds()["prompt"], 0.9)
    assert above is not None
    assert above.accuracy[1] == pytest.approx(0.96)
    assert move_world(list_worlds()["above-bar"], 0.9) is None
    assert move_world(world, 0.1) is None
    assert move_world(world, world.bar) is world


def test_a_plan_takes_other_sizes() -> None:
    plan = build_plan(7, 2)
    cases = tuple(replace(case, group=f"g{i % 2}") for i, case in enumerate(plan.evalset.cases))
    plan = replace(plan, evalset=replace(plan.evalset, cases=cases))
    larger, smaller = resize_plan(plan, 16, 3), resize_plan(plan, 3, 1)
    ids = [case.id for case in larger.evalset.cases]
    assert (len(ids), len(set(ids))) == (16, 16)
    assert {case.group for case in larger.evalset.cases} == {"g0", "g1", "g0+1", "g1+1", "g0+2", "g1+2"}
    keys = [trial.key for item in larger.items for trial in item.trials]
    assert (len(keys), len(set(keys))) == (16 * 3 * 4, 16 * 3 * 4)
    assert [len(item.trials) for item in smaller.items] == [1] * 12
    assert set(larger.graders) == set(ids)


def test_a_cell_measures_rates_as_any_rate_of_cases_and_repeats() -> None:
    cell = Cell(world="w", cases=50, repeats=3, bar=0.8)
    cell.pairs.update({("a", "a"): 5, ("a", "b"): 3, ("b", "b"): 2})
    assert (cell.evalsets, cell.runs, cell.flips) == (10, 20, 3)
    assert cell.verdicts == {"a": 13, "b": 7}
    shares = {f"e{i}": 1.0 for i in range(5)} | {f"e{i}": 0.5 for i in range(5, 8)}
    wanted = build_sample(dict.fromkeys((f"e{i}" for i in range(10)), 2), {}).estimate(shares)
    assert cell.rate(["a"]).value == pytest.approx(wanted.value)
    assert cell.rate(["a"]).effective == pytest.approx(wanted.effective)
    assert cell.rate(["a", "b"]).value == 1.0
    assert Cell.from_json(json.loads(json.dumps(cell.as_json()))) == cell


def test_flips_of_the_build_are_those_of_its_gate() -> None:
    def judged(decision: str, outcome: str, further: int = 0, control: bool | None = True) -> Run:
        gate = GateResult(name="accuracy", arm="as_is", role="candidate", outcome=outcome)  # type: ignore[arg-type]
        verdict = Verdict(decision=decision, reason="")  # type: ignore[arg-type]
        return Run(Judgement(verdict=verdict, gates=(gate,)), further, control)

    cell = Cell(world="w", cases=50, repeats=3, bar=0.8)
    cell.add(judged("inconclusive", "failed"), judged("fine_tune_justified", "xfailed", 12, control=False))
    cell.add(judged("bar_met", "passed", control=None), judged("bar_met", "passed", control=None))
    assert (cell.flips, cell.build_flips) == (1, 1)
    assert (cell.further, cell.asked_again, cell.controls, cell.failed_controls) == (12, 1, 2, 1)


def test_results_depend_on_the_seed_alone() -> None:
    world = list_worlds()["tunable"]
    cells = [simulate(world, build_setting(50, 3), 6, seed=seed) for seed in (0, 0, 1)]
    assert cells[0] == cells[1]
    assert cells[0].pairs != cells[2].pairs
    longer = simulate(world, build_setting(50, 3), 8, seed=0)
    assert all(longer.pairs[pair] >= count for pair, count in cells[0].pairs.items())


def test_results_depend_neither_on_processes_nor_on_what_was_saved(tmp_path: Path) -> None:
    made = experiment("met", "truncated")
    saved = tmp_path / "cells.json"
    alone = run_experiment(made, jobs=1)
    run_experiment(replace(made, sizes=[(50, 2)]), save=saved)
    told: list[tuple[int, int]] = []
    together = run_experiment(made, jobs=2, save=saved, tell=lambda done, total: told.append((done, total)))
    assert sorted(told) == [(3, 4), (4, 4)]
    assert together.cells == alone.cells
    assert describe_experiment(made, together) == describe_experiment(made, alone)


@pytest.mark.parametrize("text", ["", "[]", '{"cells": 1}', '{"fingerprint": "x", "cells": []}'])
def test_a_file_of_other_results_is_refused(text: str, tmp_path: Path) -> None:
    saved = tmp_path / "cells.json"
    saved.write_text(text)
    with pytest.raises(SettingsError, match=r"cells\.json: holds .*name another file, or remove it"):
        run_experiment(experiment("met"), save=saved)
    assert saved.read_text() == text


def test_worlds_that_need_an_arm_that_is_not_planned_are_left_out() -> None:
    made = experiment("met", "prompt", "context", "repair", sizes=[(50, 2)], arms=("structured",))
    results = run_experiment(made)
    assert [world.key for world in results.worlds] == ["met", "repair"]
    assert {one.world: one.reason for one in results.skipped} == {
        "prompt": "its truth needs an arm like few_shot, and none is planned",
        "context": "its truth needs an arm like context, and none is planned",
    }


def test_a_flawed_and_a_truncated_world_are_told_for_certain() -> None:
    results = run_experiment(experiment("flawed", "truncated", "met", sizes=[(100, 3)], evalsets=6))
    rights = {cell.world: cell.rate(list_worlds()[cell.world].right).value for cell in results.cells}
    assert rights["flawed"] == rights["truncated"] == 1.0


def test_a_promise_is_broken_only_where_that_is_shown() -> None:
    made = experiment("at-bar-case", sizes=[(50, 2)], evalsets=4)
    results = run_experiment(made)
    (cell,) = results.cells
    (promise, above) = describe_experiment(made, results)["promises"]
    assert not promise["is_broken"]
    assert above["worst"] is None
    cell.pairs.clear()
    cell.pairs["fine_tune_justified", "fine_tune_justified"] = 100
    assert describe_experiment(made, results)["promises"][0]["is_broken"]


def test_a_false_rate_above_the_promise_is_measured_again_on_other_evalsets() -> None:
    """In the world `tunable`, said to be one where tuning is untrue, most verdicts are false."""
    world, setting = list_worlds()["tunable"], build_setting(50, 3)
    untrue = replace(world, kind="untrue")
    again = simulate_checked(untrue, setting, 2, seed=0)
    first = simulate(untrue, setting, 2, seed=0)
    assert (again.evalsets, again.first) == (2 * AGAIN, first.rate([TUNE]).value)
    assert again.first > MOST_FALSE
    assert simulate_checked(world, setting, 2, seed=0) == first
    met = simulate_checked(list_worlds()["met"], setting, 2, seed=0)
    assert (met.evalsets, met.first) == (2, None)
    made = experiment("met", sizes=[(50, 3)])
    results = run_experiment(made)
    (body,) = describe_experiment(made, replace(results, cells=(replace(again, world="met"),)))["cells"]
    assert (body["evalsets"], body["first"]) == (2 * AGAIN, again.first)


def test_what_is_promised_of_a_world() -> None:
    promised = {world.key: world.most_false for world in WORLDS}
    assert promised["above-bar"] == promised["met"] == 0.01
    assert promised["near-above"] == promised["at-bar-case"] == promised["diffuse"] == 0.05
    assert promised["tunable"] is promised["share-45"] is promised["wrong-labels"] is None


def test_the_worlds_without_a_choice_are_known() -> None:
    assert set(MAIN) <= set(list_worlds())
    assert len(list_worlds()) == len(WORLDS)
