"""Champion, challenger and shadow: whether one version of a model errs less than another, however often one looks."""

from monitor_stream.judge.comparison.comparisons import Comparisons

__all__ = ["Comparisons"]
