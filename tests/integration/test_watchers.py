"""The watchers watch: what a real worker and server export is scraped, drawn, alerted on and delivered.

Everything is real, Kafka, store, worker, server, Prometheus and Alertmanager; only waits are shortened, in copies of
the configuration (`tests.deploy.watching`). The rules, the routing and the dashboard are those in the repository.
"""

import contextlib
import math
import random
import re
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from confluent_kafka import Producer

from monitor_stream import topics
from monitor_stream.client import MonitorClient
from monitor_stream.config import to_environment
from monitor_stream.demo.programs import Program
from monitor_stream.embedded.ports import free_ports, is_free
from monitor_stream.events.spec import (
    Baseline,
    CategoricalReference,
    DriftRules,
    ErrorScale,
    Feature,
    ModelSpec,
)
from monitor_stream.settings import Settings
from monitor_stream.topics.registry import publish_spec
from tests.deploy.watching import Prometheus, Receiver, Series, alertmanager, prometheus, receiver, until
from tests.grafana.dashboards import DASHBOARDS, load, queries, substitute
from tests.grafana.linting import variables
from tests.integration.test_judged_panels import JUDGED
from tests.servers import KafkaServer, ValkeyServer

pytestmark = pytest.mark.integration

SERVER, WORKER = "monitor-stream-server", "monitor-stream-worker"
#: Events of a model: so many, over an hour of event time; errors jump after this share of them.
EVENTS, SECONDS, JUMP = 3000, 3600.0, 0.6
#: The part that is sent before anything is looked at, so that counters are seen to grow.
FIRST = 0.3
SEEN_SECONDS = 120.0

CHURN = ModelSpec(
    model="churn",
    version="1",
    task="binary",
    features=[
        Feature(
            name="plan",
            kind="categorical",
            reference=CategoricalReference(n=1000, missing=0.333, shares={"free": 0.5, "paid": 0.5}),
        ),
        Feature(name="tenure", kind="numeric", minimum=0.0, maximum=100.0),
    ],
    segments=["country"],
    window_seconds=60.0,
    horizon_seconds=300.0,
    allowed_disorder_seconds=0.0,
    min_samples=300,
    objective=0.9,
    owner="growth",
    tier="1",
    error_scale=ErrorScale(mean=0.1, std=0.3),
    baseline={
        "accuracy": Baseline(0.9, 0.01, 20),
        "auc": Baseline(0.9, 0.01, 20),
        "ece": Baseline(0.2, 0.1, 20),
    },
    drift=DriftRules(span_seconds=600.0),
    created=1.7e9,
)
DEMAND = ModelSpec(
    model="demand",
    version="7",
    task="regression",
    window_seconds=60.0,
    horizon_seconds=300.0,
    allowed_disorder_seconds=0.0,
    min_samples=300,
    tolerance=25.0,
    objective=0.9,
    error_scale=ErrorScale(mean=8.0, std=6.0),
    baseline={"mae": Baseline(8.0, 0.5, 20), "rmse": Baseline(10.0, 0.6, 20)},
)


@dataclass(frozen=True)
class Stack:
    """What a test may ask."""

    prometheus: Prometheus
    receiver: Receiver


@pytest.fixture(scope="module")
def stack(
    kafka: KafkaServer, valkey: ValkeyServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """All of it, with two models whose errors have just jumped. Ports are free again afterwards."""
    directory = tmp_path_factory.mktemp("watchers")
    name = f"watchers-{uuid.uuid4().hex[:8]}"
    server, worker, prometheus_port, alertmanager_port = ports = free_ports(4)
    settings = Settings(
        bootstrap=kafka.bootstrap,
        redis=valkey.url,
        application=name,
        topic_prefix=name,
        port=server,
        worker_port=worker,
        commit_interval_seconds=0.2,
        session_timeout_seconds=6.0,
        revision_interval_seconds=1.0,
    )
    topics.apply(settings, partitions=2)
    for spec in (CHURN, DEMAND):
        publish_spec(settings, spec)
    with contextlib.ExitStack() as running:
        environment = to_environment(settings)
        programs = [
            running.enter_context(Program(program, directory=directory, environment=environment))
            for program in ("worker", "server")
        ]
        hook = running.enter_context(receiver())
        alerting = running.enter_context(alertmanager(directory, alertmanager_port, hook.url))
        api = running.enter_context(
            prometheus(
                directory,
                prometheus_port,
                targets={SERVER: f"127.0.0.1:{server}", WORKER: f"127.0.0.1:{worker}"},
                alertmanager_url=alerting,
                waits={"ModelIncidentCritical": "1s", "ModelErrorAboveBaseline": "1s"},
            )
        )
        until(lambda: _both_up(programs, api), 30.0, "worker and server are scraped")
        _send(settings, api)
        yield Stack(api, hook)
    assert all(is_free(port) for port in ports)


def _both_up(programs: list[Program], api: Prometheus) -> bool | None:
    for program in programs:
        assert program.keep_running() is None, program.log_path.read_text(encoding="utf-8")
    return len(api.instant("up == 1")) == 2 or None


def _send(settings: Settings, api: Prometheus) -> None:
    """The calm beginning, and once that was scraped the rest, with the jump in it."""
    began = time.time() - SECONDS
    split = int(FIRST * EVENTS)
    with MonitorClient(settings.bootstrap, topic_prefix=settings.topic_prefix) as client:
        _spoil(settings)
        for part in (range(split), range(split, EVENTS)):
            for index in part:
                _log(client, index, began + SECONDS * index / EVENTS)
            assert client.flush(20.0) == 0
            _await_joined(api, 2 * part.stop)


def _log(client: MonitorClient, index: int, moment: float) -> None:
    random_ = random.Random(index)
    jumped = index >= JUMP * EVENTS
    label = random_.random() < 0.5
    right = random_.random() < (0.5 if jumped else 0.9)
    score = random_.betavariate(5, 2) if label == right else random_.betavariate(2, 5)
    client.log_prediction(
        model="churn",
        version="1",
        prediction_id=f"c{index}",
        timestamp=moment,
        prediction=label == right,
        score=score,
        features={"plan": (None, "free", "paid")[index % 3], "tenure": 200.0 if index % 7 == 0 else 5.0},
        segments={"country": random_.choice(["DE", "FR", "US"])},
        latency_seconds=random_.expovariate(50.0),
    )
    client.log_label(model="churn", prediction_id=f"c{index}", label=label, timestamp=moment + 1.0)
    demand = random_.uniform(50.0, 150.0)
    error = random_.gauss(0.0, 40.0 if jumped else 10.0)
    client.log_prediction(
        model="demand", version="7", prediction_id=f"d{index}", timestamp=moment, prediction=demand + error
    )
    client.log_label(model="demand", prediction_id=f"d{index}", label=demand, timestamp=moment + 1.0)


def _spoil(settings: Settings) -> None:
    """One record that nobody can read."""
    producer = Producer({"bootstrap.servers": settings.bootstrap})
    producer.produce(settings.topic("predictions"), b"not JSON")
    assert producer.flush(10.0) == 0


def _await_joined(api: Prometheus, least: int) -> None:
    def enough() -> bool | None:
        counts = _numbers(api.instant('sum(monitor_stream_labels_total{outcome="joined"})'))
        return (counts and counts[0] >= least) or None

    until(enough, 40.0, f"{least} labels joined")


def _numbers(result: list[Series]) -> list[float]:
    """The values of an instant or a range query that are numbers."""
    pairs = [pair for series in result for pair in series.get("values", [series.get("value")])]
    return [number for _, text in pairs if not math.isnan(number := float(text))]


def _values(model: str) -> dict[str, str]:
    return {
        "job": ".+",
        "instance": ".+",
        "model": model,
        "version": ".*",
        "window": "1h",
        "__rate_interval": "10s",
        "__range": f"{SEEN_SECONDS:g}s",
    }


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_every_query_of_every_panel_returns_data(stack: Stack, path: Path) -> None:
    """No panel is empty: each query, as Grafana would send it, has numbers for one of the two models or for both.

    Those of what takes days to judge are tried in `test_judged_panels`.
    """
    dashboard = load(path)
    empty = []
    for choices in zip(
        *(list(queries(dashboard, _values(model))) for model in ("churn", "demand")), strict=True
    ):
        results = [
            stack.prometheus.instant(query.expression)
            if query.instant
            else stack.prometheus.range(query.expression, SEEN_SECONDS)
            for query in choices
        ]
        if choices[0].panel not in JUDGED and not any(_numbers(result) for result in results):
            empty.append(choices[0])
    assert empty == []


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_every_variable_has_something_to_choose(stack: Stack, path: Path) -> None:
    """The reader can choose both models, and what else there is."""
    dashboard = load(path)
    choices = {}
    for name, variable in variables(dashboard).items():
        if variable["type"] == "query":
            query = variable["query"]["query"].removeprefix("label_values(").removesuffix(")")
            selector, _, label = query.rpartition(", ")
            match = substitute(selector, _values("churn"))
            choices[name] = stack.prometheus.get(f"label/{label}/values", **{"match[]": match})
    assert choices.pop("instance")
    assert choices == {"job": [SERVER, WORKER], "model": ["churn", "demand"], "version": ["1"]}


def test_an_alert_travels_to_whoever_carries_the_pager(stack: Stack) -> None:
    """A jump of the errors is detected, alerted on, routed and delivered, with what it is in its text."""
    path, alert = stack.receiver.await_alert(30.0, alertname="ModelIncidentCritical", model="churn")
    assert path == "/hooks/pager"
    assert alert["status"] == "firing"
    assert alert["labels"].items() >= {"severity": "critical", "cluster": "compose", "version": "1"}.items()
    assert alert["annotations"]["runbook_url"].endswith("/ModelIncidentCritical")
    assert re.search(
        r"Model churn version 1 has 1 critical incidents, the oldest since .+ UTC; firing: .*error",
        alert["annotations"]["description"],
    )


@pytest.mark.parametrize(
    ("model", "metric", "limit"), [("churn", "accuracy", "0.87"), ("demand", "mae", "9.5")]
)
def test_the_error_beyond_its_limit_is_told_by_its_numbers(
    stack: Stack, model: str, metric: str, limit: str
) -> None:
    """The alert says the metric, its value, its limit and how many labels it rests on."""
    labels = {"model": model, "metric": metric, "window": "1h"}
    path, alert = stack.receiver.await_alert(30.0, alertname="ModelErrorAboveBaseline", **labels)
    assert path == "/hooks/tickets"
    assert re.search(
        rf"{metric} of model {model} .+ last 1h is [\d.]+; its limit is {limit}, measured on \d+ labelled",
        alert["annotations"]["description"],
    )


def test_nothing_else_is_alerted_on(stack: Stack) -> None:
    """What is well stays silent: predictions are fresh, labels come, worker and server work. Nothing is pending, either."""
    for alert in ("ModelIncidentCritical", "ModelErrorAboveBaseline"):
        stack.receiver.await_alert(30.0, alertname=alert)
    found = stack.prometheus.instant('count by (alertname) (ALERTS{alertstate=~"pending|firing"})')
    assert {each["metric"]["alertname"] for each in found} == {
        "ModelIncidentCritical",
        "ModelErrorAboveBaseline",
    }
