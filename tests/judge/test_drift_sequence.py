"""Whatever the order of sources, the split, repetitions and crashes: the same drift, which is that of the raw rows."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor_stream.events.codec import decode_json, moment
from monitor_stream.events.delta import SAMPLE_ROWS, Floats, Sample
from monitor_stream.events.fold import Message
from monitor_stream.events.results import DriftSpan, Finding, ModelResults
from monitor_stream.events.spec import (
    CategoricalReference,
    DriftRules,
    Feature,
    ModelSpec,
    NumericReference,
    Specs,
)
from monitor_stream.events.tables import HISTOGRAM_BINS, PREDICTION, TARGET, TableName
from monitor_stream.judge.drift.evaluate import Observed, evaluate
from monitor_stream.judge.drift_watch import DriftWatch
from monitor_stream.judge.persist import Journal
from monitor_stream.judge.reading import read
from monitor_stream.judge.specs_known import KnownSpecs
from monitor_stream.judge.sums import Sums
from tests.judge.deltas import Row, Source, batch, judge, part

SPAN, HORIZON = 3600, 7200
BEGIN = 1_362_096_000
CARRIERS = ("UA", "AA", "DL")
EDGES = np.linspace(-2.0, 2.0, 9)


def reference_shares(values: np.ndarray[Any, Any], bins: int) -> list[float]:
    shares: list[float] = (np.bincount(values, minlength=bins) / len(values)).tolist()
    return shares


RANDOM = np.random.default_rng(1)
NORMAL = RANDOM.normal(size=20_000)


def spec(sliding: int = 0) -> ModelSpec:
    x = NumericReference(
        n=20_000,
        missing=0.0,
        mean=0.0,
        std=1.0,
        minimum=-4.0,
        maximum=4.0,
        edges=EDGES.tolist(),
        shares=reference_shares(np.searchsorted(EDGES, NORMAL), 10),
    )
    classes = CategoricalReference(n=20_000, missing=0.0, shares={"false": 0.7, "true": 0.3})
    return ModelSpec(
        model="m",
        version="1",
        task="binary",
        features=[
            Feature(name="x", kind="numeric", reference=x, importance=3.0),
            Feature(
                name="carrier",
                kind="categorical",
                reference=CategoricalReference(
                    n=20_000, missing=0.0, shares=dict.fromkeys(CARRIERS, 0.3), other=0.1
                ),
            ),
        ],
        prediction=classes,
        label=classes,
        horizon_seconds=HORIZON,
        allowed_disorder_seconds=0.0,
        min_samples=150,
        drift=DriftRules(span_seconds=SPAN, sliding_spans=sliding),
    )


class Raw(NamedTuple):
    """Predictions as rows: time, columns by bin (-1: missing), the label (-1: none), and the hash of the id."""

    time: np.ndarray[Any, Any]
    bins: dict[str, np.ndarray[Any, Any]]
    label: np.ndarray[Any, Any]
    hash: np.ndarray[Any, Any]
    x: np.ndarray[Any, Any]


class Story(NamedTuple):
    """What happened: the deltas of each source in order, and all that is in them."""

    spec: ModelSpec
    sources: list[list[bytes]]
    raw: list[Raw]

    def __repr__(self) -> str:
        return (
            f"Story(deltas {[len(sent) for sent in self.sources]}, rows {sum(len(r.time) for r in self.raw)})"
        )


def raw_rows(random: np.random.Generator, n: int, hours: int, moved: int) -> Raw:
    """A source's predictions in the order of time; x moves from an hour on, traffic comes and goes by the hour."""
    weights = random.choice([0.05, 0.3, 1.0], hours)
    time = np.sort(random.choice(hours, n, p=weights / weights.sum()) * SPAN + random.integers(0, SPAN, n))
    x = random.normal(size=n) + np.where(time >= moved * SPAN, 1.0, 0.0)
    bins = {
        "x": np.searchsorted(EDGES, x),
        "carrier": random.choice([-1, 0, 1, 2, 3], n, p=[0.05, 0.3, 0.3, 0.25, 0.1]),
        PREDICTION: random.choice(2, n, p=[0.7, 0.3]),
    }
    label = random.choice([-1, 0, 1], n, p=[0.2, 0.5, 0.3])
    return Raw(time + BEGIN, bins, label, random.integers(0, 2**63, n).astype(np.uint64), x)


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Sources that keep the rules of folds.md: rows in time, labels within the horizon."""
    described = spec(draw(st.sampled_from([0, 0, 3])))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    hours, count = draw(st.integers(1, 8)), draw(st.integers(1, 3))
    moved = draw(st.integers(0, 8))
    sources, raw = [], []
    for index in range(count):
        rows = raw_rows(random, draw(st.integers(20, 1500)), hours, moved)
        raw.append(rows)
        sources.append(deltas(described, Source(index, count), rows, random, draw(st.integers(1, 6))))
    return Story(described, sources, raw)


def deltas(
    described: ModelSpec, source: Source, rows: Raw, random: np.random.Generator, pieces: int
) -> list[bytes]:
    """The rows in so many deltas; a label comes in the delta of its prediction, or in a later one in time."""
    cuts = np.sort(random.integers(0, len(rows.time) + 1, pieces - 1))
    bounds = [0, *cuts.tolist(), len(rows.time)]
    sent = []
    waiting: list[int] = []
    for first, last in pairwise(bounds):
        newest = float(rows.time[last - 1]) if last else float(BEGIN)
        due = [at for at in waiting if rows.time[at] + SPAN < newest]
        some = [*due, *(at for at in range(first, last) if random.random() < 0.5)]
        waiting = [at for at in (*waiting, *range(first, last)) if at not in set(some)]
        if last == len(rows.time):
            some, waiting = [*some, *waiting], []
        tables: dict[TableName, list[Row]] = {"histograms": histograms(rows, np.arange(first, last), some)}
        told = part(described, tables, samples=samples(rows, last, first))
        # Labels that are still to come hold the clock.
        oldest = min((float(rows.time[at]) for at in waiting), default=newest)
        sent.append(source.delta({"1": told}, newest, min(newest, oldest)))
    return sent


def histograms(rows: Raw, chosen: np.ndarray[Any, Any], labelled: list[int]) -> list[Row]:
    counts: dict[tuple[int, str], np.ndarray[Any, Any]] = defaultdict(lambda: np.zeros(HISTOGRAM_BINS))
    for column, at, bins in [
        *((name, chosen, bins) for name, bins in rows.bins.items()),
        (TARGET, np.array(labelled, np.int64), rows.label),
    ]:
        for index in at.tolist():
            if bins[index] >= 0:
                counts[int(rows.time[index]) // SPAN * SPAN, column][bins[index]] += 1.0
    return [(start, column, sums.tolist()) for (start, column), sums in counts.items()]


def samples(rows: Raw, last: int, first: int) -> list[Sample]:
    """Of each span that grew, the smallest hashes of what the source has seen."""
    starts = rows.time[:last] // SPAN * SPAN
    found = []
    for start in np.unique(starts[first:last]).tolist():
        at = np.flatnonzero(starts == start)
        at = at[np.argsort(rows.hash[at])][:SAMPLE_ROWS]
        values = np.stack([rows.x[at], rows.bins["carrier"][at].astype(float), np.zeros(len(at))], axis=1)
        values[values == -1.0] = np.nan
        found.append(Sample.pack(start, rows.hash[at], values))
    return found


# What comes of it


def final(messages: list[Message]) -> list[DriftSpan]:
    """The last judgement of each start, without its number."""
    last = {}
    for message in messages:
        if message.topic == "drift":
            span = decode_json(DriftSpan, message.value)
            last[span.start] = msgspec.structs.replace(span, revision=0)
    return [last[start] for start in sorted(last)]


def sequential(story: Story) -> list[Message]:
    fold = judge(story.spec)
    fold.apply(batch(*(delta for sent in story.sources for delta in sent)))
    fold.finish()
    return list(fold.drain().messages)


def eventful(story: Story, data: st.DataObject) -> list[Message]:
    """Sources interleaved, deltas repeated, split into batches, committed and crashed at any point."""
    turns = data.draw(st.permutations([at for at, sent in enumerate(story.sources) for _ in sent]))
    left = [iter(sent) for sent in story.sources]
    stream = []
    for turn in turns:
        stream += [next(left[turn])] * data.draw(st.integers(1, 2))
    state: dict[str, bytes] = {}
    messages: list[Message] = []
    fold, at, committed, crashes = judge(story.spec), 0, 0, 3
    while at < len(stream):
        end = at + data.draw(st.integers(1, 4))
        fold.apply(batch(*stream[at:end]))
        at = end
        action = data.draw(st.sampled_from(["go on", "commit", "crash"]))
        if action == "commit":
            messages += fold.drain().messages
            commit(fold.changes(), state)
            committed = at
        elif action == "crash" and crashes:
            fold, at, crashes = judge(story.spec, state=state), committed, crashes - 1
    fold.finish()
    return [*messages, *fold.drain().messages]


def commit(changes: Any, state: dict[str, bytes]) -> None:
    state |= changes.puts
    for name in changes.deletes:
        del state[name]


@settings(max_examples=50)
@given(stories(), st.data())
def test_same_drift_whatever_happens_on_the_way(story: Story, data: st.DataObject) -> None:
    """Any order of sources, split, repetition and crash ends in the same spans, each settled last."""
    messages = eventful(story, data)
    assert final(messages) == final(sequential(story))
    revisions = defaultdict(list)
    for message in messages:
        if message.topic == "drift":
            span = decode_json(DriftSpan, message.value)
            revisions[span.start].append((span.revision, span.settled))
    for told in revisions.values():
        assert told in ([(1, True)], [(1, False), (2, True)])


@settings(max_examples=50)
@given(stories())
def test_drift_is_that_of_the_raw_rows(story: Story) -> None:
    """Spans, runs, counts and with them every score are those of a batch computation over all rows."""
    found = [msgspec.structs.replace(span, multivariate=[]) for span in final(sequential(story))]
    assert found == twin(story)


def twin(story: Story) -> list[DriftSpan]:
    """Everything at once, from the rows themselves."""
    raw = story.raw
    time = np.concatenate([rows.time for rows in raw])
    bins = {name: np.concatenate([rows.bins[name] for rows in raw]) for name in raw[0].bins}
    bins[TARGET] = np.concatenate([rows.label for rows in raw])
    starts = time // SPAN * SPAN
    spans, run, n = [], [], 0
    for start in np.unique(starts).tolist():
        run.append(start)
        n += int((starts == start).sum())
        if n >= story.spec.min_samples:
            spans.append((run, n))
            run, n = [], 0
    found = []
    for run, n in spans:
        before = np.arange(run[0] - SPAN * story.spec.drift.sliding_spans, run[0], SPAN)
        blank = DriftSpan(
            model="m",
            version="1",
            start=moment(run[0]),
            end=moment(run[-1] + SPAN),
            revision=0,
            settled=True,
            n=n,
            reference=story.spec.digest,
        )
        counts, recent = (tallied(bins, np.isin(starts, some)) for some in (run, before))
        found.append(evaluate(blank, story.spec, Observed(counts, recent, np.zeros(168), Sums())))
    return found


def tallied(bins: dict[str, np.ndarray[Any, Any]], rows: np.ndarray[Any, Any]) -> dict[str, Floats]:
    return {
        name: np.bincount(column[rows & (column >= 0)], minlength=HISTOGRAM_BINS).astype(np.float64)
        for name, column in bins.items()
    }


@settings(max_examples=30)
@given(stories(), st.data())
def test_incidents_are_told_the_same_once_and_in_order(story: Story, data: st.DataObject) -> None:
    """Findings of a signal come in the order of time, one for each column and run, whatever the split."""
    everything = [delta for sent in story.sources for delta in sent]
    order = list(range(len(everything)))
    one = told(story, [everything])
    stream = [everything[at] for at in order]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=4)))
    bounds = [0, *cuts, len(stream)]
    split = told(story, [stream[a:b] for a, b in pairwise(bounds)])
    key = lambda found: (found.signal, found.start, found.column, found.check)  # noqa: E731
    assert sorted(one, key=key) == sorted(split, key=key)
    for found in (one, split):
        by_signal = defaultdict(list)
        for each in found:
            by_signal[each.signal].append(each)
        for some in by_signal.values():
            assert [each.start for each in some] == sorted(each.start for each in some)
            assert len({(each.start, each.column, each.check) for each in some}) == len(some)


def told(story: Story, batches: list[list[bytes]]) -> list[Finding]:
    """The findings of one watch that is fed batch after batch, its time that of the slowest source."""
    journal = Journal({})
    specs = KnownSpecs("m", "1", journal)
    watch = DriftWatch("m", "1", journal, lambda _: None, lambda _: None)
    marks = [(float("-inf"), float("-inf"))] * len(story.sources)
    found: list[Finding] = []
    for values in batches:
        for arrived in map(read, values):
            for rows in arrived.versions.values():
                specs.hear(rows, Specs([story.spec]))
                watch.take(rows, story.spec)
            marks[arrived.delta.source] = (arrived.delta.watermark, arrived.delta.clock)
        watermark, clock = (min(mark[at] for mark in marks) for at in (0, 1))
        found += watch.advance(watermark, clock - HORIZON, specs)
    return [*found, *watch.advance(float("inf"), float("inf"), specs)]


def constant(n: int, hours: int, moved: int, seed: int) -> list[DriftSpan]:
    random = np.random.default_rng(seed)
    time = np.repeat(np.arange(hours), n) * SPAN + BEGIN
    x = random.normal(size=len(time)) + np.where(np.arange(len(time)) >= moved * n, 0.5, 0.0)
    bins = {
        "x": np.searchsorted(EDGES, x),
        "carrier": random.choice(4, len(time), p=[0.3, 0.3, 0.3, 0.1]),
        PREDICTION: random.choice(2, len(time), p=[0.7, 0.3]),
    }
    label = random.choice(2, len(time), p=[0.7, 0.3])
    raw = Raw(time, bins, label, np.arange(len(time)).astype(np.uint64), x)
    rules = msgspec.structs.replace(spec().drift, false_alarms_per_month=3.0)
    described = msgspec.structs.replace(spec(), drift=rules)
    rows = histograms(raw, np.arange(len(time)), list(range(len(time))))
    tables: dict[TableName, list[Row]] = {"histograms": rows}
    fold = judge(described)
    fold.apply(batch(Source().delta({"1": part(described, tables)}, float(time[-1]))))
    fold.finish()
    return final(list(fold.drain().messages))


def test_a_feature_that_moved_is_found_in_its_first_span() -> None:
    """Half a standard deviation over 2,000 values: at once, by name, and nothing else is."""
    spans = constant(2000, 12, 6, seed=3)
    found = [[column.column for column in span.columns if column.drifted] for span in spans]
    assert found == [[]] * 6 + [["x"]] * 6
    assert spans[6].drifted_share == 0.5
    assert spans[6].drifted_share_weighted == 1.0


def test_nothing_is_found_where_nothing_moved() -> None:
    """A hundred spans of what the reference is, at three false alarms a month: none in four days."""
    spans = constant(1000, 100, 100, seed=4)
    assert len(spans) == 100
    assert [span.start for span in spans if any(column.drifted for column in span.columns)] == []


def test_the_document_has_what_was_published() -> None:
    """The newest spans as they were told, of older ones what had drifted and the label."""
    random = np.random.default_rng(7)
    described = spec()
    rows = raw_rows(random, 4000, 8, 3)
    fold = judge(described)
    fold.apply(batch(*deltas(described, Source(), rows, random, 5)))
    fold.finish()
    outputs = fold.drain()
    spans = [decode_json(DriftSpan, m.value) for m in outputs.messages if m.topic == "drift"]
    last = {span.start: span for span in spans}
    told = [last[start] for start in sorted(last)]
    document = outputs.results["model:m"]
    assert document is not None
    shown = decode_json(ModelResults, document).versions["1"].drift
    assert shown[-3:] == told[-3:]
    for thin, whole in zip(shown[:-3], told[:-3], strict=True):
        kept = [column for column in whole.columns if column.drifted or column.column == TARGET]
        together = [method for method in whole.multivariate if method.drifted]
        assert thin == msgspec.structs.replace(whole, columns=kept, multivariate=together)
