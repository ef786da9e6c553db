"""What OBSERVE should say of two topics, computed from each topic as a whole: no batches, no clock, no arrays.

It states the rules of docs/design/folds.md directly: positions, firsts, pairs. It shares no code with the fold.
"""

from __future__ import annotations

import bisect
import json
import math
from collections import Counter, defaultdict
from typing import Any

from xxhash import xxh3_64_intdigest

from monitor_stream.events.spec import CategoricalReference, ModelSpec, NumericReference, Reference, Specs
from monitor_stream.events.tables import (
    DELAY_BOUNDS,
    ERROR_BOUNDS,
    HISTOGRAM_BINS,
    LATENCY_BINS,
    LATENCY_BOUNDS,
    PERFORMANCE,
)
from tests.observe import reference_answers as answers

#: The id of the label that ends a topic: it is still remembered when the rest is given up.
LAST = "last"

Key = tuple[str, str, str, int, str]  # model, version, table, window, group


class Expected:
    """Totals over both topics, once all that waits has been given up."""

    def __init__(self) -> None:
        self.tables: dict[Key, list[float]] = {}
        self.outcomes: Counter[tuple[str, str, str]] = Counter()  # model, version ("" for none), outcome
        self.errors: list[tuple[str, str, float, float, float | None]] = []
        self.bad: Counter[str] = Counter()
        self.sampled: dict[tuple[str, str, int], list[tuple[int, Any]]] = defaultdict(list)
        self.paired: dict[tuple[str, str, int], list[tuple[int, Any]]] = defaultdict(list)
        self.compared: set[str] = set()
        self.examples: dict[tuple[str, str, int], list[Any]] = defaultdict(list)

    def add(self, key: Key, sums: list[float]) -> None:
        before = self.tables.setdefault(key, [0.0] * len(sums))
        self.tables[key] = [a + b for a, b in zip(before, sums, strict=True)]


def expected(
    predictions: list[dict[str, Any] | None], labels: list[dict[str, Any] | None], specs: Specs
) -> Expected:
    """From the events of each topic in order; ``None`` is a record that cannot be read."""
    out = Expected()
    out.compared = {spec.model for spec in specs if spec.stage != "champion"}
    all_labels = _positions([e for e in labels if e is not None], specs)
    all_predictions = _positions([e for e in predictions if e is not None], specs)
    firsts: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for label in all_labels:
        known = firsts[label["model"], label["prediction_id"]]
        if any(label["c"] <= first["c"] + _terms(label, specs).duplicate_window_seconds for first in known):
            out.outcomes[label["model"], "", "duplicate"] += 1
        else:
            label["joined"] = False
            known.append(label)
    seen: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for event in all_predictions:
        spec = specs.find(event["model"], event["version"])
        assert spec is not None
        _one_prediction(
            out, event, spec, seen=seen, firsts=firsts, window=_terms(event, specs).duplicate_window_seconds
        )
    for (model, name), some in firsts.items():
        if name == LAST:
            continue
        out.outcomes[model, "", "orphan"] += sum(not label["joined"] for label in some)
    return out


def _terms(event: dict[str, Any], specs: Specs) -> ModelSpec:
    found = specs.find(event["model"], "")
    assert found is not None
    return found


def _positions(events: list[dict[str, Any]], specs: Specs) -> list[dict[str, Any]]:
    newest: dict[str, float] = {}
    placed = []
    for event in events:
        time, model = event["timestamp"], event["model"]
        disorder = _terms(event, specs).allowed_disorder_seconds
        position = max(time, newest.get(model, -math.inf) - disorder)
        newest[model] = max(newest.get(model, -math.inf), time)
        placed.append({"version": "0"} | event | {"c": position})
    return placed


def _one_prediction(
    out: Expected,
    event: dict[str, Any],
    spec: ModelSpec,
    *,
    seen: dict[tuple[str, str, str], list[float]],
    firsts: dict[tuple[str, str], list[dict[str, Any]]],
    window: float,
) -> None:
    model, version, name = event["model"], event["version"], event.get("prediction_id")
    time, position = event["timestamp"], event["c"]
    start = _start(time, spec)

    def check(what: str, window: int = start) -> None:
        out.add((model, version, "quality", window, what), [1.0])

    if position - time > spec.horizon_seconds:
        check("late", _start(position, spec))
        return
    failed = event.get("error") is not None
    if name is not None and not failed:
        known = seen[model, version, name]
        if any(position <= first + window for first in known):
            check("duplicate")
            return
        known.append(position)
    groups = answers.groups(event, spec)
    for group in groups:
        out.add((model, version, "traffic", start, group), [1.0, float(failed)])
    if event.get("latency_seconds") is not None:
        seconds = event["latency_seconds"]
        out.add((model, version, "latency", start, ""), _histogram(LATENCY_BOUNDS, seconds))
        place = 0 if seconds == 0.0 else math.ceil((LATENCY_BINS - 2) * (math.log10(seconds) + 4.0) / 6.0)
        row = [float(min(max(place, 0), LATENCY_BINS - 1) == at) for at in range(LATENCY_BINS)]
        out.add((model, version, "latencies", start, ""), row)
    attributions: Any = event.get("attributions")
    for feature in spec.features if isinstance(attributions, dict) else []:
        value = attributions.get(feature.name)
        if type(value) in {int, float} and abs(value) <= 1e100:
            out.add((model, version, "attributions", start, feature.name), [1.0, abs(value), value])
    _features(out, event, spec, start, check)
    _outliers(out, event, spec, start)
    if name is None:
        check("without_id")
    if "extra" in event:
        check("unknown_field")
    if failed:
        return
    answer, score, state = _answer(event, spec)

    def add(table: str, group: str, sums: list[float]) -> None:
        out.add((model, version, table, start, group), sums)

    if event.get("interval") and answers.interval(event) is None and spec.task == "regression":
        check("unfit_interval")
    answers.prediction(add, event, spec, answer=answer if state == "fit" else None, score=score)
    if state == "fit":
        _bin(out, event, spec, column="__prediction__", reference=spec.prediction, value=answer)
    if score is not None and spec.task == "binary":
        _bin(out, event, spec, column="__score__", reference=spec.score, value=score)
    row = [1.0, float(state == "missing"), float(state == "unfit"), 0.0, 0.0, 0.0, 0.0]
    if spec.task == "regression" and state == "fit":
        centred = answer - (spec.prediction.mean if isinstance(spec.prediction, NumericReference) else 0.0)
        row[5:] = [centred, centred**2]
    out.add((model, version, "features", start, "__prediction__"), row)
    if spec.task == "binary":
        mean = spec.score.mean if isinstance(spec.score, NumericReference) else 0.0
        centred = 0.0 if score is None else score - mean
        row = [1.0, float(score is None), 0.0, 0.0, 0.0, centred, centred**2]
        out.add((model, version, "features", start, "__score__"), row)
    if state == "missing":
        check("without_prediction")
    if state == "unfit":
        check("unfit_prediction")
    if name is None:
        return
    last = {"binary": score, "regression": answer if state == "fit" else None}.get(spec.task)
    out.sampled[model, version, _span(event, spec)].append((_hash(name), [*_row(event, spec), last]))
    for label in firsts[model, name]:
        if label["c"] <= time + spec.horizon_seconds and position <= label["c"] + window:
            label["joined"] = True
            out.outcomes[model, version, "joined"] += 1
            answer = answer if state == "fit" else None
            _pair(out, event, spec, label=label, answer=answer, score=score, groups=groups, check=check)
            return
    out.outcomes[model, version, "expired"] += 1


def _features(out: Expected, event: dict[str, Any], spec: ModelSpec, start: int, check: Any) -> None:
    given = event.get("features")
    if given is None:
        if event.get("error") is None and spec.features:
            check("absent_feature")
        return
    model, version = event["model"], event["version"]
    if set(given) - {feature.name for feature in spec.features}:
        check("unknown_feature")
    if {feature.name for feature in spec.features} - set(given) and event.get("error") is None:
        check("absent_feature")
    for feature in spec.features:
        value = given.get(feature.name)
        row = [1.0, float(value is None), 0.0, 0.0, 0.0, 0.0, 0.0]
        if value is not None and feature.kind == "categorical":
            if isinstance(value, list):
                row[2] = 1.0
            elif isinstance(feature.reference, CategoricalReference):
                row[4] = float(answers.text(value) not in feature.reference.shares)
                _bin(
                    out,
                    event,
                    spec,
                    column=feature.name,
                    reference=feature.reference,
                    value=answers.text(value),
                )
                if row[4]:
                    out.add((model, version, "unseen", start, f"{feature.name}={answers.text(value)}"), [1.0])
        elif value is not None:
            wrong = isinstance(value, bool) if feature.kind == "numeric" else value not in (0.0, 1.0)
            if isinstance(value, str | list) or wrong:
                row[2] = 1.0
            else:
                centred = value - (
                    feature.reference.mean if isinstance(feature.reference, NumericReference) else 0.0
                )
                row[3] = float(
                    (feature.minimum is not None and value < feature.minimum)
                    or (feature.maximum is not None and value > feature.maximum)
                )
                row[5:] = [centred, centred**2]
                _bin(out, event, spec, column=feature.name, reference=feature.reference, value=value)
        out.add((model, version, "features", start, feature.name), row)


def _outliers(out: Expected, event: dict[str, Any], spec: ModelSpec, start: int) -> None:
    """By the quartiles 0, 2 and 5 that all numeric references here have."""
    given = event.get("features")
    if spec.outliers is None or given is None:
        return
    scores: dict[str, float] = {}
    for feature in spec.features:
        value = given.get(feature.name)
        if feature.name in spec.outliers.cuts and type(value) in {int, float}:
            scores[feature.name] = abs(value - 2.0) / (5.0 / 1.349) / spec.outliers.cuts[feature.name]
        elif isinstance(feature.reference, CategoricalReference):
            unseen = value is not None and not isinstance(value, list)
            scores[feature.name] = float(unseen and answers.text(value) not in feature.reference.shares) * 1.5
    reasons = {name: 1.0 if score == 1.5 else score for name, score in scores.items() if score > 1.0}
    model, version, name = event["model"], event["version"], event.get("prediction_id")
    out.add((model, version, "outliers", start, ""), [1.0, float(bool(reasons))])
    for reason in reasons:
        out.add((model, version, "outliers", start, reason), [0.0, 1.0])
    told = {reason: score for reason, score in reasons.items() if reason not in spec.masked}
    if told and name is not None and event.get("error") is None:
        reason = max(told, key=told.__getitem__)
        shown = {
            feature.name: "***" if feature.name in spec.masked else _shown(given[feature.name])
            for feature in spec.features
            if feature.name in given
        }
        time = event["timestamp"]
        example = (round(-told[reason], 9), xxh3_64_intdigest(name.encode()), time, name, reason, shown)
        out.examples[model, version, int(time // 86400 * 86400)].append(example)


def _shown(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list) else value


def _bin(
    out: Expected,
    event: dict[str, Any],
    spec: ModelSpec,
    *,
    column: str,
    reference: Reference | None,
    value: Any,
) -> None:
    if reference is None:
        return
    if isinstance(reference, NumericReference):
        place = bisect.bisect_left(reference.edges, value)
    else:
        names = list(reference.shares)
        place = names.index(answers.text(value)) if answers.text(value) in names else len(names)
    row = [float(place == at) for at in range(HISTOGRAM_BINS)]
    out.add((event["model"], event["version"], "histograms", _span(event, spec), column), row)


def _row(event: dict[str, Any], spec: ModelSpec) -> list[float | None]:
    return [_number((event.get("features") or {}).get(feature.name), feature) for feature in spec.features]


def _number(value: Any, feature: Any) -> float | None:
    if value is None or isinstance(value, list):
        return None
    if feature.kind == "categorical":
        names = list(feature.reference.shares)
        return float(names.index(answers.text(value)) if answers.text(value) in names else len(names))
    if isinstance(value, str) or (feature.kind == "numeric" and isinstance(value, bool)):
        return None
    return float(value) if feature.kind == "numeric" or value in (0.0, 1.0) else None


def _span(event: dict[str, Any], spec: ModelSpec) -> int:
    return int(event["timestamp"] // spec.drift.span_seconds * spec.drift.span_seconds)


def _hash(name: str) -> int:
    """SplitMix64 of the id's XXH3, in whole numbers."""
    h, word = xxh3_64_intdigest(name.encode()), 2**64 - 1
    h = (h ^ (h >> 30)) * 0xBF58476D1CE4E5B9 & word
    h = (h ^ (h >> 27)) * 0x94D049BB133111EB & word
    return h ^ (h >> 31)


def _answer(event: dict[str, Any], spec: ModelSpec) -> tuple[Any, float | None, str]:
    value, score = event.get("prediction"), event.get("score")
    if score is None and spec.task == "binary":
        score = (event.get("scores") or {}).get(spec.positive)
    if spec.task == "regression":
        if value is None:
            return None, score, "missing"
        fits = isinstance(value, float | int) and not isinstance(value, bool)
        return value, score, "fit" if fits else "unfit"
    if spec.task == "binary":
        if value is None:
            return (None, score, "missing") if score is None else (score >= spec.threshold, score, "fit")
        truth = _boolean(value)
        return truth, score, "unfit" if truth is None else "fit"
    if value is None:
        scores = event.get("scores")
        return (max(scores, key=scores.__getitem__), None, "fit") if scores else (None, None, "missing")
    return answers.text(value), None, "fit"


def _pair(
    out: Expected,
    event: dict[str, Any],
    spec: ModelSpec,
    *,
    label: dict[str, Any],
    answer: Any,
    score: float | None,
    groups: list[str],
    check: Any,
) -> None:
    model, version = event["model"], event["version"]
    start = _start(event["timestamp"], spec)
    truth = label["label"]
    if spec.task == "regression":
        truth = truth if isinstance(truth, float | int) and not isinstance(truth, bool) else None
    else:
        truth = _boolean(truth) if spec.task == "binary" else answers.text(truth)
    row = [1.0, 0.0, float(truth is None), 0.0, 0.0, 0.0, 0.0]
    if spec.task == "regression" and truth is not None:
        centred = truth - (spec.label.mean if isinstance(spec.label, NumericReference) else 0.0)
        row[5:] = [centred, centred**2]
    out.add((model, version, "features", start, "__target__"), row)
    if truth is not None:
        _bin(out, event, spec, column="__target__", reference=spec.label, value=truth)
    if truth is None:
        check("unfit_label")
        return
    if answer is None:
        return

    def add(table: str, group: str, sums: list[float]) -> None:
        out.add((model, version, table, start, group), sums)

    error, sums = _score(out, (model, version, start), spec, event, answer=answer, truth=truth, score=score)
    answers.pair(add, event, spec, answer=answer, truth=truth, score=score)
    told = answers.expected_error(event, spec, answer=answer, score=score)
    if told is not None:
        sums[-3:] = [1.0, error - told, (error - told) ** 2]
    assert len(sums) == len(PERFORMANCE[spec.task])
    for group in groups:
        out.add((model, version, "performance", start, group), sums)
    delay = max(label["timestamp"] - event["timestamp"], 0.0)
    out.add((model, version, "delay", start, ""), _histogram(DELAY_BOUNDS, delay))
    out.errors.append((model, version, max(event["c"], label["c"]), error, told))
    if model in out.compared:
        named = [group.partition("=")[2] for group in groups if group.startswith(f"{spec.compare.segment}=")]
        span = int(label["c"] // spec.drift.span_seconds * spec.drift.span_seconds)
        out.paired[model, version, span].append((_hash(event["prediction_id"]), [error, *named]))


def _score(
    out: Expected,
    place: tuple[str, str, int],
    spec: ModelSpec,
    event: dict[str, Any],
    *,
    answer: Any,
    truth: Any,
    score: float | None,
) -> tuple[float, list[float]]:
    model, version, start = place
    if spec.task == "regression":
        error = answer - truth
        bad = (spec.tolerance is not None and abs(error) > spec.tolerance) or (
            spec.relative_tolerance is not None and abs(error) > spec.relative_tolerance * abs(truth)
        )
        centred = truth - (spec.label.mean if isinstance(spec.label, NumericReference) else 0.0)
        scale = spec.error_scale.mean if spec.error_scale else 1.0
        out.add((model, version, "errors", start, ""), _histogram(ERROR_BOUNDS, abs(error) / scale))
        sums = [1.0, float(bad), error, abs(error), error**2, centred, centred**2, abs(truth)]
        ends = answers.interval(event)
        covered = [0.0] * 3 if ends is None else [1.0, float(ends[0] <= truth <= ends[1]), ends[1] - ends[0]]
        return abs(error), [*sums, error**4, abs(error * truth), *covered, 0.0, 0.0, 0.0]
    wrong = float(answer != truth)
    if spec.task == "binary":
        sums = [1.0, wrong, float(answer and truth), float(answer and not truth)]
        sums += [float(not answer and not truth), float(not answer and truth), *[0.0] * 9]
        if score is not None:
            loss = -math.log(max(score if truth else 1.0 - score, 1e-15))
            sums[6:12] = [1.0, loss, (score - truth) ** 2, score, loss**2, (score - truth) ** 4]
            row = [0.0] * 400
            row[answers.score_place(score)] = 1.0
            out.add((model, version, "scores", start, "positive" if truth else "negative"), row)
        return wrong, sums
    chance = (event.get("scores") or {}).get(truth)
    out.add((model, version, "confusion", start, f"{answer}\x1f{truth}"), [1.0])
    loss = 0.0 if chance is None else -math.log(max(answers.single(chance), 1e-15))
    return wrong, [1.0, wrong, float(chance is not None), loss, loss**2, 0.0, 0.0, 0.0]


def _boolean(value: Any) -> bool | None:
    return {"true": True, "1": True, "false": False, "0": False}.get(answers.text(value))


def _start(time: float, spec: ModelSpec) -> int:
    return int(time // spec.window_seconds * spec.window_seconds)


def _histogram(bounds: tuple[float, ...], value: float) -> list[float]:
    counts = [0.0] * (len(bounds) + 2)
    counts[next((i for i, bound in enumerate(bounds) if value <= bound), len(bounds))] = 1.0
    counts[-1] = value
    return counts
