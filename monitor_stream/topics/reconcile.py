"""Make a cluster's topics what is declared, or say why not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from monitor_stream.errors import TopicsError
from monitor_stream.events.fold import Topic
from monitor_stream.settings import Settings
from monitor_stream.topics.cluster import Cluster
from monitor_stream.topics.declaration import ROLES, Declaration, declarations, override
from monitor_stream.topics.plan import Change, Existing, Plan, compare, unequal


def diff(
    settings: Settings,
    *,
    partitions: int | None = None,
    replication: int | None = None,
    directory: Path | None = None,
) -> Plan:
    """What `apply` would do; raises `BrokerError`."""
    wanted = override(declarations(directory), partitions=partitions, replication=replication)
    return _plan(Cluster(settings), settings, wanted, exact=partitions is not None)


def apply(
    settings: Settings,
    *,
    partitions: int | None = None,
    replication: int | None = None,
    directory: Path | None = None,
    destructive: bool = False,
) -> Plan:
    """Create what is missing and alter what differs; done twice, the second time does nothing.

    Parameters
    ----------
    partitions, replication
        In place of the declared numbers; partitions for predictions, labels and deltas.
    directory
        Declarations of your own, one YAML file a topic.
    destructive
        Also do what would delete records or part keys from their past.

    Returns what was done. Raises `TopicsError`, before anything is changed, when one of the changes is impossible or
    destructive and not allowed; `BrokerError` when the cluster cannot be reached or refuses.
    """
    wanted = override(declarations(directory), partitions=partitions, replication=replication)
    cluster = Cluster(settings)
    plan = _plan(cluster, settings, wanted, exact=partitions is not None)
    if plan.impossible:
        raise TopicsError(" ".join(plan.impossible))
    if plan.dangers and not destructive:
        raise TopicsError(f"{' '.join(plan.dangers)} If that is what you want, say --allow-destructive.")
    for change in plan.changes:
        _do(cluster, change, wanted[change.role])
    cluster.wait_for({settings.topic(role): declaration.partitions for role, declaration in wanted.items()})
    return plan


def check(settings: Settings) -> dict[Topic, int]:
    """Whether a worker can run on these topics: the number of partitions of each.

    Raises `TopicsError` when one is missing, or predictions and labels have unequal partition counts; `BrokerError`.
    """
    names = _names(settings)
    there = existing(settings)
    if missing := [names[role] for role in ROLES if role not in there]:
        raise TopicsError(
            f"Kafka at {settings.bootstrap} has no topic {', '.join(missing)}: run monitor-stream topics apply first."
        )
    counts = {role: topic.partitions for role, topic in there.items()}
    if counts["predictions"] != counts["labels"]:
        raise TopicsError(unequal(names, counts["predictions"], counts["labels"]))
    return counts


def existing(settings: Settings) -> dict[Topic, Existing]:
    """Those of our topics that the cluster has; raises `BrokerError`."""
    return _existing(Cluster(settings), settings)


def _plan(cluster: Cluster, settings: Settings, wanted: Mapping[Topic, Declaration], *, exact: bool) -> Plan:
    return compare(wanted, _names(settings), _existing(cluster, settings), exact=exact)


def _existing(cluster: Cluster, settings: Settings) -> dict[Topic, Existing]:
    names = _names(settings)
    there = cluster.topics(names.values())
    return {role: there[name] for role, name in names.items() if name in there}


def _names(settings: Settings) -> dict[Topic, str]:
    return {role: settings.topic(role) for role in ROLES}


def _do(cluster: Cluster, change: Change, wanted: Declaration) -> None:
    match change.kind:
        case "create":
            cluster.create(
                change.topic,
                partitions=wanted.partitions,
                replication=wanted.replication,
                config={name: str(value) for name, value in wanted.config.items()},
            )
        case "partitions":
            cluster.add_partitions(change.topic, wanted.partitions)
        case "config":
            cluster.configure(change.topic, {change.setting: change.after})
