"""Whether the arms of kind `structured` show what an enforced schema does: the proof counts, not the wish."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_ftgate.decision.wording import join_names, to_ascii
from pytest_ftgate.model.evalset import Evalset
from pytest_ftgate.model.summary import ArmSummary

STRUCTURED = "structured"
_SHOWN_CHARS = 160


def has_proven_schema(arm: ArmSummary) -> bool:
    """Whether the probe showed that the arm's form is enforced; true of arms that send none."""
    return arm.kind != STRUCTURED or arm.schema_enforced == "enforced"


def covers_schema(arms: Sequence[ArmSummary], evalset: Evalset) -> bool:
    """Whether an arm with a schema ran under enforcement, or none of those that there are applies here.

    `arms` are those of kind `structured`. One of explicit JSON mode enforces no schema, and covers nothing.
    """
    strong = [arm for arm in arms if not is_json_mode(arm, evalset)]
    if any(arm.status == "run" and arm.accuracy_test and has_proven_schema(arm) for arm in strong):
        return True
    return bool(strong) and all(
        arm.schema_enforced == "unsupported" or arm.status == "skipped" for arm in strong
    )


def is_json_mode(arm: ArmSummary, evalset: Evalset) -> bool:
    """Whether the arm asks for JSON mode although it may have a schema."""
    spec = next((spec for spec in evalset.arms if spec.name == arm.arm), None)
    return spec is not None and spec.options.get("mode") == "json"


def explain_unproven(arms: Sequence[ArmSummary], evalset: Evalset) -> str:
    """Why these arms of kind `structured`, which were run, do not count; '' where there are none."""
    told = [_explain(arm, evalset) for arm in arms if not covers_schema([arm], evalset)]
    return f"structured counts only where the schema is proven enforced: {join_names(told)}" if told else ""


def _explain(arm: ArmSummary, evalset: Evalset) -> str:
    name = to_ascii(arm.arm)
    if is_json_mode(arm, evalset):
        return f"{name} is JSON mode, without a schema"
    said = to_ascii(arm.probe)[:_SHOWN_CHARS]
    return f"of {name} it is {arm.schema_enforced or 'not known'}" + (f" ({said})" if said else "")
