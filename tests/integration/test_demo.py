"""The whole demo, as a user runs it; the worker is killed halfway, and the same events are replayed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import psutil
import pyarrow as pa
import pytest
from confluent_kafka import Consumer, TopicPartition

from monitor_stream.demo.events import MODEL
from monitor_stream.embedded import Kafka
from monitor_stream.embedded.ports import is_free
from monitor_stream.events.codec import decode_json, decode_spec
from monitor_stream.events.results import Estimates, Metrics, Window
from monitor_stream.events.spec import Specs
from monitor_stream.events.wire import Label, Prediction
from monitor_stream.replay import Replay, replay
from monitor_stream.replay.order import Feed, TimeOrder, merge
from monitor_stream.replay.table import Timed
from tests.demo import facts

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

#: How far the worker has read when it is killed: not the first events, not the last.
_HALFWAY: Final = range(100_000, 500_000)
_READ: Final = re.compile(r"([\d,]+) of [\d,]+ events")


class Demo:
    """`monitor-stream demo`, and what it says."""

    def __init__(self, process: subprocess.Popen[str], directory: Path) -> None:
        self.process = process
        self.directory = directory
        self.said: list[str] = []

    def lines(self) -> Iterator[str]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line)
            yield line

    def await_line(self, pattern: str) -> None:
        assert any(re.search(pattern, line) for line in self.lines()), self.text

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def await_children(self) -> list[psutil.Process]:
        while not (found := self.children()):
            assert self.process.poll() is None, self.text
        return found

    def worker(self) -> psutil.Process:
        (found,) = [child for child in self.children() if _command(child)[-1:] == ["worker"]]
        return found

    @property
    def text(self) -> str:
        return "".join(self.said)


def _command(process: psutil.Process) -> list[str]:
    """Its command line; none of a child that has ended since it was listed."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


@contextmanager
def demo(directory: Path, *arguments: str) -> Iterator[Demo]:
    command = [sys.executable, "-m", "monitor_stream", "demo", *arguments]
    scratch = directory / "tmp"
    scratch.mkdir(parents=True)
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "TMPDIR": str(scratch), "PYTHONUNBUFFERED": "1", "COLUMNS": "200"},
    )
    try:
        yield Demo(process, directory)
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """The year at full speed, the worker killed with SIGKILL halfway."""
    directory = tmp_path_factory.mktemp("demo")
    arguments = ["--speed", "max", "--exit-when-done", "--summary", str(directory / "summary.json")]
    with demo(directory, *arguments, "--directory", str(directory / "data"), "--port", "0") as running:
        killed = None
        for line in running.lines():
            read = _READ.search(line)
            if killed is None and read and int(read[1].replace(",", "")) in _HALFWAY:
                killed = running.worker()
                killed.kill()
        assert killed is not None, running.text
        assert running.process.wait(60) == 0, running.text
    return running


@pytest.fixture(scope="module")
def summary(played: Demo) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((played.directory / "summary.json").read_bytes())
    return found


def test_the_facts_come_out_exactly_though_the_worker_was_killed(
    played: Demo, summary: dict[str, Any]
) -> None:
    """Every prediction and label counts once, and the months are those of the data."""
    assert "was killed by signal 9; started again" in played.text
    assert summary["worker_restarts"] == 1
    assert summary["predictions"] == facts.PREDICTIONS
    assert summary["labels_joined"] == facts.LABELS
    assert summary["predictions_unlabelled"] == facts.UNLABELLED
    assert summary["dead_letters"] == summary["late_rows"] == 0
    assert summary["detections"] > 0
    months = {month["month"]: month for month in summary["months"]}
    assert sum(month["predictions"] for month in summary["months"]) == facts.PREDICTIONS
    assert sum(month["labelled"] for month in summary["months"]) == facts.LABELS
    assert {month: round(found["late_share"], 3) for month, found in months.items()} == facts.LATE_SHARE
    assert all(0.595 < found["auc"] < 0.665 for found in months.values())


def test_replay_of_the_same_events_gives_the_same_windows(
    published: Published, summary: dict[str, Any]
) -> None:
    """Field by field, sums to the last digits."""
    replayed = {window.start: window for window in published.replayed.windows}
    assert set(published.windows) == set(replayed)
    assert len(published.windows) == summary["windows"] == facts.WINDOWS
    for start, window in published.windows.items():
        assert_same(window, replayed[start])


def test_replay_sees_what_the_demo_saw(published: Published, summary: dict[str, Any]) -> None:
    """As many detections and incidents: they depend on the order of events, which is the same."""
    assert len(published.replayed.detections) == summary["detections"]
    assert len(published.replayed.incidents) == summary["incidents"]


class Published:
    """What lies on the demo's Kafka: the newest revision of each window, and the events replayed."""

    def __init__(self, bootstrap: str, spec: bytes) -> None:
        self.windows: dict[Any, Window] = {}
        for value in records(bootstrap, "monitor.windows"):
            window = decode_json(Window, value)
            if window.start not in self.windows or self.windows[window.start].revision <= window.revision:
                self.windows[window.start] = window
        with TimeOrder() as predictions, TimeOrder() as labels:
            predictions.add(timed(records(bootstrap, "monitor.predictions"), Prediction))
            labels.add(timed(records(bootstrap, "monitor.labels"), Label))
            feed: Feed = merge(
                (("predictions", block) for block in predictions.blocks()),
                (("labels", block) for block in labels.blocks()),
            )
            self.replayed: Replay = replay(feed, Specs([decode_spec(spec)]))


@pytest.fixture(scope="module")
def published(played: Demo) -> Published:
    """The demo's broker, started once more on its data."""
    data = played.directory / "data"
    with Kafka.start(data / "kafka") as kafka:
        return Published(kafka.bootstrap, (data / "spec.json").read_bytes())


def records(bootstrap: str, topic: str) -> list[bytes]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "test", "enable.auto.commit": False})
    try:
        parts = [
            TopicPartition(topic, n, 0)
            for n in consumer.list_topics(topic, timeout=10).topics[topic].partitions
        ]
        total = sum(consumer.get_watermark_offsets(part, timeout=10)[1] for part in parts)
        consumer.assign(parts)
        found: list[bytes] = []
        while len(found) < total:
            found.extend(record.value() or b"" for record in consumer.consume(10_000, 1.0))
        return found
    finally:
        consumer.close()


def timed(values: list[bytes], kind: type[Prediction | Label]) -> Timed:
    decode = msgspec.json.Decoder(kind).decode
    return Timed(np.array([decode(value).timestamp for value in values]), pa.array(values, pa.binary()))


def assert_same(one: Window, other: Window) -> None:
    """All but what tells how far the publishing has come."""
    for name in one.__struct_fields__:
        if name in {"revision", "settled"}:
            continue
        first, second = getattr(one, name), getattr(other, name)
        if isinstance(first, list):
            assert len(first) == len(second), (one.start, name)
            for left, right in zip(first, second, strict=True):
                assert_alike(msgspec.structs.asdict(left), msgspec.structs.asdict(right))
        else:
            assert_alike({name: first}, {name: second})


def assert_foretold_alike(one: Estimates, other: Estimates) -> None:
    """To the last digits of sums."""
    assert (one.n, one.not_computable, one.contradicted) == (
        other.n,
        other.not_computable,
        other.contradicted,
    )
    assert one.values == pytest.approx(other.values, rel=1e-9, abs=1e-9)
    assert one.near_threshold == pytest.approx(other.near_threshold, rel=1e-9, abs=1e-9)
    assert one.uncertainty == pytest.approx(other.uncertainty, rel=1e-9, abs=1e-9)
    assert one.bands.keys() == other.bands.keys()
    for name, band in one.bands.items():
        assert band == pytest.approx(other.bands[name], rel=1e-9, abs=1e-9)


def assert_alike(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert set(one) == set(other)
    for name, first in one.items():
        second = other[name]
        if isinstance(first, Metrics):
            assert (first.scored, first.bad, first.not_computable) == (
                second.scored,
                second.bad,
                second.not_computable,
            )
            assert first.values == pytest.approx(second.values, rel=1e-9, abs=1e-9)
        elif isinstance(first, Estimates) and isinstance(second, Estimates):
            assert_foretold_alike(first, second)
        elif name == "std" and None not in {
            first,
            second,
        }:  # the root of a difference: the last digits of sums become its first
            assert first == pytest.approx(second, rel=1e-6, abs=1e-6)
        elif isinstance(first, float):
            assert first == pytest.approx(second, rel=1e-9, abs=1e-9), name
        else:
            assert first == second, name


@pytest.mark.parametrize(
    ("number", "code", "moment"),
    [
        (signal.SIGTERM, 143, "✓ Scoring"),
        (signal.SIGINT, 130, r"\d+/s"),
        (signal.SIGKILL, -9, r"\d+/s"),
    ],
    ids=["sigterm while starting", "ctrl-c while playing", "sigkill while playing"],
)
def test_however_it_is_stopped_nothing_is_left(
    tmp_path: Path, number: signal.Signals, code: int, moment: str
) -> None:
    """No process, no held port, and but for SIGKILL no file: whenever it comes."""
    with demo(tmp_path, "--days", "3", "--port", "0") as running:
        running.await_line(moment)
        children = running.await_children()
        ports = {
            connection.laddr.port
            for child in children
            for connection in child.net_connections()
            if connection.status == psutil.CONN_LISTEN
        }
        running.process.send_signal(number)
        assert running.process.wait(60) == code, running.text
        _, alive = psutil.wait_procs(children, timeout=10)
    assert children
    assert not alive
    deadline = time.monotonic() + 10
    while not all(map(is_free, ports)):
        assert time.monotonic() < deadline, ports
    if number != signal.SIGKILL:
        assert list((tmp_path / "tmp").iterdir()) == []


def test_a_taken_port_is_said_before_anything_starts(tmp_path: Path) -> None:
    """One sentence with the port, exit code 1, and no broker was started for it."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with demo(tmp_path, "--days", "1", "--port", str(port)) as running:
            running.await_line(f"Port {port} is taken")
            assert running.process.wait(60) == 1
    assert "Traceback" not in running.text
    assert "Kafka" not in running.text
    assert list((tmp_path / "tmp").iterdir()) == []


def test_help_explains_every_option() -> None:
    """What the page says of a run is found by --help."""
    done = subprocess.run(
        [sys.executable, "-m", "monitor_stream", "demo", "--help"], capture_output=True, text=True, check=True
    )
    for option in ("--speed", "--days", "--exit-when-done", "--summary", "--port", "--partitions", "--keep"):
        assert option in done.stdout
    assert MODEL.split("-", maxsplit=1)[0] in done.stdout
