"""Records into typed events, a whole batch in one call; what cannot be read is set aside with its reason."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from monitor_stream.events.codec import encode_json, moment
from monitor_stream.events.deadletter import DeadLetter, Reason
from monitor_stream.events.fold import Batch, Message
from monitor_stream.events.wire import UNVERSIONED, Name, PredictionId, Probability, Timestamp, Value
from monitor_stream.observe.fields import can_be_field

#: How much of a bad record is kept.
EXCERPT: Final = 1024
#: Longer explanations are cut: they may quote the record.
DETAIL: Final = 300

#: Unknown fields that are remembered, so that a producer that always sends them is read at full speed.
MAX_EXTRAS: Final = 32

NULL: Final = Raw(b"null")


class Envelope(msgspec.Struct, gc=False):
    """A `Prediction` whose features and segments are not read yet: what they hold depends on the model."""

    model: Name
    version: Name = UNVERSIONED
    prediction_id: PredictionId | None = None
    timestamp: Timestamp | None = None
    prediction: Value = None
    score: Probability | None = None
    scores: dict[str, Probability] | None = None
    features: Raw = NULL
    segments: Raw = NULL
    latency_seconds: Annotated[float, Meta(ge=0.0)] | None = None
    error: Annotated[str, Meta(max_length=200)] | None = None
    attributions: Raw = NULL
    interval: tuple[float, float] | None = None


class LabelEnvelope(msgspec.Struct, gc=False):
    """A `Label` that is cheap to make."""

    model: Name
    prediction_id: PredictionId
    label: float | bool | str
    timestamp: Timestamp | None = None


class Rejects:
    """Records set aside since the last drain, and how many there ever were."""

    def __init__(self, partition: int) -> None:
        self._partition = partition
        self.messages: list[Message] = []
        self.counts: dict[str, dict[str, int]] = {}

    def add(self, batch: Batch, index: int, reason: Reason, detail: str) -> None:
        """Set aside one record of a batch."""
        value = batch.values[index]
        letter = DeadLetter(
            reason=reason,
            detail=detail[:DETAIL],
            topic=batch.topic,
            partition=self._partition,
            offset=batch.offsets[index],
            timestamp=moment(min(max(batch.timestamps[index], 0.0), 253402300799.0)),
            size=len(value or b""),
            value=None if value is None else bytes(value[:EXCERPT]),
        )
        self.messages.append(Message("deadletters", None, encode_json(letter)))
        reasons = self.counts.setdefault(batch.topic, {})
        reasons[reason] = reasons.get(reason, 0) + 1


class Decoded(msgspec.Struct):
    """The events of a batch that could be read, which records they are, and which had a field no event has."""

    events: list[Any]
    records: list[int] | None  # None: all, in order
    unknown: list[bool] | None  # None: none


class Decoder:
    """Decodes predictions or labels: in one strict call, and only if that fails record by record."""

    def __init__(self, event: type[Envelope | LabelEnvelope], max_bytes: int) -> None:
        self._event = event
        self._max_bytes = max_bytes
        self._watches = event is Envelope  # labels have no window in which an unknown field could be counted
        self._known = set(event.__struct_fields__)
        self._lenient = msgspec.json.Decoder(event).decode
        self._extras: list[str] = []
        self._typed_for: tuple[type, type] | None = None
        self._strict_type: type[msgspec.Struct] = event
        self._build()

    def decode(self, batch: Batch, rejects: Rejects) -> Decoded:
        """Read all records of a batch."""
        return self._decode_all(batch, self._strict) or self._decode_singly(batch, rejects)

    def decode_as(self, batch: Batch, features: type, segments: type) -> Decoded | None:
        """Read all records with features and segments of these types, in one pass; ``None`` if one does not fit."""
        if self._typed_for != (features, segments):
            typed = msgspec.defstruct(
                "TypedEnvelope",
                [("features", features | None, None), ("segments", segments | None, None)],
                bases=(self._strict_type,),
                forbid_unknown_fields=True,
                gc=False,
            )
            self._typed: Callable[[bytes], Any] = msgspec.json.Decoder(typed).decode
            self._typed_for = (features, segments)
        return self._decode_all(batch, self._typed)

    def _decode_all(self, batch: Batch, decode: Callable[[bytes], Any]) -> Decoded | None:
        values = batch.values
        try:
            if max(map(len, values)) > self._max_bytes:  # type: ignore[arg-type]
                return None
            events = list(map(decode, values))  # type: ignore[arg-type]
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, TypeError):
            return None
        return Decoded(events, None, list(map(self._has_extra, events)) if self._extras else None)

    def _build(self) -> None:
        self._typed_for = None
        self._extra_fields = [f"extra{index}" for index in range(len(self._extras))]
        self._strict_type = msgspec.defstruct(
            self._event.__name__,
            [(field, Raw | UnsetType, UNSET) for field in self._extra_fields],
            bases=(self._event,),
            rename=dict(zip(self._extra_fields, self._extras, strict=True)),
            forbid_unknown_fields=self._watches,
            gc=False,
        )
        self._strict: Callable[[bytes], Any] = msgspec.json.Decoder(self._strict_type).decode

    def _has_extra(self, event: Any) -> bool:
        return any(getattr(event, field) is not UNSET for field in self._extra_fields)

    def _decode_singly(self, batch: Batch, rejects: Rejects) -> Decoded:
        decoded = Decoded([], [], [])
        for index, value in enumerate(batch.values):
            try:
                event, unknown = self._decode_one(value)
            except _BadRecordError as bad:
                rejects.add(batch, index, bad.reason, bad.detail)
                continue
            decoded.events.append(event)
            decoded.records.append(index)  # type: ignore[union-attr]
            decoded.unknown.append(unknown)  # type: ignore[union-attr]
        return decoded

    def _decode_one(self, value: bytes | None) -> tuple[Any, bool]:
        if value is None:
            raise _BadRecordError("tombstone", "the record has no value")
        if len(value) > self._max_bytes:
            raise _BadRecordError("too_large", f"{len(value)} bytes, at most {self._max_bytes} are read")
        try:
            event = self._strict(value)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return self._decode_leniently(value)
        return event, self._has_extra(event)

    def _decode_leniently(self, value: bytes) -> tuple[Any, bool]:
        try:
            event = self._lenient(value)
            self._remember(value)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            reason, detail = diagnose(value, error)
            raise _BadRecordError(reason, detail) from error
        return event, True

    def _remember(self, value: bytes) -> None:
        names = msgspec.json.decode(value, type=dict[str, Raw]).keys() - self._known
        new = sorted(name for name in names if name not in self._extras and can_be_field(name))[
            : MAX_EXTRAS - len(self._extras)
        ]
        if new:
            self._extras += new
            self._build()


class _BadRecordError(Exception):
    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason: Reason = reason
        self.detail = detail


def diagnose(value: bytes, error: Exception) -> tuple[Reason, str]:
    """Why a record could not be read, from what the decoder said of it.

    >>> diagnose(b'{"label": NaN}', msgspec.DecodeError("invalid character"))
    ('not_finite', 'NaN or infinity, which JSON does not have')
    """
    try:
        value.decode()
    except UnicodeDecodeError as undecodable:
        return "not_utf8", str(undecodable)
    message = str(error)
    if isinstance(error, msgspec.ValidationError):
        if "Number out of range" in message:
            return "not_finite", message
        if "missing required" in message:
            return "missing_field", message
        if "length" in message or "<=" in message or ">=" in message:
            return "out_of_bounds", message
        return "wrong_type", message
    return (
        ("not_finite", "NaN or infinity, which JSON does not have")
        if _has_nan(value)
        else ("not_json", message)
    )


def _has_nan(value: bytes) -> bool:
    """Whether it is JSON but for numbers that are none, as many encoders write them."""
    found = []

    def meet(constant: str) -> float:
        found.append(constant)
        return math.nan

    try:
        json.loads(value, parse_constant=meet)
    except (ValueError, RecursionError):
        return False
    return bool(found)
