"""The terminal section: what is in it, in which order, and that nothing in it can do harm."""

from __future__ import annotations

from dataclasses import replace

import pytest
from decision_world import LOW, build_evalset, build_pattern, idle_arm, justified, pattern_set, worlds
from hypothesis import given, settings
from hypothesis import strategies as st
from report_world import HOSTILE, hostile_report, planned_report, report_of, world_report

from pytest_ftgate.reports.hostile_text import cut_text, defuse_commands, measure_width, quote_text, show_text
from pytest_ftgate.reports.numbers import format_failure_rate, format_odds
from pytest_ftgate.reports.terminal import render_evalset

GOLDEN = """\
evals/tickets.evalset.yaml
  candidate openai/gpt-4o-mini   120 cases x 5 repeats

  FINE-TUNE JUSTIFIED: none of the 4 arms run reaches 80 % (best: context,
  69.1 % (63.1 .. 75.1)), and 1 reproducible pattern explains 71 % of the
  failures: label:confusion:refund->charge.

  arm         question   accuracy  95 % interval       format fails  $/1k   p95
  ----------  ---------  --------  -------------  -----------------  ----  ----
  as_is       1 prompt     61.2 %   55.2 .. 67.2             22.5 %  0.41  1.2s
  few_shot    1 prompt     68.0 %   62.0 .. 74.0              3.0 %  0.97  1.2s
  structured  1 prompt     66.3 %   60.3 .. 72.3  0 % <0.4 enforced  0.41  1.2s
  context     2 context    69.1 %   63.1 .. 75.1              3.0 %  1.80  1.2s

  patterns that survive every arm
  label:confusion:refund->charge  24 % of trials [18..30]  41 cases  case-bound
      tk-017  expected "refund"  got "charge"  "I was billed after I had ca ..."

  If this verdict were wrong, evidence this strong would turn up in at most 1 of
  100 runs. Spent $0.83 (2,950 calls).

  What 300,000 calls a month cost
  arm         tokens  + tokens  $/month  95 % interval  + $/month  $/1k correct
  ----------  ------  --------  -------  -------------  ---------  ------------
  as_is          110         -      123     118 .. 128          -          0.67
  few_shot       110         0      291     279 .. 303       +168          1.43
  structured     110         0      123     118 .. 128          0          0.62
  context        510      +400      540     519 .. 561       +417          2.60

  Plan: LoRA on 8B, 12-16 GB VRAM (1 GPU), $17-34 to train in 4.6 h, $50-500 to
  set up.
  Breaks even in 2.3-23 weeks at 300,000 calls a month: $123.00 a month today
  (as_is), $0.66-16 tuned, serving included.
  A year pays all of it back from 13,200-131,000 calls a month on.
  The price a token is that of a server kept busy by others too: one GPU rented
  round the clock for this alone costs $2,739-5,479 a month, as much as 6.4-14
  million calls of today.
  Latency, median and 95th percentile: 0.8s and 1.2s today (as_is); not known
  for a tuned small model.
  Training examples: 0 at hand, 50 or more wanted, 50 short. The 120 cases that
  judge must stay out of training.
  The tuned model may lose:
  - quality at this task, against a full fine-tune (keeps 95-99 %) -> this
    evalset on the tuned model: as_is must be proven at 80 %
  - general capability: mathematics, coding, knowledge, following instructions
    -> the evalsets of `pytest-ftgate init general`, with the tuned model as
    candidate and the untuned one as base; shown to have lost less than 5 points
    a suite (156-505 cases a suite)
  Not known: latency of the tuned model: give the small model as models.base and
  run it, or state economics.fine_tune.latency_p95_s.
  The other figures of the plan are a published page's figures of May 2026, not
  measurements.

  method              VRAM  GPUs    train  hours   set-up  of full   weeks
  --------------  --------  ----  -------  -----  -------  -------  ------
  full fine-tune     64 GB     1  $75-150     20        -    100 %       -
  LoRA *          12-16 GB     1   $17-34    4.6  $50-500  95-99 %  2.3-23
  QLoRA           4-4.6 GB     1   $17-34    4.6  $50-500  90-97 %  2.3-23
  * = planned. Weeks until the costs spent once are back, at the stated volume.
  Memory, GPUs, training, set-up and what is kept of a full fine-tune are a
  published page's figures, not measurements.

  calls a month   today       tuned     weeks
  -------------  ------  ----------  --------
  30,000         $12.30  $0.066-1.7    23-228
  150,000        $61.50   $0.33-8.2    4.6-46
  300,000 *        $123    $0.66-16    2.3-23
  600,000          $246     $1.3-33    1.1-11
  3,000,000      $1,230    $6.6-165  0.23-2.3

  What would change this: an arm that reaches the bar: another prompt, more
  examples, the data in context; patterns that explain under 50 % of the
  failures.
  Next: pytest-ftgate export latest --format trl
"""

QUIET = """\
evals/tickets.evalset.yaml
  candidate openai/gpt-4o-mini   120 cases x 5 repeats

  IMPROVE THE PROMPT: prompting is enough: arm few_shot reaches the bar of 80 %
  with 93 % (87.0 .. 99.0), where as_is has 60 % (54.0 .. 66.0).

  PASSED gate complete: every planned trial was asked
  FAILED gate accuracy: 60 % < 80 % (proven below); instead: switch to arm
    few_shot
"""


def lines_of(report, **options):
    return render_evalset(report["evalsets"][0], **options)


def test_the_whole_section():
    assert "\n".join(lines_of(planned_report())) + "\n" == GOLDEN


def test_quiet_leaves_the_sentence_and_the_gates():
    assert "\n".join(lines_of(world_report("improve_prompt"), verbosity=-1)) + "\n" == QUIET


@pytest.mark.parametrize("width", [40, 60, 80, 120])
@pytest.mark.parametrize("verbosity", [-1, 0, 1, 2])
@pytest.mark.parametrize("name", [*worlds(), "planned", "hostile"])
def test_no_line_is_wider_than_the_terminal_and_all_are_plain(name, verbosity, width):
    made = {"planned": planned_report, "hostile": hostile_report}.get(name)
    report = made() if made else world_report(name)
    for unicode in (False, True):
        for line in lines_of(report, width=width, verbosity=verbosity, unicode=unicode):
            assert measure_width(line) <= width
            assert line.isprintable()
            assert unicode or line.isascii()
            assert not line.lstrip().startswith("::")
            assert "##[" not in line
            assert line == line.rstrip()


@pytest.mark.parametrize("name", list(worlds()))
def test_the_verdict_stands_first(name):
    report = world_report(name)
    text = lines_of(report)
    title = name.split()[0].replace("_", " ").upper()
    verdict = next(line for line in text[1:] if line and not line.startswith("  candidate"))
    assert verdict.split(":")[0].strip().replace("THE ", "").replace("-", " ") in title


def test_hostile_examples_are_shown_as_escapes():
    text = "\n".join(lines_of(hostile_report(), verbosity=1))
    assert "\\x1b[31mred\\x1b[0m" in text
    assert "\\u65e5" in text or "日" not in text
    assert "answers not tied to this prompt" in text


def test_more_is_shown_when_asked():
    summary = replace(
        justified(),
        patterns=pattern_set(*(build_pattern(f"label:x{i}", share=0.1) for i in range(5)), share=0.6),
        confusion={"refund": {"charge": 7, "refund": 100}},
        tags={"eu": LOW[0].accuracy, "us": LOW[1].accuracy},
        fields={"/total": LOW[0].accuracy},
    )
    report = report_of(build_evalset(), summary)
    short, long = ("\n".join(lines_of(report, verbosity=v)) for v in (0, 1))
    assert "label:x2" in short
    assert "label:x3" not in short
    assert "... and 2 more signatures (-v)" in short
    assert "label:x4" in long
    for wanted in ("expected", "refund", "charge", "tag", "eu", "field", "/total"):
        assert wanted in long
    assert "/total" not in short


def test_arms_that_were_not_run_are_named_with_their_reason():
    summary = replace(justified(), arms=(*LOW, idle_arm("rewritten", "not_run", "left out by --ftgate-arms")))
    text = "\n".join(lines_of(report_of(build_evalset(), summary)))
    assert "not run: rewritten: left out by --ftgate-arms" in text


def test_identical_repeats_are_said():
    summary = replace(justified(), arms=(replace(LOW[0], identical_repeats=True), *LOW[1:]))
    text = " ".join(" ".join(lines_of(report_of(build_evalset(), summary))).split())
    assert "Repeats of as_is are identical: they buy no evidence" in text


def test_unmeasured_columns_are_left_out():
    arms = tuple(replace(a, cost_usd_per_1k_cases=None, latency_p95_s=None, format_failures=None,
                         schema_enforced=None) for a in LOW)  # fmt: skip
    text = "\n".join(lines_of(report_of(build_evalset(), replace(justified(), arms=arms))))
    assert "question" in text
    for column in ("$/1k", "p95", "format fails"):
        assert column not in text


def test_unknown_patterns_are_called_what_they_are():
    pattern = build_pattern(reproducible=None)
    summary = replace(justified(), patterns=pattern_set(pattern), repeats=1)
    text = "\n".join(lines_of(report_of(build_evalset(), summary)))
    assert "recurrence not assessed" in text
    assert "survive every arm" not in text


def test_no_failures_seen_is_not_zero():
    rate = {"value": 0.0, "low": 0.0, "high": 0.071, "upper": 0.058}
    assert format_failure_rate(rate) == "0 % <5.8"
    assert format_failure_rate(None) == "-"


@pytest.mark.parametrize(
    ("p", "runs"),
    [(0.04, "25"), (0.05, "20"), (0.01, "100"), (0.0301, "33"), (0.0, "10,000"), (1e-9, "10,000")],
)
def test_odds(p, runs):
    assert format_odds(p).endswith(f"at most 1 of {runs} runs.")


@pytest.mark.parametrize("p", [None, 0.5, 1.0])
def test_odds_that_say_nothing_are_left_out(p):
    assert format_odds(p) is None


ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=200)


@given(ANY_TEXT, st.integers(8, 100), st.booleans())
def test_quoted_text_is_harmless_and_fits(text, width, unicode):
    shown = quote_text(text, width, unicode=unicode)
    assert measure_width(shown) <= width
    assert shown.isprintable()
    assert unicode or shown.isascii()


@given(ANY_TEXT)
def test_shown_text_stays_shown(text):
    shown = show_text(text, unicode=True)
    assert show_text(shown, unicode=True) == shown
    assert not defuse_commands(shown).lstrip().startswith("::")


@pytest.mark.parametrize(
    ("text", "shown"),
    [("\x1b[2J", "\\x1b[2J"), ("a\nb\tc", "a\\nb\\tc"), ("\u202ex", "\\u202ex"), ("é", "\\xe9"),
     ("a→b", "a->b"), ("\U0001f600", "\\U0001f600"), ("\x9b", "\\x9b"), ("\u2028", "\\u2028"),
     ("\ud800", "\\ud800")],
)  # fmt: skip
def test_what_cannot_be_seen_is_escaped(text, shown):
    assert show_text(text) == shown


def test_letters_stay_where_the_terminal_can_show_them():
    assert show_text("é 日本 → 😀", unicode=True) == "é 日本 → 😀"
    assert cut_text("日本語日本語", 9) == "日本 ..."


def test_a_huge_output_costs_nothing():
    assert quote_text("\x00" * 10_000_000, 40).endswith(' ..."')
    assert len(HOSTILE) > 100


@settings(max_examples=30)
@given(ANY_TEXT, ANY_TEXT, st.integers(40, 100))
def test_any_signature_and_output_fit(signature, output, width):
    pattern = build_pattern(f"label:{signature}")
    example = replace(pattern.examples[0], output=output, expected=signature, input=output)
    summary = replace(justified(), patterns=pattern_set(replace(pattern, examples=(example,))))
    for line in lines_of(report_of(build_evalset(), summary), width=width, verbosity=1):
        assert len(line) <= width
        assert line.isascii()
        assert line.isprintable()
