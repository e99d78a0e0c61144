"""A verdict explained: the tree with its numbers, what would flip it, for every verdict and hostile text."""

from __future__ import annotations

from dataclasses import replace

import pytest
from decision_world import build_evalset, build_pattern, justified, pattern_set, worlds
from report_world import hostile_report, planned_report, report_of, world_report

from pytest_ftgate.model.finding import Finding
from pytest_ftgate.reports.explanation import render_explanation
from pytest_ftgate.reports.hostile_text import measure_width

TREE = """\
  how it was decided: the first question answered YES is the verdict; [x] holds
   1  no   not_asked: no question is asked
          [ ] the decision is on
          [ ] all items are selected
   2  no   incomplete: something that was planned is not evaluated
   3  no   not_ready: a fault of the evalset voids its accuracy
   4  no   bar_met: as_is is proven at the bar
          [ ] lower bound of as_is: 55.2 % < 80 %  (1.4 SE)
   5  no   fix_call: a tolerant parser lifts the same answers to the bar (no arm
           repair was run)
   6  no   fix_call: failures of the call stand between an arm and the bar
          [x] no arm is proven at the bar
          [ ] an arm is, once call failures count as passes (no call failed)
   7  no   improve_prompt: another prompt is proven at the bar
          [ ] lower bound of few_shot: 60 % < 80 %  (2.0 SE)
          [ ] lower bound of structured: 58.3 % < 80 %  (2.0 SE)
   8  no   add_context: the data in context is enough, and it is small
          [ ] with the data in context the bar is reached, and no prompt does as
              well
              [ ] context is at the bar, and better than every prompt
                  [ ] lower bound of context: 61.1 % < 80 %  (2.0 SE)
                  [ ] lower bound of context minus as_is (not compared)
                  [ ] lower bound of context minus few_shot (not compared)
                  [ ] lower bound of context minus structured (not compared)
          [ ] the knowledge fits a cached prompt
              [ ] the knowledge is of unknown size
              [x] the knowledge is static
              [x] no citations are wanted
   9  no   use_rag: with the data in context the bar is reached, and no prompt
           does as well
          [ ] context is at the bar, and better than every prompt (as above)
  10  no   not_ready: there are too few cases for a diagnosis
          [x] judged cases with expected outputs: 120 >= 50
  11  YES  fine_tune_justified: every arm is below the bar, and patterns explain
           why
          [x] every arm that applies was run
              [x] few_shot was run
              [x] structured was run
              [x] context was run
          [x] every arm run is proven below the bar
              [x] as_is was run
              [x] upper bound of as_is: 67.5 % < 80 %  (1.1 SE)
              [x] upper bound of few_shot: 74.3 % < 80 %  (1.1 SE)
              [x] upper bound of structured: 72.6 % < 80 %  (1.1 SE)
              [x] upper bound of context: 75.4 % < 80 %  (1.1 SE)
          [x] a pattern survives every arm
              [x] label:confusion:refund->charge: p 0.01 <= 0.04  (0.6 SE)
          [x] share of the failures explained: 71 % >= 50 %

  what would give another verdict, all else being equal, closest first
   1. label:confusion:refund->charge: p 0.01 <= 0.04 (0.6 SE) -> no_pattern
   2. upper bound of as_is: 67.5 % < 80 % (1.1 SE) -> inconclusive
   3. upper bound of context: 75.4 % < 80 % (1.1 SE) -> inconclusive
   4. upper bound of few_shot: 74.3 % < 80 % (1.1 SE) -> inconclusive
   5. upper bound of structured: 72.6 % < 80 % (1.1 SE) -> inconclusive
   6. lower bound of as_is: 55.2 % < 80 % (1.4 SE) -> bar_met

  SE: standard errors between the evidence and the other answer, where chance
  could turn it.
"""


def lines_of(report, **options):
    return render_explanation(report["evalsets"][0], **options)


def text_of(report):
    return " ".join(" ".join(lines_of(report)).split())


def test_the_whole_tree():
    text = "\n".join(lines_of(planned_report())) + "\n"
    assert text.endswith(TREE)
    assert text.startswith("evals/tickets.evalset.yaml\n")
    assert "XFAILED gate accuracy: 61.2 % < 80 %" in text


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("name", [*worlds(), "planned", "hostile"])
def test_no_line_is_wider_than_asked_and_all_are_plain(name, width):
    made = {"planned": planned_report, "hostile": hostile_report}.get(name)
    for line in lines_of(made() if made else world_report(name), width=width):
        assert measure_width(line) <= width
        assert line.isprintable()
        assert line.isascii()
        assert not line.lstrip().startswith("::")
        assert "##[" not in line


@pytest.mark.parametrize("name", list(worlds()))
def test_every_verdict_is_shown_as_the_one_yes_with_what_would_flip_it(name):
    report = world_report(name)
    verdict, text = report["evalsets"][0]["verdict"], text_of(report)
    assert text.count(" YES ") == 2  # the other one is the heading
    assert f" YES {verdict['decision']}: " in text
    for flip in verdict["flips"]:
        assert f"-> {flip['decision']}" in text
    assert f" 1. {verdict['flips'][0]['text'][:20]}" in text or verdict["flips"][0]["distance"] is None


def test_what_a_person_can_turn_says_how():
    text = text_of(world_report("not_ready"))
    assert "1. take them out of the examples -> fine_tune_justified" in text
    assert "1. take `decision: off` out -> fine_tune_justified" in text_of(world_report("not_asked"))
    assert "add 1 -> fine_tune_justified" in text_of(world_report("not_ready few"))


def test_only_what_is_to_blame_is_opened_before_the_verdict():
    text = "\n".join(lines_of(world_report("inconclusive")))
    assert "[x] few_shot was run" not in text
    assert "14  YES  inconclusive: none of these holds" in text
    assert "every arm run is proven below the bar (as above)" in text


def test_the_section_does_not_send_a_reader_to_itself():
    report = world_report("improve_prompt")
    assert report["evalsets"][0]["verdict"]["next_command"] == "pytest-ftgate explain latest"
    assert "explain latest" not in text_of(report)


def test_hostile_faults_and_signatures_are_escaped_in_the_tree():
    evil = "\x1b[2J\n::set-output name=x::y"
    fault = Finding(rule="x", severity="error", what=evil, blocks=True, remedy="\x1b[0m")
    faulty = report_of(build_evalset(), replace(justified(), findings=(fault,)))
    assert "\\x1b[2J" in text_of(faulty)
    pattern = build_pattern("label:\u202eevil→\x07" + "x" * 500)
    shown = lines_of(report_of(build_evalset(), replace(justified(), patterns=pattern_set(pattern))))
    assert any("[x] label:\\u202eevil->\\x07xxx" in line for line in shown)


def test_a_verdict_without_steps_says_so():
    entry = world_report("bar_met")["evalsets"][0]
    entry["verdict"] |= {"steps": [], "flips": []}
    assert any("a hook decided" in line for line in render_explanation(entry))
    assert not any("a hook decided" in line for line in render_explanation(entry, note="Too old."))


def test_nothing_to_turn_is_said():
    entry = world_report("bar_met")["evalsets"][0]
    entry["verdict"]["flips"] = []
    assert any("nothing that chance or a person could turn" in line for line in render_explanation(entry))
