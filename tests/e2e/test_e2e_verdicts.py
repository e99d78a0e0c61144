"""A scripted world for each verdict of the closed set reaches exactly that verdict, and the build follows."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from e2e_world import World
from jsonschema import Draft202012Validator
from servers import Reply
from verdict_world import (
    LABELS,
    PROMPT,
    SHOTS,
    Answer,
    cases,
    chance,
    evalset,
    rows,
    script,
    served_by,
    truth,
    wrong,
)

import pytest_ftgate

ARMS = ("as_is", "few_shot", "structured")


def run_live(
    world: World, answer: Answer, evalset: dict[str, Any], *arguments: str, schema: str = "enforced"
) -> pytest.RunResult:
    """Asks a scripted server through litellm."""
    with world.serve(script(answer, schema=schema)) as server:
        world.write("tickets", {"models": served_by(server), **evalset})
        return world.run(*arguments)


def replay(
    world: World, answer: Answer, evalset: dict[str, Any], arms: tuple[str, ...] = ARMS, **row: Any
) -> pytest.RunResult:
    """Judges the same answers as recorded rows that are not tied to a prompt."""
    count, repeats = len(evalset["cases"]), evalset["repeats"]
    world.write("tickets", evalset)
    world.write_lines("rows.jsonl", rows(answer, arms, count, repeats, **row))
    return world.run("--ftgate-replay", "rows.jsonl")


@cache
def validator(kind: str) -> Draft202012Validator:
    schemas = Path(pytest_ftgate.__file__).parents[1] / "schemas"
    return Draft202012Validator(json.loads((schemas / f"{kind}.schema.json").read_text()))


def decision(world: World) -> str:
    """The verdict's name; the files that it stands in must be valid."""
    validator("report").validate(world.report())
    for record in world.records()[:50]:
        validator("record").validate(record)
    return world.verdict()["decision"]


def gate(world: World, name: str = "accuracy") -> dict[str, Any]:
    return next(g for g in world.entry()["gates"] if g["name"] == name)


def arm(world: World, name: str) -> dict[str, Any]:
    return next(a for a in world.entry()["arms"] if a["arm"] == name)


def confirmed(world: World) -> list[str]:
    return [p["signature"] for p in world.entry()["patterns"] if p["reproducible"]]


# -- what the model says ----------------------------------------------------------------------


def right(arm: str, number: int, repeat: int) -> str:
    return truth(number)


def stuck(arm: str, number: int, repeat: int) -> str:
    """No label at all zero-shot; with examples or under a schema always the same label."""
    draw = chance(arm, number, repeat)
    if arm == "as_is":
        return ("This is about money.", "I would say it is urgent.", "Hard to tell, sorry!")[int(3 * draw)]
    return "charge" if arm == "structured" or draw < 0.5 else " charge "


def wordy(arm: str, number: int, repeat: int) -> str:
    """The same wrong label in every arm, wrapped in prose zero-shot."""
    draw = chance(arm, number, repeat)
    if arm == "as_is":
        return "Category: charge" if draw < 0.5 else "My answer would be: charge"
    return stuck(arm, number, repeat)


def guessing(arm: str, number: int, repeat: int) -> str:
    """Right half of the time, else any other label: nothing repeats."""
    draw = chance("guess", arm, number, repeat)
    return truth(number) if draw < 0.5 else wrong(number, chance("label", arm, number, repeat))


# -- before any question ------------------------------------------------------------------------


def test_not_asked_where_the_decision_is_off(world: World) -> None:
    result = run_live(world, right, evalset(4, repeats=1, decision="off"))
    assert (decision(world), result.ret) == ("not_asked", 0)


def test_not_asked_of_a_partial_selection(world: World) -> None:
    result = run_live(world, right, evalset(4, repeats=1), "-k", "c001 or c002")
    assert (decision(world), result.ret) == ("not_asked", 0)
    assert gate(world)["outcome"] == "skipped"


def test_incomplete_where_one_case_in_twenty_has_no_answer(world: World) -> None:
    def answer(arm: str, number: int, repeat: int) -> str | Reply:
        return Reply(status=400, error="no such thing") if number == 7 else truth(number)

    result = run_live(world, answer, evalset(20, repeats=1))
    assert (decision(world), result.ret) == ("incomplete", 1)
    assert "infra:bad_request" in world.verdict()["reason"]


def test_incomplete_where_a_planned_trial_has_no_row(world: World) -> None:
    wanted = evalset(20, repeats=1)
    world.write("tickets", wanted)
    world.write_lines("rows.jsonl", rows(right, ["as_is"], 19, 1))
    assert world.run("--ftgate-replay", "rows.jsonl").ret == 1
    assert decision(world) == "incomplete"


# -- is the evalset sound -------------------------------------------------------------------------


def with_near_shot() -> dict[str, Any]:
    text = "my parcel with number {} has arrived broken and i want my money back, please help me today"
    shots = [{"input": text.format("4711"), "expected": "damage"}]
    mine = cases(4)
    mine[2]["input"] = text.format("4712") + " key=c002"
    return evalset(4, arms=["few_shot"], cases=mine) | {"arms": {"few_shot": {"examples": shots, "k": 1}}}


def with_contradiction() -> dict[str, Any]:
    mine = cases(4)
    mine[3] = {**mine[1], "id": "c003", "expected": "address"}
    return evalset(4, cases=mine)


def with_label_never_offered() -> dict[str, Any]:
    mine = cases(4)
    mine[1]["expected"] = "warranty"
    return evalset(4, cases=mine, graders=["label"])


def with_field_never_offered() -> dict[str, Any]:
    schema = {"type": "object", "required": ["iban"]}
    mine = [{**case, "expected": {"iban": "x"}} for case in cases(4)]
    return evalset(4, cases=mine, graders=[{"is-json": {"schema": schema}}])


def with_expected_rejected() -> dict[str, Any]:
    mine = cases(4)
    mine[2]["expected"] = "parcel lost"
    schema = {"type": "object", "required": ["label"], "properties": {"label": {"enum": list(LABELS)}}}
    mine = [{**case, "expected": {"label": case["expected"]}} for case in mine]
    return evalset(
        4, cases=mine, prompt=PROMPT + " As JSON.", graders=[{"is-json": {"schema": schema}}, "json-fields"]
    )


def with_empty_passing() -> dict[str, Any]:
    return evalset(4, graders=[{"not-contains": "sorry"}])


@pytest.mark.parametrize(
    ("faulty", "says", "named"),
    [
        (with_near_shot, "nearly cases", ["c002"]),
        (with_contradiction, "different expected outputs", ["c001", "c003"]),
        (with_label_never_offered, "warranty", ["c001"]),
        (with_field_never_offered, "iban", ["c000", "c001", "c002", "c003"]),
        (with_expected_rejected, "rejected by its own grader", ["c002"]),
        (with_empty_passing, "an empty answer passes", ["c000", "c001", "c002", "c003"]),
    ],
)
def test_not_ready_for_each_fault_with_its_cases(
    world: World, faulty: Any, says: str, named: list[str]
) -> None:
    """The model is right wherever it can be: a fault must keep even a perfect score from deciding."""
    run_live(world, right, faulty() | {"repeats": 1})
    assert decision(world) == "not_ready"
    assert says in world.verdict()["reason"]
    [fault] = [f for f in world.entry()["findings"] if f["severity"] == "error"]
    assert fault["cases"] == named
    assert fault["remedy"]


def test_a_shot_that_is_a_case_is_refused_before_a_call(world: World) -> None:
    wanted = evalset(4, arms=["few_shot"])
    wanted["arms"]["few_shot"]["examples"] = [*SHOTS, {"input": "KEY=c002", "expected": "login"}]
    with world.serve(script(right)) as server:
        world.write("tickets", {"models": served_by(server), **wanted})
        result = world.run()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert server.count == 0
    assert "example 9 = case c002" in " ".join(result.stdout.str().split())


def test_not_ready_with_too_few_cases_where_nothing_reaches_the_bar(world: World) -> None:
    result = run_live(world, guessing, evalset(49, repeats=1))
    verdict = world.verdict()
    assert (verdict["decision"], result.ret) == ("not_ready", 1)
    assert verdict["cases_needed"] == 50
    assert "49" in verdict["reason"]


# -- question 1 -----------------------------------------------------------------------------------


def test_bar_met(world: World) -> None:
    with world.serve(script(right)) as server:
        world.write("tickets", evalset(20, arms=ARMS[1:], repeats=2) | {"models": served_by(server)})
        result = world.run()
    assert (decision(world), result.ret) == ("bar_met", 0)
    assert server.count == 40, "arms above a proven rung are not asked"
    assert gate(world)["outcome"] == "passed"


def as_json(arm: str, number: int, repeat: int) -> str:
    return f'Here you are:\n```json\n{{"label": "{truth(number)}"}}\n```'


def test_fix_call_where_a_tolerant_parser_is_enough(world: World) -> None:
    schema = {"type": "object", "required": ["label"]}
    mine = [{**case, "expected": {"label": case["expected"]}} for case in cases(20)]
    wanted = evalset(
        20, arms=["repair", "few_shot"], repeats=2, cases=mine,
        graders=[{"is-json": {"schema": schema}}, "json-fields"], prompt=PROMPT + " As JSON with label.",
    )  # fmt: skip
    result = run_live(world, as_json, wanted)
    verdict = world.verdict()
    assert (verdict["decision"], result.ret) == ("fix_call", 1)
    assert verdict["recommended_arm"] == "repair"
    assert arm(world, "few_shot")["status"] == "not_run"
    assert "instead: mend the call or the parsing" in gate(world)["reason"]


def test_fix_call_where_answers_are_cut_off(world: World) -> None:
    def answer(arm: str, number: int, repeat: int) -> str | Reply:
        if chance("cut", number, repeat) < 0.5:
            return Reply("The label that fits best is", finish_reason="length")
        return truth(number)

    result = run_live(world, answer, evalset(20, repeats=2))
    assert (decision(world), result.ret) == ("fix_call", 1)
    assert arm(world, "as_is")["call_failures"]["value"] > 0.3
    assert "call:truncated" in [p["signature"] for p in world.entry()["patterns"]]


def test_improve_prompt_names_the_cheapest_arm_that_reaches_the_bar(world: World) -> None:
    """`rewritten` costs less than `few_shot`; both would do."""

    def answer(arm: str, number: int, repeat: int) -> str:
        return guessing(arm, number, repeat) if arm == "as_is" else truth(number)

    wanted = evalset(20, arms=["few_shot"], repeats=2)
    wanted["arms"]["rewritten"] = {"prompt": f"Think. {PROMPT}"}
    result = run_live(world, answer, wanted)
    verdict = world.verdict()
    assert (verdict["decision"], result.ret) == ("improve_prompt", 1)
    assert verdict["recommended_arm"] == "rewritten"
    assert arm(world, "few_shot")["status"] == "not_run"
    assert "instead: switch to arm rewritten" in gate(world)["reason"]


# -- question 2 -----------------------------------------------------------------------------------


def reports(number: int, chars: int) -> str:
    """A context as people write one: sentences, no two alike (about 4 characters a token)."""
    text = f"c{number:03d} was filed by customer {number}."
    for part in range(chars):
        if len(text) >= chars:
            break
        day, place = 1 + (7 * part + number) % 28, ("north", "south", "east", "west")[(part + number) % 4]
        text += f" On day {day} the {place} depot {number * 31 + part} wrote note {part * 17 + number}."
    return text[:chars]


@pytest.mark.parametrize(
    ("knowledge", "chars", "expected"),
    [
        ({"changes": "never"}, 40, "add_context"),
        ({"changes": "weekly"}, 40, "use_rag"),
        ({"changes": "never", "citations": True}, 40, "use_rag"),
        ({"changes": "never"}, 1500, "use_rag"),
        ({"changes": "never", "citations": True}, 1500, "use_rag"),
    ],
)
def test_knowledge_in_the_context_reaches_the_bar(
    world: World, knowledge: dict[str, Any], chars: int, expected: str
) -> None:
    """30 contexts of 1,500 characters are over 10,000 tokens. Answers cite where that is wanted."""

    def answer(arm: str, number: int, repeat: int) -> str:
        if arm != "context":
            return guessing(arm, number, repeat)
        source = f'\nSources:\n"c{number:03d} was filed by customer {number}" [1]'
        return truth(number) + (source if knowledge.get("citations") else "")

    mine = [{**case, "context": reports(number, chars)} for number, case in enumerate(cases(30))]
    wanted = evalset(
        30, arms=["few_shot", "context"], repeats=1, cases=mine, decision={"knowledge": knowledge}
    )
    if expected == "add_context" or (knowledge.get("citations") and chars == 40):
        result = run_live(world, answer, wanted)
    else:
        result = replay(world, answer, wanted, ("as_is", "few_shot", "context"))
    assert (decision(world), result.ret) == (expected, 1)
    assert world.verdict()["recommended_arm"] == "context"
    assert (world.entry()["knowledge_tokens"] >= 10_000) is (chars == 1500)


def test_right_answers_that_quote_no_source_do_not_reach_the_bar_and_say_why(world: World) -> None:
    """Citations were asked for, so an answer without one fails; the verdict tells it from a wrong answer."""

    def answer(arm: str, number: int, repeat: int) -> str:
        return truth(number) if arm == "context" else guessing(arm, number, repeat)

    mine = [{**case, "context": reports(number, 40)} for number, case in enumerate(cases(50))]
    knowledge = {"changes": "never", "citations": True}
    wanted = evalset(
        50, arms=["few_shot", "context"], repeats=2, cases=mine, decision={"knowledge": knowledge}
    )
    replay(world, answer, wanted, ("as_is", "few_shot", "context"))
    assert decision(world) == "no_pattern"
    assert arm(world, "context")["accuracy"]["value"] == 0
    assert arm(world, "context")["citation_failures"]["value"] == 1
    assert arm(world, "as_is")["citation_failures"] is None
    [said] = [change for change in world.verdict()["changes"] if "citations alone" in change]
    assert "arm context gives the right answer in 100 % of its trials" in said
    [pattern] = [p for p in world.entry()["patterns"] if p["signature"] == "style:missing:citation"]
    assert "`cite:`" in pattern["hint"]


# -- question 3 -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("answer", "pattern"), [(stuck, "label"), (wordy, "label:confusion:*→charge")])
def test_fine_tune_justified_by_a_pattern_that_survives_every_arm(
    world: World, answer: Answer, pattern: str
) -> None:
    """No bare label zero-shot, always the same wrong label few-shot and under a schema: ONE pattern."""
    wanted = evalset(50, arms=ARMS[1:], repeats=2)
    with world.serve(script(answer)) as server:
        world.write("tickets", {"models": served_by(server), **wanted})
        result = world.run()
        assert (decision(world), result.ret) == ("fine_tune_justified", 0)
        assert (gate(world)["outcome"], arm(world, "structured")["schema_enforced"]) == (
            "xfailed",
            "enforced",
        )
        assert confirmed(world) == [pattern]
        assert world.verdict()["p"] < 0.04
        asked = server.count
        strict = world.run("--ftgate-strict")
    assert server.count == asked, "paid answers are not asked again"
    assert (decision(world), strict.ret) == ("fine_tune_justified", 1)
    assert gate(world)["outcome"] == "failed"


def test_fine_tune_justified_still_fails_a_must_pass_case(world: World) -> None:
    wanted = evalset(50, arms=ARMS[1:], repeats=2)
    wanted["cases"][0]["must_pass"] = True
    result = replay(world, stuck, wanted)
    assert (decision(world), result.ret) == ("fine_tune_justified", 1)
    assert gate(world)["outcome"] == "xfailed"
    assert "not tied to this prompt" in world.verdict()["reason"]


def test_fine_tune_justified_excuses_the_gates_that_the_pattern_explains_and_no_other(world: World) -> None:
    """A lead-in before every third label, whatever the prompt: the format gate fails for that reason."""

    def answer(arm: str, number: int, repeat: int) -> str:
        return f"Label: {truth(number)}" if chance(arm, number, repeat) < 0.4 else truth(number)

    wanted = evalset(50, arms=["few_shot"])
    wanted["decision"] = {"knowledge": "none", "waive": {"structured": "the vendor has none"}}
    wanted["gates"] = {"format_failures": {"max": 0.05}}
    assert replay(world, answer, wanted, ("as_is", "few_shot")).ret == 0
    assert decision(world) == "fine_tune_justified"
    assert confirmed(world) == ["format:prose_before"]
    assert {g["name"]: g["outcome"] for g in world.entry()["gates"]} == {
        "complete": "passed",
        "accuracy": "xfailed",
        "format_failures": "xfailed",
    }

    wanted["gates"]["latency"] = {"p95_s": 1.0}
    assert replay(world, answer, wanted, ("as_is", "few_shot")).ret == 1
    assert decision(world) == "fine_tune_justified"
    assert gate(world, "latency")["outcome"] == "failed"


def test_partial_pattern_where_most_failures_are_something_else(world: World) -> None:
    """A quarter of the cases always gets a lead-in; as many trials again, and more, are any wrong label."""

    def answer(arm: str, number: int, repeat: int) -> str:
        draw = chance(arm, number, repeat)
        if number % 4 == 0:
            return f"Label: {truth(number)}" if draw < 0.9 else truth(number)
        return truth(number) if draw < 0.45 else wrong(number, chance("w", arm, number, repeat))

    # Under a schema there is no lead-in: that arm would take the pattern away, so it is not in this world.
    wanted = evalset(60, arms=["few_shot"])
    wanted["decision"] = {"knowledge": "none", "waive": {"structured": "the vendor has none"}}
    result = replay(world, answer, wanted, ("as_is", "few_shot"))
    verdict = world.verdict()
    assert (verdict["decision"], result.ret) == ("partial_pattern", 1)
    assert confirmed(world) == ["format:prose_before"]
    assert verdict["waived"] == {"structured": "the vendor has none"}


def test_no_pattern_where_failures_are_diffuse(world: World) -> None:
    result = replay(world, guessing, evalset(60, arms=ARMS[1:]))
    assert (decision(world), result.ret) == ("no_pattern", 1)
    assert confirmed(world) == []


def test_a_pattern_that_an_arm_cures_is_no_pattern(world: World) -> None:
    """Prose around every label zero-shot; under a schema the label alone, and often wrong."""

    def answer(arm: str, number: int, repeat: int) -> str:
        text = guessing("same", number, repeat)
        return text if arm == "structured" else f"Label: {text}"

    replay(world, answer, evalset(60, arms=ARMS[1:]))
    assert decision(world) == "no_pattern"


def test_inconclusive_at_the_bar_says_what_it_leans_to_and_how_many_cases_decide(world: World) -> None:
    def answer(arm: str, number: int, repeat: int) -> str:
        return truth(number) if chance(number) < 0.75 else "charge"

    result = replay(world, answer, evalset(50, arms=ARMS[1:]))
    verdict = world.verdict()
    assert (verdict["decision"], result.ret) == ("inconclusive", 1)
    assert verdict["cases_needed"] > 50
    assert "proven neither at nor below the bar" in verdict["reason"]


# -- what must have run before tuning is justified ----------------------------------------------------


def test_an_arm_that_was_not_run_rules_tuning_out_and_is_named(world: World) -> None:
    wanted = evalset(50, arms=ARMS[1:], repeats=2)
    result = run_live(world, wordy, wanted, "--ftgate-arms", "as_is,structured")
    verdict = world.verdict()
    assert (verdict["decision"], result.ret) == ("inconclusive", 1)
    assert verdict["missing_arms"] == ["few_shot"]
    assert "few_shot has not been run" in verdict["reason"]
    assert "run few_shot first" in gate(world)["reason"]


def test_arms_that_the_evalset_lacks_are_named_too(world: World) -> None:
    wanted = evalset(50, repeats=2, decision={})
    replay(world, wordy, wanted, ("as_is",))
    verdict = world.verdict()
    assert verdict["decision"] == "inconclusive"
    assert verdict["missing_arms"] == ["few_shot", "structured", "context"]


def test_a_schema_that_is_not_enforced_counts_as_not_run(world: World) -> None:
    result = run_live(world, wordy, evalset(50, arms=ARMS[1:], repeats=2), schema="ignored")
    verdict = world.verdict()
    assert (verdict["decision"], result.ret) == ("inconclusive", 1)
    assert arm(world, "structured")["schema_enforced"] == "unverified"
    assert verdict["missing_arms"] == ["structured"]


def test_a_schema_that_the_vendor_refuses_does_not_apply(world: World) -> None:
    """Only the probe is refused: the arm's trials are never sent, and tuning stays in reach."""
    with world.serve(script(wordy, schema="unsupported")) as server:
        world.write("tickets", evalset(50, arms=ARMS[1:], repeats=2) | {"models": served_by(server)})
        result = world.run("--ftgate-record", "c.jsonl")
    assert (decision(world), result.ret) == ("fine_tune_justified", 0)
    assert sum("response_format" in call for call in server.calls) == 2
    left_out = arm(world, "structured")
    assert (left_out["status"], left_out["schema_enforced"]) == ("skipped", "unsupported")
    reason = world.verdict()["reason"]

    again = world.run("--ftgate-replay", "c.jsonl")
    assert (decision(world), again.ret) == ("fine_tune_justified", 0)
    assert world.verdict()["reason"] == reason
    assert arm(world, "structured")["schema_enforced"] == "unsupported"


def test_a_waived_arm_does_not_stand_in_the_way_and_is_printed(world: World) -> None:
    waive = {"few_shot": "examples are confidential", "context": "no documents exist"}
    wanted = evalset(50, arms=["structured"], repeats=2, decision={"waive": waive})
    result = replay(world, wordy, wanted, ("as_is", "structured"))
    verdict = world.verdict()
    assert (verdict["decision"], result.ret) == ("fine_tune_justified", 0)
    assert verdict["waived"] == waive
    assert "examples are confidential" in verdict["reason"]


@pytest.mark.parametrize("waive", [{}, {"context": "no documents exist"}])
def test_wrong_values_never_justify_tuning_while_question_2_is_waived(
    world: World, waive: dict[str, str]
) -> None:
    def answer(arm: str, number: int, repeat: int) -> str:
        spaces = " " * int(3 * chance(arm, number, repeat))
        return "Paris" + spaces

    decided = {"waive": waive} if waive else {"knowledge": "none"}
    mine = [{**case, "expected": f"city {case['id']}"} for case in cases(50)]
    wanted = evalset(50, arms=["few_shot"], repeats=2, graders=["equals"], cases=mine, decision=decided)
    replay(world, answer, wanted, ("as_is", "few_shot"))
    assert decision(world) == ("inconclusive" if waive else "fine_tune_justified")
    assert confirmed(world) != []


def test_an_unproven_schema_in_recorded_rows_counts_as_not_run(world: World) -> None:
    replay(world, wordy, evalset(50, arms=ARMS[1:], repeats=2), schema_enforced="unverified")
    assert world.verdict()["missing_arms"] == ["structured"]
    assert decision(world) == "inconclusive"


def test_every_verdict_carries_the_sentence_the_arms_and_the_next_step(world: World) -> None:
    result = replay(world, guessing, evalset(60, arms=ARMS[1:]))
    verdict = world.verdict()
    assert verdict["changes"]
    assert verdict["next_command"]
    assert verdict["closest_condition"]
    assert {a["arm"] for a in world.entry()["arms"]} == set(ARMS)
    assert all(p["examples"] for p in world.entry()["patterns"][:3])
    shown = result.stdout.str()
    assert shown.index("NO PATTERN") < shown.index("few_shot") < shown.index("Next:")
