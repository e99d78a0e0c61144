"""Joins the stages before a run: file → evalset → plan. Knows no pytest.

Apart from what judges a run: that takes longer to import than most evalsets to plan, and nobody who only
collects has a use for it.
"""

from __future__ import annotations

from pathlib import Path

from pytest_ftgate.collector import paused_collector
from pytest_ftgate.decision.feasibility import infeasible_gates
from pytest_ftgate.errors import EvalsetError
from pytest_ftgate.loading.evalset_file import load_evalset
from pytest_ftgate.loading.lines import add_lines
from pytest_ftgate.model.evalset import Evalset, Location
from pytest_ftgate.model.settings import Settings
from pytest_ftgate.model.trial import Plan
from pytest_ftgate.plan_stamp import PlanStamp
from pytest_ftgate.planning.arm_trials import Embedder
from pytest_ftgate.planning.plan import build_plan
from pytest_ftgate.registry import Registries
from pytest_ftgate.vector_source import VectorSource


def load_plan(
    path: Path,
    settings: Settings,
    registries: Registries,
    *,
    cache: Path | None = None,
    embedder: Embedder | None = None,
    is_listing: bool = False,
) -> Plan:
    """The plan of the evalset at `path`. Raises EvalsetError with all problems found.

    `cache`: where large evalsets are kept as read. `embedder` None: vectors of documents come from where they
    cost nothing. `is_listing`: only the items are wanted; the trials of most may be those of another case.
    """
    with paused_collector():
        evalset = load_evalset(
            path,
            Path(settings.rootdir),
            registries,
            allow_outside=settings.allow_outside_files,
            cache=cache,
        )
        stamp = PlanStamp(cache, evalset, settings, registries) if cache else None
        is_listing = is_listing and stamp is not None and stamp.holds()
        try:
            plan = _plan(
                evalset, settings, registries, embedder or VectorSource(settings), is_listing=is_listing
            )
        except EvalsetError as error:
            raise add_lines(error, path) from None
        if stamp is not None and not is_listing:
            stamp.write(plan)
        return plan


def _plan(
    evalset: Evalset, settings: Settings, registries: Registries, embedder: Embedder, *, is_listing: bool
) -> Plan:
    hopeless = infeasible_gates(
        evalset,
        evidence=settings.evidence,
        strict=settings.strict,
        evidence_default=settings.ini_evidence,
    )
    if hopeless:
        raise EvalsetError(
            evalset.path,
            [(gate.where or Location(file=evalset.path), sentence) for gate, sentence in hopeless],
        )
    return build_plan(evalset, settings, registries, embedder=embedder, is_listing=is_listing)
