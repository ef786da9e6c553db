"""Reads the results from the store: once a second at most, however many ask."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Generic, TypeVar

import msgspec

from monitor_stream.errors import MonitorStreamError, SchemaError, StoreError
from monitor_stream.events.results import Acknowledgement, ModelResults, SourceResults
from monitor_stream.incidents.desk import read_acknowledgements
from monitor_stream.incidents.overlay import lay_over
from monitor_stream.metrics.documents import Documents
from monitor_stream.state.contract import FoldName, Store

#: How old an answer may be.
MAX_AGE_SECONDS: Final = 1.0
#: A store that takes longer is as good as gone: a scrape has to answer within ten seconds.
TIMEOUT_SECONDS: Final = 8.0

T = TypeVar("T")

_log = logging.getLogger(__name__)


class Reader:
    """Holds the newest documents. One instance, one event loop; `latest` and `failures` may be read from any thread.

    Parameters
    ----------
    store
        Where the results are.
    partitions
        Tells how many partitions each fold has.
    """

    def __init__(self, store: Store, partitions: Callable[[], Awaitable[Mapping[FoldName, int]]]) -> None:
        self._store = store
        self._partitions = partitions
        self._lock = asyncio.Lock()
        self._read_at = float("-inf")
        self._error: MonitorStreamError | None = None
        self._models: _Decoded[ModelResults] = _Decoded(ModelResults)
        self._sources: _Decoded[SourceResults] = _Decoded(SourceResults)
        self.latest = Documents()
        self.failures = 0

    async def read(self) -> Documents:
        """The results, at most a second old.

        Raises `StoreError`, `BrokerError`, `TopicsError` or `SchemaError`; for a second everybody gets the same one.
        """
        async with self._lock:
            if time.monotonic() - self._read_at > MAX_AGE_SECONDS:
                await self._refresh()
                self._read_at = time.monotonic()
            if self._error is not None:
                raise self._error
            return self.latest

    def forget(self) -> None:
        """Let the next one who asks read anew: something was written."""
        self._read_at = float("-inf")

    async def _refresh(self) -> None:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                self.latest = await self._load()
        except (MonitorStreamError, TimeoutError) as problem:
            self.failures += 1
            if self._error is None:
                _log.warning("The results cannot be read: %s", problem)
            self._error = _sentence(problem)
        else:
            if self._error is not None:
                _log.warning("The results can be read again.")
            self._error = None

    async def _load(self) -> Documents:
        partitions = await self._partitions()
        judged = await self._store.results("judge", partitions["judge"])
        observed = await self._store.results("observe", partitions["observe"])
        said = read_acknowledgements(await self._store.acknowledgements())
        return await asyncio.to_thread(self._decode, judged, observed, said)

    def _decode(
        self, judged: Mapping[str, bytes], observed: Mapping[str, bytes], said: Mapping[str, Acknowledgement]
    ) -> Documents:
        models: dict[str, ModelResults] = {}
        for document in self._models.decode(judged):
            other = models.get(document.model)  # one is left behind where a topic got more partitions
            if other is None or document.updated > other.updated:
                models[document.model] = lay_over(document, said)
        sources = sorted(self._sources.decode(observed), key=lambda source: source.partition)
        return Documents(models=dict(sorted(models.items())), sources=tuple(sources))


class _Decoded(Generic[T]):
    """Decodes documents, those that changed since the last time."""

    def __init__(self, kind: type[T]) -> None:
        self._decode = msgspec.json.Decoder(kind).decode
        self._known: dict[str, tuple[bytes, T]] = {}

    def decode(self, documents: Mapping[str, bytes]) -> list[T]:
        known = self._known
        self._known = {}
        for name, data in documents.items():
            before = known.get(name)
            self._known[name] = before if before and before[0] == data else (data, self._read(name, data))
        return [document for _, document in self._known.values()]

    def _read(self, name: str, data: bytes) -> T:
        try:
            return self._decode(data)
        except msgspec.DecodeError as error:
            raise SchemaError(
                f"The result document {name!r} was written by another version of monitor-stream: {error}. "
                "Let the server and all workers have the same version."
            ) from error


def _sentence(problem: MonitorStreamError | TimeoutError) -> MonitorStreamError:
    if isinstance(problem, MonitorStreamError):
        return problem
    return StoreError(f"The state store did not answer within {TIMEOUT_SECONDS:g} s.")
