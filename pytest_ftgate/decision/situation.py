"""What the questions are asked of: an evalset, its summary, and the predicates that verdicts share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from pytest_ftgate.decision.claims import is_claim, is_proven_at_bar, is_proven_below, rank_cost, value_of
from pytest_ftgate.decision.draws import fold_draws
from pytest_ftgate.decision.enforcement import STRUCTURED, covers_schema, has_proven_schema
from pytest_ftgate.decision.knowledge import (
    CONTEXT,
    MIN_CONTEXT_SHARE,
    RETRIEVAL,
    count_contexts,
    count_reached,
    fits_prompt,
    has_context_prompt,
    is_static,
)
from pytest_ftgate.model.evalset import AS_IS, CANDIDATE, Evalset, GraderSpec, base_arm
from pytest_ftgate.model.finding import CONTEXT_WITHOUT_ANSWER, COPIED_CASES
from pytest_ftgate.model.grade import FORMAT_GRADERS, kind_of
from pytest_ftgate.model.summary import ArmSummary, Pattern, Summary
from pytest_ftgate.model.verdict import Decision, Verdict
from pytest_ftgate.registry import Registries


# Not slotted: cached_property needs a __dict__.
@dataclass(frozen=True, kw_only=True)
class Situation:
    """Read by every condition of `questions.CONDITIONS`. Only arms of the candidate are on the ladder."""

    evalset: Evalset
    summary: Summary
    registries: Registries

    @property
    def bar(self) -> float:
        return self.summary.bar

    @cached_property
    def arms(self) -> tuple[ArmSummary, ...]:
        """The candidate's arms that were run."""
        return tuple(a for a in self.summary.arms if a.role == CANDIDATE and a.status == "run")

    @cached_property
    def as_is(self) -> ArmSummary | None:
        return next((arm for arm in self.arms if arm.arm == AS_IS), None)

    @cached_property
    def prompt_arms(self) -> tuple[ArmSummary, ...]:
        """Arms of question 1 that were run, `as_is` included."""
        return tuple(arm for arm in self.arms if arm.question == 1)

    @cached_property
    def claimed_arms(self) -> tuple[ArmSummary, ...]:
        """Arms whose reaching the bar may be claimed: all; with `split: dev` `as_is` and those it chose."""
        return tuple(arm for arm in self.arms if is_claim(arm))

    @cached_property
    def proven_arms(self) -> tuple[ArmSummary, ...]:
        """Arms proven at the bar, cheapest first."""
        return tuple(sorted((a for a in self.arms if is_proven_at_bar(a, self.bar)), key=rank_cost))

    @cached_property
    def best_arm(self) -> ArmSummary | None:
        """The arm with the highest accuracy."""
        judged = [arm for arm in self.arms if arm.accuracy_test is not None]
        return max(judged, key=value_of, default=None)

    @cached_property
    def is_all_below(self) -> bool:
        """Whether every arm that was run is proven below the bar (intersection-union: no correction)."""
        return self.as_is is not None and all(is_proven_below(arm, self.bar) for arm in self.arms)

    @cached_property
    def is_static_and_small(self) -> bool:
        """Whether the knowledge fits a cached prompt: < 10k tokens, no citations, not said to change."""
        return fits_prompt(self.evalset.decision.knowledge, self.summary.knowledge_tokens)

    @cached_property
    def is_static(self) -> bool:
        """Whether nothing was said of the knowledge that makes it change."""
        return is_static(self.evalset.decision.knowledge)

    @cached_property
    def is_question_2_waived(self) -> bool:
        """Whether `context` was waived, and not answered all the same."""
        waived = any(a.status == "waived" and a.kind == CONTEXT for a in self.summary.arms)
        return (waived or self._is_waived(CONTEXT)) and not self._is_question_2_answered

    @cached_property
    def _is_question_2_answered(self) -> bool:
        """Whether (nearly) all judged cases, or no knowledge is needed, were shown what they need."""
        if self._is_context_shown or self._searching_arms:
            shown, cases = self._shown_counts
            return self.evalset.decision.knowledge.none or shown >= MIN_CONTEXT_SHARE * max(cases, 1)
        return False

    @cached_property
    def _searching_arms(self) -> tuple[ArmSummary, ...]:
        return tuple(arm for arm in self.arms if arm.kind == RETRIEVAL and _counts_as_run(arm))

    @cached_property
    def _shown_counts(self) -> tuple[int, int]:
        """(judged cases that were shown what they need, judged cases), by the arm that showed the most."""
        judged = {tally.case for tally in self.as_is.tallies} if self.as_is else set()
        given, cases = count_contexts(self.evalset, judged, self._unanswering)
        ran = {arm.arm for arm in self._searching_arms}
        searches = [found.search for found in self.summary.retrievals if found.search.arm in ran]
        reached = [count_reached(search, judged, self._unanswering) for search in searches]
        return max([given if self._is_context_shown else 0, *reached]), cases

    @cached_property
    def _is_context_shown(self) -> bool:
        """Whether an arm showed the cases' context; `as_is` does where its own prompt names it."""
        if any(arm.kind == CONTEXT and _counts_as_run(arm) for arm in self.arms):
            return True
        return self.as_is is not None and _counts_as_run(self.as_is) and has_context_prompt(self.evalset)

    @cached_property
    def judged_cases(self) -> int:
        """The judged cases with expected outputs; copies of others are not counted."""
        copies = self._list_cases(COPIED_CASES)
        tallies = self.as_is.tallies if self.as_is else ()
        return self.summary.judged_cases - sum(tally.case in copies for tally in tallies)

    def _list_cases(self, rule: str) -> frozenset[str]:
        return frozenset(case for f in self.summary.findings if f.rule == rule for case in f.cases)

    @cached_property
    def _unanswering(self) -> frozenset[str]:
        """The cases whose context is known not to contain their answer."""
        return self._list_cases(CONTEXT_WITHOUT_ANSWER)

    @cached_property
    def context_gap(self) -> str | None:
        """How few cases were shown what they need, where too few for question 2."""
        if CONTEXT not in self.missing_arms or not (self._is_context_shown or self._searching_arms):
            return None
        shown, cases = self._shown_counts
        if self._is_context_shown:
            what = "context that contains the answer" if self._unanswering else "context"
            return f"{what} is given for {shown:,} of {cases:,} cases"
        return f"the search is known to reach what {shown:,} of {cases:,} cases need"

    @cached_property
    def unrun_arms(self) -> tuple[str, ...]:
        """The missing arms that running would mend: no `context` that too few cases have, and no `structured`
        that was run on a schema which is not proven enforced."""
        beyond = {CONTEXT} if self.context_gap is not None else set()
        beyond |= {STRUCTURED} if self.is_schema_unproven else set()
        return tuple(name for name in self.missing_arms if name not in beyond)

    @cached_property
    def is_schema_unproven(self) -> bool:
        """Whether `structured` was run and judged, and does not count."""
        ran = any(arm.kind == STRUCTURED and arm.accuracy_test is not None for arm in self.arms)
        return ran and STRUCTURED in self.missing_arms

    @cached_property
    def usable_patterns(self) -> tuple[Pattern, ...]:
        """Confirmed patterns that can justify tuning."""
        return tuple(p for p in self.summary.patterns.confirmed if self.is_usable(p))

    def is_usable(self, pattern: Pattern) -> bool:
        """Whether a pattern can justify tuning, once it is confirmed.

        `call:*` and `infra:*` are no model patterns. With question 2 waived nothing shows that a
        wrong value is not plain lack of knowledge, so `value:*` is out too.
        """
        kind = kind_of(pattern.signature)
        return kind not in ("call", "infra") and not (kind == "value" and self.is_question_2_waived)

    @cached_property
    def usable_share(self) -> float:
        """Share of the failures under the best arm that the usable patterns explain, at least.

        Trials count once in `confirmed_share`. Where some confirmed patterns are not usable, what they
        explain is taken off in full: overlaps can only make the true share larger.
        """
        patterns = self.summary.patterns
        usable = self.usable_patterns
        if not usable:
            return 0.0
        total = patterns.confirmed_share or 0.0
        barred = [p for p in patterns.confirmed if p not in usable]
        if not barred:
            return total
        return max(total - sum(p.share or 0.0 for p in barred), max(p.share or 0.0 for p in usable))

    @cached_property
    def is_control_failed(self) -> bool:
        """Whether the pattern search also finds patterns where there is nothing to find."""
        control = self.summary.patterns.control
        return control is not None and not control.holds

    @cached_property
    def has_unassessed_patterns(self) -> bool:
        """Whether some candidate's recurrence could not be assessed (one repeat)."""
        return any(p.reproducible is None for p in self.summary.patterns.patterns)

    @property
    def has_identical_repeats(self) -> bool:
        """Whether the repeats of some arm are all the same, and so count as one."""
        return any(arm.identical_repeats or arm.repeats_dropped for arm in self.arms)

    @cached_property
    def has_format_grader(self) -> bool:
        if any(arm.format_failures is not None for arm in self.arms):
            return True
        specs = [*self.evalset.graders, *(g for case in self.evalset.cases for g in case.graders)]
        return any(self._is_format_grader(spec) for spec in specs)

    def _is_format_grader(self, spec: GraderSpec) -> bool:
        if spec.negated:
            return False
        if spec.name in self.registries.graders:
            return self.registries.graders.get(spec.name).is_format
        return spec.name in FORMAT_GRADERS

    @cached_property
    def missing_arms(self) -> tuple[str, ...]:
        """Arms without which tuning cannot be justified: required kinds, and arms the user left out."""
        left_out = [a.arm for a in self.summary.arms if a.role == CANDIDATE and a.status == "not_run"]
        required = [kind for kind in self.required_kinds if not self._is_covered(kind)]
        unnamed = [kind for kind in required if not self._is_named(kind, left_out)]
        kept_out = [name for name in left_out if not self._is_waived(name)]
        return fold_draws([*unnamed, *kept_out], self.summary.arms)

    @cached_property
    def required_kinds(self) -> tuple[str, ...]:
        """Kinds of arms that must be run, waived or found not to apply before tuning is justified."""
        has_context = any(case.context is not None for case in self.evalset.cases)
        needs_context = has_context or not self.evalset.decision.knowledge.none
        wanted = {"few_shot": True, STRUCTURED: self.has_format_grader, CONTEXT: needs_context}
        return tuple(kind for kind, is_wanted in wanted.items() if is_wanted)

    def _is_covered(self, kind: str) -> bool:
        if self._is_waived(kind):
            return True
        arms = [a for a in self.summary.arms if a.role == CANDIDATE and a.kind == kind]
        if any(a.status == "waived" for a in arms):
            return True
        if kind == STRUCTURED:
            return covers_schema(arms, self.evalset)
        if kind == CONTEXT:
            return self._is_question_2_answered
        return any(_counts_as_run(a) for a in arms)

    def _is_named(self, kind: str, names: Sequence[str]) -> bool:
        return any(arm.kind == kind and arm.arm in names for arm in self.summary.arms)

    def _is_waived(self, name: str) -> bool:
        return not self.evalset.decision.waive.keys().isdisjoint((name, base_arm(name)))

    def answer(self, decision: Decision, reason: str, **more: object) -> Verdict:
        """A verdict with what every verdict carries: arms left out, waivers, M, the tie to the prompt."""
        waived = dict(self.evalset.decision.waive) or None
        left_out = [a.arm for a in self.summary.arms if a.role == CANDIDATE and a.status == "not_run"]
        more.setdefault("missing_arms", fold_draws(left_out, self.summary.arms))
        if not self.summary.tied_to_prompt:
            reason += " The answers are not tied to this prompt."
        if waived:
            listed = "; ".join(f"{name} ({why})" for name, why in waived.items())
            reason += f" Waived: {listed}."
        verdict: Verdict = Verdict(
            decision=decision,
            reason=reason,
            waived=waived,
            m_arms=self.summary.multiplicity,
            **more,  # type: ignore[arg-type]
        )
        return verdict


def _counts_as_run(arm: ArmSummary) -> bool:
    if arm.status != "run" or arm.accuracy_test is None:
        return False
    return has_proven_schema(arm)
