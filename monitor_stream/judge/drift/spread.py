"""How much more than chance the reference's own spans differ: the design effect."""

from __future__ import annotations

import math
from typing import Final

import msgspec
import numpy as np
from scipy import special

from monitor_stream.events.delta import Floats
from monitor_stream.events.spec import Calibration
from monitor_stream.judge.drift.bins import Bins, NotComputableError
from monitor_stream.judge.drift.calibration import QUADRATIC, expected, root
from monitor_stream.judge.drift.distances import Measure

#: With fewer spans their spread is anybody's guess, and rows are taken to be independent.
MIN_SPANS: Final = 6


def design_effect(calibration: Calibration, bins: Bins, spans: Floats) -> Calibration:
    """The calibration with `design_effect` and `spans` as the reference's own spans show them.

    Rows of one day resemble each other, so days differ by more than 1/n: a span's distance over what is expected of it is about
    1 for independent rows, and its mean over spans says how many times more it is. A span is part of the reference it is held
    against, hence c = 1/n - 1/m here. One span, the one that stands out most, is left out of the mean, and out of what is
    expected of it: a storm among the reference's days does not excuse all storms. An effect within two standard errors of 1
    is 1.

    With 6 spans it sees an effect of about 2, with 30 one of about 1.4; fewer than 6 say nothing, and it stays at 1. It stretches
    the law and does not change its shape: where few days are very different and most alike, alarms on the former remain.

    Parameters
    ----------
    bins
        The reference that the spans are a part of.
    spans
        Counts, shape ``(spans, bins)``. Spans that are too small to be judged are left out.
    """
    found = [_ratio(calibration, bins, counts) for counts in spans]
    ratios = np.sort([ratio for ratio in found if ratio is not None])
    count = len(ratios)
    if count < MIN_SPANS:
        return calibration
    shape = float(np.mean(calibration.shapes))
    usual = special.gammaincinv(shape, (np.arange(count) + 0.5) / count)
    if calibration.method not in QUADRATIC:
        usual = np.sqrt(usual)
    mean = float(ratios[:-1].mean() / (usual[:-1].mean() / usual.mean()))
    effect = mean if calibration.method in QUADRATIC else mean * mean
    error = 1.0 / math.sqrt(shape * count)
    return msgspec.structs.replace(
        calibration, design_effect=effect if effect > 1.0 + 2.0 * error else 1.0, spans=count
    )


def _ratio(calibration: Calibration, bins: Bins, counts: Floats) -> float | None:
    """How many times its expectation the distance of a span is; none where the span is too small, or is the reference."""
    n, m = float(counts.sum()), bins.size
    try:
        measure = Measure.of(bins, calibration.method, n)
    except NotComputableError:
        return None
    if n >= m:
        return None
    # `expected` speaks of a window beside the reference.
    inside = (1.0 / n - 1.0 / m) / (1.0 / n + 1.0 / m)
    return float(measure(counts)) / (expected(calibration, n, m) * root(calibration.method, inside))
