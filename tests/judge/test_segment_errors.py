"""Concept drift in one segment: worse than the rest, and than it usually is beside the rest."""

import numpy as np
import pytest

from monitor_stream.events.results import Finding
from monitor_stream.events.spec import DAY, ModelSpec, Task
from monitor_stream.events.tables import PERFORMANCE
from monitor_stream.judge.detectors.in_control import LEARNED
from monitor_stream.judge.persist import Journal, fields
from monitor_stream.judge.segment_errors import MAX_SEGMENTS, SegmentErrors
from monitor_stream.judge.sums import Rows, Sums
from monitor_stream.judge.windows import OpenWindow

CARRIERS = {"carrier=UA": 300, "carrier=AA": 150, "carrier=HA": 3}


def day(
    at: int, rates: dict[str, float], task: Task = "binary", counts: dict[str, int] = CARRIERS
) -> OpenWindow:
    """A settled day: a weather for all, and a rate or level for each carrier."""
    rng = np.random.default_rng(at)
    weather = rng.normal(0.0, 0.04)
    rows = {}
    for group, n in counts.items():
        row = dict.fromkeys(PERFORMANCE[task], 0.0) | {"scored": float(n)}
        level = max(rates.get(group, 0.3) + weather, 0.01)
        if task == "regression":
            errors = rng.exponential(level, n)
            row |= {"absolute_error": errors.sum(), "squared_error": (errors**2).sum()}
        else:
            row |= {"bad": float(rng.binomial(n, level))}
        rows[group] = list(row.values())
    rows[""] = np.sum(list(rows.values()), axis=0).tolist()
    sums = Sums()
    sums.add("performance", Rows(list(rows), np.array(list(rows.values()))))
    return OpenWindow(f"day {at}", int(at * DAY), DAY, sums)


def spec(task: Task = "binary") -> ModelSpec:
    return ModelSpec(model="m", task=task, segments=["carrier"])


def days(rates: list[dict[str, float]], task: Task = "binary") -> list[Finding]:
    segments = SegmentErrors("m", "1", Journal({}))
    return segments.take([day(at, rate, task) for at, rate in enumerate(rates)], spec(task))


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_a_segment_that_gets_worse_is_named(task: Task) -> None:
    """From the day one carrier is worse its chart fires, and no other's; its errors and the usual are told."""
    found = days([{}] * 30 + [{"carrier=AA": 0.55}] * 6, task)
    fired = [finding for finding in found if finding.firing]
    assert {finding.column for finding in fired} == {"carrier=AA"}
    assert all(finding.start.timestamp() >= 30 * DAY for finding in fired)
    assert len(fired) >= 4
    for finding in fired:
        assert finding.signal == "error"
        assert finding.direction == "worse"
        assert finding.value is not None
        assert finding.threshold is not None
        assert finding.expected is not None
        assert finding.value > finding.threshold > finding.expected
        assert finding.effect > 1.0
        assert "carrier=AA" in finding.detail


def test_what_happens_to_all_is_no_matter_of_a_segment() -> None:
    """A storm makes every carrier late, and no carrier's chart fires."""
    storm = dict.fromkeys(CARRIERS, 0.6)
    found = days([{}] * 30 + [storm] * 3 + [{}] * 3)
    assert found
    assert not any(finding.firing for finding in found)


def test_a_segment_that_always_was_worse_is_as_usual() -> None:
    """A carrier is compared with how it compares usually, not with the others."""
    assert not any(finding.firing for finding in days([{"carrier=AA": 0.5}] * 60))


def test_nothing_is_said_before_the_usual_is_known() -> None:
    """The first 21 stretches are learned from; a small segment's days are added up until they hold enough."""
    found = days([{"carrier=AA": 0.9}] * 3 + [{}] * 70)
    first = {finding.column: finding for finding in reversed(found)}
    assert first["carrier=UA"].start.timestamp() == LEARNED * DAY
    assert "carrier=HA" not in first  # 3 a day: not 100 in a month


def test_a_restart_changes_nothing() -> None:
    """Restored after every day, the charts say the same."""
    rates: list[dict[str, float]] = [{}] * 25 + [{"carrier=AA": 0.6}] * 3
    expected, found, state = days(rates), [], dict[str, bytes]()
    for at, rate in enumerate(rates):
        journal = Journal(state)
        segments = SegmentErrors("m", "1", journal)
        for kind, parts, data in fields(state):
            assert kind == "segment"
            segments.restore(parts[-1], data)
        found += segments.take([day(at, rate)], spec())
        state |= journal.take().puts
    assert found == expected
    assert any(finding.firing for finding in found)


def test_segments_are_bounded() -> None:
    """However many values come, so many are followed."""
    journal = Journal({})
    segments = SegmentErrors("m", "1", journal)
    for at in range(2):
        counts = {f"carrier={at}-{index}": 5 for index in range(MAX_SEGMENTS - 100)}
        assert not segments.take([day(at, {}, counts=counts)], spec())
    assert sum('"segment"' in name for name in journal.take().puts) == MAX_SEGMENTS


def test_days_without_labels_say_nothing() -> None:
    """No performance, no finding."""
    empty = OpenWindow("day", 0, DAY, Sums())
    assert SegmentErrors("m", "1", Journal({})).take([empty], spec()) == []
