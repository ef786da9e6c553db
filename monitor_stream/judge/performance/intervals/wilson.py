"""The interval of a share, by Wilson's score."""

from __future__ import annotations

import math

from monitor_stream.judge.performance.intervals import Z95, Interval


def wilson(successes: float, n: float, z: float = Z95) -> Interval | None:
    """The shares that would make so many successes in n no surprise; ``None`` for n = 0.

    It lies in [0, 1], is no point even where all or none succeed, and holds for small n.

    >>> low, high = wilson(0, 10)
    >>> round(low, 3), round(high, 3)
    (0.0, 0.278)

    References
    ----------
    Wilson (1927), Probable inference, the law of succession, and statistical inference. Brown, Cai and DasGupta (2001), Interval
    estimation for a binomial proportion.
    """
    if n <= 0.0:
        return None
    share, spread = successes / n, z * z / n
    middle = (share + spread / 2.0) / (1.0 + spread)
    reach = z * math.sqrt(max(share * (1.0 - share), 0.0) / n + spread / (4.0 * n)) / (1.0 + spread)
    return max(middle - reach, 0.0), min(middle + reach, 1.0)


def f1_interval(hits: float, misses: float, z: float = Z95) -> Interval | None:
    """The interval of F1, from true positives, and false positives and negatives together.

    F1 is 2J / (1 + J) with J = TP / (TP + FP + FN), Jaccard's index: a share of the pairs that are no true negatives, which has
    Wilson's interval, and F1 rises with it.

    >>> low, high = f1_interval(hits=30, misses=20)
    >>> round(low, 3), round(high, 3)
    (0.632, 0.84)

    References
    ----------
    Hand, Christen and Kirielle (2021), F*: an interpretable transformation of the F-measure (F* is J). Lam, Gopal and Qian (2023),
    Confidence intervals for the F1 score: a comparison of four methods.
    """
    jaccard = wilson(hits, hits + misses, z)
    if jaccard is None:
        return None
    low, high = jaccard
    return 2.0 * low / (1.0 + low), 2.0 * high / (1.0 + high)
