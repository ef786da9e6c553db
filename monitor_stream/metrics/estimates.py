"""What is foretold of a version before its labels come, as metrics, and whether labels bear it out."""

from __future__ import annotations

from monitor_stream.events.results import Estimates, VersionResults
from monitor_stream.metrics import catalogue
from monitor_stream.metrics.catalogue import MEASURE_OF
from monitor_stream.metrics.exposition import Exposition


def add_estimates(out: Exposition, of: tuple[str, str], version: VersionResults) -> None:
    """Add the series of one version. Whether estimates are contradicted is only said where there are some."""
    for window, rolling in version.rolling.items():
        if rolling.estimates is not None:
            _add_window(out, (*of, window), rolling.estimates)
    said = version.contradiction
    if said is not None:
        out.add(catalogue.CONTRADICTED, of, said.active)
        out.add(catalogue.CONTRADICTIONS, of, said.times)
        if said.seen:
            out.add(catalogue.ESTIMATE_GAP, of, said.gap)


def _add_window(out: Exposition, of: tuple[str, str, str], estimates: Estimates) -> None:
    model, version, window = of
    if estimates.near_threshold is not None:
        out.add(catalogue.NEAR_THRESHOLD, of, estimates.near_threshold)
    if estimates.uncertainty is not None:
        out.add(catalogue.UNCERTAINTY, of, estimates.uncertainty)
    if estimates.values:
        out.add(catalogue.ESTIMATED_SAMPLES, of, estimates.n)
    for metric in MEASURE_OF:
        labels = (model, version, metric, window)
        if metric in estimates.values:
            out.add(catalogue.ESTIMATED, labels, estimates.values[metric])
        if metric in estimates.bands:
            out.add(catalogue.ESTIMATED_LOW, labels, estimates.bands[metric][0])
            out.add(catalogue.ESTIMATED_HIGH, labels, estimates.bands[metric][1])
