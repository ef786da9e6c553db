"""The two folds on a file: the windows, detections and incidents a running monitor would have found, without Kafka."""

from monitor_stream.replay.run import Replay, replay

__all__ = ["Replay", "replay"]
