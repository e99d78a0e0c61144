"""What other plugins see on the reports of an item: what pytest itself would have put there."""

from __future__ import annotations

import json

import pytest
from e2e_world import World, make_cases

WATCHER = """
import json
import pytest

seen = []

def pytest_runtest_logreport(report):
    item = ITEMS.get(report.nodeid)
    if item is None:  # a gate
        return
    seen.append({
        "when": report.when, "keywords": report.keywords == dict.fromkeys(item.keywords, 1),
        "location": tuple(report.location) == (str(report.nodeid).split("::")[0], *item.reportinfo()[1:]),
        "status": getattr(report, "ftgate_status", None), "attributes": sorted(vars(report)),
    })

ITEMS = {}

def pytest_collection_finish(session):
    ITEMS.update({item.nodeid: item for item in session.items})

@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if item.name == "case-1":
        report.keywords = {**report.keywords, "of another plugin": 1}
    return report

def pytest_unconfigure():
    with open("seen.json", "w") as file:
        json.dump(seen, file)
"""


@pytest.mark.parametrize("folder", ["", "deep/er"])
def test_reports_say_what_pytest_says(world: World, folder: str) -> None:
    (world.path / "conftest.py").write_text(WATCHER)
    (world.path / folder).mkdir(parents=True, exist_ok=True)
    cases = make_cases(3)
    cases[2]["id"] = "case-1"
    world.write(
        f"{folder}/t".lstrip("/"),
        {
            "name": "t",
            "models": {"candidate": "openai/recorded"},
            "prompt": "{{ input }}",
            "graders": ["equals"],
            "repeats": 1,
            "cases": cases,
        },
    )
    rows = [
        {"case": case["id"], "arm": "as_is", "repeat": 1, "output": case["expected"] if n else "no"}
        for n, case in enumerate(cases)
    ]
    world.write_lines("a.jsonl", rows)
    world.run("--ftgate-replay", "a.jsonl", "-W", "ignore")
    seen = json.loads((world.path / "seen.json").read_text())
    assert [row["when"] for row in seen] == ["setup", "call", "teardown"] * 3
    assert [row["keywords"] for row in seen] == [True] * 6 + [False] * 3
    assert all(row["location"] for row in seen)
    assert [row["status"] for row in seen] == [
        None, "missed", None, None, "passed", None, None, "passed", None,
    ]  # fmt: skip
    assert not any("ftgate" in row["attributes"] for row in seen)
