"""The clock of a model in a partition: event time that follows from the topics, not from how they were read."""

from __future__ import annotations

import msgspec
import numpy as np

from monitor_stream.events.delta import Floats
from monitor_stream.events.ended import Ended
from monitor_stream.events.fold import Topic


class Clock(msgspec.Struct):
    """Newest event times of a model's two topics, and how far event time has got. Unix seconds; 0 is never.

    See ``docs/design/folds.md``, Time: the slower topic holds the clock back, unless it was read to its end and the
    model has been silent in it for the idle time-out.

    >>> clock = Clock()
    >>> clock.positions("predictions", np.array([100.0, 30.0, 70.0]), disorder=50.0)
    array([100.,  50.,  70.])
    >>> clock.positions("labels", np.array([90.0]), disorder=50.0)
    array([90.])
    >>> clock.advance(disorder=50.0)
    >>> clock.time
    40.0
    """

    prediction: float = 0.0
    label: float = 0.0
    time: float = 0.0

    def positions(self, topic: Topic, times: Floats, disorder: float) -> Floats:
        """The position times of events in the order of their topic: none lies behind the clock."""
        newest = self.prediction if topic == "predictions" else self.label
        ahead = np.maximum.accumulate(np.concatenate(([newest], times)))
        if topic == "predictions":
            self.prediction = float(ahead[-1])
        else:
            self.label = float(ahead[-1])
        # The clock matters here only after an idle topic let it pass, or when the allowed disorder was made larger.
        return np.maximum(np.maximum(times, ahead[:-1] - disorder), self.time)

    def advance(self, disorder: float, *, skip: Topic | None = None) -> None:
        """Go on with the slower topic; with `skip`, with the other one, since that one is idle."""
        if skip == "predictions":
            slower = self.label
        elif skip == "labels":
            slower = self.prediction
        else:
            slower = min(self.prediction, self.label)
        self.reach(slower - disorder)

    def reach(self, time: float) -> None:
        """Go on to a time; never back."""
        self.time = max(self.time, time)

    @property
    def newest(self) -> float:
        """The newest event time of either topic."""
        return max(self.prediction, self.label)


class Silence(msgspec.Struct):
    """Since when, in processing time, a model has been silent in a topic; ``None`` until the first tick tells.

    It is not written: after a restart a topic must be silent for the whole time-out again.
    """

    since: float | None = None
    heard: bool = True

    def seconds(self, ended: Ended, timeout: float) -> float:
        """How long the topic is known to be silent: until it was last read to its end.

        None at all where that is longer ago than the time-out: who knows what waits there to be read.
        """
        if self.since is None or ended.at is None or not ended.was_within(timeout):
            return 0.0
        return max(0.0, ended.at - self.since)

    def tick(self, now: float) -> None:
        """Take the processing time: what was heard since the last tick was heard by now."""
        if self.heard or self.since is None:
            self.since, self.heard = now, False
