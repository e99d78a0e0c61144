"""What one grade costs: a trial judged by one grader, from the answer's text to its record.

    python tests/bench/grading_cost.py --rounds 9

Text graders, and `is-json` with a schema on answers of 1 KB. For JSON the yardstick is what somebody would
write by hand: `json.loads` and a compiled jsonschema validator on the same text. Every round measures all
rows in turn, and the ratios are taken inside a round, for other work on the machine slows both. No part of
the test run.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "grading"))

from grading_world import NOTHING, case, parts, spec, trial
from jsonschema import Draft202012Validator

from pytest_ftgate.grading.apply import judge_trial
from pytest_ftgate.model.evalset import GraderSpec
from pytest_ftgate.model.response import Response

PROSE = "Thank you for your message. We looked into the order and found the parcel in our depot. "
REASONING = "She buys 3 boxes of 12 eggs for $4.50 each, so she pays 13.5 dollars in all. " * 6
LABELS = [
    f"card_payment_{word}_{number}" for word in ("fee", "wrong", "late", "lost") for number in range(19)
]

TEXT: dict[str, tuple[GraderSpec, Any, str]] = {
    "equals": (spec("equals"), "refund", "refund"),
    "equals (miss)": (spec("equals"), "refund", "The customer wants their money back."),
    "contains": (spec("contains", "depot"), NOTHING, PROSE * 4),
    "icontains-all": (spec("icontains-all", ["Depot", "ORDER"]), NOTHING, PROSE * 4),
    "starts-with": (spec("starts-with", "Thank"), NOTHING, PROSE * 4),
    "regex": (spec("regex", r"\b[a-z]+ depot\b"), NOTHING, PROSE * 4),
    "label": (spec("label", labels=LABELS), "card_payment_late_3", "Card payment late 3"),
    "label (miss)": (spec("label", labels=LABELS), "card_payment_late_3", "card_payment_lost_7"),
    "numeric": (spec("numeric"), 13.5, REASONING + "The answer is $13.50."),
    "choice": (spec("choice"), "C", REASONING + "The answer is (C)."),
    "max-length": (spec("max-length", 2_000), NOTHING, PROSE * 4),
    "not-is-refusal": (spec("not-is-refusal"), NOTHING, PROSE * 4),
    "no-extra-text": (spec("no-extra-text"), "refund", "refund"),
    "terms": (spec("terms", required=["depot"], forbidden=["guarantee", "asap"]), NOTHING, PROSE * 4),
}

ORDER_SCHEMA = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "pattern": "^[A-Z]{2}-[0-9]+$"},
        "currency": {"enum": ["EUR", "USD"]},
        "total": {"type": "number", "minimum": 0},
        "note": {"type": ["string", "null"]},
        "items": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "properties": {
                    "sku": {"type": "string", "minLength": 1},
                    "quantity": {"type": "integer", "minimum": 0},
                    "price": {"type": "number"},
                    "in_stock": {"type": "boolean"},
                },
                "required": ["sku", "quantity"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["id", "total", "items"],
    "additionalProperties": False,
}


def make_order(items: int, note: str) -> dict[str, Any]:
    rows = [{"sku": f"A{i}", "quantity": i, "price": i * 1.5, "in_stock": True} for i in range(items)]
    return {"id": "AB-17", "currency": "EUR", "total": 12.5, "note": note, "items": rows}


TYPICAL = json.dumps(make_order(3, PROSE * 8))
DENSE = json.dumps(make_order(15, ""))
WRONG = DENSE.replace('"EUR"', '"GBP"')
JSON: dict[str, tuple[GraderSpec, Any, str]] = {
    "is-json, typical": (spec("is-json", schema=ORDER_SCHEMA), NOTHING, TYPICAL),
    "is-json, dense": (spec("is-json", schema=ORDER_SCHEMA), NOTHING, DENSE),
    "is-json, dense, fails": (spec("is-json", schema=ORDER_SCHEMA), NOTHING, WRONG),
    "json-fields, typical": (spec("json-fields"), json.loads(TYPICAL), TYPICAL),
    "json-fields, dense": (spec("json-fields"), json.loads(DENSE), DENSE),
}


def make_grade(grader: GraderSpec, expected: Any, text: str) -> Callable[[], object]:
    asked, answer, judged, registries = trial(), Response(text=text), case(expected), parts()
    return lambda: judge_trial(asked, answer, judged, (grader,), registries)


def make_bare(text: str) -> Callable[[], object]:
    validator = Draft202012Validator(ORDER_SCHEMA)
    return lambda: validator.is_valid(json.loads(text))


def measure(call: Callable[[], object], seconds: float) -> float:
    """Microseconds a call, over about `seconds`."""
    count, started = 0, time.perf_counter()
    while (spent := time.perf_counter() - started) < seconds:
        for _ in range(20):
            call()
        count += 20
    return spent / count * 1e6


def run_rounds(rounds: int, seconds: float) -> None:
    grades = {name: make_grade(*row) for name, row in {**TEXT, **JSON}.items()}
    bare = {name: make_bare(text) for name, (_, _, text) in JSON.items()}
    for call in (*grades.values(), *bare.values()):
        call()  # compiles
    costs: dict[str, list[float]] = {name: [] for name in grades}
    ratios: dict[str, list[float]] = {name: [] for name in bare}
    for _ in range(rounds):
        for name, call in grades.items():
            costs[name].append(measure(call, seconds))
            if name in bare:
                ratios[name].append(costs[name][-1] / measure(bare[name], seconds))
    print(f"{'grader':24s} {'chars':>6s} {'us/grade':>9s} {'best':>7s} {'x loads + jsonschema':>21s}")
    for name, (_, _, text) in {**TEXT, **JSON}.items():
        ratio = f"{median(ratios[name]):21.2f}" if name in ratios else ""
        print(
            f"{name:24s} {len(text):6d} {median(costs[name]):9.1f} {min(costs[name]):7.1f} {ratio}".rstrip()
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.02, help="how long each row runs in a round")
    options = parser.parse_args()
    run_rounds(options.rounds, options.seconds)


if __name__ == "__main__":
    main()
