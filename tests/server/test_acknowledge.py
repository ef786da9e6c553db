"""Acknowledging and silencing over HTTP."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import msgspec
import pytest

from monitor_stream.events.codec import decode_json
from monitor_stream.events.fold import Message
from monitor_stream.events.results import Acknowledgement, Incident
from monitor_stream.server import create_server
from monitor_stream.settings import Settings
from tests.metrics.documents import bike_demand, flight_late
from tests.server.conftest import answering
from tests.server.writer import Writer, partition_counts

OPEN, RESOLVED = (incident.id for incident in bike_demand().incidents)


@pytest.fixture
def published() -> list[Message]:
    return []


@pytest.fixture
async def client(writer: Writer, published: list[Message]) -> AsyncIterator[httpx.AsyncClient]:
    async def publish(message: Message) -> None:
        published.append(message)

    await writer.write(bike_demand(), flight_late())
    server = create_server(Settings(port=0), writer.store, partition_counts, publish)
    async with answering(server), httpx.AsyncClient(base_url=server.url) as client:
        yield client


def happened(published: list[Message]) -> list[str]:
    return [dict(message.headers)["ce_type"].decode() for message in published]


async def test_what_was_said_is_laid_over_the_incident_everywhere(
    client: httpx.AsyncClient, published: list[Message]
) -> None:
    """By the one who said it, at once, in lists and documents; and told on Kafka as a CloudEvent."""
    answer = await client.post(f"/api/incidents/{OPEN}/acknowledge", json={"by": "ana", "note": "on it"})
    assert answer.status_code == 200
    said = decode_json(Incident, answer.content).acknowledged
    assert said is not None
    assert (said.by, said.note, said.silenced_until) == ("ana", "on it", None)
    assert datetime.now(UTC) - said.at < timedelta(minutes=1)
    listed = decode_json(list[Incident], (await client.get("/api/incidents")).content)
    assert [incident.acknowledged for incident in listed] == [said, None]
    document = (await client.get("/api/models/bike-demand")).json()
    assert document["incidents"][0]["acknowledged"]["by"] == "ana"
    assert happened(published) == ["io.monitor-stream.incident.acknowledged"]
    assert published[0].key == OPEN.encode()
    assert decode_json(Incident, published[0].value).acknowledged == said


async def test_a_silenced_incident_is_counted_apart(
    client: httpx.AsyncClient, published: list[Message]
) -> None:
    """Alerts that look at open incidents leave it out until the silence ends, or is ended; seeing it changes nothing."""
    of = 'model="bike-demand",severity="critical",version="2026-10"'

    async def counts() -> tuple[bool, bool]:
        page = (await client.get("/metrics")).text
        return (
            f"monitor_stream_open_incidents{{{of}}} 1.0" in page,
            f"monitor_stream_silenced_incidents{{{of}}} 1.0" in page,
        )

    assert await counts() == (True, False)
    path = f"/api/incidents/{OPEN}"
    assert (await client.post(f"{path}/silence", json={"by": "ana", "for_seconds": 3600})).status_code == 200
    assert await counts() == (False, True)
    assert (await client.post(f"{path}/acknowledge", json={"by": "ben"})).status_code == 200
    assert await counts() == (False, True)
    assert (await client.post(f"{path}/silence", json={"by": "ben", "for_seconds": 0})).status_code == 200
    assert await counts() == (True, False)
    assert [name.rpartition(".")[2] for name in happened(published)] == [
        "silenced",
        "acknowledged",
        "silenced",
    ]


async def test_incidents_are_filtered_and_found_by_the_beginning_of_their_id(
    client: httpx.AsyncClient,
) -> None:
    """Filters narrow each other; an id that is none, or begins several, is not found."""

    async def ids(query: str) -> list[str]:
        return [each["id"] for each in (await client.get(f"/api/incidents?{query}")).json()]

    assert await ids("model=bike-demand") == [OPEN, RESOLVED]
    assert await ids("model=flight-late") == []
    assert await ids("state=resolved") == [RESOLVED]
    assert await ids("severity=critical&state=open") == [OPEN]
    assert await ids("severity=critical&state=resolved") == []
    assert (await client.get("/api/incidents?state=weird")).status_code == 400
    assert (await client.get(f"/api/incidents/{OPEN[:3]}")).json()["id"] == OPEN
    answer = await client.get("/api/incidents/ffff")
    assert answer.status_code == 404
    assert answer.json()["detail"] == "There is no incident 'ffff', open or among the newest resolved."


@pytest.mark.parametrize(
    ("action", "body"),
    [
        ("acknowledge", {}),
        ("acknowledge", {"by": ""}),
        ("acknowledge", {"by": "x" * 201}),
        ("acknowledge", {"by": "ana", "note": "x" * 2001}),
        ("acknowledge", {"by": "ana", "nope": 1}),
        ("acknowledge", ["ana"]),
        ("silence", {"by": "ana"}),
        ("silence", {"by": "ana", "for_seconds": -1}),
        ("silence", {"by": "ana", "for_seconds": 1e9}),
        ("silence", {"by": "ana", "for_seconds": 60, "until": "2100-01-01T00:00:00Z"}),
        ("silence", {"by": "ana", "until": "2100-01-01T00:00:00"}),
        ("silence", {"by": "ana", "until": "2100-01-01T00:00:00Z"}),
        ("silence", {"by": "ana", "until": "2001-01-01T00:00:00Z"}),
    ],
)
async def test_what_cannot_be_meant_is_refused(
    client: httpx.AsyncClient, published: list[Message], action: str, body: object
) -> None:
    """With the asker's error and a sentence, and nothing is kept."""
    answer = await client.post(f"/api/incidents/{OPEN}/{action}", json=body)
    assert answer.status_code == 400
    assert answer.json()["detail"]
    assert "acknowledged" not in (await client.get(f"/api/incidents/{OPEN}")).json()
    assert published == []


async def test_what_is_over_needs_no_silence(client: httpx.AsyncClient) -> None:
    """A resolved incident may be commented on, and an unknown one is not found."""
    silence = {"by": "ana", "for_seconds": 60}
    answer = await client.post(f"/api/incidents/{RESOLVED}/silence", json=silence)
    assert (answer.status_code, answer.json()["detail"]) == (
        400,
        f"Incident {RESOLVED} is resolved: there is nothing to silence.",
    )
    assert (await client.post(f"/api/incidents/{RESOLVED}/acknowledge", json={"by": "a"})).status_code == 200
    assert (await client.post("/api/incidents/ffff/silence", json=silence)).status_code == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"content-type": "multipart/form-data; boundary=x"}, 415),
        ({"content-type": ""}, 415),
        ({"content-type": "application/json", "sec-fetch-site": "cross-site"}, 403),
        ({"content-type": "application/json", "sec-fetch-site": "same-site"}, 403),
        ({"content-type": "application/json; charset=utf-8", "sec-fetch-site": "same-origin"}, 200),
    ],
)
async def test_no_other_site_can_do_it_through_a_visitor(
    client: httpx.AsyncClient, headers: dict[str, str], status: int
) -> None:
    """What a form or a simple request can send is refused, and nobody is told that another origin may."""
    answer = await client.post(
        f"/api/incidents/{OPEN}/acknowledge",
        content=b'{"by": "mallory"}',
        headers={"origin": "https://evil.example", **headers},
    )
    assert answer.status_code == status
    asked = await client.options(
        f"/api/incidents/{OPEN}/acknowledge",
        headers={"origin": "https://evil.example", "access-control-request-method": "POST"},
    )
    assert not any(name.startswith("access-control-") for name in (*answer.headers, *asked.headers))


async def test_a_server_may_be_read_only(writer: Writer, published: list[Message]) -> None:
    """With `read_only` it answers everything, and changes nothing."""
    await writer.write(bike_demand())
    server = create_server(Settings(port=0, read_only=True), writer.store, partition_counts)
    async with answering(server), httpx.AsyncClient(base_url=server.url) as client:
        answer = await client.post(f"/api/incidents/{OPEN}/acknowledge", json={"by": "ana"})
        assert answer.status_code == 403
        assert "read_only" in answer.json()["detail"]
        assert (await client.get(f"/api/incidents/{OPEN}")).status_code == 200
    assert await writer.store.acknowledgements() == {}


async def test_what_another_version_wrote_is_said(client: httpx.AsyncClient, writer: Writer) -> None:
    """Words that cannot be read are named, rather than lost in silence."""
    await writer.store.acknowledge({OPEN: b"[]"})
    while (answer := await client.get("/api/incidents")).status_code == 200:
        pass  # what was read before is kept for a second
    assert answer.status_code == 503
    assert "written by another version" in answer.json()["detail"]
    await writer.store.acknowledge({OPEN: msgspec.json.encode(Acknowledgement(by="a", at=datetime.now(UTC)))})
