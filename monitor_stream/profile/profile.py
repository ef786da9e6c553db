"""A model's spec from reference rows."""

from __future__ import annotations

import time as clock
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
import numpy as np

from monitor_stream.errors import InputError, SpecError
from monitor_stream.events.spec import (
    DAY,
    MAX_CLASSES,
    Baseline,
    Distance,
    ErrorScale,
    Feature,
    Kind,
    ModelSpec,
    NumericReference,
    Reference,
    Task,
)
from monitor_stream.events.tables import PREDICTION, SCORE, TARGET
from monitor_stream.judge.drift.reference import CATEGORIES
from monitor_stream.profile.baseline import measure
from monitor_stream.profile.cells import category_name
from monitor_stream.profile.column import Column
from monitor_stream.profile.estimator import of_losses
from monitor_stream.profile.kinds import Verdict, judge
from monitor_stream.profile.loss_rows import LossRows
from monitor_stream.profile.outliers import outlier_rules
from monitor_stream.profile.permutation import Predict, permutation_importance
from monitor_stream.profile.readings import Survey, tally_rows
from monitor_stream.profile.reference import readable_edges, reference
from monitor_stream.profile.rounding import significant
from monitor_stream.profile.rows import Progress, Rows, rows_of, silent
from monitor_stream.profile.rules import Measured, Sensitivity, drift_rules
from monitor_stream.profile.spans import Spans, runs
from monitor_stream.profile.tally import Tally
from monitor_stream.replay.columns import Columns

_Numbers = TypeVar("_Numbers", Baseline, ErrorScale)
#: Classes that mean yes where nobody says which one does.
_YES = ("true", "1", "yes")


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be said of one column.

    `role` is ``feature``, ``prediction``, ``score``, ``target`` or ``left out``; `distinct` is an estimate unless `exact`, None where
    nobody counts; `infinite` numbers count as missing.
    """

    name: str
    role: str
    kind: Kind | None
    why: str
    n: int
    missing: float
    distinct: int | None
    exact: bool
    infinite: int
    reference: Reference | None


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """A spec, and what is to be said about how it came to be: columns, rows, drift spans, what drift rules will see, and why
    nothing estimates performance before labels (empty where something does).
    """

    spec: ModelSpec
    columns: list[Said]
    rows: int
    spans: int
    sensitivity: list[Sensitivity]
    no_estimates: str = ""


def profile(table: Any, **options: Any) -> ModelSpec:
    """The spec that `describe` makes: a model by the rows it was trained on, or better, tested on.

    Examples
    --------
    >>> rows = {"age": [30.5, 41.5, 52.5], "city": ["a", "b", "a"]}
    >>> spec = profile(rows, model="m", version="1", task="regression", window_seconds=3600.0)
    >>> [(feature.name, feature.kind) for feature in spec.features]
    [('age', 'numeric'), ('city', 'categorical')]
    """
    return describe(table, **options).spec


def describe(
    table: Any,
    *,
    model: str,
    version: str,
    task: Task,
    prediction: str | None = None,
    score: str | None = None,
    scores: Mapping[str, str] | None = None,
    label: str | None = None,
    time: str | None = None,
    features: Sequence[str] | None = None,
    exclude: Sequence[str] = (),
    segments: Sequence[str] = (),
    sensitive: Sequence[str] = (),
    kinds: Mapping[str, Kind] | None = None,
    importance: Mapping[str, float] | None = None,
    predict: Predict | None = None,
    drift_span_seconds: float = DAY,
    false_alarms_per_month: float = 1.0,
    methods: Mapping[str, Distance] | None = None,
    all_methods: bool = False,
    season: bool = False,
    progress: Progress = silent,
    **limits: Any,
) -> Profile:
    """Describe a model by the rows it was trained on, or better, by rows it was tested on.

    Parameters
    ----------
    table
        One row a prediction: a pyarrow table, a pandas or a polars frame, or the path of a file (Parquet, CSV, NDJSON), which
        is read three times, block by block, and may be larger than memory.
    model, version, task
        As in `ModelSpec`.
    prediction, score, scores, label
        The columns of the model's answers and of the truth; `scores` is class → column. With answers and truth the
        baseline metrics and the scale of the error are measured, by the same code that watches the model later.
    time
        The column of event times. It orders the reference windows, and parts the rows into drift spans, which show how
        far days differ when nothing has moved. Without it the rows' order is taken, and rows for independent.
    features, exclude
        The columns that are the model's input; by default all that have no other role, can be followed and are not
        excluded, segments included.
    segments, sensitive
        Groups that performance is told for.
    kinds
        Column → kind, where the inferred one is wrong.
    importance
        Feature → weight, such as a permutation importance: it weighs the share of drifted features, and ranks those that may be
        why something went wrong.
    predict
        The model, for those who have it at hand and no importance: rows in, of the library that `table` is of (a file's as a pyarrow
        table), with the columns of the input; one score (of the positive class) or prediction a row out. It is asked about
        2,000 rows, in which the values of one feature at a time are dealt out anew, five times: see `permutation_importance`.
    drift_span_seconds, false_alarms_per_month
        See `DriftRules`.
    methods, all_methods
        Column → the distance that judges it; whether all the others are calibrated too, to be shown.
    season
        Whether references are kept for each hour of the week.
    progress
        Told how far the reading is.
    limits
        Any other field of `ModelSpec`, such as ``window_seconds=3600``. `positive` and `classes` are read from the
        labels where they are not given.

    Raises `InputError` for rows that cannot be read or lack a column, `SpecError` for what no spec can hold.
    """
    rows = rows_of(table, progress)
    roles = Columns(
        timestamp=time or "", prediction=prediction, score=score, scores=dict(scores or {}), label=label
    )
    answers = [name for name in (prediction, score, *roles.scores.values(), label) if name is not None]
    groups = list(dict.fromkeys([*segments, *sensitive]))
    named = [*answers, *groups, *(features or ()), *exclude, *(kinds or {}), *(importance or {})]
    named += limits.get("masked") or ()
    _check_columns(rows, [*named, *([] if time is None else [time])])
    apart = {*answers, time, *sensitive, *exclude}
    inputs = list(features) if features is not None else [name for name in rows.types if name not in apart]
    answer: Kind = "numeric" if task == "regression" else "categorical"
    special = {PREDICTION: prediction, SCORE: score, TARGET: label}
    given = {name: "numeric" if key == SCORE else answer for key, name in special.items() if name is not None}

    columns = {
        name: Column(name, rows.types[name], rows.mixed.get(name, 0.0), {**(kinds or {}), **given}.get(name))
        for name in dict.fromkeys([*inputs, *groups, *given])
    }
    survey = Survey(columns, time, answers, label)
    survey.read(rows, progress)
    verdicts = {name: judge(columns[name]) for name in dict.fromkeys([*inputs, *given])}
    _check_features(features or (), verdicts, rows)
    followed = {name: verdict.kind for name, verdict in verdicts.items() if verdict.kind is not None}
    spans = Spans(survey.first, survey.last, seconds=drift_span_seconds)
    tallies = _tallies(columns, followed, spans, season=season and time is not None)
    losses = (
        LossRows(tallies, inputs, prediction, label)
        if task == "regression" and prediction in tallies and label in tallies
        else None
    )
    held = tally_rows(rows, tallies, spans, time, progress, losses=losses)[:-1]
    references = {name: reference(columns[name], followed[name], tally) for name, tally in tallies.items()}
    made = [
        _feature(columns[name], followed[name], references[name], (importance or {}).get(name))
        for name in inputs
        if name in followed
    ]
    if predict is not None and importance is not None:
        raise SpecError("Give either `importance` or `predict`: weights of two kinds cannot be compared")
    spec = _spec(
        {
            "model": model,
            "version": version,
            "task": task,
            **_classes(task, columns.get(label or prediction or "")),
            "features": made,
            "segments": list(segments),
            "sensitive": list(sensitive),
            "prediction": references.get(prediction or ""),
            "score": references.get(score or ""),
            "label": references.get(label or ""),
            "created": round(clock.time(), 3),
            **limits,
        }
    )
    if predict is not None:
        weights = permutation_importance(
            table, rows, predict, spec, inputs=inputs, label=label, progress=progress
        )
        leaned_on = [msgspec.structs.replace(f, importance=weights[f.name]) for f in spec.features]
        spec = msgspec.structs.replace(spec, features=leaned_on)
    judged = runs(held, spec.min_samples)
    measured = {
        key: Measured(reference=found, spans=tallies[name].of_runs(judged))
        for key, name in [*((feature.name, feature.name) for feature in made), *special.items()]
        if name is not None and (found := references[name]) is not None
    }
    unlike = outlier_rules(rows, spec, columns, tallies, spans, time=time, progress=progress)
    spec = msgspec.structs.replace(spec, outliers=unlike)
    rules, sensitivity = drift_rules(
        measured,
        span_seconds=drift_span_seconds,
        false_alarms_per_month=false_alarms_per_month,
        methods=methods or {},
        all_methods=all_methods,
        least=spec.min_samples,
        run_spans=int(np.median([end - begin for begin, end in judged])) if judged else 1,
    )
    spec = msgspec.structs.replace(spec, drift=rules)
    no_estimates = "there is no label, or no answer"
    if label is not None and answers != [label]:
        measured_errors = measure(survey.answered(), spec, roles)
        estimator = measured_errors.estimator
        if losses is not None:
            kept = losses.kept(references, tallies)
            estimator = of_losses(
                kept.rows, kept.times, measured_errors.scale, spec, measured_errors.window_rows
            )
        no_estimates = estimator if isinstance(estimator, str) else ""
        spec = msgspec.structs.replace(
            spec,
            baseline={metric: _rounded(found) for metric, found in measured_errors.baseline.items()},
            error_scale=_rounded(measured_errors.scale),
            estimator=None if isinstance(estimator, str) else estimator,
        )
    said = [_said(columns[name], verdicts[name], special, inputs, references.get(name)) for name in verdicts]
    return Profile(
        spec=spec,
        columns=said,
        sensitivity=sensitivity,
        rows=rows.count,
        spans=int(np.count_nonzero(held)),
        no_estimates=no_estimates,
    )


def _tallies(
    columns: Mapping[str, Column], kinds: Mapping[str, Kind], spans: Spans, *, season: bool
) -> dict[str, Tally]:
    found = {}
    for name, kind in kinds.items():
        categories = kind in {"categorical", "boolean"}
        found[name] = Tally(
            name,
            kind,
            slots=spans.slots,
            edges=np.empty(0) if categories else readable_edges(columns[name].numbers[kind].sample()),
            names=columns[name].commonest(CATEGORIES) if categories else None,
            season=season,
            dimension=columns[name].dimension,
        )
    return found


def _rounded(found: _Numbers) -> _Numbers:
    """The same with six digits."""
    numbers = msgspec.structs.asdict(found)
    rounded = {name: significant(number) for name, number in numbers.items() if isinstance(number, float)}
    return msgspec.structs.replace(found, **rounded)


def _check_columns(rows: Rows, named: Iterable[str]) -> None:
    for name in named:
        if name not in rows.types:
            raise InputError(f"The table has no column {name!r}; its columns are {', '.join(rows.types)}")


def _check_features(features: Sequence[str], verdicts: Mapping[str, Verdict], rows: Rows) -> None:
    for name in features:
        if verdicts[name].kind is None:
            raise InputError(f"The column {name} ({rows.types[name]}) is no feature: {verdicts[name].why}")


def _feature(column: Column, kind: Kind, found: Reference | None, importance: float | None) -> Feature:
    ranged = found if isinstance(found, NumericReference) and kind == "numeric" else None
    return Feature(
        name=column.name,
        kind=kind,
        minimum=ranged.minimum if ranged else None,
        maximum=ranged.maximum if ranged else None,
        importance=None if importance is None else significant(importance),
        reference=found,
        dimension=column.dimension,
    )


def _said(
    column: Column,
    verdict: Verdict,
    special: Mapping[str, str | None],
    inputs: Sequence[str],
    found: Reference | None,
) -> Said:
    roles = [key.strip("_") for key, name in special.items() if name == column.name]
    if column.name in inputs:
        roles.append("feature" if verdict.kind else "left out")
    return Said(
        name=column.name,
        role=" ".join(roles),
        kind=verdict.kind,
        why=verdict.why,
        n=column.values,
        missing=1.0 - column.values / column.rows if found is None else found.missing,
        distinct=column.distinct,
        exact=column.exact,
        infinite=column.infinite,
        reference=found,
    )


def _classes(task: Task, column: Column | None) -> dict[str, Any]:
    """The classes of a classification, and the positive one of a binary."""
    if task == "regression" or column is None:
        return {}
    classes = [category_name(value, column.type) for value in column.commonest(MAX_CLASSES)]
    if task == "multiclass":
        return {"classes": sorted(classes)}
    yes = [name for name in classes if name.lower() in _YES]
    return {"positive": yes[0]} if yes else {}


def _spec(fields: Mapping[str, Any]) -> ModelSpec:
    given = {name: value for name, value in fields.items() if value is not None}
    try:
        return msgspec.convert(msgspec.to_builtins(given), ModelSpec)
    except (msgspec.ValidationError, TypeError) as error:
        raise SpecError(f"No spec can be made of this: {error}") from error
