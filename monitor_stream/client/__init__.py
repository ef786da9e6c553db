"""The library for services: tell the monitor what a model answered, and what was true.

It brings neither the stream engine nor a detector into your process, only msgspec and confluent-kafka.
"""

from monitor_stream.client.buffer import Loss, Stats
from monitor_stream.client.client import MonitorClient

__all__ = ["Loss", "MonitorClient", "Stats"]
