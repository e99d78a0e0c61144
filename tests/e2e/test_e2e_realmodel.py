"""What the real small model's recorded answers support, counted here once more without the plugin's code."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
from e2e_world import World
from example_world import EXAMPLES, arm, read_lines, replay_example
from scipy.stats import beta

FOLDER = EXAMPLES / "realmodel"
BAR = 0.80

Row = dict[str, Any]
IsRight = Callable[[str, Row], bool]
"""(answer, case) → whether it is right"""


class Answers:
    """The recorded answers of one evalset: of a case under an arm all repeats, or those that were asked."""

    def __init__(self, task: str, name: str) -> None:
        self.cases = {case["id"]: case for case in read_lines(FOLDER / task / "cases.jsonl")}
        self.outputs: dict[tuple[str, str], list[str]] = defaultdict(list)
        for row in read_lines(FOLDER / task / f"{name}.responses.jsonl"):
            self.outputs[row["arm"], row["case"]].append(row["output"])

    def rate(self, name: str, is_right: IsRight) -> float:
        """The mean over the cases of an arm of the share of right answers."""
        shares = [
            sum(is_right(output, self.cases[case]) for output in outputs) / len(outputs)
            for (arm_name, case), outputs in self.outputs.items()
            if arm_name == name
        ]
        return sum(shares) / len(shares)

    def count(self, name: str) -> int:
        return sum(arm_name == name for arm_name, _ in self.outputs)


def bounds(rate: float, cases: int, alpha: float) -> tuple[float, float]:
    """One-sided limits of Clopper and Pearson (1934), as if every case were one draw."""
    right = rate * cases
    lower = float(beta.ppf(alpha, right, cases - right + 1)) if right else 0.0
    upper = float(beta.ppf(1 - alpha, right + 1, cases - right)) if right < cases else 1.0
    return lower, upper


def replayed(world: World, task: str, name: str) -> tuple[int, str]:
    return replay_example(world, f"realmodel/{task}", f"{name}.evalset.yaml", f"{name}.responses.jsonl")


def measured(world: World, answers: Answers, is_right: IsRight, *names: str) -> dict[str, float]:
    """The rates counted here, after the report was held to them."""
    rates = {name: answers.rate(name, is_right) for name in names}
    shown = {name: arm(world, name)["accuracy"]["value"] for name in names}
    assert shown == pytest.approx(rates)
    return rates


def read_json(output: str) -> Any:
    try:
        return json.loads(output)
    except ValueError:
        return None


def find_facts(output: str, case: Row) -> set[str]:
    """Which of the three values of a case's entry the answer names."""
    values = re.findall(r" is ([\w-]+)\.", case["context"])
    assert case["expected"] in values
    return {value for value in values if value in output}


def is_fact(output: str, case: Row) -> bool:
    return find_facts(output, case) == {case["expected"]}


def test_facts_that_no_model_knows_want_retrieval(world: World) -> None:
    status, output = replayed(world, "staff", "staff")
    answers = Answers("staff", "staff")
    rates = measured(world, answers, is_fact, "as_is", "few_shot", "context", "retrieval")
    # Closed book the model invents; what its own entry says it reads off, and more than examples give.
    assert bounds(rates["as_is"], answers.count("as_is"), 0.04)[1] < BAR
    assert bounds(rates["few_shot"], answers.count("few_shot"), 0.04)[1] < BAR
    assert bounds(rates["context"], answers.count("context"), 0.05)[0] > BAR
    assert world.verdict()["decision"] == "use_rag"
    assert "USE RAG" in output
    # Found every time, and read less often than without the name of its file above it.
    assert "recall@1 100 %" in output
    assert rates["retrieval"] < rates["context"]
    assert status == int(rates["retrieval"] < BAR)


def is_formed(output: str, _: Row) -> bool:
    order = json.loads((FOLDER / "orders" / "order.schema.json").read_text())
    return bool(jsonschema.Draft202012Validator(order).is_valid(read_json(output)))


def is_order(output: str, case: Row) -> bool:
    return bool(read_json(output) == case["expected"])


def test_a_form_is_had_by_an_enforced_schema(world: World) -> None:
    status, _ = replayed(world, "orders", "form")
    answers = Answers("orders", "form")
    rates = measured(world, answers, is_formed, "as_is", "structured")
    assert bounds(rates["as_is"], answers.count("as_is"), 0.04)[1] < BAR
    assert bounds(rates["structured"], answers.count("structured"), 0.0125)[0] > BAR
    assert arm(world, "structured")["schema_enforced"] == "enforced"
    assert (status, world.verdict()["decision"]) == (0, "improve_prompt")
    assert world.verdict()["recommended_arm"] == "structured"


def test_the_content_of_the_same_orders_is_another_question(world: World) -> None:
    """A schema makes the form right and leaves the content wrong; ten examples come closest."""
    status, _ = replayed(world, "orders", "content")
    answers = Answers("orders", "content")
    rates = measured(world, answers, is_order, "as_is", "structured", "few_shot", "many_shots")
    assert answers.rate("structured", is_formed) == 1.0
    assert rates["structured"] == 0.0
    for name, rate in rates.items():
        assert bounds(rate, answers.count(name), 0.04)[1] < BAR, name
    # What is wrong: some field's value, of every failing answer of the best arm.
    wrong = [
        read_json(outputs[0])
        for (name, case), outputs in answers.outputs.items()
        if name == "many_shots" and not is_order(outputs[0], answers.cases[case])
    ]
    assert all(isinstance(order, dict) for order in wrong)
    (pattern,) = [entry for entry in world.entry()["patterns"] if entry["reproducible"]]
    assert pattern["signature"] == "value"
    assert pattern["rate"]["value"] == pytest.approx(len(wrong) / answers.count("many_shots"))
    assert (status, world.verdict()["decision"]) == (0, "fine_tune_justified")


def read_code(output: str) -> str:
    said = read_json(output)
    return str(said["label"]) if isinstance(said, dict) else output.strip().rstrip(".")


def is_code(output: str, case: Row) -> bool:
    return read_code(output) == case["expected"]


def test_codes_guessed_at_random_are_no_pattern(world: World) -> None:
    """Legal codes at the rate of chance. No confusion recurs under every prompt: nothing specific is left."""
    status, output = replayed(world, "queues", "queues")
    answers = Answers("queues", "queues")
    rates = measured(world, answers, is_code, "structured", "few_shot")
    assert arm(world, "as_is")["accuracy"]["value"] == 0.0
    for name, rate in rates.items():
        assert bounds(rate, answers.count(name), 0.04)[1] < BAR, name
    said = {
        name: Counter(
            read_code(output)
            for (of, _), outputs in answers.outputs.items()
            if of == name
            for output in outputs
        )
        for name in ("as_is", "structured")
    }
    total = sum(said["structured"].values())
    assert said["structured"]["Q17"] > total / 2
    assert said["as_is"]["Q17"] < 0.05 * total
    assert (status, world.verdict()["decision"]) == (1, "no_pattern")
    assert "NO PATTERN" in output
