"""`MonitorClient`: one call for each answer of a model, one for each truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Self
from uuid import UUID

import msgspec

from monitor_stream.client.buffer import Buffer, Loss, Stats
from monitor_stream.client.events import label_event, prediction_event
from monitor_stream.client.frame import Columns
from monitor_stream.client.values import identifier
from monitor_stream.events.wire import UNVERSIONED

Time = float | str | datetime

#: Both topics must use the same, or a prediction and its label never meet.
PARTITIONER: Final = "murmur2_random"

_encode: Final = msgspec.json.Encoder().encode


class MonitorClient:
    """Sends predictions and labels to Kafka without ever holding up the service.

    A call takes some microseconds: it checks its values, encodes the event and puts it into a buffer that a thread of
    librdkafka empties. When the buffer is full the event is dropped, counted in `stats`, logged (a line each 30 s at
    most, logger ``monitor_stream.client``) and told to `on_loss`. Thread-safe; a forked child gets a connection of its
    own with its first event. Close it, or use it in a ``with`` block, so that the last events are delivered.

    Parameters
    ----------
    bootstrap
        Kafka brokers, host:port, separated by commas.
    topic_prefix
        Events go to ``PREFIX.predictions`` and ``PREFIX.labels``.
    kafka_options
        Further options of librdkafka, such as ``security.protocol`` and ``sasl.username``.
    buffer_events, buffer_bytes
        What the buffer holds at most.
    linger_seconds
        How long an event waits for others to be sent with.
    delivery_timeout_seconds
        How long an event may wait in the buffer for a broker; then it is given up, and counted as failed.
    on_loss
        Told of each event that is lost: from the calling thread when it is dropped, else from a thread of the client.

    Examples
    --------
    >>> client = MonitorClient("127.0.0.1:1")  # no broker there: nothing waits, the buffer keeps the events
    >>> prediction_id = client.log_prediction(model="flight-late", prediction=False, score=0.31)
    >>> client.log_label(model="flight-late", prediction_id=prediction_id, label=True)
    >>> client.stats().buffered
    2
    >>> client.close(timeout=0)  # gives them up; 2 is how many
    2
    """

    def __init__(
        self,
        bootstrap: str,
        *,
        topic_prefix: str = "monitor",
        kafka_options: Mapping[str, str | int | float | bool] | None = None,
        buffer_events: int = 100_000,
        buffer_bytes: int = 64 << 20,
        linger_seconds: float = 0.02,
        delivery_timeout_seconds: float = 120.0,
        on_loss: Callable[[Loss], None] | None = None,
    ) -> None:
        self._predictions, self._labels = f"{topic_prefix}.predictions", f"{topic_prefix}.labels"
        given = dict(kafka_options or {})
        if given.get("partitioner", PARTITIONER) != PARTITIONER:
            raise ValueError(f"the partitioner must be {PARTITIONER}: predictions and labels have to meet")
        options: dict[str, Any] = {
            "enable.idempotence": True,
            "acks": "all",
            "compression.type": "lz4",
            "linger.ms": linger_seconds * 1000,
            "queue.buffering.max.messages": buffer_events,
            "queue.buffering.max.kbytes": max(1, buffer_bytes // 1024),
            "delivery.timeout.ms": round(delivery_timeout_seconds * 1000),
            "delivery.report.only.error": True,  # a callback for each event that arrived would cost more than sending
            "log_level": 0,  # what matters comes through error_cb, once each 30 s
            **given,
            "bootstrap.servers": bootstrap,
            "partitioner": PARTITIONER,
        }
        self._buffer = Buffer(options, on_loss)

    def log_prediction(
        self,
        *,
        model: str,
        version: str = UNVERSIONED,
        prediction: Any = None,
        prediction_id: str | int | UUID | None = None,
        timestamp: Time | None = None,
        score: Any = None,
        scores: Mapping[str, Any] | None = None,
        features: Mapping[str, Any] | None = None,
        segments: Mapping[str, Any] | None = None,
        latency_seconds: float | None = None,
        error: str | None = None,
        attributions: Mapping[str, Any] | None = None,
        interval: Sequence[Any] | None = None,
    ) -> str:
        """Tell what a model answered; the prediction's id is returned, for the label to come.

        Parameters are the fields of `monitor_stream.events.wire.Prediction`. Numpy's scalars are taken, NaN among
        features is sent as a missing value. A prediction or score that is NaN or infinite is a failed answer, and is
        sent as one, with an `error` that says so; an interval with such an end is left out. Without a `prediction_id` one is made; without a `timestamp` the
        present counts.

        Raises `TypeError` or `ValueError` for values that no event can hold, and nothing else.
        """
        event, key = prediction_event(
            model=model,
            version=version,
            prediction=prediction,
            prediction_id=prediction_id,
            timestamp=timestamp,
            score=score,
            scores=scores,
            features=features,
            segments=segments,
            latency_seconds=latency_seconds,
            error=error,
            attributions=attributions,
            interval=interval,
        )
        self._buffer.offer(self._predictions, key.encode(), _encode(event))
        return key

    def log_label(
        self, *, model: str, prediction_id: str | int | UUID, label: Any, timestamp: Time | None = None
    ) -> None:
        """Tell what was true of a prediction. The first label of a prediction counts, repeats change nothing.

        Raises `TypeError` or `ValueError` for values that no event can hold.
        """
        event = label_event(model=model, prediction_id=prediction_id, label=label, timestamp=timestamp)
        self._buffer.offer(self._labels, event.prediction_id.encode(), _encode(event))

    def log_frame(
        self,
        frame: Any,
        *,
        model: str,
        version: str = UNVERSIONED,
        prediction: str | None = None,
        score: str | None = None,
        scores: Mapping[str, str] | None = None,
        label: str | None = None,
        prediction_id: str | None = None,
        timestamp: str | None = None,
        label_timestamp: str | None = None,
        features: Sequence[str] = (),
        segments: Sequence[str] = (),
        latency_seconds: str | None = None,
        interval: tuple[str, str] | None = None,
        timeout: float = 60.0,
    ) -> list[str]:
        """Send a table: each row a prediction, a label, or both. The predictions' ids are returned.

        Parameters name columns of a pandas or polars frame or a pyarrow table; `scores` maps classes to columns, `interval` has those of
        both ends. A row
        whose label is missing sends none. A row without prediction and score, where such a column was named, is a
        failed answer. With `label` and `prediction_id` alone, labels alone are sent.

        A batch wants all of its rows, so this call, unlike the others, waits for room in the buffer, up to `timeout`
        seconds; then it raises `BrokerError`. Raises `ValueError` or `TypeError` for values that no event can hold,
        with the number of the row.
        """
        columns = Columns(
            frame,
            prediction=prediction,
            score=score,
            scores=scores or {},
            label=label,
            prediction_id=prediction_id,
            timestamp=timestamp,
            label_timestamp=label_timestamp,
            features=features,
            segments=segments,
            latency_seconds=latency_seconds,
            interval=interval,
        )
        ids: list[str] = []
        for number, row in enumerate(columns.rows()):
            try:
                key = None if row.id is None else identifier(row.id)
                if columns.has_predictions:
                    event, key = prediction_event(
                        model=model, version=version, prediction_id=key, **row.prediction()
                    )
                    self._buffer.put(self._predictions, key.encode(), _encode(event), timeout)
                if row.label is not None:
                    truth = label_event(
                        model=model, prediction_id=key, label=row.label, timestamp=row.label_timestamp
                    )
                    self._buffer.put(self._labels, truth.prediction_id.encode(), _encode(truth), timeout)
            except (TypeError, ValueError) as error:
                kind = TypeError if isinstance(error, TypeError) else ValueError
                raise kind(f"row {number}: {error}") from error
            if key is not None:
                ids.append(key)
        return ids

    def stats(self) -> Stats:
        """How many events were accepted, delivered, lost, and are in the buffer, in this process."""
        return self._buffer.stats()

    def flush(self, timeout: float = 10.0) -> int:
        """Wait until all is delivered, or for `timeout` seconds; how many events are still in the buffer."""
        return self._buffer.flush(timeout)

    def close(self, timeout: float = 10.0) -> int:
        """Flush, give up what is left, and end; how many events were given up. Later calls count as dropped."""
        return self._buffer.close(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
