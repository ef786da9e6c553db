"""One YAML file a topic: how many partitions, what configuration, and why."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Annotated, Final, get_args

import msgspec
import yaml
from msgspec import Meta

from monitor_stream.errors import TopicsError
from monitor_stream.events.fold import Topic

ROLES: Final[tuple[Topic, ...]] = get_args(Topic)


class Declaration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a topic is meant to be.

    Parameters
    ----------
    partitions
        How many it is made with. A topic that has more keeps them: Kafka cannot take partitions away.
    scales
        Whether `--partitions` speaks of this topic.
    key
        What its records are keyed by, in words; ``none`` where they are not.
    replication
        Copies of each partition; ``None`` is the cluster's own default.
    config
        The topic's configuration, in Kafka's names.
    """

    partitions: Annotated[int, Meta(ge=1)]
    scales: bool
    why_partitions: str
    key: str
    config: dict[str, str | int]
    why: str
    replication: Annotated[int, Meta(ge=1)] | None = None

    @property
    def is_keyed(self) -> bool:
        return self.key != "none"


def declarations(directory: Traversable | None = None) -> dict[Topic, Declaration]:
    """Read all declarations: those that came with the package, or a directory's of your own.

    Raises `TopicsError` when one is missing or does not read.

    >>> declarations()["models"].config["cleanup.policy"]
    'compact'
    """
    directory = directory or resources.files(__package__) / "declared"
    return {role: _read(directory / f"{role}.yaml") for role in ROLES}


def _read(path: Traversable) -> Declaration:
    try:
        return msgspec.convert(yaml.safe_load(path.read_text(encoding="utf-8")), Declaration)
    except OSError as error:
        raise TopicsError(f"The topic declaration {path} cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise TopicsError(f"The topic declaration {path} is not valid: {error}.") from error


def override(
    wanted: Mapping[Topic, Declaration], *, partitions: int | None, replication: int | None
) -> dict[Topic, Declaration]:
    """The declarations with numbers given by hand, where they are.

    >>> override(declarations(), partitions=12, replication=None)["labels"].partitions
    12
    """
    return {
        role: msgspec.structs.replace(
            declaration,
            partitions=(partitions if declaration.scales else None) or declaration.partitions,
            replication=replication or declaration.replication,
        )
        for role, declaration in wanted.items()
    }
