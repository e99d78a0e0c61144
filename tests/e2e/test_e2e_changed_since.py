"""--ftgate-changed-since: only evalsets of which something changed run, and all where what they share did."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import scipy.stats  # noqa: F401 - inner sessions need numpy, and no part of it can be imported twice
from e2e_world import World, make_cases, model_at
from servers import ChatServer

CONFTEST = """
import app

def pytest_ftgate_register_providers(functions):
    functions.register("my_app", app.answer)
"""


CORE = """
def answer(call):
    from app import late
    return late.TEXT
"""


class Repository:
    """A git checkout of a world."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world, self.path = world, world.path
        for variable in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
            monkeypatch.delenv(variable, raising=False)
        for role in ("AUTHOR", "COMMITTER"):
            monkeypatch.setenv(f"GIT_{role}_NAME", "a")
            monkeypatch.setenv(f"GIT_{role}_EMAIL", "a@example.org")
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str) -> None:
        subprocess.run(["git", "-C", str(self.path), *arguments], check=True, capture_output=True)

    def commit(self) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "x")

    def run(self, *arguments: str, **more: Any) -> set[str]:
        """Names of the evalsets that ran since main."""
        result = self.world.run("--ftgate-changed-since", "main", *arguments, **more)
        assert result.ret == 0, result.outlines
        lines = [line for line in result.outlines if "unchanged since main, not run" in line]
        left_out = {
            Path(word.strip(",")).name.split(".")[0]
            for line in lines
            for word in line.split()
            if "evalset" in word
        }
        return {"doc", "file", "plain"} - left_out


def write_evalsets(world: World, server: ChatServer) -> None:
    more: dict[str, Any] = {
        "models": model_at(server),
        "graders": ["equals"],
        "decision": "off",
        "repeats": 1,
    }
    more["gates"] = {"accuracy": "off"}
    (world.path / "prompts").mkdir()
    (world.path / "prompts" / "v1.md").write_text("{{ input }}")
    (world.path / "docs").mkdir()
    (world.path / "docs" / "a.md").write_text("a word about c000")
    (world.path / "docs" / "b.md").write_text("a word about c001")
    world.write("plain", {**more, "prompt": "plain {{ input }}", "cases": make_cases(2)})
    world.write_lines("cases.jsonl", make_cases(2))
    world.write("file", {**more, "prompt": {"file": "prompts/v1.md"}, "cases": [{"file": "cases.jsonl"}]})
    arms = {"retrieval": {"docs": "docs/**/*.md", "k": 1}}
    world.write("doc", {**more, "prompt": "doc {{ input }}", "arms": arms, "cases": make_cases(2)})


@pytest.fixture
def repository(world: World, monkeypatch: pytest.MonkeyPatch) -> Repository:
    return Repository(world, monkeypatch)


def test_every_file_that_an_evalset_is_made_of_counts(repository: Repository) -> None:
    world, path = repository.world, repository.path
    with world.serve("x") as server:
        write_evalsets(world, server)
        (path / ".gitignore").write_text(".ftgate\nsecret.jsonl\n__pycache__\n")
        (path / "pytest.ini").write_text("[pytest]\n")
        repository.commit()
        assert repository.run() == set()
        assert server.count == 0
        changes: list[tuple[str, str | None, set[str]]] = [
            ("prompts/v1.md", "Now: {{ input }}", {"file"}),
            ("cases.jsonl", '{"id": "z", "input": "i", "expected": "e"}\n', {"file"}),
            ("docs/a.md", "other words about c000", {"doc"}),
            ("docs/sub/new.md", "a new document about c000", {"doc"}),
            ("docs/b.md", None, {"doc"}),
            ("README.md", "nothing of an evalset", set()),
            ("pytest.ini", "[pytest]\nftgate_repeats = 2\n", {"doc", "file", "plain"}),
            ("conftest.py", "", {"doc", "file", "plain"}),
            ("other/conftest.py", "", {"doc", "file", "plain"}),
        ]
        for name, content, wanted in changes:
            file = path / name
            file.parent.mkdir(exist_ok=True)
            before = file.read_text() if file.exists() else None
            if content is None:
                file.unlink()
            else:
                file.write_text(content)
            assert repository.run() == wanted, name
            if before is None:
                file.unlink()
            else:
                file.write_text(before)
        # A file that git ignores may have changed: nobody can tell.
        (path / "secret.jsonl").write_text((path / "cases.jsonl").read_text())
        plain = (path / "plain.evalset.yaml").read_text()
        assert '"cases": [' in plain
        world.write(
            "file",
            {
                "models": model_at(server),
                "graders": ["equals"],
                "decision": "off",
                "repeats": 1,
                "gates": {"accuracy": "off"},
                "prompt": {"file": "prompts/v1.md"},
                "cases": [{"file": "secret.jsonl"}],
            },
        )
        repository.commit()
        assert repository.run() == {"file"}


def test_a_module_below_the_target_concerns_all(repository: Repository) -> None:
    world, path = repository.world, repository.path
    (path / ".gitignore").write_text(".ftgate\n__pycache__\n")
    (path / "conftest.py").write_text(CONFTEST)
    (path / "app").mkdir()
    (path / "app" / "__init__.py").write_text("from .core import answer\n")
    (path / "app" / "core.py").write_text(CORE)
    (path / "app" / "late.py").write_text("TEXT = 'x'\n")
    (path / "tool.py").write_text("")
    cases = [{"id": "a", "input": "i", "expected": "x"}]
    evalset = {"target": "my_app", "graders": ["equals"], "decision": "off", "gates": {"accuracy": "off"}}
    world.write("plain", {**evalset, "cases": cases})
    repository.commit()
    assert "plain" not in repository.run(subprocess=True)
    (path / "tool.py").write_text("unrelated = True\n")
    assert "plain" not in repository.run(subprocess=True)
    (path / "app" / "late.py").write_text("TEXT = 'y'\n")
    result = world.run("--ftgate-changed-since", "main", subprocess=True)
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        ["ftgate: every evalset runs: app/late.py changed, which a plugin or target uses*"]
    )
    result.stdout.fnmatch_lines(["*1 missed*"])


def test_other_tests_run_and_the_reason_is_reported(repository: Repository) -> None:
    world, path = repository.world, repository.path
    with world.serve("x") as server:
        write_evalsets(world, server)
        (path / ".gitignore").write_text(".ftgate\n__pycache__\n")
        (path / "test_plain.py").write_text("def test_it(): pass\n")
        repository.commit()
        result = world.run("--ftgate-changed-since", "main")
        result.assert_outcomes(passed=1, deselected=8)
        assert result.ret == 0
        result.stdout.fnmatch_lines([
            "ftgate: unchanged since main, not run: doc.evalset.yaml, file.evalset.yaml, plain.evalset.yaml *"
        ])  # fmt: skip
        (path / "prompts" / "v1.md").write_text("Now: {{ input }}")
        result = world.run("--ftgate-changed-since", "HEAD", "--ftgate-strict")
        result.stdout.fnmatch_lines(["ftgate: file.evalset.yaml changed since HEAD (prompts/v1.md)"])
        assert [entry["name"] for entry in world.report()["evalsets"]] == ["file"]
        assert world.report()["header"]["settings"]["changed_since"] == "HEAD"
        (path / "prompts" / "v1.md").write_text("{{ input }}")
        (path / "test_plain.py").unlink()
        assert world.run("--ftgate-changed-since", "main", "--ftgate-shard", "1/2").ret == 0
        # Shard 3 of evalsets with two cases has no item; they are unchanged all the same.
        empty = world.run("--ftgate-changed-since", "main", "--ftgate-shard", "3/3")
        assert empty.ret == 0
        empty.stdout.fnmatch_lines(
            ["ftgate: unchanged since main, not run: doc.evalset.yaml, file*(0 items *"]
        )
        assert world.run("--ftgate-changed-since", "main", "--ftgate-plan").ret == 0


@pytest.mark.slow
def test_workers_leave_out_what_one_process_does(repository: Repository) -> None:
    world, path = repository.world, repository.path
    arguments = ("--ftgate-changed-since", "main", "-n", "2")
    with world.serve("x") as server:
        write_evalsets(world, server)
        (path / ".gitignore").write_text(".ftgate\n__pycache__\n")
        repository.commit()
        assert world.run(*arguments, subprocess=True).ret == 0
        (path / "prompts" / "v1.md").write_text("Now: {{ input }}")
        spread = world.run(*arguments, subprocess=True)
    assert spread.ret == 0
    spread.stdout.fnmatch_lines([
        "ftgate: file.evalset.yaml changed since main (prompts/v1.md)",
        "ftgate: unchanged since main, not run: doc.evalset.yaml, plain.evalset.yaml*",
    ])  # fmt: skip
    assert [entry["name"] for entry in world.report()["evalsets"]] == ["file"]


@pytest.mark.parametrize("ref", ["nowhere", " ", "--output=x", "main:prompts"])
def test_unknown_revision_is_refused(repository: Repository, ref: str) -> None:
    (repository.path / "a").write_text("")
    repository.commit()
    result = repository.world.run(f"--ftgate-changed-since={ref}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert f"--ftgate-changed-since {ref}: " in result.stderr.str()
    assert not (repository.path / "x").exists()


def test_no_checkout_and_no_git_are_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(world.path.parent))
    result = world.run("--ftgate-changed-since", "main")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "not a git repository" in result.stderr.str()
    monkeypatch.setenv("PATH", str(world.path))
    result = world.run("--ftgate-changed-since", "main")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "git is not installed here" in result.stderr.str()
