"""The bin of a score: counts by bin and class are sums, and a ROC curve comes out of them."""

from __future__ import annotations

import numpy as np

from monitor_stream.events.delta import Floats, Ints
from monitor_stream.events.tables import SCORE_BINS, SCORE_LOGIT_LIMIT

_BINS_PER_LOGIT = SCORE_BINS / (2.0 * SCORE_LOGIT_LIMIT)


def score_bin(scores: Floats) -> Ints:
    """The bin of each score by its log-odds, from 0 to `SCORE_BINS` − 1; a higher score never has a lower bin.

    Log-odds at or beyond ±`SCORE_LOGIT_LIMIT` share the outer bins, 0 and 1 among them, so scores below 4.5e-5
    count as ties, and so do those above 1 − 4.5e-5. Around 0.5 a bin is 0.0125 wide, at 0.01 it is 0.0005.

    Parameters
    ----------
    scores
        Probabilities in [0, 1], of any shape. NaN is the caller's mistake and has no defined bin.

    Examples
    --------
    >>> score_bin(np.array([0.0, 0.01, 0.5, 0.99, 1.0])).tolist()
    [0, 108, 200, 291, 399]
    """
    with np.errstate(divide="ignore"):  # the log-odds of 0 and 1 are infinite, and meant to be
        log_odds = np.log(scores) - np.log1p(-scores)
    position = np.floor((log_odds + SCORE_LOGIT_LIMIT) * _BINS_PER_LOGIT)
    return np.clip(position, 0, SCORE_BINS - 1).astype(np.int64)
