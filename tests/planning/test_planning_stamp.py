"""What was planned whole before is listed sooner, and a listing says what a run would."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_ftgate.cli.check import builtin_registries
from pytest_ftgate.errors import EvalsetError
from pytest_ftgate.model.settings import Settings
from pytest_ftgate.model.trial import Plan
from pytest_ftgate.plan_loading import load_plan
from pytest_ftgate.plan_stamp import MIN_CASES, PlanStamp

COUNT = MIN_CASES + 137
TEXT = """
ftgate: 1
name: listed
models: {candidate: openai/m, base: openai/n}
prompt: "Say {{ input.word }}{{ ' again' * (input.times if input.times is defined else 0) }}"
graders: [is-json, equals]
arms:
  few_shot: {examples: [{input: {word: a}, expected: b}], k: 1}
  repair: {}
  reask: {}
  shorter: {prompt: "{{ input.word }}"}
gates: {accuracy: {min: 0.8}}
repeats: 2
cases: [{file: rows.jsonl}]
"""


class World:
    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / "listed.evalset.yaml"
        self.registries = builtin_registries()
        self.settings = Settings(rootdir=str(folder), directory=str(folder / ".ftgate"))
        self.path.write_text(TEXT)
        self.write_rows(COUNT)

    def write_rows(self, count: int, **more: object) -> None:
        rows = [{"id": f"c{i}", "input": {"word": "w" * (i % 9 + 1)}, "expected": "x"} for i in range(count)]
        rows[-1]["input"] = {**rows[-1]["input"], **more}  # type: ignore[dict-item]
        (self.folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def load(self, *, is_listing: bool = False) -> Plan:
        cache = self.folder / "cache"
        return load_plan(self.path, self.settings, self.registries, cache=cache, is_listing=is_listing)

    def is_whole(self, plan: Plan) -> bool:
        """Whether a request was made for every case and arm that asks."""
        asking = [item for item in plan.items if item.arm not in ("repair", "reask")]
        return len({id(trial.request) for item in asking for trial in item.trials}) == len(asking)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def strip(plan: Plan) -> Plan:
    """The plan without what differs from case to case."""
    return replace(plan, items=tuple(replace(i, trials=(len(i.trials),)) for i in plan.items))  # type: ignore[arg-type]


def test_a_listing_has_the_items_and_arms_of_the_run(world):
    whole = world.load()
    listed = world.load(is_listing=True)
    assert strip(listed) == strip(whole)
    assert world.is_whole(whole)
    assert not world.is_whole(listed)
    sources = [(item.arm, item.trials[0].source_arm) for item in whole.items]
    assert sources == [(item.arm, item.trials[0].source_arm) for item in listed.items]


def test_what_runs_is_always_planned_whole(world):
    first = world.load()
    world.load(is_listing=True)
    assert world.load() == first


def test_the_first_listing_plans_whole(world):
    assert world.is_whole(world.load(is_listing=True))


@pytest.mark.parametrize("change", ["rows", "evalset", "settings", "parts", "damaged"])
def test_a_change_is_planned_whole_again(world, change):
    world.load()
    if change == "rows":
        world.write_rows(COUNT, other=1)
    elif change == "evalset":
        world.path.write_text(TEXT.replace("Say", "Tell"))
    elif change == "settings":
        world.settings = replace(world.settings, repeats=3)
    elif change == "parts":
        world.registries.graders.register("mine", object())
    else:
        (stamp,) = (world.folder / "cache").glob("*.planned")
        stamp.write_bytes(b"\xff pytest-ftgate planned")
    assert world.is_whole(world.load(is_listing=True))
    assert not world.is_whole(world.load(is_listing=True))


def test_a_fault_in_one_of_many_prompts_is_told_by_a_listing_too(world):
    world.load(is_listing=True)
    world.write_rows(COUNT, times="twice")
    for _ in range(2):
        with pytest.raises(EvalsetError, match=f"c{COUNT - 1}"):
            world.load(is_listing=True)


@pytest.mark.parametrize(
    "written", [TEXT.replace("reask: {}", "mine: {kind: mine}"), TEXT.replace("[is-json, equals]", "[mine]")]
)
def test_where_more_decides_about_the_plan_it_is_planned_whole(world, written):
    class Part:
        """Whatever it says about cases may change without its name."""

        question, options, value, needs_expected, is_format = 1, {}, None, False, False

        def problems(self, *given):
            return ()

        def inapplicable(self, spec, evalset):
            return None

        def trials(self, task, case):
            messages = task.render(task.prompt, case, {})
            return [task.make(case, repeat, messages) for repeat in (1, 2)]

        def grade(self, ctx):
            raise AssertionError

    world.registries.graders.register("mine", Part())
    world.registries.arms.register("mine", Part())
    world.path.write_text(written)
    world.load()
    assert not list((world.folder / "cache").glob("*.planned"))
    assert world.is_whole(world.load(is_listing=True))


def test_few_cases_leave_no_stamp(world):
    world.write_rows(MIN_CASES - 1)
    world.load()
    assert not list((world.folder / "cache").glob("*.planned"))


def test_a_stamp_that_cannot_be_written_costs_nothing_else(world):
    (world.folder / "cache").write_text("a file")
    plan = world.load()
    stamp = PlanStamp(world.folder / "cache", plan.evalset, world.settings, world.registries)
    assert not stamp.holds()
