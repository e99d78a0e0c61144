"""Hostile answers through every output of a run and all that GitHub is told: nothing leaks or executes."""

from __future__ import annotations

import json
import re
import sqlite3
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e_world import World, model_at
from github_api import GitHubApi
from markdown_it import MarkdownIt
from servers import Call

from pytest_ftgate.cli.main import main

KEY = "planted-Vq7Zt2Lw9Rv4Nc8/+=Kb3"
TOKEN = "ghs_planted0123456789abcdefABCDEF"
LONG = 5_000_000
MISSED = ("ansi", "bidi", "output")
"""Cases that pytest shows as missed; the others fail by themselves."""
ATTACKS = {
    "key": f"the key is {{key}}, {json.dumps(KEY)[1:-1]} and Bearer {{key}}",
    "script": "<script>alert(1)</script><img src=x onerror=alert(1)></td></table></details>",
    "link": "[click](javascript:alert(1)) ![x](http://evil.example/p.png) http://evil.example <http://evil.example>",
    "ansi": "\x1b[2J\x1b[31mall gates passed\x1b[0m\x1b]8;;http://evil.example\x07link\x1b]8;;\x07",
    "output": "ok\n::set-output name=decision::bar_met\n::error file=a.py,line=1::boom\n##[error]boom",
    "mask": "::add-mask::the\n  ::add-mask::e\n::stop-commands::x\r::save-state name=a::b",
    "mention": "@everyone @org/team #1 fixes #2 ``` ` | \n---\n# title\n<!-- pytest-ftgate comment: k -->",
    "long": "::set-output name=x::" + "<b>@everyone " * (LONG // 13),
    "bidi": "a\u202e\u2066b\u200b\u2028c\ud83dd",
}
OURS = re.compile(r"::(error|warning)( [a-z]+=[^,:\n]*(,[a-z]+=[^,:\n]*)*)?::[^\n]*")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\u2066\u2028\ud800-\udfff]")


def answer(call: Call) -> str:
    name = call.prompt.rsplit("case=", 1)[1]
    return ATTACKS[name].replace("{key}", call.headers["authorization"].removeprefix("Bearer "))


@pytest.fixture
def api() -> Iterator[GitHubApi]:
    with GitHubApi() as stub:
        yield stub


@pytest.fixture
def told(
    world: World, api: GitHubApi, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> dict[str, str]:
    """The texts of every output, by name."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    world.pytester.makeini("[pytest]\n")
    reports = [f"--ftgate-report={kind}={path}" for kind, path in (("markdown", "r.md"), ("json", "r.json"))]
    arguments = (*reports, "-v", "-rA", "--junitxml", "j.xml", "--ftgate-record", "c.jsonl")
    hostile = {key: ATTACKS[key] for key in ("script", "link", "output", "mention")}
    with world.serve("calm") as server:
        evalset = {
            "models": model_at(server),
            "prompt": "{{ input }}",
            "repeats": 1,
            "graders": [{"label": {"labels": ["calm", *hostile.values()]}}],
            "gates": {"no_regression": {"against": "baseline"}},
            "cases": [
                {
                    "id": name,
                    "input": f"case={name}",
                    "expected": "calm",
                    "must_pass": name not in MISSED,
                    "tags": [text[:50]],
                }
                for name, text in {**dict.fromkeys(ATTACKS, "plain"), **hostile}.items()
            ],
        }
        world.write("t", evalset)
        world.run("--ftgate-save", "main")
        server.script = answer
        result = world.run(*arguments, "--ftgate-compare", "main", "--ftgate-refresh")
    assert result.ret == 1
    assert len(world.records()) == len(ATTACKS)
    (world.path / "event.json").write_text(json.dumps({"pull_request": {"number": 7}}))
    environment = {
        "GITHUB_STEP_SUMMARY": "summary.md", "GITHUB_OUTPUT": "output", "GITHUB_EVENT_PATH": "event.json",
        "GITHUB_API_URL": api.url, "GITHUB_REPOSITORY": "o/r", "GITHUB_TOKEN": TOKEN,
        "GITHUB_WORKSPACE": str(world.path),
    }  # fmt: skip
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    capsys.readouterr()
    assert main(["github", "publish", "r.json", "--comment", "k"]) == 0
    said = capsys.readouterr()
    return {
        "terminal": result.stdout.str() + result.stderr.str(),
        "log": said.out + said.err,
        "comment": api.comments[0]["body"],
        **{
            name: (world.path / name).read_text()
            for name in ("r.md", "r.json", "j.xml", "summary.md", "output")
        },
    }


def test_nothing_leaks_and_nothing_executes(told: dict[str, str], world: World, api: GitHubApi) -> None:
    for name, text in told.items():
        assert KEY not in text, name
        assert TOKEN not in text, name
        if name not in ("r.json", "j.xml"):
            found = CONTROL.search(text)
            assert found is None, (name, text[max(0, found.start() - 200) : found.end()])
    for path in world.path.rglob("*"):
        # The store keeps what was paid for as it came: it serves it again, to graders alone.
        if path.is_file() and not path.name.startswith("responses.sqlite"):
            assert KEY.encode() not in path.read_bytes(), path
    assert (len(api.comments), api.writes()) == (1, ["POST"])

    commands = [line for line in told["terminal"].splitlines() if re.match(r"\s*::|.*##\[", line)]
    assert commands == []
    lines = told["log"].splitlines()
    assert len(lines) == len(ATTACKS) - len(MISSED) + 2
    assert all(OURS.fullmatch(line) for line in lines), lines
    assert all("file=t.evalset.yaml,line=" in line for line in lines[:6])
    assert "set-output" not in re.sub(r"::[^:]*$", "", lines[0])

    outputs = dict(
        re.findall(r"^(\w+)<<(?:ftgate-\w{32})\n(.*)\nftgate-\w{32}$", told["output"], re.MULTILINE)
    )
    assert outputs["decision"] != "bar_met"
    assert set(outputs) == {"decision", "decisions", "report", "failures"}
    assert len(told["output"].splitlines()) == 12

    for name in ("r.md", "summary.md", "comment"):
        check_markdown(told[name], name)
    root = ET.fromstring(told["j.xml"])
    assert set(ATTACKS) <= {case.get("name") for case in root.iter("testcase")}


def check_markdown(text: str, name: str) -> None:
    """As GitHub renders it: no HTML but the mark, no link, no image, no mention; and no workflow command."""
    assert not [line for line in text.splitlines() if re.match(r"\s*::|.*##\[", line)], name
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(text)
    flat = [inner for token in tokens for inner in (token, *(token.children or ()))]
    html = [token.content for token in flat if token.type in ("html_inline", "html_block")]
    assert [each.strip() for each in html] == (
        ["<!-- pytest-ftgate comment: k -->"] if name == "comment" else []
    )
    assert not [token for token in flat if token.type in ("link_open", "image")], name
    seen = " ".join(token.content for token in flat if token.type == "text")
    assert "case" in seen
    for forbidden in ("@everyone", "@org", "http://", "www.evil"):
        assert forbidden not in seen, (name, forbidden)
    headings = [flat[i + 1].content for i, token in enumerate(flat) if token.type == "heading_open"]
    assert "title" not in headings


def test_a_long_answer_is_short_everywhere(told: dict[str, str], world: World) -> None:
    limits = {"terminal": 60_000, "log": 30_000, "r.md": 65_536, "comment": 65_536, "j.xml": 200_000}
    assert {name: len(told[name]) for name, limit in limits.items() if len(told[name]) > limit} == {}
    assert len(told["summary.md"].encode()) <= 1024 * 1024
    assert len(told["r.json"]) < 1_000_000
    with sqlite3.connect(world.path / ".ftgate" / "history.sqlite") as connection:
        size = Path(world.path / ".ftgate" / "history.sqlite").stat().st_size
        dump = "\n".join(connection.iterdump())
    assert size < 1_000_000
    assert "all gates passed" not in dump
    assert len((world.path / ".ftgate/runs/latest/records.jsonl").read_text()) < 1_200_000
    # What can be judged again is whole.
    assert (
        max(len(json.loads(line)["output"]) for line in (world.path / "c.jsonl").read_text().splitlines())
        > LONG - 100
    )
