"""Faults that a plan shows, and what must not be taken for one."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planning_builders import EXAMPLES, SCHEMA, make_arm, make_case, make_evalset, plan

from pytest_ftgate.model.evalset import GraderSpec, ModelSpec
from pytest_ftgate.model.settings import Shard
from pytest_ftgate.planning.faults import find_faults
from pytest_ftgate.planning.label_offers import find_missing_labels
from pytest_ftgate.planning.leakage import find_exact_leaks, find_near_leaks

LABELS = ({"role": "user", "content": "One of: Refund, card-arrival. {{ input }}"},)


def findings(*arms: Any, **more: Any) -> list[Any]:
    return list(find_faults(plan(make_evalset(*arms, **more))))


def test_a_sound_evalset_has_none() -> None:
    assert findings(make_arm("few_shot", examples=EXAMPLES)) == []


def test_the_same_input_with_two_answers_blocks() -> None:
    cases = [make_case("a", "my  money\n"), make_case("b", "my money", "charge"), make_case("c", "other")]
    (found,) = findings(cases=cases)
    assert (found.severity, found.blocks, found.cases) == ("error", True, ("a", "b"))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"context": "x"}, {"context": "y"}),
        ({"vars": {"v": 1}}, {"vars": {"v": 2}}),
        ({"tools": ({"a": 1},)}, {"tools": ({"a": 2},)}),
        ({}, {"context": "y"}),
        (
            {"messages": ({"role": "user", "content": "same"},)},
            {"messages": ({"role": "assistant", "content": "same"},)},
        ),
    ],
)
def test_what_tells_cases_apart_makes_them_no_contradiction(first: Any, second: Any) -> None:
    cases = [make_case("a", "same", "refund", **first), make_case("b", "same", "charge", **second)]
    assert findings(cases=cases) == []


def test_equal_answers_written_otherwise_are_no_contradiction() -> None:
    cases = [make_case("a", "same", {"a": 1, "b": 2}), make_case("b", "same", {"b": 2, "a": 1})]
    assert findings(cases=cases, graders=[]) == []
    assert findings(cases=[make_case("a", "same", "Refund"), make_case("b", "same", " refund ")]) == []


def test_inputs_that_differ_in_case_only_are_a_warning() -> None:
    (found,) = findings(cases=[make_case("a", "US"), make_case("b", "us", "charge")])
    assert (found.severity, found.blocks, found.cases) == ("warning", False, ("a", "b"))


LONG = "please tell me when the parcel that I ordered on the third of May from your shop in Lyon will come"


def test_a_shot_that_is_nearly_a_case_blocks() -> None:
    shots = [
        {"input": LONG + " thanks", "expected": "refund"},
        {"input": "fully other", "expected": "charge"},
    ]
    (found,) = findings(make_arm("few_shot", examples=shots), cases=[make_case("a", LONG)])
    assert found.blocks
    assert found.cases == ("a",)
    assert "example 1 and a" in found.what


def test_an_arm_that_does_not_run_leaks_nothing() -> None:
    evalset = make_evalset(
        make_arm("few_shot", examples=[{"input": LONG + " thanks", "expected": "refund"}]),
        cases=[make_case("a", LONG)],
    )
    assert find_faults(plan(evalset, arms=("as_is",))) == ()


@pytest.mark.parametrize(
    ("shot", "case", "is_leak"),
    [
        ("where is my refund please", "where is my refund, please?!", True),
        ("where is my refund", "where is my parcel", False),
        (LONG, "Hello there. " + LONG + " Bye.", True),
        (LONG, LONG.replace("Lyon", "Rome").replace("third", "tenth").replace("parcel", "letter"), False),
        ("yes", "no", False),
        ("", "", False),
        ("..", "!!", False),
    ],
)
def test_near_leaks(shot: str, case: str, is_leak: bool) -> None:
    assert find_near_leaks([shot], [case]) == ([(0, 0)] if is_leak else [])


def test_the_frame_that_inputs_share_is_no_leak() -> None:
    frame = "You are given a customer message and must answer in the way that our handbook says. Message: "
    texts = [frame + f"thing{i} broke on day{i}" for i in range(40)]
    assert find_near_leaks(texts[:10], texts[10:]) == []
    assert find_near_leaks([texts[20]], texts) == []
    assert find_exact_leaks([texts[20].upper()], texts) == [(0, 20)]


@given(st.lists(st.text(alphabet="ab c", min_size=0, max_size=40), max_size=6), st.data())
def test_near_leaks_agree_with_comparing_all_pairs(texts: list[str], data: st.DataObject) -> None:
    others = data.draw(st.lists(st.sampled_from([*texts, "a b c a b"]), max_size=5)) if texts else []

    def grams(text: str) -> set[str]:
        joined = " ".join(text.split())
        return {joined[i : i + 5] for i in range(len(joined) - 4)} if len(joined.split()) < 24 else set()

    alike = {
        (i, j)
        for i, shot in enumerate(texts)
        for j, case in enumerate(others)
        if grams(shot) and len(grams(shot) & grams(case)) >= 0.8 * len(grams(shot) | grams(case))
    }
    found = set(find_near_leaks(texts, others)) | set(find_exact_leaks(texts, others))
    assert alike <= found


@pytest.mark.slow
def test_leaks_of_a_thousand_shots_in_ten_thousand_cases_are_found_in_seconds() -> None:
    cases = [
        f"my order {i} of item {i * 7919 % 10007} has not come to street {i % 97} yet" for i in range(10_000)
    ]
    shots = [f"where does parcel {i} for house {i * 31 % 977} wait" for i in range(999)] + [cases[77] + " ok"]
    begun = time.perf_counter()
    assert find_near_leaks(shots, cases) == [(999, 77)]
    assert time.perf_counter() - begun < 15


def test_labels_that_no_prompt_offers_are_named_with_their_cases() -> None:
    cases = [
        make_case("a", "is my top up done", "top_up"),
        make_case("b", "what of the top up", "top_up"),
        make_case("c", "x", "refund"),
        make_case("d", "y", "Card_Arrival"),
        make_case("e", "z", "lost"),
    ]
    (found,) = findings(prompt=LABELS, cases=cases)
    assert found.blocks
    assert found.cases == ("a", "b", "e")
    assert "top_up (2)" in found.what
    assert "lost (1)" in found.what


@pytest.mark.parametrize(
    "offer",
    [
        make_arm("few_shot", examples=[{"input": "q", "expected": "lost"}]),
        make_arm("v2", kind="prompt", prompt=({"role": "user", "content": "or lost? {{ input }}"},)),
        make_arm("structured", response_format={"schema": {"enum": ["lost"]}}),
        make_arm("v2", kind="prompt", prompt=({"role": "user", "content": "{{ vars.labels }} {{ input }}"},)),
    ],
)
def test_a_label_that_any_arm_offers_is_offered(offer: Any) -> None:
    cases = [make_case("a", "x", "lost", vars={"labels": ["lost"]}), make_case("b", "y", vars={"labels": []})]
    assert findings(offer, prompt=LABELS, cases=cases) == []
    assert len(findings(prompt=LABELS, cases=cases)) == 1


def test_an_arm_that_does_not_run_offers_nothing() -> None:
    evalset = make_evalset(
        make_arm("v2", kind="prompt", prompt=({"role": "user", "content": "lost {{ input }}"},)),
        prompt=LABELS,
        cases=[make_case("a", "x", "lost")],
    )
    assert len(find_faults(plan(evalset, arms=("as_is",)))) == 1


def test_a_label_within_a_longer_one_is_not_offered_by_it() -> None:
    prompt = ({"role": "user", "content": "card_payment_fee or refund: {{ input }}"},)
    cases = [make_case("a", "x", "card_payment"), make_case("b", "y", "card_payment_fee")]
    (found,) = findings(prompt=prompt, cases=cases)
    assert found.cases == ("a",)


@pytest.mark.parametrize("separator", [", ", "\n", '", "', " / ", "|"])
def test_neighbours_in_a_list_do_not_make_up_a_label(separator: str) -> None:
    listed = separator.join(["top_up_reverted", "card_payment", "other"])
    prompt = ({"role": "user", "content": f"One of {listed}: {{{{ input }}}}"},)
    cases = [make_case("a", "x", "reverted_card_payment?"), make_case("b", "y", "other")]
    (found,) = findings(prompt=prompt, cases=cases)
    assert found.cases == ("a",)


@pytest.mark.parametrize(
    ("prompt", "text", "label"),
    [
        ("Answer yes or no: {{ input }}", "no", "no"),
        ("{{ input }} Say A, B.", "x", "A"),
        ("C++ or C#: {{ input }}", "x", "C++"),
        ("退款或收费 {{ input }}", "x", "收费"),
        ("topUp or other: {{ input }}", "x", "top up"),
        (
            "{{ input.q }} of {{ input.options }}",
            {"q": "long question here", "options": ["lost", "found"]},
            "lost",
        ),
    ],
)
def test_labels_are_recognised_in_these_prompts(prompt: str, text: Any, label: str) -> None:
    assert findings(prompt=({"role": "user", "content": prompt},), cases=[make_case("a", text, label)]) == []


def test_labels_listed_by_the_inputs_are_offered() -> None:
    prompt = ({"role": "user", "content": "{{ input }}"},)
    usual = [
        make_case(f"c{i}", f"choose red, green or blue for {i}", ["red", "green"][i % 2]) for i in range(6)
    ]
    assert findings(prompt=prompt, cases=usual) == []
    own = [make_case("a", "cat or dog? it barks", "dog"), make_case("b", "cat or dog? it purrs", "cat")]
    assert findings(prompt=prompt, cases=own) == []


def test_only_label_graders_ask_for_labels() -> None:
    assert (
        findings(prompt=LABELS, cases=[make_case("a", "x", "anything")], graders=[GraderSpec(name="equals")])
        == []
    )
    negated = [GraderSpec(name="label", negated=True)]
    assert findings(prompt=LABELS, cases=[make_case("a", "x", "anything")], graders=negated) == []


def test_required_fields_that_no_prompt_names() -> None:
    graders = [GraderSpec(name="is-json", options={"schema": SCHEMA})]
    prompt = ({"role": "user", "content": "Give the total of {{ input }}"},)
    (found,) = findings(prompt=prompt, graders=graders)
    assert found.cases == ("c1", "c2")
    assert "sku" in found.what
    assert "total" not in found.what
    assert findings(make_arm("structured"), prompt=prompt, graders=graders) == []


def test_equals_expects_labels_where_a_prompt_lists_most_of_its_values() -> None:
    prompt = ({"role": "user", "content": "One of: refund, top up, card payment. {{ input }}"},)
    labels = ["refund", "top_up", "card_payment", "reverted_payment"]
    cases = [make_case(f"c{place}", f"text {place}", labels[place % 4]) for place in range(8)]
    (found,) = findings(prompt=prompt, cases=cases, graders=[GraderSpec(name="equals")])
    assert (found.rule, found.blocks, found.cases) == ("label-not-offered", True, ("c3", "c7"))
    assert "reverted_payment (2)" in found.what


@pytest.mark.parametrize(
    "values",
    [["12", "13", "14", "99"], ["refund", "charge", "lost", "other thing"], ["A long answer " * 9] * 4],
)
def test_equals_expects_other_things_where_no_prompt_lists_them(values: list[str]) -> None:
    prompt = ({"role": "user", "content": "Say refund, 12, 13 or 14 for {{ input }}"},)
    cases = [make_case(f"c{place}", f"text {place}", values[place % 4]) for place in range(8)]
    assert findings(prompt=prompt, cases=cases, graders=[GraderSpec(name="equals")]) == []


def read_banking() -> tuple[list[str], list[Any]]:
    root = Path(__file__).resolve().parents[2] / "examples" / "banking77"
    rows = [json.loads(line) for line in (root / "cases.jsonl").read_text().splitlines()]
    labels = json.loads((root / "labels.json").read_text())
    return labels, [make_case(row["id"], row["input"], row["expected"]) for row in rows]


@pytest.mark.parametrize("grader", ["label", "equals"])
@pytest.mark.parametrize("seed", range(8))
def test_whatever_labels_of_banking77_a_prompt_leaves_out_are_named_exactly(grader: str, seed: int) -> None:
    labels, cases = read_banking()
    drawn = random.Random(seed)
    left_out = set(drawn.sample(labels, 16))
    listed = drawn.choice(["\n", ", ", " | ", '", "']).join(
        label for label in labels if label not in left_out
    )
    prompt = ({"role": "user", "content": f"Choose one:\n{listed}\n\nMessage: {{{{ input }}}}"},)
    made = plan(make_evalset(prompt=prompt, cases=cases, graders=[GraderSpec(name=grader)]))
    wanted = {label: tuple(case.id for case in cases if case.expected == label) for label in left_out}
    assert find_missing_labels(made) == {label: ids for label, ids in wanted.items() if ids}


@pytest.mark.parametrize(
    ("prompt", "missing"),
    [
        ("Give total and line items as JSON: {{ input }}", "sku"),
        ("Give total, lineItems with their skus: {{ input }}", ""),
        ("As JSON: {{ input }}", "lineItems, sku, total"),
    ],
)
def test_fields_that_json_fields_compares_in_most_cases_must_be_named(prompt: str, missing: str) -> None:
    cases = [
        make_case("a", "x", {"total": 1, "lineItems": [{"sku": "a"}], "rare": 2}),
        make_case("b", "y", {"total": 2, "lineItems": [{"sku": "b"}]}),
        make_case("c", "z", {"total": 3, "lineItems": []}),
    ]
    said = ({"role": "user", "content": prompt},)
    found = findings(prompt=said, cases=cases, graders=[GraderSpec(name="json-fields")])
    assert [finding.what.rpartition(": ")[2] for finding in found] == ([missing] if missing else [])
    ignoring = GraderSpec(name="json-fields", options={"ignore": ["total", "lineItems"]})
    assert findings(prompt=said, cases=cases, graders=[ignoring]) == []


def test_a_schema_in_the_models_params_names_its_fields() -> None:
    model = ModelSpec(model="vendor/m", params={"response_format": {"json_schema": {"schema": SCHEMA}}})
    graders = [GraderSpec(name="is-json", options={"schema": SCHEMA})]
    prompt = ({"role": "user", "content": "{{ input }}"},)
    assert findings(prompt=prompt, graders=graders, models={"candidate": model}) == []


def test_a_prompt_that_has_a_case_written_into_it_blocks() -> None:
    prompt = (
        {
            "role": "system",
            "content": "Refund or charge. Example: 'Where is my money, please tell me!' -> refund",
        },
        {"role": "user", "content": "{{ input }}"},
    )
    cases = [make_case("a", "where is my money please tell me"), make_case("b", "refund", "charge")]
    (found,) = findings(prompt=prompt, cases=cases)
    assert (found.rule, found.blocks, found.cases) == ("prompt-shows-case", True, ("a",))


def test_a_shot_like_cases_in_its_frame_only_gives_no_answer_away() -> None:
    names = ["Marsh", "Frost", "Berg", "Novak", "Silva", "Kent", "Reyes", "Finch"]
    ask = "What is the registered business address of {}?"
    cases = [make_case(f"c{place}", ask.format(name), f"{place} Road") for place, name in enumerate(names)]
    shots = [{"input": ask.format("Lindt"), "expected": "9 Street"}]
    assert (
        findings(make_arm("few_shot", examples=shots), cases=cases, graders=[GraderSpec(name="equals")]) == []
    )
    given = [{"input": ask.format("Marsh now"), "expected": "9 Street"}]
    (found,) = findings(
        make_arm("few_shot", examples=given), cases=cases, graders=[GraderSpec(name="equals")]
    )
    assert (found.rule, found.cases) == ("shot-is-case", ("c0",))


def test_a_shard_says_nothing_of_labels_whose_cases_it_does_not_ask() -> None:
    shots = [{"input": f"q{place}", "expected": label} for place, label in enumerate(["lost", "refund"])]
    evalset = make_evalset(
        make_arm("few_shot", examples=shots),
        cases=[make_case(f"c{place}", f"x {place}", ["lost", "refund"][place % 2]) for place in range(6)],
        prompt=({"role": "user", "content": "{{ input }}"},),
    )
    for index in (1, 2, 3):
        assert find_missing_labels(plan(evalset, shard=Shard(index=index, count=3))) == {}
