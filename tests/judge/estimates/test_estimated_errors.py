"""Runs of windows are held against the baseline when labels have had their say, and with what they said."""

from __future__ import annotations

import numpy as np
import pytest

from monitor_stream.events.results import Finding
from monitor_stream.events.spec import Baseline, ModelSpec
from monitor_stream.judge.estimates import estimated_errors
from monitor_stream.judge.estimates.estimated_errors import EstimatedErrors
from monitor_stream.judge.persist import Journal, fields
from monitor_stream.judge.sums import Rows, Sums
from monitor_stream.judge.windows import OpenWindow

HOUR = 3600.0
SPEC = ModelSpec(
    model="m",
    version="1",
    task="binary",
    min_samples=250,
    baseline={"accuracy": Baseline(0.8, 0.02, 30), "log_loss": Baseline(0.5, 0.0, 30)},
)


def window(at: int, accuracy: float, n: float = 100.0, spec: ModelSpec = SPEC) -> OpenWindow:
    sums = Sums()
    right, wrong = n * accuracy / 2, n * (1 - accuracy) / 2
    row = [n, right, wrong, right, wrong, n * 0.5, n * 0.15, n * 0.16]
    sums.add("estimates", Rows([""], np.array([row])))
    found = OpenWindow(f"window {at}", int(at * HOUR), HOUR, sums)
    found.reference = spec.digest
    return found


def told(watch: EstimatedErrors, clock: float, *, contradicted: bool = False) -> list[Finding]:
    return watch.judge(clock, lambda _: SPEC, lambda _: contradicted)


def test_windows_are_added_up_until_they_hold_enough() -> None:
    """Three windows of a hundred make a run of 250; each metric with a limit is told, and which stretch it is of."""
    watch = EstimatedErrors("m", "1", Journal({}))
    watch.take([window(at, 0.7) for at in range(4)], lambda _: SPEC)
    found = told(watch, 10 * HOUR)
    assert [(f.check, f.firing, f.severity) for f in found] == [
        ("accuracy", True, "critical"),
        ("log_loss", False, "warning"),
    ]
    assert [(f.start.timestamp(), f.end.timestamp(), f.n) for f in found] == [(0.0, 3 * HOUR, 300)] * 2
    assert found[0].value == pytest.approx(0.7)
    assert found[0].effect == pytest.approx(0.1 / 0.06)
    assert told(watch, 20 * HOUR) == []


def test_a_run_waits_until_labels_have_been_read_as_far() -> None:
    """Nothing is told before the clock has passed its end, also after a restart; then with what labels said of that time."""
    journal = Journal({})
    watch = EstimatedErrors("m", "1", journal)
    watch.take([window(at, 0.7) for at in range(3)], lambda _: SPEC)
    assert told(watch, 3 * HOUR - 1.0) == []
    heir = EstimatedErrors("m", "1", Journal({}))
    for _, _, data in fields(journal.take().puts):
        heir.restore(data)
    assert heir.digests == {SPEC.digest}
    asked: list[float] = []

    def contradicted_at(time: float) -> bool:
        asked.append(time)
        return True

    found = heir.judge(3 * HOUR, lambda _: SPEC, contradicted_at)
    assert asked == [3 * HOUR]
    assert [(f.check, f.firing, f.severity) for f in found] == [("accuracy", True, "warning")]
    assert "labels contradict the estimates" in found[0].detail


def test_what_is_well_by_a_contradicted_estimate_is_not_told() -> None:
    """It is no all-clear."""
    watch = EstimatedErrors("m", "1", Journal({}))
    watch.take([window(at, 0.8) for at in range(3)], lambda _: SPEC)
    assert told(watch, 9 * HOUR, contradicted=True) == []


def test_a_run_is_of_one_spec() -> None:
    """Windows of another spec begin a run of their own; windows of which nothing was foretold are in none."""
    other = ModelSpec(model="m", version="1", task="binary", min_samples=250)
    watch = EstimatedErrors("m", "1", Journal({}))
    watch.take(
        [window(0, 0.7), window(1, 0.7), *(window(at, 0.8, spec=other) for at in (2, 3))], lambda _: SPEC
    )
    assert told(watch, 9 * HOUR) == []
    watch.take(
        [OpenWindow("window 4", int(4 * HOUR), HOUR, Sums()), window(5, 0.8, spec=other)], lambda _: SPEC
    )
    assert [f.start.timestamp() for f in told(watch, 9 * HOUR)] == [2 * HOUR] * 2


def test_runs_that_wait_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A label topic that stands still cannot fill the state: the oldest runs are told before their time."""
    monkeypatch.setattr(estimated_errors, "MAX_WAITING", 2)
    watch = EstimatedErrors("m", "1", Journal({}))
    watch.take([window(at, 0.7, 300.0) for at in range(5)], lambda _: SPEC)
    assert [f.start.timestamp() for f in told(watch, 0.0) if f.check == "accuracy"] == [0.0, HOUR, 2 * HOUR]
    assert len(told(watch, 9 * HOUR)) == 4
