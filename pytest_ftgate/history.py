"""What a run adds to the history, and what that says to a run: how many prompts were tried before it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_ftgate import __version__
from pytest_ftgate.model.evalset import Case, Evalset, GraderSpec, Json
from pytest_ftgate.model.history import HistoryArm, HistoryEntry, HistoryRun, PatternCount, Prompt, Tally
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.summary import Finding, Summary
from pytest_ftgate.model.trial import Plan
from pytest_ftgate.model.verdict import Judgement
from pytest_ftgate.planning.fingerprint import digest, digest_long
from pytest_ftgate.statistics.arms import find_quantile
from pytest_ftgate.statistics.optimism import FEW, MANY, estimate_optimism
from pytest_ftgate.statistics.splits import keep_judging
from pytest_ftgate.statistics.tallies import Counts
from pytest_ftgate.storage.history_reading import list_tried

_DRAFTS = {"as_is": "prompt"}
"""The evalset's own prompt and the prompts of further arms are drafts of one thing."""

_NO_PROMPT = "repair"
"""Reads the answers of another arm again."""

_MAX_EVALSETS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOf:
    """The run that an entry is of. `revision` and `dirty`: the state of the checkout, if any."""

    run: str
    at: str
    revision: str | None = None
    dirty: bool = False


def name_run(header: Mapping[str, Any]) -> RunOf:
    """The run of a report's header."""
    git = header.get("git") or {}
    return RunOf(
        run=header["run"],
        at=header["started_at"],
        revision=git.get("revision"),
        dirty=bool(git.get("dirty")),
    )


def describe_entry(
    run: RunOf, plan: Plan, summary: Summary, judgement: Judgement, records: Iterable[Record]
) -> HistoryEntry | None:
    """What the run adds; None where none of its answers is fresh.

    Only answers that this run got from a model count: one that a store or a recording gave was measured
    before.
    """
    fresh = [record for record in records if not record.cached and not record.is_unanswered]
    if not fresh:
        return None
    evalset = plan.evalset
    is_dev = summary.split is not None and summary.split.shown == "dev"
    # Dev and the cases that judge are two sets: a prompt that was tried on one was not tried on the other.
    hashes = hash_cases(evalset)
    cases = [case for case in evalset.cases if case.judges is not is_dev]
    fresh = [*keep_judging(evalset, fresh, partial=summary.partial)]
    return HistoryEntry(
        run=HistoryRun(
            run=run.run,
            evalset=evalset.name,
            path=evalset.path,
            at=run.at,
            verdict=judgement.verdict.decision,
            bar=summary.bar,
            cases=len(cases),
            revision=run.revision,
            dirty=run.dirty,
            is_partial=summary.partial,
        ),
        cases={hashes[case.id]: _hash_group(case) for case in cases},
        arms=tuple(_describe_arms(plan, summary, fresh)),
        gates=judgement.gates,
        prompts=tuple(sorted(list_prompts(plan, fresh))),
    )


def hash_cases(evalset: Evalset) -> Mapping[str, int]:
    """Case id → 64 bits of what the case asks and expects; its id does not count.

    Whatever ends a run needs them: they are kept of the evalsets that were asked for last.
    """
    known = _hashes.get(id(evalset))
    if known is None or known[0] is not evalset:
        if len(_hashes) >= _MAX_EVALSETS:
            _hashes.clear()
        known = _hashes[id(evalset)] = (evalset, {case.id: _hash_case(case) for case in evalset.cases})
    return known[1]


_hashes: dict[int, tuple[Evalset, dict[str, int]]] = {}


def _hash_case(case: Case) -> int:
    asked = [case.input, case.messages, case.vars, case.context, case.tools, case.has_expected, case.expected]
    return _shorten(digest(asked))


def list_prompts(plan: Plan, records: Iterable[Record]) -> set[Prompt]:
    """The prompts of the plan that some record was judged by."""
    judged = {record.key.arm for record in records if record.is_judged}
    return {
        Prompt(_DRAFTS.get(arm.kind, arm.kind), digest_prompt(plan, arm.name))
        for arm in plan.arms
        if arm.name in judged and arm.kind != _NO_PROMPT
    }


def count_tried(prompts: Iterable[Prompt]) -> int:
    """How many drafts of one thing there are, of that of which there are most.

    The arms of one run are corrected for as such; drafts that followed each other are not.
    """
    return max(Counter(prompt.kind for prompt in prompts).values(), default=0)


def note_prompts(plan: Plan, records: Sequence[Record], history: Path) -> tuple[Finding, ...]:
    """What it means for the verdict how many prompts were tried on the cases that judge, this run's included.

    Raises StorageError where the history cannot be read.
    """
    hashes = hash_cases(plan.evalset)
    cases = {hashes[case.id] for case in plan.evalset.judging_cases}
    return explain_prompts(
        plan, list_tried(history, cases) | list_prompts(plan, keep_judging(plan.evalset, records))
    )


def explain_prompts(plan: Plan, tried: Collection[Prompt]) -> tuple[Finding, ...]:
    """The note on prompts that were tuned on the cases that judge them (STATISTICS 4 (c))."""
    count, cases = count_tried(tried), len(plan.evalset.judging_cases)
    if count <= FEW or not cases:
        return ()
    gain = 100 * estimate_optimism(count, cases)
    needs_fresh = count > MANY
    need = "; a verdict needs a fresh held-out split" if needs_fresh else ""
    return (
        Finding(
            rule="tuned-on-cases",
            severity="warning" if needs_fresh else "note",
            what=f"tuned on the test set: {count} prompts were tried on these {cases} cases, so the best of "
            f"them looks better than it is: optimism ~ +{gain:.1f} points{need}",
            remedy="judge the chosen prompt once on cases that no prompt was chosen by (mark those that you "
            "look at `split: dev`)",
        ),
    )


# -- the arms -------------------------------------------------------------------------------------


def _describe_arms(plan: Plan, summary: Summary, fresh: Sequence[Record]) -> Iterable[HistoryArm]:
    hashes = hash_cases(plan.evalset)
    confirmed = {pattern.signature for pattern in summary.patterns.confirmed}
    requests: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for item in plan.items:
        requests[item.arm, item.role].update([trial.request_hash for trial in item.trials])
    graders = digest(_plain_graders(plan))
    counts: defaultdict[tuple[str, str], Counts] = defaultdict(Counts)
    for record in fresh:
        counts[record.key.arm, record.key.role].add_outcome(record)
    kinds = {arm.name: arm.kind for arm in plan.arms}
    for (arm, role), counted in counts.items():
        records = [record for record in fresh if (record.key.arm, record.key.role) == (arm, role)]
        latencies = sorted(record.latency_s for record in records if record.latency_s is not None)
        costs = [record.cost_usd for record in records if record.cost_usd is not None]
        usages = [record.usage for record in records if record.usage is not None]
        model = plan.evalset.models.get(role)
        yield HistoryArm(
            arm=arm,
            role=role,
            setup=digest_long(
                [__version__, kinds[arm], sorted(requests[arm, role]), graders, sorted(hashes.values())]
            ),
            prompt=digest_prompt(plan, arm),
            requested=model.model if model is not None else "",
            models=tuple(sorted({record.model for record in records if record.model})),
            fingerprints=tuple(sorted({r.system_fingerprint for r in records if r.system_fingerprint})),
            answered=len(records),
            priced=len(costs),
            metered=len(usages),
            cost_usd=sum(costs),
            prompt_tokens=sum(usage.prompt_tokens for usage in usages),
            completion_tokens=sum(usage.completion_tokens for usage in usages),
            latency_p50_s=find_quantile(latencies, 0.5),
            latency_p95_s=find_quantile(latencies, 0.95),
            tallies=_list_tallies(counted, hashes),
            patterns=_count_patterns(records, confirmed),
        )


def _list_tallies(counts: Counts, hashes: Mapping[str, int]) -> dict[int, Tally]:
    """Cases that ask and expect the same are one."""
    tallies: dict[int, Tally] = {}
    for case, graded in counts.graded.items():
        known = tallies.get(hashes[case], Tally(0, 0))
        tallies[hashes[case]] = Tally(
            known.graded + graded,
            known.passed + counts.passed.get(case, 0),
            known.format_failed + counts.format_failed.get(case, 0),
        )
    return tallies


def _count_patterns(records: Iterable[Record], confirmed: Collection[str]) -> dict[str, PatternCount]:
    cases: defaultdict[str, list[str]] = defaultdict(list)
    for record in records:
        if record.outcome == "failed" and record.signature is not None:
            cases[record.signature].append(record.key.case)
    return {
        signature: PatternCount(len(found), len(set(found)), signature in confirmed)
        for signature, found in cases.items()
    }


def digest_prompt(plan: Plan, arm: str) -> str:
    """Of the prompt as it is written: its templates and what the arm adds to them, whoever is asked."""
    spec = plan.evalset.arm(arm)
    return digest([plan.evalset.prompt if spec.prompt is None else spec.prompt, spec.options])


def _plain_graders(plan: Plan) -> Json:
    """All graders, those of the cases as they are rendered."""
    evalset = plan.evalset
    own = {case.id: plain_specs(plan.graders[case.id]) for case in evalset.cases if case.graders}
    return [plain_specs(evalset.graders), own]


def plain_specs(specs: Sequence[GraderSpec]) -> Json:
    """Graders as JSON, without where they are written."""
    return [[spec.label, spec.has_value, spec.value, spec.options] for spec in specs]


def _hash_group(case: Case) -> int | None:
    return None if case.group is None else _shorten(digest(case.group))


def _shorten(hexadecimal: str) -> int:
    """64 bits of a digest, as SQLite keeps them: signed."""
    return int.from_bytes(bytes.fromhex(hexadecimal[:16]), signed=True)
