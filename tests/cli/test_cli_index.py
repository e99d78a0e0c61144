"""`pytest-ftgate index`: vectors ahead of a run, and recall without asking the model under test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from servers import Call, ChatServer, Reply, error

from pytest_ftgate.cli.main import main

DOCS = {
    "refunds": "Refunds. A refund of money takes three days when the order is new.",
    "bills": "Bills. Each bill shows what was charged to the card last month.",
    "stores": "Stores. The shop in Oslo opens at nine and closes at five.",
}
CASES = [
    {"id": "a", "input": "give it back", "expected": "x", "context": "A refund of money takes three days"},
    {"id": "b", "input": "the bill", "expected": "x", "context": "Each bill shows what was charged"},
]


def embed(call: Call) -> Reply:
    """Texts about money have one direction, all others another."""
    about_money = any(word in call.prompt for word in ("refund", "give it back"))
    return Reply(vector=(1.0, 0.1) if about_money else (0.1, 1.0))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    for name, text in DOCS.items():
        (tmp_path / "docs" / f"{name}.md").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    return tmp_path


def write(project: Path, server: ChatServer | None = None, **options: Any) -> None:
    arm = {"docs": "docs/*.md", "k": 1, **options}
    evalset: dict[str, Any] = {"prompt": "{{ input }}", "graders": ["icontains"], "arms": {"retrieval": arm}}
    if server is not None:
        params = {"api_base": server.base_url}
        evalset["models"] = {"embedder": {"model": "openai/embed", "params": params}}
    (project / "x.evalset.yaml").write_text(json.dumps({**evalset, "cases": CASES}))


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    status = main(["index", *arguments])
    captured = capsys.readouterr()
    return status, captured.out + captured.err


def test_by_words_it_asks_nobody(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(project)
    status, said = run(capsys, ".")
    assert status == 0
    assert "BM25 over 3 chunks of 3 files" in said
    assert "recall@1 50 % (1.3 .. 98.7)" in said
    assert "request" not in said
    assert not (project / ".ftgate").exists()


def test_the_embedder_is_asked_once_for_each_text(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ChatServer(embed) as server:
        write(project, server, rank="vectors")
        status, said = run(capsys, "x.evalset.yaml", "--json")
        assert (status, server.count) == (0, 5)
        found = json.loads(said)[0]
        assert found["requests_sent"] == 5
        (search,) = found["searches"]
        assert (search["rank"], search["embedder"]) == ("vectors", "openai/embed")
        assert search["recall"]["1"]["value"] == 1.0
        assert all(call.path.endswith("/embeddings") for call in server.calls)
        run(capsys, "x.evalset.yaml")
        assert server.count == 5
        (project / "docs" / "stores.md").write_text("Stores. Closed for good.")
        run(capsys, "x.evalset.yaml")
        assert server.count == 6
    # What is in the file needs neither server nor store.
    (project / ".ftgate" / "responses.sqlite").unlink()
    assert main(["check", "x.evalset.yaml"]) == 0


def test_planning_sends_nothing_and_says_what_to_run(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ChatServer(embed) as server:
        write(project, server, rank="hybrid", vectors="vectors.jsonl")
        assert main(["check", "x.evalset.yaml"]) == 1
        said = capsys.readouterr().out
        assert server.count == 0
        assert "5 of 5 texts have no vector by 'openai/embed' yet" in said
        assert "pytest-ftgate index x.evalset.yaml" in said
        run(capsys, "x.evalset.yaml")
    assert (project / "vectors.jsonl").is_file()
    assert main(["check", "x.evalset.yaml"]) == 0


def test_a_vector_file_outside_is_refused(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ChatServer(embed) as server:
        write(project, server, rank="vectors", vectors="../vectors.jsonl")
        status, said = run(capsys, "x.evalset.yaml")
        assert status == 2
        assert "outside the rootdir" in said
        assert server.count == 0


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (error(401, "no such key"), "gave no embedding"),
        (Reply(vector=(float("nan"),)), "gave no embedding"),
    ],
)
def test_an_embedder_that_fails_is_said(
    project: Path, capsys: pytest.CaptureFixture[str], reply: Reply, words: str
) -> None:
    with ChatServer(lambda call: reply) as server:
        write(project, server, rank="vectors")
        status, said = run(capsys, "x.evalset.yaml")
    assert status == 2
    assert words in said


def test_vectors_of_a_changed_model_are_not_mixed(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ChatServer(embed) as server:
        write(project, server, rank="vectors")
        run(capsys, "x.evalset.yaml")
        server.script = lambda call: Reply(vector=(1.0, 0.0, 0.0))
        (project / "docs" / "new.md").write_text("new")
        status, said = run(capsys, "x.evalset.yaml")
    assert status == 2
    assert "vectors of 2 and 3 numbers" in said


def test_all_rankings_are_compared(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ChatServer(embed) as server:
        write(project, server)
        status, said = run(capsys, "x.evalset.yaml", "--compare", "--json")
    assert status == 0
    recall = {s["rank"]: s["recall"]["1"]["value"] for s in json.loads(said)[0]["searches"]}
    assert recall == {"bm25": 0.5, "vectors": 1.0, "hybrid": 1.0}


def test_without_a_search_there_is_nothing_to_index(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "x.evalset.yaml").write_text(
        json.dumps({"prompt": "x", "graders": ["equals"], "cases": CASES})
    )
    status, said = run(capsys, ".")
    assert status == 2
    assert "nothing to index" in said


def test_the_small_model_of_this_machine_by_default(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(project, rank="hybrid")
    status, said = run(capsys, "x.evalset.yaml")
    assert status == 0
    assert "BM25 fused with vectors of local/minilm" in said
    assert "recall@1 100 %" in said
