"""Edit distance, ROUGE-N, latency and cost."""

from __future__ import annotations

import subprocess
import sys
import time
import warnings

import pytest
from grading_world import judge, parts, spec, verdict
from hypothesis import given, settings
from hypothesis import strategies as st

LIMIT = 64 * 1024


def grade_of(text, grader, **fields):
    return judge(text, grader, **fields).grades[0]


@pytest.mark.parametrize(
    ("text", "expected", "options", "result", "score"),
    [
        ("kitten", "sitting", {}, "passed", 3),
        ("kitten", "sitting", {"threshold": 3}, "passed", 3),
        ("kitten", "sitting", {"threshold": 2}, "value:text", 3),
        ("abcdef", "uvwxyz", {}, "value:text", 6),
        ("same", "same", {"threshold": 0}, "passed", 0),
        ("same ", "same", {"threshold": 0}, "value:text", 1),
        ("42", 42, {"threshold": 0}, "passed", 0),
        ("naïve", "naive", {"threshold": 1}, "passed", 1),
        ("kitten", "sitting", {"min_similarity": 4 / 7}, "passed", 4 / 7),
        ("kitten", "sitting", {"min_similarity": 0.58}, "value:text", 4 / 7),
        ("abcdefghij", "abcdefgxyz", {"min_similarity": 0.7}, "passed", 0.7),
        ("a", "", {"min_similarity": 0}, "passed", 0),
    ],
)
def test_levenshtein_and_its_negation(text, expected, options, result, score):
    grade = grade_of(text, spec("levenshtein", expected, **options))
    assert (grade.signature or grade.outcome) == result
    assert grade.score == pytest.approx(score)
    negated = grade_of(text, spec("not-levenshtein", expected, **options))
    assert (negated.outcome == "passed") != (grade.outcome == "passed")
    assert negated.signature in (None, "value:text")
    assert negated.score == pytest.approx(score)


def test_the_expected_value_of_the_case_is_compared_where_the_grader_has_none():
    for name in ("levenshtein", "rouge-n"):
        assert judge("to be or not to be", spec(name), expected="to be or not to be").outcome == "passed"
        assert judge("something else entirely", spec(name), expected="to be or not to be").outcome == "failed"
        assert judge("x", spec(name)).outcome == "ungraded"
        assert judge("x", spec(name), expected={"a": 1}).outcome == "error"


def test_one_limit_of_levenshtein_excludes_the_other():
    grader = spec("levenshtein", "a", threshold=1, min_similarity=0.5)
    assert "not both" in judge("a", grader).error
    (problem,) = parts().graders.get("levenshtein").problems(grader)
    assert "not both" in problem


@pytest.mark.parametrize(
    ("text", "expected", "options", "result", "score"),
    [
        ("the cat sat on the mat", "the cat sat on the mat", {}, "passed", 1),
        ("The CAT sat, on the mat!", "the cat sat on the mat", {"threshold": 1}, "passed", 1),
        ("the cat", "the cat sat on the mat", {"threshold": 0.5}, "passed", 0.5),
        ("the cat", "the cat sat on the mat", {}, "value:text", 0.5),
        ("the cat sat", "cat the sat", {"n": 1}, "passed", 1),
        ("the cat sat", "cat the sat", {"n": 2}, "value:text", 0),
        ("a b c d", "a b x c d", {"n": 2, "threshold": 0.5}, "passed", 4 / 7),
        ("", "words", {}, "empty:blank", 0),
        ("...", "words", {}, "value:text", 0),
        ("Η γάτα κάθισε", "η γάτα κάθισε", {"n": 3}, "passed", 1),
        ("猫坐在垫子上", "猫坐在垫子下", {"n": 1}, "passed", 5 / 6),
        ("one two three four five six seven eight nine",) * 2 + ({"n": 9}, "passed", 1),
    ],
)
def test_rouge_n_and_its_negation(text, expected, options, result, score):
    record = judge(text, spec("rouge-n", expected, **options))
    assert verdict(record) == result
    assert record.grades[0].score == pytest.approx(score)
    negated = judge(text, spec("not-rouge-n", expected, **options))
    assert (negated.outcome == "passed") != (record.outcome == "passed")
    assert negated.grades[0].score == pytest.approx(score)


with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of what its imports warn
    from rouge_score.rouge_scorer import RougeScorer
    from rouge_score.tokenizers import DefaultTokenizer

PROSE = st.lists(st.sampled_from([*"abcd", "The", "x1", "1", ".", "it's", "\n", "  "]), max_size=30)


@given(PROSE.map(" ".join), PROSE.map(" ".join), st.integers(1, 9))
@settings(max_examples=200, deadline=None)
def test_rouge_n_is_what_rouge_score_gives(text, expected, n):
    record = judge(text, spec("rouge-n", expected, n=n))
    words = len(DefaultTokenizer().tokenize(expected))
    if words < n:
        assert f"has {words} words, fewer than n = {n}" in record.error
        return
    wanted = RougeScorer([f"rouge{n}"]).score(expected, text)[f"rouge{n}"]
    assert record.grades[0].score == wanted.fmeasure


def test_an_expected_text_with_fewer_words_than_n_is_the_evalsets_fault():
    assert "fewer than n = 3" in judge("a b c", spec("rouge-n", "a b", n=3)).error
    assert "0 words" in judge("a b c", spec("rouge-n", "?!")).error


@pytest.mark.parametrize("name", ["levenshtein", "rouge-n", "not-levenshtein", "not-rouge-n"])
@pytest.mark.parametrize(
    "text",
    ["x" * (LIMIT + 1), "é" * (LIMIT // 2 + 1), "\ud800" * (LIMIT // 3 + 1), "x " * 5_000_000],
    ids=["chars", "bytes", "surrogates", "10 MB"],
)
def test_an_answer_too_long_to_be_measured_is_a_typed_failure_also_negated(name, text):
    started = time.process_time()
    record = judge(text, spec(name, "some text"))
    assert record.signature == "style:too_long"
    assert record.grades[0].score is None
    assert time.process_time() - started < 1.0


@pytest.mark.parametrize("name", ["levenshtein", "rouge-n"])
def test_an_expected_text_too_long_to_be_compared_is_the_evalsets_fault(name):
    grader = spec(name, "é" * (LIMIT // 2 + 1))
    assert "at most 65536 bytes" in judge("x", grader).error
    (problem,) = parts().graders.get(name).problems(grader)
    assert "at most 65536 bytes" in problem
    assert parts().graders.get(name).problems(spec(name, "x" * LIMIT)) == ()


@pytest.mark.parametrize("name", ["levenshtein", "rouge-n", "not-levenshtein", "not-rouge-n"])
def test_the_longest_texts_are_measured_in_time(name):
    judge("warm", spec(name, "up"))
    ones = ("a " * LIMIT)[:LIMIT]
    many = " ".join(f"{number:x}" for number in range(LIMIT))[:LIMIT]
    surrogates = "\ud800" * (LIMIT // 3)
    for text in (ones, many, surrogates, "\n" * LIMIT, "\0" * LIMIT):
        for options in ({}, {"n": 9} if "rouge" in name else {"min_similarity": 0.9}):
            started = time.process_time()
            record = judge(text, spec(name, many, **options))
            assert record.outcome in ("passed", "failed")
            assert time.process_time() - started < 1.0


def test_a_missing_extra_is_named_with_its_command():
    code = (
        "import sys; sys.path.insert(0, 'tests/grading')\n"
        "from grading_world import judge, spec\n"
        "import pytest_ftgate.grading.text_metrics as metrics\n"
        "assert 'rapidfuzz' not in sys.modules\n"
        "sys.modules['rapidfuzz'] = None\n"
        "print(judge('a', spec('levenshtein', 'a')).error)\n"
        "del sys.modules['rapidfuzz']; metrics.find_spec = lambda _: None\n"
        "print(metrics.Levenshtein().problems(spec('levenshtein', 'a')))"
    )
    root = __import__("pathlib").Path(__file__).parents[2]
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    error, problems = run.stdout.splitlines()
    assert "rapidfuzz" in error
    assert "pip install pytest-ftgate[metrics]" in error
    assert "pip install pytest-ftgate[metrics]" in problems


@pytest.mark.parametrize(
    ("name", "known", "within", "above", "signature", "opposite"),
    [
        ("latency", {"latency_s": 0.5}, 500, 499.9, "call:slow", "call:fast"),
        ("cost", {"cost_usd": 0.002}, 0.002, 0.001, "call:expensive", "call:cheap"),
    ],
)
def test_latency_and_cost(name, known, within, above, signature, opposite):
    for grader in (spec(name, within), spec(name, threshold=within)):
        assert judge("x", grader, **known).outcome == "passed"
        assert judge("x", grader, cached=True, **known).outcome == "passed"
    record = judge("x", spec(name, above), **known)
    assert verdict(record) == signature
    assert record.grades[0].score == pytest.approx(500 if name == "latency" else 0.002)
    assert judge("x", spec(f"not-{name}", above), **known).outcome == "passed"
    assert verdict(judge("x", spec(f"not-{name}", within), **known)) == opposite


def test_an_unknown_latency_or_cost_is_ungraded_and_says_how_to_make_it_known():
    latency = judge("x", spec("latency", 100))
    assert (latency.outcome, latency.signature) == ("ungraded", None)
    assert "latency_s" in latency.grades[0].reason
    cost = judge("x", spec("not-cost", 0.1))
    assert cost.outcome == "ungraded"
    assert "price:" in cost.grades[0].reason
    assert judge("x", spec("latency", 100), latency_s=float("nan")).outcome == "ungraded"


@pytest.mark.parametrize("name", ["latency", "cost"])
def test_latency_and_cost_need_one_limit(name):
    grader = parts().graders.get(name)
    assert len(grader.problems(spec(name))) == len(grader.problems(spec(name, 1, threshold=2))) == 1
    assert grader.problems(spec(name, 1)) == grader.problems(spec(name, threshold=0)) == ()
    assert judge("x", spec(name), latency_s=1, cost_usd=1).outcome == "error"
    assert judge("x", spec(name, "soon"), latency_s=1, cost_usd=1).outcome == "error"


@given(st.text(max_size=40), st.text(max_size=40), st.integers(1, 9))
@settings(max_examples=80, deadline=None)
def test_any_text_is_measured(text, expected, n):
    assert judge(text, spec("levenshtein", expected)).outcome in ("passed", "failed")
    rouge = judge(text, spec("rouge-n", expected, n=n))
    assert rouge.outcome in ("passed", "failed") or "fewer than n" in rouge.error
    assert judge(text, spec("levenshtein", text, threshold=0)).grades[0].outcome == "passed"
