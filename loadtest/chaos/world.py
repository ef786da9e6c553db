"""The servers, the workers, and what a supervisor does: starts again what has ended."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar, Final, Self, TypeVar, cast

import msgspec
import redis
from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    OffsetSpec,
    ResourceType,
)

from loadtest.chaos import ledger
from loadtest.chaos.history import History
from loadtest.chaos.ledger import Ended, Line
from loadtest.chaos.relay import Relay, Relays
from loadtest.chaos.specs import SPECS
from loadtest.chaos.stream import MAX_RECORD_BYTES
from loadtest.chaos.worker import COUNTS, KILLED
from monitor_stream.embedded import QUICK_RESTART, QUICK_START, Kafka, Valkey
from monitor_stream.embedded.ports import free_ports
from monitor_stream.embedded.processes import ChildProcess

T = TypeVar("T")

APPLICATION: Final = "chaos"
PARTITIONS: Final = 12
#: Workers there can be at a time; each has a way of its own to the broker.
SLOTS: Final = 4
SESSION_SECONDS: Final = 6.0
#: How long a server may be away before asking it how it is counts as a failure.
AWAY_SECONDS: Final = 240.0
#: Nothing may count as idle because of a fault: no outage lasts so long.
IDLE_SECONDS: Final = 100_000.0
#: A supervisor waits so long before it starts again what has ended.
RESTART_SECONDS: Final = 0.5
#: How long an end in order may take on a busy machine. What is promised is ten seconds, and what it took is told.
STOP_SECONDS: Final = 120.0
#: How long nothing at all may move before the run is given up. Long, since machines may be busy with other things.
PATIENCE_SECONDS: Final = 240.0

FOLDS: Final = ("observe", "judge")


class StuckError(Exception):
    """The workers did not go on after a fault."""


class ChaosKafka(Kafka):
    """A broker with one listener for each slot, which it advertises at the relay before it."""

    relays: ClassVar[list[Relay]]

    @classmethod
    def behind(cls, relays: list[Relay]) -> type[ChaosKafka]:
        """The class of a broker behind these relays."""

        class Behind(cls):  # type: ignore[misc, valid-type]
            """See `ChaosKafka`."""

        Behind.relays = relays
        return Behind

    def choose_ports(self) -> None:
        super().choose_ports()
        for relay, port in zip(self.relays, free_ports(len(self.relays)), strict=True):
            relay.upstream = port

    def _write_properties(self) -> Path:
        path = super()._write_properties()
        names = [f"SLOT{slot}" for slot in range(len(self.relays))]
        controller = f"CONTROLLER://127.0.0.1:{self._controller_port}"
        bound = [f"{n}://127.0.0.1:{r.upstream}" for n, r in zip(names, self.relays, strict=True)]
        told = [f"{n}://127.0.0.1:{r.port}" for n, r in zip(names, self.relays, strict=True)]
        direct = f"PLAINTEXT://{self.bootstrap}"
        lines = {
            "listeners": ",".join([direct, controller, *bound]),
            "advertised.listeners": ",".join([direct, *told]),
            "listener.security.protocol.map": ",".join(
                f"{name}:PLAINTEXT" for name in ["CONTROLLER", "PLAINTEXT", *names]
            ),
            "inter.broker.listener.name": "PLAINTEXT",
        }
        with path.open("a", encoding="utf-8") as file:
            file.writelines(f"{name}={value}\n" for name, value in lines.items())
        return path


class Slot:
    """A place for a worker, as a supervisor sees it. `wanted` says whether one should run here."""

    def __init__(self, world: World, number: int) -> None:
        self.world = world
        self.number = number
        self.directory = world.directory / f"worker-{number}"
        self.directory.mkdir()
        self.wanted = False
        self.process: ChildProcess | None = None
        self.frozen = False
        self._ended = 0.0
        self._expected: str | None = None
        self._lock = threading.RLock()

    @property
    def log_path(self) -> Path:
        return self.directory / "worker.log"

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.is_running

    @property
    def took_part(self) -> bool:
        """Whether the process that runs has come so far as to claim partitions."""
        process = self.process
        return process is not None and (self.directory / f"counts.{process.pid}").exists()

    def look(self) -> None:
        """Note an end, and start again what should run."""
        with self._lock:
            if self.process is not None and not self.process.is_running:
                code = self.process.exit_code
                kind = self._expected or ("killed" if code == -signal.SIGKILL else f"exit code {code}")
                self.world.exits[kind] += 1
                self._note_end("error")  # unless told before how
                self._expected, self.process, self._ended = None, None, time.monotonic()
                self.frozen = False
            if self.wanted and self.process is None and time.monotonic() - self._ended > RESTART_SECONDS:
                self._start()

    def _start(self) -> None:
        environment = self.world.environment(f"127.0.0.1:{self.world.brokers[self.number].port}")
        self.process = ChildProcess.run(
            [sys.executable, "-m", "loadtest.chaos.worker"],
            directory=Path.cwd(),
            log_path=self.log_path,
            environment={
                **environment,
                "CHAOS_DIRECTORY": str(self.directory),
                "CHAOS_FIXED": "yes" if self.world.fixed else "",
            },
        )

    def _note_end(self, how: str) -> None:
        if self.process is not None:
            self.world.ends.append(Line(self.process.pid, Ended(ledger.now(), how)))

    def start(self) -> None:
        self.wanted = True
        self.look()

    def kill(self) -> None:
        """SIGKILL, now."""
        with self._lock:
            if self.process is not None:
                self._note_end(KILLED)
                self.process.kill()

    def kill_at(self, moment: str) -> None:
        """SIGKILL when it comes to that moment."""
        order = self.directory / "order"
        order.write_text(moment)
        order.rename(self.directory / "kill")

    @property
    def ordered(self) -> bool:
        """Whether an order to die was not carried out yet."""
        return (self.directory / "kill").exists()

    def signal(self, number: int) -> None:
        with self._lock:
            if self.process is not None and self.process.is_running:
                if number == signal.SIGSTOP:
                    self._note_end("SIGSTOP")
                os.kill(self.process.pid, number)
                self.frozen = number == signal.SIGSTOP

    def stop(self) -> tuple[int | None, float]:
        """SIGTERM, and no restart. The exit code, and how many seconds it took."""
        with self._lock:
            self.wanted = False
            began = time.monotonic()
            process = self.process
            if process is None:
                return None, 0.0
            self._expected = "stopped"
            self._note_end("SIGTERM")
            process.stop(STOP_SECONDS)
            return process.exit_code, time.monotonic() - began


class World:
    """See the module's docstring; a context manager."""

    def __init__(
        self, directory: Path, *, session: float = SESSION_SECONDS, breaking: str | None = None
    ) -> None:
        self.directory = directory
        self.session = session
        self.breaking = breaking
        self.exits: Counter[str] = Counter()
        #: What the supervisor did to processes, or saw of them.
        self.ends: list[Line] = []
        #: Whether workers that start now are free of the bug that some records meet.
        self.fixed = False
        self._stack = contextlib.ExitStack()
        self._ending = threading.Event()

    def __enter__(self) -> Self:
        relays = self._stack.enter_context(Relays())
        self.brokers = [relays.open() for _ in range(SLOTS)]
        self.store_relay = relays.open()
        self.kafka = self._stack.enter_context(
            ChaosKafka.behind(self.brokers).start(
                self.directory / "kafka",
                java_flags=QUICK_START,
                properties={
                    **QUICK_RESTART,
                    "group.min.session.timeout.ms": 1000,
                    "log.cleaner.backoff.ms": 500,
                    "log.retention.check.interval.ms": 1000,
                },
            )
        )
        self.valkey = self._stack.enter_context(Valkey.start(self.directory / "valkey"))
        self.store_relay.upstream = int(self.valkey.url.rpartition(":")[2].partition("/")[0])
        self.store = redis.Redis.from_url(self.valkey.url, socket_timeout=10.0)
        self._stack.callback(self.store.close)
        self.admin = AdminClient({"bootstrap.servers": self.kafka.bootstrap, "log_level": 0})
        self._make_topics()
        self.slots = [Slot(self, number) for number in range(SLOTS)]
        supervisor = threading.Thread(target=self._supervise, name="supervisor", daemon=True)
        supervisor.start()
        self._stack.callback(supervisor.join)
        self._stack.callback(self._ending.set)
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        for slot in self.slots:
            slot.wanted = False
            slot.kill()
        self._stack.close()

    def environment(self, bootstrap: str) -> dict[str, str]:
        """The settings of a worker, as a user gives them."""
        settings = {
            "BOOTSTRAP": bootstrap,
            "REDIS": f"redis://127.0.0.1:{self.store_relay.port}/0",
            "APPLICATION": APPLICATION,
            "SESSION_TIMEOUT_SECONDS": self.session,
            "RESTORE_TIMEOUT_SECONDS": 30,
            "COMMIT_INTERVAL_SECONDS": 0.5,
            "IDLE_TIMEOUT_SECONDS": IDLE_SECONDS,
            "REVISION_INTERVAL_SECONDS": 2,
            "MAX_RECORD_BYTES": MAX_RECORD_BYTES,
            "MAX_EXPORTED_FEATURES": 100,
            "WORKER_PORT": 0,
        }
        environment = {f"MONITOR_STREAM_{name}": str(value) for name, value in settings.items()}
        return environment | ({"CHAOS_BREAK": self.breaking} if self.breaking else {})

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `monitor-stream` once, past the relays."""
        environment = {**os.environ, **self.environment(self.kafka.bootstrap)}
        return subprocess.run(
            [sys.executable, "-m", "monitor_stream", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=AWAY_SECONDS,
            check=False,
        )

    def _make_topics(self) -> None:
        done = self.command("topics", "apply", "--partitions", str(PARTITIONS), "--replication", "1")
        if done.returncode:
            raise RuntimeError(done.stderr)
        for role in ("predictions", "labels"):  # their records are years old
            self.configure(role, {"retention.ms": "-1"})
        paths = []
        for spec in SPECS:
            paths.append(self.directory / f"{spec['model']}-{spec['version']}.json")
            paths[-1].write_bytes(msgspec.json.encode(spec))
        done = self.command("models", "apply", *map(str, paths))
        if done.returncode:
            raise RuntimeError(done.stderr)

    def configure(self, role: str, config: dict[str, str]) -> None:
        entries = [
            ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
            for name, value in config.items()
        ]
        resource = ConfigResource(ResourceType.TOPIC, f"monitor.{role}", incremental_configs=entries)
        for answer in self.admin.incremental_alter_configs([resource]).values():
            answer.result()

    def _supervise(self) -> None:
        while not self._ending.wait(0.1):
            for slot in self.slots:
                slot.look()

    # Workers

    def workers(self) -> list[Slot]:
        """The slots in which a worker should run."""
        return [slot for slot in self.slots if slot.wanted]

    def scale(self, count: int) -> None:
        """Start or stop workers until so many should run."""
        for slot in self.slots:
            if slot.wanted and len(self.workers()) > count:
                slot.stop()
        for slot in self.slots:
            if not slot.wanted and len(self.workers()) < count:
                slot.start()

    def tell_tasks(self) -> None:
        """Let each worker write to its log what it waits for."""
        for slot in self.slots:
            if slot.took_part:
                slot.signal(signal.SIGUSR1)
        time.sleep(3.0)

    def counted(self) -> Counter[str]:
        """What all processes together have counted so far, the dead ones too."""
        total: Counter[str] = Counter()
        for path in self.directory.glob("worker-*/counts.*"):
            data = path.read_bytes()
            if len(data) == COUNTS.size:
                skipped, lost, refused = COUNTS.unpack(data)
                total.update(skipped=skipped, lost=lost, refused=refused)
        return total

    def history(self) -> History:
        """What all processes did, and what was done to them."""
        lines = ledger.read(self.directory) + self.ends
        return History(sorted(lines, key=lambda line: line.entry.time))

    # The store, and Kafka, as they are

    def partitions(self) -> Iterator[tuple[str, int]]:
        return itertools.product(FOLDS, range(PARTITIONS))

    def states(self, *names: str) -> dict[tuple[str, int], list[int]]:
        """Numbers of the state of each (fold, partition): -1 for what is not there."""
        return _asked(lambda: self._states(names))

    def _states(self, names: tuple[str, ...]) -> dict[tuple[str, int], list[int]]:
        pipeline = self.store.pipeline(transaction=False)
        for fold, partition in self.partitions():
            pipeline.hmget(f"{{{APPLICATION}:{fold}:{partition}}}:state", names)
        answers = pipeline.execute()
        return {
            key: [-1 if value is None else int(value) for value in values]
            for key, values in zip(self.partitions(), answers, strict=True)
        }

    def _fields(self, fold: str, partition: int, kind: str) -> dict[str, bytes]:
        key = f"{{{APPLICATION}:{fold}:{partition}}}:{kind}"
        fields = _asked(lambda: self.store.hgetall(key))
        return {name.decode(): data for name, data in cast("dict[bytes, bytes]", fields).items()}

    def documents(self) -> Iterator[tuple[str, bytes]]:
        """The results of all partitions of both folds, by name."""
        for fold, partition in self.partitions():
            yield from self._fields(fold, partition, "results").items()

    def set_aside(self, role: str, partition: int) -> int:
        """How many records of a partition were found to be poison."""
        source = json.loads(self._fields("observe", partition, "results").get("source", b"{}"))
        return int(source.get("dead_letters", {}).get(role, {}).get("poison", 0))

    def ends_of(self, role: str) -> dict[int, int]:
        """The end of each partition of a topic."""
        return _asked(lambda: self._ends(f"monitor.{role}"))

    def _ends(self, topic: str) -> dict[int, int]:
        partitions = self.admin.list_topics(topic, timeout=10.0).topics[topic].partitions
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        answers = self.admin.list_offsets(
            {TopicPartition(topic, partition): latest for partition in partitions}, request_timeout=10.0
        )
        return {place.partition: answer.result().offset for place, answer in answers.items()}

    def grow(self, role: str, partitions: int) -> None:
        """Give a topic more partitions."""
        for answer in self.admin.create_partitions([NewPartitions(f"monitor.{role}", partitions)]).values():
            answer.result()

    def remove(self, role: str, partition: int, first: int) -> None:
        """Remove the records below an offset, as retention does."""
        place = TopicPartition(f"monitor.{role}", partition, first)

        def delete() -> object:
            return self.admin.delete_records([place], request_timeout=10.0)[place].result()

        _asked(delete)

    # Waiting

    def await_progress(self, *, new_epoch: bool = False) -> None:
        """Until each partition of OBSERVE has a commit made from now on.

        With `new_epoch` the commit must be one of a worker that claimed the partition from now on.
        """
        before = self.states("@epoch", "@commit")
        waiting = {key for key in self.partitions() if key[0] == "observe"}
        claimed: dict[tuple[str, int], int] = {}
        patience = _Patience(lambda: f"no commit of {sorted(waiting)}")
        while waiting:
            patience.wait(len(waiting))
            for key, (epoch, commit) in self.states("@epoch", "@commit").items():
                if new_epoch and epoch == before[key][0]:
                    continue
                claimed.setdefault(key, commit if new_epoch else before[key][1])
                if commit > claimed[key]:
                    waiting.discard(key)

    def await_end(self) -> None:
        """Until all is read, judged and published, and stays so for longer than the time between two commits."""
        quiet = 0
        patience = _Patience(lambda: f"not at the end: {self._behind()}")
        while quiet < 3:
            behind = self._behind()
            quiet = 0 if behind else quiet + 1
            patience.wait((behind, quiet), seconds=0.4)

    def await_part(self) -> None:
        """Until each worker that should run has taken part: a busy machine needs many seconds to start one."""
        self.await_that(lambda: all(slot.took_part for slot in self.workers()), "a worker does not take part")

    def await_that(
        self,
        condition: Callable[[], bool],
        what: str,
        *,
        every: float = 0.1,
        moving: Callable[[], object] = lambda: None,
    ) -> None:
        """Until something is so; it is looked at again and again. As long as `moving` changes there is hope."""
        patience = _Patience(lambda: what)
        while not condition():
            patience.wait(moving(), seconds=every)

    def _behind(self) -> str:
        ends = {role: self.ends_of(role) for role in ("predictions", "labels", "deltas")}
        for (fold, partition), offsets in self.states(
            "offset:predictions", "offset:labels", "offset:deltas"
        ).items():
            roles = ("deltas",) if fold == "judge" else ("predictions", "labels")
            for role in roles:
                offset = offsets[("predictions", "labels", "deltas").index(role)]
                if ends[role][partition] > max(offset, 0):
                    return f"{role}/{partition} was read to {offset} of {ends[role][partition]}"
        for fold, partition in self.partitions():
            if any(name.startswith("outbox:") for name in self._fields(fold, partition, "state")):
                return f"{fold}/{partition} has something to publish"
        return ""


class _Patience:
    """Waits, for as long as something moves, and `PATIENCE_SECONDS` longer."""

    def __init__(self, what: Callable[[], str]) -> None:
        self._what = what
        self._seen: object = None
        self._since = time.monotonic()

    def wait(self, seen: object, *, seconds: float = 0.1) -> None:
        now = time.monotonic()
        if seen != self._seen:
            self._seen, self._since = seen, now
        if now - self._since > PATIENCE_SECONDS:
            raise StuckError(f"{self._what()} for {PATIENCE_SECONDS:.0f} s")
        time.sleep(seconds)


def _asked(ask: Callable[[], T]) -> T:
    """Ask a server that may be away."""
    deadline = time.monotonic() + AWAY_SECONDS
    while True:
        try:
            return ask()
        except (redis.RedisError, KafkaException):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
