"""Drift spans: when they are judged, in what runs, under which spec, and what is kept of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
import pytest

from monitor_stream.events.codec import decode_json, moment
from monitor_stream.events.delta import SAMPLE_ROWS, Sample, SampleColumn
from monitor_stream.events.fold import Limits
from monitor_stream.events.results import DriftSpan, ModelResults
from monitor_stream.events.spec import (
    DAY,
    HOUR,
    CategoricalReference,
    DriftRules,
    Feature,
    ModelSpec,
    Specs,
)
from monitor_stream.events.tables import HISTOGRAM_BINS, MAX_COLUMNS, PREDICTION, TARGET, TableName
from monitor_stream.judge import Judge, spans
from monitor_stream.judge.sampled import SampledRows
from tests.judge.deltas import SEAT, Row, Source, batch, judge, part

T = 1_362_096_000  # midnight
CARRIER = CategoricalReference(n=10_000, missing=0.0, shares={"UA": 0.5, "AA": 0.3}, other=0.2)


def spec(*, created: float = 0.0, drift: DriftRules | None = None, min_samples: int = 500) -> ModelSpec:
    return ModelSpec(
        model="m",
        version="1",
        task="binary",
        features=[Feature(name="carrier", kind="categorical", reference=CARRIER)],
        prediction=CategoricalReference(n=10_000, missing=0.0, shares={"false": 0.8, "true": 0.2}),
        label=CategoricalReference(n=10_000, missing=0.0, shares={"false": 0.8, "true": 0.2}),
        horizon_seconds=DAY,
        min_samples=min_samples,
        drift=drift or DriftRules(),
        created=created,
    )


SPEC = spec()


def counted(*counts: float) -> list[float]:
    return [*counts, *[0.0] * (HISTOGRAM_BINS - len(counts))]


def day(start: int, n: float, *, ua: float = 0.5) -> list[Row]:
    """A day of n predictions, a share of them by UA."""
    others = n - n * ua
    return [
        (start, "carrier", counted(n * ua, others * 0.6, others * 0.4)),
        (start, PREDICTION, counted(n * 0.8, n * 0.2)),
    ]


def labels(start: int, n: float) -> list[Row]:
    return [(start, TARGET, counted(n * 0.8, n * 0.2))]


def feed(
    fold: Judge,
    source: Source,
    rows: Sequence[Row],
    watermark: float,
    clock: float | None = None,
    *,
    under: ModelSpec = SPEC,
    samples: Sequence[Sample] = (),
) -> list[DriftSpan]:
    """Hand rows over; what is published of drift then."""
    tables: dict[TableName, list[Row]] = {"histograms": list(rows)}
    fold.apply(batch(source.delta({"1": part(under, tables, samples=samples)}, watermark, clock)))
    return published(fold)


def published(fold: Judge) -> list[DriftSpan]:
    return [decode_json(DriftSpan, m.value) for m in fold.drain().messages if m.topic == "drift"]


def shown(fold: Judge) -> list[DriftSpan]:
    fold.finish()
    document = fold.drain().results["model:m"]
    assert document is not None
    return decode_json(ModelResults, document).versions["1"].drift


def committed(fold: Judge, state: Mapping[str, bytes] | None = None) -> dict[str, bytes]:
    changes = fold.changes()
    after = {**(state or {}), **changes.puts}
    return {name: data for name, data in after.items() if name not in changes.deletes}


def sample(start: int, hashes: Sequence[int], value: float = 1.0) -> Sample:
    return Sample.pack(start, np.array(hashes, np.uint64), np.full((len(hashes), 2), value))


def test_a_span_is_judged_when_it_closes_and_when_it_settles() -> None:
    """At its end with what is in it, at end + horizon with the labels; the second is revision 2 of the same start."""
    fold, source = judge(SPEC), Source()
    assert feed(fold, source, day(T, 1000), T + DAY - 1, T) == []
    [closed] = feed(fold, source, [], T + DAY, T)
    assert (closed.start, closed.end) == (moment(T), moment(T + DAY))
    assert (closed.revision, closed.settled, closed.n, closed.reference) == (1, False, 1000, SPEC.digest)
    assert {column.column for column in closed.columns} == {"carrier", PREDICTION}
    assert feed(fold, source, labels(T, 900), T + DAY, T + 2 * DAY - 1) == []
    [settled] = feed(fold, source, [], T + 2 * DAY, T + 2 * DAY)
    assert (settled.start, settled.revision, settled.settled) == (closed.start, 2, True)
    assert {column.column for column in settled.columns} == {"carrier", PREDICTION, TARGET}
    assert shown(fold) == [settled]


def test_a_span_that_closes_and_settles_at_once_is_judged_once() -> None:
    """A replay of old events does not say everything twice."""
    fold, source = judge(SPEC), Source()
    [span] = feed(fold, source, [*day(T, 1000), *labels(T, 900)], T + 9 * DAY)
    assert (span.revision, span.settled) == (1, True)


def test_spans_with_too_few_values_are_judged_together() -> None:
    """The shortest run that holds enough, one after the other, each span in one run only."""
    fold, source = judge(SPEC), Source()
    rows = [row for at, n in enumerate((200, 200, 200, 900, 100, 500)) for row in day(T + at * 86400, n)]
    found = feed(fold, source, rows, T + 9 * DAY, T)
    assert [((s.start - moment(T)).days, (s.end - moment(T)).days, s.n) for s in found] == [
        (0, 3, 600),
        (3, 4, 900),
        (4, 6, 600),
    ]
    assert [span.n for span in feed(fold, source, [], T + 20 * DAY)] == [600, 900, 600]


def test_labels_do_not_make_enough() -> None:
    """A span has as many predictions as it has, however many labels come for it, and does not change its run."""
    fold, source = judge(SPEC), Source()
    rows = [*day(T, 300), *labels(T, 300), *day(T + 86400, 300)]
    assert [s.n for s in feed(fold, source, rows, T + 2 * DAY, T)] == [600]
    assert [s.n for s in feed(fold, source, labels(T, 9000), T + 9 * DAY)] == [600]


def test_a_run_that_grows_too_long_is_given_up() -> None:
    """Thirty days that do not hold enough are said to, and the next run begins after them."""
    fold, source = judge(SPEC), Source()
    rows = [row for at in range(0, 40, 2) for row in day(T + at * 86400, 10)]
    [span] = feed(fold, source, rows, T + 40 * DAY, T)
    assert (span.end - span.start).days == 29
    assert span.not_computable.startswith("150 values in 15 spans")
    assert span.columns == []


def test_the_larger_part_stands_for_a_span_in_which_the_spec_changed() -> None:
    """Whichever came first: most of the day was read under it."""
    new = spec(created=1.0)
    for parts in (((SPEC, 900), (new, 600)), ((new, 600), (SPEC, 900))):
        specs = Specs([SPEC])
        fold, source = Judge.restore({}, SEAT, specs, Limits()), Source()
        feed(fold, source, [], T, T)
        specs.add(new)
        for under, n in parts:
            feed(fold, source, day(T, n), T, T, under=under)
        [span] = feed(fold, source, day(T + 86400, 800), T + DAY, T, under=new)
        assert (span.n, span.reference) == (900, SPEC.digest)
        [next_span] = feed(fold, source, [], T + 2 * DAY, T, under=new)
        assert (next_span.n, next_span.reference) == (800, new.digest)


def test_a_run_ends_with_its_spec() -> None:
    """Values of bins of two kinds cannot be added: the short run is given up."""
    new = spec(created=1.0)
    specs = Specs([SPEC])
    fold, source = Judge.restore({}, SEAT, specs, Limits()), Source()
    feed(fold, source, day(T, 100), T, T)
    specs.add(new)
    found = feed(fold, source, day(T + 86400, 800), T + 2 * DAY, T, under=new)
    assert [(s.n, bool(s.not_computable)) for s in found] == [(100, True), (800, False)]


def test_late_rows_count_when_a_span_settles_and_not_after() -> None:
    """What comes between closing and settling is in the second judgement; later rows are in none."""
    fold, source = judge(SPEC), Source()
    assert [s.n for s in feed(fold, source, day(T, 1000), T + DAY, T)] == [1000]
    assert feed(fold, source, day(T, 100), T + DAY, T) == []
    assert [s.n for s in feed(fold, source, [], T + 2 * DAY)] == [1100]
    assert feed(fold, source, day(T, 100), T + 9 * DAY) == []


def test_rows_sampled_after_the_close_are_not_kept() -> None:
    """Rows are looked at once, when a span closes; what comes later would lie there until it settles."""
    fold, source = judge(SPEC), Source()
    feed(fold, source, day(T, 1000), T + DAY, T, samples=[sample(T, range(200))])
    feed(fold, source, day(T, 10), T + DAY, T, samples=[sample(T, range(200, 300))])
    assert not [name for name in committed(fold) if name.startswith('["sampled"')]


def test_what_was_said_is_not_said_again_after_a_restart() -> None:
    """The heir of a closed span judges it once more, when it settles, and of the sampled rows nothing is left."""
    fold, source = judge(SPEC), Source()
    feed(fold, source, day(T, 1000), T + DAY - 1, T, samples=[sample(T, range(9))])
    state = committed(fold)
    assert [name for name in state if "sampled" in name]
    heir = judge(SPEC, state=state)
    [closed] = feed(heir, source, [], T + DAY, T)
    state = committed(heir, state)
    assert not [name for name in state if "sampled" in name]
    second = judge(SPEC, state=state)
    assert feed(second, source, [], T + DAY + 1, T) == []
    [settled] = feed(second, source, [], T + 2 * DAY, T + 2 * DAY)
    assert msgspec.structs.replace(settled, revision=1, settled=False, columns=closed.columns) == closed
    assert settled.revision == 2
    assert not [name for name in committed(second, state) if name.startswith('["span"')]


def test_a_commit_writes_the_span_that_changed() -> None:
    """And its rows apart, only when one of them changed."""
    fold, source = judge(SPEC), Source()
    feed(
        fold,
        source,
        [*day(T, 1), *day(T + 86400, 1)],
        T,
        samples=[sample(T + 86400, range(9, 9 + SAMPLE_ROWS))],
    )
    committed(fold)
    feed(fold, source, day(T, 1), T, samples=[sample(T + 86400, [5])])
    names = [name for name in fold.changes().puts if name.startswith(('["span"', '["sampled"'))]
    assert sorted(names) == [f'["sampled","m","1",{T + 86400},86400.0]', f'["span","m","1",{T},86400.0]']


def test_beyond_the_bound_the_oldest_spans_settle_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """Timestamps all over the past cannot fill the memory."""
    monkeypatch.setattr(spans, "MAX_SPANS", 3)
    fold, source = judge(SPEC), Source()
    found = feed(fold, source, [row for at in range(5) for row in day(T + at * 86400, 600)], T, T)
    assert [(span.start, span.settled) for span in found] == [(moment(T), True), (moment(T + DAY), True)]


def test_spans_before_are_kept_while_they_are_the_reference() -> None:
    """As many as the rules ask for, and no more."""
    sliding = spec(drift=DriftRules(sliding_spans=3))
    fold, source = judge(sliding), Source()
    state: dict[str, bytes] = {}
    for at in range(8):
        start = T + at * 86400
        feed(fold, source, day(start, 600), start + DAY, start - 60 * DAY, under=sliding)
        state = committed(fold, state)
    feed(fold, source, [], T + 20 * DAY, under=sliding)
    state = committed(fold, state)
    assert len([name for name in state if name.startswith('["span"')]) == 3


def test_a_span_of_which_only_rows_are_known_settles() -> None:
    """Where nothing but the label has a reference, a span is as large as its sample, also when that was dropped."""
    only = msgspec.structs.replace(SPEC, features=[Feature(name="x", kind="numeric")], prediction=None)
    fold, source = judge(only), Source()
    rows = [sample(T, range(SAMPLE_ROWS))]
    [closed] = feed(fold, source, [], T + DAY, T, under=only, samples=rows)
    assert (closed.n, closed.columns) == (SAMPLE_ROWS, [])
    heir = judge(only, state=committed(fold))
    [settled] = feed(heir, source, labels(T, 900), T + 9 * DAY, under=only)
    assert [(column.column, column.n) for column in settled.columns] == [(TARGET, 900)]


@pytest.mark.parametrize("seasons", [True, False])
def test_a_span_is_held_against_its_own_hours(seasons: bool) -> None:
    """Mornings that are as mornings were have not moved, where the reference knows hours; otherwise they have."""
    morning, evening = [0.8, 0.1, 0.1], [0.2, 0.5, 0.3]
    by_hour = [morning if hour % 24 < 12 else evening for hour in range(168)]
    carrier = msgspec.structs.replace(CARRIER, n=100_000, seasons=by_hour if seasons else [])
    described = msgspec.structs.replace(
        spec(drift=DriftRules(span_seconds=6 * HOUR)),
        features=[Feature(name="carrier", kind="categorical", reference=carrier)],
        window_seconds=HOUR,
    )
    fold, source = judge(described), Source()
    for at in range(8):
        start = T + at * 21600
        shares = morning if at % 4 < 2 else evening
        tables: dict[TableName, list[Row]] = {
            "traffic": [(start + hour * 3600, "", [500.0, 0.0]) for hour in range(6)],
            "histograms": [(start, "carrier", counted(*(3000 * share for share in shares)))],
        }
        fold.apply(batch(source.delta({"1": part(described, tables)}, start + 6 * HOUR, T)))
        fold = judge(described, state=committed(fold)) if at == 3 else fold
    fold.finish()
    settled = [span for span in published(fold) if span.settled]
    assert len(settled) == 8
    assert [span.columns[0].drifted for span in settled] == [not seasons] * 8


def test_a_reference_of_one_value_slides_nowhere() -> None:
    """It cannot be computed, whatever the spans before held."""
    one = CategoricalReference(n=900, missing=0.0, shares={"UA": 1.0})
    sliding = msgspec.structs.replace(
        spec(drift=DriftRules(sliding_spans=3)),
        features=[Feature(name="carrier", kind="categorical", reference=one)],
    )
    fold, source = judge(sliding), Source()
    for at in range(3):
        start = T + at * 86400
        [span] = feed(fold, source, [(start, "carrier", counted(900))], start + DAY, T, under=sliding)
        assert span.columns[0].not_computable == "the reference has a single value"


def test_samples_merge_to_the_smallest_hashes() -> None:
    """Of whatever sources, in whatever order; one id counts once."""
    random = np.random.default_rng(5)
    hashes = random.integers(0, 2000, 3000).astype(np.uint64)
    rows = np.stack([hashes * 2.0, random.integers(0, 3, 3000)], axis=1)
    parts = np.array_split(np.arange(3000), 7)
    merged = []
    for order in (parts, parts[::-1]):
        sampled = SampledRows(np.zeros(0, np.uint64), np.zeros((0, 2)), ())
        for some in order:
            first = np.unique(hashes[some], return_index=True)[1]
            sampled = sampled.merge(SampledRows(hashes[some][first], rows[some][first], ()))
        merged.append(sampled)
    one, other = merged
    assert one.hashes.tolist() == np.unique(hashes)[:SAMPLE_ROWS].tolist()
    assert (one.rows[:, 0] == one.hashes * 2.0).all()
    assert one.hashes.tolist() == other.hashes.tolist()


def test_learned_columns_merge_by_name() -> None:
    """Sources that met features and values in another order mean the same rows."""
    nan = float("nan")
    one = SampledRows(
        np.array([1], np.uint64),
        np.array([[7.0, 1.0, 0.5]]),
        [SampleColumn("x", "numeric"), SampleColumn("c", "categorical", ["UA", "AA"])],
    )
    other = SampledRows(
        np.array([2, 3], np.uint64),
        np.array([[0.0, 9.0, 0.1], [1.0, nan, 0.2]]),
        [SampleColumn("c", "categorical", ["DL"]), SampleColumn("y", "numeric")],
    )
    merged = one.merge(other)
    assert [(column.name, column.codes) for column in merged.columns] == [
        ("c", ["AA", "DL", "UA"]),
        ("x", []),
        ("y", []),
    ]
    expected = [[0.0, 7.0, nan, 0.5], [1.0, nan, 9.0, 0.1], [3.0, nan, nan, 0.2]]
    np.testing.assert_array_equal(merged.rows, expected)


BAD: list[Sample] = [
    sample(T, []),
    sample(T, [3, 2]),
    sample(-1, [2]),
    sample(T, [2], float("inf")),
    Sample(T, np.array([1], "<u8").tobytes(), b""),
    Sample(T, b"123", b""),
    Sample(T, np.array([1, 2], "<u8").tobytes(), np.zeros(3).tobytes()),
    Sample.pack(
        T, np.array([1], np.uint64), np.zeros((1, 2)), [SampleColumn(name, "numeric") for name in "ab"]
    ),
]


@pytest.mark.parametrize("bad", BAD)
def test_a_sample_that_is_none_sets_its_delta_aside(bad: Sample) -> None:
    """Whole, as any delta that does not fit together: nothing of it counts."""
    fold = judge(SPEC)
    rows: dict[TableName, list[Row]] = {"histograms": day(T, 1000)}
    fold.apply(batch(Source().delta({"1": part(SPEC, rows, samples=[bad])}, T + 9 * DAY)))
    assert [message.topic for message in fold.drain().messages] == ["deadletters"]


def test_a_histogram_cannot_count_less_than_nothing() -> None:
    """Such a delta is set aside."""
    fold = judge(SPEC)
    rows: dict[TableName, list[Row]] = {"histograms": [(T, "carrier", counted(5, -1))]}
    fold.apply(batch(Source().delta({"1": part(SPEC, rows)}, T + 9 * DAY)))
    assert [message.topic for message in fold.drain().messages] == ["deadletters"]


def test_features_that_there_is_no_room_for_are_said_once() -> None:
    """With how many they are; the others are judged as if these were not there."""
    names = [f"f{at}" for at in range(MAX_COLUMNS + 57)]
    many = msgspec.structs.replace(
        SPEC, features=[Feature(name=name, kind="categorical", reference=CARRIER) for name in names]
    )
    rows = [(T, name, counted(500, 300, 200)) for name in names[:MAX_COLUMNS]]
    [span] = feed(judge(many), Source(), rows, T + DAY, T, under=many)
    said = {column.column: column.not_computable for column in span.columns if column.not_computable}
    assert said == {
        "f200": "the first of 57 features that are not followed: there is room for 200",
        PREDICTION: "no values",
    }
    assert len(span.columns) == MAX_COLUMNS + 2
    assert span.drifted_share == 0.0
