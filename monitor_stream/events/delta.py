"""What OBSERVE tells JUDGE, about once a second, for each model: additive, and therefore never wrong, only early."""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from monitor_stream.events.spec import ModelSpec
from monitor_stream.events.tables import TableName

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

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

    @classmethod
    def pack(cls, order: Floats, error: Floats) -> Scored:
        return cls(order.astype("<f8").tobytes(), error.astype("<f8").tobytes())

    def unpack(self) -> tuple[Floats, Floats]:
        return np.frombuffer(self.order, "<f8"), np.frombuffer(self.error, "<f8")


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
    outcomes: dict[Outcome, int] = {}
    versions: dict[str, VersionDelta] = {}
