"""A window as it is published, from its sums."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from monitor_stream.events.codec import moment
from monitor_stream.events.delta import Floats
from monitor_stream.events.results import FeatureResult, Metrics, SegmentResult, Window
from monitor_stream.events.spec import OTHER, ModelSpec, Reference
from monitor_stream.events.tables import PERFORMANCE, PREDICTION, SCORE, TARGET, split_segment
from monitor_stream.judge.estimates.estimate import estimate
from monitor_stream.judge.moments import centre, mean_and_std
from monitor_stream.judge.outliers import outlier_share
from monitor_stream.judge.performance import metrics
from monitor_stream.judge.service import latency_quantiles, timeouts
from monitor_stream.judge.sums import Sums
from monitor_stream.judge.windows import OpenWindow


def publish(
    window: OpenWindow, spec: ModelSpec, model: str, version: str, *, contradicted: bool = False
) -> Window:
    """A window as it stands. `contradicted` is what labels had said of the estimates by its end."""
    sums = window.sums
    n, labelled = sums.total("traffic", 0), pairs(sums)
    return Window(
        model=model,
        version=version,
        start=moment(window.start),
        end=moment(window.end),
        revision=window.revision,
        settled=window.settled,
        n=n,
        failed=sums.total("traffic", 1),
        labelled=labelled,
        labelled_share=labelled / n if n else 0.0,
        reference=window.reference,
        metrics=overall(sums, spec),
        segments=list(_segments(sums, spec)),
        features=list(_features(sums, spec)),
        quality=_quality(sums),
        latency_mean_seconds=_mean(sums.row("latency")),
        label_delay_mean_seconds=_mean(sums.row("delay")),
        latency_quantiles=latency_quantiles(sums),
        timeouts=timeouts(sums, spec.service),
        outlier_share=outlier_share(sums),
        estimates=estimate(sums, spec, contradicted=contradicted),
    )


def pairs(sums: Sums) -> int:
    """How many predictions have their label."""
    row = sums.row("delay")
    return 0 if row is None else int(row[:-1].sum())


def overall(sums: Sums, spec: ModelSpec) -> Metrics:
    """The metrics over all groups, with score histograms, confusion matrix and calibration where there are some."""
    task = sums.task(spec.task)
    row = sums.row("performance")
    scores, confusion = sums.tables.get("scores"), sums.tables.get("confusion")
    return metrics(
        task,
        np.zeros(len(PERFORMANCE[task])) if row is None else row,
        scores=None if scores is None else np.stack([scores.row("negative"), scores.row("positive")]),
        confusion=None
        if confusion is None
        else dict(zip(confusion.groups, confusion.rows[:, 0].tolist(), strict=True)),
        calibration=sums.row("calibration"),
        label_mean=centre(spec.label),
    )


def _mean(histogram: Floats | None) -> float | None:
    if histogram is None:
        return None
    n = float(histogram[:-1].sum())
    return float(histogram[-1]) / n if n else None


def _quality(sums: Sums) -> dict[str, int]:
    block = sums.tables.get("quality")
    return {} if block is None else {check: int(row[0]) for check, row in block}


def _segments(sums: Sums, spec: ModelSpec) -> Iterator[SegmentResult]:
    """The values of each segment, the largest first; those beyond `max_segment_values` together."""
    traffic, scored = sums.tables.get("traffic"), sums.tables.get("performance")
    if traffic is None:
        return
    task = sums.task(spec.task)
    sizes = dict(zip(traffic.groups, traffic.rows[:, 0].tolist(), strict=True))
    sizes.pop("", None)
    nothing = np.zeros(len(PERFORMANCE[task]))
    by_segment: dict[str, list[tuple[str, float, Floats]]] = {}
    for group in sorted(sizes, key=lambda group: (-sizes[group], group)):
        segment, value = split_segment(group)
        row = nothing if scored is None else scored.row(group)
        by_segment.setdefault(segment, []).append((value, sizes[group], row))
    for segment in sorted(by_segment):
        for value, n, row in _bounded(by_segment[segment], spec.max_segment_values):
            found = metrics(task, row, label_mean=centre(spec.label))
            yield SegmentResult(segment=segment, value=value, n=int(n), metrics=found)


def _bounded(values: list[tuple[str, float, Floats]], most: int) -> list[tuple[str, float, Floats]]:
    named = [value for value in values if value[0] != OTHER]
    kept, rest = named[:most], [*named[most:], *(value for value in values if value[0] == OTHER)]
    if rest:
        kept.append((OTHER, sum(n for _, n, _ in rest), np.sum([row for _, _, row in rest], axis=0)))
    return kept


def _features(sums: Sums, spec: ModelSpec) -> Iterator[FeatureResult]:
    block = sums.tables.get("features")
    if block is None:
        return
    references = _references(spec)
    for name, row in sorted(zip(block.groups, block.rows.tolist(), strict=True)):
        values, missing, wrong_type, out_of_range, unseen, _, _ = row
        mean, std = mean_and_std(row, references.get(name))
        yield FeatureResult(
            name=name,
            values=int(values),
            missing=int(missing),
            wrong_type=int(wrong_type),
            out_of_range=int(out_of_range),
            unseen=int(unseen),
            mean=mean,
            std=std,
        )


def _references(spec: ModelSpec) -> dict[str, Reference | None]:
    special = {PREDICTION: spec.prediction, SCORE: spec.score, TARGET: spec.label}
    return {feature.name: feature.reference for feature in spec.features} | special
