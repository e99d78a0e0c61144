"""The metrics of the history: what a group of runs measured together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import fsum
from typing import TypeAlias

from pytest_ftgate.errors import SettingsError, suggest
from pytest_ftgate.model.evalset import Json
from pytest_ftgate.model.history import StoredArm, Tally
from pytest_ftgate.model.verdict import GateResult
from pytest_ftgate.statistics.drift import pool_runs
from pytest_ftgate.statistics.rates import measure_rate
from pytest_ftgate.storage.history_reading import HistoryReader

Group: TypeAlias = Sequence[StoredArm]
Tallies: TypeAlias = Mapping[int, Mapping[int, Tally]]

RATES: Mapping[str, Callable[[Tally], int]] = {
    "accuracy": lambda tally: tally.passed,
    "format_failures": lambda tally: tally.format_failed,
}
NUMBERS = ("latency_p50_s", "latency_p95_s", "cost_usd_per_1k_cases", "prompt_tokens", "completion_tokens")
LISTS = ("gates", "patterns")
PATTERN = "pattern:"
METRICS = (*RATES, *NUMBERS, *LISTS, f"{PATTERN}SIGNATURE")

_ALPHA = 0.05


def check_metric(metric: str) -> None:
    """Raise SettingsError for a metric that there is not."""
    if metric not in METRICS[:-1] and not metric.startswith(PATTERN):
        raise SettingsError(f"--metric {metric!r} is not known.{suggest(metric, METRICS)}")


def measure(reader: HistoryReader, groups: Sequence[Group], metric: str) -> list[dict[str, Json]]:
    """For each group its value; rates with their 95 % interval."""
    numbers = [arm.id for group in groups for arm in group]
    if metric == "gates":
        gates = reader.read_gates(numbers)
        return [{"gates": [_plain(gate) for gate in gates[group[-1].id]]} for group in groups]
    if metric in NUMBERS:
        return [{"value": _measure_number(group, metric)} for group in groups]
    tallies = reader.read_tallies(numbers)
    if metric in RATES:
        clusters = {split: reader.read_clusters(split) for split in {arm.split for g in groups for arm in g}}
        return [_measure_rate(group, tallies, clusters[group[-1].split], RATES[metric]) for group in groups]
    return _measure_patterns(reader, groups, tallies, metric)


def _plain(gate: GateResult) -> dict[str, Json]:
    return {"name": gate.name, "outcome": gate.outcome, "value": gate.value, "limit": gate.limit}


def _measure_rate(
    group: Group, tallies: Tallies, clusters: Mapping[int, int], count: Callable[[Tally], int]
) -> dict[str, Json]:
    """Over all answers of the group: what a further run of the same thing gave are further repeats."""
    pooled = pool_runs([tallies[arm.id] for arm in group])
    rate = measure_rate(
        {str(case): count(tally) for case, tally in pooled.items()},
        {str(case): tally.graded for case, tally in pooled.items()},
        {str(case): str(cluster) for case, cluster in clusters.items()},
        alpha=_ALPHA,
    )
    return {
        "value": rate.value, "low": rate.low, "high": rate.high, "cases": rate.cases, "trials": rate.graded,
    }  # fmt: skip


def _measure_number(group: Group, metric: str) -> float | None:
    """A mean over answers; of latencies the mean of the runs' quantiles, by their answers."""
    measured = [arm.measured for arm in group]
    if metric == "cost_usd_per_1k_cases":
        priced = sum(arm.priced for arm in measured)
        return 1000 * fsum(arm.cost_usd for arm in measured) / priced if priced else None
    if metric in ("prompt_tokens", "completion_tokens"):
        metered = sum(arm.metered for arm in measured)
        return sum(getattr(arm, metric) for arm in measured) / metered if metered else None
    known = [(getattr(arm, metric), arm.answered) for arm in measured if getattr(arm, metric) is not None]
    weight = sum(answered for _, answered in known)
    return fsum(value * answered for value, answered in known) / weight if weight else None


def _measure_patterns(
    reader: HistoryReader, groups: Sequence[Group], tallies: Tallies, metric: str
) -> list[dict[str, Json]]:
    """The share of judged trials that failed by each signature, most frequent first; or by one of them."""
    patterns = reader.read_patterns(list(tallies))
    found: list[dict[str, Json]] = []
    for group in groups:
        graded = sum(tally.graded for arm in group for tally in tallies[arm.id].values())
        counts: dict[str, int] = {}
        confirmed: set[str] = set()
        for arm in group:
            for signature, count in patterns[arm.id].items():
                counts[signature] = counts.get(signature, 0) + count.trials
                if count.reproducible:
                    confirmed.add(signature)
        if metric.startswith(PATTERN):
            hits = counts.get(metric.removeprefix(PATTERN), 0)
            found.append({"value": hits / graded if graded else None, "trials": graded})
            continue
        ranked = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
        shares = [
            {"signature": s, "trials": n, "share": n / max(graded, 1), "reproducible": s in confirmed}
            for s, n in ranked
        ]
        found.append({"patterns": shares, "trials": graded})
    return found
