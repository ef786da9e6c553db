"""Bytes that know who wrote them and whether they are whole."""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

#: Version of what is sealed; another one is refused.
SCHEMA: Final = 2


class DetectorStateError(ValueError):
    """The bytes are damaged, or were written by a version of monitor-stream that this one cannot read."""


class _Envelope(msgspec.Struct, frozen=True, array_like=True):
    schema: int
    writer: str
    checksum: bytes
    body: bytes


_decode = msgspec.msgpack.Decoder(_Envelope).decode


def seal(writer: str, body: bytes) -> bytes:
    """`body` with the schema, the writer and a checksum over all of them."""
    return msgspec.msgpack.encode(_Envelope(SCHEMA, writer, _checksum(SCHEMA, writer, body), body))


def unseal(data: bytes) -> tuple[str, bytes]:
    """Writer and body of what `seal` made; raises `DetectorStateError` where they are not as they were.

    >>> unseal(seal("river 0.26.1", b"body"))
    ('river 0.26.1', b'body')
    """
    try:
        envelope = _decode(data)
    except msgspec.DecodeError as error:
        raise DetectorStateError(f"not the state of a detector: {error}") from error
    if envelope.schema != SCHEMA:
        raise DetectorStateError(f"detector state has schema {envelope.schema}, this version reads {SCHEMA}")
    if envelope.checksum != _checksum(envelope.schema, envelope.writer, envelope.body):
        raise DetectorStateError("detector state is damaged: its checksum differs")
    return envelope.writer, envelope.body


def _checksum(schema: int, writer: str, body: bytes) -> bytes:
    return hashlib.blake2b(msgspec.msgpack.encode((schema, writer, body)), digest_size=16).digest()
