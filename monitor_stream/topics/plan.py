"""What would have to change on a cluster, and what of that must not happen by itself. Pure: no broker is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from monitor_stream.events.fold import Topic
from monitor_stream.topics.declaration import Declaration

#: Lowering these deletes records; -1 stands for "no limit".
RETENTIONS: Final = frozenset({"retention.ms", "retention.bytes", "delete.retention.ms"})

#: These two must have equally many partitions.
PAIR: Final[tuple[Topic, Topic]] = ("predictions", "labels")


@dataclass(frozen=True)
class Existing:
    """A topic as the cluster has it. `records` is the sum of its partitions' lengths."""

    partitions: int
    replication: int
    config: Mapping[str, str]
    records: int


@dataclass(frozen=True)
class Change:
    """One step. `danger` says in a sentence what it would destroy; without one it is harmless.

    `setting` is the configuration's name, ``partitions``, or ``topic`` for one that is to be created.
    """

    role: Topic
    topic: str
    setting: str
    before: str | None
    after: str
    danger: str | None = None

    @property
    def kind(self) -> Literal["create", "partitions", "config"]:
        if self.setting == "topic":
            return "create"
        return "partitions" if self.setting == "partitions" else "config"


@dataclass(frozen=True)
class Plan:
    """All steps, and in sentences what cannot be had at all."""

    changes: tuple[Change, ...]
    impossible: tuple[str, ...]

    @property
    def dangers(self) -> tuple[str, ...]:
        return tuple(change.danger for change in self.changes if change.danger)

    @property
    def is_empty(self) -> bool:
        return not self.changes and not self.impossible


def compare(
    wanted: Mapping[Topic, Declaration],
    names: Mapping[Topic, str],
    existing: Mapping[Topic, Existing],
    *,
    exact: bool = False,
) -> Plan:
    """Compare declarations with a cluster.

    Parameters
    ----------
    names
        The name of each topic on the cluster.
    existing
        The topics that are there.
    exact
        Whether fewer partitions than there are is a contradiction, as in numbers given by hand. A declaration only
        says how many a topic begins with.
    """
    changes: list[Change] = []
    impossible: list[str] = []
    for role, declaration in wanted.items():
        topic, there = names[role], existing.get(role)
        if there is None:
            changes.append(Change(role, topic, "topic", None, _described(declaration)))
            continue
        if declaration.partitions > there.partitions:
            changes.append(_grow(role, topic, declaration, there))
        if exact and declaration.scales and declaration.partitions < there.partitions:
            impossible.append(
                f"{topic} has {there.partitions} partitions, and Kafka cannot take any away: "
                f"ask for {there.partitions} or more, or begin anew under another topic_prefix."
            )
        if declaration.replication not in {None, there.replication}:
            impossible.append(
                f"{topic} has {there.replication} copies of each partition, not {declaration.replication}: "
                f"they are moved with kafka-reassign-partitions.sh, not from here."
            )
        changes.extend(_configure(role, topic, declaration, there))
    predictions, labels = (_partitions(role, wanted, existing) for role in PAIR)
    if predictions != labels:
        impossible.append(unequal(names, predictions, labels))
    return Plan(tuple(changes), tuple(impossible))


def _partitions(role: Topic, wanted: Mapping[Topic, Declaration], existing: Mapping[Topic, Existing]) -> int:
    return max(wanted[role].partitions, existing[role].partitions if role in existing else 0)


def unequal(names: Mapping[Topic, str], predictions: int, labels: int) -> str:
    """Why unequal partition counts cannot be, and what to do."""
    return (
        f"{names['predictions']} has {predictions} partitions and {names['labels']} {labels}: with unequal numbers a "
        f"prediction and its label meet on different partitions and never join. Give both the same number: "
        f"monitor-stream topics apply --partitions {max(predictions, labels)}."
    )


def _described(declaration: Declaration) -> str:
    count = declaration.partitions
    return f"{count} partition{'s' if count > 1 else ''}, {declaration.replication or 'default'} replication"


def _grow(role: Topic, topic: str, declaration: Declaration, there: Existing) -> Change:
    count, danger = declaration.partitions, None
    if declaration.is_keyed and there.records:
        danger = (
            f"{topic} holds {there.records:,} records: with {count} partitions in place of {there.partitions}, "
            f"a key's new records go to another partition than its old ones."
        )
    return Change(role, topic, "partitions", str(there.partitions), str(count), danger)


def _configure(role: Topic, topic: str, declaration: Declaration, there: Existing) -> Iterator[Change]:
    for setting, value in declaration.config.items():
        before, after = there.config.get(setting), str(value)
        if before != after:
            yield Change(role, topic, setting, before, after, _danger(topic, setting, before, after))


def _danger(topic: str, setting: str, before: str | None, after: str) -> str | None:
    if before is None:
        return None
    if setting == "cleanup.policy":
        return f"{topic} would change from {before} to {after}, and delete records it keeps today."
    if setting in RETENTIONS and _limit(after) < _limit(before):
        return f"{topic} would keep less: {setting} from {before} to {after}."
    return None


def _limit(text: str) -> float:
    return float("inf") if int(text) < 0 else int(text)
