"""Whatever the order of sources, the split, repetitions and crashes: the same windows, totals and incidents."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, NamedTuple

import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor_stream.events.codec import decode_json, moment
from monitor_stream.events.fold import Limits, Message
from monitor_stream.events.results import Incident, ModelResults, VersionResults, Window
from monitor_stream.events.spec import Baseline, ErrorScale, FairnessRules, ModelSpec, Specs, Task
from monitor_stream.events.tables import PERFORMANCE, TableName, columns
from monitor_stream.judge import Judge
from monitor_stream.judge.detectors import ErrorMonitor
from monitor_stream.judge.performance import metrics
from tests.judge.deltas import SEAT, Row, Source, batch, judge, part

WINDOW, HORIZON = 300, 1500
LIMITS = Limits(revision_interval_seconds=2.0)
BEGIN = 1_362_096_000 - 900  # a quarter of an hour before midnight

GROUPS: dict[TableName, tuple[str, ...]] = {
    "traffic": ("", "carrier=UA", "carrier=AA", "origin=EWR"),
    "performance": ("", "carrier=UA", "carrier=AA", "origin=EWR"),
    "latency": ("",),
    "delay": ("",),
    "features": ("distance", "__score__"),
    "quality": ("duplicate", "late"),
    "answers": ("", "carrier=UA", "carrier=AA"),
}
OF_TASK: dict[Task, dict[TableName, tuple[str, ...]]] = {
    "regression": {"errors": ("",)},
    "binary": {"scores": ("negative", "positive"), "calibration": ("", "carrier=UA", "carrier=AA")},
    "multiclass": {
        "confusion": ("a\x1fa", "a\x1fb", "b\x1fb"),
        "calibration": ("", "carrier=UA", "carrier=AA"),
        "group_classes": ("carrier=UA\x1fa", "carrier=AA\x1fa"),
        "group_confusion": ("carrier=UA\x1fa\x1fa", "carrier=AA\x1fa\x1fb"),
    },
}


class Story(NamedTuple):
    """What happened: the deltas of each source in order, and all that is in them."""

    spec: ModelSpec
    sources: list[list[bytes]]
    rows: list[tuple[TableName, Row]]
    errors: list[tuple[float, float]]

    def __repr__(self) -> str:
        lengths = [len(sent) for sent in self.sources]
        return f"Story({self.spec.task}, deltas {lengths}, {len(self.rows)} rows, {len(self.errors)} errors)"


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Sources that keep the rules of folds.md: no row for a settled window, no error below the clock."""
    task: Task = draw(st.sampled_from(["regression", "binary", "multiclass"]))
    spec = ModelSpec(
        model="m",
        version="1",
        task=task,
        segments=["carrier"],
        sensitive=["carrier"],
        fairness=FairnessRules(min_group=10),
        window_seconds=WINDOW,
        horizon_seconds=HORIZON,
        min_samples=20,
        error_scale=ErrorScale(0.25, 0.25),
        baseline={"mae": Baseline(0.3, 0.01, 10), "accuracy": Baseline(0.8, 0.01, 10)},
    )
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    worse = BEGIN + draw(st.integers(0, 2000))
    bad = (worse, worse + draw(st.integers(300, 2000)))
    count = draw(st.integers(1, 3))
    rows: list[tuple[TableName, Row]] = []
    errors: list[tuple[float, float]] = []
    sources = []
    for index in range(count):
        source, clock, watermark = Source(index, count), float(BEGIN), float(BEGIN)
        sent = []
        for _ in range(draw(st.integers(1, 6))):
            tables = _tables(random, task, clock)
            found = _errors(random, clock, bad)
            watermark += float(random.integers(0, 900))
            clock = max(clock, watermark - float(random.integers(0, 600)))
            sent.append(
                source.delta(
                    {"1": part(spec, tables, errors=found, outcomes={"joined": 2})}, watermark, clock
                )
            )
            rows += [(name, row) for name, some in tables.items() for row in some]
            errors += found
        sources.append(sent)
    return Story(spec, sources, rows, errors)


def _tables(random: np.random.Generator, task: Task, clock: float) -> dict[TableName, list[Row]]:
    """Rows of windows that end within the horizon behind the clock; quarters, so that sums are exact."""
    first = (int(clock) - HORIZON) // WINDOW * WINDOW + WINDOW
    tables: dict[TableName, list[Row]] = {}
    for name, groups in (GROUPS | OF_TASK[task]).items():
        width = len(columns(name, task))
        for _ in range(int(random.integers(0, 6))):
            start = first + WINDOW * int(random.integers(0, 12))
            sums = random.integers(0, 9, width) * (random.random(width) < 20 / width)
            tables.setdefault(name, []).append((start, groups[random.integers(len(groups))], sums.tolist()))
    return tables


def _errors(random: np.random.Generator, clock: float, bad: tuple[int, int]) -> list[tuple[float, float]]:
    order = clock + random.integers(0, 1200, int(random.integers(0, 400)))
    wrong = random.random(len(order)) < np.where((bad[0] <= order) & (order < bad[1]), 0.8, 0.1)
    return list(zip(order.tolist(), wrong.astype(float).tolist(), strict=True))


class Outcome(NamedTuple):
    """What is left in the end, and what was told on the way."""

    windows: list[Window]
    incidents: list[Incident]
    results: ModelResults


def sequential(story: Story) -> Outcome:
    """One run, source after source, in one batch."""
    fold = judge(story.spec)
    fold.apply(batch(*(delta for sent in story.sources for delta in sent)))
    fold.finish()
    outputs = fold.drain()
    return outcome(list(outputs.messages), outputs.results)


def eventful(story: Story, data: st.DataObject) -> Outcome:
    """Sources interleaved, deltas repeated, split into batches, committed and crashed at any point."""
    stream = _interleaved(story.sources, data)
    state: dict[str, bytes] = {}
    messages: list[Message] = []
    results: dict[str, bytes | None] = {}
    fold, at, committed, crashes, now = judge(story.spec), 0, 0, 3, 0.0
    while at < len(stream):
        end = at + data.draw(st.integers(1, 5))
        fold.apply(batch(*stream[at:end]))
        at = end
        if data.draw(st.booleans()):
            now += 1.0
            fold.tick(now)
        action = data.draw(st.sampled_from(["go on", "commit", "crash"]))
        if action == "commit":
            _commit(fold, state, messages, results)
            committed = at
        elif action == "crash" and crashes:
            fold, at, crashes = (
                Judge.restore(state, SEAT, Specs([story.spec]), LIMITS),
                committed,
                crashes - 1,
            )
    fold.finish()
    _commit(fold, state, messages, results)
    return outcome(messages, results)


def _interleaved(sources: list[list[bytes]], data: st.DataObject) -> list[bytes]:
    turns = data.draw(st.permutations([at for at, sent in enumerate(sources) for _ in sent]))
    left, seen, stream = [iter(sent) for sent in sources], defaultdict(list), []
    for turn in turns:
        delta = next(left[turn])
        stream.append(delta)
        seen[turn].append(delta)
        if data.draw(st.integers(0, 3)) == 0:
            stream += seen[turn][-data.draw(st.integers(1, 3)) :]
    return stream


def _commit(
    fold: Judge, state: dict[str, bytes], messages: list[Message], results: dict[str, bytes | None]
) -> None:
    outputs, changes = fold.drain(), fold.changes()
    messages += outputs.messages
    results |= outputs.results
    state |= changes.puts
    for name in changes.deletes:
        del state[name]


def outcome(messages: list[Message], results: Any) -> Outcome:
    windows = [decode_json(Window, m.value) for m in messages if m.topic == "windows"]
    incidents = [decode_json(Incident, m.value) for m in messages if m.topic == "incidents"]
    return Outcome(windows, incidents, decode_json(ModelResults, results["model:m"]))


def final(windows: list[Window]) -> list[Window]:
    """The last revision of each window, its number apart."""
    last = {window.start: msgspec.structs.replace(window, revision=0) for window in windows}
    return [last[start] for start in sorted(last)]


def lasting(results: ModelResults) -> ModelResults:
    """The document without what tells of its making: time, and how often a window was published."""
    versions = {
        name: msgspec.structs.replace(version, windows=final(version.windows), days=final(version.days))
        for name, version in results.versions.items()
    }
    return msgspec.structs.replace(results, updated=0.0, versions=versions)


@settings(max_examples=60)
@given(stories(), st.data())
def test_same_end_whatever_happens_on_the_way(story: Story, data: st.DataObject) -> None:
    """Any order of sources, split, repetition and crash ends in the same windows, document and incidents."""
    expected, found = sequential(story), eventful(story, data)
    assert final(found.windows) == final(expected.windows)
    assert lasting(found.results) == lasting(expected.results)
    assert found.incidents == expected.incidents


@settings(max_examples=40)
@given(stories(), st.data())
def test_revisions_count_up_and_end_with_the_settled_one(story: Story, data: st.DataObject) -> None:
    """Each window is published as revision 1, 2, and so on; the last one, and no other, is settled."""
    by_start = defaultdict(list)
    for window in eventful(story, data).windows:
        by_start[window.start].append(window)
    for revisions in by_start.values():
        assert [window.revision for window in revisions] == list(range(1, len(revisions) + 1))
        assert [window.settled for window in revisions] == [False] * (len(revisions) - 1) + [True]


@settings(max_examples=40)
@given(stories())
def test_windows_are_the_sums_of_their_rows(story: Story) -> None:
    """Windows, days and rolling spans hold exactly the rows that fell into them."""
    found = sequential(story)
    windows = naive(story.rows, WINDOW)
    assert {w.start: w for w in final(found.windows)}.keys() == {
        moment(s) for s, t in windows.items() if has_n(t)
    }
    for window in final(found.windows):
        check(window, windows[int(window.start.timestamp())], story.spec)
    version = found.results.versions["1"]
    days = naive(story.rows, 86400)
    assert [day.start for day in version.days] == [
        moment(start) for start in sorted(days) if has_n(days[start])
    ]
    for day in version.days:
        check(day, days[int(day.start.timestamp())], story.spec)
    check_rolling(version, windows, story.spec)


@settings(max_examples=40)
@given(stories())
def test_totals_are_the_sums_of_everything(story: Story) -> None:
    """Totals are exact, and the values of the first segment add up to the whole."""
    totals = sequential(story).results.versions["1"].totals
    rows: dict[str, dict[str, Any]] = naive(story.rows, 10**10).get(0, {})
    whole = rows.get("traffic", {}).get("", [0, 0])
    assert sum(totals.predictions.values()) == whole[0]
    assert totals.failed == whole[1]
    for value in ("UA", "AA"):
        n = rows.get("traffic", {}).get(f"carrier={value}", [0])[0]
        assert totals.predictions.get(value, 0) == n
    performance = rows.get("performance", {}).get("", [0, 0])
    assert (sum(totals.scored.values()), sum(totals.bad.values())) == tuple(performance[:2])
    assert totals.quality == {check: sums[0] for check, sums in rows.get("quality", {}).items()}
    latency = rows.get("latency", {}).get("", [0] * 15)
    assert (totals.latency.counts, totals.latency.sum) == (list(latency[:-1]), latency[-1])
    assert totals.outcomes == {"joined": 2 * sum(map(len, story.sources))}
    assert totals.late_rows == 0


@settings(max_examples=40)
@given(stories())
def test_detectors_see_all_errors_in_order(story: Story) -> None:
    """Detections in single errors are those of the errors sorted by order time and size, fed in one piece."""
    version = sequential(story).results.versions["1"]
    single = [d for d in version.detections if d.detector in {"adwin", "page_hinkley"}]
    ordered = np.array(sorted(story.errors)).reshape(-1, 2)
    monitor = ErrorMonitor.new(story.spec.task, story.spec.error_scale)
    alarms = monitor.feed(ordered[:, 0].copy(), ordered[:, 1].copy())
    assert [(d.detector, d.direction, d.seen, d.event_time) for d in single] == [
        (alarm.detector, alarm.direction, alarm.seen, moment(alarm.order)) for alarm in alarms
    ]
    assert version.errors_seen == len(story.errors)


@settings(max_examples=40)
@given(stories())
def test_one_incident_for_one_change(story: Story) -> None:
    """A confirmed change for the worse opens an incident; until it is resolved no further one is opened by errors."""
    found = sequential(story)
    is_open: set[str] = set()
    for incident in found.incidents:
        if "error" not in incident.signals:
            continue
        if incident.id not in is_open:
            assert incident.state == "open"
            assert not is_open
        is_open.add(incident.id)
        if incident.state == "resolved":
            is_open.discard(incident.id)
    worse = [d for d in found.results.versions["1"].detections if d.confirmed and d.direction == "worse"]
    sudden = any(d.detector != "level" for d in worse)  # a level waits for a second look
    assert not sudden or any("error" in incident.signals for incident in found.incidents)
    assert worse or not any("error" in incident.signals for incident in found.incidents)
    assert found.results.versions["1"].drift_detected == bool(is_open)


# The reference: dictionaries and loops, nothing of the package's own arithmetic but the metrics of a row of sums.


def naive(rows: list[tuple[TableName, Row]], seconds: int) -> dict[int, dict[str, dict[str, Any]]]:
    windows: dict[int, dict[str, dict[str, Any]]] = defaultdict(lambda: defaultdict(dict))
    for name, (start, group, sums) in rows:
        tables = windows[start - start % seconds]
        known = tables[name].get(group, [0.0] * len(sums))
        tables[name][group] = [a + b for a, b in zip(known, sums, strict=True)]
    return windows


def has_n(tables: dict[str, dict[str, Any]]) -> bool:
    return bool(tables.get("traffic", {}).get("", [0])[0])


def expected_metrics(tables: dict[str, dict[str, Any]], task: Task, group: str = "") -> Any:
    row = np.array(tables.get("performance", {}).get(group, [0.0] * len(PERFORMANCE[task])))
    if group:
        return metrics(task, row)
    scores, cells, bins = (tables.get(name) for name in ("scores", "confusion", "calibration"))
    nothing = [0.0] * 400
    return metrics(
        task,
        row,
        scores=np.array([scores.get("negative", nothing), scores.get("positive", nothing)])
        if scores
        else None,
        confusion={group: sums[0] for group, sums in cells.items()} if cells else None,
        calibration=np.array(bins.get("", [0.0] * len(columns("calibration", task)))) if bins else None,
    )


def check(window: Window, tables: dict[str, dict[str, Any]], spec: ModelSpec) -> None:
    n, failed = tables["traffic"][""]
    labelled = sum(tables.get("delay", {}).get("", [0])[:-1])
    assert (window.n, window.failed, window.labelled) == (n, failed, labelled)
    assert window.labelled_share == labelled / n
    assert window.reference == spec.digest
    assert window.metrics == expected_metrics(tables, spec.task)
    assert window.quality == {name: sums[0] for name, sums in tables.get("quality", {}).items()}
    assert {f"{s.segment}={s.value}": s.n for s in window.segments} == {
        group: sums[0] for group, sums in tables["traffic"].items() if group
    }
    for segment in window.segments:
        assert segment.metrics == expected_metrics(tables, spec.task, f"{segment.segment}={segment.value}")
    assert {f.name: f.values for f in window.features} == {
        name: sums[0] for name, sums in tables.get("features", {}).items()
    }


def check_rolling(version: VersionResults, windows: dict[int, Any], spec: ModelSpec) -> None:
    end = max(windows, default=0) + WINDOW
    for name, seconds in {"5m": 300, "1h": 3600, "1d": 86400}.items():
        inside = [tables for start, tables in windows.items() if start >= end - seconds]
        n = sum(tables.get("traffic", {}).get("", [0])[0] for tables in inside)
        rolling = version.rolling.get(name)  # type: ignore[call-overload]
        assert rolling is None if not windows else (rolling.n, rolling.end) == (n, moment(end))
