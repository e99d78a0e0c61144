"""Prompts are given up once they are not sent again, and not before."""

from __future__ import annotations

import json

import pytest
from e2e_world import World, make_cases, model_at
from servers import Call

WATCHER = """
import json

def pytest_sessionfinish(session):
    kept = [
        (item.planned.arm, item.planned.case)
        for item in session.items
        if any(trial.request.messages for trial in item.planned.trials)
    ]
    with open("kept.json", "w") as file:
        json.dump(kept, file)
"""


def answer(call: Call) -> str:
    """Every third case is answered in no form at all; asked again, in the right one."""
    number = int(call["messages"][0]["content"].split("key=c")[1][:3])
    is_asked_again = len(call["messages"]) > 1
    return "no JSON" if number % 3 == 0 and not is_asked_again else json.dumps({"key": number})


@pytest.mark.parametrize("options", [("--ftgate-exhaustive",), ()], ids=["exhaustive", "a ladder"])
def test_only_what_may_be_sent_again_is_kept(world: World, options: tuple[str, ...]) -> None:
    (world.path / "conftest.py").write_text(WATCHER)
    with world.serve(answer) as server:
        cases = [{**case, "expected": {"key": n}} for n, case in enumerate(make_cases(9))]
        world.write(
            "t",
            {
                "models": model_at(server),
                "prompt": "{{ input }}",
                "arms": {"repair": {}, "reask": {}},
                "graders": ["is-json", "json-fields"],
                "repeats": 2,
                "cases": cases,
            },
        )
        world.run(*options)
        calls = server.calls
    kept = json.loads((world.path / "kept.json").read_text())
    records = world.records()
    assert {record["arm"] for record in records} == {"as_is", "repair", "reask"}
    # Those that share a request with an item that failed are kept with it.
    wanted = {"c000", "c003", "c006"} if not options else set()
    assert {case for _, case in kept} == wanted
    # Whatever was sent was sent whole: arms that ask the same found the prompts of `as_is`.
    assert all("key=c" in call["messages"][0]["content"] for call in calls)
    assert all(record["outcome"] == "passed" for record in records if record["arm"] == "reask")
