"""From recorded Banking77 answers to the report: confusion table, rolled-up pattern, tags.

250 recorded answers of an untuned model (examples/banking77); one label attracts several others.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from report_world import load_schema

from pytest_ftgate.reports.markdown import render_report
from pytest_ftgate.reports.terminal import render_evalset

EXAMPLE = Path(__file__).parents[2] / "examples" / "banking77"

LABELS = (
    "pending_transfer", "top_up_by_bank_transfer_charge", "transfer_not_received_by_recipient",
    "transfer_timing", "balance_not_updated_after_bank_transfer", "card_arrival", "card_delivery_estimate",
    "change_pin", "get_physical_card", "exchange_rate", "exchange_via_app", "age_limit",
)  # fmt: skip

GOLDEN = """\
  label:confusion:*->pending_transfer  20 % of trials [9..36]  8 cases
      banking77-test-0622  expected "top_up_by_ban ..."  got "Category: pen ..."
      graded: expected "top_up_by_bank_transfer_charge", got "pending_transfer"
      banking77-test-2691  expected "balance_not_u ..."  got "Category: pen ..."
      made of: balance_not_updated_after_bank_transfer 38 %,
        top_up_by_bank_transfer_charge 25 %, transfer_timing 25 %, 1 more
      36 % of the failures [17..60]
      more often with tag transfer: 8 of 12 cases, 0 of 28 without (p < 0.001)
      not assessed: one repeat per case
"""

MATRIX = """\
  expected \\ got                     1  2  3  4  5  6  7  8  9  10  11  12  else
  ---------------------------------  -  -  -  -  -  -  -  -  -  --  --  --  ----
  1 age_limit                        3  .  .  .  .  .  .  .  .   .   .   .     1
  2 balance_not_updated_after_b ...  .  1  .  .  .  .  .  .  3   .   .   .     .
  3 card_arrival                     .  .  3  .  .  .  .  .  .   .   .   .     1
  4 card_delivery_estimate           .  .  3  .  .  .  .  .  .   .   .   .     1
  5 change_pin                       .  .  .  .  3  .  .  .  .   .   .   .     .
  6 exchange_rate                    .  .  .  .  .  3  .  .  .   .   .   .     .
  7 exchange_via_app                 .  .  .  .  .  2  .  .  .   .   .   .     1
  8 get_physical_card                .  .  .  .  3  .  .  .  .   .   .   .     .
  9 pending_transfer                 .  .  .  .  .  .  .  .  3   .   .   .     .
  10 top_up_by_bank_transfer_charge  .  .  .  .  .  .  .  .  2   .   .   .     1
  11 transfer_not_received_by_r ...  .  .  .  .  .  .  .  .  1   .   2   .     .
  12 transfer_timing                 .  .  .  .  .  .  .  .  2   .   .   .     1
"""


def read_lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (EXAMPLE / name).read_text(encoding="utf-8").splitlines()]


def write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def judge(pytester: pytest.Pytester, labels: tuple[str, ...] | None) -> dict[str, Any]:
    """report.json of a replay of the cases with those labels (None: all), tagged by what they ask about."""
    cases = [
        {**case, "tags": ["transfer" if "transfer" in case["input"].lower() else "other"]}
        for case in read_lines("cases.jsonl")
        if labels is None or case["expected"] in labels
    ]
    ids = {case["id"] for case in cases}
    answers = [row for row in read_lines("base.responses.jsonl") if row["case"] in ids]
    write_lines(pytester.path / "cases.jsonl", cases)
    write_lines(pytester.path / "answers.jsonl", answers)
    for name in ("classify.md", "labels.json"):
        (pytester.path / name).write_bytes((EXAMPLE / name).read_bytes())
    evalset = {
        "ftgate": 1,
        "name": "intents",
        "repeats": 1,
        "models": {"candidate": {"model": "hosted_vllm/recorded"}},
        "prompt": {"file": "classify.md"},
        "graders": [{"label": {"labels": "labels.json", "match": "in_text"}}],
        "cases": [{"file": "cases.jsonl"}],
    }
    (pytester.path / "intents.evalset.yaml").write_text(json.dumps(evalset))
    pytester.makeini("[pytest]")
    # In a process of its own: pytester forgets modules that an inner session imported, scipy among them.
    pytester.runpytest_subprocess(
        "--ftgate", "intents.evalset.yaml", "--ftgate-replay", "answers.jsonl", "-p", "no:cacheprovider",
        "--ftgate-report", "json=report.json",
    )  # fmt: skip
    report: dict[str, Any] = json.loads((pytester.path / "report.json").read_text(encoding="utf-8"))
    Draft202012Validator(load_schema("report.schema.json")).validate(report)
    return report


def test_twelve_labels_are_a_matrix_and_one_rolled_up_pattern(pytester: pytest.Pytester) -> None:
    report = judge(pytester, LABELS)
    (entry,) = report["evalsets"]
    lines = render_evalset(entry, verbosity=1)
    text = "\n".join(lines) + "\n"
    assert max(map(len, lines)) <= 80
    assert GOLDEN in text
    assert MATRIX in text
    markdown = render_report(report).replace("\\", "")
    assert "`label:confusion:*→pending_transfer`: 20 % of trials" in markdown
    assert "- more often with tag transfer: 8 of 12 cases, 0 of 28 without (p &lt; 0.001)" in markdown
    assert "| 9. pending_transfer | . | . | . | . | . | . | . | . | 3 | . | . | . | . |" in markdown
    patterns = {one["signature"]: one for one in entry["patterns"]}
    leaf = patterns["label:confusion:transfer_timing→pending_transfer"]
    assert leaf["told_by"] == "label:confusion:*→pending_transfer"
    assert "transfer_timing→pending_transfer`:" not in markdown


def test_77_labels_are_a_list_of_the_commonest_confusions(pytester: pytest.Pytester) -> None:
    report = judge(pytester, None)
    (entry,) = report["evalsets"]
    lines = render_evalset(entry, verbosity=1)
    assert max(map(len, lines)) <= 80
    assert [line.split() for line in lines if line.split()[:1] == ["card_delivery_estimate"]] == [
        ["card_delivery_estimate", "card_arrival", "3"]
    ]
    assert len(entry["confusion"]) == 77
    wrong = sum(n for label, row in entry["confusion"].items() for got, n in row.items() if got != label)
    # The source counts 158 of 250 right; answers that name several labels may be read differently.
    assert abs(wrong - 92) <= 2
    assert "| expected | got | trials |" in render_report(report)
