import subprocess
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse_text

from monitor_stream.errors import SettingsError
from monitor_stream.metrics.catalogue import CATALOGUE
from monitor_stream.metrics.endpoint import worker_endpoint
from monitor_stream.metrics.registry import render, worker_registry
from monitor_stream.stream.health import BATCH_BOUNDS, COMMIT_BOUNDS, WorkerStats
from tests.commands import find_command
from tests.metrics.strict import parse_openmetrics


def busy() -> WorkerStats:
    """A worker that has done a bit of everything."""
    stats = WorkerStats()
    stats.records_consumed.update({"monitor.predictions": 500})
    stats.records_produced.update({"monitor.deltas": 12})
    stats.records_lost.update({"monitor.labels": 3})
    stats.lag.update({("monitor.predictions", 0): 7, ("monitor.predictions", 1): 0, ("monitor.labels", 0): 2})
    stats.rebalances["assigned"] += 1
    stats.heartbeats["observe"] = 1.7e9
    stats.batch_seconds["observe"].add(0.004)
    stats.claim_seconds.add(0.2)
    stats.commit_seconds.add(0.02)
    stats.commit_bytes = 4096
    stats.last_commit = 1.7e9
    stats.durable = True
    return stats


def samples(stats: WorkerStats) -> dict[str, float]:
    """Series as they stand in the text."""
    page = render(worker_registry(stats.snapshot))[0].decode()
    lines = [line for line in page.splitlines() if line.startswith("monitor_stream_")]
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines}


def test_health_is_exported() -> None:
    """What a worker says of itself is what is on its page."""
    found = samples(busy())
    assert found['monitor_stream_records_consumed_total{topic="monitor.predictions"}'] == 500
    assert found['monitor_stream_records_lost_total{topic="monitor.labels"}'] == 3
    assert found['monitor_stream_consumer_lag_records{partition="0",topic="monitor.predictions"}'] == 7
    assert found['monitor_stream_assigned_partitions{topic="monitor.predictions"}'] == 2
    assert found["monitor_stream_checkpoint_duration_seconds_count"] == 1
    assert found['monitor_stream_checkpoint_duration_seconds_bucket{le="0.025"}'] == 1
    assert found["monitor_stream_checkpoint_last_success_timestamp_seconds"] == 1.7e9
    assert found["monitor_stream_store_durable"] == 1


def test_assigned_topics_begin_at_zero() -> None:
    """A topic that was assigned and has sent nothing yet has a zero to rise from."""
    found = samples(busy())
    assert found['monitor_stream_records_consumed_total{topic="monitor.labels"}'] == 0
    assert found['monitor_stream_records_lost_total{topic="monitor.predictions"}'] == 0


def test_revoked_partitions_vanish() -> None:
    """Lag of a partition that the worker no longer holds is not exported."""
    stats = busy()
    del stats.lag["monitor.predictions", 0]
    assert 'monitor_stream_consumer_lag_records{partition="0",topic="monitor.predictions"}' not in samples(
        stats
    )


def test_everything_a_worker_exports_is_catalogued() -> None:
    """All worker metrics of the catalogue, and none beside them, are on a busy worker's page."""
    page = render(worker_registry(busy().snapshot))[0].decode()
    names = {family.name + ("_total" if family.type == "counter" else "") for family in parse_text(page)}
    ours = {name for name in names if name.startswith("monitor_stream_")}
    assert ours == {metric.name for metric in CATALOGUE if metric.origin in {"worker", "both"}}


def test_buckets_are_as_catalogued() -> None:
    """The bound on series knows how many buckets the worker's histograms have."""
    buckets = {
        metric.name: metric.buckets for metric in CATALOGUE if metric.origin == "worker" and metric.buckets
    }
    assert set(buckets.values()) == {len(BATCH_BOUNDS), len(COMMIT_BOUNDS)}
    assert buckets["monitor_stream_batch_processing_seconds"] == len(BATCH_BOUNDS)


def test_promtool_and_openmetrics_find_nothing() -> None:
    """Prometheus' linter and the strict parser accept the page of a busy worker and of an idle one."""
    for stats in (busy(), WorkerStats()):
        registry = worker_registry(stats.snapshot)
        check = subprocess.run(
            [find_command("promtool"), "check", "metrics"],
            input=render(registry)[0],
            capture_output=True,
            check=False,
        )
        assert (check.returncode, check.stdout, check.stderr) == (0, b"", b"")
        assert list(parse_openmetrics(render(registry, "application/openmetrics-text; version=1.0.0")[0]))


def test_a_worker_answers_on_its_own_port() -> None:
    """The page is served until the block ends, the port is free again then, and a taken port is said plainly."""
    stats = busy()
    with worker_endpoint(stats.snapshot, "127.0.0.1", 0) as port:
        stats.records_skipped = 5
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            assert b"\nmonitor_stream_records_skipped_total 5.0\n" in answer.read()
        with (
            pytest.raises(SettingsError, match=f"port {port}: Address already in use"),
            worker_endpoint(stats.snapshot, "127.0.0.1", port),
        ):
            pass
    with worker_endpoint(stats.snapshot, "127.0.0.1", port) as again:
        assert again == port
