"""Whether a worker lives, and whether it is ready: a sentence for the person who asks, a verdict for the supervisor.

Liveness answers one question: would a new start help? So it looks at what is inside the process, and not at a store or a
broker that does not answer: no start mends those, and a worker that waits for them goes on by itself. Its bounds are half
the watchdog's, so that the probe says what is wrong before the watchdog ends the process.

Readiness answers another: are its results of now? A rolling restart waits for it before it takes the next worker down.
"""

from __future__ import annotations

from math import inf
from typing import Final, NamedTuple

from monitor_stream.stream import watchdog
from monitor_stream.stream.health import WorkerHealth

#: How long the event loop may not turn.
LOOP_SECONDS: Final = watchdog.LOOP_SECONDS / 2
#: How long records of a topic may wait without one being applied, and a commit may take.
PROGRESS_SECONDS: Final = watchdog.PROGRESS_SECONDS / 2
#: After how long it counts that Kafka has not said where a partition ends. The watchdog asks every five seconds.
TOLD_SECONDS: Final = 30.0


class Verdict(NamedTuple):
    """The answer to a probe."""

    well: bool
    sentence: str


def liveness(health: WorkerHealth, now: float) -> Verdict:
    """Whether the event loop turns and the folds and commits make progress, or know what they wait for.

    `now` is in Unix seconds.
    """
    still = now - health.heartbeats.get("loop", health.started)
    if still > LOOP_SECONDS:
        return Verdict(False, f"The event loop has not turned for {still:.0f} s.")
    if outside := _waits_for(health, now):
        return Verdict(True, f"The worker lives. {outside}")
    if stuck := _stuck(health, now):
        return Verdict(False, stuck)
    return Verdict(True, "The worker lives.")


def readiness(health: WorkerHealth, now: float, lag_seconds: float) -> Verdict:
    """Whether the worker has its partitions, restored, and reads them at most `lag_seconds` behind.

    A worker that the group has no partition for stands by, and is ready.
    """
    alive = liveness(health, now)
    if not alive.well:
        return alive
    if not health.rebalances["assigned"]:
        return Verdict(False, "The worker has not joined its group yet.")
    if health.untaken:
        return Verdict(False, f"{health.untaken} of its partitions are not restored yet.")
    if outside := _waits_for(health, now):
        return Verdict(False, outside)
    if not health.reading:
        return Verdict(True, "The worker stands by: there are more workers than partitions.")
    behind, place = max((progress.behind, place) for place, progress in health.reading.items())
    if behind <= lag_seconds:
        return Verdict(
            True, f"The worker reads {len(health.reading)} partitions, at most {behind:.1f} s behind."
        )
    how_far = "has not caught up since it was taken" if behind == inf else f"is {behind:.0f} s behind"
    return Verdict(
        False,
        f"{_name(place)} {how_far}, with {health.lag.get(place, 0)} records to read; "
        f"at most {lag_seconds:g} s are allowed (ready_lag_seconds).",
    )


def _waits_for(health: WorkerHealth, now: float) -> str | None:
    """What outside this process does not answer."""
    if health.store_waiting:
        return "It waits for the store, which does not take its commits."
    told, place = min(((each.told, place) for place, each in health.reading.items()), default=(now, ("", 0)))
    if now - told > TOLD_SECONDS:
        return f"It waits for Kafka, which has not said for {now - told:.0f} s where {_name(place)} ends."
    return None


def _stuck(health: WorkerHealth, now: float) -> str | None:
    """What inside this process makes no progress."""
    commit = now - health.heartbeats.get("commit", now)  # none before the start is done
    if commit > PROGRESS_SECONDS:
        return f"No commit was finished for {commit:.0f} s."
    for topic in health.assigned_partitions:
        waiting = [place for place, records in health.lag.items() if place[0] == topic and records]
        moved = max(
            (health.reading[place].moved for place in waiting if place in health.reading), default=now
        )
        if now - moved > PROGRESS_SECONDS:
            records = sum(health.lag[place] for place in waiting)
            return f"No record of {topic} was applied for {now - moved:.0f} s, and {records} wait."
    return None


def _name(place: tuple[str, int]) -> str:
    return f"{place[0]}, partition {place[1]},"
