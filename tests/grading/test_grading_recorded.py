"""Graders `numeric`, `choice` and `label` against what others recorded for real models' answers."""

from __future__ import annotations

import json
import time
from collections import Counter

import pytest
from grading_world import DATA, judge, read_rows, spec, verdict
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_ftgate.grading.choice import read_choice
from pytest_ftgate.grading.numeric import read_number
from pytest_ftgate.model.grade import KINDS, kind_of
from pytest_ftgate.model.response import ToolCall

GSM8K = read_rows("gsm8k_outputs.jsonl")
MMLU_PRO = read_rows("mmlu_pro_outputs.jsonl")
CLINC = json.loads((DATA / "clinc150_labels.json").read_text(encoding="utf-8"))

# Where `rule: mmlu_pro` reads a letter and the record says that none was chosen: the answers never come to
# "answer is (X)" (cut, or caught in a loop), and MMLU-Pro's own last resort, the last letter that stands
# alone, finds a symbol in them. None of these letters is the expected one.
LAST_RESORT = {
    ("mmlu-pro-4068", "Mistral-7B-Instruct-v0.1"): "J",  # joule
    ("mmlu-pro-3914", "Llama-3.1-8B"): "G",  # Gibbs energy
    ("mmlu-pro-11035", "Mistral-7B-Instruct-v0.1"): "F",  # "false" in a truth table
    ("mmlu-pro-10073", "Llama-3.1-8B"): "E",  # energy
    ("mmlu-pro-10073", "Mistral-7B-v0.1"): "E",
    ("mmlu-pro-11618", "Llama-3.1-8B-Instruct"): "D",  # diameter
    ("mmlu-pro-9174", "Mistral-7B-Instruct-v0.1"): "G",  # constant of gravitation
    ("mmlu-pro-423", "Llama-3.1-8B-Instruct"): "C",  # cost
    ("mmlu-pro-8010", "Mistral-7B-Instruct-v0.1"): "F",  # distribution function
}


def test_numeric_agrees_with_every_recorded_label_of_gsm8k():
    counts: Counter[tuple[str, str]] = Counter()
    disagreements = []
    for row in GSM8K:
        result = verdict(judge(row["output"], spec("numeric"), expected=row["expected"]))
        counts[row["label"], result] += 1
        if (result == "passed") != (row["label"] == "correct"):
            disagreements.append((row["case"], row["model"], result))
    assert disagreements == []
    assert counts == {
        ("correct", "passed"): 158,
        ("wrong", "value:numeric"): 241,
        ("no_final_answer", "value:numeric"): 1,
    }


def test_the_last_number_is_the_one_that_the_source_marked():
    for row in GSM8K:
        _, mark, answer = row["output"].rpartition("\nA: ")
        if mark:
            assert read_number(row["output"]) == read_number(answer), row["case"]
        else:
            assert row["label"] == "no_final_answer"


def test_choice_by_its_first_rule_reads_every_recorded_letter_of_mmlu_pro():
    read = [read_choice(row["output"], "answer_is") for row in MMLU_PRO]
    assert read == [row["predicted"] for row in MMLU_PRO]
    assert len(read) == 420
    for row in MMLU_PRO:
        grade = judge(row["output"], spec("choice", rule="answer_is"), expected=row["expected"]).grades[0]
        assert grade.predicted == row["predicted"]
        assert (grade.signature == "format:no_choice") == (row["label"] == "no_answer")


def test_choice_by_default_agrees_on_every_verdict_and_differs_in_the_letters_of_a_last_resort():
    other = {}
    for row in MMLU_PRO:
        record = judge(row["output"], spec("choice"), expected=row["expected"])
        assert (record.outcome == "passed") == (row["label"] == "correct"), row["case"]
        if record.grades[0].predicted != row["predicted"]:
            assert row["label"] == "no_answer"
            other[row["case"], row["model"]] = record.grades[0].predicted
    assert other == LAST_RESORT


NUMBERS = [
    ("The answer is 42.", 42),
    ("#### 42", 42),
    ("#### -1,234", -1234),
    (r"\boxed{42}", 42),
    (r"so it is $\boxed{\frac{3}{4}}$, from 7", 0.75),
    (r"\boxed{-\dfrac{1}{2}}", -0.5),
    (r"2\frac{1}{2}", 2.5),
    (r"\boxed{\$1{,}234}", 1234),
    (r"The answer is \(7\), not 3", 7),
    ("**Answer**: 42, for 6 * 7", 42),
    ("**Answer:** $1,234", 1234),
    ("The answer is approximately 3.14 because 7", 3.14),
    ("answer is" + " " * 500 + "5, not 6", 5),
    ("first the answer is 3, then the answer is 4", 4),
    ("1,234.5", 1234.5),
    ("12,34,567", 1234567),
    ("1.234,5 km", 1234.5),
    ("1.234.567", 1234567),
    ("1'234'567.8", 1234567.8),
    ("1’234", 1234),
    ("1\u202f234,5", 1234.5),
    ("1\u2009234.5", 1234.5),
    ("1\u00a0000\u00a0000", 1000000),
    ("1_000_000", 1000000),
    ("1 234", 234),
    ("3,5", 3.5),
    ("0,123", 0.123),
    ("1,2,3", 3),
    ("1, 2", 2),
    ("1.234", 1.234),
    ("1,234", 1234),
    ("1.5e3", 1500),
    ("1.5 × 10^3", 1500),
    (r"1.5 \times 10^{-3}", 0.0015),
    ("6.02·10²³", 6.02e23),
    ("10^6", 1e6),
    ("10⁶", 1e6),
    ("10**-2", 0.01),
    ("2^10", 2),
    ("3/4", 0.75),
    ("2 1/2", 2.5),
    ("10 4/2", 2),
    ("½", 0.5),
    ("2½", 2.5),
    ("1/2/2020", 2020),
    ("12.05.2020", 2020),
    ("−5", -5),
    ("–5", -5),
    ("-$5", -5),
    ("$-5", -5),
    ("-€ 5", -5),
    ("5-3", 3),
    ("10–20", 20),
    ("- 42 apples", 42),
    ("Answer:\n- 42 apples", 42),
    ("(5)", 5),
    ("50%", 50),
    ("2 million", 2),
    ("5 m^2", 5),
    ("5 m2", 5),
    ("H2O", 2),
    ("x = 9, so x^{2}", 9),
    ("9 = x**2", 9),
    ("He has 3 apples, so **42**.", 42),
    ("7 boxes\n\n**42**\n\nSee eq. (A1)\n", 42),
    ("7 boxes\nof H2O\n", 7),
    ("USD20", 20),
    ("20 km", 20),
    ("-.5", -0.5),
    ("forty-two", None),
    ("5/0", None),
    ("", None),
]


@pytest.mark.parametrize(("text", "number"), NUMBERS)
def test_numbers_as_people_and_models_write_them(text, number):
    got = read_number(text)
    if number is None:
        assert got is None
        assert verdict(judge(f"{text}.", spec("numeric"), expected=1)) == "value:no_number"
        return
    assert float(got) == pytest.approx(number, rel=1e-12)
    assert judge(text, spec("numeric"), expected=number).outcome == "passed"
    assert judge(f"It is {number!r}", spec("numeric"), expected=text).outcome == "passed"
    assert verdict(judge(text, spec("numeric"), expected=number * 2 + 1)) == "value:numeric"


@pytest.mark.parametrize(
    ("text", "number"), [("1.234", 1234), ("1,5", 1.5), ("1.234,5", 1234.5), ("1,234.5", 1234.5)]
)
def test_a_decimal_comma_can_be_said(text, number):
    assert judge(f"Summe: {text} EUR", spec("numeric", decimal=","), expected=number).outcome == "passed"
    assert judge(f"{number}", spec("numeric"), expected=number).outcome == "passed"
    assert judge(text, spec("numeric", decimal=","), expected=text).outcome == "passed"


@pytest.mark.parametrize(
    ("got", "options", "outcome"),
    [
        ("10.5", {"tolerance": 0.5}, "passed"),
        ("10.6", {"tolerance": 0.5}, "failed"),
        ("9.5", {"tolerance": 0.5}, "passed"),
        ("11", {"relative_tolerance": 0.1}, "passed"),
        ("11.1", {"relative_tolerance": 0.1}, "failed"),
        ("11.1", {"relative_tolerance": 0.1, "tolerance": 2}, "passed"),
        ("10.0000000001", {}, "passed"),
        ("10.000001", {}, "failed"),
        ("10.0000000001", {"relative_tolerance": 0}, "failed"),
    ],
)
def test_tolerances(got, options, outcome):
    assert judge(got, spec("numeric", **options), expected=10).outcome == outcome


@pytest.mark.parametrize(
    ("text", "by_first_rule", "by_default"),
    [
        ("The answer is (B).", "B", "B"),
        ("the answer is: **C**", "C", "C"),
        (r"The answer is $\boxed{D}$ since A fails", "D", "D"),
        (r"The answer is \(\text{E}\), not A.", "E", "E"),
        ("The correct answer is option B, not A.", "B", "B"),
        ("The answer is (A). Or rather the answer is (B).", "A", "A"),
        ("Answer: C\nA is wrong", None, "C"),
        ("**Answer**: (C)\nA is wrong", None, "C"),
        ("B", None, "B"),
        ("(b)", None, "B"),
        ("B) because A is wrong", None, "B"),
        ("It is C", None, "C"),
        ("C it is, I think", None, "C"),
        ("A remote Trojan is malware. The answer is (None of the above).", None, None),
        ("I am not sure", None, None),
        ("The answer is a tree", None, None),
        ("The answer is Z", None, None),
        ("It's", None, None),
    ],
)
def test_letters_as_models_write_them(text, by_first_rule, by_default):
    assert read_choice(text, "answer_is") == by_first_rule
    assert read_choice(text) == by_default


def test_every_label_of_clinc150_is_read_and_out_of_scope_is_a_label_like_any():
    assert len(CLINC) == 151
    assert "oos" in CLINC
    exact, default = (spec("label", labels=CLINC, match=match) for match in ("exact", "normalised"))
    in_text = spec("label", labels=CLINC, match="in_text")
    for label, other in zip(CLINC, [*CLINC[1:], CLINC[0]], strict=True):
        spaced = label.replace("_", " ").title()
        assert judge(label, exact, expected=label).outcome == "passed"
        assert judge(f'"{spaced}".', default, expected=label).outcome == "passed"
        assert (
            judge(f"I would say {label}, as it is about that.", in_text, expected=label).outcome == "passed"
        )
        for grader in (exact, default, in_text):
            assert verdict(judge(other, grader, expected=label)) == f"label:confusion:{label}→{other}"
    assert verdict(judge("OOS", exact, expected="oos")) == "format:spelling"
    assert verdict(judge("out of scope", default, expected="oos")) == "label:out_of_taxonomy:out_of_scope"
    assert verdict(judge("oos", default, expected="balance")) == "label:confusion:balance→oos"


def test_labels_of_signs_alone_and_labels_that_differ_in_case():
    signs = spec("label", labels=["+", "-"])
    assert judge("-", signs, expected="-").outcome == "passed"
    assert judge('"-".', signs, expected="-").outcome == "passed"
    assert verdict(judge("+", signs, expected="-")) == "label:confusion:-→+"
    assert verdict(judge("", signs, expected="-")) == "empty:blank"
    assert judge("...", signs, expected="-").outcome == "failed"
    exact = spec("label", labels=["US", "us"], match="exact")
    assert judge("us", exact, expected="us").outcome == "passed"
    assert verdict(judge("US", exact, expected="us")) == "label:confusion:us→US"


UNITS = [
    ("", ""),
    ("$", ""),
    ("€", " per day"),
    ("", "%"),
    ("", " km"),
    ("about ", " m²"),
    ("x = ", "."),
    ("(", ")"),
]


@given(st.decimals(-(10**9), 10**9, places=2, allow_nan=False), st.sampled_from(UNITS), st.booleans())
def test_any_amount_is_read_back_in_any_notation(number, unit, is_stated):
    lead = "The answer is " if is_stated else "It has 3 parts, so "
    western = f"{number:,}"
    assert read_number(f"{lead}{unit[0]}{western}{unit[1]}") == number
    for mark in ("\u2009", "'", "_"):
        assert read_number(f"{lead}{unit[0]}{western.replace(',', mark)}{unit[1]}") == number
    european = western.translate(str.maketrans(",.", ".,"))
    assert read_number(f"{lead}{unit[0]}{european}{unit[1]}") == number
    assert read_number(f"{lead}{unit[0]}{european}{unit[1]}", ",") == number
    assert read_number(f"{lead}{unit[0]}{number}{unit[1]}") == number


@given(st.text(alphabet="0123456789.,-+/^*{}() '$%eExX\\fracbodnswi:\n×⁻⁵½−\u2009", max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_text_of_digits_and_marks_gives_a_finite_number_or_none(text):
    for decimal in (".", ","):
        number = read_number(text, decimal)
        assert number is None or number.is_finite()
    assert read_choice(text) in (None, *"ABCDEFGHIJ")


SLOW = [
    "answer is" + " " * 19_980 + "x",
    ("answer is " + " " * 200) * 100,
    "answer" + " " * 19_980 + ":",
    "answer is a" + "* " * 9_900 + "x",
    "answer is" + "option " * 2_800,
    "answer is a" + "*" * 19_900 + "x",
    "1," * 10_000,
    "1.111," * 3_300,
    "1 1/" * 5_000,
    "10^" * 6_000,
    "\\frac{" * 3_000,
    "-" * 20_000,
    "A b " * 5_000,
]


@pytest.mark.parametrize("text", SLOW, ids=range(len(SLOW)))
def test_no_run_of_marks_takes_long(text):
    started = time.process_time()
    read_number(text)
    read_choice(text)
    assert time.process_time() - started < 0.2


GRADERS = [
    (spec("numeric"), "5"),
    (spec("choice"), "A"),
    (spec("label", labels=CLINC), "oos"),
    (spec("label", labels=CLINC, match="in_text"), "oos"),
]


def as_native(calls):
    return tuple(ToolCall(name=call["name"], arguments=json.dumps(call["arguments"])) for call in calls)


def test_transcripts_of_agents_are_judged_by_every_grader():
    for row in read_rows("tau_airline_outputs.jsonl"):
        whole = json.dumps(row["output"])
        for text in (whole, json.dumps(row["output"], indent=1)[:-40], str(row["output"])):
            for grader, expected in (*GRADERS, (spec("tool-call"), row["expected"])):
                record = judge(text, grader, expected=expected)
                assert record.outcome in ("passed", "failed")
                assert all(kind_of(entry) in KINDS for entry in record.secondary)
        calls = as_native(row["output"])
        written = verdict(judge(whole, spec("tool-call"), expected=row["expected"]))
        assert written == verdict(judge("-", spec("tool-call"), expected=row["expected"], calls=calls))
        right = as_native(reversed(row["expected"]))
        assert judge("-", spec("tool-call"), expected=row["expected"], calls=right).outcome == "passed"
