"""`pytest-ftgate check`: what it finds, how it says it, and what it ends with."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pytest_ftgate.cli.main import main

LABELS = ("refund", "charge", "lost")


def write(folder: Path, count: int = 60, **more: Any) -> Path:
    """A sound evalset, but for what `more` changes."""
    (folder / "pytest.ini").write_text("[pytest]\n")
    evalset = {
        "ftgate": 1,
        "name": "t",
        "models": {"candidate": "vendor/model"},
        "prompt": f"One of {', '.join(LABELS)}: {{{{ input }}}}",
        "graders": ["label"],
        "cases": [
            {
                "id": f"c{place}",
                "input": f"{place * 7919} asks {place * 104_729}",
                "expected": LABELS[place % 3],
            }
            for place in range(count)
        ],
        **more,
    }
    path = folder / "t.evalset.yaml"
    path.write_text(json.dumps(evalset))
    return path


def check(capsys: pytest.CaptureFixture[str], path: Path, *options: str) -> tuple[int, list[dict[str, Any]]]:
    status = main(["check", str(path), "--json", *options])
    (result,) = json.loads(capsys.readouterr().out)
    return status, result["findings"]


def rules(findings: list[dict[str, Any]]) -> list[str]:
    return [finding["rule"] for finding in findings]


def test_a_sound_evalset_is_told_what_it_cannot_tell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, findings = check(capsys, write(tmp_path), "--strict")
    assert (status, rules(findings)) == (0, ["undecidable-range"])
    assert "With 60 cases x 5 repeats, an accuracy between 68.5 % and 89.5 %" in findings[0]["what"]
    assert "cannot be told from the bar of 80 %" in findings[0]["what"]
    assert "251 cases" in findings[0]["remedy"]
    assert main(["check", str(tmp_path)]) == 0
    assert "note: With 60 cases" in capsys.readouterr().out


def test_warnings_fail_only_where_they_are_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, count=20)
    status, findings = check(capsys, path)
    assert (status, rules(findings)) == (0, ["too-few-cases", "undecidable-range"])
    assert findings[0]["what"] == "20 different cases can be judged, a diagnosis needs 50"
    assert check(capsys, path, "--strict")[0] == 1


def test_cases_that_nothing_can_judge_do_not_count(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = [{"id": f"x{place}", "input": f"bare {place * 31}"} for place in range(5)]
    good = [
        {"id": f"c{place}", "input": f"{place * 7919} asks", "expected": LABELS[place % 3]}
        for place in range(60)
    ]
    _, findings = check(capsys, write(tmp_path, cases=[*good, *bare]))
    assert rules(findings) == ["no-expected", "undecidable-range"]
    assert findings[0]["cases"] == [case["id"] for case in bare]
    _, findings = check(capsys, write(tmp_path, cases=[*good[:48], *bare]))
    assert rules(findings) == ["too-few-cases", "undecidable-range"]
    own = [{**case, "graders": [{"contains": "x"}]} for case in bare]
    _, findings = check(capsys, write(tmp_path, cases=[*good[:48], *own], graders=["not-is-refusal"]))
    assert "too-few-cases" not in rules(findings)


def test_copies_do_not_count(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = [
        {"id": f"c{place}", "input": f"{place * 7919} asks", "expected": LABELS[place % 3]}
        for place in range(48)
    ]
    copies = [{**case, "id": f"copy-{case['id']}"} for case in good[:4]]
    _, findings = check(capsys, write(tmp_path, cases=[*good, *copies]))
    assert rules(findings) == ["too-few-cases", "copied-cases", "undecidable-range"]
    assert findings[0]["what"].startswith("48 different cases")


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("openai/gpt-4o", ["openai/gpt-4o-2024-11-20"]),
        ({"model": "openai/gpt-4o", "params": {"api_base": "http://localhost:1"}}, []),
        ("openai/gpt-4o-2024-11-20", []),
    ],
)
def test_floating_models_are_notes(
    model: Any, says: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, findings = check(capsys, write(tmp_path, models={"candidate": model}), "--strict")
    found = [finding for finding in findings if finding["rule"] == "floating-model"]
    assert (status, [finding["remedy"].rpartition(" ")[2] for finding in found]) == (0, says)


@pytest.mark.parametrize(
    ("model", "is_long"),
    [
        ({"model": "ollama/x", "params": {"num_ctx": 512}}, True),
        ({"model": "ollama/x", "params": {"num_ctx": 4096}}, False),
        ({"model": "vendor/unknown"}, False),
        ({"model": "openai/gpt-4"}, True),
    ],
)
def test_windows_come_from_the_params_or_the_map(
    model: dict[str, Any], is_long: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    size = 40_000 if "gpt-4" in model["model"] else 4_000
    path = write(tmp_path, models={"candidate": model}, prompt="refund charge lost {{ input }}" + "x" * size)
    found = [finding for finding in check(capsys, path)[1] if finding["rule"] == "input-too-long"]
    assert [len(finding["cases"]) for finding in found] == ([60] if is_long else [])


def test_no_question_no_range(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(capsys, write(tmp_path, count=5, decision=False)) == (0, [])


def test_the_gravest_come_first_and_text_is_safe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, count=20)
    evalset = json.loads(path.read_text())
    evalset["cases"].append({"id": "evil", "input": "q", "expected": "\x1b[31mred\n::error::x"})
    path.write_text(json.dumps(evalset))
    assert main(["check", str(path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("  error: 1 expected label that no prompt of any arm offers")
    assert not any("\x1b" in line or line.lstrip().startswith("::") or len(line) > 100 for line in lines[1:])


def test_ten_thousand_cases_load_no_vendor_library(tmp_path: Path) -> None:
    path = write(tmp_path, count=10_000)
    code = (
        "import sys; from pytest_ftgate.cli.main import main; status = main(['check', sys.argv[1]]); "
        "print(status, sorted({'litellm', 'openai', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=120
    )
    assert done.stdout.splitlines()[-1] == "0 []", done.stderr
