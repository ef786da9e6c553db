"""Data quality: what is missing, wrong, unseen or frozen in the events of a version, and how many of them come."""

from __future__ import annotations

from monitor_stream.judge.quality.quality import Quality
from monitor_stream.judge.quality.volume import Volume

__all__ = ["Quality", "Volume"]
