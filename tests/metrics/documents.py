"""Result documents as JUDGE and OBSERVE write them: a healthy model, a drifting one, one without labels."""

import math
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec

from monitor_stream.events.results import (
    ColumnDrift,
    Detection,
    DriftSpan,
    FeatureResult,
    Finding,
    Histogram,
    Incident,
    Metrics,
    ModelResults,
    Rolling,
    SegmentResult,
    SourceResults,
    VersionResults,
    VersionTotals,
    Window,
)
from monitor_stream.events.spec import ServiceRules, Task
from monitor_stream.events.tables import DELAY_BOUNDS, ERROR_BOUNDS, LATENCY_BOUNDS
from monitor_stream.metrics.documents import Documents
from tests.metrics import judged

START = datetime(2013, 3, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)

#: A name that would run in a page that does not escape, and split a line in an exposition that does not.
HOSTILE = "<img src=x onerror=alert(1)>"

LATENCY = {"0.5": 0.0031, "0.9": 0.0072, "0.95": 0.0094, "0.99": 0.021}
CARRIERS = {"UA": 0.31, "B6": 0.28, "EV": 0.25, "DL": 0.16}


def histogram(bounds: tuple[float, ...], count: int) -> Histogram:
    """A histogram with `count` values, most of them in the middle."""
    middle = len(bounds) // 2
    counts = [0] * (len(bounds) + 1)
    counts[middle - 1], counts[middle], counts[-1] = (
        count // 4,
        count - count // 4 - count // 100,
        count // 100,
    )
    return Histogram(bounds=list(bounds), counts=counts, sum=count * bounds[middle] * 0.7)


def binary_metrics(scored: int, accuracy: float) -> Metrics:
    return Metrics(
        scored=scored,
        bad=round(scored * (1 - accuracy)),
        values={
            "accuracy": accuracy,
            "precision": accuracy - 0.2,
            "recall": 0.12,
            "f1": 0.19,
            "log_loss": 1.3 - accuracy,
            "brier": 0.94 - accuracy,
            "auc": accuracy - 0.15,
            "base_rate": 0.22,
            "mean_score": 0.21,
        },
    )


def regression_metrics(scored: int, mae: float) -> Metrics:
    return Metrics(
        scored=scored,
        bad=round(scored * min(mae / 300, 1.0)),
        values={
            "mae": mae,
            "rmse": 1.4 * mae,
            "bias": -0.6 * mae,
            "wape": mae / 230,
            "r2": 1 - (mae / 180) ** 2,
        },
    )


def metrics_of(task: Task, scored: int, level: float) -> Metrics:
    if not scored:
        return Metrics(not_computable={"accuracy": "no labels yet"})
    return regression_metrics(scored, level) if task == "regression" else binary_metrics(scored, level)


def window(
    *,
    model: str,
    version: str,
    task: Task,
    start: datetime,
    length: timedelta,
    n: int,
    labelled: int,
    level: float,
    settled: bool = True,
    segment: str = "carrier",
) -> Window:
    return Window(
        model=model,
        version=version,
        start=start,
        end=start + length,
        revision=3 if settled else 1,
        settled=settled,
        n=n,
        failed=n // 400,
        labelled=labelled,
        labelled_share=labelled / n if n else 0.0,
        reference="8f1c2ab09e31",
        metrics=metrics_of(task, labelled, level),
        segments=[
            SegmentResult(
                segment=segment,
                value=value,
                n=round(n * share),
                metrics=metrics_of(task, round(labelled * share), level * (1.06 - share / 3)),
            )
            for value, share in CARRIERS.items()
        ],
        features=[
            FeatureResult(
                name="distance",
                values=n,
                missing=n // 50,
                wrong_type=0,
                out_of_range=2,
                unseen=0,
                mean=1049.0,
                std=735.0,
            ),
            FeatureResult(name="carrier", values=n, missing=0, wrong_type=0, out_of_range=0, unseen=n // 90),
        ],
        quality={"unknown_field": 4},
        latency_mean_seconds=0.0042,
        label_delay_mean_seconds=9300.0,
        latency_quantiles=LATENCY,
        timeouts=n // 20,
        outlier_share=0.0125,
        estimates=judged.estimates(n) if task == "binary" else None,
    )


def totals(
    predictions: int, scored: int, bad: int, *, task: Task, with_segments: bool = True
) -> VersionTotals:
    """Totals split by carrier, so that the parts add up to the whole."""

    def split(count: int) -> dict[str, int]:
        if not with_segments:
            return {"": count}
        parts = {carrier: round(count * share) for carrier, share in CARRIERS.items()}
        parts["UA"] += count - sum(parts.values())
        return parts

    return VersionTotals(
        predictions=split(predictions),
        scored=split(scored),
        bad=split(bad),
        failed=predictions // 400,
        outcomes={"joined": scored, "expired": (predictions - scored) // 2} if scored else {},
        quality={"unknown_field": 41, "without_id": 3, "late": 7},
        features={
            "distance": {
                "values": predictions,
                "missing": 512,
                "wrong_type": 1,
                "out_of_range": 88,
                "unseen": 0,
            },
            "carrier": {
                "values": predictions,
                "missing": 0,
                "wrong_type": 0,
                "out_of_range": 0,
                "unseen": 230,
            },
            "hour": {"values": predictions, "missing": 0, "wrong_type": 0, "out_of_range": 0, "unseen": 0},
        },
        detections={"adwin": 1} if task == "regression" else {},
        latency=histogram(LATENCY_BOUNDS, predictions),
        label_delay=histogram(DELAY_BOUNDS, scored),
        absolute_error=histogram(tuple(bound * 30 for bound in ERROR_BOUNDS), scored)
        if task == "regression"
        else None,
        late_rows=0,
    )


def rolling(task: Task, end: datetime, n: int, level: float) -> dict[Literal["5m", "1h", "1d"], Rolling]:
    def roll(seconds: float, n: int, scored: int) -> Rolling:
        foretold = judged.regression_estimates(n) if task == "regression" else judged.estimates(n)
        return Rolling(
            seconds=seconds,
            end=end,
            n=n,
            metrics=metrics_of(task, scored, level),
            estimates=foretold,
            latency_quantiles=LATENCY,
        )

    return {
        "5m": roll(300, n // 200, n // 300),
        "1h": roll(3600, n // 20, n // 30),
        "1d": roll(86400, n, n * 9 // 10),
    }


def column(name: str, ratio: float, *, n: int = 900) -> ColumnDrift:
    """A column so many times its threshold away."""
    return ColumnDrift(
        column=name,
        n=n,
        method="js",
        value=0.08 * ratio,
        expected=0.03,
        threshold=0.08,
        p_value=0.3 if ratio < 1.0 else 1e-9,
        drifted=ratio > 1.0,
        top=[("UA", 0.31, 0.31 + 0.1 * ratio)],
    )


def drift_span(
    start: datetime, columns: list[ColumnDrift], *, settled: bool, model: str, version: str
) -> DriftSpan:
    """A day of drift."""
    features = [each for each in columns if not each.column.startswith("__") and each.value is not None]
    share = sum(each.drifted for each in features) / len(features) if features else None
    return DriftSpan(
        model=model,
        version=version,
        start=start,
        end=start + DAY,
        revision=2 if settled else 1,
        settled=settled,
        n=900,
        reference="8f1c2ab09e31",
        columns=columns,
        drifted_share=share,
    )


def flight_drift() -> list[DriftSpan]:
    """Two days that have settled, with labels, and one that has closed, on which the carriers moved."""

    def day(at: int, carrier: float, *, settled: bool) -> DriftSpan:
        columns = [column("carrier", carrier), column("distance", 0.4), column("__score__", 0.6)]
        columns.append(ColumnDrift(column="gate", n=0, not_computable="no values"))
        columns += [column("__target__", 0.2 + at / 10)] if settled else []
        span = drift_span(START + at * DAY, columns, settled=settled, model="flight-late", version="3")
        together = [
            ColumnDrift(column="domain_classifier", n=500, value=0.52, expected=0.5, threshold=0.56),
            ColumnDrift(column="embedding", n=900, value=0.1, expected=0.05, threshold=0.2),
        ]
        return msgspec.structs.replace(span, multivariate=together)

    return [day(0, 0.3, settled=True), day(1, 0.5, settled=True), day(2, 2.5, settled=False)]


def flight_late(*, predictions: int = 284_821, scored: int = 277_337, updated: float = 1.7e9) -> ModelResults:
    """A binary model in its band, with a hundred hours of windows and ninety days."""
    end = START + 100 * HOUR

    def make(start: datetime, length: timedelta, index: int, n: int) -> Window:
        fresh = index < 97
        return window(
            model="flight-late",
            version="3",
            task="binary",
            start=start,
            length=length,
            n=n,
            labelled=round(n * (0.97 if fresh else 0.2 * (100 - index))),
            level=0.795 + 0.02 * math.sin(index / 5),
            settled=index < 70,
        )

    windows = [
        make(START + i * HOUR, HOUR, i, 40 + round(25 * (1 + math.sin(i * math.pi / 12)))) for i in range(100)
    ]
    days = [make(START - (90 - i) * DAY, DAY, i, 850 + 60 * (i % 7)) for i in range(90)]
    version = VersionResults(
        version="3",
        task="binary",
        owner="ops-research",
        tier="1",
        stage="champion",
        inferred=False,
        digest="8f1c2ab09e31",
        objective=0.75,
        staleness_seconds=3600.0,
        min_samples=500,
        baseline={"accuracy": 0.801, "auc": 0.652, "log_loss": 0.47},
        baseline_limit={"accuracy": 0.742, "auc": 0.61, "log_loss": 0.55},
        totals=totals(predictions, scored, round(scored * 0.21), task="binary"),
        pending=412,
        newest_prediction=end.timestamp(),
        newest_label=(end - HOUR).timestamp(),
        errors_seen=scored,
        drift_detected=False,
        rolling=rolling("binary", end, 920, 0.791),
        windows=windows,
        days=days,
        detections=[],
        drift=flight_drift(),
        reference_made=START.timestamp() - 86400.0,
        service=ServiceRules(latency_seconds=0.05, failed_share=0.01, timeout_seconds=1.0),
        calibration=judged.calibration(),
        fairness=[judged.fairness()],
        segment_losses=judged.segment_losses(),
        attribution=judged.attribution(),
        contradiction=judged.contradiction(),
        examples=judged.examples(),
    )
    return ModelResults(
        model="flight-late",
        updated=updated,
        outcomes={"orphan": 12, "duplicate": 30},
        forks=0,
        gaps=0,
        watermark=end.timestamp() - 60,
        versions={"3": version},
        incidents=[],
    )


def bike_demand(*, updated: float = 1.7e9) -> ModelResults:
    """A regression whose error trebles after two thirds of its windows: drift, an incident, out of its band."""
    end = START + 100 * HOUR
    changed = START + 66 * HOUR

    def level(index: int) -> float:
        return (31.0 if index < 66 else 97.0) + 5 * math.sin(index)

    windows = [
        window(
            model="bike-demand",
            version="2026-10",
            task="regression",
            start=START + i * HOUR,
            length=HOUR,
            n=60,
            labelled=60 if i < 98 else 25,
            level=level(i),
            settled=i < 90,
        )
        for i in range(100)
    ]
    detection = Detection(
        model="bike-demand",
        version="2026-10",
        detector="adwin",
        direction="worse",
        event_time=changed + 2 * HOUR,
        seen=4020,
        before=31.2,
        after=96.4,
    )
    incident = Incident(
        id="5b0c1f-open",
        model="bike-demand",
        version="2026-10",
        signals=["error"],
        state="open",
        severity="critical",
        direction="worse",
        opened=changed + 2 * HOUR,
        updated=changed + 9 * HOUR,
        summary="The mean absolute error of bike-demand 2026-10 rose from 31.2 to 96.4 (3.1 times) on 3 March 20:00 UTC.",
        evidence=[
            Finding(signal="error", check="adwin", direction="worse", start=changed, end=changed + 2 * HOUR)
        ],
        why=judged.why(),
    )
    resolved = Incident(
        id="44aa01-resolved",
        model="bike-demand",
        version="2026-10",
        signals=["error"],
        state="resolved",
        severity="warning",
        direction="worse",
        opened=START + 12 * HOUR,
        updated=START + 21 * HOUR,
        summary="The mean absolute error of bike-demand 2026-10 rose from 28.9 to 36.0, and came back after 9 hours.",
        evidence=[],
    )
    version = VersionResults(
        version="2026-10",
        task="regression",
        owner="city-bikes",
        tier="2",
        stage="champion",
        inferred=False,
        digest="11d0aa92c410",
        objective=0.9,
        staleness_seconds=7200.0,
        min_samples=500,
        baseline={"mae": 30.8, "rmse": 44.0, "bias": -2.1},
        baseline_limit={"mae": 41.5, "rmse": 60.0},
        totals=totals(6_000, 5_930, 1_900, task="regression"),
        pending=35,
        newest_prediction=end.timestamp(),
        newest_label=(end - HOUR).timestamp(),
        errors_seen=5_930,
        drift_detected=True,
        incidents_opened={"warning": 1, "critical": 1},
        rolling=rolling("regression", end, 1_400, 97.3),
        windows=windows,
        days=[],
        detections=[detection],
    )
    return ModelResults(
        model="bike-demand",
        updated=updated,
        outcomes={},
        forks=0,
        gaps=0,
        watermark=end.timestamp() - 60,
        versions={"2026-10": version},
        incidents=[incident, resolved],
    )


def newcomer(model: str = HOSTILE, *, segment: str = "", updated: float = 1.7e9) -> ModelResults:
    """A model nobody described and nobody has labelled yet, with one window and no metrics."""
    only = window(
        model=model,
        version=HOSTILE,
        task="multiclass",
        start=START,
        length=HOUR,
        n=20,
        labelled=0,
        level=0.0,
        segment=model,
    )
    plain = totals(20, 0, 0, task="multiclass", with_segments=False)
    version = VersionResults(
        version=HOSTILE,
        task="multiclass",
        owner="",
        tier="",
        stage="champion",
        inferred=True,
        digest="000000000000",
        objective=None,
        staleness_seconds=3600.0,
        min_samples=500,
        baseline={},
        baseline_limit={},
        totals=VersionTotals(
            predictions={segment: 20},
            scored={},
            bad={},
            failed=plain.failed,
            outcomes={},
            quality={},
            features={},
            detections={},
            latency=plain.latency,
            label_delay=plain.label_delay,
            absolute_error=None,
            late_rows=0,
        ),
        pending=20,
        newest_prediction=START.timestamp(),
        newest_label=None,
        errors_seen=0,
        drift_detected=False,
        rolling={"5m": Rolling(seconds=300, end=START + HOUR, n=20, metrics=Metrics())},
        windows=[only],
        days=[],
        detections=[],
    )
    return ModelResults(
        model=model,
        updated=updated,
        outcomes={},
        forks=0,
        gaps=0,
        watermark=None,
        versions={HOSTILE: version},
        incidents=[],
    )


def sources() -> tuple[SourceResults, ...]:
    return tuple(
        SourceResults(
            partition=partition,
            records={"predictions": 145_000 + partition, "labels": 138_000},
            dead_letters={
                "predictions": {"not_json": 2, "missing_field": partition},
                "labels": {"tombstone": 1},
            },
            pending=220,
            newest={
                "predictions": (START + 100 * HOUR).timestamp(),
                "labels": (START + 99 * HOUR).timestamp() + partition,
            },
        )
        for partition in range(2)
    )


def fleet() -> Documents:
    """All of them."""
    models = [bike_demand(), flight_late(), newcomer()]
    return Documents(models={document.model: document for document in models}, sources=sources())
