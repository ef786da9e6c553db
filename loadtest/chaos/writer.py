"""Writes the known stream to Kafka at a steady pace, through whatever happens to the broker."""

from __future__ import annotations

import itertools
import queue
import threading
import time
from collections.abc import Iterable
from typing import Any, Final

from confluent_kafka import KafkaError, Message, Producer

from loadtest.chaos.stream import START, STEP, Record, closing, poisonous, stream

#: So many records at the start are written in transactions, with some between them that are given up.
TRANSACTIONAL: Final = 6_000
_IN_TRANSACTION: Final = 500
_TICK_SECONDS: Final = 0.02
_ANSWER_SECONDS: Final = 120.0


class Writer:
    """A thread that writes until it is told to close; then the closing records.

    What the broker makes of them stands in the log: nobody keeps what it says of offsets.
    """

    def __init__(self, bootstrap: str, *, seed: int, rate: int, partitions: int) -> None:
        self._bootstrap = bootstrap
        self._seed = seed
        self._rate = rate
        self._partitions = partitions
        self._records = stream(seed, 1 << 60, partitions)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._error: str | None = None
        self._orders: queue.SimpleQueue[tuple[bytes, str, int]] = queue.SimpleQueue()
        #: Written beside the stream.
        self.poisonous: list[Record] = []
        #: Records of the stream, but for the closing ones.
        self.count = 0

    def start(self) -> None:
        """Write the transactions; return when they are done, and the rest goes on."""
        self._write_transactions(list(itertools.islice(self._records, TRANSACTIONAL)))
        self._thread.start()

    def poison(self, mark: bytes, role: str, partition: int) -> None:
        """Write a record that crashes the code, soon."""
        self._orders.put((mark, role, partition))

    def close(self) -> None:
        """Write the closing records; return when the broker has all."""
        self._closing.set()
        self._thread.join()
        if self._error:
            raise RuntimeError(self._error)

    def written(self) -> Iterable[Record]:
        """All records once more."""
        return itertools.chain(stream(self._seed, self.count, self._partitions), self.poisonous)

    def _run(self) -> None:
        try:
            self._write()
        except Exception as error:  # noqa: BLE001  # told by `close`
            self._error = repr(error)

    def _write(self) -> None:
        producer = Producer(self._options({"message.timeout.ms": 0}))
        began = time.monotonic()
        while not self._closing.is_set():
            due = int((time.monotonic() - began) * self._rate) + TRANSACTIONAL - self.count
            for record in itertools.islice(self._records, max(0, due)):
                self._send(producer, record)
                self.count += 1
            while not self._orders.empty():
                record = poisonous(*self._order(), START + self.count * STEP)
                self.poisonous.append(record)
                self._send(producer, record)
            producer.poll(0)
            time.sleep(_TICK_SECONDS)
        for record in closing(START + self.count * STEP, self._partitions):
            self._send(producer, record)
        while producer.flush(10.0):
            if self._error:
                break

    def _order(self) -> tuple[bytes, int, str, int]:
        mark, role, partition = self._orders.get()
        return mark, len(self.poisonous), role, partition

    def _write_transactions(self, records: list[Record]) -> None:
        producer = Producer(self._options({"transactional.id": f"chaos-{self._seed}"}))
        producer.init_transactions(_ANSWER_SECONDS)
        for first in range(0, len(records), _IN_TRANSACTION):
            some = records[first : first + _IN_TRANSACTION]
            if first % (3 * _IN_TRANSACTION) == 0:
                producer.begin_transaction()
                for record in some[:60]:
                    self._send(producer, record)
                producer.flush()
                producer.abort_transaction(_ANSWER_SECONDS)
            producer.begin_transaction()
            for record in some:
                self._send(producer, record)
            producer.commit_transaction(_ANSWER_SECONDS)
            self.count += len(some)

    def _options(self, more: dict[str, Any]) -> dict[str, Any]:
        return {
            "bootstrap.servers": self._bootstrap,
            "enable.idempotence": True,
            "acks": "all",
            "linger.ms": 20,
            "compression.type": "lz4",
            "queue.buffering.max.messages": 2_000_000,
            "queue.buffering.max.kbytes": 1 << 20,
            "log_level": 2,
        } | more

    def _send(self, producer: Producer, record: Record) -> None:
        producer.produce(
            f"monitor.{record.role}",
            record.value,
            partition=record.partition,
            timestamp=round(record.time * 1000),
            on_delivery=self._delivered,
        )

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        if error is not None:
            self._error = error.str()
