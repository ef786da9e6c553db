"""Families of samples for prometheus_client, made by the catalogue: a label too few or too many is an error."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

from prometheus_client.metrics_core import Metric as Family

from monitor_stream.events.results import Histogram
from monitor_stream.metrics.catalogue import CATALOGUE, Metric


class Exposition:
    """One answer to one scrape.

    >>> from monitor_stream.metrics.catalogue import PENDING
    >>> exposition = Exposition()
    >>> exposition.add(PENDING, ("flight-late", "3"), 17)
    >>> [family.samples[0].value for family in exposition.families()]
    [17]
    """

    def __init__(self) -> None:
        self._families: dict[str, Family] = {}
        self.series = 0

    def add(self, metric: Metric, labels: tuple[str, ...], value: float) -> None:
        """Add one series of a counter, gauge or info; `labels` are the values in the catalogue's order."""
        self._add(metric, metric.name, _label(metric, labels), value)

    def add_histogram(self, metric: Metric, labels: tuple[str, ...], histogram: Histogram) -> None:
        """Add the buckets, the sum and the count of a histogram."""
        named = _label(metric, labels)
        bounds = (*(str(float(bound)) for bound in histogram.bounds), "+Inf")
        totals = list(accumulate(histogram.counts))
        for bound, total in zip(bounds, totals, strict=True):
            self._add(metric, f"{metric.name}_bucket", named | {"le": bound}, total)
        self._add(metric, f"{metric.name}_count", named, totals[-1])
        self._add(metric, f"{metric.name}_sum", named, histogram.sum)

    def families(self) -> Iterator[Family]:
        """Families that have samples, in the catalogue's order."""
        return (self._families[metric.name] for metric in CATALOGUE if metric.name in self._families)

    def _add(self, metric: Metric, name: str, labels: dict[str, str], value: float) -> None:
        family = self._families.get(metric.name)
        if family is None:
            family = Family(metric.stem, metric.help, metric.kind, metric.announced_unit)
            self._families[metric.name] = family
        family.add_sample(name, labels, value)
        self.series += 1


def _label(metric: Metric, values: tuple[str, ...]) -> dict[str, str]:
    return {label.name: value for label, value in zip(metric.labels, values, strict=True)}
