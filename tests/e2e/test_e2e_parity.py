"""`parity: {with: teacher}`: whether the student may replace the teacher, and what that saves."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from e2e_world import World

ROOT = Path(__file__).resolve().parents[2]
ROWS = [
    json.loads(line) for line in (ROOT / "tests" / "data" / "mmlu_pro_outputs.jsonl").read_text().splitlines()
]
SCHEMA = jsonschema.Draft202012Validator(json.loads((ROOT / "schemas" / "report.schema.json").read_text()))
TEACHER = "mathstral-7B-v0.1"
COSTS = {"teacher": (0.03, 2.0), "candidate": (0.002, 0.5)}
"""Role → USD and seconds of a call."""


def replay(world: World, student: str, margin: float, *arguments: str) -> tuple[int, str, dict[str, Any]]:
    """Exit status, terminal, and the evalset's entry in the report."""
    tags = defaultdict(lambda: "law" if len(tags) % 2 else "physics")
    world.write(
        "questions",
        {
            "repeats": 1,
            "models": {"candidate": f"test/{student}", "teacher": f"test/{TEACHER}"},
            "prompt": "{{ input }}",
            "graders": ["choice"],
            "gates": {"accuracy": "off", "parity": {"with": "teacher", "margin": margin}},
            "decision": "off",
            "cases": [
                {
                    "id": row["case"],
                    "input": row["case"],
                    "expected": row["expected"],
                    "tags": [tags[row["case"]]],
                }
                for row in ROWS
                if row["model"] == TEACHER
            ],
        },
    )
    rows = [
        {
            "case": row["case"], "role": role, "output": row["output"],
            "cost_usd": COSTS[role][0] * (1 + number % 3), "latency_s": COSTS[role][1],
        }
        for role, model in (("teacher", TEACHER), ("candidate", student))
        for number, row in enumerate(row for row in ROWS if row["model"] == model)
    ]  # fmt: skip
    world.write_lines("answers.jsonl", rows)
    result = world.run("--ftgate-replay", "answers.jsonl", *arguments)
    SCHEMA.validate(world.report())
    return int(result.ret), result.stdout.str(), world.entry()


def test_a_student_as_good_as_its_teacher_may_replace_it(world: World) -> None:
    status, output, entry = replay(world, TEACHER, 0.03, "-v", "--ftgate-report", "markdown=report.md")
    text = " ".join(output.split())
    assert status == 0
    assert "the student may replace the teacher: +0.0 points" in text
    assert "student against teacher: +0.0 points" in text
    assert "they agree on 100 % (96 .. 100)" in text
    assert "student / teacher: cost 0.067x (0.067 .. 0.067), cost of a right answer 0.067x" in text
    assert "median latency 0.25x, 95th percentile of latency 0.25x." in text
    (pair,) = entry["roles"]
    assert pair["cost_per_right_ratio"] == pytest.approx(0.002 / 0.03)
    assert [line for line in output.split("= ftgate =")[1].splitlines()[1:] if len(line) > 80] == []
    table = [
        line.split() for line in output.splitlines() if line.strip().startswith(("tag ", "law ", "physics "))
    ]
    assert ["tag", "teacher", "student", "change", "bounds", "cases"] in table
    assert "| tag | teacher | student | change | bounds | cases |" in (world.path / "report.md").read_text()
    assert "the student may replace the teacher" in (world.path / "report.md").read_text()


def test_a_student_that_is_worse_may_not_and_says_where_and_how_many_cases_would_tell(world: World) -> None:
    status, output, entry = replay(world, "Mistral-7B-Instruct-v0.1", 0.05, "-v")
    text = " ".join(output.split())
    assert status == 1
    assert "the student may not replace the teacher: -19.0 points" in text
    assert "on 84 cases, proven worse" in text
    right = {(row["case"], row["model"]): row["label"] == "correct" for row in ROWS}
    (pair,) = entry["roles"]
    flips = [
        right[case, "Mistral-7B-Instruct-v0.1"] - right[case, TEACHER]
        for case, model in right
        if model == TEACHER
    ]
    assert (len(pair["fixed"]), len(pair["broken"])) == (flips.count(1), flips.count(-1))
    assert pair["agreement"] == pytest.approx(flips.count(0) / 84)
    for tag in ("law", "physics"):
        cases = [
            c["id"]
            for c in json.loads((world.path / "questions.evalset.yaml").read_text())["cases"]
            if tag in c["tags"]
        ]
        own = sum(right[case, "Mistral-7B-Instruct-v0.1"] for case in cases) / len(cases)
        other = sum(right[case, TEACHER] for case in cases) / len(cases)
        assert pair["tags"][tag]["own_accuracy"] == pytest.approx(own)
        assert pair["tags"][tag]["other_accuracy"] == pytest.approx(other)


def test_equally_good_is_not_enough_where_it_is_not_proven(world: World) -> None:
    status, output, _ = replay(world, "Llama-3.1-8B-Instruct", 0.05)
    assert status == 1
    text = " ".join(output.split())
    assert "the student may not replace the teacher: -2.4 points" in text
    assert "not proven within 5 points; about 772 cases would prove equally good models equal" in text
