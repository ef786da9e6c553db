"""Reads all that the product left behind, and compares it with what must be there."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, TopicPartition

from loadtest.chaos import fields
from loadtest.chaos.compare import Difference, compare
from loadtest.chaos.expect import Expected, Line, expect
from loadtest.chaos.stream import MAX_RECORD_BYTES, stream
from loadtest.chaos.world import PARTITIONS, World
from loadtest.chaos.writer import Writer
from monitor_stream.embedded.ports import free_ports
from monitor_stream.embedded.processes import ChildProcess

#: Which of the records in the log nobody could read any more: (topic role, partition) → offsets.
Lost = Mapping[tuple[str, int], range]
Logs = Mapping[tuple[str, int], list[Line]]

_START_SECONDS: Final = 60.0


def sequential(world: World, writer: Writer, seed: int, lost: Lost, before: Logs) -> Expected:
    """The sequential computation over what was written, without what retention removed unread.

    `before` is what lay in the log before the stream. A record that the broker took twice (its idempotence does not
    outlive every crash) lies in the log twice, and counts as such.
    """
    logs: defaultdict[tuple[str, int], list[Line]] = defaultdict(list)
    for place, lines in [*before.items(), *_taken_twice(world, writer, before).items()]:
        logs[place] += [line for line in lines if line.offset not in lost.get(place, ())]
    following = {place: iter(offsets) for place, offsets in writer.offsets.items()}
    for record in stream(seed, writer.written, PARTITIONS):
        place = (record.role, record.partition)
        offset = next(following[place])
        if offset not in lost.get(place, ()):
            logs[place].append(Line(offset, record.time, record.value))
    left = {place: list(rest) for place, rest in following.items()}
    assert not any(left.values()), "the log holds more than was written"
    for lines in logs.values():
        lines.sort(key=lambda line: line.offset)
    return expect(logs, max_record_bytes=MAX_RECORD_BYTES)


def _taken_twice(world: World, writer: Writer, before: Logs) -> dict[tuple[str, int], list[Line]]:
    """What lies in the log, and the writer was not told of: each repeats the record before it."""
    found: defaultdict[tuple[str, int], list[Line]] = defaultdict(list)
    told = {place: set(offsets) for place, offsets in writer.offsets.items()}
    for place, lines in before.items():
        told[place].update(line.offset for line in lines)
    newest: defaultdict[tuple[str, int], deque[bytes | None]] = defaultdict(lambda: deque(maxlen=5000))
    for role in ("predictions", "labels"):
        for partition, line in read_lines(world, role):
            place = (role, partition)
            if line.offset not in told[place]:
                assert line.value in newest[place], f"{place} holds at {line.offset} what nobody wrote"
                found[place].append(line)
            newest[place].append(line.value)
    return found


class Verdict:
    """What was compared, and what differs."""

    def __init__(self, compared: int, differences: list[Difference], republished: Counter[str]) -> None:
        self.compared = compared
        self.differences = differences
        self.republished = republished

    def add(self, other: Verdict) -> None:
        """Take in a second comparison."""
        self.compared += other.compared
        self.differences += other.differences
        self.republished.update(other.republished)


def verify(
    world: World, expected: Expected, *, since: Mapping[str, Mapping[int, int]] | None = None
) -> Verdict:
    """Compare all; on Kafka only what lies at or above the offsets `since`, by topic role and partition."""
    wanted = fields.expected(expected)
    found: fields.Fields = {}
    republished: Counter[str] = Counter()
    differences: list[Difference] = []
    for name, data in world.documents():
        found.update(fields.from_document(name, data))
    newest = _newest_windows(world, differences, republished, since)
    found.update(fields.from_windows(newest.values()))
    differences += _shown(dict(world.documents()), newest)
    letters = [json.loads(value) for value in read(world, "deadletters", since)]
    found.update(fields.from_deadletters(letters))
    republished["deadletters"] = len(letters) - len(
        {(d["topic"], d["partition"], d["offset"]) for d in letters}
    )
    found.update(fields.from_metrics(_metrics(world)))
    return Verdict(len(wanted), compare(wanted, found) + differences, republished)


def _newest_windows(
    world: World,
    differences: list[Difference],
    republished: Counter[str],
    since: Mapping[str, Mapping[int, int]] | None,
) -> dict[tuple[str, str, str], dict[str, Any]]:
    """The last revision of each window. One that is published twice must say the same twice."""
    newest: dict[tuple[str, str, str], dict[str, Any]] = {}
    revisions: dict[tuple[Any, ...], bytes] = {}
    for value in read(world, "windows", since):
        window = json.loads(value)
        key = (window["model"], window["version"], window["start"])
        if revisions.setdefault((*key, window["revision"]), value) != value:
            name = f"window/{'/'.join(key)}/revision/{window['revision']}"
            differences.append(
                Difference(name, "published twice, and alike", "published twice, and different")
            )
        if key not in newest or window["revision"] > newest[key]["revision"]:
            newest[key] = window
    republished["windows"] += sum(1 for _ in read(world, "windows", since)) - len(revisions)
    return newest


def _shown(
    documents: Mapping[str, bytes], newest: Mapping[tuple[str, str, str], Any]
) -> Iterator[Difference]:
    """The windows in a model's document are those on Kafka, but for details of the older ones."""
    for name, data in documents.items():
        if not name.startswith("model:"):
            continue
        for window in fields.shown(data):
            key = (window["model"], window["version"], window["start"])
            at = f"document/{'/'.join(key)}"
            for what in ("revision", "n", "labelled", "settled", "metrics", "quality"):
                published = newest.get(key, {}).get(what)
                if published != window.get(what):
                    yield Difference(f"{at}/{what}", published, window.get(what))


def read(world: World, role: str, since: Mapping[str, Mapping[int, int]] | None = None) -> Iterator[bytes]:
    """The values of a topic, to its end."""
    return (line.value or b"" for _, line in read_lines(world, role, since))


def read_lines(
    world: World, role: str, since: Mapping[str, Mapping[int, int]] | None = None
) -> Iterator[tuple[int, Line]]:
    """The records of a topic with their partitions, to its end."""
    consumer = Consumer(
        {
            "bootstrap.servers": world.kafka.bootstrap,
            "group.id": "verifier",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
        }
    )
    try:
        topic = f"monitor.{role}"
        unread = set(consumer.list_topics(topic, timeout=10.0).topics[topic].partitions)
        first = (since or {}).get(role, {})
        consumer.assign([TopicPartition(topic, part, first.get(part, 0)) for part in unread])
        while unread:
            message = consumer.poll(10.0)
            if message is None:
                raise RuntimeError(f"{topic} cannot be read to its end")
            if (error := message.error()) is None:
                time_ = message.timestamp()[1] / 1000
                yield message.partition() or 0, Line(message.offset() or 0, time_, message.value())
            elif error.code() == KafkaError._PARTITION_EOF:
                unread.discard(message.partition())
    finally:
        consumer.close()


def _metrics(world: World) -> str:
    """``/metrics`` of a server that starts now."""
    (port,) = free_ports(1)
    environment = world.environment(world.kafka.bootstrap) | {"MONITOR_STREAM_PORT": str(port)}
    log_path = world.directory / "server.log"
    server = ChildProcess.run(
        [sys.executable, "-m", "monitor_stream", "server"],
        directory=Path.cwd(),
        log_path=log_path,
        environment=environment,
    )
    deadline = time.monotonic() + _START_SECONDS
    try:
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10.0) as answer:
                    return str(answer.read().decode())
            except (urllib.error.URLError, ConnectionError):
                if time.monotonic() > deadline or not server.is_running:
                    raise RuntimeError(f"the server does not answer; see {log_path}") from None
                time.sleep(0.2)
    finally:
        try:
            server.stop(15.0)
        except subprocess.TimeoutExpired:
            server.kill()
