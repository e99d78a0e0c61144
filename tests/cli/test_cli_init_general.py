"""`pytest-ftgate init general`: what it writes, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_ftgate.cli.check import builtin_registries
from pytest_ftgate.cli.main import main
from pytest_ftgate.general_pack import SUITES, PackOptions, build_pack
from pytest_ftgate.model.settings import Settings
from pytest_ftgate.model.trial import Plan
from pytest_ftgate.plan_loading import load_plan

MODELS = ("--base", "vendor/untuned", "--candidate", "vendor/tuned")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(path: Path, root: Path) -> Plan:
    return load_plan(path, Settings(rootdir=str(root), directory=str(root / ".ftgate")), builtin_registries())


def test_every_suite_is_written_asks_both_models_and_may_lose_the_margin(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", "general", "evals/general", *MODELS, "--margin", "0.1", "--repeats", "2"]) == 0
    output = capsys.readouterr().out
    assert "pytest --ftgate evals/general" in output
    assert "--ftgate-use-model" not in output
    names, total = set(), 0
    for suite in SUITES:
        path = folder / "evals" / "general" / f"{suite}.evalset.yaml"
        evalset = load(path, folder).evalset
        assert {role: spec.model for role, spec in evalset.models.items()} == {
            "base": "vendor/untuned", "candidate": "vendor/tuned",
        }  # fmt: skip
        assert evalset.suite is not None
        assert evalset.suite.name == suite.replace("_", " ").replace("json", "JSON")
        gate = next(gate for gate in evalset.gates if gate.name == "no_regression")
        assert (gate.options["against"], gate.options["margin"]) == ("base", 0.1)
        assert (evalset.repeats, evalset.decision.enabled) == (2, False)
        assert 50 <= len(evalset.cases) <= 100
        names.add(evalset.name)
        total += len(evalset.cases)
    assert (len(names), total) == (7, 584)


def test_the_pack_is_small_and_names_every_source_and_licence() -> None:
    pack = build_pack(PackOptions())
    assert sum(len(text.encode()) for text in pack.values()) < 1_000_000
    rows = [line for line in pack["README.md"].splitlines() if line.startswith("| ")]
    for suite in SUITES:
        (row,) = [row for row in rows if row.startswith(f"| {suite} |")]
        cases = pack[f"cases/{suite}.jsonl"].splitlines()
        assert f"| {len(cases)} |" in row
        assert any(licence in row for licence in ("MIT, Copyright", "Apache-2.0", "CC-BY-4.0"))
        # The evalset says it, too.
        head = pack[f"{suite}.evalset.yaml"].splitlines()[1]
        assert any(licence in head for licence in ("MIT", "Apache-2.0", "CC-BY-4.0"))
        ids = [json.loads(line)["id"] for line in cases]
        assert len(set(ids)) == len(ids)
    assert "Permission is hereby granted" in pack["README.md"]


def test_without_models_the_evalsets_leave_them_to_the_command_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", "general", "--suites", "mathematics", "--candidate", "vendor/tuned"]) == 0
    assert "--ftgate-use-model base=VENDOR/NAME" in capsys.readouterr().out
    assert set(load(folder / "general" / "mathematics.evalset.yaml", folder).evalset.models) == {"candidate"}
    written = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert written == {
        "pytest.ini",
        "general/README.md",
        "general/mathematics.evalset.yaml",
        "general/cases/mathematics.jsonl",
    }  # fmt: skip


def test_functions_are_offered_as_text_or_as_tools_of_the_call(folder: Path) -> None:
    assert main(["init", "general", "text", "--suites", "tool_calling", *MODELS]) == 0
    assert main(["init", "general", "native", "--suites", "tool_calling", "--native-tools", *MODELS]) == 0
    text, native = (load(folder / kind / "tool_calling.evalset.yaml", folder) for kind in ("text", "native"))
    for item, other in zip(text.items, native.items, strict=True):
        asked, called = item.trials[0].request, other.trials[0].request
        assert asked.tools is None
        names = [tool["function"]["name"] for tool in called.tools or ()]
        assert names
        assert all(name in asked.messages[0]["content"] for name in names)


def test_files_that_are_there_are_kept_unless_forced(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["init", "general", "--suites", "mathematics", *MODELS]
    assert main(command) == 0
    path = folder / "general" / "mathematics.evalset.yaml"
    path.write_text("mine")
    assert main(command) == 2
    assert "--force" in capsys.readouterr().err
    assert path.read_text() == "mine"
    assert main([*command, "--force"]) == 0
    assert path.read_text() != "mine"


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["--suites", "mathematic"], "mathematics"),
        (["--suites", ","], "Known"),
        (["--margin", "5"], "drop in accuracy"),
        (["--margin", "nan"], "drop in accuracy"),
        (["--margin", "much"], "no number"),
        (["--repeats", "0"], "repeats"),
        (["--param", "temperature"], "NAME=VALUE"),
        (["--param", "temperature=0"], "--base and --candidate"),
        (["--param", "base.temperature=0", "--candidate", "a/b"], "--base"),
        (["--param", "judge.temperature=0", *MODELS], "base or candidate"),
        (["--param", "base.=0", *MODELS], "base or candidate"),
        (["--param", "api_key=sk-abcdefghijklmnopqrstuvwx", *MODELS], "environment"),
    ],
)
def test_bad_values_are_told_and_nothing_is_written(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], what: str
) -> None:
    try:
        status = main(["init", "general", *arguments])
    except SystemExit as error:
        status = error.code
    assert status == 2
    told = capsys.readouterr().err
    assert what in told
    assert "abcdefghij" not in told
    assert not (folder / "general").exists()


@pytest.mark.parametrize("model", ['a/b"c', "a/{b: c}", "a/b\nmodels: {}", "openai/modèle-é"])
def test_a_model_s_name_stays_a_name(folder: Path, model: str) -> None:
    assert main(["init", "general", "--suites", "mathematics", "--base", model, "--candidate", "a/b"]) == 0
    evalset = load(folder / "general" / "mathematics.evalset.yaml", folder).evalset
    assert evalset.models["base"].model == model


def test_params_go_to_both_models_or_to_the_one_named(folder: Path) -> None:
    params = ["temperature=0", 'candidate.extra_body={"a": [1]}', "base.api_base=http://127.0.0.1:8000/v1"]
    flags = [flag for param in params for flag in ("--param", param)]
    assert main(["init", "general", "--suites", "mathematics", *MODELS, *flags]) == 0
    models = load(folder / "general" / "mathematics.evalset.yaml", folder).evalset.models
    assert models["base"].params == {"temperature": 0, "api_base": "http://127.0.0.1:8000/v1"}
    assert models["candidate"].params == {"temperature": 0, "extra_body": {"a": [1]}}


def test_a_folder_that_cannot_be_written_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "general").write_text("a file")
    assert main(["init", "general", "--suites", "mathematics"]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_machines_read_what_was_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "general", "--json", "--suites", "knowledge,truthfulness", *MODELS]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert found["directory"] == "general"
    assert "cases/knowledge.jsonl" in found["files"]
    assert [len(found["evalsets"]), found["evalsets"][0]["cases"]] == [2, 84]
