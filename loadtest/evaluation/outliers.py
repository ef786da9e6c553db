"""Outliers put into flights: how many of each kind are found at one false alarm in a hundred, by ours and by others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Raw
from river.anomaly import HalfSpaceTrees
from sklearn.ensemble import IsolationForest

from loadtest.evaluation.document import Section, Table
from monitor_stream.demo import flights
from monitor_stream.events.delta import Floats
from monitor_stream.events.spec import ModelSpec, OutlierRules
from monitor_stream.observe.features import FeatureReader
from monitor_stream.observe.outliers import Outliers
from monitor_stream.profile import profile

NUMBERS: Final = ("distance", "air_time", "hour")
CATEGORIES: Final = ("carrier", "origin", "dest")
#: Rows of each kind, and the share of clean rows that may be taken for outliers.
INJECTED: Final = 1_000
FALSE: Final = 0.01
#: Half-space trees learn from so many reference rows: more take minutes.
_LEARNED: Final = 4_000
_KILOMETRES: Final = 1.609344
#: A share of a cut so small that every number lies beyond it: the score then ranks all rows.
_LITTLE: Final = 1e-6

Columns = dict[str, Any]
Score = Callable[[Columns], Floats]


class Flights(NamedTuple):
    """Rows of January and February by the day: even days are the reference, odd ones are clean rows that nobody profiled."""

    reference: Columns
    clean: Columns
    together: frozenset[tuple[str, str]]  # carriers and destinations of the whole year


def load() -> Flights:
    """The flights that have an air time."""
    raw = flights._read(flights._file())
    raw = raw.select([*NUMBERS, *CATEGORIES, "month", "day"]).filter(pc.is_valid(raw["air_time"]))
    rows: Columns = {name: np.asarray(raw[name]) for name in raw.column_names}
    for name in NUMBERS:
        rows[name] = rows[name].astype(np.float64)
    winter = rows["month"] <= 2
    pairs = frozenset(zip(rows["carrier"].tolist(), rows["dest"].tolist(), strict=True))
    even = rows["day"] % 2 == 0
    return Flights(_at(rows, winter & even), _at(rows, winter & ~even), pairs)


def _at(rows: Columns, which: Any) -> Columns:
    return {name: values[which] for name, values in rows.items()}


def injected(data: Flights, rng: np.random.Generator) -> dict[str, Columns]:
    """Rows that were clean, with one thing wrong in each, by kind."""

    def some() -> Columns:
        return _at(data.clean, rng.choice(len(data.clean["hour"]), INJECTED, replace=False))

    return {
        "one value far out": _far(some(), data.reference, rng),
        "miles as kilometres": (rows := some()) | {"distance": rows["distance"] * _KILOMETRES},
        "minutes as seconds": (rows := some()) | {"air_time": rows["air_time"] * 60.0},
        "a combination nobody flies": _impossible(some(), data, rng),
        "numbers that do not go together": _apart(some(), data.reference, rng),
    }


def _far(rows: Columns, reference: Columns, rng: np.random.Generator) -> Columns:
    """Distance or air time 8 to 15 robust standard deviations above the median."""
    first = rng.random(INJECTED) < 0.5
    moved = dict(rows)
    for name, which in (("distance", first), ("air_time", ~first)):
        low, middle, high = np.quantile(reference[name], [0.25, 0.5, 0.75])
        far = middle + rng.uniform(8.0, 15.0, INJECTED) * (high - low) / 1.349
        moved[name] = np.where(which, far, rows[name])
    return moved


def _impossible(rows: Columns, data: Flights, rng: np.random.Generator) -> Columns:
    """A carrier that flies, and not to that destination, all year."""
    carriers, counts = np.unique(data.reference["carrier"], return_counts=True)
    drawn = []
    for dest in rows["dest"].tolist():
        free = np.array([(carrier, dest) not in data.together for carrier in carriers.tolist()])
        weights = counts * free
        drawn.append(rng.choice(carriers, p=weights / weights.sum()))
    return rows | {"carrier": np.array(drawn)}


def _apart(rows: Columns, reference: Columns, rng: np.random.Generator) -> Columns:
    """Far flights that are short, and near ones that are long: each number is an ordinary one."""
    low, high = np.quantile(reference["air_time"], [0.25, 0.75])
    far = rows["distance"] > np.median(reference["distance"])
    short = rng.choice(reference["air_time"][reference["air_time"] <= low], INJECTED)
    long = rng.choice(reference["air_time"][reference["air_time"] >= high], INJECTED)
    return rows | {"air_time": np.where(far, short, long)}


def describe(reference: Columns) -> ModelSpec:
    """The spec of a model with these features."""
    return profile(
        pa.table({name: reference[name] for name in (*NUMBERS, *CATEGORIES)}),
        model="flights",
        version="1",
        task="binary",
        kinds=dict.fromkeys(NUMBERS, "numeric"),
        created=1.0,
    )


def methods(reference: Columns, spec: ModelSpec) -> dict[str, Score]:
    """What ranks rows; a higher score is further out."""
    return {
        "monitor-stream, each event": _ours(spec),
        "z-score": _z_score(reference),
        "isolation forest (scikit-learn)": _forest(reference),
        "half-space trees (river)": _half_spaces(reference),
    }


def flagged(spec: ModelSpec, rows: Columns) -> Any:
    """Which rows the product takes for outliers."""
    found = Outliers(spec).look(_matrix(spec, rows))
    marks = np.zeros(len(rows["hour"]), bool)
    marks[found.events] = True
    return marks


def _matrix(spec: ModelSpec, rows: Columns) -> Floats:
    """Rows as OBSERVE reads them from events."""
    names = [feature.name for feature in spec.features]
    values = zip(*(rows[name].tolist() for name in names), strict=True)
    events = [Raw(msgspec.json.encode(dict(zip(names, row, strict=True)))) for row in values]
    return FeatureReader(spec).read(events, np.zeros(len(events))).matrix


def _ours(spec: ModelSpec) -> Score:
    rules = spec.outliers or OutlierRules()
    cuts = {name: cut * _LITTLE for name, cut in rules.cuts.items()}
    outliers = Outliers(msgspec.structs.replace(spec, outliers=msgspec.structs.replace(rules, cuts=cuts)))
    number = np.array([reason in cuts for reason in outliers.reasons])

    def score(rows: Columns) -> Floats:
        found = outliers.look(_matrix(spec, rows))
        best = np.zeros(len(rows["hour"]))
        np.maximum.at(
            best, found.events, np.where(number[found.reasons], found.scores * _LITTLE, found.scores)
        )
        return best

    return score


def _z_score(reference: Columns) -> Score:
    scales = {name: (reference[name].mean(), reference[name].std()) for name in NUMBERS}

    def score(rows: Columns) -> Floats:
        apart = [np.abs(rows[name] - mean) / std for name, (mean, std) in scales.items()]
        furthest: Floats = np.max(apart, axis=0)
        return furthest

    return score


def _encoding(reference: Columns) -> Callable[[Columns], Floats]:
    """Numbers as they are; a category by how common it is."""
    shares: dict[str, Mapping[str, float]] = {}
    for name in CATEGORIES:
        values, counts = np.unique(reference[name], return_counts=True)
        shares[name] = dict(zip(values.tolist(), (counts / counts.sum()).tolist(), strict=True))

    def encode(rows: Columns) -> Floats:
        common = [[shares[name].get(value, 0.0) for value in rows[name].tolist()] for name in CATEGORIES]
        return np.column_stack([*(rows[name] for name in NUMBERS), *common])

    return encode


def _forest(reference: Columns) -> Score:
    encode = _encoding(reference)
    forest = IsolationForest(n_estimators=100, random_state=1).fit(encode(reference))
    return lambda rows: -forest.score_samples(encode(rows))


def _half_spaces(reference: Columns) -> Score:
    encode = _encoding(reference)
    matrix = encode(reference)
    low, high = matrix.min(axis=0), matrix.max(axis=0)

    def scaled(rows: Floats) -> list[dict[int, float]]:
        return [dict(enumerate(row)) for row in np.clip((rows - low) / (high - low), 0.0, 1.0).tolist()]

    trees: Any = HalfSpaceTrees(n_trees=25, height=8, window_size=250, seed=1)
    chosen = np.random.default_rng(1).choice(len(matrix), _LEARNED, replace=False)
    for row in scaled(matrix[chosen]):
        trees.learn_one(row)
    return lambda rows: np.array([trees.score_one(row) for row in scaled(encode(rows))])


def section() -> Section:
    """The part of the page."""
    data = load()
    kinds = injected(data, np.random.default_rng(7))
    spec = describe(data.reference)
    clean = _at(data.clean, np.random.default_rng(8).choice(len(data.clean["hour"]), 5_000, replace=False))
    table: list[list[object]] = [
        [
            "monitor-stream, as it flags",
            f"{flagged(spec, clean).mean():.2%}",
            *(f"{flagged(spec, rows).mean():.1%}" for rows in kinds.values()),
        ]
    ]
    for name, score in methods(data.reference, spec).items():
        usual = score(clean)
        limit = np.quantile(usual, 1.0 - FALSE, method="higher")
        recalls = [f"{(score(rows) > limit).mean():.1%}" for rows in kinds.values()]
        table.append([name, f"{(usual > limit).mean():.2%}", *recalls])
    part = Section("10. Outliers put into flights")
    part.add(
        "Flights of January and February 2013 with distance, air time, hour, carrier, origin and destination. Even days are the "
        f"reference; 5,000 rows of odd days are clean, and into {INJECTED:,} rows of each kind one thing was put that is wrong. "
        f"Recall at {FALSE:.0%} false positives on the clean rows; the first line is what the product flags at the "
        "cuts that `profile` made, fewer false positives and all.",
        Table(["method", "false positives", *kinds], table),
        "A cut on each number, values and pairs never seen: that finds what is wrong in one column or in two categories, "
        "of each event as it comes, and nothing that only numbers taken together tell. The drift methods that look at sampled rows as a "
        "whole are there for that, once it happens to many rows.",
    )
    return part
