"""Tags that the cases of a pattern carry more often than chance explains.

Fisher's exact test (Fisher, 1935) one-sided, Holm's correction over the tags of one pattern.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from math import exp, fsum, lgamma

from pytest_ftgate.model.summary import TagExcess
from pytest_ftgate.statistics import holm
from pytest_ftgate.statistics.intervals import Groups

_NEGLIGIBLE = 1e-18

Table = tuple[int, int, int, int]
"""Units with the tag that are hits, units with the tag, hits, units."""


def find_tag_excess(
    hits: Collection[str], tags: Mapping[str, Collection[str]], groups: Groups, *, alpha: float
) -> tuple[TagExcess, ...]:
    """The tags over-represented among the case ids `hits`, at level `alpha` together, surest first.

    `tags` maps every judged case to its tags. The unit is the case. Cases of one group fail together, so
    that the test of a tag reads one case of each group with the tag and one without: the first by id,
    which knows nothing of its outcome. Where a group has both, that they fail together makes them more alike
    than chance does, and the test errs on the safe side. The counts shown are those of all cases.
    A tag whose most uneven table would still not reach `alpha` cannot be found; that depends on the
    margins alone, on which the test is conditional, and so it is not counted among the tests
    (Tarone, 1990).
    """
    if not any(tags.values()):
        return ()
    tables = _count_units(hits, tags, groups)
    tested = sorted(tag for tag, table in tables.items() if _find_least_p(*table) <= alpha)
    adjusted = holm.adjust([find_p_excess(*tables[tag]) for tag in tested])
    found = {tag: p for tag, p in zip(tested, adjusted, strict=True) if p <= alpha}
    surest = sorted(found, key=lambda tag: (found[tag], tag))
    return tuple(_count_tag(tag, found[tag], hits, tags) for tag in surest)


def find_p_excess(both: int, first: int, second: int, total: int) -> float:
    """Chance of at least `both` in common, of `first` and `second` units drawn from `total` at random.

    The upper tail of the hypergeometric distribution: the one-sided p-value of Fisher's exact test.
    """
    if both <= max(0, first + second - total):
        return 1.0
    if both > min(first, second):
        return 0.0
    # Summed away from the middle: below it the first term may be too small for a float.
    if both * total > first * second:
        return min(1.0, fsum(_list_tail(both, first, second, total)))
    # What is at most `both - 1` in common with `first` is at least the rest in common with the others.
    others = second - both + 1
    return max(0.0, 1.0 - fsum(_list_tail(others, total - first, second, total)))


def _list_tail(both: int, first: int, second: int, total: int) -> Iterable[float]:
    """The probabilities of `both`, of one more, and so on, until they no longer count."""
    ways = _log_choose(first, both) + _log_choose(total - first, second - both)
    term = largest = exp(ways - _log_choose(total, second))
    for common in range(both, min(first, second) + 1):
        yield term
        if term < _NEGLIGIBLE * largest:
            return
        largest = max(largest, term)
        step = (first - common) * (second - common)
        term *= step / ((common + 1) * (total - first - second + common + 1))


def _log_choose(total: int, chosen: int) -> float:
    return lgamma(total + 1) - lgamma(chosen + 1) - lgamma(total - chosen + 1)


def _find_least_p(_both: int, first: int, second: int, total: int) -> float:
    """The p-value of the most uneven table with these margins."""
    return find_p_excess(min(first, second), first, second, total)


def _count_units(
    hits: Collection[str], tags: Mapping[str, Collection[str]], groups: Groups
) -> dict[str, Table]:
    """The table of each tag over its units; takes time in proportion to the tags of all cases."""
    units: dict[tuple[str, str], list[str]] = {}
    for case in sorted(tags):
        group = groups.get(case)
        units.setdefault(("case", case) if group is None else ("group", group), []).append(case)
    hit, both, carried = 0, Counter[str](), Counter[str]()
    # What a tag's units count above one of each group: the groups that have both kinds of cases.
    more, more_hit = Counter[str](), Counter[str]()
    for cases in units.values():
        is_hit = cases[0] in hits
        hit += is_hit
        carriers = {tag: case for case in reversed(cases) for tag in tags[case]}
        for tag, carrier in carriers.items():
            other = next((case for case in cases if tag not in tags[case]), None)
            carried[tag] += 1
            both[tag] += carrier in hits
            more[tag] += other is not None
            more_hit[tag] += (carrier in hits) + (other is not None and other in hits) - is_hit
    return {tag: (both[tag], carried[tag], hit + more_hit[tag], len(units) + more[tag]) for tag in carried}


def _count_tag(
    tag: str, p_holm: float, hits: Collection[str], tags: Mapping[str, Collection[str]]
) -> TagExcess:
    carriers = [case for case, names in tags.items() if tag in names]
    return TagExcess(
        tag=tag,
        hits=sum(case in hits for case in carriers),
        cases=len(carriers),
        all_hits=sum(case in hits for case in tags),
        all_cases=len(tags),
        p_holm=p_holm,
    )
