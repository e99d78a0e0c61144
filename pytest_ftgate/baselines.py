"""What a run is as a baseline, and a run held against one."""

from __future__ import annotations

import inspect
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pytest_ftgate import __version__
from pytest_ftgate.decision.completeness import describe_gaps, describe_selection
from pytest_ftgate.history import digest_prompt, hash_cases, plain_specs
from pytest_ftgate.model.baseline import (
    BASELINE,
    Baseline,
    BaselineArm,
    BaselineCase,
    CaseOutcome,
    NamedBaseline,
)
from pytest_ftgate.model.comparison import AgainstBaseline
from pytest_ftgate.model.evalset import Case, GateSpec, GraderSpec, Json, ModelSpec
from pytest_ftgate.model.lazily import Lazily
from pytest_ftgate.model.record import Record
from pytest_ftgate.model.summary import ArmSummary, Summary
from pytest_ftgate.model.trial import Plan
from pytest_ftgate.planning.fingerprint import TRANSPORT_PARAMS, digest
from pytest_ftgate.planning.texts import case_text, json_text
from pytest_ftgate.registry import Registries
from pytest_ftgate.statistics.baseline_pairs import compare_baselines
from pytest_ftgate.statistics.tallies import set_aside, set_further_aside

MAX_TEXT = 600
"""Characters of an input, an expected output or an answer that are kept to be shown."""

MAX_ALL_TEXTS = 4_000_000
"""Characters of all texts together; where there are many, less is kept of each."""

MIN_TEXT = 40
SERIES = ".".join(__version__.split(".")[:2])
"""Releases of one series grade alike."""

COMPARING = ("no_regression", "collapse")
"""Gates that can hold a run against a baseline."""

HASH_CHARS = 16


def hold_against(
    plan: Plan, records: Sequence[Record], summary: Summary, named: NamedBaseline, registries: Registries
) -> AgainstBaseline:
    """The run of an evalset against a baseline, or why there is none."""
    if named.baseline is None:
        return AgainstBaseline(name=named.name, found=False, why=named.why, is_required=named.is_required)
    now = describe_baseline(plan, records, summary, registries)
    # Looked at again and again: made once.
    arms = tuple(replace(arm, cases=dict(arm.cases)) for arm in now.arms)
    now = replace(now, cases=dict(now.cases), arms=arms)
    return AgainstBaseline(
        name=named.name, is_required=named.is_required, pairs=compare_baselines(now, named.baseline)
    )


def describe_baseline(
    plan: Plan, records: Sequence[Record], summary: Summary, registries: Registries
) -> Baseline:
    """What a run of an evalset is as a baseline; the same whatever the order of the records.

    Its cases and their outcomes are described when they are looked at.
    """
    evalset = plan.evalset
    cases = {case.id: case for case in evalset.cases}
    arms = [arm for arm in summary.arms if arm.status == "run" and arm.tallies]
    judged = _sort_judged(plan, records, summary)
    room = _find_room(len(evalset.cases), sum(map(len, judged.values())))
    hashes = hash_cases(evalset)
    digests: dict[int, str] = {}
    counts: Counter[str] = Counter()
    for specs in plan.graders.values():
        if id(specs) not in digests:
            digests[id(specs)] = _digest_graders(specs, evalset.models, registries)
        counts[digests[id(specs)]] += 1
    return Baseline(
        evalset=evalset.name,
        path=evalset.path,
        bar=summary.bar,
        alpha=evalset.decision.alpha,
        graded_by=SERIES,
        graders=min(counts, key=lambda each: (-counts[each], each), default=""),
        gaps=find_gaps(summary),
        tied_to_prompt=summary.tied_to_prompt,
        gates=tuple(gate for gate in evalset.gates if reads_baseline(gate, evalset.models)),
        cases=Lazily(
            cases,
            lambda name: _describe_case(cases[name], hashes[name], digests[id(plan.graders[name])], room),
        ),
        arms=tuple(_describe_arm(plan, summary, arm, judged[arm.arm, arm.role], room) for arm in arms),
    )


def find_gaps(summary: Summary) -> str:
    """Why a run is no whole run of its evalset; '' where it is one."""
    if summary.partial:
        return describe_selection(summary)
    return "; ".join(describe_gaps(summary))


def reads_baseline(gate: GateSpec, roles: Iterable[str]) -> bool:
    """Whether a gate holds the run against a baseline: stated, or for want of a role `base`."""
    if gate.name not in COMPARING:
        return False
    stated = gate.options.get("against")
    return stated == BASELINE if stated is not None else "base" not in roles


def _find_room(cases: int, outcomes: int) -> int:
    """Characters for each text; 0 where so little is left that nothing could be read."""
    room = min(MAX_TEXT, MAX_ALL_TEXTS // max(1, 2 * cases + outcomes))
    return room if room >= MIN_TEXT else 0


# -- cases ----------------------------------------------------------------------------------------


def _describe_case(case: Case, hashed: int, graders: str, room: int) -> BaselineCase:
    return BaselineCase(
        id=case.id,
        hash=f"{hashed % 2**64:016x}",
        graders=graders,
        input=_cut(case_text(case), room),
        expected=_cut(json_text(case.expected), room) if case.has_expected else None,
        group=case.group,
        tags=case.tags,
        is_dev=case.split == "dev",
    )


def _digest_graders(
    specs: Sequence[GraderSpec], models: Mapping[str, ModelSpec], registries: Registries
) -> str:
    """Of the graders as written, the code of those that are not ours, and the models that they ask."""
    told: list[Json] = [plain_specs(specs)]
    for spec in specs:
        part = registries.graders.get(spec.name) if spec.name in registries.graders else None
        told.append(_describe_code(part))
        named = (spec.value, spec.options.get("value"), spec.options.get("transform"))
        functions = [n for n in named if isinstance(n, str) and n in registries.functions]
        told += [_describe_code(registries.functions.get(name)) for name in functions]
        model = models.get(getattr(part, "role", ""))
        if model is not None:
            told.append([model.model, plain_params(model)])
    return digest(told)[:HASH_CHARS]


def _describe_code(part: Any) -> str:
    """A part's own `version`, else its source; '' for ours, whose version is that of the package."""
    kind = part if inspect.isroutine(part) or inspect.isclass(part) else type(part)
    if part is None or (kind.__module__ or "").split(".")[0] == "pytest_ftgate":
        return ""
    version = getattr(part, "version", None)
    if version is not None:
        return str(version)
    try:
        return digest(inspect.getsource(kind))
    except (OSError, TypeError):
        return ""


def plain_params(model: ModelSpec) -> dict[str, Json]:
    """The params of a model that say what is asked, not where."""
    return {key: value for key, value in model.params.items() if key not in TRANSPORT_PARAMS}


# -- arms -----------------------------------------------------------------------------------------


def _sort_judged(
    plan: Plan, records: Sequence[Record], summary: Summary
) -> Mapping[tuple[str, str], Mapping[str, list[Record]]]:
    """The records that count in a rate, by arm and role, then by case."""
    looks = {(arm.arm, arm.role): arm.looks for arm in summary.arms if arm.looks is not None}
    judged: defaultdict[tuple[str, str], dict[str, list[Record]]] = defaultdict(dict)
    for record in set_further_aside(set_aside(records, looks), plan.repeats):
        if record.is_judged:
            judged[record.key.arm, record.key.role].setdefault(record.key.case, []).append(record)
    return judged


def _describe_arm(
    plan: Plan, summary: Summary, arm: ArmSummary, judged: Mapping[str, list[Record]], room: int
) -> BaselineArm:
    model = plan.evalset.models.get(arm.role) or ModelSpec(model="")
    told = {record.system_fingerprint for records in judged.values() for record in records}
    looks = arm.looks
    return BaselineArm(
        arm=arm.arm,
        role=arm.role,
        kind=arm.kind,
        question=arm.question,
        model=model.model,
        models=tuple(summary.resolved_models.get(arm.role, ())),
        fingerprints=tuple(sorted(each for each in told if each is not None)),
        # As JSON has them: a baseline that was read back must be equal.
        params=json.loads(json.dumps(plain_params(model), default=str)),
        prompt=digest_prompt(plan, arm.arm)[:HASH_CHARS],
        has_form=arm.format_failures is not None,
        repeats=arm.repeats,
        look=looks.look if looks else 0,
        looks=looks.looks if looks else 0,
        cost_usd_per_1k_cases=arm.cost_usd_per_1k_cases,
        cases=Lazily(judged, lambda case: _describe_outcome(judged[case], room)),
    )


def _describe_outcome(records: Sequence[Record], room: int) -> CaseOutcome:
    passed = [record for record in records if record.outcome == "passed"]
    failed = [record for record in records if record.outcome == "failed"]
    usual = passed if 2 * len(passed) > len(records) else failed
    shown = min(usual, key=lambda record: record.key.repeat, default=None)
    return CaseOutcome(
        graded=len(records),
        passed=len(passed),
        failures=Counter([record.signature for record in failed if record.signature is not None])
        if failed
        else {},
        answer=None if shown is None else _read_answer(shown, room),
    )


def _read_answer(record: Record, room: int) -> str | None:
    output, calls = record.output, record.tool_calls
    if calls:
        told = "\n".join(f"{call.name}({call.arguments})" for call in calls)
        output = f"{output}\n{told}" if output else told
    return None if output is None else _cut(output, room)


def _cut(text: str, room: int) -> str | None:
    if not room:
        return None
    if len(text) <= room:
        return text
    return f"{text[:room]}... ({len(text) - room:,} more characters)"
