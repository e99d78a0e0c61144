"""Required and forbidden words, and the promptfoo graders of text that were held against its meaning."""

from __future__ import annotations

import time
import unicodedata

import pytest
from grading_world import judge, parts, spec, verdict
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_ftgate.grading.containment import split_terms

TERMS = parts().graders.get("terms")


def has(term, text, **options):
    """Whether `terms` finds the term, asked both ways round."""
    is_there = judge(text, spec("terms", required=[term], **options)).outcome == "passed"
    assert (judge(text, spec("terms", forbidden=[term], **options)).outcome == "failed") == is_there
    return is_there


@pytest.mark.parametrize(
    ("term", "text", "is_found"),
    [
        ("refund", "We refund it.", True),
        ("refund", "REFUND!", True),
        ("refund", "refunds", False),
        ("refund", "prerefund", False),
        ("refund", "pre-refund_fee refund", True),
        ("refund", "refund_fee", False),
        ("refund", "prefer refundable, then a refund", True),
        ("credit note", "a credit\n\t note", True),
        ("credit  note", "a credit note", True),
        ("credit note", "a creditnote", False),
        ("credit note", "micro credit notes", False),
        ("C++", "I know C++.", True),
        ("C++", "I know (C++)", True),
        ("C++", "Objective-XC++", False),
        (".NET", "on .NET today", True),
        (".NET", "ASP.NET", True),
        (".NET", ".NETWORK", False),
        ("%", "up 5%", True),
        ("$", "$5", True),
        ("größe", "Die Größe.", True),
        ("straße", "HAUPTSTRASSE 5", False),
        ("straße", "die STRASSE", True),
        ("кот", "Кот спит", True),
        ("кот", "который", False),
        ("e", "é", False),
        ("cafe", "cafe\u0301", False),
        ("caf\u00e9", "un cafe\u0301.", True),
        ("cafe\u0301", "un caf\u00e9.", True),
        ("a.c", "abc", False),
        ("\ud800", "x \ud800 y", True),
        ("返金", "ご注文の返金を受け付けました。", True),
        ("返金不可", "それは無料ではありません返金不可です", True),
        ("退款", "我们已退款给您", True),
        ("คืนเงิน", "เราจะคืนเงินให้คุณ", True),
        ("ຄືນເງິນ", "ພວກເຮົາຈະຄືນເງິນໃຫ້", True),
        ("សង", "យើងនឹងសងប្រាក់", True),
        ("환불", "환불을 진행합니다", True),
        ("api", "このAPIは", True),
        ("api", "このAPIsは", False),
        ("don't", "I don’t know", True),
        ("don’t", "I don't know", True),
        ('the "best"', "it is the “best” one", True),
        ("refund", "we _refund_ it", True),
        ("refund", "we __refund__ it", True),
        ("refund", "the _refund_fee_", False),
        ("refund", "the my_refund_", False),
    ],
)
def test_whole_words_and_phrases_are_found(term, text, is_found):
    assert has(term, text) == is_found


def test_options_take_case_and_parts_of_words():
    assert not has("Refund", "refund", ignore_case=False)
    assert has("Refund", "Refund", ignore_case=False)
    assert has("fund", "refunds", whole_words=False)
    assert not has("fund", "refunds")
    assert not has("Fund", "refunds", whole_words=False, ignore_case=False)


def test_all_problems_are_named_the_first_is_primary():
    grader = spec("terms", required=["refund", "sorry"], any_of=["today", "now"], forbidden=["cheap", "guys"])
    record = judge("Hey guys, we are sorry.", grader)
    assert record.signature == "style:missing:refund"
    assert record.secondary == ("style:missing:today|now", "style:forbidden:guys")
    assert judge("A refund today, sorry.", grader).outcome == "passed"
    assert verdict(judge("A refund now, sorry, guys.", grader)) == "style:forbidden:guys"


def test_synonyms_count_as_the_term_they_belong_to():
    item = {"term": "customer", "any": ["client", "account holder"]}
    assert judge("The account  holder paid.", spec("terms", required=[item])).outcome == "passed"
    assert verdict(judge("The payer paid.", spec("terms", required=[item]))) == "style:missing:customer"
    assert verdict(judge("The client paid.", spec("terms", forbidden=[item]))) == "style:forbidden:customer"
    assert judge("It is now.", spec("terms", any_of=["today", {"term": "now"}])).outcome == "passed"


@pytest.mark.parametrize(
    ("options", "text", "signature"),
    [
        ({"required": ["a", "b"]}, "a b", "style:forbidden:a"),
        ({"any_of": ["a", "b"]}, "b", "style:forbidden:b"),
        ({"forbidden": ["x"]}, "a", "style:missing:x"),
        ({"required": ["a"]}, "b", None),
        ({"forbidden": ["x"]}, "x", None),
    ],
)
def test_terms_negated(options, text, signature):
    record = judge(text, spec("not-terms", **options))
    assert record.signature == signature
    assert (record.outcome == "passed") == (signature is None)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({}, "needs"),
        ({"ignore_case": True}, "needs"),
        ({"required": ["  "]}, "takes words"),
        ({"required": "refund"}, "a list"),
        ({"forbidden": [{"term": "a", "any": [""]}]}, "takes words"),
        ({"required": ["Free  of charge"], "forbidden": ["free of CHARGE"]}, "both required and forbidden"),
        ({"any_of": ["a", {"term": "b", "any": ["c"]}], "forbidden": ["B", "c", "a"]}, "are both forbidden"),
    ],
)
def test_useless_rules_are_problems(options, word):
    grader = spec("terms", **options)
    (problem,) = TERMS.problems(grader)
    assert word in problem
    if "both" not in word:
        assert word in judge("x", grader).error


@pytest.mark.parametrize(
    "options",
    [
        {"required": [{"term": "color", "any": ["colour"]}], "forbidden": ["color"]},
        {"any_of": ["a", "b"], "forbidden": ["a"]},
        {"any_of": [{"term": "a", "any": ["b"]}], "forbidden": ["a"]},
    ],
)
def test_rules_that_some_answer_follows_are_no_problem(options):
    assert TERMS.problems(spec("terms", **options)) == ()


def test_good_rules_are_no_problem_and_a_long_term_gives_a_short_signature():
    assert TERMS.problems(spec("terms", required=["a"], forbidden=["b", {"term": "c", "any": ["d"]}])) == ()
    signature = judge("x", spec("terms", required=["long term\n" * 50])).signature
    assert signature.startswith("style:missing:long term long term")
    assert len(signature) < 60


WORDS = st.text(alphabet="abé", min_size=1, max_size=3)


@given(WORDS, st.lists(WORDS, max_size=6), st.sampled_from([" ", "\n", "\t ", ", "]))
@settings(max_examples=150, deadline=None)
def test_a_word_is_found_exactly_where_it_stands(term, words, gap):
    assert has(term, gap.join(words)) == (term in words)
    assert has(term, unicodedata.normalize("NFD", gap.join(words))) == (term in words)


@given(st.text(min_size=1, max_size=10).filter(str.strip), st.text(max_size=30))
@settings(max_examples=150, deadline=None)
def test_any_text_and_any_term(term, text):
    assert judge(text, spec("terms", required=[term], forbidden=["x y"])).outcome in ("passed", "failed")
    assert has(term, f"({term})")


HOSTILE = {
    "one letter": "a" * 1_000_000,
    "letters": "a " * 500_000,
    "spaces": "a" + " " * 1_000_000,
    "marks": "e" + "\u0301\u0316" * 500_000,
    "phrase begun": "a b a b " * 125_000,
    "surrogates": "\ud800" * 1_000_000,
    "nuls": "\0" * 1_000_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_megabyte_is_searched_in_time(name):
    terms = ["a", "a b c", "aa", "a" * 200, "e\u0301", " a  a  b ", "\0", "C++", "b a b b"]
    started = time.process_time()
    for options in ({}, {"whole_words": False}, {"ignore_case": False}):
        record = judge(HOSTILE[name], spec("terms", required=terms, **options))
        assert record.outcome in ("passed", "failed")
    assert time.process_time() - started < 3.0


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("a, b", ["a", "b"]),
        (" a ,, b, ", ["a", "b"]),
        ('"a, b", c', ["a, b", "c"]),
        ('"say ""hi""", c', ['say "hi"', "c"]),
        (r'"a \"b\" \\ \n"', [r'a "b" \ \n']),
        ('5" pipe, 6" pipe', ['5" pipe', '6" pipe']),
        ("", []),
    ],
)
def test_a_text_with_commas_is_a_list_as_promptfoo_reads_it(text, terms):
    assert split_terms(text) == terms
    if terms:
        assert judge(" ".join(terms), spec("contains-all", text)).outcome == "passed"
        assert judge("nothing of it", spec("not-contains-any", text)).outcome == "passed"


@pytest.mark.parametrize("text", ['"a, b', '"a" b, c', '"'])
def test_a_quoted_text_that_never_ends_is_the_evalsets_fault(text):
    assert "quoted text" in judge("a", spec("contains-any", text)).error
    (problem,) = parts().graders.get("contains-any").problems(spec("contains-any", text))
    assert "quoted text" in problem


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("contains", ""),
        ("icontains", ""),
        ("starts-with", ""),
        ("contains-any", ["a", ""]),
        ("contains-all", ", ,"),
        ("not-contains", ""),
    ],
)
def test_an_empty_text_to_look_for_is_the_evalsets_fault(name, value):
    assert judge("some answer", spec(name, value)).outcome == "error"


def test_an_empty_answer_is_neither_a_refusal_nor_an_answer():
    for text in ("", " \n", None):
        assert judge(text, spec("is-refusal")).signature.startswith("empty:")
        assert judge(text, spec("not-is-refusal")).signature.startswith("empty:")
    assert judge("Here you are.", spec("not-is-refusal")).outcome == "passed"


def test_what_the_vendor_filtered_is_a_refusal():
    assert judge("", spec("is-refusal"), finish_reason="content_filter").outcome == "passed"
    record = judge("Here", spec("not-is-refusal"), finish_reason="content_filter")
    assert record.signature == "refusal:content_filter"


@given(st.text(alphabet='", \\a', max_size=30))
@settings(max_examples=150, deadline=None)
def test_any_text_with_commas_is_read_or_refused(text):
    assert judge("a", spec("contains-any", text)).outcome in ("passed", "failed", "error")
    if '"' not in text:
        assert split_terms(text) == [term.strip() for term in text.split(",") if term.strip()]
