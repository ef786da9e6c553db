"""How a worker is doing, in plain numbers: counted here, exported by whoever likes."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final, Literal

import msgspec

from monitor_stream.events.results import Histogram
from monitor_stream.state.contract import FoldName
from monitor_stream.stream.reading import Progress, Reading

#: What has a heartbeat: the event loop, the two folds, writing state, publishing.
Stage = Literal["loop", "observe", "judge", "commit", "publish"]
Rebalance = Literal["assigned", "revoked"]

#: Upper bounds in seconds. A commit of a few hundred kilobytes takes about a millisecond, one to a slow disk tens.
COMMIT_BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
BATCH_BOUNDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)


class WorkerHealth(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot. Topics go by their names on the broker, times are Unix seconds, counts begin with the process.

    Parameters
    ----------
    started
        When the process began to work.
    records_consumed, records_produced
        Topic → records applied by a fold, records acknowledged by the broker.
    records_skipped
        Records below the offset already applied: read again after a seek, and not counted twice.
    records_stale
        Records fetched under an earlier claim and therefore dropped; they are read again.
    records_lost
        Topic → records that retention had deleted before they were read.
    lag
        (topic, partition) → records behind the end of the partition; only partitions held now.
    reading
        The same partitions → how far behind they are in seconds, when a record was applied, when Kafka told the end.
    assigned_partitions
        Topic → how many partitions are held now.
    untaken
        Partitions that Kafka has assigned to this worker, and that are not restored yet.
    rebalances
        How often partitions were assigned and revoked.
    heartbeats
        Stage → when it last made progress, or last had nothing to do.
    unpublished
        Fold → messages committed and not yet acknowledged by the broker.
    batch_seconds
        Fold → time to apply a batch.
    claim_seconds, claim_failures
        Time to claim and load a partition; claims that failed.
    commit_seconds, commit_failures, commit_bytes
        Time of a commit until it is durable; commits that could not reach the store (they are tried again); bytes of
        state, results and outbox written.
    store_waiting
        Whether a commit could not be written, and is being tried again.
    commits_refused
        Commits refused because another worker had claimed the partition.
    last_commit
        When a commit last succeeded.
    specs, spec_errors
        Model specs in force; records of the models topic that could not be read.
    durable
        Whether the store confirms that a commit is on disk before anything of it is published.
    """

    started: float
    records_consumed: dict[str, int]
    records_produced: dict[str, int]
    records_skipped: int
    records_stale: int
    records_lost: dict[str, int]
    lag: dict[tuple[str, int], int]
    reading: dict[tuple[str, int], Progress]
    assigned_partitions: dict[str, int]
    untaken: int
    rebalances: dict[Rebalance, int]
    heartbeats: dict[Stage, float]
    unpublished: dict[FoldName, int]
    batch_seconds: dict[FoldName, Histogram]
    claim_seconds: Histogram
    claim_failures: int
    commit_seconds: Histogram
    commit_failures: int
    commit_bytes: int
    store_waiting: bool
    commits_refused: int
    last_commit: float | None
    specs: int
    spec_errors: int
    durable: bool


class Durations:
    """Counts durations into buckets.

    >>> durations = Durations((0.1, 1.0))
    >>> durations.add(0.25)
    >>> durations.snapshot().counts
    [0, 1, 0]
    """

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def add(self, seconds: float) -> None:
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self._sum += seconds

    def snapshot(self) -> Histogram:
        return Histogram(bounds=list(self._bounds), counts=list(self._counts), sum=self._sum)


class WorkerStats:
    """Counters written by the worker's event loop. `snapshot` may be called from any thread."""

    def __init__(self) -> None:
        self.started = time.time()
        self.records_consumed: Counter[str] = Counter()
        self.records_produced: Counter[str] = Counter()
        self.records_skipped = 0
        self.records_stale = 0
        self.records_lost: Counter[str] = Counter()
        self.lag: dict[tuple[str, int], int] = {}
        self.reading: dict[tuple[str, int], Reading] = {}
        #: Tells what Kafka has assigned, with the next offset to apply, None where it is not restored; in any thread.
        self.assignment: Callable[[], Mapping[tuple[str, int], int | None]] = dict
        self.rebalances: dict[Rebalance, int] = {"assigned": 0, "revoked": 0}
        self.heartbeats: dict[Stage, float] = {}
        self.unpublished: dict[FoldName, int] = {"observe": 0, "judge": 0}
        self.batch_seconds: dict[FoldName, Durations] = {
            "observe": Durations(BATCH_BOUNDS),
            "judge": Durations(BATCH_BOUNDS),
        }
        self.claim_seconds = Durations(COMMIT_BOUNDS)
        self.claim_failures = 0
        self.commit_seconds = Durations(COMMIT_BOUNDS)
        self.commit_failures = 0
        self.commit_bytes = 0
        self.store_waiting = False
        self.commits_refused = 0
        self.last_commit: float | None = None
        self.specs = 0
        self.spec_errors = 0
        self.durable = False

    def note(self, place: tuple[str, int], position: int, end: int) -> None:
        """Reading of a partition stands at `position`, the next offset to apply, and it ends at `end`."""
        self.lag[place] = max(0, end - position)
        self.reading.setdefault(place, Reading()).note(position, end, time.time())

    def forget(self, place: tuple[str, int]) -> None:
        """A partition is no longer held."""
        self.lag.pop(place, None)
        self.reading.pop(place, None)

    def snapshot(self) -> WorkerHealth:
        lag, now = self.lag.copy(), time.time()
        return WorkerHealth(
            started=self.started,
            records_consumed=dict(self.records_consumed),
            records_produced=dict(self.records_produced),
            records_skipped=self.records_skipped,
            records_stale=self.records_stale,
            records_lost=dict(self.records_lost),
            lag=lag,
            reading={place: reading.progress(now) for place, reading in self.reading.copy().items()},
            untaken=sum(offset is None for offset in self.assignment().values()),
            assigned_partitions=dict(Counter(topic for topic, _ in lag)),
            rebalances=self.rebalances.copy(),
            heartbeats=self.heartbeats.copy(),
            unpublished=self.unpublished.copy(),
            batch_seconds={fold: durations.snapshot() for fold, durations in self.batch_seconds.items()},
            claim_seconds=self.claim_seconds.snapshot(),
            claim_failures=self.claim_failures,
            commit_seconds=self.commit_seconds.snapshot(),
            commit_failures=self.commit_failures,
            commit_bytes=self.commit_bytes,
            store_waiting=self.store_waiting,
            commits_refused=self.commits_refused,
            last_commit=self.last_commit,
            specs=self.specs,
            spec_errors=self.spec_errors,
            durable=self.durable,
        )
