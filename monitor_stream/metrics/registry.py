"""Registries of our own: nothing that a library registers globally appears on our pages."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version

from prometheus_client import GCCollector, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector, CollectorRegistry

from monitor_stream.events.fold import Topic
from monitor_stream.metrics.catalogue import BUILD_INFO
from monitor_stream.metrics.collector import ResultsCollector, Source
from monitor_stream.metrics.exposition import Exposition
from monitor_stream.metrics.limits import SeriesLimits
from monitor_stream.metrics.worker import WorkerCollector
from monitor_stream.stream.health import WorkerHealth


def results_registry(
    source: Source, limits: SeriesLimits, topic_name: Callable[[Topic], str]
) -> CollectorRegistry:
    """The server's: models, pipeline, and the server's own process."""
    return _registry(ResultsCollector(source, limits, topic_name))


def worker_registry(snapshot: Callable[[], WorkerHealth]) -> CollectorRegistry:
    """A worker's: its health and its process."""
    return _registry(WorkerCollector(snapshot))


def render(registry: CollectorRegistry, accept: str = "") -> tuple[bytes, str]:
    """The page and its content type: OpenMetrics where the `Accept` header asks for it, else Prometheus' own text.

    >>> render(CollectorRegistry())
    (b'', 'text/plain; version=0.0.4; charset=utf-8')
    """
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


class _BuildCollector(Collector):
    def describe(self) -> Iterable[Family]:
        return []

    def collect(self) -> Iterator[Family]:
        out = Exposition()
        out.add(BUILD_INFO, (version("monitor-stream"), platform.python_version()), 1)
        return out.families()


def _registry(collector: Collector) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(_BuildCollector())
    registry.register(collector)
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    return registry
