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
from monitor_stream.judge.drift.calibration import QUADRATIC, law
from monitor_stream.judge.drift.distances import Measure

#: With fewer spans their spread is anybody's guess, and rows are taken to be independent.
MIN_SPANS: Final = 6


def design_effect(calibration: Calibration, bins: Bins, spans: Floats) -> Calibration:
    r"""The calibration with `design_effect` and `spans` as the reference's own spans show them.

    Rows of one day resemble each other, so days differ by more than 1/n: each span's U over what the calibration expects of
    it is about 1 for independent rows, and the mean over spans says how many times more it is. A span is part of the reference
    it is held against, hence c = 1/n − 1/m here. One span, the one that stands out most, is left out of the mean, and out of
    what is expected of it: a storm among the reference's days does not excuse all storms. An effect within two standard
    errors of 1 is 1.

    With 6 spans it sees an effect of about 2, with 30 one of about 1.3; fewer than 6 say nothing, and it stays at 1. It stretches the
    law and does not change its shape: where few days are very different and most alike, alarms on the former remain.

    Parameters
    ----------
    spans
        Counts, shape ``(spans, bins)``. Spans that are too small to be judged are left out.
    """
    m = float(spans.sum())
    ratios, shapes = [], []
    for counts in spans:
        n = float(counts.sum())
        try:
            measure = Measure.of(bins, calibration.method, n)
        except NotComputableError:
            continue
        if n >= m:
            continue
        value = float(measure(counts))
        u = value if calibration.method in QUADRATIC else value * value
        shape, scale = law(calibration, n, m)
        ratios.append(u / (1.0 / n - 1.0 / m) * (1.0 / n + 1.0 / m) / (shape * scale))
        shapes.append(shape)
    if len(ratios) < MIN_SPANS:
        return calibration
    count, shape = len(ratios), float(np.mean(shapes))
    kept = np.sort(ratios)[:-1]
    quantiles = special.gammaincinv(shape, (np.arange(count) + 0.5) / count)[:-1] / shape
    effect = float(kept.mean() / quantiles.mean())
    error = 1.0 / math.sqrt(shape * count)
    return msgspec.structs.replace(
        calibration, design_effect=effect if effect > 1.0 + 2.0 * error else 1.0, spans=count
    )
