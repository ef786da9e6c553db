"""The results of all models as Prometheus metrics: a snapshot at each scrape.

Counters are the exact totals of the documents, so they go on after a restart, and what is gone from the documents is
gone from the metrics. Nothing is kept from scrape to scrape but who has a series (`limits`) and what was cut.
"""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol

from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from monitor_stream.events.fold import Topic
from monitor_stream.events.results import ColumnDrift, Metrics, ModelResults, SourceResults, VersionResults
from monitor_stream.events.tables import PREDICTION, SCORE, TARGET
from monitor_stream.metrics import catalogue
from monitor_stream.metrics.catalogue import MEASURE_OF, Metric
from monitor_stream.metrics.comparisons import add_comparisons
from monitor_stream.metrics.documents import Documents
from monitor_stream.metrics.estimates import add_estimates
from monitor_stream.metrics.exposition import Exposition
from monitor_stream.metrics.fairness import add_fairness, add_segment_losses
from monitor_stream.metrics.incidents import add_incidents
from monitor_stream.metrics.limits import Seats, SeriesLimits, fold
from monitor_stream.metrics.newest import add_newest

#: Field of a feature's totals → the label it is exported under.
_INVALID = {"missing": "missing", "wrong_type": "type", "out_of_range": "range", "unseen": "unseen"}
#: Columns that are no features; they always have a series.
_SPECIAL = frozenset({PREDICTION, SCORE, TARGET})
#: What stands for the feature where rows are looked at as a whole.
_ROWS = "__rows__"
#: What looks at rows as a whole; other columns beside it are vectors, judged by their centroids.
_WHOLE = frozenset({"reconstruction_error", "domain_classifier", "half_space_trees"})
_VECTOR = "centroid"
#: Outcomes that belong to a version; the others belong to the model. Both begin at zero.
_OF_VERSION = ("joined", "expired", "evicted")
_OF_MODEL = ("duplicate", "orphan")


class Source(Protocol):
    """Where the collector reads: the newest documents, and how often they could not be read."""

    @property
    def latest(self) -> Documents: ...

    @property
    def failures(self) -> int: ...


class ResultsCollector(Collector):
    """See the module's docstring. May be scraped from several threads.

    Parameters
    ----------
    source
        Asked at each scrape; whoever answers the scrape has brought it up to date before.
    topic_name
        From a topic's role to its name on the broker.
    """

    def __init__(self, source: Source, limits: SeriesLimits, topic_name: Callable[[Topic], str]) -> None:
        self._source = source
        self._limits = limits
        self._topic_name = topic_name
        self._lock = threading.Lock()
        self._models = Seats(limits.models)
        self._seats: dict[tuple[str, str, str], Seats] = {}
        self._cut: Counter[str] = Counter()

    def describe(self) -> Iterable[Family]:
        """Nothing: otherwise registering would read the store."""
        return []

    def collect(self) -> Iterator[Family]:
        with self._lock:
            began = time.perf_counter()
            out = Exposition()
            self._add_documents(out, self._source.latest)
            out.add(catalogue.COLLECTOR_SERIES, (), out.series)
            out.add(catalogue.COLLECTOR_ERRORS, (), self._source.failures)
            for name, count in sorted(self._cut.items()):
                out.add(catalogue.SERIES_LIMIT_EXCEEDED, (name,), count)
            out.add(catalogue.COLLECTOR_DURATION, (), time.perf_counter() - began)
        yield from out.families()

    def _add_documents(self, out: Exposition, documents: Documents) -> None:
        self._add_sources(out, documents.sources)
        seated = self._models.choose(dict.fromkeys(documents.models, 0.0))
        self._count_cut(catalogue.MODEL_INFO, len(documents.models) - len(seated))
        shown = {}
        for name in sorted(seated):
            model = documents.models[name]
            versions = sorted(model.versions.values(), key=_activity, reverse=True)
            self._count_cut(catalogue.MODEL_INFO, len(versions) - self._limits.versions)
            shown[name] = versions[: self._limits.versions]
            _add_model(out, model, shown[name])
            for version in shown[name]:
                self._add_version(out, name, version)
        self._forget(shown)

    def _add_sources(self, out: Exposition, sources: Iterable[SourceResults]) -> None:
        read: Counter[str] = Counter()
        dead: Counter[tuple[str, str]] = Counter()
        newest: dict[str, float] = {}
        for source in sources:
            read.update(source.records)
            for topic, reasons in source.dead_letters.items():
                dead.update({(topic, reason): count for reason, count in reasons.items()})
            for topic, moment in source.newest.items():
                newest[topic] = max(moment, newest.get(topic, moment))
        for topic, count in sorted(read.items()):
            out.add(catalogue.READ, (self._name(topic),), count)
        for (topic, reason), count in sorted(dead.items()):
            out.add(catalogue.DEAD_LETTERS, (self._name(topic), reason), count)
        for topic, moment in sorted(newest.items()):
            out.add(catalogue.NEWEST, (self._name(topic),), moment)

    def _name(self, role: str) -> str:
        return self._topic_name(role)  # type: ignore[arg-type]  # keys of a document are plain text

    def _add_version(self, out: Exposition, model: str, version: VersionResults) -> None:
        of = (model, version.version)
        _add_traffic(out, of, version)
        _add_truth(out, of, version)
        _add_quality(out, of, version)
        _add_drift(out, of, version)
        _add_checks(out, of, version)
        add_estimates(out, of, version)
        add_newest(out, of, version)
        add_segment_losses(out, of, version.segment_losses)
        self._add_fairness(out, of, version)
        self._add_segments(out, of, version)
        self._add_features(out, of, version)
        self._add_distances(out, of, version)

    def _add_segments(self, out: Exposition, of: tuple[str, str], version: VersionResults) -> None:
        totals = version.totals
        zeros = dict.fromkeys((*totals.predictions, *totals.scored, *totals.bad), 0) or {"": 0}
        seated = self._seats_of("segments", of, self._limits.segments).choose(zeros | totals.predictions)
        for metric, counts in (
            (catalogue.PREDICTIONS, totals.predictions),
            (catalogue.SCORED, totals.scored),
            (catalogue.BAD, totals.bad),
        ):
            self._count_cut(metric, len(zeros) - len(seated))
            for segment, count in fold((zeros | counts).items(), seated).items():
                out.add(metric, (*of, segment), count)

    def _add_fairness(self, out: Exposition, of: tuple[str, str], version: VersionResults) -> None:
        unfair = {
            found.attribute: float(any(gap.verdict == "unfair" for gap in found.gaps))
            for found in version.fairness
        }
        seated = self._seats_of("fairness", of, self._limits.features, urgent=0.0).choose(unfair)
        self._count_cut(catalogue.FAIRNESS_GAP, len(unfair) - len(seated))
        add_fairness(out, of, version, seated)

    def _add_features(self, out: Exposition, of: tuple[str, str], version: VersionResults) -> None:
        features = version.totals.features
        worst = {
            name: float(sum(counts.get(field, 0) for field in _INVALID)) for name, counts in features.items()
        }
        seated = self._seats_of("features", of, self._limits.features).choose(worst)
        for metric in (catalogue.FEATURE_VALUES, catalogue.FEATURE_INVALID):
            self._count_cut(metric, len(features) - len(seated))
        for feature, count in _column(features, "values", seated).items():
            out.add(catalogue.FEATURE_VALUES, (*of, feature), count)
        for field, reason in _INVALID.items():
            for feature, count in _column(features, field, seated).items():
                out.add(catalogue.FEATURE_INVALID, (*of, feature, reason), count)

    def _add_distances(self, out: Exposition, of: tuple[str, str], version: VersionResults) -> None:
        """Of the newest span; a label's is of the newest one that settled, since labels come late."""
        if not version.drift:
            return
        newest = version.drift[-1]
        vectors = [column for column in newest.multivariate if column.column not in _WHOLE]
        judged = [*newest.columns, *vectors]
        ratios = {column.column: _ratio(column) for column in judged if column.column not in _SPECIAL}
        seated = self._seats_of("drift", of, self._limits.features, urgent=1.0).choose(ratios)
        for metric in (catalogue.DRIFT_SCORE, catalogue.DRIFT_RATIO):
            self._count_cut(metric, len(ratios) - len(seated))
        shown = [column for column in judged if column.column in seated or column.column in _SPECIAL]
        labelled = [column for span in version.drift for column in span.columns if column.column == TARGET]
        for column in (*(column for column in shown if column.column != TARGET), *labelled[-1:]):
            _add_distance(out, (*of, column.column, column.method or _VECTOR), column)
        for method in newest.multivariate:
            if method.column in _WHOLE:
                _add_distance(out, (*of, _ROWS, method.column), method)

    def _seats_of(self, kind: str, of: tuple[str, str], limit: int, *, urgent: float = math.inf) -> Seats:
        return self._seats.setdefault((kind, *of), Seats(limit, urgent))

    def _count_cut(self, metric: Metric, count: int) -> None:
        self._cut[metric.name] += max(count, 0)

    def _forget(self, shown: Mapping[str, list[VersionResults]]) -> None:
        living = {(model, version.version) for model, versions in shown.items() for version in versions}
        for key in [key for key in self._seats if key[1:] not in living]:
            del self._seats[key]


def _ratio(column: ColumnDrift) -> float:
    """The score in thresholds, 0 where either is not known."""
    return column.value / column.threshold if column.value is not None and column.threshold else 0.0


def _add_distance(out: Exposition, labels: tuple[str, str, str, str], column: ColumnDrift) -> None:
    if column.value is None:
        return
    out.add(catalogue.DRIFT_SCORE, labels, column.value)
    if column.threshold:
        out.add(catalogue.DRIFT_RATIO, labels, _ratio(column))


def _activity(version: VersionResults) -> tuple[float, str]:
    return (version.newest_prediction or 0.0, version.version)


def _column(features: Mapping[str, Mapping[str, int]], field: str, seated: frozenset[str]) -> dict[str, int]:
    return fold(((name, counts.get(field, 0)) for name, counts in features.items()), seated)


def _add_model(out: Exposition, model: ModelResults, versions: list[VersionResults]) -> None:
    of = (model.model,)
    out.add(catalogue.UPDATED, of, model.updated)
    out.add(catalogue.FORKS, of, model.forks)
    out.add(catalogue.GAPS, of, model.gaps)
    if model.watermark is not None:
        out.add(catalogue.WATERMARK, of, model.watermark)
    if versions:
        out.add(catalogue.STALENESS_LIMIT, of, max(version.staleness_seconds for version in versions))
    objectives = [version.objective for version in versions if version.objective is not None]
    if objectives:
        out.add(catalogue.OBJECTIVE, of, max(objectives))
    add_comparisons(out, model.model, model.comparisons, [version.version for version in versions])
    for outcome, count in (dict.fromkeys(_OF_MODEL, 0) | model.outcomes).items():
        out.add(catalogue.LABELS, (model.model, "", outcome), count)
    for version in versions:
        incidents = [each for each in model.incidents if each.version == version.version]
        add_incidents(out, (model.model, version.version), incidents, version.incidents_opened)


def _add_traffic(out: Exposition, of: tuple[str, str], version: VersionResults) -> None:
    spec = (version.task, version.owner, version.tier, version.stage)
    out.add(catalogue.MODEL_INFO, (*of, *spec), 1)
    out.add(catalogue.FAILED_PREDICTIONS, of, version.totals.failed)
    out.add_histogram(catalogue.LATENCY, of, version.totals.latency)
    if version.newest_prediction is not None:
        out.add(catalogue.LAST_EVENT, of, version.newest_prediction)


def _add_truth(out: Exposition, of: tuple[str, str], version: VersionResults) -> None:
    for outcome, count in (dict.fromkeys(_OF_VERSION, 0) | version.totals.outcomes).items():
        out.add(catalogue.LABELS, (*of, outcome), count)
    out.add(catalogue.PENDING, of, version.pending)
    out.add_histogram(catalogue.LABEL_DELAY, of, version.totals.label_delay)
    if version.newest_label is not None:
        out.add(catalogue.LAST_LABEL, of, version.newest_label)
    if version.windows:
        newest = version.windows[-1]
        out.add(catalogue.WINDOW_END, of, newest.end.timestamp())
        if newest.n:
            out.add(catalogue.LABELLED_RATIO, of, newest.labelled_share)


def _add_quality(out: Exposition, of: tuple[str, str], version: VersionResults) -> None:
    out.add(catalogue.MIN_SAMPLES, of, version.min_samples)
    for window, rolling in version.rolling.items():
        out.add(catalogue.SAMPLES, (*of, window), rolling.metrics.scored)
        _add_metrics(out, of, window, rolling.metrics)
    for metric, value in version.baseline.items():
        if metric in MEASURE_OF:
            out.add(MEASURE_OF[metric].baseline, (*of, metric), value)
    for metric, value in version.baseline_limit.items():
        out.add(catalogue.LIMIT, (*of, metric), value)
    if version.totals.absolute_error is not None:
        out.add_histogram(catalogue.ABSOLUTE_ERROR, of, version.totals.absolute_error)


def _add_metrics(out: Exposition, of: tuple[str, str], window: str, metrics: Metrics) -> None:
    for metric, value in metrics.values.items():
        if metric in MEASURE_OF:
            out.add(MEASURE_OF[metric].current, (*of, metric, window), value)


def _add_drift(out: Exposition, of: tuple[str, str], version: VersionResults) -> None:
    detectors = dict.fromkeys(catalogue.DETECTOR.values, 0)
    for detector, count in (detectors | version.totals.detections).items():
        out.add(catalogue.DETECTIONS, (*of, detector), count)
    if version.reference_made is not None:
        out.add(catalogue.REFERENCE, of, version.reference_made)
    if version.drift:
        newest = version.drift[-1]
        features = [c for c in newest.columns if c.column not in _SPECIAL and c.value is not None]
        out.add(catalogue.DRIFT_SAMPLES, of, newest.n)
        out.add(catalogue.DRIFT_MIN_SAMPLES, of, version.min_samples)
        out.add(catalogue.DRIFT_END, of, newest.end.timestamp())
        out.add(catalogue.MONITORED, of, len(features))
        out.add(catalogue.DRIFTED, of, sum(column.drifted for column in features))


def _add_checks(out: Exposition, of: tuple[str, str], version: VersionResults) -> None:
    checks = dict.fromkeys(catalogue.CHECK.values, 0) | version.totals.quality
    out.add(catalogue.LATE, of, checks.pop("late", 0))
    for check, count in checks.items():
        out.add(catalogue.VIOLATIONS, (*of, check), count)
    out.add(catalogue.LATE_ROWS, of, version.totals.late_rows)
