"""The model under watch: how likely a flight is to arrive late, by what is known when it is sold."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped] # comes with scikit-learn

from monitor_stream.events.delta import Floats
from monitor_stream.events.spec import DAY

FEATURES = ("carrier", "origin", "dest", "distance", "hour", "weekday")
_CATEGORIES = ("carrier", "origin", "dest")
_TRAINING_MONTHS = 2
_FOLDS = 5


class LateModel:
    """Gradient boosting, trained once on the flights of January and February that arrived.

    Late flights are the rarer class, so nearly no score reaches one half; the threshold announces as many flights
    late as were late in training.
    """

    def __init__(self, estimator: Any, categories: dict[str, Any], threshold: float) -> None:
        self._estimator = estimator
        self._categories = categories
        self.threshold = threshold

    @classmethod
    def train(cls, flights: Any) -> Self:
        """Fit on the training rows of `flights`; about 2 s."""
        return cls._fit(flights.filter(training(flights)))

    @classmethod
    def scored_unseen(cls, flights: Any) -> Floats:
        """The scores of training rows by models that were trained on the other days: an honest reference.

        What a model says of the very rows it was trained on looks better than anything it will say again. Whole days go
        together, since flights of one day share their weather.
        """
        part = np.asarray(flights["departure"]) // int(DAY) % _FOLDS
        scores = np.empty(len(flights))
        for fold in range(_FOLDS):
            others = cls._fit(flights.filter(pa.array(part != fold)))
            scores[part == fold] = others.scores(flights.filter(pa.array(part == fold)))
        return scores

    @classmethod
    def _fit(cls, flights: Any) -> Self:
        from sklearn.ensemble import HistGradientBoostingClassifier

        rows = flights.filter(pc.is_valid(flights["late"]))
        categories = {name: pc.unique(rows[name]).sort() for name in _CATEGORIES}
        late = np.asarray(rows["late"])
        estimator = HistGradientBoostingClassifier(
            categorical_features=[name in _CATEGORIES for name in FEATURES], random_state=0
        )
        model = cls(estimator, categories, threshold=0.5)
        # On a busy machine two threads wait for each other longer than one takes.
        with threadpool_limits(1):
            estimator.fit(model._matrix(rows), late)
        model.threshold = round(float(np.quantile(model.scores(rows), 1.0 - late.mean())), 2)
        return model

    def scores(self, flights: Any) -> Floats:
        """The probability of each flight to be late, to six decimals."""
        with threadpool_limits(1):
            probability: Floats = self._estimator.predict_proba(self._matrix(flights))[:, 1]
        return probability.round(6)

    def _matrix(self, flights: Any) -> Floats:
        # A category that training never saw becomes NaN, which the trees take for missing.
        columns = [
            pc.index_in(flights[name], value_set=self._categories[name])
            if name in _CATEGORIES
            else flights[name]
            for name in FEATURES
        ]
        return np.column_stack([np.asarray(pc.cast(column, pa.float64())) for column in columns])


def training(flights: Any) -> Any:
    """Which flights are training rows."""
    return pc.less_equal(flights["month"], _TRAINING_MONTHS)
