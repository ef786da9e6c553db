import numpy as np
import pyarrow as pa
import pytest

from monitor_stream.events.spec import DAY, ErrorScale, Task
from monitor_stream.profile import profile

DAILY = 600


def scale_of(task: Task, days: int, spread: float, *, time: bool = True, shuffle: bool = False) -> ErrorScale:
    """The error scale of reference rows whose days differ by so much (relative to a mean of 0.3)."""
    rng = np.random.default_rng(0)
    level = np.repeat(0.3 * np.clip(1.0 + spread * rng.normal(size=days), 0.05, None), DAILY)
    label = rng.random(len(level)) < 0.5 if task == "binary" else rng.normal(size=len(level))
    error = rng.random(len(level)) < level if task == "binary" else rng.exponential(level)
    answer = np.not_equal(label, error) if task == "binary" else label + error
    at = 1_362_096_000.0 + np.arange(len(level)) * (DAY / DAILY)
    rows = pa.table({"at": at, "label": label, "answer": answer})
    if shuffle:
        rows = rows.take(pa.array(rng.permutation(len(rows))))
    spec = profile(
        rows,
        model="m",
        version="1",
        task=task,
        prediction="answer",
        label="label",
        time="at" if time else None,
        features=[],
    )
    assert spec.error_scale is not None
    return spec.error_scale


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_the_spread_of_days_is_measured_where_times_are_known(task: Task) -> None:
    """Days that differ by a fifth of the error have a spread of a fifth, and short stretches of them have at least that."""
    found = scale_of(task, 40, 0.2)
    assert found.spans == 39  # the first day is not whole: the reference ends with whole windows
    assert found.between == pytest.approx(0.06, rel=0.3)
    assert found.within == pytest.approx(found.between, rel=0.3)
    assert found.within >= found.between
    assert 0.0 <= found.persistence < 0.5


def test_the_order_of_rows_does_not_matter() -> None:
    """Times, not places in the file, make the spans."""
    plain, shuffled = scale_of("regression", 25, 0.2), scale_of("regression", 25, 0.2, shuffle=True)
    assert shuffled.spans == plain.spans
    assert shuffled.between == pytest.approx(plain.between, rel=1e-6)


def test_independent_errors_have_hardly_any_spread() -> None:
    """What sampling explains is not spread."""
    found = scale_of("binary", 40, 0.0)
    assert found.between < 0.012
    assert found.spans == 39


def test_without_times_no_spread_is_claimed() -> None:
    """The reference says that it was not measured: 0 on 0 spans."""
    found = scale_of("binary", 25, 0.2, time=False)
    assert (found.between, found.within, found.spans) == (0.0, 0.0, 0)
