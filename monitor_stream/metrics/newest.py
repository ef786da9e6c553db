"""What the newest windows say of answers and rows, and the newest days of attributions, as metrics."""

from __future__ import annotations

from monitor_stream.events.results import VersionResults
from monitor_stream.events.spec import ServiceRules
from monitor_stream.metrics import catalogue
from monitor_stream.metrics.exposition import Exposition


def add_newest(out: Exposition, of: tuple[str, str], version: VersionResults) -> None:
    """Add the series of one version; what its events do not carry is absent."""
    _add_objective(out, of, version.service)
    for name, rolling in version.rolling.items():
        for share in catalogue.SHARE.values:
            if share in rolling.latency_quantiles:
                out.add(catalogue.LATENCY_QUANTILE, (*of, share, name), rolling.latency_quantiles[share])
    if version.windows:
        window = version.windows[-1]
        if window.latency_quantiles and window.n:
            out.add(catalogue.TIMEOUTS, of, window.timeouts / window.n)
        if window.outlier_share is not None:
            out.add(catalogue.OUTLIERS, of, window.outlier_share)
    if version.attribution is not None:
        if version.attribution.rank_correlation is not None:
            out.add(catalogue.ATTRIBUTION_CORRELATION, of, version.attribution.rank_correlation)
        if version.attribution.ndcg is not None:
            out.add(catalogue.ATTRIBUTION_NDCG, of, version.attribution.ndcg)


def _add_objective(out: Exposition, of: tuple[str, str], rules: ServiceRules) -> None:
    if rules.latency_seconds is not None:
        out.add(catalogue.LATENCY_OBJECTIVE, (*of, f"{rules.quantile:g}"), rules.latency_seconds)
    if rules.failed_share is not None:
        out.add(catalogue.FAILED_OBJECTIVE, of, rules.failed_share)
