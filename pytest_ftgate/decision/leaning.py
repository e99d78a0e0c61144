"""Where an undecided evalset leans: the verdict that its point estimates would give."""

from __future__ import annotations

from pytest_ftgate.decision.claims import value_of
from pytest_ftgate.decision.evidence import TOLERANCE
from pytest_ftgate.decision.situation import Situation
from pytest_ftgate.model.evalset import AS_IS
from pytest_ftgate.model.summary import ArmSummary
from pytest_ftgate.model.verdict import Decision


def find_leaning(situation: Situation) -> Decision | None:
    """The verdict the point estimates lean to; None where they lean nowhere. Decides nothing."""
    reaching = [arm for arm in situation.arms if value_of(arm) >= situation.bar - TOLERANCE]
    if reaching:
        return _lean_to_reaching(situation, reaching)
    lenient = [a.lenient_test.value for a in situation.arms if a.lenient_test is not None]
    if any(value >= situation.bar - TOLERANCE for value in lenient):
        return "fix_call"
    is_any_remedy_tried = any(value_of(arm) >= 0 for arm in situation.arms if arm.arm != AS_IS)
    return _lean_below(situation) if is_any_remedy_tried else None


def _lean_to_reaching(situation: Situation, reaching: list[ArmSummary]) -> Decision:
    if any(arm.arm == AS_IS for arm in reaching):
        return "bar_met"
    if any(arm.kind == "repair" for arm in reaching):
        return "fix_call"
    if any(arm.question == 1 for arm in reaching):
        return "improve_prompt"
    return "add_context" if situation.is_static_and_small else "use_rag"


def _lean_below(situation: Situation) -> Decision | None:
    """Below the bar everywhere: towards tuning only with confirmed patterns that could justify it."""
    if situation.usable_patterns:
        enough = situation.usable_share >= situation.evalset.decision.share
        return "fine_tune_justified" if enough else "partial_pattern"
    if situation.summary.patterns.confirmed or situation.has_unassessed_patterns:
        return None
    return "no_pattern" if situation.summary.repeats >= 2 else None
