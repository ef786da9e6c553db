"""Memory of a worker at full input while its store stands still again and again.

A producer writes as fast as it can; a worker (the real command) reads as fast as it can; every `--every` seconds the
store answers nobody for `--pause` seconds. Fetching has to stop meanwhile, and memory to stay flat. Prints, and with
``--json`` writes, resident memory and records behind, every five seconds.

    python -m loadtest.backpressure --minutes 10
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import redis
from confluent_kafka import Consumer, TopicPartition
from rich.console import Console

from loadtest import load
from monitor_stream import topics
from monitor_stream.config import to_environment
from monitor_stream.embedded import Kafka, Valkey
from monitor_stream.settings import Settings
from monitor_stream.stream.memory import resident_bytes
from monitor_stream.topics.registry import publish_spec

PARTITIONS = 4
SAMPLE_SECONDS = 5.0
PAIRS = 50_000
#: Of event time: what is remembered for longer would have memory grow for as long, rightly.
REMEMBERED_SECONDS = 60.0


def main() -> None:
    """Run for so many minutes, and say how memory went."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.backpressure")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument(
        "--every", type=float, default=60.0, help="seconds from one pause of the store to the next"
    )
    parser.add_argument("--pause", type=float, default=20.0, help="seconds the store answers nobody")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    console = Console()
    with (
        tempfile.TemporaryDirectory(prefix="monitor-stream-backpressure-") as folder,
        Kafka.start(Path(folder) / "kafka", log=console.log) as kafka,
        Valkey.start(Path(folder) / "valkey") as valkey,
    ):
        settings = Settings(bootstrap=kafka.bootstrap, redis=valkey.url, worker_port=0)
        topics.apply(settings, partitions=PARTITIONS, replication=1)
        publish_spec(
            settings, msgspec.structs.replace(load.spec(), duplicate_window_seconds=REMEMBERED_SECONDS)
        )
        with _producer(settings), _worker(settings, Path(folder) / "worker.log") as pid:
            pauses: list[tuple[float, float]] = []
            samples = list(_watch(arguments, settings, pid, console, pauses))
    later = samples[len(samples) // 3 :]
    summary = {
        "resident_mb_at_a_third": later[0]["resident_mb"],
        "resident_mb_at_the_end": later[-1]["resident_mb"],
        "resident_mb_max": max(sample["resident_mb"] for sample in samples),
        "records_read": samples[-1]["read"],
    }
    console.print(summary)
    if arguments.json:
        found = {"summary": summary, "pauses": pauses, "samples": samples}
        arguments.json.write_text(json.dumps(found, separators=(",", ":")) + "\n")


@contextmanager
def _producer(settings: Settings) -> Iterator[None]:
    process = multiprocessing.get_context("spawn").Process(target=_produce, args=(settings,), daemon=True)
    process.start()
    try:
        yield
    finally:
        process.kill()
        process.join()


def _produce(settings: Settings) -> None:
    for part in itertools.count():
        load.produce(
            settings.bootstrap, settings.topic("predictions"), settings.topic("labels"), PAIRS, part=part
        )


@contextmanager
def _worker(settings: Settings, log: Path) -> Iterator[int]:
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "monitor_stream", "worker"],
            env=to_environment(settings),
            stdout=out,
            stderr=out,
        )
    try:
        yield process.pid
        if process.poll() is not None:
            raise RuntimeError(f"the worker ended with code {process.returncode}: {log.read_text()[-2000:]}")
    finally:
        process.terminate()
        process.wait(20.0)


def _watch(
    arguments: argparse.Namespace,
    settings: Settings,
    pid: int,
    console: Console,
    pauses: list[tuple[float, float]],
) -> Iterator[dict[str, float]]:
    """A sample every few seconds; notes in `pauses` from when to when the store stood still."""
    store = redis.Redis.from_url(settings.redis)
    ends = Consumer({"bootstrap.servers": settings.bootstrap, "group.id": settings.application})
    began = next_pause = time.monotonic()
    next_pause += arguments.every
    try:
        while (elapsed := time.monotonic() - began) < 60 * arguments.minutes:
            paused = time.monotonic() >= next_pause
            if paused:
                store.client_pause(int(1000 * arguments.pause))
                pauses.append((round(elapsed), round(elapsed + arguments.pause)))
                next_pause += arguments.every
            time.sleep(SAMPLE_SECONDS)
            read, behind = _offsets(ends, settings)
            sample = {"second": round(elapsed), "resident_mb": _resident(pid), "read": read, "behind": behind}
            console.print(f"{sample}{'  the store stands still' if paused else ''}")
            yield sample
    finally:
        ends.close()
        store.close()


def _offsets(consumer: Consumer, settings: Settings) -> tuple[float, float]:
    """Records the group has read, and records it has not."""
    places = [
        TopicPartition(settings.topic(role), partition)
        for role in ("predictions", "labels")
        for partition in range(PARTITIONS)
    ]
    read = written = 0
    for place in consumer.committed(places, timeout=10.0):
        low, high = consumer.get_watermark_offsets(place, timeout=10.0)
        read += max(place.offset, low)
        written += high
    return float(read), float(written - read)


def _resident(pid: int) -> float:
    """In megabytes."""
    found = resident_bytes(pid)
    if not found:
        raise RuntimeError("the worker is gone, or this system does not tell resident memory")
    return found / 1e6


if __name__ == "__main__":
    main()
