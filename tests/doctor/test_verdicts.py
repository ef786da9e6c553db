import re
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from monitor_stream.doctor import broker, examine, installation, settings, store
from monitor_stream.doctor.finding import Finding
from monitor_stream.embedded import Valkey
from monitor_stream.settings import Settings
from monitor_stream.topics import Change, Existing, Plan
from monitor_stream.topics.registry import Registry


def verdict(finding: Finding, expected: str, pattern: str) -> None:
    """A finding of this verdict, whose text says so, and that advises unless all is well."""
    assert finding.verdict == expected
    assert re.search(pattern, f"{finding.found} | {finding.advice}")
    assert bool(finding.advice) is (expected != "ok")


@pytest.mark.parametrize(
    ("running", "expected"), [((3, 10), "fail"), ((3, 11), "ok"), ((3, 13), "ok"), ((3, 14), "fail")]
)
def test_python_is_one_of_three(running: tuple[int, int], expected: str) -> None:
    """Older and newer ones are refused, as the engine does not run on them."""
    assert installation._python(running).verdict == expected


def test_libraries_are_those_asked_for() -> None:
    """A library that is missing or of another version is named with what is wanted; extras are not asked for."""
    verdict(installation._libraries(["click>=1", "no-such-thing; extra == 'demo'"]), "ok", "river")
    finding = installation._libraries(["click>=99", "no-such-thing", "redis>=1"])
    verdict(finding, "fail", "click .*, not >=99; no-such-thing missing, not there")


@pytest.mark.parametrize(
    ("told", "expected", "pattern"),
    [
        ({"redis_version": "7.0.15"}, "warn", "Redis 7.0.15 at x | Take Redis 7.2"),
        ({"redis_version": "7.2.0"}, "ok", "Redis 7.2.0"),
        ({"redis_version": "10.1.2"}, "ok", "Redis 10.1.2"),
        ({"redis_version": "7.2.4", "valkey_version": "8.0.1"}, "ok", "Valkey 8.0.1 at x"),
    ],
)
def test_an_old_redis_is_a_warning(told: dict[str, Any], expected: str, pattern: str) -> None:
    """It works, but cannot say that a commit is on disk."""
    verdict(store._version(told, "x"), expected, pattern)


@pytest.mark.parametrize(
    ("told", "expected", "pattern"),
    [
        (
            {"used_memory": 1 << 20, "maxmemory": 0, "maxmemory_policy": "noeviction"},
            "ok",
            "1 MiB used, no limit",
        ),
        (
            {"used_memory": 1 << 20, "maxmemory": 0, "maxmemory_policy": "allkeys-lru"},
            "warn",
            "may drop state",
        ),
        ({"used_memory": 9 << 20, "maxmemory": 10 << 20}, "warn", "9 MiB used of 10"),
    ],
)
def test_a_store_that_forgets_is_a_warning(told: dict[str, Any], expected: str, pattern: str) -> None:
    """Eviction, or memory that is nearly full."""
    verdict(store._memory(told), expected, pattern)


@pytest.mark.parametrize(("skew", "expected"), [(0.5, "ok"), (-1.0, "ok"), (3.0, "warn"), (-61.0, "fail")])
def test_clocks_that_differ_are_told(skew: float, expected: str) -> None:
    """A little is well, more is a warning, a minute is wrong."""
    verdict(store._clock(skew), expected, f"{abs(skew)} s {'behind' if skew > 0 else 'ahead of'}")


def test_topics_that_are_missing_fail_and_different_ones_warn() -> None:
    """Each with the command that helps."""
    there = {"labels": Existing(4, 1, {}, 0)}
    missing = Change("predictions", "m.predictions", "topic", None, "4 partitions")
    different = Change("labels", "m.labels", "retention.ms", "1", "2")
    verdict(
        broker._topics(Settings(), {}, Plan((missing,), ())), "fail", "missing: m.predictions .*topics apply"
    )
    verdict(
        broker._topics(Settings(), {}, Plan((different,), ())),
        "warn",
        "m.labels retention.ms 1 .*topics diff",
    )
    verdict(broker._topics(Settings(), {"labels": there["labels"]}, Plan((), ())), "ok", "as declared")


def test_unequal_partitions_fail() -> None:
    """With the command that makes them equal."""
    four, six = Existing(4, 1, {}, 0), Existing(6, 1, {}, 0)
    verdict(
        broker._pair({"predictions": four, "labels": six}),
        "fail",
        "predictions 4 and labels 6 .*--partitions 6",
    )
    verdict(broker._pair({"predictions": four, "labels": four}), "ok", "predictions 4 and labels 4")


def test_a_sender_with_a_fast_clock_is_a_warning() -> None:
    """Records from the future close windows too early."""
    verdict(broker._senders({"m.labels": 1090.0}, 1000.0), "warn", "m.labels holds a record 90 s ahead")
    verdict(
        broker._senders({"m.labels": 990.0, "m.predictions": 995.0}, 1000.0),
        "ok",
        "newest event came 5 s ago",
    )
    verdict(broker._senders({}, 1000.0), "ok", "no events yet")


def test_specs_that_do_not_read_are_a_warning() -> None:
    """With their keys and reasons."""
    verdict(broker._specs(Registry({}, {"m/1": "no task"})), "warn", "m/1: no task .*models apply")
    verdict(broker._specs(Registry({}, {})), "ok", "none")


def test_settings_in_force_are_told_without_passwords() -> None:
    """Those that are not the default."""
    given = Settings(port=9, redis="redis://u:hunter2@h")
    (finding,) = settings.check_settings(given)
    assert finding.found == "redis = redis://u:***@h, port = 9"
    (finding,) = settings.check_settings(Settings())
    assert finding.found == "all by default"


def test_nothing_there_is_a_report_not_an_error() -> None:
    """Without Kafka and Redis every check still says its word, with the addresses tried."""
    findings = list(examine(Settings(bootstrap="127.0.0.1:1", redis="redis://127.0.0.1:1/0")))
    failed = {finding.check: finding for finding in findings if finding.verdict == "fail"}
    assert set(failed) == {"kafka", "redis"}
    assert all("127.0.0.1:1" in finding.found for finding in failed.values())


def test_a_redis_url_that_is_none_is_a_finding() -> None:
    """A scheme nobody knows."""
    (finding,) = store.check_store(Settings(redis="http://x"))
    verdict(finding, "fail", "is no URL of a Redis server")


@pytest.mark.integration
@pytest.mark.parametrize(("appendonly", "expected"), [("yes", "ok"), ("no", "warn")])
def test_durability_is_asked_of_the_server(tmp_path: Path, appendonly: str, expected: str) -> None:
    """A server that writes no append-only file cannot say that a commit is on disk."""
    with Valkey.start(tmp_path) as valkey:
        with Redis.from_url(valkey.url) as client:
            client.config_set("appendonly", appendonly)
        findings = {finding.check: finding for finding in store.check_store(Settings(redis=valkey.url))}
    assert findings["durability"].verdict == expected
    assert findings["redis"].found.startswith("Valkey ")
    assert findings["clock"].verdict == "ok"
