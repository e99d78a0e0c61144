"""Runs the items of plans: asks the engine ahead of need, climbs the ladder, judges the answers.

It is driven by one caller that finishes items in order; all its decisions (which arm is not needed,
which repeats are identical) depend on answers alone, never on timing, so any two runs agree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from pytest_ftgate.evalset_run import UNSUPPORTED, EvalsetRun, count_sharing
from pytest_ftgate.execution.engine import Engine
from pytest_ftgate.execution.recorded_provider import ResponseRecorder
from pytest_ftgate.further_repeats import list_further_trials
from pytest_ftgate.grading.apply import judge_trial
from pytest_ftgate.looks import climbs, plan_looks
from pytest_ftgate.model.evalset import AS_IS, CANDIDATE
from pytest_ftgate.model.quickly_made import quickly_made
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.response import Answer, Failure, Response, SchemaEnforced
from pytest_ftgate.model.run import Looks
from pytest_ftgate.model.settings import Settings
from pytest_ftgate.model.trial import Plan, PlannedItem, Trial, TrialKey
from pytest_ftgate.pipeline import find_chosen_proven, summarise_run
from pytest_ftgate.planning.probe import Probe, build_probe, has_form, read_probes
from pytest_ftgate.precheck import check_plan
from pytest_ftgate.registry import Registries
from pytest_ftgate.rungs import IDENTICAL_CASES, Rung
from pytest_ftgate.serving import Asker, price_answer

__all__ = ("IDENTICAL_CASES", "PROBE_CASE", "UNSUPPORTED", "ItemResult", "Runner", "is_gated")

PROBE_CASE = "ftgate-probe"

_NOT_REPLAYED = frozenset(("infra:not_recorded", "infra:stale"))


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class ItemResult:
    """What an item came to. `dropped`: trials left out because repeats are identical.

    `not_needed`: why the item did not have to run; there are no records then. `unsupported`: its arm could
    not, for the vendor refuses its response format. `looks` > 0: its arm could be stopped at that many
    looks, the end included. `stopped_at`: the look at which it was, before this item; `left_out`: trials
    of the item that were not run for that reason. `probe`: what the probe of the arm's form showed.
    `further`: with the last item of an evalset, records of repeats beyond the plan.
    """

    records: tuple[Record, ...] = ()
    dropped: int = 0
    not_needed: str | None = None
    unsupported: bool = False
    looks: int = 0
    stopped_at: int | None = None
    left_out: int = 0
    probe: str = ""
    further: tuple[Record, ...] = ()


class Runner:
    """Finishes items of the plans it was given; the engine works ahead of it."""

    def __init__(
        self,
        settings: Settings,
        registries: Registries,
        engine: Engine,
        *,
        resign: Callable[[Record], str | None] | None = None,
        recorder: ResponseRecorder | None = None,
        forgets: bool = False,
    ) -> None:
        """`forgets`: nobody reads in the plans what was asked, once it needs not be asked again."""
        self.settings, self.registries, self.engine = settings, registries, engine
        self.resign, self.recorder, self.forgets = resign, recorder, forgets
        self._asker = Asker(engine, registries)
        engine.on_answer = self._asker.hear
        self.runs: dict[str, EvalsetRun] = {}
        self._answers: dict[TrialKey, Answer] = {}
        self._probes: dict[tuple[str, str], tuple[SchemaEnforced, str]] = {}

    def add(
        self,
        plan: Plan,
        items: Sequence[PlannedItem],
        *,
        together: bool,
        looks: Mapping[tuple[str, str], Looks] | None = None,
    ) -> None:
        """Take the selected items of a plan, in the order in which they will be finished.

        `looks`: how the arms were watched by a run whose answers are judged again; none is stopped now, and
        the run itself has dropped what repeats were identical.
        """
        run = EvalsetRun(
            plan=plan,
            together=together,
            climbs=climbs(plan, len(items), self.settings, together=together),
            left=len(items),
            cases={case.id: case for case in plan.evalset.cases},
            sharing=count_sharing(items) if self.forgets else {},
        )
        must_pass = frozenset(case.id for case in plan.evalset.cases if case.must_pass)
        schedules = plan_looks(plan, len(items), self.settings, together=together) if looks is None else {}
        for item in items:
            key = item.arm, item.role
            if key not in run.rungs:
                run.rungs[key] = Rung(
                    plan=plan,
                    arm=item.arm,
                    role=item.role,
                    climbs=run.climbs,
                    drops=not self.settings.exhaustive and plan.shard is None and looks is None,
                    schedule=schedules.get(item.arm),
                    must_run=must_pass if is_gated(plan, *key) else frozenset(),
                    looks=(looks or {}).get(key),
                )
            run.rungs[key].items.append(item)
        self.runs[plan.evalset.name] = run
        self._asker.add(plan)

    def close(self) -> None:
        """Ask no more; may be called again."""
        self.engine.close()
        self._asker.close()

    def finish(self, item: PlannedItem) -> ItemResult:
        """Wait for the item's answers and judge them; after the last one ask further repeats."""
        run = self.runs[item.evalset]
        result = self._finish(run, item)
        run.dropped[item.arm, item.role] += result.dropped
        run.left -= 1
        if self.forgets and len(result.records) == len(item.trials) and _is_settled(run, result):
            run.forget(item)
        return result if run.left or not run.climbs else replace(result, further=self._ask_further(run))

    def _finish(self, run: EvalsetRun, item: PlannedItem) -> ItemResult:
        self.prefetch(item)
        self._open(run, item.arm)
        if item.arm in run.not_needed:
            return ItemResult(not_needed=run.not_needed[item.arm])
        rung = run.rungs[item.arm, item.role]
        if rung.enforced == "unsupported":
            return self._leave_out(item, rung)
        rung.settle_repeats(self.engine.submit, self._answer)
        kept = rung.keep_trials(item)
        looks = rung.schedule.looks if rung.schedule else 0
        stopped_at = rung.looks.look if rung.looks and rung.is_stopped and looks else None
        dropped = len(item.trials) - len(kept)
        make = partial(ItemResult, dropped=dropped, looks=looks, stopped_at=stopped_at, probe=rung.probe)
        if stopped_at is not None and item.case not in rung.must_run:
            rung.book(item.case, (), self.engine.submit)
            return make(not_needed=f"not needed: {rung.why_proven}", left_out=len(kept))
        records = tuple(self._judge(run, rung, trial) for trial in kept)
        rung.book(item.case, records, self.engine.submit)
        return make(records=records)

    def _ask_further(self, run: EvalsetRun) -> tuple[Record, ...]:
        records = [record for rung in run.rungs.values() for record in rung.records]
        summary = summarise_run(run.plan, records, run.describe_facts(), (), listed=1)
        trials = list_further_trials(run.plan, records, summary, self.registries)
        if not trials or any(finding.blocks for finding in check_plan(run.plan, self.registries)):
            return ()
        return self._judge_further(run.plan.evalset.name, trials)

    def _judge_further(self, evalset: str, trials: Sequence[Trial]) -> tuple[Record, ...]:
        """Ask trials beyond the plan, and judge the answers; that a recording lacks them is no gap."""
        run = self.runs[evalset]
        self.engine.submit(trials)
        records = (self._judge(run, run.rungs[trial.key.arm, trial.key.role], trial) for trial in trials)
        return tuple(record for record in records if record.signature not in _NOT_REPLAYED)

    def prefetch(self, item: PlannedItem) -> None:
        """Ask for one item, where other processes finish parts of its evalset."""
        run = self.runs[item.evalset]
        if not run.together and (item.arm, item.role, item.case) not in run.asked:
            run.asked.add((item.arm, item.role, item.case))
            self.engine.submit(item.trials)

    # -- the ladder ---------------------------------------------------------------------------

    def _open(self, run: EvalsetRun, arm: str) -> None:
        if arm in run.opened:
            return
        run.opened.add(arm)
        reason = self._why_not_needed(run, arm)
        if reason:
            run.not_needed[arm] = reason
            return
        for rung in run.rungs.values():
            if rung.arm == arm:
                rung.enforced, rung.probe = self._probe_form(rung)
                if run.together and rung.enforced != "unsupported":
                    rung.open(self.engine.submit)

    def _why_not_needed(self, run: EvalsetRun, arm: str) -> str | None:
        gated = {gate.arm for gate in run.plan.evalset.gates}
        if not run.climbs or arm in gated:
            return None
        if chosen := self._find_chosen(run, arm):
            return f"not needed: {chosen}, chosen on dev, is proven at the bar on holdout"
        for rung in run.rungs.values():
            if rung.arm == arm:
                return None
            if rung.role == CANDIDATE and rung.is_proven and not run.is_oracle_of(rung.arm, arm):
                return f"not needed: {rung.why_proven}"
        return None

    def _find_chosen(self, run: EvalsetRun, arm: str) -> str | None:
        """With `split: dev`, before question 2: the prompt that dev chose, where it is proven at the bar.

        Before that all prompts are asked: which one is chosen is known once they are all in.
        """
        if not run.plan.evalset.dev_cases or not run.is_question_2(arm):
            return None
        prompts = [rung for rung in run.rungs.values() if not run.is_question_2(rung.arm)]
        return find_chosen_proven(run.plan, [record for rung in prompts for record in rung.records])

    # -- what is asked ------------------------------------------------------------------------

    def _probe_form(self, rung: Rung) -> tuple[SchemaEnforced | None, str]:
        trial = rung.items[0].trials[0]
        if not has_form(trial):
            return None, ""
        if self.settings.replay:
            self.engine.submit([trial])
            return ("unsupported" if _is_unsupported(self._answer(trial)) else None), ""
        probes = build_probe(trial, case=PROBE_CASE)
        # What one server, format or set of params enforces says nothing of another.
        asked = "".join(probe.trial.request_hash for probe in probes), repr(trial.request.params)
        if asked not in self._probes:
            self._probes[asked] = self._run_probe(probes)
        return self._probes[asked]

    def _run_probe(self, probes: Sequence[Probe]) -> tuple[SchemaEnforced, str]:
        self.engine.submit(probe.trial for probe in probes)
        return read_probes([(probe, self.engine.wait(probe.trial.key)) for probe in probes])

    def _leave_out(self, item: PlannedItem, rung: Rung) -> ItemResult:
        for trial in item.trials:
            if self.recorder is not None and trial.source_arm is None:
                self.recorder.add(trial, UNSUPPORTED)
        return ItemResult(not_needed=UNSUPPORTED.message, unsupported=True, probe=rung.probe)

    # -- answers ------------------------------------------------------------------------------

    def _answer(self, trial: Trial) -> Answer:
        if trial.key not in self._answers:
            self._answers[trial.key] = self.engine.wait(trial.key)
        return self._answers[trial.key]

    def _judge(self, run: EvalsetRun, rung: Rung, trial: Trial) -> Record:
        plan = run.plan
        answer = self._answer(trial)
        del self._answers[trial.key]
        served = self._asker.serve(trial, answer)
        answer = price_answer(answer, plan.evalset.models.get(rung.role))
        if rung.enforced is not None and isinstance(answer, Response):
            answer = replace(answer, schema_enforced=rung.enforced)
        if self.recorder is not None:
            for each, reply in ((trial, answer), *served.asked):
                self.recorder.add(each, reply)
        case = run.cases[trial.key.case]
        record = judge_trial(
            trial,
            answer,
            case,
            plan.graders[case.id],
            self.registries,
            evalset=plan.evalset,
            replies=served.replies,
            max_output_chars=self.settings.max_output_chars,
        )
        if served.asked:
            record = replace(record, serving_cost_usd=served.cost_usd, serving_attempts=served.attempts)
        signature = self.resign(record) if self.resign and record.outcome == "failed" else None
        return replace(record, signature=signature) if signature else record


def _is_settled(run: EvalsetRun, result: ItemResult) -> bool:
    """Whether nothing of an item will be asked again, as cases that failed may be at the end of a ladder."""
    return not run.climbs or all(record.outcome == "passed" for record in result.records)


def _is_unsupported(answer: Answer) -> bool:
    return isinstance(answer, Failure) and answer.signature == UNSUPPORTED.signature


def is_gated(plan: Plan, arm: str, role: str) -> bool:
    """Whether a gate other than `complete` reads this arm and role; without any, `as_is` counts."""
    gates = [gate for gate in plan.evalset.gates if gate.name != "complete"]
    read = {(gate.arm, gate.role) for gate in gates} or {(AS_IS, CANDIDATE)}
    return (arm, role) in read
