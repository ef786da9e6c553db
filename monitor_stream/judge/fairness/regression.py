"""What a group got of a regression."""

from __future__ import annotations

from monitor_stream.events.spec import ModelSpec
from monitor_stream.events.tables import ANSWERS, PERFORMANCE
from monitor_stream.judge.fairness.measures import Measures, known, mean
from monitor_stream.judge.fairness.rows import named
from monitor_stream.judge.moments import centre
from monitor_stream.judge.sums import Sums


def regression_measures(sums: Sums, group: str, spec: ModelSpec) -> Measures:
    """``mean_prediction bias mae``, in the unit of the label."""
    answers = named(sums, "answers", group, ANSWERS)
    row = named(sums, "performance", group, PERFORMANCE["regression"])
    n, squares = row["scored"], row["squared_error"]
    return known(
        mean_prediction=mean(
            answers["answered"], answers["answer"], answers["answer_squared"], centre(spec.prediction)
        ),
        bias=mean(n, row["error"], squares),
        mae=mean(n, row["absolute_error"], squares),
    )
