from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import faust
import pytest
from aiokafka.cluster import ClusterMetadata
from faust.assignor.partition_assignor import PartitionAssignor

from monitor_stream.stream.assignor import Assignor
from monitor_stream.stream.transport import App

KNOWN = {"monitor.predictions": 3, "monitor.labels": 3, "monitor.deltas": 2}


@pytest.fixture
def app() -> App:
    app = App("test", broker="kafka://127.0.0.1:1", PartitionAssignor=Assignor)
    app.partitions = KNOWN
    return app


def dealt(assignor: PartitionAssignor, app: faust.App) -> Mapping[str, set[int]]:
    """What one member is given by a broker whose metadata knows no topic."""
    metadata = assignor.metadata(set(KNOWN))
    member: Any = SimpleNamespace(subscription=sorted(KNOWN), user_data=metadata.user_data)
    given = assignor.assign(ClusterMetadata(), {"member": member})["member"]
    return {topic: set(partitions) for topic, partitions in cast(Any, given).assignment}


def test_topics_the_metadata_lacks_are_dealt_out(app: App) -> None:
    """A broker that tells of no topics, as after its restart, does not make a group that reads nothing."""
    assert not dealt(PartitionAssignor(app), app)
    assert dealt(Assignor(app), app) == {topic: set(range(count)) for topic, count in KNOWN.items()}
