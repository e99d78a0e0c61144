"""The incomplete beta function, its inverse, and Student's t.

Written here because these are all that a run needs of a numerical library, and to import one takes half a
second and 30 MiB. Relative errors are below 2e-10 for shapes from 1e-3 to 1e6 (held against scipy).
"""

from __future__ import annotations

from functools import lru_cache
from math import exp, fabs, inf, lgamma, log, log1p, pi, sqrt
from statistics import NormalDist

_TINY = 1e-300
"""In place of a denominator of exactly 0; Lentz's method goes on from there."""
_BELOW_ONE = 1 - 2.0**-53
_ENOUGH = 1e-15
_MOST_STEPS = 200_000
"""Of the continued fraction; it needs some 2 * sqrt(larger shape)."""
_MOST_LOGIT = 690.0
"""Beyond it the smaller of x and 1 - x is no normal number."""


@lru_cache(maxsize=4096)
def lower_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function I_x(a, b): P(X <= x) for X ~ Beta(a, b); a, b > 0."""
    if x <= 0:
        return 0.0
    return 1.0 if x >= 1 else exp(_log_lower(a, b, x, 1 - x))


def upper_beta(a: float, b: float, x: float) -> float:
    """1 - I_x(a, b), without the loss of digits of a difference."""
    if x <= 0:
        return 1.0
    return 0.0 if x >= 1 else exp(_log_lower(b, a, 1 - x, x))


def beta_quantile(a: float, b: float, p: float) -> float:
    """The x with I_x(a, b) = p, for p in 0..1."""
    if p <= 0:
        return 0.0
    return 1.0 if p >= 1 else _expit(_solve(a, b, p))


def student_quantile(freedom: float, p: float) -> float:
    """The t with P(T <= t) = p, for p in 0..1, by its relation to Beta(freedom / 2, 1 / 2)."""
    if p == 0.5:
        return 0.0
    if not 0 < p < 1:
        return inf if p >= 1 else -inf
    size = sqrt(freedom * exp(-_solve(freedom / 2, 0.5, 2 * min(p, 1 - p))))
    return size if p > 0.5 else -size


def student_probability(freedom: float, t: float) -> float:
    """P(T <= t), by its relation to Beta(freedom / 2, 1 / 2); near 0 from the middle, for its digits."""
    square = t * t
    if square < 1:
        middle = lower_beta(0.5, freedom / 2, square / (freedom + square)) / 2
        return 0.5 - middle if t < 0 else 0.5 + middle
    tail = lower_beta(freedom / 2, 0.5, freedom / (freedom + square)) / 2
    return tail if t < 0 else 1 - tail


@lru_cache(maxsize=4096)
def _solve(a: float, b: float, p: float) -> float:
    """The logit of the quantile.

    Over the logit of x, log I is concave and rises, so Newton's steps for log I = log p close in from
    below after the first, wherever they begin; above the median the mirrored problem has the digits.
    """
    if p > 0.5:
        return -_newton(b, a, 1 - p)
    return _newton(a, b, p)


def _newton(a: float, b: float, p: float) -> float:
    wanted = log(p)
    logit = _clip(log(a / b) + NormalDist().inv_cdf(p) * sqrt(1 / a + 1 / b))
    for _ in range(200):
        x, rest = _expit(logit), _expit(-logit)
        found = _log_lower(a, b, x, rest)
        # d I / d logit is the density times x (1 - x): the factor before the continued fraction.
        step = (wanted - found) * exp(found - _log_front(a, b, x, rest))
        before, logit = logit, _clip(logit + step)
        if fabs(logit - before) <= 1e-14 * max(1.0, fabs(logit)):
            break
    return logit


def _clip(logit: float) -> float:
    return min(_MOST_LOGIT, max(-_MOST_LOGIT, logit))


def _expit(logit: float) -> float:
    return 1 / (1 + exp(-logit))


def _log_lower(a: float, b: float, x: float, rest: float) -> float:
    """log I_x(a, b); `rest` is 1 - x. The fraction converges on the side of x where it is asked."""
    front = _log_front(a, b, x, rest)
    if x < (a + 1) / (a + b + 2):
        return min(0.0, front + log(_fraction(a, b, x) / a))
    return log1p(-min(exp(front) * _fraction(b, a, rest) / b, _BELOW_ONE))


def _fraction(a: float, b: float, x: float) -> float:
    """The continued fraction of the incomplete beta function, by Lentz's method (Lentz, 1976; Press,
    Teukolsky, Vetterling & Flannery, 2007, section 6.4)."""
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1) or _TINY)
    value = d
    for m in range(1, _MOST_STEPS):
        twice = a + 2 * m
        even = m * (b - m) * x / ((twice - 1) * twice)
        d = 1 / (1 + even * d or _TINY)
        c = 1 + even / c or _TINY
        value *= d * c
        odd = -(a + m) * (a + b + m) * x / (twice * (twice + 1))
        d = 1 / (1 + odd * d or _TINY)
        c = 1 + odd / c or _TINY
        change = d * c
        value *= change
        if fabs(change - 1) < _ENOUGH:
            break
    return value


def _log_front(a: float, b: float, x: float, rest: float) -> float:
    """log of x^a (1 - x)^b / B(a, b), by the saddle point expansion of Loader (2000): sums of logarithms of
    gamma functions would lose half the digits at large shapes."""
    total = a + b
    tail = _stirling_error(total) - _stirling_error(a) - _stirling_error(b)
    return tail - _deviance(a, total * x) - _deviance(b, total * rest) + 0.5 * log(a * b / (2 * pi * total))


def _deviance(x: float, mean: float) -> float:
    """x log(x / mean) + mean - x, also where both are nearly equal."""
    gap = x - mean
    if fabs(gap) >= 0.1 * (x + mean):
        return x * log(x / mean) - gap
    ratio = gap / (x + mean)
    value, term, power = gap * ratio, 2 * x * ratio, ratio * ratio
    for odd in range(3, 1000, 2):
        term *= power
        before, value = value, value + term / odd
        if value == before:
            break
    return value


@lru_cache(maxsize=4096)
def _stirling_error(z: float) -> float:
    """log Gamma(z + 1) minus Stirling's formula for it."""
    if z < 15:
        return lgamma(z + 1) - (z + 0.5) * log(z) + z - 0.5 * log(2 * pi)
    square = z * z
    series = 1 / 1188 / square
    for coefficient in (1 / 1680, 1 / 1260, 1 / 360):
        series = (coefficient - series) / square
    return (1 / 12 - series) / z
