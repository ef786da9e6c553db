"""A worker's own health as Prometheus metrics. Partitions it no longer holds have no series."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from monitor_stream.metrics import catalogue
from monitor_stream.metrics.catalogue import Metric
from monitor_stream.metrics.exposition import Exposition
from monitor_stream.stream.health import WorkerHealth

_Name = TypeVar("_Name", bound=str)


class WorkerCollector(Collector):
    """Takes a snapshot of the worker at each scrape; `snapshot` may be called from any thread."""

    def __init__(self, snapshot: Callable[[], WorkerHealth]) -> None:
        self._snapshot = snapshot

    def describe(self) -> Iterable[Family]:
        """Nothing, so that registering takes no snapshot."""
        return []

    def collect(self) -> Iterator[Family]:
        health = self._snapshot()
        out = Exposition()
        _add_records(out, health)
        _add_membership(out, health)
        _add_checkpoints(out, health)
        out.add(catalogue.STARTED, (), health.started)
        out.add(catalogue.SPECS, (), health.specs)
        out.add(catalogue.SPEC_ERRORS, (), health.spec_errors)
        return out.families()


def _add_records(out: Exposition, health: WorkerHealth) -> None:
    held = dict.fromkeys(health.assigned_partitions, 0)  # a rate needs to have seen the zero
    _add_all(out, catalogue.CONSUMED, held | health.records_consumed)
    _add_all(out, catalogue.LOST, held | health.records_lost)
    _add_all(out, catalogue.PRODUCED, health.records_produced)
    out.add(catalogue.SKIPPED, (), health.records_skipped)
    out.add(catalogue.STALE, (), health.records_stale)
    for fold, durations in health.batch_seconds.items():
        out.add_histogram(catalogue.BATCH, (fold,), durations)


def _add_membership(out: Exposition, health: WorkerHealth) -> None:
    for (topic, partition), records in sorted(health.lag.items()):
        out.add(catalogue.LAG, (topic, str(partition)), records)
    _add_all(out, catalogue.ASSIGNED, health.assigned_partitions)
    _add_all(out, catalogue.REBALANCES, health.rebalances)
    _add_all(out, catalogue.HEARTBEAT, health.heartbeats)
    _add_all(out, catalogue.UNPUBLISHED, health.unpublished)


def _add_checkpoints(out: Exposition, health: WorkerHealth) -> None:
    out.add_histogram(catalogue.CLAIM, (), health.claim_seconds)
    out.add(catalogue.CLAIM_FAILURES, (), health.claim_failures)
    out.add_histogram(catalogue.CHECKPOINT, (), health.commit_seconds)
    out.add(catalogue.CHECKPOINT_FAILURES, (), health.commit_failures)
    out.add(catalogue.CHECKPOINT_REFUSED, (), health.commits_refused)
    out.add(catalogue.CHECKPOINT_BYTES, (), health.commit_bytes)
    out.add(catalogue.DURABLE, (), health.durable)
    if health.last_commit is not None:
        out.add(catalogue.CHECKPOINT_LAST, (), health.last_commit)


def _add_all(out: Exposition, metric: Metric, values: Mapping[_Name, float]) -> None:
    for label, value in values.items():
        out.add(metric, (label,), value)
