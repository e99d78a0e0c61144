"""Patterns as they are shown: once each, with what they are made of, their tags and an example."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from decision_world import build_evalset, build_pattern, justified, pattern_set
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from report_world import HOSTILE, load_schema, report_of

from pytest_ftgate.model.summary import Example, Pattern, PatternPart, TagExcess
from pytest_ftgate.reports.hostile_text import measure_width, quote_ends, quote_text
from pytest_ftgate.reports.markdown import render_report
from pytest_ftgate.reports.terminal import render_evalset

REPORT = Draft202012Validator(load_schema("report.schema.json"))

ROLLUP = build_pattern(
    "label:confusion:*→refund",
    level="rollup",
    hint="Define the labels.",
    parts=tuple(
        PatternPart(signature=f"label:confusion:{name}→refund", trials=trials)
        for name, trials in (("charge", 70), ("fee", 35), ("card", 14), ("pin", 7))
    ),
    part_count=7,
    tags=(
        TagExcess(tag="eu", hits=30, cases=40, all_hits=41, all_cases=120, p_holm=0.0123),
        TagExcess(tag="scan", hits=20, cases=20, all_hits=41, all_cases=120, p_holm=1e-9),
    ),
)
LEAF = build_pattern(
    "label:confusion:charge→refund",
    reproducible=False,
    told_by="label:confusion:*→refund",
    hint="Define the labels.",
)

SHORT = """\
  patterns that survive every arm
  label:confusion:*->refund  24 % of trials [18..30]  41 cases  case-bound
      tk-017  expected "refund"  got "charge"  "I was billed after I had ca ..."
      made of: charge 50 %, fee 25 %, card 10 %, 4 more
      hint: Define the labels.
"""

LONG = """\
  patterns that survive every arm
  label:confusion:*->refund  24 % of trials [18..30]  41 cases  case-bound
      tk-017  expected "refund"  got "charge"  "I was billed after I had ca ..."
      made of: charge 50 %, fee 25 %, card 10 %, 4 more
      71 % of the failures [61..81]; recurs in 70 % of a hit case's other
        repeats
      by arm: as_is 24 %, few_shot 24 %, structured 24 %, context 24 %
      more often with tag eu: 30 of 40 cases, 11 of 80 without (p 0.012); scan:
        20 of 20 cases, 21 of 100 without (p < 0.001)
      hint: Define the labels.
"""


def report_with(*patterns: Pattern, **changes: Any) -> dict[str, Any]:
    report = report_of(build_evalset(), replace(justified(), patterns=pattern_set(*patterns), **changes))
    REPORT.validate(report)
    return report


def lines_with(*patterns: Pattern, **options: Any) -> list[str]:
    return render_evalset(report_with(*patterns)["evalsets"][0], **options)


def block_of(text: str, start: str) -> str:
    """The paragraph of a section that starts with that line."""
    return next(block for block in text.split("\n\n") if start in block) + "\n"


@pytest.mark.parametrize(("verbosity", "wanted"), [(0, SHORT), (1, LONG)])
def test_a_rolled_up_pattern_as_it_stands(verbosity: int, wanted: str) -> None:
    text = "\n".join(lines_with(ROLLUP, LEAF, verbosity=verbosity))
    assert block_of(text, "patterns that survive") == wanted


def test_what_another_pattern_tells_is_not_shown_but_kept_in_the_report() -> None:
    report = report_with(ROLLUP, LEAF)
    text = "\n".join(render_evalset(report["evalsets"][0], verbosity=1))
    assert "charge->refund" not in text
    assert "more signature" not in text
    assert "`label:confusion:charge→refund`" not in render_report(report)
    kept = report["evalsets"][0]["patterns"]
    assert [(one["signature"], one["told_by"]) for one in kept] == [
        ("label:confusion:*→refund", None),
        ("label:confusion:charge→refund", "label:confusion:*→refund"),
    ]
    assert kept[0]["tags"][0] == {
        "tag": "eu", "hits": 30, "cases": 40, "all_hits": 41, "all_cases": 120, "p_holm": 0.0123,
    }  # fmt: skip
    assert kept[0]["parts"][0] == {"signature": "label:confusion:charge→refund", "trials": 70}
    assert kept[0]["part_count"] == 7


def test_markdown_says_as_much() -> None:
    text = render_report(report_with(ROLLUP, LEAF)).replace("\\", "")
    for wanted in (
        "`label:confusion:*→refund`: 24 % of trials (18.0 .. 30.0), 41 cases, case-bound, reproducible",
        "- made of: charge 50 %, fee 25 %, card 10 %, 4 more",
        "- 71 % of the failures [61..81]; recurs in 70 % of a hit case's other repeats",
        "- by arm: as_is 24 %, few_shot 24 %",
        "- more often with tag eu: 30 of 40 cases, 11 of 80 without (p 0.012)",
        "- hint: Define the labels.",
    ):
        assert wanted in text


def test_a_family_names_its_members() -> None:
    family = build_pattern(
        "format",
        level="family",
        parts=(
            PatternPart(signature="format:fenced", trials=70),
            PatternPart(signature="format:nan", trials=7),
        ),
        part_count=2,
    )
    assert "      made of: fenced 50 %, nan 5 %" in lines_with(family)


def test_the_same_hint_is_given_once() -> None:
    patterns = [build_pattern(f"label:x{i}", share=0.2, hint="Do the one thing.") for i in range(3)]
    other = build_pattern("format:fenced", share=0.2, hint="Do another thing.")
    for text in (
        "\n".join(lines_with(*patterns, other, verbosity=1)),
        render_report(report_with(*patterns, other)),
    ):
        assert text.count("Do the one thing.") == 1
        assert text.count("Do another thing.") == 1


def example_of(output: str | None, reason: str = "") -> Example:
    return Example(case="c1", arm="as_is", role="candidate", repeat=1, output=output, reason=reason)


def test_a_format_failure_shows_both_ends_with_control_characters() -> None:
    output = '{"total": 3,\r\n"items": ["' + "x" * 500 + '"]}\x00\n\x1b[1mHope this helps!'
    pattern = build_pattern(
        "format:prose_after", examples=(example_of(output, "prose after the document, at character 533"),)
    )
    text = "\n".join(lines_with(pattern, verbosity=1))
    (line,) = (line for line in text.splitlines() if "got " in line)
    assert '"{"total": 3,\\r\\n"items": ["xxx' in line
    assert 'Hope this helps!"' in line
    assert " ... " in line
    assert "graded: prose after the document, at character 533" in text
    markdown = render_report(report_with(pattern))
    assert "(prose after the document, at character 533):" in markdown
    assert '{"total": 3,\\r' in markdown


def test_the_short_output_is_whole() -> None:
    pattern = build_pattern("format:trailing_comma", examples=(example_of('{"a": 1,}\n'),))
    assert '      c1  got "{"a": 1,}\\n"' in lines_with(pattern)


def test_hostile_tags_parts_and_reasons_do_no_harm() -> None:
    pattern = build_pattern(
        f"label:confusion:*→{HOSTILE}",
        level="rollup",
        parts=(PatternPart(signature=f"label:confusion:{HOSTILE}→{HOSTILE}", trials=140),),
        part_count=1_000_000,
        tags=(TagExcess(tag=HOSTILE * 5, hits=9, cases=9, all_hits=9, all_cases=99, p_holm=0.0),),
        examples=(example_of(HOSTILE * 50, HOSTILE * 50),),
    )
    report = report_with(pattern)
    for width in (40, 80):
        for line in render_evalset(report["evalsets"][0], verbosity=1, width=width):
            assert len(line) <= width
            assert line.isascii()
            assert line.isprintable()
            assert not line.lstrip().startswith("::")
            assert "##[" not in line
    text = render_report(report)
    outside = re.sub(r"(?ms)^(`{3,})text\n.*?\n\1$", "", text)
    outside = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", outside)
    assert "<script" not in outside.replace("\\<script", "")
    assert "@everyone" not in outside
    assert "://" not in outside


def test_a_report_of_an_older_run_is_still_shown() -> None:
    report = report_with(ROLLUP)
    for pattern in report["evalsets"][0]["patterns"]:
        for name in ("tags", "parts", "part_count", "told_by"):
            del pattern[name]
        for example in pattern["examples"]:
            del example["reason"]
    assert "refund" in "\n".join(render_evalset(report["evalsets"][0], verbosity=1))
    assert "refund" in render_report(report)


ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=300)


@given(ANY_TEXT, st.integers(8, 100), st.booleans())
def test_both_ends_are_harmless_and_fit(text: str, width: int, unicode: bool) -> None:
    shown = quote_ends(text, width, unicode=unicode)
    assert measure_width(shown) <= width
    assert shown.isprintable()
    assert unicode or shown.isascii()
    whole = quote_text(text, 10_000, unicode=unicode)
    if measure_width(whole) <= width:
        assert shown == whole


@given(st.text("abc\n", min_size=100), st.integers(30, 90))
def test_both_ends_are_those_of_the_text(text: str, width: int) -> None:
    head, _, tail = quote_ends(text, width).strip('"').partition(" ... ")
    whole = quote_text(text, 10_000).strip('"')
    assert whole.startswith(head)
    assert whole.endswith(tail)
    assert len(tail) >= 5


def test_both_ends_of_a_huge_text_cost_nothing() -> None:
    assert quote_ends("\x00" * 10_000_000, 40).endswith('\\x00"')
    assert quote_ends(None, 40) == "(no text)"
