"""What is kept of what people say, and for how long; and over a real store and broker."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from confluent_kafka import Consumer

from monitor_stream import topics
from monitor_stream.events.codec import decode_json
from monitor_stream.events.results import Acknowledgement, Incident
from monitor_stream.incidents.desk import KEPT_SECONDS, MAX_KEPT, Desk, superfluous
from monitor_stream.incidents.find import UnknownIncidentError, find_incident
from monitor_stream.incidents.overlay import is_silenced
from monitor_stream.incidents.publish import publisher
from monitor_stream.server.reader import Reader
from monitor_stream.settings import Settings
from monitor_stream.state.redis import open_store
from tests.metrics.documents import bike_demand
from tests.server.writer import Writer, partition_counts
from tests.servers import KafkaServer, ValkeyServer

NOW = datetime(2026, 3, 1, tzinfo=UTC)
OPEN, RESOLVED = bike_demand().incidents


def said(days_ago: float, silent_days: float | None = None) -> Acknowledgement:
    until = None if silent_days is None else NOW + timedelta(days=silent_days)
    return Acknowledgement(by="ana", at=NOW - timedelta(days=days_ago), silenced_until=until)


def test_words_go_when_nobody_needs_them() -> None:
    """Those on open incidents stay, others for a month; a rebuild, which for a while knows no incident, loses none."""
    month = KEPT_SECONDS / 86400
    kept = {
        OPEN.id: said(10 * month),
        RESOLVED.id: said(month + 1),
        "fresh": said(month - 1),
        "silent": said(2 * month, silent_days=5),
    }
    assert superfluous(kept, [OPEN, RESOLVED], NOW.timestamp()) == [RESOLVED.id]
    assert superfluous({"fresh": said(1)}, [], NOW.timestamp()) == []


def test_words_are_bounded() -> None:
    """The oldest go."""
    kept = {f"{at:05}": said(at / 1000) for at in range(MAX_KEPT + 3)}
    assert superfluous(kept, [], NOW.timestamp()) == [f"{MAX_KEPT + at:05}" for at in range(3)]


def test_a_silence_ends_by_itself() -> None:
    """Silent before its end, and not at it; a word without one silences nothing."""
    silenced = msgspec.structs.replace(OPEN, acknowledged=said(1, 1))
    end = (NOW + timedelta(days=1)).timestamp()
    assert is_silenced(silenced, end - 1)
    assert not is_silenced(silenced, end)
    assert not is_silenced(OPEN, end - 1)


def test_ids_may_be_shortened_as_long_as_they_are_one() -> None:
    """An id that is another's beginning is found in full."""
    incidents = [_named(name) for name in ("abc1", "abc2", "abc")]
    assert find_incident(incidents, "abc2").id == "abc2"
    assert find_incident(incidents, "abc").id == "abc"
    for beginning, message in (
        ("ab", "3 incidents begin with 'ab'"),
        ("x", "no incident 'x'"),
        ("", "no incident"),
    ):
        with pytest.raises(UnknownIncidentError, match=message):
            find_incident(incidents, beginning)


def _named(identity: str) -> Incident:
    return msgspec.structs.replace(OPEN, id=identity)


@pytest.mark.integration
async def test_what_people_say_is_in_redis_and_on_kafka(
    kafka: KafkaServer, valkey: ValkeyServer, unique: str
) -> None:
    """A word said at one desk is read at another, and told on the topic of incidents, in binary mode."""
    settings = Settings(
        bootstrap=kafka.bootstrap, redis=valkey.url, application=unique[-90:], topic_prefix=unique[-90:]
    )
    topics.apply(settings, partitions=1)
    store, other = await open_store(settings), await open_store(settings)
    try:
        await Writer(store).write(bike_demand())
        desk = Desk(store, Reader(store, partition_counts), publisher(settings))
        until = datetime.now(UTC).timestamp() + 60.0
        silenced = await desk.silence(OPEN.id[:4], by="ana", until=until, note="holiday")
        documents = await Reader(other, partition_counts).read()
        assert documents.models["bike-demand"].incidents == [silenced, RESOLVED]
    finally:
        await store.close()
        await other.close()
    consumer = Consumer(
        {"bootstrap.servers": kafka.bootstrap, "group.id": unique, "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([settings.topic("incidents")])
    record = consumer.poll(20.0)
    consumer.close()
    assert record is not None
    assert record.error() is None
    headers = dict(record.headers() or [])
    assert headers["ce_type"] == b"io.monitor-stream.incident.silenced"
    assert headers["content-type"] == b"application/json"
    assert record.key() == OPEN.id.encode()
    assert decode_json(Incident, record.value() or b"") == silenced


@pytest.mark.integration
async def test_a_broker_that_is_away_loses_no_word(
    valkey: ValkeyServer, unique: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is in the store, and a line in the log says that Kafka was not told."""
    settings = Settings(bootstrap="127.0.0.1:1", redis=valkey.url, application=unique[-90:])
    store = await open_store(settings)
    await Writer(store).write(bike_demand())
    reader = Reader(store, partition_counts)
    await Desk(store, reader, publisher(settings)).acknowledge(OPEN.id, by="ana")
    incident = (await reader.read()).models["bike-demand"].incidents[0]
    await store.close()
    assert incident.acknowledged is not None
    assert incident.acknowledged.by == "ana"
    [line] = [record.message for record in caplog.records]
    assert line.startswith(f"Kafka at 127.0.0.1:1 was not told what was said of incident {OPEN.id}: ")
