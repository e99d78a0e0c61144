"""The script `pytest-ftgate`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_ftgate.cli.main import main

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
EVALSET = """\
ftgate: 1
name: t
prompt: "{{ input }}"
graders: [equals]
cases:
  - {id: a, input: x, expected: y}
  - {id: b, input: x, expected: z}
"""


def test_check_lists_arms_and_counts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(EXAMPLES / "extraction")]) == 0
    output = capsys.readouterr().out
    assert "56 cases, 224 trials" in output
    assert "structured (run)" in output


def test_check_finds_problems_and_faults(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "t.evalset.yaml").write_text(EVALSET)
    (tmp_path / "u.evalset.yaml").write_text(EVALSET.replace("graders:", "graderz:"))
    assert main(["check", str(tmp_path), "--json"]) == 1
    faulty, broken = json.loads(capsys.readouterr().out)
    errors = [finding for finding in faulty["findings"] if finding["severity"] == "error"]
    assert [(finding["rule"], finding["cases"]) for finding in errors] == [
        ("contradictory-cases", ["a", "b"])
    ]
    assert any("graderz" in problem and "graders" in problem for problem in broken["problems"])
    assert main(["check", str(tmp_path)]) == 1
    assert "not usable" in capsys.readouterr().out


def test_check_without_an_evalset(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tmp_path)]) == 2
    assert "no evalset" in capsys.readouterr().err


def test_explain_without_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--dir", str(tmp_path)]) == 2
    assert "run pytest --ftgate first" in capsys.readouterr().err


def test_explain_refuses_another_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.json").write_text('{"ftgate": 2}')
    assert main(["explain", str(tmp_path / "x.json")]) == 2
    assert "no report" in capsys.readouterr().err


def test_explain_shows_a_stored_run(pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]) -> None:
    (pytester.path / "t.evalset.yaml").write_text(EVALSET.replace("z}", "y}"))
    rows = [{"case": c, "repeat": r, "output": "y"} for c in "ab" for r in range(1, 6)]
    (pytester.path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert pytester.runpytest_inprocess("--ftgate", "--ftgate-replay", "rows.jsonl").ret == 0
    capsys.readouterr()
    assert main(["explain", "--dir", ".ftgate"]) == 0
    assert "NOT READY" in capsys.readouterr().out
    assert main(["explain", "latest", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ftgate"] == 1
