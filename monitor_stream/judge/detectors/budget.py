"""Thresholds of charts from how often they may be wrong."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

import msgspec
from scipy.special import ndtri

from monitor_stream.events.spec import DAY, ModelSpec

#: Of the budget of false alarms this part is for errors: the rest is for the columns. In equal shares for the two
#: charts, which at a span of a day and one false alarm a month are wrong once in 20 months each: z = 2.94, the 3 sigma of
#: the textbooks.
ERROR_SHARE: Final = 0.1
MONTH: Final = 365.25 / 12.0 * DAY

#: What a CUSUM forgives each run, in standard deviations: it is quickest for changes of twice that.
ALLOWANCE: Final = 0.5
#: Siegmund's correction of the threshold for looking at discrete times.
_OVERSHOOT: Final = 1.166


class SpanRules(msgspec.Struct, frozen=True, array_like=True):
    """What spans are, when they hold enough, and how often charts of them may be wrong."""

    seconds: float = DAY
    least: int = 500
    false_alarms_per_month: float = 1.0

    @classmethod
    def of(cls, spec: ModelSpec) -> SpanRules:
        """Those of a model."""
        return cls(spec.drift.span_seconds, spec.min_samples, spec.drift.false_alarms_per_month)

    def chance(self, seconds: float) -> float:
        """The probability with which one chart may be wrong on a run that takes so long.

        >>> round(1.0 / SpanRules().chance(DAY))
        609
        """
        return min(self.false_alarms_per_month * ERROR_SHARE / 2.0 * seconds / MONTH, 0.05)


def level_limit(chance: float) -> float:
    """The standard score that is exceeded with this probability.

    >>> round(level_limit(1 / 609), 2)
    2.94
    """
    return float(-ndtri(chance))


@lru_cache(maxsize=256)
def cusum_limit(chance: float) -> float:
    r"""The threshold that a CUSUM of independent standard scores passes once in ``1 / chance`` runs on average.

    Siegmund's approximation of its run length in control,
    :math:`(e^{2 k b} - 2 k b - 1) / (2 k^2)` with :math:`b = h + 1.166`, solved for h.

    >>> round(cusum_limit(1 / 609), 2)
    4.57

    References
    ----------
    Siegmund (1985), Sequential Analysis, section 2.6.
    """
    low, high = 0.0, 60.0
    for _ in range(50):
        middle = (low + high) / 2.0
        twice = 2.0 * ALLOWANCE * (middle + _OVERSHOOT)
        length = (math.exp(twice) - twice - 1.0) / (2.0 * ALLOWANCE * ALLOWANCE)
        low, high = (middle, high) if length * chance < 1.0 else (low, middle)
    return high
