"""A version of a model as read under one spec: its features, segments, classes, waiting predictions and sums.

A new spec begins a new era of the version. What waits was predicted under the old one, and is scored under it.
"""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np

from monitor_stream.events.delta import Floats, Outcome, Scored, Table
from monitor_stream.events.spec import Feature, ModelSpec, NumericReference
from monitor_stream.events.tables import (
    COLUMNS,
    DELAY_BOUNDS,
    ERROR_BOUNDS,
    FEATURES,
    LATENCY_BOUNDS,
    PERFORMANCE,
    PREDICTION,
    SCORE,
    SCORE_BINS,
    TARGET,
    Check,
    TableName,
)
from monitor_stream.observe.columns import Array, Columns
from monitor_stream.observe.feature_sums import FeatureSums
from monitor_stream.observe.features import FeatureReader, FeatureRows, Learned
from monitor_stream.observe.runs import Buffer
from monitor_stream.observe.scoring import Answers, Classes, Truths, scorer
from monitor_stream.observe.segments import ALL, Segments
from monitor_stream.observe.sums import GROUPS, Rows, Windows, pack

#: Rows of the table `features` that are no features, before those that are.
_LATENCY, _DELAY, _ERRORS = np.array(LATENCY_BOUNDS), np.array(DELAY_BOUNDS), np.array(ERROR_BOUNDS)

_SPECIAL: Final = (PREDICTION, SCORE, TARGET)
_CHECKS: Final[tuple[Check, ...]] = Check.__args__  # type: ignore[attr-defined]


class EraState(msgspec.Struct):
    """What of an era is written beside its waiting predictions."""

    spec: ModelSpec
    learned: list[Learned]
    segments: list[tuple[int, str]]
    classes: list[list[str]]


class Era:
    """See the module's docstring."""

    def __init__(self, spec: ModelSpec, truth_classes: Classes, state: EraState | None = None) -> None:
        self.spec = spec
        self.published: ModelSpec | None = None  # the very object that was last found to be the same spec
        self.digest = spec.digest
        self.features = FeatureReader(spec, state.learned if state else ())
        self.segments = Segments(spec, state.segments if state else ())
        self.scorer = scorer(spec, truth_classes)
        if state:
            self.scorer.learn(state.classes)
        self.waiting = Buffer()
        self.outcomes: dict[Outcome, int] = {}
        self._tables: dict[TableName, Rows] = {}
        self._errors: list[tuple[Floats, Floats]] = []
        self._feature_sums = FeatureSums([], learned=False)
        self._feature_count = -1
        self._label_mean = spec.label.mean if isinstance(spec.label, NumericReference) else 0.0
        self._prediction_mean = spec.prediction.mean if isinstance(spec.prediction, NumericReference) else 0.0
        self._score_mean = spec.score.mean if isinstance(spec.score, NumericReference) else 0.0

    @property
    def state(self) -> EraState:
        """What is written, see `EraState`."""
        return EraState(self.spec, self.features.learned, self.segments.known, self.scorer.classes())

    @property
    def learned(self) -> tuple[int, ...]:
        """How much was learned: it only ever grows."""
        features = self.features.learned
        kinds = sum(feature.kind is not None for feature in features)
        return (len(features), kinds, len(self.segments.known), *map(len, self.scorer.classes()))

    @property
    def dirty(self) -> bool:
        """Whether there is anything to publish."""
        return bool(self.outcomes or self._errors or any(self._tables.values()))

    def windows(self, times: Floats) -> Windows:
        """The windows of events."""
        return Windows(times, self.spec.window_seconds)

    def count(self, outcome: Outcome, number: int) -> None:
        """Count what became of predictions."""
        if number:
            self.outcomes[outcome] = self.outcomes.get(outcome, 0) + number

    def check(self, check: Check, windows: Windows, which: Array) -> None:
        """Count a finding for the events it is true of."""
        rows = np.flatnonzero(which)
        if len(rows):
            self._rows("quality").add_each(windows.select(rows), _CHECKS.index(check))

    def observe_traffic(self, windows: Windows, segments: Array, failed: Array, latency: Floats) -> None:
        """Count predictions, and how long they took (NaN: not told)."""
        counts = np.stack([np.ones(len(failed)), failed])
        self._by_segment("traffic", windows, segments, counts)
        told = np.flatnonzero(~np.isnan(latency))
        if len(told):
            self._rows("latency").add_histogram(windows.select(told), _LATENCY, latency[told])

    def observe_features(self, windows: Windows, rows: FeatureRows) -> None:
        """Add up the features of predictions."""
        if self._feature_count != len(self.features.names):
            named: list[Feature | Learned] = [*self.spec.features, *self.features.learned]
            self._feature_sums = FeatureSums(named, learned=self.features.learns)
            self._feature_count = len(named)
        numbers, sums = self._feature_sums.sums(windows, rows)
        count = sums.shape[1]
        keys = (numbers[:, None] * GROUPS + len(_SPECIAL) + np.arange(count)[None, :]).ravel()
        sums = sums.reshape(-1, len(FEATURES))
        seen = sums[:, 0] > 0.0
        self._rows("features").add(keys[seen], sums[seen])

    def observe_answers(self, windows: Windows, answers: Answers) -> None:
        """Add up predictions and scores as if they were features."""
        numbers, mean = self.scorer.numbers(answers), self._prediction_mean
        self._observe_special(PREDICTION, windows, answers.missing, answers.unfit, numbers=numbers, mean=mean)
        if self.spec.task == "binary":
            score, mean = answers.score, self._score_mean
            never = np.zeros(len(score), bool)
            self._observe_special(SCORE, windows, np.isnan(score), never, numbers=score, mean=mean)

    @property
    def columns(self) -> tuple[str, ...]:
        """What is kept of a waiting prediction to score it."""
        extra = {"regression": (), "binary": ("score",), "multiclass": ("p",)}[self.spec.task]
        return ("time", "position", "word", "segments", *extra)

    def score(self, predictions: Columns, truths: Truths, labels: Columns) -> None:
        """Score joined pairs, given the columns of both sides, one row a pair."""
        time, word = predictions["time"], predictions["word"]
        windows = self.windows(time)
        truth, fit = self.scorer.truth(truths)
        self.check("unfit_label", windows, ~fit)
        numbers = truth if self.spec.task == "regression" else None
        self._observe_special(
            TARGET, windows, np.zeros(len(fit), bool), ~fit, numbers=numbers, mean=self._label_mean
        )
        chosen = np.flatnonzero(fit & self.scorer.scorable(word))
        if not len(chosen):
            return
        chance = predictions.get("score", predictions.get("p"))
        scores = self.scorer.score(word[chosen], None if chance is None else chance[chosen], truth[chosen])
        windows = windows.select(chosen)
        self._by_segment("performance", windows, predictions["segments"][chosen], scores.performance)
        for table, codes in scores.counts.items():
            counted = np.flatnonzero(codes >= 0)
            self._rows(table).add_each(windows.select(counted), codes[counted])
        delay = np.maximum(labels["time"][chosen] - time[chosen], 0.0)
        self._rows("delay").add_histogram(windows, _DELAY, delay)
        if scores.multiple is not None:
            self._rows("errors").add_histogram(windows, _ERRORS, scores.multiple)
        order = np.maximum(labels["position"][chosen], predictions["position"][chosen])
        self._errors.append((order, scores.error))

    def take(self) -> tuple[dict[TableName, Table], Scored | None, dict[Outcome, int]]:
        """What there is to publish; nothing is left."""
        tables = {name: self._pack(name, rows) for name, rows in self._tables.items() if rows}
        scored = None
        if self._errors:
            order, error = (np.concatenate(part) for part in zip(*self._errors, strict=True))
            scored = Scored.pack(order, error)
        outcomes = self.outcomes
        self._errors, self.outcomes = [], {}
        return tables, scored, outcomes

    def _pack(self, name: TableName, rows: Rows) -> Table:
        keys, sums = rows.take()
        codes = keys % GROUPS
        if name == "scores":
            # Held as one code a bin, which is far less than 400 columns for each event.
            rowed, places = np.unique(keys - codes % SCORE_BINS, return_inverse=True)
            wide = np.zeros((len(rowed), SCORE_BINS))
            wide[places, codes % SCORE_BINS] = sums[:, 0]
            keys, sums = rowed, wide
        names = {code: self._group(name, code) for code in np.unique(keys % GROUPS).tolist()}
        return pack(keys, sums, names, self.spec.window_seconds)

    def _group(self, table: TableName, code: int) -> str:
        if table in {"traffic", "performance"}:
            return self.segments.groups[code]
        if table == "quality":
            return _CHECKS[code]
        if table == "features":
            return _SPECIAL[code] if code < len(_SPECIAL) else self.features.names[code - len(_SPECIAL)]
        return self.scorer.group(table, code) if table in {"scores", "confusion"} else ""

    def _rows(self, table: TableName) -> Rows:
        rows = self._tables.get(table)
        if rows is None:
            columns = PERFORMANCE[self.spec.task] if table == "performance" else COLUMNS[table]
            rows = self._tables[table] = Rows(1 if table == "scores" else len(columns))
        return rows

    def _by_segment(self, table: TableName, windows: Windows, segments: Array, sums: Floats) -> None:
        rows = self._rows(table)
        rows.add_each(windows, ALL, sums)
        for codes in segments.T:
            rows.add_each(windows, codes.astype(np.int64), sums)

    def _observe_special(
        self,
        name: str,
        windows: Windows,
        missing: Array,
        unfit: Array,
        *,
        numbers: Floats | None = None,
        mean: float = 0.0,
    ) -> None:
        sums = np.zeros((len(FEATURES), len(missing)))
        sums[0], sums[1], sums[2] = 1.0, missing, unfit
        if numbers is not None:
            centred = np.where(missing | unfit, 0.0, numbers - mean)
            sums[5], sums[6] = centred, centred * centred
        self._rows("features").add_each(windows, _SPECIAL.index(name), sums)
