import logging
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from typing import Any

import msgspec
import pandas as pd
import pytest
from confluent_kafka import Consumer, TopicPartition

from monitor_stream import topics
from monitor_stream.client import Loss, MonitorClient, Stats
from monitor_stream.client import buffer as buffer_module
from monitor_stream.errors import BrokerError
from monitor_stream.events.wire import Label, Prediction
from monitor_stream.settings import Settings
from tests.servers import KafkaServer

NOWHERE = "127.0.0.1:1"


@pytest.fixture
def settings(kafka: KafkaServer, unique: str) -> Settings:
    settings = Settings(bootstrap=kafka.bootstrap, topic_prefix=unique)
    topics.apply(settings)
    return settings


def client(settings: Settings, **options: Any) -> MonitorClient:
    return MonitorClient(settings.bootstrap, topic_prefix=settings.topic_prefix, **options)


def records(settings: Settings, role: Any, count: int) -> list[tuple[int, bytes | None, bytes]]:
    """Partition, key and value of so many records of a topic, and no more there are."""
    consumer = Consumer(
        {"bootstrap.servers": settings.bootstrap, "group.id": "t", "enable.auto.commit": False}
    )
    consumer.assign([TopicPartition(settings.topic(role), part, 0) for part in range(4)])
    found: list[tuple[int, bytes | None, bytes]] = []
    deadline = time.monotonic() + 20
    while len(found) < count and time.monotonic() < deadline:
        if (record := consumer.poll(0.5)) is not None and record.error() is None:
            found.append((record.partition() or 0, record.key(), record.value() or b""))
    consumer.close()
    return found


@pytest.mark.integration
def test_a_prediction_and_its_label_arrive_side_by_side(settings: Settings) -> None:
    """Both events decode, are keyed by the prediction's id, and lie on partitions of the same number."""
    with client(settings) as monitor:
        ids = [
            monitor.log_prediction(
                model="m", version="2", prediction=1.5, features={"hour": 5}, latency_seconds=0.1
            )
            for _ in range(50)
        ]
        for key in ids:
            monitor.log_label(model="m", prediction_id=key, label=2.0, timestamp=1_767_225_600)
        assert monitor.flush() == 0
        assert monitor.stats() == Stats(accepted=100, delivered=100, failed=0, dropped=0, buffered=0)
    predictions, labels = records(settings, "predictions", 50), records(settings, "labels", 50)
    events = [msgspec.json.decode(value, type=Prediction) for _, _, value in predictions]
    truths = [msgspec.json.decode(value, type=Label) for _, _, value in labels]
    assert {event.prediction_id for event in events} == {truth.prediction_id for truth in truths} == set(ids)
    assert events[0].features == {"hour": 5}
    assert {key: part for part, key, _ in predictions} == {key: part for part, key, _ in labels}
    assert len({part for part, _, _ in predictions}) == 4


@pytest.mark.integration
def test_a_table_arrives_whole_though_the_buffer_is_small(settings: Settings) -> None:
    """`log_frame` waits for room: no row is dropped, labels that are missing are not sent."""
    table = pd.DataFrame({"y": range(2000), "truth": [1.0, None] * 1000, "hour": [5] * 2000})
    with client(settings, buffer_events=100) as monitor:
        ids = monitor.log_frame(table, model="m", prediction="y", label="truth", features=["hour"])
        assert monitor.flush() == 0
        assert monitor.stats().delivered == 3000
        assert monitor.stats().dropped == 0
    assert len(set(ids)) == 2000
    keys = [key.decode() for _, key, _ in records(settings, "predictions", 2000) if key]
    assert Counter(keys) == Counter(ids)
    assert len(records(settings, "labels", 1000)) == 1000


@pytest.mark.integration
def test_labels_alone_are_sent_from_a_table(settings: Settings) -> None:
    """A table of ids and truths, of days later."""
    table = pd.DataFrame({"id": ["a", "b"], "truth": [True, False]})
    with client(settings) as monitor:
        assert monitor.log_frame(table, model="m", label="truth", prediction_id="id") == ["a", "b"]
    found = [msgspec.json.decode(value, type=Label) for _, _, value in records(settings, "labels", 2)]
    assert {label.prediction_id: label.label for label in found} == {"a": True, "b": False}


@pytest.mark.integration
def test_threads_may_share_a_client(settings: Settings) -> None:
    """Events from many threads all arrive, and all are counted."""
    with client(settings) as monitor:

        def work() -> None:
            for number in range(500):
                monitor.log_prediction(model="m", prediction=number)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert monitor.flush() == 0
        assert monitor.stats().delivered == 4000
    assert len(records(settings, "predictions", 4000)) == 4000


FORKING = """
import os, sys
from monitor_stream.client import MonitorClient

monitor = MonitorClient(sys.argv[1], topic_prefix=sys.argv[2])
monitor.log_prediction(model="m", prediction=0, prediction_id="parent")
children = []
for number in range(3):
    if (child := os.fork()) == 0:
        monitor.log_prediction(model="m", prediction=0, prediction_id=f"child-{number}")
        assert monitor.stats().accepted == 1
        sys.exit(0)  # nobody closes the client
    children.append(child)
assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
monitor.log_prediction(model="m", prediction=0, prediction_id="parent-again")
assert monitor.close() == 0
"""


@pytest.mark.integration
def test_a_forked_child_sends_on_its_own(settings: Settings) -> None:
    """Children of a fork send their events, count their own, and end in good time; so does their parent."""
    command = [sys.executable, "-c", FORKING, settings.bootstrap, settings.topic_prefix]
    subprocess.run(command, check=True, timeout=60)
    keys = sorted(key.decode() for _, key, _ in records(settings, "predictions", 5) if key)
    assert keys == ["child-0", "child-1", "child-2", "parent", "parent-again"]


@pytest.mark.integration
def test_events_for_a_topic_that_is_not_there_are_counted_as_failed(kafka: KafkaServer, unique: str) -> None:
    """What the broker refuses is told to the callback and counted: nothing is lost in silence."""
    losses: list[Loss] = []
    with MonitorClient(kafka.bootstrap, topic_prefix=unique, on_loss=losses.append,
                       kafka_options={"topic.metadata.propagation.max.ms": 100}) as monitor:  # fmt: skip
        monitor.log_prediction(model="m", prediction=1)
        monitor.flush(30)
        assert monitor.stats() == Stats(accepted=1, delivered=0, failed=1, dropped=0, buffered=0)
    (loss,) = losses
    assert (loss.reason, loss.topic) == ("not_delivered", f"{unique}.predictions")
    assert "Unknown topic" in loss.detail


def test_a_full_buffer_drops_and_never_waits(caplog: pytest.LogCaptureFixture) -> None:
    """Without a broker the buffer fills; then each call returns at once, is counted, told, and logged once."""
    losses: list[Loss] = []
    with caplog.at_level(logging.WARNING, "monitor_stream.client"):
        monitor = MonitorClient(NOWHERE, buffer_events=10, on_loss=losses.append)
        started = time.monotonic()
        for number in range(2000):
            monitor.log_prediction(model="m", prediction=number)
        assert time.monotonic() - started < 2.0
        assert monitor.stats() == Stats(accepted=10, delivered=0, failed=0, dropped=1990, buffered=10)
        assert monitor.flush(0.1) == 10
        assert monitor.close(0) == 10
    assert Counter(loss.reason for loss in losses) == {"buffer_full": 1990, "not_delivered": 10}
    assert len([record for record in caplog.records if "did not reach Kafka" in record.message]) == 1


def test_what_librdkafka_has_to_tell_is_no_event() -> None:
    """A broker's failure waits in the producer's queue like an event, and is counted as none."""
    monitor = MonitorClient(NOWHERE)
    producer = monitor._buffer._producer
    assert producer is not None
    monitor._buffer._stop.set()
    monitor.log_prediction(model="m", prediction=1.0)
    deadline = time.monotonic() + 20
    while len(producer) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(producer) >= 2
    assert monitor.stats().buffered == 1
    assert monitor.close(0) == 1


def test_log_lines_carry_what_happened_since_the_last(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line an interval, with the number of events lost in it."""
    monkeypatch.setattr(buffer_module, "LOG_INTERVAL_SECONDS", 1000.0)
    quiet = buffer_module.Quiet()
    assert [quiet.count() for _ in range(4)] == [1, 0, 0, 0]
    monkeypatch.setattr(quiet, "_next", 0.0)
    assert [quiet.count(), quiet.count()] == [4, 0]


def test_a_callback_that_fails_does_not_reach_the_caller(caplog: pytest.LogCaptureFixture) -> None:
    """`on_loss` is the service's code; its errors are logged."""

    def fail(loss: Loss) -> None:
        raise RuntimeError(loss.reason)

    monitor = MonitorClient(NOWHERE, buffer_events=1, on_loss=fail)
    for _ in range(2):
        monitor.log_prediction(model="m", prediction=1)
    assert monitor.stats().dropped == 1
    assert "The callback on_loss failed" in caplog.text
    monitor.close(0)


def test_a_table_gives_up_when_nothing_moves() -> None:
    """Without a broker `log_frame` says so after its timeout, with the address."""
    monitor = MonitorClient(NOWHERE, buffer_events=10)
    with pytest.raises(BrokerError, match=f"Kafka at {NOWHERE} has taken nothing for 0.2 s"):
        monitor.log_frame(pd.DataFrame({"y": range(100)}), model="m", prediction="y", timeout=0.2)
    monitor.close(0)


def test_a_wrong_row_is_numbered() -> None:
    """The error of a table names its row."""
    monitor = MonitorClient(NOWHERE)
    with pytest.raises(ValueError, match=r"row 1: score is 7\.0"):
        monitor.log_frame(pd.DataFrame({"p": [0.5, 7.0]}), model="m", score="p")
    monitor.close(0)


def test_a_closed_client_drops() -> None:
    """Logging during shutdown is no error: it is counted."""
    monitor = MonitorClient(NOWHERE)
    monitor.close(0)
    monitor.log_prediction(model="m", prediction=1)
    assert monitor.stats().dropped == 1


def test_a_giant_event_is_refused() -> None:
    """Kafka would not take it: the caller hears it at once."""
    monitor = MonitorClient(NOWHERE)
    with pytest.raises(ValueError, match="is too large for Kafka"):
        monitor.log_prediction(model="m", prediction=1, features={"text": "x" * 2_000_000})
    monitor.close(0)


def test_the_partitioner_is_not_to_choose() -> None:
    """Another one would part predictions from labels that other clients send."""
    with pytest.raises(ValueError, match="partitioner must be murmur2_random"):
        MonitorClient(NOWHERE, kafka_options={"partitioner": "random"})


def test_an_abandoned_client_ends_its_thread() -> None:
    """A client that nobody closes and nobody holds leaves no thread behind."""
    before = set(threading.enumerate())
    monitor = MonitorClient(NOWHERE)
    (thread,) = set(threading.enumerate()) - before
    del monitor
    thread.join(10)
    assert not thread.is_alive()


def test_the_client_is_light() -> None:
    """Importing it loads neither engine nor detectors nor numpy: it lives in other people's services."""
    code = (
        "import sys, monitor_stream.client; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment
    ).stdout.split()
    assert not {"faust", "mode", "river", "numpy", "aiokafka", "redis", "litestar", "click"} & set(loaded)


def test_a_call_is_fast() -> None:
    """A prediction of ten features costs microseconds of CPU; the bound leaves room for a slow machine."""
    monitor = MonitorClient(NOWHERE)
    features = {f"feature_{number}": number * 0.1234567 for number in range(10)}
    best = float("inf")
    for _ in range(5):
        started = time.thread_time()
        for _ in range(2000):
            monitor.log_prediction(model="m", prediction=1.5, score=0.25, features=features)
        best = min(best, (time.thread_time() - started) / 2000)
    monitor.close(0)
    assert best < 30e-6
