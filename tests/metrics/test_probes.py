"""What a supervisor is told: sentences and codes for each state a worker can be in."""

import time
import urllib.error
import urllib.request

import pytest

from monitor_stream.metrics.endpoint import worker_endpoint
from monitor_stream.metrics.probes import LOOP_SECONDS, PROGRESS_SECONDS, TOLD_SECONDS, liveness, readiness
from monitor_stream.stream import watchdog
from monitor_stream.stream.health import WorkerStats

PLACE = ("monitor.predictions", 0)
OTHER = ("monitor.predictions", 1)


def joined() -> WorkerStats:
    """A worker that has joined its group and holds nothing."""
    stats = WorkerStats()
    stats.rebalances["assigned"] += 1
    stats.heartbeats["loop"] = stats.heartbeats["commit"] = time.time()
    return stats


def reading(position: int = 100, end: int = 100) -> WorkerStats:
    """A worker that holds one partition."""
    stats = joined()
    stats.note(PLACE, position, end)
    return stats


def alive(stats: WorkerStats, later: float = 0.0) -> tuple[bool, str]:
    return liveness(stats.snapshot(), time.time() + later)


def ready(stats: WorkerStats, later: float = 0.0) -> tuple[bool, str]:
    return readiness(stats.snapshot(), time.time() + later, 30.0)


def beat(stats: WorkerStats, at: float) -> None:
    stats.heartbeats["loop"] = stats.heartbeats["commit"] = at


def test_a_worker_that_starts_lives_and_is_not_ready() -> None:
    """Nothing is wrong with it, and nobody should wait for its results yet."""
    assert alive(WorkerStats()) == (True, "The worker lives.")
    assert ready(WorkerStats()) == (False, "The worker has not joined its group yet.")


def test_a_worker_without_partitions_stands_by() -> None:
    """More workers than partitions are no failure: a rolling restart must not wait for ever."""
    assert ready(joined()) == (True, "The worker stands by: there are more workers than partitions.")


def test_a_partition_that_is_being_restored_is_waited_for() -> None:
    """Assigned by Kafka is not yet loaded from the store."""
    stats = reading()
    stats.assignment = lambda: {PLACE: 100, OTHER: None}
    assert ready(stats) == (False, "1 of its partitions are not restored yet.")
    stats.assignment = lambda: {PLACE: 100, OTHER: 7}
    assert ready(stats) == (True, "The worker reads 1 partitions, at most 0.0 s behind.")


def test_ready_only_when_what_was_there_at_the_start_is_read() -> None:
    """However young the backlog's first sight: nobody knows how old it is."""
    stats = reading(0, 5000)
    assert ready(stats)[1] == (
        "monitor.predictions, partition 0, has not caught up since it was taken, with 5000 records to read; "
        "at most 30 s are allowed (ready_lag_seconds)."
    )
    stats.note(PLACE, 4000, 6000)
    assert not ready(stats)[0]
    stats.note(PLACE, 5000, 6000)
    assert ready(stats)[0]


def test_lag_is_told_in_seconds() -> None:
    """An end that was seen so long ago, and is not reached."""
    stats = reading()
    stats.note(PLACE, 100, 400)
    beat(stats, time.time() + 29)
    assert ready(stats, 29.0)[0]
    stats.reading[PLACE]._seen -= 31
    assert ready(stats)[1] == (
        "monitor.predictions, partition 0, is 31 s behind, with 300 records to read; "
        "at most 30 s are allowed (ready_lag_seconds)."
    )
    assert alive(stats)[0]


def alive_later(stats: WorkerStats, later: float) -> tuple[bool, str]:
    """The loop turns, commits end and Kafka tells where partitions end; nothing is applied."""
    beat(stats, time.time() + later)
    for each in stats.reading.values():
        each._told = time.time() + later
    return alive(stats, later)


def test_a_loop_that_does_not_turn_is_not_alive() -> None:
    """The probe says so at half the time after which the watchdog ends the process."""
    stats = reading()
    stats.heartbeats["loop"] -= LOOP_SECONDS + 5
    verdict = (False, "The event loop has not turned for 65 s.")
    assert alive(stats) == ready(stats) == verdict
    assert LOOP_SECONDS < watchdog.LOOP_SECONDS


def test_a_worker_whose_start_blocks_is_not_alive() -> None:
    """No heartbeat at all counts from the start of the process."""
    assert not alive(WorkerStats(), LOOP_SECONDS + 1)[0]


def test_records_that_nobody_applies_are_told() -> None:
    """By topic, with how many wait; another partition that is read to its end does not hide it."""
    stats = reading(100, 112)
    stats.note(OTHER, 5, 5)
    assert alive_later(stats, 20) == (True, "The worker lives.")
    stats.reading[OTHER].note(5, 5, time.time() + PROGRESS_SECONDS)
    assert alive_later(stats, PROGRESS_SECONDS + 4) == (
        False,
        "No record of monitor.predictions was applied for 64 s, and 12 wait.",
    )


def test_a_quiet_topic_is_no_failure() -> None:
    """Nothing to read for an hour, and then a record: that is progress from now on."""
    stats = reading()
    stats.reading[PLACE].note(100, 100, time.time() + 3600)
    stats.reading[PLACE].note(100, 101, time.time() + 3601)
    stats.lag[PLACE] = 1
    beat(stats, time.time() + 3601)
    assert alive(stats, 3601.0)[0]


def test_a_commit_that_never_ends_is_told() -> None:
    """Neither refused nor tried again: it hangs."""
    stats = reading()
    stats.heartbeats["commit"] -= PROGRESS_SECONDS + 10
    assert alive(stats) == (False, "No commit was finished for 70 s.")


def test_a_store_that_is_away_is_no_reason_to_restart() -> None:
    """The worker waits, and is not ready; restarting all workers would mend nothing."""
    stats = reading(100, 500)
    stats.heartbeats["commit"] -= 600
    stats.store_waiting = True
    sentence = "It waits for the store, which does not take its commits."
    assert alive(stats) == (True, f"The worker lives. {sentence}")
    assert ready(stats) == (False, sentence)


def test_a_broker_that_is_away_is_no_reason_to_restart() -> None:
    """Nor is Kafka."""
    stats = reading(100, 500)
    later = TOLD_SECONDS + PROGRESS_SECONDS
    beat(stats, time.time() + later)
    sentence = "It waits for Kafka, which has not said for 90 s where monitor.predictions, partition 0, ends."
    assert alive(stats, later) == (True, f"The worker lives. {sentence}")
    assert ready(stats, later) == (False, sentence)


def test_a_partition_that_was_let_go_counts_no_more() -> None:
    """What another worker reads is that one's matter."""
    stats = reading(0, 5000)
    stats.forget(PLACE)
    assert ready(stats)[0]


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.mark.parametrize(
    ("path", "code", "text"),
    [
        ("/healthz", 200, "The worker lives.\n"),
        ("/readyz", 503, "The worker has not joined its group yet.\n"),
        ("/", 404, "There are /metrics, /healthz, /readyz.\n"),
        ("/metrics/", 404, "There are /metrics, /healthz, /readyz.\n"),
    ],
)
def test_verdicts_are_codes(path: str, code: int, text: str) -> None:
    """200 and 503, 404 for anything else, and the sentence as plain text."""
    with worker_endpoint(WorkerStats().snapshot, "127.0.0.1", 0) as port:
        assert get(port, path) == (code, text)


def test_the_pages_are_there_while_the_loop_is_stuck() -> None:
    """They come from threads: this one never lets an event loop turn."""
    stats = reading()
    stats.heartbeats["loop"] -= 100
    with worker_endpoint(stats.snapshot, "127.0.0.1", 0) as port:
        assert get(port, "/healthz") == (503, "The event loop has not turned for 100 s.\n")
        assert get(port, "/metrics")[0] == 200


def test_the_bound_is_a_setting() -> None:
    """`ready_lag_seconds` reaches the page."""
    stats = reading()
    stats.note(PLACE, 100, 400)
    stats.reading[PLACE]._seen -= 10
    with worker_endpoint(stats.snapshot, "127.0.0.1", 0, lag_seconds=5.0) as port:
        code, text = get(port, "/readyz")
    assert (code, text.partition(";")[2]) == (503, " at most 5 s are allowed (ready_lag_seconds).\n")
