"""Detectors of a change in the error level of a model: they see every scored error, in order, and once."""

from monitor_stream.judge.detectors.alarm import Alarm
from monitor_stream.judge.detectors.budget import SpanRules
from monitor_stream.judge.detectors.chart import LevelChart, Look, Verdict
from monitor_stream.judge.detectors.monitor import ErrorMonitor
from monitor_stream.judge.detectors.sealed import DetectorStateError

__all__ = ["Alarm", "DetectorStateError", "ErrorMonitor", "LevelChart", "Look", "SpanRules", "Verdict"]
