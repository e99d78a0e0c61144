"""What a run would take and could decide, before any call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_ftgate.further_repeats import MAX_CASES, count_most_further
from pytest_ftgate.looks import climbs
from pytest_ftgate.model.estimate import Decidability, Estimate, Need, add_needs
from pytest_ftgate.model.evalset import AS_IS, CANDIDATE
from pytest_ftgate.model.settings import Settings
from pytest_ftgate.model.trial import Plan, PlannedItem
from pytest_ftgate.needs import ENOUGH_LATENCIES, LATENCY_S, NeedCounter
from pytest_ftgate.planning.token_estimates import find_cap
from pytest_ftgate.precheck import check_plan
from pytest_ftgate.registry import Registries
from pytest_ftgate.statistics.decidable import find_decidable


def estimate_run(
    plan: Plan, items: Sequence[PlannedItem], settings: Settings, registries: Registries, *, together: bool
) -> Estimate:
    """What the selected items of a plan would take. Reads the response store, and asks nothing.

    `together`: one process runs the whole evalset, so that it may drop identical repeats and stop early.
    """
    counter = NeedCounter(plan, items, settings, registries, together=together)
    needs = counter.list_needs()
    is_whole = len(items) == len(plan.items) and plan.shard is None and plan.evalset.decision.enabled
    return Estimate(
        path=plan.evalset.path,
        needs=needs,
        shortest=_find_shortest(plan, needs)
        if climbs(plan, len(items), settings, together=together)
        else None,
        decidability=_find_decidability(counter) if is_whole else None,
        notes=tuple(_list_notes(counter, needs, is_whole=is_whole)),
        findings=check_plan(plan, registries) if is_whole else (),
    )


def check_caps(estimates: Sequence[Estimate], settings: Settings) -> tuple[list[str], list[str]]:
    """Sentences on the caps that the planned calls break in any case, and on those that they may reach."""
    total = add_needs(tuple(need for estimate in estimates for need in estimate.needs))
    max_cost, max_tokens = settings.max_cost_usd, settings.max_total_tokens
    tokens = (
        total.prompt_tokens[0] + total.completion_tokens[0],
        total.prompt_tokens[1] + total.completion_tokens[1],
    )
    broken, near = [], []
    if max_cost is not None and total.cost_usd is None:
        broken.append("--ftgate-max-cost needs the price of every model: give `price:` in the evalset")
    for name, cap, spent in (
        (f"--ftgate-max-cost {max_cost:g}" if max_cost is not None else "", max_cost, total.cost_usd),
        (f"--ftgate-max-tokens {max_tokens}", max_tokens, tokens),
    ):
        if cap is None or spent is None:
            continue
        if spent[0] > cap:
            broken.append(
                f"{name} is below the low end of what the run takes; raise it, or ask fewer arms or repeats"
            )
        elif spent[1] > cap:
            near.append(f"{name} may end the run early: the upper end is above it")
    return broken, near


def _note_further(plan: Plan) -> Iterator[str]:
    """What further repeats may add, which none of the needs has."""
    repeats = plan.evalset.decision.further_repeats
    if repeats:
        yield (
            f"where only recurrence keeps the verdict open, up to {MAX_CASES} cases an arm and "
            f"signature are asked {repeats} times more (at most {count_most_further(plan):,} calls a "
            "signature, in none of the figures); `decision: {further_repeats: 0}` asks none"
        )


def _find_shortest(plan: Plan, needs: Sequence[Need]) -> Need | None:
    kept = {AS_IS, "", *(gate.arm for gate in plan.evalset.gates)}
    if all(need.arm in kept for need in needs):
        return None
    return add_needs(tuple(need for need in needs if need.arm in kept), arm=AS_IS)


def _find_decidability(counter: NeedCounter) -> Decidability | None:
    items = counter.rungs.get((AS_IS, CANDIDATE))
    if not items:
        return None
    evalset = counter.plan.evalset
    repeats = 1 if counter.drops_repeats(items) else counter.plan.repeats
    judging = {case.id for case in evalset.judging_cases}
    count = sum(item.case in judging for item in items)
    if not count:
        return None
    return find_decidable(count, repeats, evalset.bar, alpha=evalset.decision.alpha)


def _list_notes(counter: NeedCounter, needs: Sequence[Need], *, is_whole: bool) -> Iterator[str]:
    evalset, survey = counter.plan.evalset, counter.survey
    if counter.settings.replay:
        yield "recorded answers are judged: no call"
    if survey.fault is not None:
        yield f"{survey.fault}: all is taken to be asked"
    asked = [need for need in needs if need.calls[1]]
    for model in dict.fromkeys(need.model for need in asked if need.cost_usd is None):
        yield f"price unknown of {model}: give `price:` beside `model:` in the evalset"
    unbound = [
        need for need in asked if need.role != "embedder" and find_cap(evalset.models[need.role]) is None
    ]
    for role in dict.fromkeys(need.role for need in unbound):
        longest = counter.longest_answer(role)
        yield f"{role} has no max_tokens: an answer may have {longest:,} tokens (high end)"
    for model in dict.fromkeys(need.model for need in asked):
        if len(survey.latencies_s.get(model, [])) < ENOUGH_LATENCIES:
            yield f"no stored latency of {model}: {LATENCY_S[0]:g} to {LATENCY_S[1]:g} s a call are assumed"
    if any(counter.drops_repeats(items) for items in counter.rungs.values()):
        yield "temperature 0: repeats are left out where the first ones are identical (low end)"
    if counter.schedules:
        yield (
            f"{', '.join(counter.schedules)} may stop as soon as proven at the bar (low end); "
            "--ftgate-exhaustive asks all"
        )
    if (
        climbs(counter.plan, len(counter.plan.items), counter.settings, together=counter.together)
        and is_whole
    ):
        yield from _note_further(counter.plan)
    if not is_whole:
        yield "a part of the evalset, or `decision: off`: no verdict"
