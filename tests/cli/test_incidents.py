"""`monitor-stream incidents`, over a real store and a real broker."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import msgspec
import pytest
from click.testing import CliRunner, Result

from monitor_stream import topics
from monitor_stream.cli import main
from monitor_stream.events.results import Incident, ModelResults
from monitor_stream.settings import Settings
from monitor_stream.state.redis import open_store
from tests.metrics.documents import HOSTILE, bike_demand, flight_late
from tests.server.writer import Writer
from tests.servers import KafkaServer, ValkeyServer

pytestmark = pytest.mark.integration

OPEN, RESOLVED = (incident.id for incident in bike_demand().incidents)
Run = Callable[..., Result]


@pytest.fixture
def run(kafka: KafkaServer, valkey: ValkeyServer, unique: str) -> Run:
    """Run the command where two models have results."""
    name = unique[-90:]
    settings = Settings(bootstrap=kafka.bootstrap, redis=valkey.url, application=name, topic_prefix=name)
    topics.apply(settings, partitions=1)
    asyncio.run(_write(settings, bike_demand(), flight_late()))
    flags = (
        "--bootstrap",
        settings.bootstrap,
        "--redis",
        settings.redis,
        "--application",
        name,
        "--topic-prefix",
        name,
    )

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, [*flags, "incidents", *arguments])

    return run


async def _write(settings: Settings, *models: ModelResults) -> None:
    store = await open_store(settings)
    await Writer(store).write(*models)
    await store.close()


def test_incidents_are_listed(run: Run) -> None:
    """The open ones, unless others are asked for; as a table or as JSON."""
    listed = run("list")
    assert listed.exit_code == 0, listed.output
    heads, row, count = listed.output.splitlines()
    assert heads.split()[:5] == ["id", "state", "severity", "model", "version"]
    assert row.split()[:5] == [OPEN, "open", "critical", "bike-demand", "2026-10"]
    assert count == "1 incident (open)."
    both = json.loads(run("list", "--state", "open", "--state", "resolved", "--json").output)
    assert [each["id"] for each in both] == [OPEN, RESOLVED]
    assert run("list", "--model", "flight-late").output == "0 incidents (open).\n"
    assert json.loads(run("list", "--severity", "warning", "--json").output) == []


def test_an_incident_is_shown_by_the_beginning_of_its_id(run: Run) -> None:
    """With its summary, its evidence and why it may be; an id that is none is one sentence."""
    shown = run("show", OPEN[:3])
    assert shown.exit_code == 0, shown.output
    assert "rose from 31.2 to 96.4" in shown.output
    assert "adwin" in shown.output
    assert "suspect     temperature: 4.0 times its threshold" in shown.output
    assert json.loads(run("show", OPEN[:3], "--json").output)["id"] == OPEN
    unknown = run("show", "ffff")
    assert unknown.exit_code == 1
    assert (
        unknown.output == "monitor-stream: There is no incident 'ffff', open or among the newest resolved.\n"
    )


def test_what_is_said_is_seen_by_the_next(run: Run) -> None:
    """Acknowledged, then silenced, then heard again; each is kept with who said it."""
    done = run("ack", OPEN[:4], "--by", "ana", "--note", f"on it {HOSTILE}")
    assert done.exit_code == 0, done.output
    assert done.output.startswith(f"{OPEN}: seen by ana at ")
    assert f"on it {HOSTILE}" in run("show", OPEN).output
    silenced = json.loads(run("silence", OPEN, "--for", "8h", "--by", "ben", "--json").output)
    assert silenced["acknowledged"]["by"] == "ben"
    assert "silent until" in run("list").output
    assert run("silence", OPEN, "--for", "0s", "--by", "ben").exit_code == 0
    assert "silent until" not in run("list").output


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((OPEN,), 2, "either --for or --until"),
        ((OPEN, "--for", "1h", "--until", "2100-01-01"), 2, "either --for or --until"),
        ((OPEN, "--for", "soon"), 2, "is no duration"),
        ((OPEN, "--until", "soon"), 2, "is no time"),
        ((OPEN, "--until", "2100-01-01"), 1, "90 days at most"),
        ((RESOLVED, "--for", "1h"), 1, "nothing to silence"),
    ],
)
def test_a_silence_that_cannot_be_meant_is_refused(
    run: Run, arguments: tuple[str, ...], code: int, words: str
) -> None:
    """With a sentence that says why."""
    done = run("silence", *arguments)
    assert done.exit_code == code
    assert words in done.output


def test_control_characters_stay_away_from_the_terminal(run: Run) -> None:
    """What a terminal would act on is escaped."""
    assert run("ack", OPEN, "--by", "a\x1b[31mna").exit_code == 0
    for output in (run("list").output, run("show", OPEN).output):
        assert "\x1b" not in output


def test_types_are_those_that_travel(run: Run) -> None:
    """The JSON of `show` is the incident of the AsyncAPI document."""
    shown = msgspec.json.decode(run("show", OPEN, "--json").output, type=Incident)
    assert shown == bike_demand().incidents[0]
