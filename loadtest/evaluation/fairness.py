"""Intervals and fairness: every number against a plain computation, every interval against a truth that is known."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from sklearn import metrics as batch

from loadtest.evaluation.document import Section, Table
from monitor_stream.events.delta import Floats, Ints
from monitor_stream.events.results import Fairness, FairnessGap, VersionResults
from monitor_stream.events.score_bins import score_bin
from monitor_stream.events.spec import DAY, ModelSpec, Specs, Task
from monitor_stream.events.tables import (
    CALIBRATION_BINS,
    PERFORMANCE,
    SCORE_BINS,
    TableName,
    confusion_group,
    grouped,
    segment_group,
)
from monitor_stream.events.wire import Label, Prediction
from monitor_stream.judge.fairness.criteria import gaps
from monitor_stream.judge.fairness.groups import groups_of
from monitor_stream.judge.performance import metrics
from monitor_stream.judge.sums import Rows, Sums
from monitor_stream.replay import replay
from monitor_stream.replay.table import Timed

ROWS: Final = 20_000
WINDOWS: Final = 2_000
SIZES: Final = (100, 300, 1_000, 3_000)
#: Where the coverage of 95 % intervals should lie.
LOWEST, HIGHEST = 0.93, 0.97
#: A cell is of at least so many windows that had an interval.
_SAID: Final = 200
_CHUNK: Final = 2_000_000
_BEGIN: Final = 1_362_096_000  # midnight
_CLASSES: Final = ("cat", "dog", "emu")
_RATES: Final = {"f": -0.9, "m": -0.3, "x": -0.6}  # log-odds around which the scores of each group lie

Texts = npt.NDArray[np.str_]


class Rates(NamedTuple):
    """How often the intervals of something held the truth, over the windows that had one."""

    task: str
    kind: str
    name: str
    n: int
    held: float
    said: int
    windows: int

    @property
    def within(self) -> bool:
        """Whether that is as often as it should be."""
        return LOWEST <= self.held <= HIGHEST

    @property
    def cell(self) -> str:
        """Where it stands."""
        return f"{self.name} of {self.task}, {self.kind}, n = {self.n:,} ({self.held:.1%})"


def section(windows: int = WINDOWS) -> Section:
    """The part of the page."""
    part = Section("8. Intervals, and differences between groups")
    compared = [each for task in ("binary", "multiclass", "regression") for each in agreement(task)]
    furthest = max(abs(ours - plain) / max(abs(plain), 1.0) for _, ours, plain in compared)
    part.add(
        f"A stream of {ROWS:,} predictions and labels for each task, with groups that are treated unlike by construction, through both "
        f"folds: {len(compared)} numbers of fairness and calibration (rates of every group and class, differences, ratios, errors of "
        "calibration) against numpy and scikit-learn on the rows themselves. The largest relative difference is "
        f"{furthest:.1e}.",
    )
    found = [*coverage(windows), *gap_coverage(windows)]
    part.add(
        f"How often 95 % intervals hold the truth, over {windows:,} windows of n pairs each (a difference: n in either group). "
        "A dash: too few pairs, and nothing is said. Differences of *equalised odds*, of three classes and of four groups are the largest of "
        "several, and their interval holds all of them at once: it is wider than that of one alone.",
        table(found),
    )
    alone = [each for each in found if not _joint(each)]
    outside = [each for each in alone if not each.within]
    joint = [each for each in found if _joint(each)]
    low = [each for each in joint if each.held < LOWEST]
    part.add(
        f"{len(alone) - len(outside)} of {len(alone)} cells lie between {LOWEST:.0%} and {HIGHEST:.0%}; outside: {_list(outside)}. "
        f"Of the {len(joint)} cells of several differences at once {len(joint) - len(low)} are at least {LOWEST:.0%}; below: "
        f"{_list(low)}. Errors with heavy tails (Student's t with 5 degrees of freedom) have squares whose spread no window "
        "of this size shows: the interval of their RMSE is too narrow.",
    )
    return part


def _list(cells: list[Rates]) -> str:
    return "; ".join(each.cell for each in cells) or "none"


def _joint(rates: Rates) -> bool:
    several = rates.task == "multiclass" or rates.kind == "four groups alike"
    return rates.name == "equalised odds" or (several and "groups" in rates.kind)


def table(found: list[Rates]) -> Table:
    """A row for each interval, a column for each size."""
    cells = {(each.task, each.kind, each.name, each.n): f"{each.held:.1%}" for each in found}
    rows = dict.fromkeys((each.task, each.kind, each.name) for each in found)
    return Table(
        ["task", "data", "interval of", *(f"n = {n:,}" for n in SIZES)],
        [[*row, *(cells.get((*row, n), "–") for n in SIZES)] for row in rows],
    )


# Agreement with a plain computation


class Stream(NamedTuple):
    """Rows with their group; `answer` is a score, a class or a number, `confidence` that of a class."""

    group: Texts
    answer: npt.NDArray[Any]
    label: npt.NDArray[Any]
    confidence: Floats


def agreement(task: Task, rows: int = ROWS, seed: int = 0) -> Iterator[tuple[str, float, float]]:
    """What each number is, its value by both folds on events, and by a plain computation."""
    stream = _stream(task, rows, np.random.default_rng(seed))
    spec = ModelSpec(
        model="m", version="1", task=task, sensitive=["sex"], horizon_seconds=600.0, window_seconds=3600.0
    )
    found = replay(_events(stream, spec), Specs([spec])).models["m"].versions["1"]
    [fairness] = found.fairness
    plain = {value: _plain(task, stream, stream.group == value) for value in _RATES}
    for group in fairness.groups:
        if group.values.keys() != plain[group.value].keys():
            raise AssertionError(f"{group.values.keys() ^ plain[group.value].keys()} of {group.value}")
        for name, value in group.values.items():
            yield f"{name} of {group.value}", value, plain[group.value][name]
    yield from _compared_gaps(fairness, plain)
    yield from _compared_calibration(task, found, stream)


def _compared_gaps(
    fairness: Fairness, plain: Mapping[str, Mapping[str, float]]
) -> Iterator[tuple[str, float, float]]:
    for gap in fairness.gaps:
        more, less = plain[gap.highest][gap.metric], plain[gap.lowest][gap.metric]
        yield f"difference in {gap.criterion}", gap.difference, more - less
        if gap.ratio is not None:
            yield f"ratio in {gap.criterion}", gap.ratio, less / more


def _compared_calibration(
    task: Task, found: VersionResults, stream: Stream
) -> Iterator[tuple[str, float, float]]:
    if task == "regression" or found.calibration is None:
        return
    score, right = _scored(task, stream)
    bins = np.ceil(score * CALIBRATION_BINS).clip(1, CALIBRATION_BINS)
    yield "ece", found.calibration.ece, _ece(score, right, bins)
    _, at = np.unique(bins, return_inverse=True)
    means, shares = (
        np.array([of[at == each].mean() for each in range(at.max() + 1)])[at] for of in (score, right)
    )
    yield "reliability", found.calibration.reliability, float(np.mean((means - shares) ** 2))
    yield "resolution", found.calibration.resolution, float(np.mean((shares - right.mean()) ** 2))
    yield "uncertainty", found.calibration.uncertainty, float(right.var())


def _stream(task: Task, rows: int, rng: np.random.Generator) -> Stream:
    group = rng.choice(list(_RATES), rows, p=[0.35, 0.5, 0.15])
    shift = np.array([_RATES[value] for value in group])
    if task == "regression":
        label = rng.normal(40.0, 10.0, rows)
        return Stream(group, label + rng.normal(2.0 * shift, 3.0), label, np.zeros(rows))
    score = _share(shift + 1.2 * rng.standard_normal(rows))
    if task == "binary":
        return Stream(group, score, (rng.random(rows) < score).astype(np.float64), score)
    label = rng.choice(_CLASSES, rows, p=[0.5, 0.3, 0.2])
    highest = 0.5 + 0.5 * score
    wrong = np.roll(_CLASSES, -1)[np.searchsorted(_CLASSES, label)]
    return Stream(group, np.where(rng.random(rows) < highest, label, wrong), label, highest)


def _events(stream: Stream, spec: ModelSpec) -> Iterator[tuple[Any, Timed]]:
    rows = len(stream.group)
    times: Floats = _BEGIN + np.arange(rows, dtype=np.float64) * (DAY / 2 / rows)
    predictions = [
        msgspec.json.encode(
            Prediction(
                model=spec.model,
                version=spec.version,
                prediction_id=str(at),
                timestamp=time,
                segments={"sex": str(stream.group[at])},
                **_answer(spec.task, stream, at),
            )
        )
        for at, time in enumerate(times.tolist())
    ]
    truth = stream.label.tolist() if spec.task != "binary" else (stream.label > 0.5).tolist()
    labels = [
        msgspec.json.encode(
            Label(model=spec.model, prediction_id=str(at), timestamp=time + 60.0, label=truth[at])
        )
        for at, time in enumerate(times.tolist())
    ]
    yield "predictions", Timed(times, pa.array(predictions))
    yield "labels", Timed(times + 60.0, pa.array(labels))


def _answer(task: Task, stream: Stream, at: int) -> dict[str, Any]:
    if task == "binary":
        return {"score": float(stream.answer[at])}
    if task == "regression":
        return {"prediction": float(stream.answer[at])}
    name, highest = str(stream.answer[at]), float(stream.confidence[at])
    others = [each for each in _CLASSES if each != name]
    return {"prediction": name, "scores": {name: highest} | dict.fromkeys(others, (1.0 - highest) / 2.0)}


def _plain(task: Task, stream: Stream, chosen: npt.NDArray[np.bool_]) -> dict[str, float]:
    """What a group got, by the definitions, of its rows."""
    answer, label = stream.answer[chosen], stream.label[chosen]
    if task == "regression":
        return {
            "mean_prediction": float(answer.mean()),
            "bias": float((answer - label).mean()),
            "mae": float(batch.mean_absolute_error(label, answer)),
        }
    score, right = _scored(task, Stream(stream.group[chosen], answer, label, stream.confidence[chosen]))
    found = {
        "calibration_bias": float((score - right).mean()),
        "ece": _ece(score, right, np.ceil(score * CALIBRATION_BINS).clip(1, CALIBRATION_BINS)),
    }
    if task == "binary":
        return (
            found
            | {"accuracy": float(np.mean((answer >= 0.5) == label))}
            | _of_class(answer >= 0.5, label > 0.5)
        )
    found["accuracy"] = float(batch.accuracy_score(label, answer))
    for name in _CLASSES:
        rates = _of_class(answer == name, label == name)
        found |= {f"{rate}[{name}]": value for rate, value in rates.items()}
    return found


def _of_class(guess: npt.NDArray[np.bool_], label: npt.NDArray[np.bool_]) -> dict[str, float]:
    return {
        "selection_rate": float(guess.mean()),
        "true_positive_rate": float(batch.recall_score(label, guess)),
        "false_positive_rate": float(1.0 - batch.recall_score(label, guess, pos_label=False)),
        "positive_predictive_value": float(batch.precision_score(label, guess)),
    }


def _scored(task: Task, stream: Stream) -> tuple[Floats, Floats]:
    right = stream.label if task == "binary" else (stream.answer == stream.label).astype(np.float64)
    return stream.confidence, right


def _ece(score: Floats, right: Floats, bins: Floats) -> float:
    return float(sum(abs((score - right)[bins == each].sum()) for each in np.unique(bins)) / len(score))


# Coverage


class Drawn(NamedTuple):
    """The sums of many windows: one row a window in each table."""

    performance: Floats
    scores: Floats | None = None  # windows, classes, bins
    calibration: Floats | None = None
    answers: Floats | None = None
    confusion: Floats | None = None  # windows, predicted, true


Draw = Callable[[int, int, np.random.Generator], Drawn]


def coverage(windows: int = WINDOWS, sizes: tuple[int, ...] = SIZES, seed: int = 1) -> Iterator[Rates]:
    """Of every metric that has an interval."""
    for task, kind, draw in KINDS:
        rng = np.random.default_rng(seed)
        truth = _truth(task, draw, rng)
        for n in sizes:
            held: dict[str, list[bool]] = defaultdict(list)
            for drawn in _chunks(draw, windows, n, rng):
                for found in _metrics(task, drawn):
                    for name, (low, high) in found.intervals.items():
                        held[name].append(low <= truth[name] <= high)
            yield from _rates(task, kind, n, held, windows)


def _rates(task: str, kind: str, n: int, held: Mapping[str, list[bool]], windows: int) -> Iterator[Rates]:
    for name, each in held.items():
        if len(each) >= min(_SAID, windows // 10):
            yield Rates(task, kind, name, n, float(np.mean(each)), len(each), windows)


def _truth(task: Task, draw: Draw, rng: np.random.Generator) -> dict[str, float]:
    """The metrics of so many pairs that what is left of sampling does not matter."""
    many = [next(iter(_metrics(task, draw(1, _CHUNK, rng)))).values for _ in range(4)]
    return {name: float(np.mean([values[name] for values in many])) for name in many[0]}


def _chunks(draw: Draw, windows: int, n: int, rng: np.random.Generator) -> Iterator[Drawn]:
    at_once = max(_CHUNK // n, 1)
    for start in range(0, windows, at_once):
        yield draw(min(at_once, windows - start), n, rng)


def _metrics(task: Task, drawn: Drawn) -> Iterator[Any]:
    for at, row in enumerate(drawn.performance):
        yield metrics(
            task,
            row,
            scores=None if drawn.scores is None else drawn.scores[at],
            confusion=None if drawn.confusion is None else _cells(drawn.confusion[at]),
        )


def _cells(counts: Floats) -> dict[str, float]:
    return {
        confusion_group(prediction, label): float(counts[i, j])
        for i, prediction in enumerate(_CLASSES)
        for j, label in enumerate(_CLASSES)
    }


def _binary(middle: float, threshold: float, windows: int, n: int, rng: np.random.Generator) -> Drawn:
    """Calibrated scores whose log-odds are normal around a middle."""
    score = _share(middle + 1.2 * rng.standard_normal((windows, n)))
    positive = rng.random((windows, n)) < score
    guess = score >= threshold
    loss = -np.log(np.where(positive, score, 1.0 - score))
    square = np.square(score - positive)
    performance = _columns(
        "binary",
        scored=np.full(windows, n),
        bad=(positive != guess).sum(axis=1),
        true_positive=(positive & guess).sum(axis=1),
        false_positive=(~positive & guess).sum(axis=1),
        true_negative=(~positive & ~guess).sum(axis=1),
        false_negative=(positive & ~guess).sum(axis=1),
        with_score=np.full(windows, n),
        log_loss=loss.sum(axis=1),
        log_loss_squared=np.square(loss).sum(axis=1),
        squared_error=square.sum(axis=1),
        quartic_error=np.square(square).sum(axis=1),
        score=score.sum(axis=1),
    )
    of = np.arange(windows)[:, None]
    cells = (2 * of + positive) * SCORE_BINS + score_bin(score)
    scores = np.bincount(cells.ravel(), minlength=2 * windows * SCORE_BINS).reshape(windows, 2, SCORE_BINS)
    bins = of * CALIBRATION_BINS + np.searchsorted(np.arange(1, CALIBRATION_BINS) / CALIBRATION_BINS, score)
    selected = guess.sum(axis=1)
    return Drawn(
        performance,
        scores=scores.astype(np.float64),
        calibration=_calibration(bins, score, positive, windows),
        answers=np.stack([np.full(windows, n), selected, selected], axis=1).astype(np.float64),
    )


def _calibration(bins: Ints, score: Floats, positive: npt.NDArray[np.bool_], windows: int) -> Floats:
    weights = (np.ones(score.shape), score, positive.astype(np.float64))
    sums = [np.bincount(bins.ravel(), each.ravel(), minlength=windows * CALIBRATION_BINS) for each in weights]
    return np.stack(sums, axis=1).reshape(windows, -1).astype(np.float64)


def _regression(
    errors: Callable[[np.random.Generator, tuple[int, int]], Floats],
    windows: int,
    n: int,
    rng: np.random.Generator,
) -> Drawn:
    """Labels around 20, and errors of any law; nine of ten intervals hold their label."""
    label, error = rng.normal(20.0, 8.0, (windows, n)), errors(rng, (windows, n))
    answer, absolute = label + error, np.abs(error)
    performance = _columns(
        "regression",
        scored=np.full(windows, n),
        error=error.sum(axis=1),
        absolute_error=absolute.sum(axis=1),
        squared_error=np.square(error).sum(axis=1),
        quartic_error=(np.square(error) ** 2).sum(axis=1),
        label=label.sum(axis=1),
        label_squared=np.square(label).sum(axis=1),
        absolute_label=np.abs(label).sum(axis=1),
        error_by_label=(absolute * np.abs(label)).sum(axis=1),
        with_interval=np.full(windows, n),
        covered=rng.binomial(n, 0.9, windows),
        interval_width=np.full(windows, n),
    )
    answers = np.stack([np.full(windows, n), answer.sum(axis=1), np.square(answer).sum(axis=1)], axis=1)
    return Drawn(performance, answers=answers)


def _multiclass(
    shares: tuple[float, ...], right: float, windows: int, n: int, rng: np.random.Generator
) -> Drawn:
    """Each class is recognised so often, and else taken for one of the others."""
    chances = np.array(shares)[None, :] * (np.eye(3) * right + (1.0 - np.eye(3)) * (1.0 - right) / 2.0)
    counts = rng.multinomial(n, chances.ravel(), windows).reshape(windows, 3, 3).astype(np.float64)
    hits = counts.diagonal(axis1=1, axis2=2).sum(axis=1)
    return Drawn(_columns("multiclass", scored=np.full(windows, n), bad=n - hits), confusion=counts)


def _columns(task: Task, **columns: npt.NDArray[Any]) -> Floats:
    nothing = np.zeros(len(next(iter(columns.values()))))
    return np.stack([columns.get(name, nothing) for name in PERFORMANCE[task]], axis=1).astype(np.float64)


def _normal(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    return rng.normal(1.0, 4.0, shape)


def _skewed(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    return rng.exponential(3.0, shape)


def _heavy(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    return 3.0 * rng.standard_t(5.0, shape)


def _share(log_odds: Floats) -> Floats:
    found: Floats = 1.0 / (1.0 + np.exp(-log_odds))
    return found


KINDS: Final[tuple[tuple[Task, str, Draw], ...]] = (
    ("binary", "4 in 10 positive", partial(_binary, -0.5, 0.5)),
    ("binary", "1 in 12 positive", partial(_binary, -3.0, 0.15)),
    ("multiclass", "three classes alike", partial(_multiclass, (0.3, 0.4, 0.3), 0.8)),
    ("multiclass", "one class rare", partial(_multiclass, (0.6, 0.3, 0.1), 0.8)),
    ("regression", "normal errors", partial(_regression, _normal)),
    ("regression", "errors all above 0", partial(_regression, _skewed)),
    ("regression", "errors with heavy tails", partial(_regression, _heavy)),
)

#: Groups that are compared, by their value.
GROUPS: Final[tuple[tuple[Task, str, dict[str, Draw]], ...]] = (
    ("binary", "two groups", {"f": partial(_binary, -0.9, 0.5), "m": partial(_binary, -0.3, 0.5)}),
    ("binary", "four groups alike", {value: partial(_binary, -0.5, 0.5) for value in ("a", "b", "c", "d")}),
    (
        "multiclass",
        "two groups",
        {"f": partial(_multiclass, (0.3, 0.4, 0.3), 0.7), "m": partial(_multiclass, (0.4, 0.4, 0.2), 0.8)},
    ),
    ("regression", "two groups", {"f": partial(_regression, _normal), "m": partial(_regression, _skewed)}),
)


def gap_coverage(windows: int = WINDOWS, sizes: tuple[int, ...] = SIZES, seed: int = 2) -> Iterator[Rates]:
    """Of the largest difference between groups, in each criterion."""
    for task, kind, groups in GROUPS:
        rng = np.random.default_rng(seed)
        spec = ModelSpec(model="m", task=task, sensitive=["sex"])
        truth = {value: _rates_of(draw(1, _CHUNK, rng), task, spec, value) for value, draw in groups.items()}
        for n in sizes:
            held: dict[str, list[bool]] = defaultdict(list)
            parts = (_chunks(draw, windows, n, rng) for draw in groups.values())
            for drawn in zip(*parts, strict=True):
                for gap in _gaps(dict(zip(groups, drawn, strict=True)), spec):
                    true = truth[gap.highest][gap.metric] - truth[gap.lowest][gap.metric]
                    held[gap.criterion.replace("_", " ")].append(gap.low <= true <= gap.high)
            yield from _rates(task, kind, n, held, windows)


def _gaps(groups: Mapping[str, Drawn], spec: ModelSpec) -> Iterator[FairnessGap]:
    for at in range(len(next(iter(groups.values())).performance)):
        sums = _sums(groups, at)
        yield from gaps(groups_of(sums, "sex", spec), sums, spec)


def _rates_of(drawn: Drawn, task: Task, spec: ModelSpec, value: str) -> dict[str, float]:
    [group] = groups_of(_sums({value: drawn}, 0), "sex", spec)
    return group.result.values


def _sums(groups: Mapping[str, Drawn], at: int) -> Sums:
    """The tables of one window; the group of all holds both."""
    tables: dict[TableName, dict[str, Floats]] = defaultdict(dict)
    for value, drawn in groups.items():
        group = segment_group("sex", value)
        of_group: dict[TableName, Floats | None] = {
            "performance": drawn.performance,
            "answers": drawn.answers,
            "calibration": drawn.calibration,
        }
        for table, rows in of_group.items():
            if rows is not None:
                tables[table][group] = rows[at]
        if drawn.confusion is not None:
            counts = drawn.confusion[at]
            for cell, pairs in _cells(counts).items():
                tables["group_confusion"][grouped(group, cell)] = np.array([pairs])
            for name, predictions in zip(_CLASSES, counts.sum(axis=1), strict=True):
                tables["group_classes"][grouped(group, name)] = np.array([predictions])
    sums = Sums()
    for table, by_group in tables.items():
        whole = {} if table.startswith("group") else {"": np.sum(list(by_group.values()), axis=0)}
        sums.add(table, Rows([*whole, *by_group], np.array([*whole.values(), *by_group.values()])))
    return sums
