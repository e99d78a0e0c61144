"""The modes of arm `structured` against a real server: what is sent, proven, graded and told."""

from __future__ import annotations

import json
from typing import Any

import pytest
from e2e_world import World
from servers import Call, Reply
from verdict_world import KEY, LABELS, evalset, fill, served_by, truth, wrong

MODES = ("schema", "json", "tool")
ARMS = {mode: {"kind": "structured", "mode": mode} for mode in MODES}


def read_mode(call: Call) -> str | None:
    if call.get("tools"):
        return "tool"
    return {"json_schema": "schema", "json_object": "json"}.get(call.get("response_format", {}).get("type"))


def read_schema(call: Call) -> dict[str, Any]:
    if call.get("tools"):
        return call["tools"][0]["function"]["parameters"]
    return call["response_format"]["json_schema"]["schema"]


class Vendor:
    """Wordy unless a form is enforced. `enforces`: the modes that hold; `refuses`: those that give a 400."""

    def __init__(self, enforces: tuple[str, ...] = MODES, refuses: tuple[str, ...] = ()) -> None:
        self.enforces, self.refuses = enforces, refuses

    def __call__(self, call: Call) -> Reply | str:
        mode, key = read_mode(call), KEY.search(call.prompt)
        if mode in self.refuses:
            return Reply(status=400, error=f"{mode} is not supported by this model")
        if key is None:
            text = "{}" if mode == "json" else fill(read_schema(call))
            return (
                self.write(call, mode, text)
                if mode in self.enforces
                else "The sky is blue, <b>of course</b>."
            )
        if mode is None or mode not in self.enforces:
            return f"That would be {truth(int(key[1]))}, I think."
        return self.write(call, mode, json.dumps({"label": truth(int(key[1]))}))

    @staticmethod
    def write(call: Call, mode: str | None, text: str) -> Reply | str:
        if mode != "tool":
            return text
        return Reply(tool_calls=((call["tools"][0]["function"]["name"], text),))


def run(world: World, vendor: Any, *arguments: str, arms: Any = ARMS, count: int = 20) -> pytest.RunResult:
    with world.serve(vendor) as server:
        written = evalset(count, repeats=2, models=served_by(server)) | {"arms": arms}
        world.write("t", written)
        return world.run("--ftgate-exhaustive", *arguments)


def arms_of(world: World) -> dict[str, dict[str, Any]]:
    return {arm["arm"]: arm for arm in world.entry()["arms"]}


def test_each_mode_is_sent_proven_and_graded(world: World) -> None:
    run(world, Vendor())
    arms = arms_of(world)
    assert arms["as_is"]["accuracy"]["value"] == 0
    for mode in MODES:
        assert (mode, arms[mode]["schema_enforced"]) == (mode, "enforced")
        assert (mode, arms[mode]["accuracy"]["value"]) == (mode, 1.0)
    records = [record for record in world.records() if record["arm"] == "tool"]
    assert all(record["output"] is None and record["tool_calls"] for record in records)
    assert world.verdict()["decision"] == "improve_prompt"


def test_what_is_not_enforced_is_told_with_what_the_probe_got(world: World) -> None:
    result = run(world, Vendor(enforces=("json",), refuses=("tool",)), "--ftgate-report", "markdown=r.md")
    arms = arms_of(world)
    assert [arms[mode]["schema_enforced"] for mode in MODES] == ["unverified", "enforced", "unsupported"]
    assert arms["tool"]["status"] == "skipped"
    assert "tool is not supported by this model" in arms["tool"]["probe"]
    assert "The sky is blue" in arms["schema"]["probe"]
    shown = "\n".join(result.outlines)
    assert "schema: schema unverified; a probe got another answer: 'The sky is" in shown
    text = (world.path / "r.md").read_text()
    assert "The sky is blue" in text
    assert "<b>" not in text


def test_the_probes_state_survives_judging_again_and_replay(world: World) -> None:
    run(world, Vendor(enforces=("tool",)), "--ftgate-record", "rows.jsonl")
    first = arms_of(world)
    world.run("--ftgate-replay", "rows.jsonl", "--ftgate-exhaustive")
    again = arms_of(world)
    assert [again[mode]["schema_enforced"] for mode in MODES] == ["unverified", "unverified", "enforced"]
    assert [again[mode]["accuracy"] for mode in MODES] == [first[mode]["accuracy"] for mode in MODES]


@pytest.mark.parametrize(
    ("modes", "enforces", "missing", "said"),
    [
        (("json",), MODES, ["structured"], "json is JSON mode, without a schema"),
        (("schema",), (), ["structured"], "of schema it is unverified (a probe got another answer"),
        (("schema", "tool"), ("tool",), [], ""),
        (("json", "tool"), ("json", "tool"), [], ""),
    ],
)
def test_only_an_enforced_schema_answers_for_structured(
    world: World, modes: tuple[str, ...], enforces: tuple[str, ...], missing: list[str], said: str
) -> None:
    """All arms stay below the bar; is tuning still open for want of a structured arm?"""
    held = Vendor(enforces)

    def answer(call: Call) -> Reply | str:
        key = KEY.search(call.prompt)
        if key is None:
            return held(call)
        return held.write(call, read_mode(call), json.dumps({"label": wrong(int(key[1]), 0.5)}))

    arms: dict[str, Any] = {mode: ARMS[mode] for mode in modes}
    shots = [{"input": f"solved {number}", "expected": label} for number, label in enumerate(LABELS)]
    run(world, answer, arms={**arms, "few_shot": {"examples": shots}}, count=60)
    verdict = world.verdict()
    assert verdict["missing_arms"] == missing
    assert verdict["decision"] != "fine_tune_justified" if missing else "fine_tune_justified"
    assert said in " ".join([verdict["reason"], *verdict["changes"]])


def test_reask_of_a_forced_call_answers_the_call_and_counts_what_it_costs(world: World) -> None:
    """The first call lacks its field in every second case; instructor's way of asking again mends it."""
    seen: list[Call] = []

    def answer(call: Call) -> Reply | str:
        key = KEY.search(next((m["content"] for m in call["messages"] if m["role"] == "user"), ""))
        if key is None or read_mode(call) is None:
            return Vendor()(call)
        number, is_again = int(key[1]), call["messages"][-1]["role"] == "tool"
        if is_again:
            seen.append(call)
        text = json.dumps({"label": truth(number)} if is_again or number % 2 else {"lable": truth(number)})
        return Vendor.write(call, "tool", text)

    price = {"input_usd_per_m": 1000, "output_usd_per_m": 0}
    with world.serve(answer) as server:
        models = served_by(server)
        models["candidate"]["price"] = price
        arms = {"tool": ARMS["tool"], "reask": {"of": "tool"}}
        world.write("t", evalset(20, repeats=2, models=models) | {"arms": arms})
        result = world.run("--ftgate-exhaustive", "-v")
    arms = arms_of(world)
    assert (arms["tool"]["accuracy"]["value"], arms["reask"]["accuracy"]["value"]) == (0.5, 1.0)
    again = arms["reask"]["follow_ups"]
    assert (again["trials"], again["calls"]) == (20, 20)
    assert again["cost_usd"] == pytest.approx(20 * 11 * 1000 / 1e6)
    assert arms["tool"]["follow_ups"] is None
    assert any("reask: 20 trials asked again (20 further calls, $0.22)" in line for line in result.outlines)
    assistant, tool = seen[0]["messages"][-2:]
    assert assistant["tool_calls"][0]["id"] == tool["tool_call_id"]
    assert "could not be used" in tool["content"]
    assert "label" in tool["content"]
