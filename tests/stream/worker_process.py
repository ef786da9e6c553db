"""A worker as a process of its own, with counting folds that some records crash: `python -m tests.stream.worker_process SETTINGS_JSON`.

It says READY when it has taken its partitions, and its health, as JSON, when it ends by itself.
"""

# ruff: noqa: T201  # a program whose output its parent reads

import logging
import sys

import msgspec

from monitor_stream.errors import MonitorStreamError
from monitor_stream.settings import Settings
from monitor_stream.stream.health import WorkerStats
from monitor_stream.stream.worker import run_worker
from tests.stream.crashing import CrashingJudge, CrashingObserve


def main() -> None:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    settings = msgspec.json.decode(sys.argv[1], type=Settings)
    stats = WorkerStats()
    try:
        run_worker(
            settings,
            folds={"observe": CrashingObserve, "judge": CrashingJudge},
            stats=stats,
            ready=lambda: print("READY", flush=True),
        )
    except MonitorStreamError as error:
        print(f"{type(error).__name__}: {error}", flush=True)
        raise SystemExit(1) from None
    health = stats.snapshot()
    print(
        msgspec.json.encode({"skipped": health.records_skipped, "consumed": health.records_consumed}).decode()
    )


if __name__ == "__main__":
    main()
