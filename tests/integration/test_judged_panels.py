"""The panels of what a day and a challenger must have come for, before a real Prometheus that scrapes results as they will be.

`test_watchers` has one hour of events: no day settles in it. Here the results are written by hand, and the server, the rules and
the dashboard are real.
"""

import asyncio
from functools import partial
from pathlib import Path

import pytest

from grafana.dashboard import judged as made
from monitor_stream.embedded.ports import free_ports
from monitor_stream.server import create_server
from monitor_stream.settings import Settings
from monitor_stream.state.memory import MemoryStore
from tests.deploy.watching import Prometheus, prometheus, until
from tests.grafana.dashboards import DASHBOARDS, load, queries
from tests.metrics.documents import bike_demand, flight_late
from tests.metrics.judged import contest
from tests.server.conftest import answering
from tests.server.writer import Writer, partition_counts

pytestmark = pytest.mark.integration

JOB = "monitor-stream-server"
#: Panels that `test_watchers` cannot fill.
JUDGED = frozenset(
    panel.build().title
    for panels in (made.estimates, made.groups, made.comparisons, made.service)
    for panel in panels()
)
ALERTS = ("ModelEstimateContradicted", "ModelUnfair", "ModelChallengerBetter")
VALUES = {"job": ".+", "instance": ".+", "version": ".*", "window": "1d", "__rate_interval": "10s", "__range": "60s"}  # fmt: skip


async def test_every_panel_of_what_is_judged_returns_data(tmp_path: Path) -> None:
    """Each query has numbers for one of the two models, and each alert on a verdict that stands fires with its whole text."""
    writer = Writer(MemoryStore())
    await writer.write(contest(flight_late()), bike_demand())
    async with answering(create_server(Settings(port=0), writer.store, partition_counts)) as server:
        await asyncio.to_thread(_look, tmp_path, server.port)


def _look(directory: Path, port: int) -> None:
    (own,) = free_ports(1)
    with prometheus(
        directory,
        own,
        targets={JOB: f"127.0.0.1:{port}"},
        alertmanager_url=f"http://127.0.0.1:{own}",  # itself: nobody need hear of it
        waits=dict.fromkeys(ALERTS, "1s"),
    ) as api:
        until(
            lambda: api.instant("monitor_stream_comparison_verdict") or None, 20.0, "the results are scraped"
        )
        assert _empty(api) == set()
        told = {alert: until(partial(_firing, api, alert), 20.0, f"{alert} fires") for alert in ALERTS}
        assert "lies +0.052 from what was foretold" in told["ModelEstimateContradicted"]
        assert "demographic_parity by carrier_group of model flight-late" in told["ModelUnfair"]
        assert "differs by 0.21 between two groups" in told["ModelUnfair"]
        better = told["ModelChallengerBetter"]
        assert "lies -0.021 from that of the champion, version 3, on 12400 answers" in better


def _empty(api: Prometheus) -> set[str]:
    """Queries that have no number for any model."""
    asked: dict[str, bool] = {}
    for path in DASHBOARDS:
        for model in ("flight-late", "bike-demand"):
            for index, query in enumerate(queries(load(path), {**VALUES, "model": model})):
                if query.panel in JUDGED:
                    key = f"{query.panel}: query {index}"
                    asked[key] = asked.get(key, False) or bool(api.instant(query.expression))
    assert asked
    return {key for key, answered in asked.items() if not answered}


def _firing(api: Prometheus, name: str) -> str | None:
    """What an alert that fires says."""
    found = (each for each in api.get("alerts")["alerts"] if each["labels"]["alertname"] == name)
    return next((each["annotations"]["description"] for each in found if each["state"] == "firing"), None)
