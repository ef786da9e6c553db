"""OBSERVE, the first fold: per event, pure, one for each partition of predictions and labels."""

from monitor_stream.observe.fold import Observe
from monitor_stream.observe.persist import UnknownSchemaError

__all__ = ["Observe", "UnknownSchemaError"]
