"""Text, number, letter, refusal, length and python graders."""

from __future__ import annotations

import pytest
from grading_world import case, judge, parts, spec, trial, verdict

from pytest_ftgate.grading.apply import judge_trial
from pytest_ftgate.grading.builtin import register
from pytest_ftgate.grading.refusal import is_refusal
from pytest_ftgate.model.grade import Grade
from pytest_ftgate.model.response import Response, Usage
from pytest_ftgate.registry import Registries


@pytest.mark.parametrize(
    ("text", "expected", "result"),
    [
        ("refund", "refund", "passed"),
        (" refund\n", "refund", "passed"),
        ("Refund", "refund", "value:text"),
        ("Category: refund", "refund", "format:prose_before"),
        ("The answer is refund.", "refund", "format:prose_before"),
        ("I thought of charge.\nrefund", "refund", "format:prose_before"),
        ("**refund**", "refund", "format:prose_before"),
        ("refund.", "refund", "format:prose_after"),
        ("refund\n\nThe customer wants money back.", "refund", "format:prose_after"),
        ("It is not refund", "refund", "value:text"),
        ("refund, charge, transfer, other", "refund", "value:text"),
        ("refund\ncharge", "refund", "value:text"),
        ("refunds", "refund", "value:text"),
        ("Category: refund_fee", "refund", "value:text"),
        ("42", 42, "passed"),
        ("42.0", 42, "passed"),
        ("true", True, "passed"),
        ("1", True, "value:text"),
        ("null", None, "passed"),
        ('{"b": 2, "a": [1]}', {"a": [1], "b": 2}, "passed"),
        ('{"a": [2]}', {"a": [1]}, "value:text"),
        ("```json\n[1]\n```", [1], "format:fenced"),
    ],
)
def test_equals(text, expected, result):
    assert verdict(judge(text, spec("equals"), expected=expected)) == result


def test_equals_with_a_prefix_is_what_repair_recovers():
    assert judge("Category: refund", spec("equals"), expected="refund", tolerant=True).outcome == "passed"
    assert judge("Category: charge", spec("equals"), expected="refund", tolerant=True).outcome == "failed"
    both = judge("Category: refund\n\nBecause money went back.", spec("equals"), expected="refund")
    assert (both.signature, both.secondary) == ("format:prose_before", ("format:prose_after",))


@pytest.mark.parametrize(
    ("name", "value", "passes"),
    [
        ("contains", "World", True),
        ("contains", "world", False),
        ("contains", 42, True),
        ("icontains", "WORLD", True),
        ("contains-any", ["x", "World"], True),
        ("contains-any", ["x", "y"], False),
        ("contains-any", "x, World", True),
        ("contains-all", ["Hello", "World"], True),
        ("contains-all", ["Hello", "x"], False),
        ("icontains-any", ["x", "world"], True),
        ("icontains-all", ["hello", "world"], True),
        ("starts-with", "Hello", True),
        ("starts-with", "World", False),
        ("regex", r"W\w+d", True),
        ("regex", r"^World", False),
        ("is-refusal", None, False),
        ("max-length", 14, True),
        ("max-length", 13, False),
    ],
)
def test_text_graders_and_their_negation(name, value, passes):
    args = () if value is None else (value,)
    assert (judge("Hello World 42", spec(name, *args)).outcome == "passed") == passes
    assert (judge("Hello World 42", spec(f"not-{name}", *args)).outcome == "passed") != passes


@pytest.mark.parametrize(
    ("grader", "signature"),
    [
        (spec("not-contains", "Hello"), "style:forbidden:Hello"),
        (spec("not-regex", "l+"), "style:forbidden:l+"),
        (spec("not-equals", "Hello"), "value:text"),
        (spec("regex", "x"), "format:no_match"),
        (spec("max-length", words=0), "style:too_long"),
        (spec("max-length", tokens=1), "style:too_long"),
    ],
)
def test_signatures_of_text_graders(grader, signature):
    assert verdict(judge("Hello", grader)) == signature


@pytest.mark.parametrize("pattern", ["(a|a)*$", "(", 5])
def test_a_bad_pattern_is_the_graders_error(pattern):
    record = judge("a" * 60 + "b", spec("regex", pattern))
    assert record.outcome == "error"
    assert record.signature is None


@pytest.mark.parametrize(
    ("text", "expected", "result"),
    [
        ("42", 42, "passed"),
        ("The answer is 1,234.50 dollars, as 2 of 3 said.", "1234.5", "passed"),
        ("so he has 5+3=8 apples\n#### 8", "#### 8", "passed"),
        ("It costs $18.", 18, "passed"),
        ("about 12 %", "12%", "passed"),
        ("-5", -5, "passed"),
        ("between 10-15", 15, "passed"),
        ("-$5", "-5", "passed"),
        (r"\boxed{7} (check: 3)", 7, "passed"),
        ("first 7, then 8", 7, "value:numeric"),
        ("none", 7, "value:no_number"),
        ("1e400", 7, "value:numeric"),
        ("12345678901234567891", "12345678901234567890", "passed"),
    ],
)
def test_numeric(text, expected, result):
    assert verdict(judge(text, spec("numeric"), expected=expected)) == result


def test_numeric_tolerance_and_a_useless_expected_value():
    assert judge("3.2", spec("numeric", tolerance=0.1), expected=3.14).outcome == "passed"
    assert judge("3.3", spec("numeric", tolerance=0.1), expected=3.14).outcome == "failed"
    assert judge("103", spec("numeric", relative_tolerance=0.05), expected=100).outcome == "passed"
    assert judge("3", spec("numeric"), expected="three").outcome == "error"


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("The answer is (B).", "passed"),
        ("B", "passed"),
        ("(b)", "passed"),
        ("B) the second one", "passed"),
        ("Answer: B", "passed"),
        ("I weigh A and C, and choose B", "passed"),
        ("The answer is (C). I am a fan of B", "label:confusion:B→C"),
        ("no idea", "format:no_choice"),
        ("ANSWER IS: (b)", "passed"),
        ("The Answer is **b**.", "passed"),
        ("answer: b\nBecause it is.", "passed"),
        ("Answer: b) Paris", "passed"),
        ("The answer is a matter of debate, but I choose B", "passed"),
        ("The answer is a bit tricky: it must be C.", "label:confusion:B→C"),
        ("Answer: a guess, so B", "passed"),
        ("answer is a, well, hard to say", "format:no_choice"),
        ("The answer is a bit tricky. The answer is (b).", "passed"),
    ],
)
def test_choice(text, result):
    assert verdict(judge(text, spec("choice"), expected="B")) == result


def test_choice_by_the_strict_rule_reads_only_answer_is():
    assert verdict(judge("B", spec("choice", rule="answer_is"), expected="B")) == "format:no_choice"
    assert judge("answer is B", spec("choice", rule="answer_is"), expected="(B)").outcome == "passed"


@pytest.mark.parametrize(
    ("text", "refuses"),
    [
        ("I'm sorry, but I can't help with that.", True),
        ("I cannot provide medical advice.", True),
        ("As an AI language model, I don't have opinions.", True),
        ("Sorry. I won't do this.", True),
        ("I’m unable to assist.", True),
        ("I'm sorry to hear that your card was lost. Please call us.", False),
        ('{"reply": "I cannot help"}', False),
        ("The user said: I can't log in.", False),
        ("card_arrival", False),
        ("", False),
    ],
)
def test_refusals(text, refuses):
    assert is_refusal(text) == refuses
    assert (judge(text, spec("is-refusal")).outcome == "passed") == refuses


@pytest.mark.parametrize(
    ("text", "expected", "result"),
    [
        ('{"a": 1}', None, "passed"),
        ('Sure! {"a": 1}', None, "format:prose_before"),
        ("```\n[1]\n```", None, "format:fenced"),
        ("Sure, here is a poem about it", None, "style:extra_text"),
        ("roses are red", None, "passed"),
        ("refund", "refund", "passed"),
        ("Category: refund", "refund", "format:prose_before"),
    ],
)
def test_no_extra_text(text, expected, result):
    args = {} if expected is None else {"expected": expected}
    assert verdict(judge(text, spec("no-extra-text"), **args)) == result


def test_max_length_counts_the_vendors_tokens_without_reasoning():
    usage = Usage(completion_tokens=30, reasoning_tokens=25)
    assert judge("x" * 400, spec("max-length", tokens=5), usage=usage).outcome == "passed"
    assert judge("x" * 400, spec("max-length", tokens=5), usage=usage, turns=2).outcome == "failed"


def with_function(function):
    registries = Registries()
    register(registries.graders)
    registries.functions.register("mine", function)
    return registries


@pytest.mark.parametrize(
    ("function", "result"),
    [
        (lambda output: output == "x", "passed"),
        (lambda output, expected: output == expected, "value:text"),
        (lambda: 0.5, "passed"),
        (lambda: 0.4, "value:text"),
        (lambda: {"pass": False, "signature": "style:missing:terms"}, "style:missing:terms"),
        (lambda: {"score": 0.9}, "passed"),
        (lambda ctx: Grade(grader="?", outcome="failed", signature="value:mine"), "value:mine"),
        (lambda: None, "error"),
        (lambda: 1 / 0, "error"),
        (lambda nonsense: True, "error"),
        (lambda: {"pass": False, "signature": "weird:kind"}, "error"),
        (lambda ctx: Grade(grader="?", outcome="failed", signature="weird:kind"), "error"),
        (lambda: pytest.fail("not an Exception"), "error"),
    ],
)
def test_python_functions(function, result):
    registries = with_function(function)
    assert verdict(judge("x", spec("python", "mine"), expected="y", registries=registries)) == result


def test_an_unknown_function_or_grader_is_an_error():
    assert judge("x", spec("python", "nobody")).outcome == "error"
    record = judge_trial(trial(), Response(text="x"), case(), (spec("nobody"),), parts())
    assert record.outcome == "error"
    assert "nobody" in record.error
