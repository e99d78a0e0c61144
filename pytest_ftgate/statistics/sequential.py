"""Looks at an arm before all its cases are in: levels that keep the error of all looks together.

Group-sequential boundaries of O'Brien & Fleming (1979) for equally spaced looks, one-sided. Their levels
come from the recursive numerical integration of Armitage, McPherson & Rowe (1969): at look j of K the score
is a Brownian motion at time j / K, and its boundary is one constant. The repeated p-value is that of Jennison
& Turnbull (1984): the level at which that boundary would just have been reached.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from math import ceil, erfc, exp, pi, sqrt
from operator import mul
from statistics import NormalDist

_STEPS_A_DEVIATION = 8
"""Grid points for one standard deviation between two looks; the levels are then right to 5 digits."""

_REACH = 7.5
"""What lies further below 0 never comes back to a boundary above it."""


@lru_cache(maxsize=256)
def find_level(look: int, looks: int, alpha: float) -> float:
    """The one-sided level of look `look` (1-based) of `looks`; all together err at most `alpha`.

    `alpha` lies in 0..0.5, both ends excluded.
    """
    if looks == 1:
        return alpha
    return _upper_tail(_find_boundary(looks, alpha) * sqrt(looks / look))


@lru_cache(maxsize=256)
def adjust_p(p: float, look: int, looks: int) -> float:
    """The p-value of a result seen at look `look` of `looks`, valid for the best moment to stop.

    It is at most alpha exactly where p is at most `find_level(look, looks, alpha)`. Never below p.
    """
    if looks == 1 or p >= 0.5:
        return p
    if p <= 0:
        return 0.0
    return max(p, measure_error(_upper_quantile(p) * sqrt(look / looks), looks))


def list_look_ends(sizes: Iterable[int], looks: int) -> tuple[int, ...]:
    """The number of cases at the end of each look: ceil(n j / looks), up to the end of a cluster.

    `sizes` are those of the clusters, in their order. The last is n.
    """
    ends, total = [], 0
    for size in sizes:
        total += size
        ends.append(total)
    wanted = [ceil(total * j / looks) for j in range(1, looks + 1)]
    reached = iter(ends)
    found, end = [], 0
    for count in wanted:
        while end < count:
            end = next(reached)
        found.append(end)
    return tuple(found)


@lru_cache(maxsize=64)
def _find_boundary(looks: int, alpha: float) -> float:
    """The boundary that is reached with the probability `alpha`.

    Secant steps: the normal quantile of the probability is nearly a straight line in the boundary.
    """
    wanted = _upper_quantile(alpha)
    before, after = wanted, _upper_quantile(alpha / looks)
    missed = _upper_quantile(measure_error(before, looks)) - wanted
    for _ in range(30):
        miss = _upper_quantile(measure_error(after, looks)) - wanted
        if abs(miss) < 1e-10 or miss == missed:
            break
        before, after, missed = after, after - miss * (after - before) / (miss - missed), miss
    return after


def measure_error(boundary: float, looks: int) -> float:
    """P(a Brownian motion lies at or above `boundary` > 0 at one of the times 1/K .. K/K), K = `looks`."""
    deviation = sqrt(1 / looks)
    width = deviation / _STEPS_A_DEVIATION
    # Simpson's rule wants an even number of steps; the last grid point is the boundary itself.
    steps = 2 * ceil((boundary + _REACH) / width / 2)
    points = [boundary - width * (steps - i) for i in range(steps + 1)]
    weights = [width / 3 * (1 if i in (0, steps) else 4 if i % 2 else 2) for i in range(steps + 1)]
    tails = [_upper_tail((boundary - s) / deviation) for s in points]
    kernel = [_density(width * i / deviation) / deviation for i in range(steps + 1)]
    mirrored = [*reversed(kernel), *kernel[1:]]
    crossed = _upper_tail(boundary / deviation)
    density = [_density(s / deviation) / deviation for s in points]
    for look in range(2, looks + 1):
        weighted = list(map(mul, weights, density))
        crossed += sum(map(mul, weighted, tails))
        if look < looks:
            density = [sum(map(mul, weighted, mirrored[steps - i :])) for i in range(steps + 1)]
    return crossed


def _density(z: float) -> float:
    return exp(-z * z / 2) / sqrt(2 * pi)


def _upper_tail(z: float) -> float:
    return erfc(z / sqrt(2)) / 2


def _upper_quantile(p: float) -> float:
    return -NormalDist().inv_cdf(p)
