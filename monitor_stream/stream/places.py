"""What a worker reads: the topics of each fold, and the partitions of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from monitor_stream.errors import TopicsError
from monitor_stream.events.fold import Topic
from monitor_stream.settings import Settings
from monitor_stream.state.contract import Claim, FoldName

#: What each fold reads.
INPUTS: Final[Mapping[FoldName, tuple[Topic, ...]]] = {
    "observe": ("predictions", "labels"),
    "judge": ("deltas",),
}

Place = tuple[str, int]  # topic on the broker, partition
Key = tuple[FoldName, int]


def key_of(claim: Claim) -> Key:
    """What is claimed."""
    return claim.fold, claim.partition


def inputs(settings: Settings, key: Key) -> dict[Place, Topic]:
    """Where a (fold, partition) reads, and in which role.

    >>> inputs(Settings(), ("observe", 3))
    {('monitor.predictions', 3): 'predictions', ('monitor.labels', 3): 'labels'}
    """
    fold, partition = key
    return {(settings.topic(role), partition): role for role in INPUTS[fold]}


def roles(settings: Settings) -> dict[str, tuple[FoldName, Topic]]:
    """Topics on the broker → who reads them, and in which role."""
    return {settings.topic(role): (fold, role) for fold, read in INPUTS.items() for role in read}


def by_fold(settings: Settings, assigned: Iterable[Place]) -> dict[FoldName, set[int]]:
    """The partitions of each fold; raises `TopicsError` where a partition lacks one of the topics a fold reads."""
    known = roles(settings)
    partitions: dict[Topic, set[int]] = {role: set() for read in INPUTS.values() for role in read}
    for topic, partition in assigned:
        if topic in known:
            partitions[known[topic][1]].add(partition)
    if partitions["predictions"] != partitions["labels"]:
        raise TopicsError(
            f"This worker was given partitions {sorted(partitions['predictions'])} of the predictions and "
            f"{sorted(partitions['labels'])} of the labels, which must be the same. Every worker of the group "
            f"{settings.application} must run this version and read the same topics."
        )
    return {fold: partitions[read[0]] for fold, read in INPUTS.items()}


def describe(keys: Collection[Key]) -> str:
    """For the log.

    >>> describe([("observe", 0), ("judge", 1)])
    'observe/0, judge/1'
    """
    return ", ".join(f"{fold}/{partition}" for fold, partition in keys) or "nothing"
