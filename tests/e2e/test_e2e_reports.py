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

LATE = """
import json
import pytest

@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    item.stash.setdefault(NOTE, []).append(call.when)
    report = yield
    if item.name == "c001":
        report.sections.append(("said", call.when))
    return report

def pytest_runtest_logreport(report):
    if "c002" in report.nodeid:
        report.user_properties.append(("when", report.when))

NOTE = pytest.StashKey()

def pytest_sessionfinish(session):
    reports = session.config.pluginmanager.get_plugin("terminalreporter").stats.values()
    kept = [
        [str(report.nodeid).rpartition("::")[2], report.when, report.sections, report.user_properties]
        for same in reports for report in same
    ]
    notes = {item.name: item.stash[NOTE] for item in session.items}
    found = {item.name: sorted(item.listextrakeywords() - set(item.keywords)) for item in session.items}
    with open("kept.json", "w") as file:
        json.dump([kept, notes, found], file)
"""


def test_what_other_plugins_put_on_reports_and_items_stays(world: World) -> None:
    (world.path / "conftest.py").write_text(LATE)
    cases = make_cases(3)
    cases[0]["tags"] = ["red"]
    world.write(
        "t",
        {
            "name": "t",
            "models": {"candidate": "openai/recorded"},
            "prompt": "{{ input }}",
            "graders": ["equals"],
            "repeats": 1,
            "cases": cases,
        },
    )
    rows = [{"case": case["id"], "arm": "as_is", "repeat": 1, "output": case["expected"]} for case in cases]
    world.write_lines("a.jsonl", rows)
    world.run("--ftgate-replay", "a.jsonl", "-W", "ignore")
    kept, notes, found = json.loads((world.path / "kept.json").read_text())
    whens = ["setup", "call", "teardown"]
    told = {(name, when): (sections, more) for name, when, sections, more in kept if name.startswith("c0")}
    assert len(told) == 9
    for when in whens:
        assert told["c000", when] == ([], [])
        assert told["c001", when] == ([["said", when]], [])
        assert told["c002", when] == ([], [["when", when]])
    assert notes == dict.fromkeys(("c000", "c001", "c002"), whens)
    assert found["c000"] == ["candidate", "red"]
    assert found["c001"] == ["candidate"]


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
