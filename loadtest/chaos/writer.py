"""Writes the known stream to Kafka at a steady pace, through whatever happens to the broker."""

from __future__ import annotations

import itertools
import threading
import time
from array import array
from collections import defaultdict
from typing import Any, Final

from confluent_kafka import KafkaError, Message, Producer

from loadtest.chaos.stream import START, STEP, Record, closing, stream

#: So many records at the start are written in transactions, with some between them that are given up.
TRANSACTIONAL: Final = 6_000
_IN_TRANSACTION: Final = 500
_TICK_SECONDS: Final = 0.02


class Writer:
    """A thread that writes until it is told to close; then the closing records.

    `offsets` tells where each record of a partition lies, in the order in which they were written.
    """

    def __init__(self, bootstrap: str, *, seed: int, rate: int, partitions: int) -> None:
        self._bootstrap = bootstrap
        self._seed = seed
        self._rate = rate
        self._partitions = partitions
        self._closing = threading.Event()
        self._least = 0
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._error: str | None = None
        self.offsets: defaultdict[tuple[str, int], array[int]] = defaultdict(lambda: array("q"))
        self.written = 0

    def start(self) -> None:
        self._thread.start()

    def close(self, least: int = 0) -> None:
        """Write up to `least` records in all, then the closing ones; return when the broker has them."""
        self._least = least
        self._closing.set()
        self._thread.join()
        if self._error:
            raise RuntimeError(self._error)

    def _run(self) -> None:
        try:
            self._write()
        except Exception as error:  # noqa: BLE001  # told by `close`
            self._error = repr(error)

    def _write(self) -> None:
        records = stream(self._seed, 1 << 60, self._partitions)
        self._write_transactions(list(itertools.islice(records, TRANSACTIONAL)))
        producer = Producer(self._options({"message.timeout.ms": 0}))
        began = time.monotonic()
        while not (self._closing.is_set() and self.written >= self._least):
            due = int((time.monotonic() - began) * self._rate) + TRANSACTIONAL - self.written
            for record in itertools.islice(records, max(0, due)):
                self._send(producer, record)
            producer.poll(0)
            time.sleep(_TICK_SECONDS)
        for record in closing(START + self.written * STEP, self._partitions):
            self._send(producer, record, closing=True)
        while producer.flush(10.0):
            if self._error:
                break

    def _write_transactions(self, records: list[Record]) -> None:
        producer = Producer(self._options({"transactional.id": f"chaos-{self._seed}"}))
        producer.init_transactions(30.0)
        for first in range(0, len(records), _IN_TRANSACTION):
            some = records[first : first + _IN_TRANSACTION]
            if first % (3 * _IN_TRANSACTION) == 0:
                producer.begin_transaction()
                for record in some[:60]:
                    producer.produce(
                        f"monitor.{record.role}",
                        record.value,
                        partition=record.partition,
                        timestamp=round(record.time * 1000),
                    )
                producer.flush()
                producer.abort_transaction(30.0)
            producer.begin_transaction()
            for record in some:
                self._send(producer, record)
            producer.commit_transaction(30.0)

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

    def _send(self, producer: Producer, record: Record, *, closing: bool = False) -> None:
        producer.produce(
            f"monitor.{record.role}",
            record.value,
            partition=record.partition,
            timestamp=round(record.time * 1000),
            on_delivery=self._delivered,
        )
        self.written += not closing

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._error = error.str()
        else:
            place = (str(message.topic()).removeprefix("monitor."), message.partition() or 0)
            self.offsets[place].append(message.offset() or 0)
