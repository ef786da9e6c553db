"""How many partitions each fold has: it follows from the topics, and may grow."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Final

from monitor_stream import topics
from monitor_stream.errors import BrokerError
from monitor_stream.settings import Settings
from monitor_stream.state.contract import FoldName

REFRESH_SECONDS: Final = 60.0

_log = logging.getLogger(__name__)


class TopicPartitions:
    """Asks Kafka, and again once a minute. What was known stays good while Kafka does not answer."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._known: dict[FoldName, int] = {}
        self._asked = 0.0

    async def counts(self) -> Mapping[FoldName, int]:
        """Partitions by fold.

        Raises `BrokerError` when Kafka has never answered, `TopicsError` when topics are missing or do not fit.
        """
        if not self._known or time.monotonic() - self._asked > REFRESH_SECONDS:
            self._asked = time.monotonic()
            try:
                counts = await asyncio.to_thread(topics.check, self._settings)
            except BrokerError as error:
                if not self._known:
                    raise
                _log.warning("Using the partition counts known so far: %s", error)
            else:
                self._known = {"observe": counts["predictions"], "judge": counts["deltas"]}
        return self._known
