import re

import httpx
import msgspec
import pytest
from jsonschema import Draft202012Validator
from prometheus_client.parser import text_string_to_metric_families as parse_text

from monitor_stream.errors import SettingsError
from monitor_stream.events.results import Incident, ModelResults, Window
from monitor_stream.server import Server, create_server
from monitor_stream.server.fleet import Fleet
from monitor_stream.server.verdicts import Verdicts
from monitor_stream.settings import Settings
from tests.metrics.documents import HOSTILE, bike_demand, flight_late, newcomer
from tests.metrics.judged import contest
from tests.metrics.strict import parse_openmetrics
from tests.server.conftest import answering
from tests.server.writer import Writer, partition_counts


async def test_metrics_are_negotiated(client: httpx.AsyncClient, writer: Writer) -> None:
    """Prometheus gets its own text or OpenMetrics, whichever it asks for, compressed if it can read that."""
    await writer.write(flight_late())
    await writer.write_sources()
    plain = await client.get("/metrics")
    assert plain.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert plain.headers["content-encoding"] == "gzip"
    assert {"monitor_stream_predictions", "process_cpu_seconds"} <= {f.name for f in parse_text(plain.text)}
    strict = await client.get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})
    assert strict.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert parse_openmetrics(strict.content)


async def test_limits_are_settings(writer: Writer) -> None:
    """The series on /metrics are bounded by the settings."""
    await writer.write(flight_late())
    settings = Settings(port=0, max_exported_segments=1)
    async with (
        answering(create_server(settings, writer.store, partition_counts)) as server,
        httpx.AsyncClient(base_url=server.url) as client,
    ):
        page = (await client.get("/metrics")).text
    segments = set(re.findall(r'predictions_total\{.*segment="([^"]*)"', page))
    assert segments == {"UA", "__other__"}


async def test_health_needs_no_store_and_readiness_does(client: httpx.AsyncClient, writer: Writer) -> None:
    """Liveness never fails for the store's sake; readiness and all else say in a sentence what is wrong."""
    await writer.write_raw({"model:broken": b"{}"})
    assert (await client.get("/healthz")).json() == {"status": "ok"}
    for path in ("/readyz", "/metrics", "/api/models", "/api/incidents"):
        answer = await client.get(path)
        assert answer.status_code == 503
        assert "written by another version" in answer.json()["detail"]


async def test_errors_of_the_store_are_counted(client: httpx.AsyncClient, writer: Writer) -> None:
    """After the store came back, the metrics tell that it was gone."""
    await writer.write_raw({"model:broken": b"{}"})
    assert (await client.get("/metrics")).status_code == 503
    await writer.write(remove=("broken",))
    while (answer := await client.get("/metrics")).status_code == 503:
        pass  # the failure is kept for a second
    assert "monitor_stream_collector_errors_total 1.0" in answer.text.splitlines()
    assert (await client.get("/readyz")).json() == {"models": 0, "status": "ready"}


async def test_the_fleet_at_a_glance(client: httpx.AsyncClient, writer: Writer) -> None:
    """A row a version, urgent ones first; the headline has enough labels and is judged by its limit."""
    await writer.write(flight_late(), bike_demand(), newcomer())
    await writer.write_sources()
    fleet = msgspec.json.decode((await client.get("/api/models")).content, type=Fleet)
    bikes, hostile, flights = fleet.versions
    assert (bikes.model, bikes.severity, bikes.open_incidents, bikes.drift_detected) == (
        "bike-demand",
        "critical",
        1,
        True,
    )
    assert bikes.headline is not None
    assert (bikes.headline.metric, bikes.headline.window, bikes.headline.state) == ("mae", "1d", "outside")
    assert flights.headline is not None
    assert (flights.headline.metric, flights.headline.state, flights.headline.baseline) == (
        "accuracy",
        "within",
        0.801,
    )
    assert flights.labelled_share == pytest.approx(277_337 / 284_821)
    assert (hostile.model, hostile.headline, hostile.labelled_share) == (HOSTILE, None, 0.0)
    assert fleet.dead_letters == 7
    assert "accuracy" in fleet.higher_is_better
    assert "mae" not in fleet.higher_is_better


async def test_documents_are_served_as_they_travel(client: httpx.AsyncClient, writer: Writer) -> None:
    """The API's answers decode to the event types, equal to what was written."""
    await writer.write(flight_late(), bike_demand())
    answer = await client.get("/api/models/flight-late")
    assert msgspec.json.decode(answer.content, type=ModelResults) == flight_late()
    windows = msgspec.json.decode(
        (await client.get("/api/models/flight-late/windows?limit=5")).content, type=list[Window]
    )
    assert windows == flight_late().versions["3"].windows[-5:]
    days = msgspec.json.decode(
        (await client.get("/api/models/flight-late/days?version=3")).content, type=list[Window]
    )
    assert days == flight_late().versions["3"].days
    incidents = msgspec.json.decode((await client.get("/api/incidents")).content, type=list[Incident])
    assert incidents == bike_demand().incidents  # the open one first


async def test_verdicts_are_those_of_the_version(client: httpx.AsyncClient, writer: Writer) -> None:
    """What the document says of a version, and the comparisons it has a part in; of a version without any, nothing."""
    await writer.write(contest(flight_late()), bike_demand())
    whole = contest(flight_late())
    for version in ("3", "4"):
        answer = await client.get(f"/api/models/flight-late/verdicts?version={version}")
        found = msgspec.json.decode(answer.content, type=Verdicts)
        assert found.version == version
        assert found.comparisons == whole.comparisons
        for part in ("fairness", "calibration", "segment_losses", "attribution", "contradiction", "examples"):
            assert getattr(found, part) == getattr(whole.versions[version], part)
    bikes = (await client.get("/api/models/bike-demand/verdicts")).json()
    assert (bikes["fairness"], bikes["comparisons"], bikes["contradiction"]) == ([], [], None)
    assert (await client.get("/api/models/flight-late/verdicts?version=9")).status_code == 404


@pytest.mark.parametrize("name", ["team/churn", HOSTILE, "a b", "100%", "%2F", "ünïcødé", "a?b#c", "a;b=c&d"])
async def test_any_name_has_an_address(client: httpx.AsyncClient, writer: Writer, name: str) -> None:
    """A model is found by its percent-encoded name, whatever is in it."""
    await writer.write(newcomer(name))
    path = "/api/models/" + "".join(f"%{byte:02X}" for byte in name.encode())
    assert (await client.get(path)).json()["model"] == name
    assert len((await client.get(f"{path}/windows", params={"version": HOSTILE})).json()) == 1


async def test_what_is_not_there_is_named(client: httpx.AsyncClient, writer: Writer) -> None:
    """Unknown models and versions, and limits out of range, are the asker's error with a sentence."""
    await writer.write(flight_late())
    answer = await client.get("/api/models/nobody")
    assert (answer.status_code, answer.json()["detail"]) == (
        404,
        "No model named 'nobody' has sent an event.",
    )
    answer = await client.get("/api/models/flight-late/windows?version=9")
    assert (answer.status_code, answer.json()["detail"]) == (404, "Model 'flight-late' has no version '9'.")
    for limit in ("0", "501", "many"):
        assert (await client.get(f"/api/models/flight-late/windows?limit={limit}")).status_code == 400
    assert (await client.get("/live/../../settings.py")).status_code == 404
    assert (await client.get("/live/%2e%2e%2fapp.py")).status_code == 404


async def test_what_has_not_changed_is_not_sent_again(client: httpx.AsyncClient, writer: Writer) -> None:
    """An ETag that still fits gets an empty 304, one that does not gets the new answer."""
    await writer.write(flight_late())
    path = "/api/models/flight-late/windows"
    first = await client.get(path)
    again = await client.get(path, headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    other = await client.get(f"{path}?limit=3", headers={"if-none-match": first.headers["etag"]})
    assert other.status_code == 200
    assert other.headers["etag"] != first.headers["etag"]


async def test_every_answer_carries_the_policy(client: httpx.AsyncClient) -> None:
    """The page, the API and errors alike allow nothing from elsewhere, nothing inline and no guessing of types."""
    for path in ("/", "/live/main.js", "/api/models", "/nope", "/api/models/nobody"):
        answer = await client.get(path)
        assert answer.headers["x-content-type-options"] == "nosniff"
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; ")
        assert "unsafe" not in policy
        assert "http" not in policy


async def test_openapi_describes_the_answers(client: httpx.AsyncClient, writer: Writer) -> None:
    """The schema at /schema is served locally, and real answers are valid by it."""
    await writer.write(flight_late(), bike_demand(), newcomer())
    schema = (await client.get("/schema")).json()
    assert schema == (await client.get("/schema/openapi.json")).json()
    assert {"/metrics", "/healthz", "/readyz", "/api/models", "/api/incidents"} <= schema["paths"].keys()
    for path, described in (
        ("/api/models", "/api/models"),
        ("/api/models/flight-late", "/api/models/{model}"),
        ("/api/models/flight-late/windows", "/api/models/{model}/windows"),
        ("/api/models/flight-late/days", "/api/models/{model}/days"),
        ("/api/models/flight-late/verdicts", "/api/models/{model}/verdicts"),
        ("/api/incidents", "/api/incidents"),
    ):
        operation = schema["paths"][described]["get"]
        assert operation["description"]
        kind = operation["responses"]["200"]["content"]["application/json"]["schema"]
        Draft202012Validator({**kind, "components": schema["components"]}).validate(
            (await client.get(path)).json()
        )


def test_a_port_in_use_is_said_plainly(writer: Writer) -> None:
    """The second server on a port gets a sentence with the port, and what to do."""
    first = create_server(Settings(port=0), writer.store, partition_counts)
    with (
        first._socket,
        pytest.raises(SettingsError, match=rf"cannot listen on 127.0.0.1 port {first.port}: Address"),
    ):
        create_server(Settings(port=first.port), writer.store, partition_counts)


async def test_a_free_port_is_reported(server: Server) -> None:
    """Port 0 takes a free one, and the URL names it."""
    assert server.port > 0
    assert server.url == f"http://127.0.0.1:{server.port}/"
