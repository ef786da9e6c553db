"""A worker as a supervisor sees it: the command itself, on a real Kafka and a real Valkey."""

import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from confluent_kafka import Producer

from monitor_stream import topics
from monitor_stream.config import to_environment
from monitor_stream.embedded import Valkey
from monitor_stream.settings import Settings
from tests.servers import KafkaServer, ValkeyServer


@contextmanager
def worker(settings: Settings, log: Path) -> Iterator[str]:
    """`monitor-stream worker`; yields where its pages are."""
    with log.open("w+", encoding="utf-8") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "monitor_stream", "worker"],
            env={**os.environ, **to_environment(settings)},
            stdout=said,
            stderr=said,
        )
        try:
            deadline = time.monotonic() + 60
            while not (found := re.search(r"(http://\S+)/metrics", log.read_text(encoding="utf-8"))):
                assert process.poll() is None, log.read_text(encoding="utf-8")
                assert time.monotonic() < deadline
                time.sleep(0.05)
            yield found[1]
            process.terminate()
            assert process.wait(30) == 0
        finally:
            process.kill()
            process.wait()


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 the worker's own
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def wait_for(url: str, sentence: str) -> int:
    """Wait until the page says so; returns its code."""
    deadline = time.monotonic() + 60
    while not re.search(sentence, (answer := get(url))[1]):
        assert time.monotonic() < deadline, answer
        time.sleep(0.1)
    return answer[0]


def test_a_worker_becomes_ready_and_a_second_one_stands_by(
    kafka: KafkaServer, valkey: ValkeyServer, unique: str, tmp_path: Path
) -> None:
    """From the command's start to partitions that are read to their end; what more workers say; who takes over."""
    settings = Settings(
        bootstrap=kafka.bootstrap,
        redis=valkey.url,
        topic_prefix=unique,
        application=unique,
        worker_port=0,
        session_timeout_seconds=6.0,
    )
    topics.apply(settings, partitions=1)
    with worker(settings, tmp_path / "second.log") as second:
        with worker(settings, tmp_path / "first.log") as first:
            codes = {wait_for(f"{url}/readyz", "reads 3 partitions|stands by") for url in (first, second)}
            assert codes == {200}
            assert [get(f"{url}/healthz") for url in (first, second)] == [(200, "The worker lives.\n")] * 2
            assert get(f"{first}/nothing")[0] == 404
            assert "monitor_stream_build_info" in get(f"{first}/metrics")[1]
            deadline = time.monotonic() + 60
            while {get(f"{url}/readyz")[1].split()[2] for url in (first, second)} != {"reads", "stands"}:
                assert time.monotonic() < deadline
                time.sleep(0.1)
        assert wait_for(f"{second}/readyz", "reads 3 partitions") == 200


def test_a_store_that_is_away_makes_a_worker_unready_and_not_dead(
    kafka: KafkaServer, tmp_path: Path, unique: str
) -> None:
    """The probe for restarts stays at 200: what is missing is outside."""
    with Valkey.start(tmp_path / "valkey") as own:
        settings = Settings(
            bootstrap=kafka.bootstrap, redis=own.url, topic_prefix=unique, application=unique, worker_port=0
        )
        topics.apply(settings, partitions=1)
        with worker(settings, tmp_path / "worker.log") as url:
            assert wait_for(f"{url}/readyz", "reads 3 partitions") == 200
            own.stop()
            produce(settings)
            assert wait_for(f"{url}/readyz", "It waits for the store") == 503
            assert get(f"{url}/healthz")[0] == 200
            own.restart()
            assert wait_for(f"{url}/readyz", "reads 3 partitions") == 200


def produce(settings: Settings) -> None:
    """Something to commit."""
    producer = Producer({"bootstrap.servers": settings.bootstrap})
    event = {"model": "m", "prediction_id": "a", "prediction": 1.5}
    producer.produce(settings.topic("predictions"), msgspec.json.encode(event), b"a")
    assert producer.flush(30) == 0
