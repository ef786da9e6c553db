"""Faust's assignor, made to deal out topics also while the broker's metadata lacks them.

After a broker was restarted, aiokafka's metadata may know no topics for a moment. Stock Faust logs "Ignoring missing
topic" then, and gives every worker nothing: a stable group that reads nothing, until the next rebalance. How many
partitions a topic has was asked at the start, and does not change under a running worker, so that is what counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from faust.assignor.partition_assignor import PartitionAssignor


class KnownTopics:
    """The cluster as an assignor looks at it: topics it does not tell of are as they were at the start.

    >>> class Forgetful:
    ...     def partitions_for_topic(self, topic):
    ...         return {0, 1, 2} if topic == "told" else None
    >>> cluster = KnownTopics(Forgetful(), {"told": 2, "forgotten": 2})
    >>> [cluster.partitions_for_topic(topic) for topic in ("told", "forgotten", "unknown")]
    [{0, 1, 2}, {0, 1}, set()]
    """

    def __init__(self, cluster: Any, partitions: Mapping[str, int]) -> None:
        self._cluster = cluster
        self._partitions = partitions

    def partitions_for_topic(self, topic: str) -> set[int]:
        """Numbers of the topic's partitions; empty where it was never heard of."""
        told: set[int] | None = self._cluster.partitions_for_topic(topic)
        return told or set(range(self._partitions.get(topic, 0)))


class Assignor(PartitionAssignor):
    """Set by `make_app`; asks the app for what was known at the start."""

    def _perform_assignment(self, cluster: Any, member_metadata: Any) -> Any:
        known = KnownTopics(cluster, self.app.partitions)  # type: ignore[attr-defined]
        return super()._perform_assignment(known, member_metadata)
