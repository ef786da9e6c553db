"""Outliers of a version: their share of each run of windows, and the furthest of them as they were."""

from __future__ import annotations

from monitor_stream.judge.outliers.examples import KeptExamples
from monitor_stream.judge.outliers.share import OutlierShare, outlier_share

__all__ = ["KeptExamples", "OutlierShare", "outlier_share"]
