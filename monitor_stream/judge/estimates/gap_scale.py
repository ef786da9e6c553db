"""What the mean of error less foretold error may be in a span while the estimator is right."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Self

import msgspec
import numpy as np
from scipy.special import chdtri

from monitor_stream.events.delta import Floats
from monitor_stream.events.spec import ErrorScale, ModelSpec, Task
from monitor_stream.judge.detectors.in_control import FLOOR, LEARNED
from monitor_stream.judge.detectors.scale import REACH, Scale
from monitor_stream.judge.detectors.spans import ErrorRun
from monitor_stream.judge.detectors.spread import between

#: Until enough spans have shown it, the spread is taken for this share of the mean error, as if it had been measured on so
#: many spans.
_ASSUMED: Final = 0.1
_ASSUMED_SPANS: Final = 6
#: The spread is believed at the upper end of its one-sided interval of this level: it was measured on few spans.
_BELIEVED: Final = 0.9
#: Standard errors by which the reference's own gap may be off.
_ERRORS: Final = 2.0


class GapScale(msgspec.Struct, frozen=True, array_like=True):
    """Unit of the gap, its usual size and its spread.

    `unit` is the error that counts as the largest, `mean` and `std` those of the error on the reference; `between` is the spread
    of span means of the gap beyond sampling, measured on `spans` spans; `margin` is how far the mean gap may be from 0 with
    nothing wrong: the reference's own bias, and what it may be off by, or 5 % of the mean error, which nobody cares for.
    """

    task: Task
    unit: float
    mean: float
    std: float
    between: float
    spans: int
    margin: float

    @classmethod
    def of(cls, spec: ModelSpec) -> Self | None:
        """That of a spec; ``None`` where it has no estimator, or no scale of the error."""
        if spec.estimator is None or spec.error_scale is None:
            return None
        error, gap = spec.error_scale, spec.estimator.gap or ErrorScale(0.0, spec.error_scale.std)
        unit = Scale.of(spec.task, error, reach=REACH).unit
        scale = cls(spec.task, unit, error.mean, error.std, gap.between, gap.spans, 0.0)
        sampling = gap.std / math.sqrt(spec.estimator.rows) if spec.estimator.rows else 0.0
        off = math.hypot(scale.apart([], 0.0) / math.sqrt(max(gap.spans, _ASSUMED_SPANS)), sampling)
        margin = abs(gap.mean) + max(FLOOR * error.mean, _ERRORS * off)
        return msgspec.structs.replace(scale, margin=margin)

    @property
    def is_measured(self) -> bool:
        """Whether the reference, or the stream, has shown the spread on enough spans."""
        return self.spans >= LEARNED

    def gaps(self, error: Floats, foretold: Floats) -> Floats:
        """Error less foretold error of each pair, neither beyond the unit."""
        return np.clip(error, 0.0, self.unit) - np.clip(foretold, 0.0, self.unit)

    def variances(self, foretold: Floats) -> Floats:
        """The variance of each gap, if what was foretold is right: p (1 − p) of a wrong answer with probability p; in a
        regression, whose errors are the larger the larger they are foretold, that of the reference in proportion.
        """
        if self.task != "regression":
            return np.clip(foretold * (1.0 - foretold), 0.0, 1.0)
        share = self.std / self.mean if self.mean else 1.0
        result: Floats = (np.clip(foretold, 0.0, self.unit) * share) ** 2
        return result

    def learned(self, runs: Sequence[ErrorRun], variance: float) -> Self:
        """With the spread that runs of the stream have shown, `variance` that of one gap."""
        return msgspec.structs.replace(self, between=_spread(runs, variance), spans=len(runs))

    def apart(self, runs: Sequence[ErrorRun], variance: float) -> float:
        """How far span means are believed to lie apart beyond sampling, with what runs of the stream have shown so far."""
        if self.is_measured:
            return _upper(self.between, self.spans)
        assumed = _ASSUMED * self.mean
        squares = (
            _ASSUMED_SPANS * assumed**2
            + self.spans * self.between**2
            + len(runs) * _spread(runs, variance) ** 2
        )
        count = _ASSUMED_SPANS + self.spans + len(runs)
        return _upper(math.sqrt(squares / count), count)


def _spread(runs: Sequence[ErrorRun], variance: float) -> float:
    means, counts = np.array([run.mean for run in runs]), np.array([run.n for run in runs])
    return between(means, counts, math.sqrt(variance))


def _upper(spread: float, spans: int) -> float:
    """The upper end of the interval of a standard deviation measured on so many spans, by the law of χ²."""
    freedom = spans - 1
    return spread * math.sqrt(freedom / float(chdtri(freedom, _BELIEVED)))
