"""What one grade costs: a trial judged by one grader, from the answer's text to its record.

    python tests/bench/grading_cost.py --rounds 9

Text graders (goal: 50 us), and `is-json` with a schema on answers of 1 KB (goal: 150 us). For JSON the
yardstick is what somebody would write by hand: `json.loads` and a compiled jsonschema validator that lists
the errors of the same text. Every round measures all rows in turn, and the ratios are taken inside a round,
for other work on the machine slows both. No part of the test run.

The rules of `instructions` about a language say what langdetect says, as IFEval does, and langdetect's own
call takes more than a millisecond: some 200 draws for 55 languages, each of which hangs on the last one.
(The same draws, with all around them made cheap and the last ones left out where they could change nothing,
gave the same answers on 12,000 texts in 0.6 of the time: not worth a copy of that library.) So that row is
what a grade costs beyond these calls, which are timed inside it: two that take so long differ by more than
the rest takes. The caches of the processor are cold after them, which is part of the row.
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
from pytest_ftgate.grading.language import load_profiles
from pytest_ftgate.model.evalset import GraderSpec
from pytest_ftgate.model.response import Response

PROSE = "Thank you for your message. We looked into the order and found the parcel in our depot. "
REASONING = "She buys 3 boxes of 12 eggs for $4.50 each, so she pays 13.5 dollars in all. " * 6
LABELS = [
    f"card_payment_{word}_{number}" for word in ("fee", "wrong", "late", "lost") for number in range(19)
]

INTENT = {"labels": LABELS}
WORDS = {"required": ["depot"], "forbidden": ["guarantee", "asap"]}

TEXT: dict[str, tuple[GraderSpec, Any, str]] = {
    "equals": (spec("equals"), "refund", "refund"),
    "equals (miss)": (spec("equals"), "refund", "The customer wants their money back."),
    "contains": (spec("contains", "depot"), NOTHING, PROSE * 4),
    "contains (miss)": (spec("contains", "parcels"), NOTHING, PROSE * 4),
    "icontains-all": (spec("icontains-all", ["Depot", "ORDER"]), NOTHING, PROSE * 4),
    "starts-with": (spec("starts-with", "Thank"), NOTHING, PROSE * 4),
    "regex": (spec("regex", r"\b[a-z]+ depot\b"), NOTHING, PROSE * 4),
    "regex (miss)": (spec("regex", r"\b[a-z]+ parcels\b"), NOTHING, PROSE * 4),
    "label": (spec("label", **INTENT), "card_payment_late_3", "Card payment late 3"),
    "label (miss)": (spec("label", **INTENT), "card_payment_late_3", "card_payment_lost_7"),
    "label (in prose)": (spec("label", **INTENT), "card_payment_late_3", "It is card_payment_late_3."),
    "numeric": (spec("numeric"), 13.5, REASONING + "The answer is $13.50."),
    "numeric (miss)": (spec("numeric"), 13, REASONING + "The answer is $13.50."),
    "choice": (spec("choice"), "C", REASONING + "The answer is (C)."),
    "choice (miss)": (spec("choice"), "A", REASONING + "The answer is (C)."),
    "levenshtein": (spec("levenshtein"), PROSE * 4, PROSE * 4 + "Bye."),
    "levenshtein (miss)": (spec("levenshtein"), PROSE, PROSE * 4),
    "rouge-n": (spec("rouge-n"), PROSE * 4, PROSE * 4),
    "rouge-n (miss)": (spec("rouge-n"), "We found your parcel in our depot and send it today.", PROSE * 4),
    "rouge-n, n = 2": (spec("rouge-n", n=2), PROSE * 4, PROSE * 4),
    "max-length": (spec("max-length", 2_000), NOTHING, PROSE * 4),
    "max-length (miss)": (spec("max-length", 200), NOTHING, PROSE * 4),
    "is-refusal (miss)": (spec("is-refusal"), NOTHING, PROSE * 4),
    "not-is-refusal": (spec("not-is-refusal"), NOTHING, PROSE * 4),
    "no-extra-text": (spec("no-extra-text"), "refund", "refund"),
    "terms": (spec("terms", **WORDS), NOTHING, PROSE * 4),
    "terms (miss)": (spec("terms", **WORDS), NOTHING, PROSE.replace("depot", "store") * 4),
    "instructions": (spec("instructions", [{"id": "punctuation:no_comma"}]), NOTHING, PROSE * 4),
}
ENGLISH = [{"id": "language:response_language", "kwargs": {"language": "en"}}]
LANGUAGE = "language - langdetect"

ORDER_SCHEMA: dict[str, Any] = {
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
THRICE_WRONG = WRONG.replace('"id": "AB-17", ', "").replace('"quantity": 3', '"quantity": "3"')
REFERRED_SCHEMA = {
    **ORDER_SCHEMA,
    "properties": {
        **ORDER_SCHEMA["properties"],
        "currency": {"anyOf": [{"enum": ["EUR", "USD"]}, {"type": "null"}], "default": None},
        "items": {"type": "array", "items": {"$ref": "#/$defs/Item"}},
    },
    "$defs": {"Item": ORDER_SCHEMA["properties"]["items"]["items"]},
}
"""As pydantic writes it: parts by reference, what may be absent as a union with null."""
JSON: dict[str, tuple[GraderSpec, Any, str]] = {
    "is-json, typical": (spec("is-json", schema=ORDER_SCHEMA), NOTHING, TYPICAL),
    "is-json, dense": (spec("is-json", schema=ORDER_SCHEMA), NOTHING, DENSE),
    "is-json, 1 error": (spec("is-json", schema=ORDER_SCHEMA), NOTHING, WRONG),
    "is-json, 3 errors": (spec("is-json", schema=ORDER_SCHEMA), NOTHING, THRICE_WRONG),
    "is-json, pydantic": (spec("is-json", schema=REFERRED_SCHEMA), NOTHING, DENSE),
    "is-json, pydantic, 3 errors": (spec("is-json", schema=REFERRED_SCHEMA), NOTHING, THRICE_WRONG),
    "json-fields, typical": (spec("json-fields"), json.loads(TYPICAL), TYPICAL),
    "json-fields, dense": (spec("json-fields"), json.loads(DENSE), DENSE),
}


def make_grade(grader: GraderSpec, expected: Any, text: str) -> Callable[[], object]:
    asked, answer, judged, registries = trial(), Response(text=text), case(expected), parts()
    return lambda: judge_trial(asked, answer, judged, (grader,), registries)


def make_bare(schema: Any, text: str) -> Callable[[], object]:
    validator = Draft202012Validator(schema)
    return lambda: list(validator.iter_errors(json.loads(text)))


def measure(call: Callable[[], object], seconds: float) -> float:
    """Microseconds a call, over about `seconds`."""
    count, started = 0, time.perf_counter()
    while (spent := time.perf_counter() - started) < seconds:
        for _ in range(20):
            call()
        count += 20
    return spent / count * 1e6


class Stopwatch:
    """Takes the time that langdetect's own calls take, of a detector that is made by `create`."""

    def __init__(self, create: Callable[[], Any]) -> None:
        self._create, self.seconds = create, 0.0

    def create(self) -> Stopwatch:
        self._detector = self._time(self._create)
        return self

    def append(self, text: str) -> None:
        self._time(lambda: self._detector.append(text))

    def detect(self) -> Any:
        return self._time(lambda: self._detector.detect())

    def _time(self, call: Callable[[], Any]) -> Any:
        started = time.perf_counter()
        try:
            return call()
        finally:
            self.seconds += time.perf_counter() - started


def measure_beyond(grade: Callable[[], object], within: Stopwatch, seconds: float) -> tuple[float, float]:
    """Microseconds a grade: the medians of (what it takes beyond langdetect's calls; these calls)."""
    beyond: list[float] = []
    inside: list[float] = []
    started = time.perf_counter()
    while (before := time.perf_counter()) < started + seconds:
        within.seconds = 0.0
        grade()
        beyond.append(time.perf_counter() - before - within.seconds)
        inside.append(within.seconds)
    return median(beyond) * 1e6, median(inside) * 1e6


def run_rounds(rounds: int, seconds: float) -> None:
    rows = {**TEXT, **JSON}
    grades = {name: make_grade(*row) for name, row in rows.items()}
    bare = {
        name: make_bare(grader.options.get("schema", ORDER_SCHEMA), text)
        for name, (grader, _, text) in JSON.items()
    }
    language = make_grade(spec("instructions", ENGLISH), NOTHING, PROSE * 4)
    factory, _ = load_profiles()
    within = Stopwatch(factory.create)
    factory.create = within.create
    for call in (*grades.values(), *bare.values(), language):
        call()  # compiles
    costs: dict[str, list[float]] = {name: [] for name in (*grades, LANGUAGE)}
    ratios: dict[str, list[float]] = {name: [] for name in bare}
    alone: list[float] = []
    for _ in range(rounds):
        for name, call in grades.items():
            costs[name].append(measure(call, seconds))
            if name in bare:
                ratios[name].append(costs[name][-1] / measure(bare[name], seconds))
        beyond, inside = measure_beyond(language, within, seconds * 10)
        costs[LANGUAGE].append(beyond)
        alone.append(inside)
    show({name: len(text) for name, (_, _, text) in rows.items()} | {LANGUAGE: len(PROSE * 4)}, costs, ratios)
    print(f"{LANGUAGE}: the calls of langdetect in it took {median(alone):.0f} us (--help says more)")


def show(chars: dict[str, int], costs: dict[str, list[float]], ratios: dict[str, list[float]]) -> None:
    columns = f"{'us/grade':>8s} {'best':>6s} {'goal':>5s} {'x loads + jsonschema':>20s}"
    print(f"{'grader':27s} {'chars':>5s} {columns}")
    for name, length in chars.items():
        ratio = f"{median(ratios[name]):20.2f}" if name in ratios else ""
        cost, best, goal = median(costs[name]), min(costs[name]), find_goal(name)
        over = " over" if goal is not None and cost > goal else ""
        print(f"{name:27s} {length:5d} {cost:8.1f} {best:6.1f} {goal or '-':>5} {ratio}{over}".rstrip())


def find_goal(name: str) -> int | None:
    """Microseconds a grade may cost."""
    return 50 if name in TEXT or name == LANGUAGE else 150 if name.startswith("is-json") else None


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
