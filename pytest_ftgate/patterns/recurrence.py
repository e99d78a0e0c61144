"""Whether a failure recurs: across the repeats of a case, or, where those are identical, across arms.

Repeats beyond those planned, given to cases that were hit alone, count here and nowhere else: in a rate they
would add failures to the cases that failed (STATISTICS section 0). They make no rate and no p-value smaller,
so that the error rates of the other conditions hold with them and without.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from pytest_ftgate.patterns.mining import Failing, Hits
from pytest_ftgate.patterns.survey import Survey

MIN_RECURRING_CASES = 2


def count_further(survey: Survey, arm: str, name: str, without: Collection[str] = ()) -> Counter[str]:
    """Case id → further trials of an arm that show signature `name`, and none of `without`."""
    return Counter(trial.case for trial in list_further(survey, arm, name, without))


def list_further(survey: Survey, arm: str, name: str, without: Collection[str] = ()) -> list[Failing]:
    """The further failing trials of an arm that show signature `name`, and none of `without`."""
    return [
        trial
        for trial in survey.trials[arm].further_failing
        if name in trial.names and trial.names.isdisjoint(without)
    ]


def count_recurring(hits: Mapping[str, int], further: Mapping[str, int]) -> int:
    """Cases that were hit, and then again. A case that only a further repeat hit does not count."""
    return sum(count + further.get(case, 0) >= 2 for case, count in hits.items())


def measure_recurrence(
    hits: Mapping[str, int], further: Mapping[str, int], survey: Survey, arm: str
) -> float | None:
    """Chance that another draw of a case hits, given that one did: R of STATISTICS 3.3.

    From the repeats planned; where there was one of each case, from the further ones of the cases it hit.
    None where no hit case was drawn twice, or the repeats are identical and are one draw.
    """
    if arm in survey.identical:
        return None
    trials = survey.trials[arm]
    chances = sum(count * (trials.graded[case] - 1) for case, count in hits.items())
    if chances:
        return sum(count * (count - 1) for count in hits.values()) / chances
    draws = {case: trials.further.get(case, 0) for case in hits}
    shares = [further.get(case, 0) / count for case, count in draws.items() if count]
    return sum(shares) / len(shares) if shares else None


def find_weak_arms(
    hits: Hits, survey: Survey, name: str, without: Collection[str] = ()
) -> tuple[tuple[str, ...], bool | None, str]:
    """Arms under which the signature is not shown to recur, whether it does in all, and why not.

    False: it was looked for and did not; None: it could not be assessed.
    """
    weak: list[str] = []
    worst: tuple[bool | None, str] = (True, "")
    for arm in survey.arms:
        does_recur, why_not = _assess_arm(hits, survey, arm, count_further(survey, arm, name, without))
        if not does_recur:
            weak.append(arm)
            worst = worst if worst[0] is not True else (does_recur, why_not)
    return tuple(weak), *worst


def _assess_arm(hits: Hits, survey: Survey, arm: str, further: Mapping[str, int]) -> tuple[bool | None, str]:
    by_case = hits[arm]
    if arm in survey.identical:
        others = [name for name in survey.arms if survey.roots[name] != survey.roots[arm]]
        shared = sum(any(case in hits[name] for name in others) for case in by_case)
        is_shared = shared >= MIN_RECURRING_CASES
        return (True, "") if is_shared else (None, f"not assessed: repeats under {arm} are identical")
    drawn_twice = sum(survey.trials[arm].count_draws(case) >= 2 for case in by_case)
    if drawn_twice < min(MIN_RECURRING_CASES, len(by_case)):
        return None, f"not assessed: one repeat per case under {arm}"
    if count_recurring(by_case, further) < MIN_RECURRING_CASES:
        return False, f"does not recur across repeats under {arm}"
    return True, ""


def choose_cases(
    lacking: Sequence[tuple[Sequence[str], Hits]], survey: Survey, most: int
) -> dict[str, tuple[str, ...]]:
    """Arm → the cases to ask again, at most `most` of each signature and arm.

    `lacking`: of each signature the arms under which it is not shown to recur, and its hits. Cases hit most
    often come first, then in the order of their ids. Arms whose repeats are identical are not asked again.
    """
    chosen: dict[str, dict[str, None]] = {}
    for arms, hits in lacking:
        for arm in arms:
            if arm not in survey.identical:
                by_case = hits[arm]
                ranked = sorted(by_case, key=lambda case: (-by_case[case], case))
                chosen.setdefault(arm, {}).update(dict.fromkeys(ranked[:most]))
    return {arm: tuple(cases) for arm, cases in chosen.items()}
