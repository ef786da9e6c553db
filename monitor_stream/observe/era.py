"""A version of a model as read under one spec: its features, segments, classes, waiting predictions and sums.

A new spec begins a new era of the version, at the end of a window. What waits was predicted under the old one, and is scored
under it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np
from msgspec import Raw

from monitor_stream.events.delta import Example, Floats, Ints, Outcome, PairedSample, Sample, Scored, Table
from monitor_stream.events.latency_bins import latency_bin
from monitor_stream.events.spec import ModelSpec, NumericReference
from monitor_stream.events.tables import (
    CALIBRATION_BINS,
    DELAY_BOUNDS,
    ERROR_BOUNDS,
    FEATURES,
    HISTOGRAM_BINS,
    LATENCY_BINS,
    LATENCY_BOUNDS,
    PREDICTION,
    SCORE,
    SCORE_BINS,
    TARGET,
    Check,
    TableName,
    columns,
    grouped,
)
from monitor_stream.observe.answer_histograms import AnswerHistogram
from monitor_stream.observe.attributions import Attributions
from monitor_stream.observe.calibration import CalibrationCounts
from monitor_stream.observe.class_groups import CODES, count_within
from monitor_stream.observe.columns import Array, Columns
from monitor_stream.observe.columns import select as select_rows
from monitor_stream.observe.examples import Examples
from monitor_stream.observe.feature_tables import ANSWERS, FeatureTables
from monitor_stream.observe.features import FeatureReader, FeatureRows, Learned
from monitor_stream.observe.histograms import Histograms, bins_of
from monitor_stream.observe.outliers import NOTHING, Found, Outliers
from monitor_stream.observe.paired import Pairs
from monitor_stream.observe.runs import Buffer
from monitor_stream.observe.sampled_columns import SampledColumns
from monitor_stream.observe.sampling import Sampler
from monitor_stream.observe.scoring import Answers, Classes, Scores, Truths, scorer
from monitor_stream.observe.segments import ALL, Segments
from monitor_stream.observe.smallest import Hashes
from monitor_stream.observe.sums import GROUPS, Rows, Windows, pack

_LATENCY, _DELAY, _ERRORS = np.array(LATENCY_BOUNDS), np.array(DELAY_BOUNDS), np.array(ERROR_BOUNDS)

#: Tables that are held with one code a bin, which is far less than so many columns for each event.
_BINNED: Final[dict[TableName, int]] = {
    "scores": SCORE_BINS,
    "histograms": HISTOGRAM_BINS,
    "latencies": LATENCY_BINS,
    "calibration": CALIBRATION_BINS,
    "estimated_scores": SCORE_BINS,
}
_OF_CLASSES: Final = frozenset({"scores", "confusion", "estimated_scores", "estimated_confusion"})
_CHECKS: Final[tuple[Check, ...]] = Check.__args__  # type: ignore[attr-defined]


class EraState(msgspec.Struct):
    """What of an era is written beside its waiting predictions.

    `start` is the time from which on predictions are read under it, minus infinity once none can come before it; `met`
    and `dimensions` are as in `FeatureReader`.
    """

    spec: ModelSpec
    learned: list[Learned]
    segments: list[tuple[int, str]]
    classes: list[list[str]]
    start: float = -math.inf
    met: dict[str, list[str]] = {}
    dimensions: dict[str, int] = {}


class Taken(NamedTuple):
    """What an era has to publish."""

    tables: dict[TableName, Table]
    scored: Scored | None
    outcomes: dict[Outcome, int]
    samples: list[Sample]
    paired: list[PairedSample]
    examples: list[Example]


class Era:
    """See the module's docstring."""

    def __init__(self, spec: ModelSpec, truth_classes: Classes, state: EraState | None = None) -> None:
        self.spec = spec
        self.published: ModelSpec | None = None  # the very object that was last found to be the same spec
        self.digest = spec.digest
        self.start = state.start if state else -math.inf
        self.features = (
            FeatureReader(spec, state.learned, state.met, state.dimensions) if state else FeatureReader(spec)
        )
        self.segments = Segments(spec, state.segments if state else ())
        self.scorer = scorer(spec, truth_classes)
        if state:
            self.scorer.learn(state.classes)
        self.waiting = Buffer()
        self.outcomes: dict[Outcome, int] = {}
        self._tables: dict[TableName, Rows] = {}
        self._errors: list[tuple[Floats, ...]] = []
        self._calibration = CalibrationCounts(spec)
        self._feature_tables = FeatureTables(self.features)
        self._attributions = Attributions(spec)
        self._outliers = Outliers(spec)
        self._examples = Examples(spec, self._outliers.reasons)
        self._sampler = Sampler(spec.drift.span_seconds)
        self._pairs = Pairs(spec)
        self._histograms = {
            name: AnswerHistogram(spec, reference, ANSWERS.index(name))
            for name, reference in ((PREDICTION, spec.prediction), (TARGET, spec.label))
        }
        self._scores = Histograms({ANSWERS.index(SCORE): bins_of(spec.score)})
        self._label_mean = spec.label.mean if isinstance(spec.label, NumericReference) else 0.0
        self._prediction_mean = spec.prediction.mean if isinstance(spec.prediction, NumericReference) else 0.0
        self._score_mean = spec.score.mean if isinstance(spec.score, NumericReference) else 0.0

    @property
    def state(self) -> EraState:
        """What is written, see `EraState`."""
        features = self.features
        return EraState(
            self.spec,
            features.learned,
            self.segments.known,
            self.scorer.classes(),
            self.start,
            features.met,
            features.vectors.dimensions,
        )

    @property
    def learned(self) -> tuple[float, ...]:
        """How much was learned: what is written changes if this does."""
        features = self.features.learned
        kinds = sum(feature.kind is not None for feature in features)
        met = sum(len(categories.met) for categories in self.features.categories.values())
        sizes = (len(features), kinds, met, len(self.features.vectors.dimensions), len(self.segments.known))
        return (*sizes, self.start, *map(len, self.scorer.classes()))

    @property
    def dirty(self) -> bool:
        """Whether there is anything to publish."""
        sampled = self._sampler or self._pairs or self._examples
        return bool(self.outcomes or self._errors or sampled or any(self._tables.values()))

    def windows(self, times: Floats) -> Windows:
        """The windows of events."""
        return Windows(times, self.spec.window_seconds)

    def spans(self, times: Floats) -> Windows:
        """The drift spans of events."""
        return Windows(times, self.spec.drift.span_seconds)

    def count(self, outcome: Outcome, number: int) -> None:
        """Count what became of predictions."""
        if number:
            self.outcomes[outcome] = self.outcomes.get(outcome, 0) + number

    def check(self, check: Check, windows: Windows, which: Array) -> None:
        """Count a finding for the events it is true of."""
        rows = which.nonzero()[0]
        if len(rows):
            self._rows("quality").add_each(windows.select(rows), _CHECKS.index(check))

    def observe_traffic(self, windows: Windows, segments: Array, failed: Array, latency: Floats) -> None:
        """Count predictions, and how long they took (NaN: not told)."""
        counts = np.stack([np.ones(len(failed)), failed])
        self._by_segment("traffic", windows, segments, counts)
        told = np.flatnonzero(~np.isnan(latency))
        if len(told):
            windows, seconds = windows.select(told), latency[told]
            self._rows("latency").add_histogram(windows, _LATENCY, seconds)
            self._rows("latencies").add_each(windows, latency_bin(seconds))

    def observe_features(self, windows: Windows, spans: Windows, rows: FeatureRows) -> None:
        """Add up the features of predictions."""
        self._feature_tables.observe(windows, spans, rows, self._rows)

    def observe_attributions(self, windows: Windows, raws: Sequence[Raw]) -> None:
        """Add up what features contributed to answers, from the field of the events."""
        self._attributions.observe(windows, raws, self._rows("attributions"))

    def observe_outliers(self, windows: Windows, rows: FeatureRows) -> Found:
        """Count rows that are unlike the reference; which ones are."""
        if not self._outliers:
            return NOTHING
        return self._outliers.observe(windows, rows.matrix, rows.given, self._rows("outliers"))

    def keep_examples(
        self,
        found: Found,
        named: Array,
        times: Floats,
        hashes: Hashes,
        record: Callable[[int], bytes | None],
    ) -> None:
        """Keep those as they are that are furthest from the reference, of the predictions that are named."""
        self._examples.offer(found, named, times, hashes, record)

    def observe_answers(self, windows: Windows, spans: Windows, segments: Array, answers: Answers) -> None:
        """Add up what was answered, and predictions and scores as if they were features."""
        said = self.scorer.said(answers)
        if said is not None:
            fit = ~np.isnan(said)
            value = said if fit.all() else np.where(fit, said, 0.0)
            self._by_segment("answers", windows, segments, np.stack([fit, value, value * value]))
        classes = self.scorer.said_classes(answers) if self.segments.sensitive else None
        if classes is not None:
            some = np.flatnonzero(~answers.missing)
            sensitive = segments[:, self.segments.sensitive][some]
            rows = self._rows("group_classes")
            count_within("group_classes", rows, windows.select(some), sensitive, classes[some])
        numbers, mean = self.scorer.numbers(answers), self._prediction_mean
        self._observe_special(PREDICTION, windows, answers.missing, answers.unfit, numbers=numbers, mean=mean)
        words = answers.word if self.spec.task == "multiclass" else answers.word.view(np.float64)
        self._histograms[PREDICTION].add(self._rows("histograms"), spans, words)
        if self.spec.task == "binary":
            score, mean = answers.score, self._score_mean
            never = np.zeros(len(score), bool)
            self._observe_special(SCORE, windows, np.isnan(score), never, numbers=score, mean=mean)
            self._scores.add(self._rows("histograms"), spans, score[:, None])

    def foretell(self, windows: Windows, answers: Answers, matrix: Floats, rows: Ints) -> None:
        """Add up what can be said of predictions before their labels come: `rows` tells theirs of the matrix of features."""
        proxies = self.scorer.proxies(answers)
        if proxies is not None:
            some = np.flatnonzero(proxies[0])
            self._rows("proxies").add_each(windows.select(some), ALL, proxies[:, some])
        foretold = self.scorer.foretell(answers, matrix, rows)
        if foretold is None:
            return
        self._rows("estimates").add_each(windows.select(foretold.rows), ALL, foretold.sums)
        for table, told in foretold.counts.items():
            self._rows(table).add_each(windows.select(told.rows), told.codes, told.weights[None, :])

    def sample(
        self, spans: Windows, hashes: Hashes, rows: FeatureRows, places: Ints, answers: Floats
    ) -> None:
        """Let predictions into the sample: `places` tells their rows, `answers` is the last column."""
        self._sampler.offer(spans, hashes, rows.matrix, places, answers)

    def sampled_answers(self, answers: Answers) -> Floats:
        """The last column of sampled rows: the score, in a regression the prediction."""
        numbers = self.scorer.numbers(answers)
        return answers.score if numbers is None else numbers

    @property
    def columns(self) -> tuple[str, ...]:
        """What is kept of a waiting prediction to score it."""
        return ("time", "position", "word", "segments", *self.scorer.columns)

    def score(self, predictions: Columns, truths: Truths, labels: Columns, *, compared: bool) -> None:
        """Score joined pairs, given the columns of both sides, one row a pair; sample them where versions are compared."""
        time, word = predictions["time"], predictions["word"]
        windows = self.windows(time)
        truth, fit = self.scorer.truth(truths)
        self.check("unfit_label", windows, ~fit)
        numbers = truth if self.spec.task == "regression" else None
        self._observe_special(
            TARGET, windows, np.zeros(len(fit), bool), ~fit, numbers=numbers, mean=self._label_mean
        )
        if fit.all():
            self._histograms[TARGET].add(self._rows("histograms"), self.spans(time), truth)
        else:
            known = fit.nonzero()[0]
            self._histograms[TARGET].add(self._rows("histograms"), self.spans(time[known]), truth[known])
        chosen = np.flatnonzero(fit & self.scorer.scorable(word))
        if not len(chosen):
            return
        predictions = select_rows(predictions, chosen)
        scores = self.scorer.score(predictions, truth[chosen])
        windows, segments = windows.select(chosen), predictions["segments"]
        self._by_segment("performance", windows, segments, scores.performance)
        self._hold_against(windows, segments[:, self.segments.sensitive], scores)
        for table, codes in scores.counts.items():
            counted = np.flatnonzero(codes >= 0)
            self._rows(table).add_each(windows.select(counted), codes[counted])
        delay = np.maximum(labels["time"][chosen] - predictions["time"], 0.0)
        self._rows("delay").add_histogram(windows, _DELAY, delay)
        if scores.multiple is not None:
            self._rows("errors").add_histogram(windows, _ERRORS, scores.multiple)
        position = labels["position"][chosen]
        order = np.maximum(position, predictions["position"])
        told = () if scores.expected is None else (scores.expected,)
        self._errors.append((order, scores.error, *told))
        if compared:
            self._pairs.offer(
                self.spans(position), labels["hash"][chosen], scores.error, predictions["segments"]
            )

    def _hold_against(self, windows: Windows, sensitive: Array, scores: Scores) -> None:
        """Hold scores and answers of pairs against what came true, also by sensitive groups."""
        if scores.confidence is not None and scores.came_true is not None:
            rows = self._rows("calibration")
            self._calibration.add(rows, windows, sensitive, scores.confidence, scores.came_true)
        if scores.cells is not None:
            count_within("group_confusion", self._rows("group_confusion"), windows, sensitive, scores.cells)

    def take(self) -> Taken:
        """What there is to publish; nothing is left."""
        tables = {name: self._pack(name, rows) for name, rows in self._tables.items() if rows}
        scored = None
        if self._errors:
            scored = Scored.pack(*(np.concatenate(part) for part in zip(*self._errors, strict=True)))
        columns = SampledColumns(self.features.features, self.features.categories)
        samples = self._sampler.take(columns) if self._sampler else []
        paired = self._pairs.take(self.segments.groups) if self._pairs else []
        examples = self._examples.take()
        taken = Taken(tables, scored, self.outcomes, samples, paired, examples)
        self._errors, self.outcomes = [], {}
        return taken

    def _pack(self, name: TableName, rows: Rows) -> Table:
        keys, sums = rows.take()
        if name in _BINNED:
            bins = _BINNED[name]
            cells = keys % GROUPS
            rowed, places = np.unique(keys - cells + cells // bins, return_inverse=True)
            wide = np.zeros((len(rowed), bins, rows.width))
            wide[places, cells % bins] = sums
            keys, sums = rowed, wide.reshape(len(rowed), -1)
        names = {code: self._group(name, code) for code in np.unique(keys % GROUPS).tolist()}
        seconds = self.spec.drift.span_seconds if name == "histograms" else self.spec.window_seconds
        return pack(keys, sums, names, seconds)

    def _group(self, table: TableName, code: int) -> str:
        if table in {"traffic", "answers", "performance", "calibration"}:
            return self.segments.groups[code]
        if table in CODES:
            return grouped(
                self.segments.groups[code // CODES[table]], self.scorer.group(table, code % CODES[table])
            )
        if table == "quality":
            return _CHECKS[code]
        if table in {"features", "histograms"} and code < len(ANSWERS):
            return ANSWERS[code]
        if table in {"features", "histograms", "unseen"}:
            return self._feature_tables.group(table, code)
        if table == "attributions":
            return self._attributions.names[code]
        if table == "outliers":
            return self._outliers.group(code)
        return self.scorer.group(table, code) if table in _OF_CLASSES else ""

    def _rows(self, table: TableName) -> Rows:
        rows = self._tables.get(table)
        if rows is None:
            wide = len(columns(table, self.spec.task))
            rows = self._tables[table] = Rows(wide // _BINNED.get(table, 1))
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
        self._rows("features").add_each(windows, ANSWERS.index(name), sums)
