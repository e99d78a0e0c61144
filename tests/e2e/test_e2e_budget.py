"""Caps, limits and spending as a user sees them: a whole session against a server that counts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from e2e_world import World, make_cases, model_at
from servers import Call, ChatServer, Reply, error

PRICE = {"input_usd_per_m": 100.0, "output_usd_per_m": 1000.0}
PROMPT, COMPLETION = 20, 10
ONE = (PROMPT * 100.0 + COMPLETION * 1000.0) / 1e6


class Meter:
    """Right answers in the right form, fenced for every third case; counts the tokens that it charges."""

    def __init__(self) -> None:
        self.tokens = 0
        self.sent = 0

    def __call__(self, call: Call) -> Reply:
        number = call["messages"][0]["content"].rsplit("key=c", 1)[-1][:3]
        text = json.dumps({"key": f"yes-c{number}"})
        is_fenced = number.isdigit() and int(number) % 3 == 0 and len(call["messages"]) == 1
        self.sent += 1
        self.tokens += PROMPT + COMPLETION
        return Reply(
            f"```json\n{text}\n```" if is_fenced else text,
            prompt_tokens=PROMPT,
            completion_tokens=COMPLETION,
        )


def models(server: ChatServer, price: dict[str, float] | None = PRICE) -> dict[str, Any]:
    found = model_at(server, temperature=0.7, max_tokens=20)
    if price is not None:
        found["candidate"]["price"] = price
    return found


def write(world: World, server: ChatServer, count: int = 24, name: str = "m", **more: Any) -> None:
    cases = [{**case, "expected": {"key": case["expected"]}} for case in make_cases(count)]
    price = more.pop("price", PRICE)
    world.write(
        name,
        {
            "prompt": "{{ input }}",
            "models": models(server, price),
            "graders": ["is-json", "json-fields"],
            "cases": cases,
            "repeats": 2,
            **more,
        },
    )


@pytest.mark.parametrize("cap", [("--ftgate-max-cost", "0.25"), ("--ftgate-max-tokens", "600")])
def test_a_cap_ends_the_run_incomplete_with_the_cause_and_fails_the_build(cap, world):
    meter = Meter()
    with world.serve(meter) as server:
        write(world, server)
        result = world.run("=".join(cap), "--ftgate-arms", "as_is", "--ftgate-concurrency", "4")
    assert result.ret == 1
    verdict = world.verdict()
    assert verdict["decision"] == "incomplete"
    assert f"{' '.join(cap)} was reached after" in verdict["reason"]
    asked = meter.sent
    assert f"{asked} of 48 trials asked" in verdict["reason"]
    records = world.records()
    refused = [record for record in records if record["signature"] == "infra:budget"]
    assert (len(records), len(refused)) == (48, 48 - asked)
    assert all(record["attempts"] == 0 for record in refused)
    assert asked * ONE <= 0.25
    assert meter.tokens <= 600 or "cost" in cap[0]
    assert asked > 10
    assert world.entry()["cost_usd"] == pytest.approx(asked * ONE)


def test_a_run_within_its_caps_is_as_any_other(world):
    meter = Meter()
    with world.serve(meter) as server:
        write(world, server, bar=0.3)
        result = world.run("--ftgate-max-cost=5", "--ftgate-max-tokens=100000", "--ftgate-arms", "as_is")
    result.stdout.fnmatch_lines(["*at most $5*at most 100,000 tokens*"])
    assert world.verdict()["decision"] != "incomplete"
    assert meter.sent == 48


def test_a_model_without_a_price_is_refused_before_the_first_call(world):
    with world.serve(Meter()) as server:
        write(world, server, price=None)
        result = world.run("--ftgate-max-cost=5")
        assert server.count == 0
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*m.evalset.yaml:*/models/candidate: --ftgate-max-cost needs the price of*"])
    result.stderr.fnmatch_lines(["*price: {input_usd_per_m: USD, output_usd_per_m: USD}*"])


def test_a_cap_on_money_asks_nothing_of_a_replay(world):
    with world.serve(Meter()) as server:
        write(world, server, price=None)
        world.run("--ftgate-record=answers.jsonl", "--ftgate-arms", "as_is")
        replayed = world.run(
            "--ftgate-replay=answers.jsonl", "--ftgate-max-cost=0.001", "--ftgate-arms", "as_is"
        )
    assert replayed.ret != pytest.ExitCode.USAGE_ERROR
    assert world.verdict()["decision"] != "incomplete"


def test_what_is_spent_is_what_the_server_charged_with_shared_first_turns(world):
    """`reask` and `as_is` share their first turns; a run from the store pays nothing."""
    meter = Meter()
    with world.serve(meter) as server:
        write(world, server, bar=0.95, arms={"reask": {}, "repair": {}})
        world.run()
        entry = world.entry()
        arms = {arm["arm"]: arm for arm in entry["arms"] if arm["role"] == "candidate"}
        assert entry["cost_usd"] == pytest.approx(meter.sent * ONE)
        assert meter.tokens == meter.sent * (PROMPT + COMPLETION)
        assert entry["requests_sent"] == meter.sent
        assert arms["as_is"]["cost_usd"] == pytest.approx(48 * ONE)
        assert arms["reask"]["cost_usd"] == pytest.approx((48 + 16) * ONE), "the arm's own cost is whole"
        again = arms["reask"]["follow_ups"]
        assert (again["trials"], again["calls"]) == (16, 16)
        assert again["cost_usd"] == pytest.approx(16 * ONE)
        sent = meter.sent
        world.run()
        assert meter.sent == sent
        assert world.entry()["cost_usd"] == 0


def test_a_model_that_never_answers_is_given_up_with_the_cause(world):
    with world.serve(lambda call: error(500, "broken for good")) as server:
        write(world, server, count=60)
        result = world.run("--ftgate-arms", "as_is", "--ftgate-attempts", "1", "--ftgate-concurrency", "2")
        assert server.count < 30
    assert result.ret == 1
    verdict = world.verdict()
    assert verdict["decision"] == "incomplete"
    assert "given up after 20 trials in a row failed, the last:" in verdict["reason"]
    assert "of 120 trials asked" in verdict["reason"]


@pytest.mark.slow
def test_workers_share_a_cap(world):
    meter = Meter()
    with world.serve(meter) as server:
        write(world, server, name="one")
        write(world, server, name="two")
        result = world.run(
            "-n",
            "2",
            "--ftgate-max-tokens=1200",
            "--ftgate-arms",
            "as_is",
            "--ftgate-concurrency",
            "4",
            subprocess=True,
        )
    assert result.ret == 1
    assert meter.tokens <= 1200
    reasons = [entry["verdict"]["reason"] for entry in world.report()["evalsets"]]
    assert all(
        "--ftgate-max-tokens 1200 (1/2 of it for each xdist worker) was reached after" in reason
        for reason in reasons
    )
