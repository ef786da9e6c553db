"""Both sides of the comparison as flat fields: a path, and a number, a text or a truth value.

`expected` makes them from the sequential computation; the others from what the product left in Redis, on Kafka and on
``/metrics``, read as plain JSON and text.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from prometheus_client.parser import text_string_to_metric_families

from loadtest.chaos.expect import DAY, DELAY, ERROR, LATENCY, Expected, Sums, Version, metrics

Fields = dict[str, Any]

_INVALID: Final = ("missing", "wrong_type", "out_of_range", "unseen")
_MONITORED: Final = {"missing": "missing", "wrong_type": "type", "out_of_range": "range", "unseen": "unseen"}
#: The document of a model holds so many of its newest windows.
_SHOWN: Final = 100


def expected(of: Expected) -> Fields:
    """All that can be known beforehand."""
    return dict(_expected(of))


def _expected(of: Expected) -> Iterator[tuple[str, Any]]:
    for partition, source in of.sources.items():
        at = f"source/{partition}"
        yield from _counts(f"{at}/records", source.records)
        for topic, reasons in source.dead.items():
            yield from _counts(f"{at}/dead/{topic}", reasons)
        yield f"{at}/pending", source.pending
        for topic, time in source.newest.items():
            yield f"{at}/newest/{topic}", time
    for (topic, partition, offset), reason in of.dead.items():
        yield f"deadletter/{topic}/{partition}/{offset}", reason
    for name, model in of.models.items():
        yield f"model/{name}/forks", 0
        yield f"model/{name}/gaps", 0
        yield f"model/{name}/watermark", min(model.watermarks.values())
        yield from _counts(f"model/{name}/outcomes", model.outcomes)
    for (name, number), version in of.versions.items():
        model = of.models[name]
        at = f"model/{name}/{number}"
        yield from _expected_version(at, version)
        yield from _expected_windows(at, version, min(model.watermarks.values()), min(model.closed.values()))
    yield from _expected_metrics(of)


def _expected_version(at: str, version: Version) -> Iterator[tuple[str, Any]]:
    total = version.total()
    yield f"{at}/task", version.spec["task"]
    yield f"{at}/pending", sum(version.pending.values())
    yield f"{at}/newest_prediction", version.newest_prediction
    if version.newest_label > 0:
        yield f"{at}/newest_label", version.newest_label
    yield f"{at}/errors_seen", total.counts["scored", ""]
    for what, name in (("predictions", "traffic"), ("scored", "scored"), ("bad", "bad")):
        yield from _counts(f"{at}/totals/{what}", _by_value(version, total, name))
    yield f"{at}/totals/failed", total.counts[("failed",)]
    yield f"{at}/totals/late_rows", 0
    yield from _counts(f"{at}/totals/outcomes", version.outcomes)
    for key, count in total.counts.items():
        if key[0] == "quality":
            yield f"{at}/totals/quality/{key[1]}", count
        elif key[0] == "feature":
            yield f"{at}/totals/features/{key[1]}/{key[2]}", count
    yield from _histogram(f"{at}/totals/latency", total, "latency", LATENCY)
    yield from _histogram(f"{at}/totals/label_delay", total, "delay", DELAY)
    if version.spec["task"] == "regression":
        yield from _histogram(f"{at}/totals/absolute_error", total, "errors", ERROR)


def _counts(at: str, counts: Mapping[str, int]) -> Iterator[tuple[str, Any]]:
    return ((f"{at}/{name}", count) for name, count in counts.items() if count)


def _by_value(version: Version, total: Sums, name: str) -> dict[str, int]:
    """By value of the first segment."""
    segments = version.spec.get("segments")
    if not segments:
        return {"": total.counts[name, ""]}
    prefix = f"{segments[0]}="
    return {
        key[1].removeprefix(prefix): count
        for key, count in total.counts.items()
        if key[0] == name and key[1].startswith(prefix)
    }


def _histogram(at: str, sums: Sums, name: str, bounds: tuple[float, ...]) -> Iterator[tuple[str, Any]]:
    for index in range(len(bounds) + 1):
        yield f"{at}/counts/{index}", sums.counts[name, index]
    yield f"{at}/sum", sums.sum(name)


def _expected_windows(at: str, version: Version, watermark: float, clock: float) -> Iterator[tuple[str, Any]]:
    seconds, horizon = version.spec["window_seconds"], version.spec["horizon_seconds"]
    for kind, length, parts in (("window", seconds, version.windows), ("day", DAY, version.days())):
        for start, sums in parts.items():
            if sums.counts["traffic", ""] and start + length <= watermark:
                settled = start + length <= clock - horizon
                yield from _expected_window(
                    f"{at}/{kind}/{start:.0f}", version, sums, length, settled=settled
                )


def _expected_window(
    at: str, version: Version, sums: Sums, length: float, *, settled: bool
) -> Iterator[tuple[str, Any]]:
    counts, task = sums.counts, version.spec["task"]
    n, pairs = counts["traffic", ""], counts["scored", ""]
    yield f"{at}/seconds", length
    yield f"{at}/settled", settled
    yield f"{at}/n", n
    yield f"{at}/failed", counts[("failed",)]
    yield f"{at}/labelled", pairs
    yield f"{at}/labelled_share", pairs / n
    yield from _measured(at, sums, task, "")
    for key, count in counts.items():
        if key[0] == "quality":
            yield f"{at}/quality/{key[1]}", count
        elif key[0] == "traffic" and key[1] and length < DAY:
            name, _, value = key[1].partition("=")
            yield f"{at}/segment/{name}/{value}/n", count
            yield from _measured(f"{at}/segment/{name}/{value}", sums, task, key[1])
        elif key[0] == "feature" and length < DAY:
            yield f"{at}/feature/{key[1]}/{key[2]}", count
    if length < DAY:
        yield from _feature_moments(at, version, sums)
    if latencies := sum(count for key, count in counts.items() if key[0] == "latency"):
        yield f"{at}/latency_mean_seconds", sums.sum("latency") / latencies
    if pairs:
        yield f"{at}/label_delay_mean_seconds", sums.sum("delay") / pairs


def _measured(at: str, sums: Sums, task: str, group: str) -> Iterator[tuple[str, Any]]:
    yield f"{at}/scored", sums.counts["scored", group]
    yield f"{at}/bad", sums.counts["bad", group]
    for name, value in metrics(sums, task, group).items():
        yield f"{at}/metric/{name}", value


def _feature_moments(at: str, version: Version, sums: Sums) -> Iterator[tuple[str, Any]]:
    for key in sums.values:
        if key[0] != "feature" or key[2] != "first":
            continue
        name = key[1]
        n = sums.counts["feature", name, "values"] - sum(
            sums.counts["feature", name, what] for what in ("missing", "wrong_type")
        )
        first, second = sums.sum("feature", name, "first"), sums.sum("feature", name, "second")
        if n and (first or second):
            yield f"{at}/feature/{name}/mean", first / n
            yield f"{at}/feature/{name}/std", math.sqrt(max(second / n - (first / n) ** 2, 0.0))


# What the product says


def from_document(name: str, data: bytes) -> Fields:
    """The fields of a document in Redis: of a model, or of a source."""
    document = json.loads(data)
    return dict(_source(document) if name.startswith("source") else _model(document))


def _source(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    at = f"source/{document['partition']}"
    yield from _counts(f"{at}/records", document["records"])
    for topic, reasons in document["dead_letters"].items():
        yield from _counts(f"{at}/dead/{topic}", reasons)
    yield f"{at}/pending", document["pending"]
    for topic, time in document["newest"].items():
        yield f"{at}/newest/{topic}", time


def _model(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    at = f"model/{document['model']}"
    for what in ("forks", "gaps", "watermark"):
        yield f"{at}/{what}", document[what]
    yield from _counts(f"{at}/outcomes", document["outcomes"])
    for number, version in document["versions"].items():
        yield from _version(f"{at}/{number}", version)


def _version(at: str, version: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    totals = version["totals"]
    for what in ("task", "pending", "newest_prediction", "newest_label", "errors_seen"):
        if version[what] is not None:
            yield f"{at}/{what}", version[what]
    for what in ("predictions", "scored", "bad", "outcomes", "quality"):
        yield from _counts(f"{at}/totals/{what}", totals[what])
    for what in ("failed", "late_rows"):
        yield f"{at}/totals/{what}", totals[what]
    for feature, counts in totals["features"].items():
        yield from _counts(f"{at}/totals/features/{feature}", counts)
    for what in ("latency", "label_delay", "absolute_error"):
        if totals[what] is not None:
            for index, count in enumerate(totals[what]["counts"]):
                yield f"{at}/totals/{what}/counts/{index}", count
            yield f"{at}/totals/{what}/sum", totals[what]["sum"]
    for day in version["days"]:
        yield from _window(f"{at}/day", day)


def from_windows(newest: Iterable[Mapping[str, Any]]) -> Fields:
    """The fields of windows as they were last published on Kafka."""
    fields: Fields = {}
    for window in newest:
        fields.update(_window(f"model/{window['model']}/{window['version']}/window", window))
    return fields


def shown(document: bytes) -> Iterator[Mapping[str, Any]]:
    """The windows in the document of a model."""
    for version in json.loads(document)["versions"].values():
        yield from version["windows"]


def _window(at: str, window: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    start, end = (datetime.fromisoformat(window[which]).timestamp() for which in ("start", "end"))
    at = f"{at}/{start:.0f}"
    yield f"{at}/seconds", end - start
    for what in ("settled", "n", "failed", "labelled", "labelled_share"):
        yield f"{at}/{what}", window[what]
    yield from _metrics(at, window["metrics"])
    yield from _counts(f"{at}/quality", window.get("quality", {}))
    if end - start < DAY:
        for segment in window["segments"]:
            of = f"{at}/segment/{segment['segment']}/{segment['value']}"
            yield f"{of}/n", segment["n"]
            yield from _metrics(of, segment["metrics"])
        for feature in window["features"]:
            of = f"{at}/feature/{feature['name']}"
            yield from _counts(of, {what: feature[what] for what in ("values", *_INVALID)})
            for what in ("mean", "std"):
                if feature.get(what) is not None:
                    yield f"{of}/{what}", feature[what]
    for what in ("latency_mean_seconds", "label_delay_mean_seconds"):
        if window.get(what) is not None:
            yield f"{at}/{what}", window[what]


def _metrics(at: str, found: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield f"{at}/scored", found.get("scored", 0)
    yield f"{at}/bad", found.get("bad", 0)
    for name, value in found.get("values", {}).items():
        yield f"{at}/metric/{name}", value


def from_deadletters(letters: Iterable[Mapping[str, Any]]) -> Fields:
    """The fields of the dead letters; one that was published twice is one."""
    return {
        f"deadletter/{letter['topic']}/{letter['partition']}/{letter['offset']}": letter["reason"]
        for letter in letters
    }


#: Counters on ``/metrics`` → the labels that name a series.
_COUNTERS: Final = {
    "monitor_stream_predictions_total": ("model", "version", "segment"),
    "monitor_stream_scored_predictions_total": ("model", "version", "segment"),
    "monitor_stream_bad_predictions_total": ("model", "version", "segment"),
    "monitor_stream_failed_predictions_total": ("model", "version"),
    "monitor_stream_labels_total": ("model", "version", "outcome"),
    "monitor_stream_pending_predictions": ("model", "version"),
    "monitor_stream_prediction_latency_seconds_count": ("model", "version"),
    "monitor_stream_prediction_latency_seconds_sum": ("model", "version"),
    "monitor_stream_label_delay_seconds_count": ("model", "version"),
    "monitor_stream_label_delay_seconds_sum": ("model", "version"),
    "monitor_stream_absolute_error_count": ("model", "version"),
    "monitor_stream_absolute_error_sum": ("model", "version"),
    "monitor_stream_feature_values_total": ("model", "version", "feature"),
    "monitor_stream_feature_invalid_values_total": ("model", "version", "feature", "reason"),
    "monitor_stream_schema_violations_total": ("model", "version", "check"),
    "monitor_stream_late_records_total": ("model", "version"),
    "monitor_stream_late_rows_total": ("model", "version"),
    "monitor_stream_records_read_total": ("topic",),
    "monitor_stream_dead_letter_records_total": ("topic", "reason"),
    "monitor_stream_delta_forks_total": ("model",),
    "monitor_stream_delta_gaps_total": ("model",),
}


def from_metrics(page: str) -> Fields:
    """The fields of ``/metrics`` that tell totals; a series at zero is none."""
    fields: Fields = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            if sample.name in _COUNTERS and sample.value:
                labels = "/".join(sample.labels[label] for label in _COUNTERS[sample.name])
                fields[f"metrics/{sample.name}/{labels}"] = sample.value
    return fields


def _expected_metrics(of: Expected) -> Iterator[tuple[str, Any]]:
    found: dict[str, float] = {}

    def add(name: str, *labels: str, value: float) -> None:
        path = f"metrics/monitor_stream_{name}/{'/'.join(labels)}"
        found[path] = found.get(path, 0) + value

    for source in of.sources.values():
        for topic, count in source.records.items():
            add("records_read_total", f"monitor.{topic}", value=count)
        for topic, reasons in source.dead.items():
            for reason, count in reasons.items():
                add("dead_letter_records_total", f"monitor.{topic}", reason, value=count)
    for name, model in of.models.items():
        for outcome, count in model.outcomes.items():
            add("labels_total", name, "", outcome, value=count)
    for owner, version in of.versions.items():
        total = version.total()
        for metric, what in (
            ("predictions", "traffic"),
            ("scored_predictions", "scored"),
            ("bad_predictions", "bad"),
        ):
            for value, count in _by_value(version, total, what).items():
                add(f"{metric}_total", *owner, value, value=count)
        add("failed_predictions_total", *owner, value=total.counts[("failed",)])
        for outcome, count in version.outcomes.items():
            add("labels_total", *owner, outcome, value=count)
        add("pending_predictions", *owner, value=sum(version.pending.values()))
        for metric, what in (("prediction_latency_seconds", "latency"), ("label_delay_seconds", "delay")):
            add(f"{metric}_sum", *owner, value=total.sum(what))
        add("absolute_error_sum", *owner, value=total.sum("errors"))
        for key, count in total.counts.items():
            if key[0] in {"latency", "delay", "errors"}:
                names = {
                    "latency": "prediction_latency_seconds",
                    "delay": "label_delay_seconds",
                    "errors": "absolute_error",
                }
                add(f"{names[key[0]]}_count", *owner, value=count)
            elif key == ("quality", "late"):
                add("late_records_total", *owner, value=count)
            elif key[0] == "quality":
                add("schema_violations_total", *owner, key[1], value=count)
            elif key[0] == "feature" and key[2] == "values":
                add("feature_values_total", *owner, key[1], value=count)
            elif key[0] == "feature":
                add("feature_invalid_values_total", *owner, key[1], _MONITORED[key[2]], value=count)
    yield from ((path, value) for path, value in found.items() if value)
