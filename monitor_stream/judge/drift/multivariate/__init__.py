"""Methods that look at rows as a whole: they see what no column shows by itself."""

from monitor_stream.judge.drift.multivariate.rows import judge_rows

__all__ = ["judge_rows"]
