"""What must come out: a plain sequential computation over the records that went in.

It shares no code with the product. It reads one partition after the other and each topic to its end, with the rules of
docs/design/folds.md; sums are kept exactly, as fractions would be, by `math.fsum`.
"""

from __future__ import annotations

import json
import math
import struct
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from loadtest.chaos.specs import UNPUBLISHED, VERSIONS, spec_of

LATENCY: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
DELAY: Final = (1, 10, 60, 300, 900, 3600, 10800, 21600, 43200, 86400, 259200, 604800, 2592000)
ERROR: Final = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
TOO_OLD: Final = datetime.fromisoformat("2000-01-01T00:00:00+00:00").timestamp()
DAY: Final = 86400.0

_FIELDS: Final = {
    "model", "version", "prediction_id", "timestamp", "prediction", "score", "scores", "features", "segments",
    "latency_seconds", "error", "attributions",
}  # fmt: skip
_TRUE: Final = {"true": 1.0, "1": 1.0, "false": 0.0, "0": 0.0}


class Line(NamedTuple):
    """One record as it lies in the log."""

    offset: int
    time: float
    value: bytes | None


class Sums:
    """What belongs to one window, one day, or all of a version."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[Any, ...]] = Counter()
        self.values: defaultdict[tuple[Any, ...], list[float]] = defaultdict(list)

    def count(self, *name: Any) -> None:
        self.counts[name] += 1

    def add(self, *name: Any, value: float) -> None:
        self.values[name].append(value)

    def sum(self, *name: Any) -> float:
        return math.fsum(self.values.get(name, ()))

    def merge(self, other: Sums) -> None:
        self.counts.update(other.counts)
        for name, values in other.values.items():
            self.values[name].append(math.fsum(values))

    def squeeze(self) -> None:
        """Keep each sum as one number."""
        for name, values in self.values.items():
            self.values[name] = [math.fsum(values)]


class Version:
    """A version of a model."""

    def __init__(self, model: str, version: str) -> None:
        self.spec = spec_of(model, version)
        self.windows: defaultdict[float, Sums] = defaultdict(Sums)
        self.outcomes: Counter[str] = Counter()
        self.newest_prediction = -math.inf
        self.newest_label = -math.inf
        self.pending: Counter[int] = Counter()  # by partition

    def at(self, time: float) -> Sums:
        seconds = self.spec["window_seconds"]
        return self.windows[time // seconds * seconds]

    def total(self) -> Sums:
        total = Sums()
        for sums in self.windows.values():
            total.merge(sums)
        return total

    def days(self) -> dict[float, Sums]:
        days: defaultdict[float, Sums] = defaultdict(Sums)
        for start, sums in self.windows.items():
            days[start // DAY * DAY].merge(sums)
        return days


class Model:
    """What belongs to all versions of a model. `watermarks` and `closed` tell how far it came in each partition."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.closed: dict[int, float] = {}
        self.watermarks: dict[int, float] = {}


class Source:
    """A partition of predictions and labels."""

    def __init__(self) -> None:
        self.records: Counter[str] = Counter()
        self.dead: dict[str, Counter[str]] = {}
        self.newest: dict[str, float] = {}
        self.pending = 0


class Expected:
    """The answer. `dead` are the records that cannot be read: (topic role, partition, offset) → reason."""

    def __init__(self) -> None:
        self.versions: dict[tuple[str, str], Version] = {}
        self.models: defaultdict[str, Model] = defaultdict(Model)
        self.sources: defaultdict[int, Source] = defaultdict(Source)
        self.dead: dict[tuple[str, int, int], str] = {}

    def version(self, model: str, version: str) -> Version:
        if (model, version) not in self.versions:
            self.versions[model, version] = Version(model, version)
        return self.versions[model, version]


def expect(
    logs: Mapping[tuple[str, int], Iterable[Line]],
    *,
    max_record_bytes: int,
    poison: Sequence[bytes] = (),
) -> Expected:
    """Read the logs by (topic role, partition). Records with one of the marks `poison` must have been set aside."""
    expected = Expected()
    for partition in sorted({partition for _, partition in logs}):
        _Partition(expected, partition, max_record_bytes, poison).read(
            logs.get(("predictions", partition), ()), logs.get(("labels", partition), ())
        )
        for version in expected.versions.values():
            for sums in version.windows.values():
                sums.squeeze()
    return expected


class _First(NamedTuple):
    """A label that counts."""

    number: int
    position: float
    time: float
    value: Any


class _Waiting(NamedTuple):
    version: Version
    identity: str
    time: float
    position: float
    event: dict[str, Any]
    groups: list[str]


class _Partition:
    def __init__(
        self, expected: Expected, number: int, max_record_bytes: int, poison: Sequence[bytes]
    ) -> None:
        self.expected = expected
        self.number = number
        self.max_record_bytes = max_record_bytes
        self.poison = poison
        self.newest: defaultdict[tuple[str, str], float] = defaultdict(float)
        self.labels: defaultdict[tuple[str, str], list[_First]] = defaultdict(list)
        self.used: defaultdict[tuple[str, str, str], list[float]] = defaultdict(list)
        self.waiting: list[_Waiting] = []
        self.met: set[tuple[str, int]] = set()
        self.source = expected.sources[number]

    def read(self, predictions: Iterable[Line], labels: Iterable[Line]) -> None:
        self._each(labels, "labels", self._label)
        self._each(predictions, "predictions", self._predict)
        clocks = {}
        for model in VERSIONS:
            disorder = spec_of(model, VERSIONS[model][0])["allowed_disorder_seconds"]
            newest = [self.newest[topic, model] for topic in ("predictions", "labels")]
            clocks[model] = min(newest) - disorder
            self.expected.models[model].closed[self.number] = clocks[model]
            self.expected.models[model].watermarks[self.number] = newest[0] - disorder
        for waiting in self.waiting:
            self._join(waiting, clocks[waiting.version.spec["model"]])
        for (model, _), firsts in self.labels.items():
            window = spec_of(model, VERSIONS[model][0])["duplicate_window_seconds"]
            for first in firsts:
                if (model, first.number) not in self.met and first.position + window < clocks[model]:
                    self.expected.models[model].outcomes["orphan"] += 1
        for topic in ("predictions", "labels"):
            latest = max((time for (of, _), time in self.newest.items() if of == topic), default=0.0)
            if latest:
                self.source.newest[topic] = latest

    def _each(self, lines: Iterable[Line], topic: str, take: Any) -> None:
        for number, line in enumerate(lines):
            self.source.records[topic] += 1
            try:
                if any(mark in (line.value or b"") for mark in self.poison):
                    raise _DeadError("poison")
                event = _read(topic, line, self.max_record_bytes)
            except _DeadError as dead:
                reason = str(dead)
                self.expected.dead[topic, self.number, line.offset] = reason
                self.source.dead.setdefault(topic, Counter())[reason] += 1
                continue
            take(number, event, event["timestamp"])

    def _position(self, topic: str, model: str, time: float) -> float:
        disorder: float = spec_of(model, VERSIONS[model][0])["allowed_disorder_seconds"]
        newest = self.newest[topic, model]
        self.newest[topic, model] = max(newest, time)
        return max(time, newest - disorder)

    def _label(self, number: int, event: dict[str, Any], time: float) -> None:
        model = event["model"]
        position = self._position("labels", model, time)
        firsts = self.labels[model, event["prediction_id"]]
        window = spec_of(model, VERSIONS[model][0])["duplicate_window_seconds"]
        if any(position <= first.position + window for first in firsts):
            self.expected.models[model].outcomes["duplicate"] += 1
        else:
            firsts.append(_First(number, position, time, event["label"]))

    def _predict(self, number: int, event: dict[str, Any], time: float) -> None:
        model, identity, failed = event["model"], event.get("prediction_id"), event.get("error") is not None
        version = self.expected.version(model, event.get("version", "0"))
        spec = version.spec
        version.newest_prediction = max(version.newest_prediction, time)
        position = self._position("predictions", model, time)
        if position - time > spec["horizon_seconds"]:
            version.at(position).count("quality", "late")
            return
        if identity is not None and not failed:
            before = self.used[model, spec["version"], identity]
            if any(position <= other + spec["duplicate_window_seconds"] for other in before):
                version.at(time).count("quality", "duplicate")
                return
            before.append(position)
        groups = _groups(spec, event)
        _count(version.at(time), spec, event, groups, failed=failed)
        if identity is not None and not failed:
            self.waiting.append(_Waiting(version, identity, time, position, event, groups))

    def _join(self, waiting: _Waiting, clock: float) -> None:
        version, spec = waiting.version, waiting.version.spec
        model, horizon = spec["model"], spec["horizon_seconds"]
        window = spec["duplicate_window_seconds"]
        for first in self.labels.get((model, waiting.identity), ()):
            if first.position <= waiting.time + horizon and waiting.position <= first.position + window:
                version.outcomes["joined"] += 1
                version.newest_label = max(version.newest_label, first.time)
                self.met.add((model, first.number))
                _score(version.at(waiting.time), spec, waiting, first)
                return
        if clock > waiting.time + horizon:
            version.outcomes["expired"] += 1
        else:
            version.pending[self.number] += 1
            self.source.pending += 1


class _DeadError(Exception):
    """A record that cannot be read; the message is the reason."""


def _read(topic: str, line: Line, max_record_bytes: int) -> dict[str, Any]:
    value = line.value
    if value is None:
        raise _DeadError("tombstone")
    if len(value) > max_record_bytes:
        raise _DeadError("too_large")
    try:
        text = value.decode()
    except UnicodeDecodeError:
        raise _DeadError("not_utf8") from None
    constants: list[str] = []
    try:
        event = json.loads(text, parse_constant=constants.append)
    except ValueError:
        raise _DeadError("not_json") from None
    if constants:
        raise _DeadError("not_finite")
    required = ("model",) if topic == "predictions" else ("model", "prediction_id", "label")
    if any(name not in event for name in required):
        raise _DeadError("missing_field")
    if len(event["model"]) > 200 or not 0.0 <= (event.get("score") or 0.0) <= 1.0:
        raise _DeadError("out_of_bounds")
    if event.get("timestamp") is None:
        event["timestamp"] = line.time
    if not isinstance(event["timestamp"], int | float):
        raise _DeadError("wrong_type")
    if event["timestamp"] > line.time + UNPUBLISHED["max_future_seconds"]:
        raise _DeadError("timestamp_in_future")
    if event["timestamp"] < TOO_OLD:
        raise _DeadError("timestamp_too_old")
    for name in ("features", "segments"):
        if not isinstance(event.get(name), dict | None):
            raise _DeadError("wrong_type")
    return dict(event)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    return str(int(value)) if value == int(value) else repr(float(value))


def _groups(spec: Mapping[str, Any], event: Mapping[str, Any]) -> list[str]:
    groups = []
    for name in spec.get("segments", ()):
        value = (event.get("segments") or {}).get(name)
        if value is None:
            value = (event.get("features") or {}).get(name)
        groups.append(f"{name}={_text(value)}")
    return groups


def _bucket(bounds: Iterable[float], value: float) -> int:
    bounds = list(bounds)
    for index, bound in enumerate(bounds):
        if value <= bound:
            return index
    return len(bounds)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _count(
    sums: Sums, spec: Mapping[str, Any], event: Mapping[str, Any], groups: list[str], *, failed: bool
) -> None:
    for group in ("", *groups):
        sums.count("traffic", group)
    if failed:
        sums.count("failed")
    if event.get("latency_seconds") is not None:
        sums.count("latency", _bucket(LATENCY, event["latency_seconds"]))
        sums.add("latency", value=event["latency_seconds"])
    if event.get("prediction_id") is None:
        sums.count("quality", "without_id")
    if set(event) - _FIELDS:
        sums.count("quality", "unknown_field")
    _count_features(sums, spec, event, failed=failed)
    if not failed:
        _count_answer(sums, spec, event)


def _count_features(sums: Sums, spec: Mapping[str, Any], event: Mapping[str, Any], *, failed: bool) -> None:
    features = event.get("features")
    named = {feature["name"]: feature for feature in spec["features"]}
    if named:
        if set(features or ()) - set(named) - set(spec.get("segments", ())):
            sums.count("quality", "unknown_feature")
        if set(named) - set(features or ()) and not failed:
            sums.count("quality", "absent_feature")
    if features is None:
        return
    for name in named or features:
        _count_feature(sums, name, named.get(name) or _unnamed(name), features.get(name))


def _unnamed(name: str) -> dict[str, Any]:
    """The features that no spec names are of the kind of their first value."""
    return {"kind": {"day": "numeric", "rain": "boolean", "sort": "categorical"}[name]}


def _count_feature(sums: Sums, name: str, feature: Mapping[str, Any], value: Any) -> None:
    sums.count("feature", name, "values")
    kind, reference = feature["kind"], feature.get("reference")
    if value is None:
        sums.count("feature", name, "missing")
    elif kind == "categorical":
        if reference and _text(value) not in reference["shares"]:
            sums.count("feature", name, "unseen")
    elif isinstance(value, str) or (kind == "boolean" and value not in (0, 1)):
        sums.count("feature", name, "wrong_type")
    else:
        low, high = feature.get("minimum", -math.inf), feature.get("maximum", math.inf)
        if not low <= value <= high:
            sums.count("feature", name, "out_of_range")
        sums.add("feature", name, "first", value=float(value))
        sums.add("feature", name, "second", value=float(value) ** 2)


def _moments(sums: Sums, name: str, value: float) -> None:
    sums.add("feature", name, "first", value=value)
    sums.add("feature", name, "second", value=value * value)


def _count_answer(sums: Sums, spec: Mapping[str, Any], event: Mapping[str, Any]) -> None:
    prediction, score, scores = event.get("prediction"), event.get("score"), event.get("scores")
    sums.count("feature", "__prediction__", "values")
    if prediction is None and score is None and scores is None:
        sums.count("feature", "__prediction__", "missing")
        sums.count("quality", "without_prediction")
    elif _answer(spec, event) is None:
        sums.count("feature", "__prediction__", "wrong_type")
        sums.count("quality", "unfit_prediction")
    elif spec["task"] == "regression":
        _moments(sums, "__prediction__", _answer(spec, event))
    if spec["task"] == "binary":
        sums.count("feature", "__score__", "values")
        if score is None:
            sums.count("feature", "__score__", "missing")
        else:
            _moments(sums, "__score__", score)


def _answer(spec: Mapping[str, Any], event: Mapping[str, Any]) -> Any:
    """What the model said, as its task compares it; None where it cannot be compared."""
    prediction, score, scores = event.get("prediction"), event.get("score"), event.get("scores")
    if spec["task"] == "regression":
        return prediction if _number(prediction) else None
    if spec["task"] == "binary":
        if prediction is None:
            return None if score is None else float(score >= spec["threshold"])
        return _TRUE.get(_text(prediction))
    if prediction is None and scores:
        return max(scores, key=scores.__getitem__)
    return None if prediction is None else _text(prediction)


def _truth(spec: Mapping[str, Any], label: Any) -> Any:
    if spec["task"] == "regression":
        return float(label) if _number(label) else None
    return _TRUE.get(_text(label)) if spec["task"] == "binary" else _text(label)


def _score(sums: Sums, spec: Mapping[str, Any], waiting: _Waiting, first: _First) -> None:
    truth, said = _truth(spec, first.value), _answer(spec, waiting.event)
    sums.count("feature", "__target__", "values")
    if truth is None:
        sums.count("feature", "__target__", "wrong_type")
        sums.count("quality", "unfit_label")
        return
    if spec["task"] == "regression":
        _moments(sums, "__target__", truth)
    if said is None:
        return
    delay = max(first.time - waiting.time, 0.0)
    sums.count("delay", _bucket(DELAY, delay))
    sums.add("delay", value=delay)
    for group in ("", *waiting.groups):
        sums.count("scored", group)
        if spec["task"] == "regression":
            _score_number(sums, spec, group, said, truth)
        elif spec["task"] == "binary":
            _score_binary(sums, group, waiting.event, said, truth)
        else:
            _score_class(sums, group, waiting.event, said, truth)


def _score_number(sums: Sums, spec: Mapping[str, Any], group: str, said: float, truth: float) -> None:
    error = said - truth
    size = abs(error)
    limits = [spec.get("tolerance", math.inf)]
    if "relative_tolerance" in spec:
        limits.append(spec["relative_tolerance"] * abs(truth))
    if any(size > limit for limit in limits):
        sums.count("bad", group)
    for name, value in (
        ("error", error),
        ("absolute", size),
        ("squared", error * error),
        ("label", truth),
        ("label_squared", truth * truth),
        ("absolute_label", abs(truth)),
    ):
        sums.add(name, group, value=value)
    if not group:
        scale = spec.get("error_scale", {}).get("mean", 1.0)
        sums.count("errors", _bucket(ERROR, size / scale))
        sums.add("errors", value=size)


def _score_binary(sums: Sums, group: str, event: Mapping[str, Any], said: float, truth: float) -> None:
    sums.count(f"said {said:g} true {truth:g}", group)
    if said != truth:
        sums.count("bad", group)
    score = event.get("score")
    if score is None:
        return
    sums.count("with_score", group)
    of_truth = min(max(score if truth else 1.0 - score, 1e-15), 1.0)
    sums.add("log_loss", group, value=-math.log(of_truth))
    sums.add("brier", group, value=(score - truth) ** 2)
    sums.add("score", group, value=score)
    if not group:
        sums.count("of score", score, truth)
        _hold_against(sums, score, came_true=bool(truth))


def _score_class(sums: Sums, group: str, event: Mapping[str, Any], said: str, truth: str) -> None:
    if said != truth:
        sums.count("bad", group)
    if not group:
        sums.count("confusion", said, truth)
    scores = event.get("scores") or {}
    if scores and not group:
        _hold_against(sums, _single(max(scores.values())), came_true=said == truth)
    share = scores.get(truth)
    if share is not None:
        share = _single(share)
        sums.count("with_score", group)
        sums.add("log_loss", group, value=-math.log(min(max(share, 1e-15), 1.0)))


def _single(share: float) -> float:
    """As a number of 32 bits."""
    (rounded,) = struct.unpack("f", struct.pack("f", share))
    return float(rounded)


def _hold_against(sums: Sums, score: float, *, came_true: bool) -> None:
    """A score, and whether it came true, in ten bins of equal width that hold their upper end."""
    where = sum(score > edge / 10 for edge in range(1, 10))
    sums.count("calibration", where)
    sums.add("calibration", where, value=score - came_true)


def _calibration_error(sums: Sums) -> float | None:
    """The mean distance of scores from what came true, by bins."""
    n = sum(count for name, count in sums.counts.items() if name[0] == "calibration")
    return sum(abs(sums.sum("calibration", where)) for where in range(10)) / n if n else None


def metrics(sums: Sums, task: str, group: str = "") -> dict[str, float]:
    """The metrics of a window or of a segment in it; those that cannot be computed are left out."""
    n = sums.counts["scored", group]
    if not n:
        return {}
    if task == "regression":
        return _metrics_of_numbers(sums, group, n)
    if task == "binary":
        return _metrics_of_two(sums, group, n)
    return _metrics_of_classes(sums, group, n)


def _metrics_of_numbers(sums: Sums, group: str, n: int) -> dict[str, float]:
    found = {
        "mae": sums.sum("absolute", group) / n,
        "rmse": math.sqrt(sums.sum("squared", group) / n),
        "bias": sums.sum("error", group) / n,
    }
    if sums.sum("absolute_label", group):
        found["wape"] = sums.sum("absolute", group) / sums.sum("absolute_label", group)
    variation = sums.sum("label_squared", group) - sums.sum("label", group) ** 2 / n
    if n > 1 and variation > 1e-9 * sums.sum("label_squared", group):
        found["r2"] = 1.0 - sums.sum("squared", group) / variation
    return found


def _metrics_of_two(sums: Sums, group: str, n: int) -> dict[str, float]:
    cell = {
        (said, truth): sums.counts[f"said {said} true {truth}", group] for said in (0, 1) for truth in (0, 1)
    }
    said, true = cell[1, 0] + cell[1, 1], cell[0, 1] + cell[1, 1]
    found = {"accuracy": (cell[0, 0] + cell[1, 1]) / n, "base_rate": true / n}
    if said:
        found["precision"] = cell[1, 1] / said
    if true:
        found["recall"] = cell[1, 1] / true
    if said + true:
        found["f1"] = 2 * cell[1, 1] / (said + true)
    if scored := sums.counts["with_score", group]:
        found["log_loss"] = sums.sum("log_loss", group) / scored
        found["brier"] = sums.sum("brier", group) / scored
        found["mean_score"] = sums.sum("score", group) / scored
    if not group and (area := _auc(sums)) is not None:
        found["auc"] = area
    if not group and (off := _calibration_error(sums)) is not None:
        found["ece"] = off
    return found


def _auc(sums: Sums) -> float | None:
    """The chance that a positive scores above a negative. Scores of one bin (0.05 of log-odds) count as equal."""
    bins: defaultdict[int, list[int]] = defaultdict(lambda: [0, 0])
    for name, count in sums.counts.items():
        if name[0] == "of score":
            _, score, truth = name
            log_odds = math.log(score / (1.0 - score))
            bins[min(max(math.floor(round((log_odds + 10.0) / 0.05, 9)), 0), 399)][int(truth)] += count
    negatives, positives = (sum(pair[side] for pair in bins.values()) for side in (0, 1))
    if not negatives or not positives:
        return None
    above, below = 0.0, 0
    for _, (negative, positive) in sorted(bins.items()):
        above += positive * (below + negative / 2)
        below += negative
    return above / (negatives * positives)


def _metrics_of_classes(sums: Sums, group: str, n: int) -> dict[str, float]:
    found = {"accuracy": 1.0 - sums.counts["bad", group] / n}
    if scored := sums.counts["with_score", group]:
        found["log_loss"] = sums.sum("log_loss", group) / scored
    if not group:
        pairs = {name[1:]: count for name, count in sums.counts.items() if name[0] == "confusion"}
        shares = [
            2
            * pairs.get((name, name), 0)
            / sum(c for pair, c in pairs.items() for side in pair if side == name)
            for name in {side for pair in pairs for side in pair}
        ]
        found["macro_f1"] = math.fsum(shares) / len(shares)
        if (off := _calibration_error(sums)) is not None:
            found["ece"] = off
    return found
