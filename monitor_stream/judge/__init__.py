"""Fold 2: deltas become windows, totals, detections, incidents, and documents for readers."""

from monitor_stream.judge.fold import Judge

__all__ = ["Judge"]
