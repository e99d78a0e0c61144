"""Grader `instructions`: each of the 25 rules, how they are stated, and agreement with the benchmark."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest
from grading_world import NOTHING, judge, read_rows, spec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pytest_ftgate.grading import language
from pytest_ftgate.grading.faults import find_faults
from pytest_ftgate.grading.instruction_checks_form import count_capital_words
from pytest_ftgate.grading.instruction_table import INSTRUCTIONS, read_instructions
from pytest_ftgate.grading.instructions import Instructions, loosen
from pytest_ftgate.grading.language import detect_language
from pytest_ftgate.grading.sentences import count_sentences, has_sentences
from pytest_ftgate.model.evalset import Case, Evalset
from pytest_ftgate.registry import Registries

ENGLISH = "the quick brown fox jumps over the lazy dog and then it runs away from the angry farmer"
GERMAN = "der schnelle braune fuchs springt über den faulen hund und läuft dann vor dem bauern davon"


def only_instructions():
    registries = Registries()
    registries.graders.register("instructions", Instructions())
    return registries


PARTS = only_instructions()


def grade(text, wanted, *, expected=NOTHING, **options):
    value = NOTHING if expected is not NOTHING else wanted
    record = judge(text, spec("instructions", value, **options), expected=expected, registries=PARTS)
    return record.grades[0]


def follows(name, text, mode="strict", **kwargs):
    result = grade(text, [{"id": name, "kwargs": kwargs}], mode=mode)
    assert result.outcome in ("passed", "failed"), result.reason
    return result.outcome == "passed"


def is_below(name, text, *, count, relation="relation", **kwargs):
    """The two relations are each other's opposite; gives "less than"."""
    less = follows(name, text, **{relation: "less than"}, **count, **kwargs)
    assert follows(name, text, **{relation: "at least"}, **count, **kwargs) is not less
    return less


# Agreement with the benchmark

DISAGREEMENTS: set[tuple[str, str, str]] = set()
"""(case, mode, instruction) where our verdict differs from the recorded one: none does."""


@pytest.mark.parametrize("mode", ["strict", "loose"])
def test_agrees_with_the_benchmarks_own_verdicts(mode):
    judged, different = 0, set()
    for row in read_rows("ifeval_outputs.jsonl"):
        result = grade(row["output"], row["instructions"], mode=mode)
        assert len(result.fields) == len(row[mode])
        for (name, ours), recorded in zip(result.fields.items(), row[mode], strict=True):
            judged += 1
            if ours is not recorded:
                different.add((row["id"], mode, name))
    assert judged == 123
    assert different == {entry for entry in DISAGREEMENTS if entry[1] == mode}
    assert len(different) <= 0.01 * judged


def test_the_recorded_verdicts_hold_both_kinds():
    strict = [verdict for row in read_rows("ifeval_outputs.jsonl") for verdict in row["strict"]]
    loose = [verdict for row in read_rows("ifeval_outputs.jsonl") for verdict in row["loose"]]
    assert (strict.count(False), loose.count(False)) == (23, 20)


def test_there_are_the_25_of_the_paper():
    assert len(INSTRUCTIONS) == 25


# Each instruction


@pytest.mark.parametrize(
    ("text", "n", "is_less"),
    [
        ("one two", 3, True),
        ("one two three", 3, False),
        ("well-known isn't", 4, False),
        ("a_b 1.5", 3, False),
        ("…!", 1, True),
        ("x", 0, False),
    ],
)
def test_number_words(text, n, is_less):
    assert is_below("length_constraints:number_words", text, count={"num_words": n}) is is_less


def test_number_sentences():
    name = "length_constraints:number_sentences"
    assert is_below(name, "One. Two! Three", count={"num_sentences": 4})
    assert not is_below(name, "One. Two! Three", count={"num_sentences": 3})


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        (" \n ", 0),
        ("no end", 1),
        ("One. Two? Three!", 3),
        ("One.Two", 1),
        ("One.\nTwo.\n\nThree.", 3),
        ("A list:\n- one\n- two", 1),
        ("Mr. Smith met Dr. Jones.", 1),
        ("J. R. Tolkien wrote it.", 1),
        ("It costs 3.50 or so. Yes.", 2),
        ("It costs 9 m/s. Then it stops.", 2),
        ("In 1990. The end", 2),
        ("item no. 5. is here", 2),
        ("The U.S. economy grew. It did.", 2),
        ("He lives in the U.S. The end.", 2),
        ("apples, pears, etc. and so on.", 1),
        ("apples, pears, etc. The end.", 2),
        ("e.g. this", 1),
        ("Well... maybe.", 1),
        ("Well... Maybe.", 2),
        ('"Hi!" he said. "Go."', 3),
        ("(Yes.) No.", 2),
        ("What?! No.", 2),
        ("1. First item. 2. Second item.", 4),
        ("foo bar .", 1),
        ("foo . bar", 2),
        (". a", 2),
        ("他来了。她走了！好吗？", 3),
        ("यह एक है। यह दो है।", 2),
    ],
)
def test_counting_sentences(text, count):
    assert count_sentences(text) == count
    assert has_sentences(text, count)
    assert not has_sentences(text, count + 1)


@pytest.mark.parametrize(
    ("text", "n", "is_followed"),
    [
        ("a\n***\nb", 2, True),
        ("a***b", 2, True),
        ("a\n***\nb", 3, False),
        ("***\na\n***\nb\n***", 2, True),
        ("a *** *** b", 2, False),
        ("a\n\nb", 2, False),
        ("a\n\nb", 1, True),
    ],
)
def test_number_paragraphs(text, n, is_followed):
    assert follows("length_constraints:number_paragraphs", text, num_paragraphs=n) is is_followed


@pytest.mark.parametrize(
    ("text", "n", "nth", "word", "is_followed"),
    [
        ("One is.\n\nTwo is.", 2, 2, "two", True),
        ("One is.\n\nTwo is.", 2, 1, "Two", False),
        ("One is.\n\nTwo is.", 3, 2, "two", False),
        ('One\n\n"Two," she said', 2, 2, "two", True),
        ("One\n\n'Tis", 2, 2, "tis", True),
        ("One\n\nTwo", 2, 3, "two", False),
        ("One\n\n\n\nTwo", 2, 2, "two", False),
        ("One\n\n" + "'" * 9, 2, 2, "two", False),
        ("One\n\nIt's", 2, 2, "it", True),
    ],
)
def test_nth_paragraph_first_word(text, n, nth, word, is_followed):
    kwargs = {"num_paragraphs": n, "nth_paragraph": nth, "first_word": word}
    assert follows("length_constraints:nth_paragraph_first_word", text, **kwargs) is is_followed


@pytest.mark.parametrize(
    ("text", "keywords", "is_followed"),
    [
        ("The Cat sat", ["cat", "SAT"], True),
        ("concatenate", ["cat"], True),
        ("The cat", ["cat", "dog"], False),
        ("any", [".*"], False),
        ("c++ (x)", ["C++ (X"], True),
    ],
)
def test_keywords(text, keywords, is_followed):
    assert follows("keywords:existence", text, keywords=keywords) is is_followed


def test_keyword_frequency():
    name = "keywords:frequency"
    assert not is_below(name, "Cat, concat cat", count={"frequency": 3}, keyword=" cat ")
    assert is_below(name, "Cat, concat cat", count={"frequency": 4}, keyword="cat")
    assert is_below(name, "aaa", count={"frequency": 2}, keyword="aa")
    assert is_below(name, "abc", count={"frequency": 1}, keyword=".")


@pytest.mark.parametrize(
    ("text", "words", "is_followed"),
    [
        ("a Kid", ["kid"], False),
        ("kids", ["kid"], True),
        ("I like C++ most", ["C++"], False),
        ("I like C++x", ["C++"], True),
        ("fine", ["a", "b"], True),
        ("kid's", ["kid"], False),
        ("kid_s", ["kid"], True),
    ],
)
def test_forbidden_words(text, words, is_followed):
    assert follows("keywords:forbidden_words", text, forbidden_words=words) is is_followed


def test_letter_frequency():
    name, relation = "keywords:letter_frequency", "let_relation"
    assert not is_below(name, "Anna", count={"let_frequency": 2}, relation=relation, letter="a")
    assert not is_below(name, "Anna", count={"let_frequency": 2}, relation=relation, letter="A")
    assert is_below(name, "Anna", count={"let_frequency": 3}, relation=relation, letter="a")
    assert not is_below(name, "Hi!!", count={"let_frequency": 2}, relation=relation, letter="!")


@pytest.mark.parametrize(
    ("text", "n", "is_followed"),
    [
        ("[name] and [a b]", 2, True),
        ("[name] and [a b]", 3, False),
        ("[a\nb]", 1, False),
        ("[[a]]", 1, True),
        ("[[a]]", 2, False),
        ("[", 1, False),
        ("[ [x] [y]", 2, True),
    ],
)
def test_placeholders(text, n, is_followed):
    assert follows("detectable_content:number_placeholders", text, num_placeholders=n) is is_followed


@pytest.mark.parametrize(
    ("text", "marker", "is_followed"),
    [
        ("Bye\nP.S. more", "P.S.", True),
        ("Bye p. s. more", "P.S.", True),
        ("Bye\nP.P.S more", "P.P.S", True),
        ("Bye\nP.S. more", "P.P.S", False),
        ("Bye PS more", "P.S.", False),
        ("Bye\nnota bene: x", "Nota bene", True),
        ("Bye", "NB", False),
    ],
)
def test_postscript(text, marker, is_followed):
    assert follows("detectable_content:postscript", text, postscript_marker=marker) is is_followed


@pytest.mark.parametrize(
    ("text", "n"),
    [
        ("* a\n* b", 2),
        ("- a\n  - b\n* c", 3),
        ("**bold**\n* a", 1),
        ("text * a", 0),
        ("\n\n  * a", 1),
        ("*\n- b", 2),
        ("--- \n", 1),
    ],
)
def test_bullets_are_counted_exactly(text, n):
    name = "detectable_format:number_bullet_lists"
    assert [follows(name, text, num_bullets=m) for m in (n, n + 1)] == [True, False]
    assert n == 0 or not follows(name, text, num_bullets=n - 1)


@pytest.mark.parametrize(
    ("text", "n"),
    [("*a* b *c*", 2), ("**a**", 1), ("* a\n* b", 0), ("** **", 0), ("*a\nb*", 0), ("***a***", 2), ("x", 0)],
)
def test_highlights(text, n):
    name = "detectable_format:number_highlighted_sections"
    assert follows(name, text, num_highlights=n)
    assert not follows(name, text, num_highlights=n + 1)


@pytest.mark.parametrize(
    ("text", "n"),
    [
        ("SECTION 1\na\nSECTION 2\nb", 2),
        ("SECTION1 SECTION\n2", 2),
        ("SECTION A", 0),
        ("Section 1", 0),
    ],
)
def test_sections(text, n):
    name = "detectable_format:multiple_sections"
    assert follows(name, text, section_spliter="SECTION ", num_sections=n)
    assert not follows(name, text, section_spliter="SECTION", num_sections=n + 1)


@pytest.mark.parametrize(
    ("text", "is_followed"),
    [
        ('{"a": 1}', True),
        ('```json\n{"a": 1}\n```', True),
        ("```\n[]\n```", True),
        ("```JSON\n1```", True),
        ("3", True),
        ("so: {}", False),
        ("{'a': 1}", False),
        ("[NaN]", False),
        ("[" * 1000 + "]" * 1000, False),
        ("9" * 100_000, True),
        ("```json", False),
    ],
)
def test_json_format(text, is_followed):
    assert follows("detectable_format:json_format", text) is is_followed


@pytest.mark.parametrize(
    ("text", "is_followed"),
    [
        ("<<Title>>\ntext", True),
        ("text <<a>> more", True),
        ("<Title>", False),
        ("<<>>", False),
        ("<< >>", False),
        ("<<a\nb>>", False),
        ("<<<<>>>>", False),
        ("<<\n<<b>>", True),
    ],
)
def test_title(text, is_followed):
    assert follows("detectable_format:title", text) is is_followed


@pytest.mark.parametrize(
    ("text", "is_followed"),
    [("My answer is yes.", True), ("Well. My answer is maybe. Bye", True), ("My answer is no", False)],
)
def test_constrained_response(text, is_followed):
    assert follows("detectable_format:constrained_response", text) is is_followed


@pytest.mark.parametrize(
    ("text", "is_followed"),
    [
        ("a\n******\nb", True),
        ("******a******b******", True),
        ("a******a", False),
        ("a******b******c", False),
        ("a****** ******b", False),
        ("a", False),
    ],
)
def test_two_responses(text, is_followed):
    assert follows("combination:two_responses", text) is is_followed


@pytest.mark.parametrize(
    ("text", "is_followed"),
    [("Write a Poem.\n\nRoses", True), ("  WRITE A POEM. x", True), ("Sure! Write a poem.", False)],
)
def test_repeat_prompt(text, is_followed):
    assert follows("combination:repeat_prompt", text, prompt_to_repeat="Write a poem. ") is is_followed


@pytest.mark.parametrize(
    ("text", "is_followed"),
    [("So it ENDS here.", True), ('"So it ends here."\n', True), ("ends here. Bye", False)],
)
def test_end_phrase(text, is_followed):
    assert follows("startend:end_checker", text, end_phrase="Ends here.") is is_followed


@pytest.mark.parametrize(
    ("text", "is_followed"),
    [('"all of it"', True), (' "x"\n', True), ('"', False), ('""', True), ('"a" b', False), ("'a'", False)],
)
def test_quotation(text, is_followed):
    assert follows("startend:quotation", text) is is_followed


def test_no_comma():
    assert follows("punctuation:no_comma", "a; b，c")
    assert not follows("punctuation:no_comma", "a, b")


def test_case_and_language():
    assert follows("change_case:english_lowercase", ENGLISH)
    assert not follows("change_case:english_lowercase", ENGLISH.capitalize())
    assert not follows("change_case:english_lowercase", GERMAN)
    assert follows("change_case:english_capital", ENGLISH.upper())
    assert not follows("change_case:english_capital", ENGLISH.upper() + " x")
    assert not follows("change_case:english_capital", GERMAN.upper())
    assert not follows("change_case:english_capital", "123")


def test_response_language():
    assert follows("language:response_language", GERMAN, language="de")
    assert not follows("language:response_language", GERMAN, language="en")
    assert follows("language:response_language", "我们是一个创作者团队。", language="zh-cn")
    assert follows("language:response_language", "1 2 3", language="te")


@pytest.mark.parametrize(
    ("text", "n"),
    [
        ("NASA and the IRS", 2),
        ("I'm A B", 3),
        ("DON'T WE'LL", 4),
        ("WELL-KNOWN A/B U.S.", 3),
        ("(ONE,TWO) *THREE* FOUR...FIVE A--B", 7),
        ("1,000 2A mIXED", 1),
        ("CANNOT cannot", 2),
        ("‘IT’S’ fine", 2),
        ("no", 0),
    ],
)
def test_capital_words(text, n):
    name, relation = "change_case:capital_word_frequency", "capital_relation"
    assert not is_below(name, text, count={"capital_frequency": n}, relation=relation)
    assert is_below(name, text, count={"capital_frequency": n + 1}, relation=relation)


def test_capital_words_are_those_of_the_treebank_convention():
    tokenizer = pytest.importorskip("nltk.tokenize.destructive").NLTKWordTokenizer()
    for row in read_rows("ifeval_outputs.jsonl"):
        words = tokenizer.tokenize(row["output"])
        assert count_capital_words(row["output"]) == sum(map(str.isupper, words))


# Strict and loose


def test_loose_readings():
    assert list(loosen("a\n*b*\nc")) == [
        "a\n*b*\nc",
        "*b*\nc",
        "a\n*b*",
        "*b*",
        "a\nb\nc",
        "b\nc",
        "a\nb",
        "b",
    ]
    assert list(loosen("a")) == ["a", ""]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("startend:quotation", 'Sure, here it is:\n"the text"'),
        ("startend:quotation", '"the text"\nHope that helps!'),
        ("startend:quotation", 'Sure:\n**"the text"**\nBye'),
        ("detectable_format:json_format", 'Sure:\n{"a": 1}'),
        ("punctuation:no_comma", "Sure, fine:\nno such sign"),
    ],
)
def test_loose_forgives_what_stands_around(name, text):
    assert not follows(name, text)
    assert follows(name, text, mode="loose")


def test_loose_takes_no_empty_reading():
    assert not follows("punctuation:no_comma", "a, b", mode="loose")


@given(st.text(alphabet='ab A.,*\n"[]<>-{}1', max_size=60), st.sampled_from(sorted(INSTRUCTIONS)))
@settings(max_examples=150, deadline=None)
def test_what_is_followed_strictly_is_followed_loosely(text, name):
    entry = example_of(name)
    strict, loose = grade(text, [entry], mode="strict"), grade(text, [entry], mode="loose")
    assert loose.outcome == "passed" or strict.outcome == "failed"


# Grades, fields, signatures


def test_one_field_and_one_signature_for_each():
    wanted = [
        {"id": "punctuation:no_comma"},
        {"id": "length_constraints:number_words", "kwargs": {"num_words": 2, "relation": "at least"}},
        {"id": "length_constraints:number_words", "kwargs": {"num_words": 4, "relation": "less than"}},
        {"id": "detectable_format:title", "kwargs": {}},
    ]
    result = grade("a, b c d", wanted)
    assert result.fields == {
        "/punctuation:no_comma": False,
        "/length_constraints:number_words": True,
        "/length_constraints:number_words#2": False,
        "/detectable_format:title": False,
    }
    assert result.signature == "style:instruction:punctuation/no_comma"
    assert result.secondary == (
        "style:instruction:length_constraints/number_words",
        "style:instruction:detectable_format/title",
    )
    assert 'length_constraints:number_words (num_words 4, relation "less than")' in result.reason
    assert not result.is_format


def test_the_strict_reading_is_the_default_and_reasoning_is_not_read():
    wanted = [{"id": "startend:quotation"}]
    assert grade('x\n"a"', wanted).outcome == "failed"
    assert grade('<think>Let me quote it, then.</think>"a"', wanted).outcome == "passed"


@pytest.mark.parametrize("text", ["", "  \n", None])
def test_a_blank_answer_follows_nothing(text):
    for name in INSTRUCTIONS:
        result = grade(text, [example_of(name)], mode="loose")
        assert result.outcome == "failed"


def test_an_answer_too_large_to_read_is_a_typed_failure():
    assert grade("x" * 1_000_001, [{"id": "punctuation:no_comma"}]).signature == "format:too_large"


def test_without_instructions_it_is_ungraded():
    record = judge("x", spec("instructions"), registries=PARTS)
    assert record.outcome == "ungraded"


def test_the_negation_passes_where_one_is_not_followed():
    record = judge("a, b", spec("not-instructions", [{"id": "punctuation:no_comma"}]), registries=PARTS)
    assert record.outcome == "passed"


def test_an_evalset_of_instructions_has_no_faults():
    cases = tuple(
        Case(id=row["id"], expected=row["instructions"], has_expected=True)
        for row in read_rows("ifeval_outputs.jsonl")
    )
    evalset = Evalset(path="e.evalset.yaml", name="e", cases=cases)
    graders = {case.id: (spec("instructions"),) for case in cases}
    assert find_faults(evalset, graders, PARTS) == ()


# How they are stated


def test_all_forms_say_the_same():
    listed = [
        {"id": "punctuation:no_comma", "kwargs": None},
        {"id": "keywords:existence", "kwargs": KEYWORDS},
    ]
    columns = {
        "instruction_id_list": ["punctuation:no_comma", "keywords:existence"],
        "kwargs": [{"num_words": None}, {**KEYWORDS, "relation": None}],
    }
    for form in (listed, columns, json.dumps(listed), json.dumps(columns)):
        assert grade("cat", None, expected=form).outcome == "passed"
        assert grade("dog", None, expected=form).signature == "style:instruction:keywords/existence"
        assert Instructions().problems(spec("instructions", form)) == ()


def test_counts_that_became_floats():
    wanted = [{"id": "length_constraints:number_paragraphs", "kwargs": {"num_paragraphs": 1.0}}]
    assert grade("a", wanted).outcome == "passed"


KEYWORDS = {"keywords": ["cat"]}
WORDS = "length_constraints:number_words"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([], "at least one"),
        (None, "needs a list"),
        (3, "needs a list"),
        ("be brief", "needs a list"),
        ([1], "needs an `id`"),
        ([{"kwargs": {}}], "needs an `id`"),
        ([{"id": "punctuation:no_coma"}], "Did you mean punctuation:no_comma?"),
        ([{"id": "punctuation:no_comma", "kwarg": {}}], "unknown key"),
        ([{"id": "punctuation:no_comma", "kwargs": [1]}], "must be a mapping"),
        ([{"id": "punctuation:no_comma", "kwargs": {"x": 1}}], "its kwargs: none"),
        ([{"id": WORDS}], "`num_words`, a whole number from 0; it is missing"),
        ([{"id": WORDS, "kwargs": {"num_words": "3", "relation": "at least"}}], "`num_words`"),
        ([{"id": WORDS, "kwargs": {"num_words": True, "relation": "at least"}}], "`num_words`"),
        ([{"id": WORDS, "kwargs": {"num_words": float("nan"), "relation": "at least"}}], "`num_words`"),
        ([{"id": WORDS, "kwargs": {"num_words": -1, "relation": "at least"}}], "`num_words`"),
        ([{"id": WORDS, "kwargs": {"num_words": 3, "relation": "at most"}}], '"less than" or "at least"'),
        ([{"id": WORDS, "kwargs": {"num_words": 3, "relation": []}}], "`relation`"),
        ([{"id": "keywords:existence", "kwargs": {"keywords": "cat"}}], "a list of texts"),
        ([{"id": "keywords:existence", "kwargs": {"keywords": ["cat", ""]}}], "none of them blank"),
        ([{"id": "startend:end_checker", "kwargs": {"end_phrase": " "}}], "not blank"),
        ([{"id": "language:response_language", "kwargs": {"language": "klingon"}}], "one of af, ar"),
        ({"instruction_id_list": ["a", "b"], "kwargs": [{}]}, "the same length"),
    ],
)
def test_bad_instructions_are_never_passed(value, said):
    problems = Instructions().problems(spec("instructions", value))
    assert any(said in problem for problem in problems), problems
    for mode in ("strict", "loose"):
        result = grade("a text", None, expected=value, mode=mode)
        assert result.outcome == "error"
        assert said in result.reason


def test_each_missing_or_wrong_kwarg_is_a_problem_of_its_own():
    for name, instruction in INSTRUCTIONS.items():
        wrong = dict.fromkeys(instruction.kwargs, -1)
        for kwargs in ({}, wrong):
            wanted, problems = read_instructions([{"id": name, "kwargs": kwargs}])
            assert len(problems) == len(instruction.kwargs)
            assert len(wanted) == (not instruction.kwargs)


def test_templates_are_checked_once_rendered():
    assert Instructions().problems(spec("instructions", "{{ vars.instructions }}")) == ()
    assert Instructions().problems(spec("instructions", [{"id": "{{ vars.id }}"}])) == ()
    assert Instructions().problems(spec("instructions")) == ()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["id", "kwargs", "instruction_id_list", "relation", "num_words"]),
                inner | st.sampled_from(sorted(INSTRUCTIONS)),
                max_size=3,
            )
        ),
        max_leaves=12,
    )
)
@example("[" * 100_000)
@settings(max_examples=200, deadline=None)
def test_any_expected_value_is_read_or_refused(value):
    wanted, problems = read_instructions(value)
    assert wanted or problems


# Language detection


def test_the_same_text_is_always_the_same_language():
    import langdetect

    before = langdetect.DetectorFactory.seed
    text = "CHOCOLATE PIZZA TAXI HOTEL"
    assert len({detect_language(text) for _ in range(20)}) == 1
    assert langdetect.DetectorFactory.seed is before


def test_the_known_languages_are_those_of_the_library():
    assert set(language.load_profiles()[0].langlist) == language.LANGUAGES


def test_a_missing_extra_is_an_error_that_names_it(monkeypatch):
    language.load_profiles.cache_clear()
    monkeypatch.setitem(sys.modules, "langdetect.detector_factory", None)
    result = grade(ENGLISH, [{"id": "language:response_language", "kwargs": {"language": "en"}}])
    assert result.outcome == "error"
    assert "pip install pytest-ftgate[instructions]" in result.reason
    assert grade(ENGLISH, [{"id": "punctuation:no_comma"}]).outcome == "passed"


def test_importing_the_grader_imports_no_language_profiles():
    code = "import sys, pytest_ftgate.grading.instructions; sys.exit('langdetect' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# Hostile texts

EXAMPLES = {
    "capital_frequency": 3, "num_placeholders": 3, "num_sections": 3, "num_bullets": 3, "num_highlights": 3,
    "frequency": 3, "let_frequency": 3, "num_paragraphs": 3, "nth_paragraph": 2, "num_sentences": 300,
    "num_words": 300, "letter": "a", "language": "en", "keywords": ["a b", "."],
    "forbidden_words": ["q z", "<<"],
}  # fmt: skip


def example_of(name):
    kwargs = {
        key: "at least" if key.endswith("relation") else EXAMPLES.get(key, "section")
        for key in INSTRUCTIONS[name].kwargs
    }
    return {"id": name, "kwargs": kwargs}


ALL = [example_of(name) for name in INSTRUCTIONS]
MB = 1_000_000
HOSTILE = [
    "a", "A", " ", "\n", "*", "-", "<", "[", ".", "!", "'", '"', "1", "#", ",", "\0", "。", "\ud800", "İ",
    "* ", "*\n", "-\n", "<<a\n", "<< ", "[]", "p.", "p. ", "a. ", "A ", "I'm ", "n't ", '."', "***", "*** a ",
    "**a** \n", "a\n\n", "[1,", '{"a":', "section 1 ", "a@", "http://", "。a", "\ud800 ", "q z", "e.g. ", "`",
]  # fmt: skip


@given(st.text(max_size=80) | st.text(alphabet="aA.!?*<>[]\"'-,\n 1pPsS\ud800\x00。`{}", max_size=80))
@example("\ud800")
@example("!")
@example("<<>>")
@settings(max_examples=150, deadline=None)
def test_any_text_is_judged(text):
    for mode in ("strict", "loose"):
        result = grade(text, ALL, mode=mode)
        assert result.outcome in ("passed", "failed"), result.reason
        assert len(result.fields) == 25
        (result.signature or "").encode()


@given(st.text(alphabet="ab.?!\"')* \nAB1。", max_size=60), st.integers(0, 8))
@settings(max_examples=200, deadline=None)
def test_sentences_are_counted_the_same_with_and_without_a_limit(text, n):
    assert has_sentences(text, n) is (count_sentences(text) >= n)


SLOWED = 4 if sys.gettrace() is not None else 1
"""Coverage traces every line, which makes loops several times as slow."""


@pytest.mark.slow
@pytest.mark.parametrize("unit", HOSTILE, ids=ascii)
def test_a_megabyte_of_anything_is_judged_in_time(unit):
    text = (unit * (MB // len(unit) + 1))[:MB]
    detect_language("load the profiles first")
    for entry in ALL:
        for mode, seconds in (("strict", 1.0), ("loose", 2.0)):
            started = time.process_time()
            assert grade(text, [entry], mode=mode).outcome in ("passed", "failed")
            assert time.process_time() - started < seconds * SLOWED, (entry["id"], mode)


def test_a_blank_answer_fails_both_ways():
    rule = [{"id": "punctuation:no_comma"}]
    for text, signature in (("", "empty:blank"), (" \n", "empty:whitespace")):
        for name in ("instructions", "not-instructions"):
            record = judge(text, spec(name, rule))
            assert (record.outcome, record.signature) == ("failed", signature)
    assert judge("a, b", spec("not-instructions", rule)).outcome == "passed"
    assert judge("a b", spec("not-instructions", rule)).outcome == "failed"
