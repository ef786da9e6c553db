"""Challengers against their champion, as metrics."""

from __future__ import annotations

from collections.abc import Iterable

from monitor_stream.events.results import Comparison
from monitor_stream.metrics import catalogue
from monitor_stream.metrics.exposition import Exposition


def add_comparisons(
    out: Exposition, model: str, comparisons: Iterable[Comparison], versions: Iterable[str]
) -> None:
    """Add the comparison over all predictions of each of these versions with the champion, while it goes on.

    There is one of each; should there be several, the newest counts.
    """
    shown = set(versions)
    newest: dict[str, Comparison] = {}
    for found in sorted(comparisons, key=lambda each: each.until):
        whole = not found.group and found.ended is None and not found.not_computable
        if whole and found.challenger in shown:
            newest[found.challenger] = found
    for version, found in newest.items():
        of = (model, version, found.champion)
        out.add(catalogue.COMPARISON_EFFECT, of, found.effect)
        out.add(catalogue.COMPARISON_LOW, of, found.low)
        out.add(catalogue.COMPARISON_HIGH, of, found.high)
        out.add(catalogue.COMPARISON_SAMPLES, of, found.n)
        for verdict in catalogue.VERDICT.values:
            out.add(catalogue.COMPARISON_VERDICT, (*of, verdict), verdict == found.verdict)
