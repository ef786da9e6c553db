"""How a version treats groups, and which segments carry its loss, as metrics."""

from __future__ import annotations

from collections.abc import Iterable

from monitor_stream.events.results import FairnessGap, SegmentLoss, VersionResults
from monitor_stream.events.tables import segment_group
from monitor_stream.metrics import catalogue
from monitor_stream.metrics.exposition import Exposition


def add_fairness(
    out: Exposition, of: tuple[str, str], version: VersionResults, attributes: frozenset[str]
) -> None:
    """Add the gaps of these sensitive attributes."""
    for found in version.fairness:
        if found.attribute in attributes:
            for gap in _by_criterion(found.gaps):
                _add_gap(out, (*of, found.attribute, gap.criterion), gap)


def _by_criterion(gaps: Iterable[FairnessGap]) -> Iterable[FairnessGap]:
    """One for each criterion that is known: the one with the largest difference."""
    ranked = sorted(gaps, key=lambda gap: abs(gap.difference))
    largest = {gap.criterion: gap for gap in ranked}
    return [largest[name] for name in catalogue.CRITERION.values if name in largest]


def _add_gap(out: Exposition, labels: tuple[str, str, str, str], gap: FairnessGap) -> None:
    out.add(catalogue.FAIRNESS_GAP, labels, gap.difference)
    out.add(catalogue.UNFAIR, labels, gap.verdict == "unfair")
    if gap.ratio is not None:
        out.add(catalogue.FAIRNESS_RATIO, labels, gap.ratio)


def add_segment_losses(out: Exposition, of: tuple[str, str], losses: Iterable[SegmentLoss]) -> None:
    """Add the share of the loss that each segment carries; `losses` are ranked, and bounded by the catalogue."""
    for _, found in zip(range(catalogue.LOSS_SEGMENTS), losses, strict=False):
        out.add(catalogue.SEGMENT_LOSS, (*of, segment_group(found.segment, found.value)), found.loss)
