"""What OBSERVE tells JUDGE, about once a second, for each model: additive, and therefore never wrong, only early."""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from monitor_stream.events.spec import Kind, ModelSpec
from monitor_stream.events.tables import TableName

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: Rows of a drift span that are kept as they are.
SAMPLE_ROWS = 500

#: What became of labels (joined, duplicate, orphan) and of predictions that waited too long or were pushed out of
#: a full buffer (expired, evicted).
Outcome = Literal["joined", "duplicate", "orphan", "expired", "evicted"]


class Table(msgspec.Struct, frozen=True, array_like=True):
    """Rows of sums: `windows[i]` (start, Unix seconds) and `groups[i]` key the i-th row of `sums`.

    Arrays are little-endian bytes; `sums` is row-major, ``len(groups)`` rows.
    """

    windows: bytes  # int64
    groups: list[str]
    sums: bytes  # float64

    @classmethod
    def pack(cls, windows: Ints, groups: list[str], sums: Floats) -> Table:
        return cls(windows.astype("<i8").tobytes(), groups, sums.astype("<f8").tobytes())

    def unpack(self) -> tuple[Ints, list[str], Floats]:
        sums = np.frombuffer(self.sums, "<f8")
        rows = len(self.groups)
        return (
            np.frombuffer(self.windows, "<i8"),
            self.groups,
            sums.reshape(rows, -1) if rows else sums.reshape(0, 0),
        )


class Scored(msgspec.Struct, frozen=True, array_like=True):
    """The error signal of scored pairs, for detectors: absolute error in a regression, else 0 or 1.

    `order` is the event time at which the pair was complete: the later of the two events, each counted as at least
    the newest of its own topic less the allowed disorder. It depends on the topics alone, not on how their reading
    interleaved, and later deltas of a source never go below its `clock`: sorted by (order, error), the signal is
    the same on every run.
    """

    order: bytes  # float64
    error: bytes  # float64
    expected: bytes = (
        b""  # float64, the error that was foretold, NaN where none was; empty where no error was
    )

    @classmethod
    def pack(cls, order: Floats, error: Floats, expected: Floats | None = None) -> Scored:
        foretold = b"" if expected is None else expected.astype("<f8").tobytes()
        return cls(order.astype("<f8").tobytes(), error.astype("<f8").tobytes(), foretold)

    def unpack(self) -> tuple[Floats, Floats]:
        return np.frombuffer(self.order, "<f8"), np.frombuffer(self.error, "<f8")

    def foretold(self) -> Floats:
        """The error that was foretold of each pair; NaN where none was."""
        if self.expected:
            return np.frombuffer(self.expected, "<f8")
        return np.full(len(self.error) // 8, np.nan)


#: Values of a categorical feature without a reference that have a code of their own: the first so many.
MAX_CODES = 50


class SampleColumn(msgspec.Struct, frozen=True, array_like=True):
    """What a column of sampled rows is, where no reference says it.

    The number of a categorical value is its place in `codes` (values as text, as events name them, in the order in
    which this source met them), one more for any value that has none.
    """

    name: str
    kind: Kind
    codes: list[str] = []


class Sample(msgspec.Struct, frozen=True, array_like=True):
    """Rows of a drift span: those whose id has one of the `SAMPLE_ROWS` smallest hashes of what this source saw.

    Samples of one span merge: join them, keep the smallest hashes. So the rows are a uniform sample, and the same on
    every run. `rows` is row-major, a column a feature of the spec, in its order: a number, the index of a category
    among the reference's `shares` (one more for any other value), NaN where it is missing. One more column holds the
    score (binary), or the prediction (regression).

    Where a feature has no reference, or is learned from the events because the spec names none, `columns` describes all
    columns but the last: JUDGE makes references of such rows, by these names.
    """

    start: int
    hashes: bytes  # uint64, ascending
    rows: bytes  # float64
    columns: list[SampleColumn] = []

    @classmethod
    def pack(
        cls,
        start: int,
        hashes: npt.NDArray[np.uint64],
        rows: Floats,
        columns: list[SampleColumn] | None = None,
    ) -> Sample:
        return cls(start, hashes.astype("<u8").tobytes(), rows.astype("<f8").tobytes(), columns or [])

    def unpack(self) -> tuple[npt.NDArray[np.uint64], Floats]:
        hashes = np.frombuffer(self.hashes, "<u8")
        return hashes, np.frombuffer(self.rows, "<f8").reshape(len(hashes), -1)


#: Outliers of a day and version that are kept as they are: those furthest from the reference.
EXAMPLES = 20


class Example(msgspec.Struct, frozen=True):
    """A prediction that was unlike the reference, for a person to look at.

    Samples of one day merge: join them, keep the `EXAMPLES` highest scores. `score` is how many times beyond its cut the
    feature `reason` was (or ``grouped(feature, feature)``, whose values never came together: 1). Values of masked features
    are ``"***"``, and all are absent where the spec does not want examples stored: then there is no example at all.
    """

    start: int  # of the day, Unix seconds
    score: float
    hash: int  # breaks ties: the one with the smaller hash is kept
    time: float
    prediction_id: str
    reason: str
    features: dict[str, float | bool | str | None]


#: Scored pairs of a span that are kept to compare versions.
PAIRED_ROWS = 5000


class PairedSample(msgspec.Struct, frozen=True, array_like=True):
    """Errors of one version on the pairs whose id has one of the `PAIRED_ROWS` smallest hashes of a span.

    The span is that of the position time of the *label*, which all versions share. Samples of one span merge: join them, keep
    the smallest hashes. Ids that two versions both answered are found in both, up to the smaller of their greatest hashes: a
    uniform sample of the predictions that can be compared one by one. `segments` and `codes` tell the value of the segment
    that the spec's `CompareRules` name; both are empty where they name none.
    """

    start: int
    hashes: bytes  # uint64, ascending
    errors: bytes  # float64
    segments: list[str] = []
    codes: bytes = b""  # uint16, index into `segments`

    @classmethod
    def pack(
        cls,
        start: int,
        hashes: npt.NDArray[np.uint64],
        errors: Floats,
        segments: list[str] | None = None,
        codes: npt.NDArray[np.uint16] | None = None,
    ) -> PairedSample:
        told = b"" if codes is None else codes.astype("<u2").tobytes()
        return cls(
            start, hashes.astype("<u8").tobytes(), errors.astype("<f8").tobytes(), segments or [], told
        )

    def unpack(self) -> tuple[npt.NDArray[np.uint64], Floats, npt.NDArray[np.uint16]]:
        codes = np.frombuffer(self.codes, "<u2")
        return np.frombuffer(self.hashes, "<u8"), np.frombuffer(self.errors, "<f8"), codes


class VersionDelta(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a delta that concerns one version. `pending` is how many predictions of this source wait.

    `spec` is the one these rows were made with where nobody published one (`inferred`); otherwise it is ``None``,
    and JUDGE knows it by model and version as OBSERVE did.
    """

    digest: str  # of the spec these rows were made with
    pending: int
    outcomes: dict[Outcome, int] = {}
    tables: dict[TableName, Table] = {}
    scored: Scored | None = None
    newest_prediction: float | None = None
    newest_label: float | None = None
    spec: ModelSpec | None = None
    samples: list[Sample] = []
    examples: list[Example] = []
    paired: list[PairedSample] = []


class Delta(msgspec.Struct, frozen=True, kw_only=True):
    """One model, one source partition.

    Parameters
    ----------
    source, sources
        The partition of OBSERVE this comes from, and how many there are.
    epoch, number, previous
        Deltas of a (source, model) form a chain: `number` rises by one, `previous` is (epoch, number) of the one
        before, (0, 0) for the first. JUDGE drops numbers it has, and sees a fork where a source went back in time.
    watermark
        The source's newest prediction time less the allowed disorder, or its clock where that is ahead because no
        predictions come: windows close at the minimum over sources.
    clock
        The source's join clock, the slower of its two topics: what is scored later has `order` at or above it.
    idle
        Whether the source has read both of its topics to their end, and the model was silent in them for the idle
        time-out. Only such a source holds no window open; one that falls silent without a word holds them all.
    outcomes
        Labels that belong to no version: duplicates and orphans.
    """

    model: str
    source: int
    sources: int
    epoch: int
    number: int
    previous: tuple[int, int]
    watermark: float
    clock: float
    idle: bool = False
    outcomes: dict[Outcome, int] = {}
    versions: dict[str, VersionDelta] = {}
