"""What OBSERVE should say of answers and scored pairs, one by one: groups, calibration, proxies, and what was foretold.

Plain arithmetic on single events, as the fold's contracts state it; no code of the fold.
"""

from __future__ import annotations

import bisect
import itertools
import json
import math
import struct
from collections.abc import Callable
from typing import Any

from monitor_stream.events.calibration_bins import calibration_edges
from monitor_stream.events.spec import IsotonicMap, ModelSpec, NumericReference, Reference
from monitor_stream.events.tables import CALIBRATION_BINS, GROUP_CLASSES, NEAR, SCORE_BINS

#: Takes the name of a table, a group and a row of sums.
Add = Callable[[str, str, list[float]], None]


def text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(int(value) if isinstance(value, float) and value.is_integer() else value)


def value_of(event: dict[str, Any], name: str) -> str:
    """The value of a segment: from the event's segments, then from its features."""
    value = (event.get("segments") or {}).get(name)
    if value is None:
        value = (event.get("features") or {}).get(name)
    return "" if isinstance(value, list) else text(value)


def groups(event: dict[str, Any], spec: ModelSpec) -> list[str]:
    """All groups that an event belongs to."""
    names = [*spec.segments, *spec.sensitive, *(name for pair in spec.segment_pairs for name in pair)]
    pairs = [
        f"{a} & {b}={value_of(event, a)} & {value_of(event, b)}" for a, b in dict.fromkeys(spec.segment_pairs)
    ]
    return ["", *(f"{name}={value_of(event, name)}" for name in dict.fromkeys(names)), *pairs]


def sensitive(event: dict[str, Any], spec: ModelSpec) -> list[str]:
    """The sensitive groups that an event belongs to."""
    return [f"{name}={value_of(event, name)}" for name in spec.sensitive]


def interval(event: dict[str, Any]) -> tuple[float, float] | None:
    """The event's interval, if it is one."""
    ends = event.get("interval")
    return tuple(ends) if ends and ends[0] <= ends[1] and max(map(abs, ends)) <= 1e100 else None


def prediction(add: Add, event: dict[str, Any], spec: ModelSpec, *, answer: Any, score: float | None) -> None:
    """What a prediction adds when it comes; `answer` is ``None`` where it has none that fits."""
    if spec.task != "multiclass":
        value = (
            answer - (spec.prediction.mean if isinstance(spec.prediction, NumericReference) else 0.0)
            if (spec.task == "regression" and answer is not None)
            else float(bool(answer))
        )
        for group in groups(event, spec):
            add("answers", group, [1.0, value, value**2] if answer is not None else [0.0, 0.0, 0.0])
    elif answer is not None:
        for group in sensitive(event, spec):
            add("group_classes", f"{group}\x1f{answer}", [1.0])
    if spec.task == "binary" and score is not None:
        near = abs(score - spec.threshold) <= NEAR
        add("proxies", "", [1.0, float(near), 1.0 - max(score, 1.0 - score)])
    if spec.task == "multiclass" and event.get("scores"):
        scores = sorted(map(single, event["scores"].values()), reverse=True)
        near = len(scores) > 1 and scores[0] - scores[1] <= NEAR
        add("proxies", "", [1.0, float(near), 1.0 - scores[0]])
    _estimate(add, event, spec, answer=answer, score=score)


def pair(
    add: Add, event: dict[str, Any], spec: ModelSpec, *, answer: Any, truth: Any, score: float | None
) -> None:
    """What a scored pair adds beside its performance."""
    if spec.task == "regression":
        return
    if spec.task == "multiclass":
        scores = list(map(single, (event.get("scores") or {}).values()))
        score = max(scores) if scores else None
        assert GROUP_CLASSES > 8, "all classes of the test have names"
        for group in sensitive(event, spec):
            add("group_confusion", f"{group}\x1f{answer}\x1f{truth}", [1.0])
    if score is None:
        return
    row = [0.0] * (3 * CALIBRATION_BINS)
    place = 3 * bisect.bisect_left(calibration_edges(spec).tolist(), score)
    row[place : place + 3] = [1.0, score, float(answer == truth if spec.task == "multiclass" else truth)]
    for group in ["", *sensitive(event, spec)]:
        add("calibration", group, row)


def expected_error(
    event: dict[str, Any], spec: ModelSpec, *, answer: Any, score: float | None
) -> float | None:
    """The error that is foretold of an answer that fits."""
    if spec.estimator is None or answer is None:
        return None
    if spec.task == "regression":
        return _loss(event, spec, answer) if spec.estimator.loss else None
    if spec.task == "binary":
        if score is None:
            return None
        chance = interpolate(spec.estimator.maps["true"], score)
        return 1.0 - chance if answer else chance
    chances = calibrated(event, spec)
    return 1.0 - chances[answer] if answer in chances else None


def calibrated(event: dict[str, Any], spec: ModelSpec) -> dict[str, float]:
    """The probability of each class by the maps, summing to 1."""
    assert spec.estimator is not None
    maps = spec.estimator.maps
    mapped = {
        name: interpolate(maps[name], single(chance)) if name in maps else single(chance)
        for name, chance in (event.get("scores") or {}).items()
    }
    total = sum(mapped.values())
    return {name: chance / total for name, chance in mapped.items()} if total > 0.0 else {}


def interpolate(known: IsotonicMap, score: float) -> float:
    points = list(zip(known.scores, known.probabilities, strict=True))
    if score <= points[0][0]:
        return points[0][1]
    for (x, y), (x_next, y_next) in itertools.pairwise(points):
        if score <= x_next:
            return y + (y_next - y) * (score - x) / (x_next - x)
    return points[-1][1]


def single(value: float) -> float:
    """Rounded to the single precision in which probabilities wait."""
    return float(struct.unpack("f", struct.pack("f", value))[0])


def score_place(score: float) -> int:
    """The bin of a score by its log-odds."""
    inner = min(max(score, 1e-15), 1.0 - 1e-15)
    return min(max(math.floor((math.log(inner) - math.log1p(-inner) + 10.0) / 0.05), 0), SCORE_BINS - 1)


def _estimate(add: Add, event: dict[str, Any], spec: ModelSpec, *, answer: Any, score: float | None) -> None:
    error = expected_error(event, spec, answer=answer, score=score)
    if error is None:
        return
    if spec.task == "regression":
        add("estimates", "", [1.0, error])
        return
    if spec.task == "binary":
        assert score is not None
        p = 1.0 - error if answer else error
        cells = [p, 1.0 - p, 0.0, 0.0] if answer else [0.0, 0.0, 1.0 - p, p]
        loss = -p * math.log(max(score, 1e-15)) - (1.0 - p) * math.log(max(1.0 - score, 1e-15))
        add(
            "estimates", "", [1.0, *cells, loss, p * (1.0 - score) ** 2 + (1.0 - p) * score**2, p * (1.0 - p)]
        )
        for group, chance in (("positive", p), ("negative", 1.0 - p)):
            row = [0.0] * SCORE_BINS
            row[score_place(score)] = chance
            add("estimated_scores", group, row)
        return
    chances = calibrated(event, spec)
    loss = -sum(
        chance * math.log(max(single(event["scores"][name]), 1e-15)) for name, chance in chances.items()
    )
    add("estimates", "", [1.0, 1.0 - error, loss, error * (1.0 - error)])
    for name, chance in chances.items():
        if chance > 0.0:
            add("estimated_confusion", f"{answer}\x1f{name}", [chance])


def _loss(event: dict[str, Any], spec: ModelSpec, answer: float) -> float:
    assert spec.estimator is not None
    assert spec.estimator.loss is not None
    weights = spec.estimator.loss.weights
    total = spec.estimator.loss.intercept
    for feature in spec.features:
        if feature.name in weights and feature.reference is not None:
            value = (event.get("features") or {}).get(feature.name)
            if isinstance(value, list) or (feature.kind != "categorical" and type(value) not in {int, float}):
                value = None
            total += weights[feature.name][_bin(feature.reference, value)]
    if "__prediction__" in weights and spec.prediction is not None:
        total += weights["__prediction__"][_bin(spec.prediction, answer)]
    return max(total, 0.0)


def _bin(reference: Reference, value: Any) -> int:
    if value is None:
        return -1
    if isinstance(reference, NumericReference):
        return bisect.bisect_left(reference.edges, value)
    names = list(reference.shares)
    return names.index(text(value)) if text(value) in names else len(names)
