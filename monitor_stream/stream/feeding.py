"""Feeding a fold what was fetched, and asking it for its changes: a fold that fails is let go of, whoever is to blame."""

from __future__ import annotations

import time

from monitor_stream.settings import Settings
from monitor_stream.stream.fetch import Fetch
from monitor_stream.stream.health import WorkerStats
from monitor_stream.stream.held import Held
from monitor_stream.stream.tenancy import Tenancy


class Feeder:
    """Feeds the folds that are held."""

    def __init__(self, settings: Settings, held: Held, stats: WorkerStats) -> None:
        self._settings = settings
        self._held = held
        self._stats = stats

    def feed(self, fetch: Fetch) -> bool:
        """False: the fold failed, and the tenancy is given up."""
        tenancy, batch = fetch.tenancy, fetch.aged(time.time()).batch
        fold = tenancy.claim.fold
        began = time.perf_counter()
        try:
            taken, known = tenancy.apply(batch, fetch.position)
        except Exception as error:  # noqa: BLE001  # whatever it is, the fold is spoilt
            if batch.offsets and not batch.poison:
                what = f"failed on offsets {batch.offsets[0]} to {batch.offsets[-1]} of its {batch.topic}"
                self._held.restart(tenancy, error, what)
            else:
                self._held.give_up(tenancy, error, "failed without looking into a record")
            return False
        topic = self._settings.topic(batch.topic)
        self._stats.batch_seconds[fold].add(time.perf_counter() - began)
        self._stats.records_consumed[topic] += taken
        self._stats.records_skipped += known
        self._stats.heartbeats[fold] = time.time()
        self._stats.note((topic, tenancy.claim.partition), tenancy.offsets[batch.topic], fetch.end)
        return True

    def tell(self, tenancy: Tenancy) -> bool:
        """Have the fold tell its changes. False: it failed, and the tenancy is given up."""
        read = tenancy.untold
        try:
            tenancy.tell(time.time())
        except Exception as error:  # noqa: BLE001  # whatever it is, the fold is spoilt
            self._held.blame(tenancy, error, read=read)
            return False
        return True
