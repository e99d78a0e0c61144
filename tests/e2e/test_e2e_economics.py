"""From tokens on the wire to the plan: asked live, recorded and judged again; every figure recomputed."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from e2e_world import World
from jsonschema import Draft202012Validator
from plan_oracle import find_differences
from servers import Reply
from verdict_world import LABELS, evalset, script, truth

import pytest_ftgate

ECONOMICS = {"calls_per_month": 300_000, "fine_tune": {"method": "lora", "params_b": 8}}
PRICE = {"input_usd_per_m": 2.5, "output_usd_per_m": 10}
SCHEMA = Path(pytest_ftgate.__file__).parents[1] / "schemas" / "report.schema.json"


def stuck(arm: str, number: int, repeat: int) -> str:
    """Every other label is taken for the same one."""
    return truth(number) if number % 2 else LABELS[0]


def with_usage(answer: Any) -> Any:
    """The server's script, with token counts that depend on arm, case and repeat."""
    inner = script(answer)

    def reply(call: Any) -> Reply:
        text = inner(call)
        size = len(call.prompt)
        return Reply(text, prompt_tokens=size, completion_tokens=5 + size % 7 + call.attempt)

    return reply


def validated(world: World) -> dict[str, Any]:
    report = world.report()
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(report)
    return report["evalsets"][0]


def write(world: World, server: Any, **more: Any) -> None:
    model = {"model": "openai/scripted", "params": {"api_base": server.base_url}, "price": PRICE}
    world.write("tickets", evalset(50, arms=["few_shot", "structured"], repeats=2, **more) | {
        "models": {"candidate": model}
    })  # fmt: skip


def test_every_figure_of_a_live_plan_is_recomputed_and_a_replay_has_the_same(world: World) -> None:
    with world.serve(with_usage(stuck)) as server:
        write(world, server, economics=ECONOMICS)
        result = world.run("--ftgate-record", "rows.jsonl", "--ftgate-report", "markdown=r.md")
    entry = validated(world)
    assert (entry["verdict"]["decision"], result.ret) == ("fine_tune_justified", 0)
    assert find_differences(entry) == []
    assert entry["verdict"]["plan"]["payback"] in ("shown", "not_shown")
    check_spending(entry, world.records())
    for text in (result.stdout.str(), (world.path / "r.md").read_text()):
        assert "What 300,000 calls a month cost" in text
        assert "Plan: LoRA on 8B, 12-16 GB VRAM (1 GPU)" in text
        assert "not measurements" in " ".join(text.split())
    # Prices are those of the evalset today, whatever was recorded.
    assert world.run("--ftgate-replay", "rows.jsonl").ret == 0
    again = validated(world)
    assert again["verdict"]["plan"] == entry["verdict"]["plan"]
    assert again["economics"] == entry["economics"]


def check_spending(entry: dict[str, Any], records: list[dict[str, Any]]) -> None:
    """Means, standard errors and a covariance from records.jsonl alone: usage x price, by case."""
    by_case: dict[tuple[str, str], list[tuple[float, int]]] = defaultdict(list)
    for record in records:
        usage = record["usage"]
        usd = (usage["prompt_tokens"] * 2.5 + usage["completion_tokens"] * 10) / 1e6
        by_case[record["arm"], record["case"]].append((usd, usage["prompt_tokens"]))
    for arm in entry["arms"]:
        cases = sorted(case for name, case in by_case if name == arm["arm"])
        usd = [mean([usd for usd, _ in by_case[arm["arm"], case]]) for case in cases]
        prompt = [mean([tokens for _, tokens in by_case["as_is", case]]) for case in cases]
        found = arm["spending"]
        assert (found["cases"], found["usd"]) == (len(cases), pytest.approx(mean(usd)))
        assert found["usd_error"] == pytest.approx(math.sqrt(covary(usd, usd)))
        assert found["beside_as_is"]["usd_prompt"] == pytest.approx(covary(usd, prompt))
        assert arm["cost_usd_per_1k_cases"] == pytest.approx(1000 * mean(usd))


def mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)


def covary(first: list[float], second: list[float]) -> float:
    """Covariance of the two means."""
    products = [(a - mean(first)) * (b - mean(second)) for a, b in zip(first, second, strict=True)]
    return math.fsum(products) / (len(first) - 1) / len(first)


def test_distilling_is_named_where_the_bar_is_met_too_dearly_at_a_proven_volume(world: World) -> None:
    gates = {"cost": {"usd_per_1k_cases": 0.01}}
    with world.serve(with_usage(lambda arm, number, repeat: truth(number))) as server:
        write(world, server, gates=gates, economics=ECONOMICS)
        assert world.run().ret == 1  # the gate `cost` fails the build all the same
        dear = validated(world)
        write(world, server, gates=gates, economics=ECONOMICS | {"volume": "forecast"})
        forecast = world.run()
    assert (dear["verdict"]["decision"], dear["verdict"]["also"]) == ("bar_met", ["distill"])
    assert dear["verdict"]["plan"]["purpose"] == "distill"
    assert find_differences(dear) == []
    entry = validated(world)
    assert (entry["verdict"]["also"], entry["verdict"]["plan"]) == ([], None)
    assert find_differences(entry) == []
    assert "distilling waits for a proven one" in " ".join(forecast.stdout.str().split())


def test_an_unpriced_model_is_not_given_a_price(world: World) -> None:
    with world.serve(with_usage(stuck)) as server:
        model = {"model": "openai/scripted", "params": {"api_base": server.base_url}}
        world.write("tickets", evalset(50, repeats=2, economics=ECONOMICS) | {"models": {"candidate": model}})
        result = world.run()
    entry = validated(world)
    (as_is,) = entry["economics"]["arms"]
    assert (as_is["usd_per_call"], as_is["usd_per_month"]) == (None, None)
    assert as_is["tokens"] > 50
    text = " ".join(result.stdout.str().split())
    assert "what openai/scripted costs: no price is known for it; state models.candidate.price" in text
    assert find_differences(entry) == []


def test_teacher_and_student_are_paired_by_case(world: World) -> None:
    with world.serve(with_usage(lambda arm, number, repeat: truth(number))) as server:
        params, cheap = {"api_base": server.base_url}, {"input_usd_per_m": 0.1, "output_usd_per_m": 0.4}
        models = {
            "candidate": {"model": "openai/small", "params": params, "price": cheap},
            "teacher": {"model": "openai/large", "params": params, "price": PRICE},
        }
        world.write("tickets", evalset(50, repeats=2, models=models, economics=ECONOMICS))
        assert world.run().ret == 0
    entry = validated(world)
    assert find_differences(entry) == []
    switch = entry["economics"]["switch"]
    by_role = {arm["role"]: arm for arm in entry["economics"]["arms"]}
    gap = by_role["teacher"]["usd_per_call"]["value"] - by_role["candidate"]["usd_per_call"]["value"]
    assert switch["saving_usd_per_call"]["value"] == pytest.approx(gap)
    assert switch["payback"] == "shown"
    assert switch["weeks"][0] < switch["weeks"][1]
