"""How much a model leans on each feature: what its answers lose when the values of one are dealt out anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from monitor_stream.errors import InputError
from monitor_stream.events.delta import Floats
from monitor_stream.events.spec import ModelSpec
from monitor_stream.observe.values import text
from monitor_stream.profile.cells import categories, numbers
from monitor_stream.profile.rounding import significant
from monitor_stream.profile.rows import Progress, Rows
from monitor_stream.profile.sample import Sample, mix

#: From rows (a frame of the library that the rows came in) to one answer for each: a score or a prediction.
Predict = Callable[[Any], Any]

#: Rows that are asked about: a uniform sample, the same on every run.
ROWS: Final = 2_000
#: How often the values of a feature are dealt out.
REPEATS: Final = 5
_SEED: Final = 20_130_301


def permutation_importance(
    source: Any,
    rows: Rows,
    predict: Predict,
    spec: ModelSpec,
    *,
    inputs: Sequence[str],
    label: str | None,
    progress: Progress,
) -> dict[str, float]:
    """Feature → how far the mean loss rises when its values come from other rows, 0 where it does not.

    The loss is the absolute error (regression), the squared difference between score and truth (binary, Brier), or 1 for a wrong class.
    Without a label the model's own answers stand for the truth. Every feature meets the same `REPEATS` permutations.

    Parameters
    ----------
    source, rows
        What the user gave, and the same as `Rows`.
    inputs
        The columns that `predict` gets, in this order.
    label
        The column of the truth.

    Raises `InputError` where `predict` does not answer with one number, text or boolean a row; what it raises itself passes through.

    Source: Breiman, "Random Forests", Machine Learning 45 (2001); Fisher, Rudin and Dominici, "All Models are Wrong, but Many are
    Useful", JMLR 20 (2019).
    """
    frame, truth = _sampled(source, rows, inputs, label, progress)
    first = _answers(predict, frame, spec)
    right = first if truth is None else _values(truth, spec)
    known = np.array([value == value for value in right])  # noqa: PLR0124 a missing label is NaN
    before = _loss(first, right, spec)[known]
    deals = [np.random.default_rng([_SEED, repeat]).permutation(len(right)) for repeat in range(REPEATS)]
    found = {}
    for done, feature in enumerate(spec.features):
        rises = [
            float(np.mean(_loss(_answers(predict, dealt, spec), right, spec)[known] - before))
            for dealt in _dealt(frame, feature.name, deals)
        ]
        found[feature.name] = significant(max(float(np.mean(rises)), 0.0)) if known.any() else 0.0
        progress("Asking the model", done + 1, len(spec.features))
    return found


def _sampled(
    source: Any, rows: Rows, inputs: Sequence[str], label: str | None, progress: Progress
) -> tuple[Any, Any]:
    """Rows of the library they came in (of a file: Arrow's), and their labels as an Arrow column."""
    sample, at = Sample(ROWS), 0
    named = [*inputs, *([] if label is None or label in inputs else [label])]
    for block in rows.blocks(named, "Sampling rows", progress):
        sample.add(block, np.arange(at, at + len(block), dtype=np.uint64))
        at += len(block)
    table = sample.rows()
    truth = None if label is None else table[label].combine_chunks()
    hashes = mix(np.arange(at, dtype=np.uint64))
    chosen = np.sort(np.argsort(hashes)[: len(table)])
    library = _library(source)
    if library == "pandas":
        return source[list(inputs)].iloc[chosen].reset_index(drop=True), truth
    if library == "polars":
        return source.select(list(inputs))[chosen], truth
    return table.select(list(inputs)), truth


def _dealt(frame: Any, name: str, deals: Sequence[npt.NDArray[np.int64]]) -> Iterator[Any]:
    """The rows with the values of one column in another order."""
    for deal in deals:
        match _library(frame):
            case "pandas":
                yield frame.assign(**{name: frame[name].array.take(deal)})
            case "polars":
                yield frame.with_columns(frame[name][deal])
            case _:
                place = frame.column_names.index(name)
                yield frame.set_column(place, name, frame[name].take(pa.array(deal)))


def _library(frame: Any) -> str:
    return type(frame).__module__.partition(".")[0]


def _answers(predict: Predict, frame: Any, spec: ModelSpec) -> npt.NDArray[Any]:
    answers = np.asarray(predict(frame))
    if answers.shape != (len(frame),):
        raise InputError(
            f"`predict` must answer with one score or prediction a row: {len(frame)} rows gave the shape {answers.shape}. "
            "Of a classifier's probabilities give those of the positive class."
        )
    if spec.task == "multiclass":
        return np.array([text(value) for value in answers.tolist()], object)
    if answers.dtype.kind in "OUS":
        if spec.task == "regression":
            raise InputError("`predict` must answer with numbers in a regression")
        return np.array([float(text(value) == spec.positive) for value in answers.tolist()])
    return answers.astype(np.float64)


def _values(labels: Any, spec: ModelSpec) -> npt.NDArray[Any]:
    """Labels as answers are: numbers, or names of classes; NaN where they are missing."""
    if spec.task == "regression":
        return numbers(labels)
    names = categories(labels).to_pylist()
    if spec.task == "multiclass":
        return np.array([np.nan if name is None else name for name in names], object)
    return np.array([np.nan if name is None else float(name == spec.positive) for name in names])


def _loss(answers: npt.NDArray[Any], right: npt.NDArray[Any], spec: ModelSpec) -> Floats:
    if spec.task == "multiclass":
        return np.asarray(answers != right, np.float64)
    distance: Floats = np.abs(answers - right)
    return distance if spec.task == "regression" else np.square(distance)
