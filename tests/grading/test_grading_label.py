"""The `label` grader on its rules and on a real model before and after a LoRA."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from grading_world import DATA, case, judge, read_rows, spec, verdict

from pytest_ftgate.model.evalset import Evalset

LABELS = ["card_payment", "card_payment_fee", "refund", "Top up", "why?"]
ROWS = read_rows("banking77_outputs.jsonl")
BANKING = json.loads((DATA / "banking77_labels.json").read_text(encoding="utf-8"))

# Answers that name several labels, where the source took another one than the first named (it matched
# "card_not_working" inside "virtual_card_not_working").
SEVERAL_LABELS = {"banking77-test-2534", "banking77-test-2622"}


@pytest.mark.parametrize(
    ("text", "match", "result"),
    [
        ("refund", "exact", "passed"),
        ("Refund", "exact", "format:spelling"),
        ("Refund.", "normalised", "passed"),
        ('"refund"', "normalised", "passed"),
        ("card payment", "normalised", "label:confusion:refund→card_payment"),
        ("Category: refund", "normalised", "format:prose_before"),
        ("refund\nbecause", "normalised", "format:prose_after"),
        ("Category: refund", "in_text", "passed"),
        ("category_refund", "in_text", "passed"),
        ("It is card_payment_fee", "in_text", "label:confusion:refund→card_payment_fee"),
        ("prerefund", "in_text", "label:out_of_taxonomy:prerefund"),
        ("Category: Some Thing", "in_text", "label:out_of_taxonomy:some_thing"),
        ("Category: top-up", "in_text", "label:confusion:refund→Top up"),
        ("refund or card_payment", "in_text", "passed"),
        ("card_payment or refund", "in_text", "label:confusion:refund→card_payment"),
        ("the text speaks at length of nothing in particular", "in_text", "label:out_of_taxonomy:(prose)"),
    ],
)
def test_rules(text, match, result):
    assert verdict(judge(text, spec("label", labels=LABELS, match=match), expected="refund")) == result


def test_a_wrong_label_in_prose_is_a_format_failure_with_the_confusion_beside_it():
    record = judge("Category: card_payment", spec("label", labels=LABELS), expected="refund")
    assert (record.signature, record.secondary) == (
        "format:prose_before",
        ("label:confusion:refund→card_payment",),
    )
    assert (record.grades[0].expected_label, record.grades[0].predicted) == ("refund", "card_payment")
    assert verdict(
        judge("Category: card_payment", spec("label", labels=LABELS), expected="refund", tolerant=True)
    ) == ("label:confusion:refund→card_payment")


def test_several_accepted_labels_and_a_label_with_punctuation():
    assert judge("refund", spec("label", labels=LABELS), expected=["why?", "refund"]).outcome == "passed"
    assert judge("why?", spec("label", labels=LABELS, match="in_text"), expected="why?").outcome == "passed"


def test_without_a_taxonomy_the_labels_that_the_evalset_expects_are_known():
    cases = tuple(case(label, id=label) for label in ("refund", "charge"))
    evalset = Evalset(path="e", name="e", cases=cases)
    record = judge("It must be: charge", spec("label"), expected="refund", evalset=evalset)
    assert record.secondary == ("label:confusion:refund→charge",)
    assert (
        verdict(judge("other", spec("label"), expected="refund", evalset=evalset))
        == "label:confusion:refund→other"
    )


@pytest.mark.parametrize(("model", "other"), [("base", SEVERAL_LABELS), ("lora", set())])
def test_the_lenient_rule_agrees_with_the_recorded_labels(model, other):
    grader = spec("label", labels=BANKING, match="in_text")
    rows = [row for row in ROWS if row["model"] == model]
    disagreements, invented = set(), []
    for row in rows:
        record = judge(row["output"], grader, expected=row["expected"])
        if record.outcome == "passed":
            label = "correct"
        else:
            is_invented = record.signature.startswith("label:out_of_taxonomy")
            label = "invalid_category" if is_invented else "wrong_valid"
        if label != row["label"]:
            disagreements.add(row["case"])
        if label == "invalid_category":
            invented.append(row["case"])
    assert len(rows) == 250
    assert disagreements == other
    assert invented == [row["case"] for row in rows if row["label"] == "invalid_category"]


def test_under_strict_equals_the_prefix_is_the_base_models_dominant_failure():
    counts = Counter(
        verdict(judge(row["output"], spec("equals"), expected=row["expected"]))
        for row in ROWS
        if row["model"] == "base"
    )
    assert counts.most_common(1)[0][0] == "format:prose_before"
    assert counts["format:prose_before"] > (250 - counts["passed"]) / 2
    # The rule recovers right content only: no recorded error is counted as an answer in prose, one
    # row aside where the source itself mistook a label for a shorter one.
    for row in ROWS:
        if verdict(judge(row["output"], spec("equals"), expected=row["expected"])).startswith("format:"):
            assert row["label"] == "correct" or row["case"] in SEVERAL_LABELS


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("カテゴリは返金です。", "返金"),
        ("请求退款:返金不可", "返金不可"),
        ("หมวดหมู่คือคืนเงินค่ะ", "คืนเงิน"),
        ("카테고리는 환불입니다", "환불"),
        ("分類はrefundです", "refund"),
        ("category_返金", "返金"),
    ],
)
def test_scripts_without_spaces_have_no_word_boundary_to_wait_for(text, label):
    labels = ["返金", "返金不可", "คืนเงิน", "환불", "refund", "請求"]
    in_text = spec("label", labels=labels, match="in_text")
    assert judge(text, in_text, expected=label).outcome == "passed"
    assert judge(text, spec("label", labels=labels), expected=label).signature.startswith("format:prose_")
    assert verdict(judge("refunds", in_text, expected="refund")).startswith("label:out_of_taxonomy")
