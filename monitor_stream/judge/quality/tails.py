"""How unlikely a count is where nothing is wrong."""

from __future__ import annotations

import math

from scipy.special import betainc, ndtr, ndtri


def chance_of_count(count: float, n: float, share: float, spread: float) -> float:
    """The chance that `count` or more of n values have a fault that a share of the reference's values has.

    Binomial; where the share differs from span to span by a standard deviation of `spread`, the chance under a normal law of
    that much more variance, if it is the larger.

    >>> round(chance_of_count(5, 100, 0.01, 0.0), 4)
    0.0034
    >>> chance_of_count(5, 100, 0.01, 0.05) > 0.1
    True
    """
    if count <= 0.0 or n <= 0.0:
        return 1.0
    share = min(max(share, 0.0), 1.0)
    sampled = _tail(count, n, share)
    if not spread:
        return sampled
    return max(sampled, float(ndtr(-(count / n - share) / _deviation(n, share, spread))))


def least_share(n: float, share: float, spread: float, alpha: float) -> float:
    """The share of n values that is exceeded with a chance of about `alpha` where nothing is wrong, at most 1.

    >>> 0.04 < least_share(100, 0.01, 0.0, 0.001) < 0.07
    True
    """
    normal = share - float(ndtri(alpha)) * _deviation(n, share, spread)
    return min(max(normal, _binomial(n, share, alpha)), 1.0)


def _deviation(n: float, share: float, spread: float) -> float:
    return math.sqrt(max(share * (1.0 - share), 0.25 / n) / n + spread * spread)


def _tail(count: float, n: float, share: float) -> float:
    """The chance of so many or more in a binomial."""
    return float(betainc(count, n - count + 1.0, share))


def _binomial(n: float, share: float, alpha: float) -> float:
    """The least share whose binomial tail is at most alpha, by bisection over counts."""
    if not 0.0 < share < 1.0:
        return share
    low, high = 0, int(n)
    while low < high:
        middle = (low + high) // 2
        if middle and _tail(middle, n, share) <= alpha:
            high = middle
        else:
            low = middle + 1
    return low / n
