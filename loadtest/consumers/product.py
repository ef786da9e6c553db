"""The product: a worker with both folds, as `monitor-stream worker` runs it, on a real store.

It has finished when JUDGE's results in the store hold every event, so that nothing is left out: fetching, decoding,
joining, sums, publishing deltas, reading them back, windows, detectors, commits.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time

from loadtest import load
from loadtest.consumers.report import Stopwatch
from monitor_stream.events.codec import decode_json
from monitor_stream.events.results import ModelResults
from monitor_stream.settings import Settings
from monitor_stream.state.redis import open_store
from monitor_stream.stream.health import WorkerStats
from monitor_stream.stream.worker import run_worker

PARTITIONS = 16  # more than any bench topic has
POLL_SECONDS = 0.02


def main(bootstrap: str, redis: str, prefix: str, events: int, application: str) -> None:
    """Work until the results hold so many events."""
    settings = Settings(bootstrap=bootstrap, redis=redis, topic_prefix=prefix, application=application)
    stats, watch = WorkerStats(), Stopwatch()
    threading.Thread(target=_watch, args=(settings, stats, watch, events), daemon=True).start()
    run_worker(settings, stats=stats)


def _watch(settings: Settings, stats: WorkerStats, watch: Stopwatch, events: int) -> None:
    """Start the watch at the first record, stop it when the results are complete, then end the worker."""
    inputs = [settings.topic("predictions"), settings.topic("labels")]
    while not any(stats.records_consumed[topic] for topic in inputs):
        time.sleep(POLL_SECONDS / 10)
    watch.start()
    while sum(stats.records_consumed[topic] for topic in inputs) < events:
        time.sleep(POLL_SECONDS)
    while asyncio.run(_scored(settings)) < events // 2:
        time.sleep(5 * POLL_SECONDS)
    commits = stats.commit_seconds.snapshot()
    watch.finish(events, bytes_per_commit=stats.commit_bytes / max(1, sum(commits.counts)))
    os.kill(os.getpid(), signal.SIGTERM)


async def _scored(settings: Settings) -> int:
    store = await open_store(settings)
    try:
        document = (await store.results("judge", PARTITIONS)).get(f"model:{load.MODEL}")
    finally:
        await store.close()
    if document is None:
        return 0
    versions = decode_json(ModelResults, document).versions
    return sum(sum(version.totals.scored.values()) for version in versions.values())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5])
