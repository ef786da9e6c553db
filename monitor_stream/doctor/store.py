"""Redis or Valkey: there, durable, keeping what it is given, and of one mind with us about the time."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from redis import Redis
from redis.exceptions import RedisError, ResponseError

from monitor_stream.config.masking import mask
from monitor_stream.doctor.finding import Finding, fail, ok, warn
from monitor_stream.settings import Settings

TIMEOUT_SECONDS: Final = 5.0
#: Beyond the first the clocks should be set; beyond the second, ages on the dashboards are wrong.
SKEW_WARN_SECONDS: Final = 2.0
SKEW_FAIL_SECONDS: Final = 60.0


def check_store(settings: Settings) -> Iterator[Finding]:
    """Check the server. When it does not answer, nothing else."""
    where = mask(settings.redis)
    advice = "Start Redis or Valkey, or say where it is: --redis, MONITOR_STREAM_REDIS"
    try:
        client = Redis.from_url(
            settings.redis, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS
        )
    except ValueError as error:
        yield fail("redis", f"{where} is no URL of a Redis server: {error}", advice)
        return
    with client:
        try:
            yield _version(client.info("server"), where)
            yield _durability(client)
            yield _memory(client.info("memory"))
            yield _clock(_skew(client))
        except (RedisError, OSError) as error:
            yield fail("redis", f"{where} does not answer: {error}", advice)


def _version(told: Mapping[str, Any], where: str) -> Finding:
    if "valkey_version" in told:
        return ok("redis", f"Valkey {told['valkey_version']} at {where}")
    version = str(told["redis_version"])
    found = f"Redis {version} at {where}"
    if tuple(map(int, version.split(".")[:2])) < (7, 2):
        return warn(
            "redis",
            found,
            "Take Redis 7.2 or later, or Valkey: an older one cannot say that a commit is on disk, so a crash of "
            "it may publish the last moments twice.",
        )
    return ok("redis", found)


def _durability(client: Redis) -> Finding:
    try:
        client.waitaof(1, 0, 1000)
    except ResponseError as error:
        return warn(
            "durability",
            f"commits cannot be confirmed on disk ({error})",
            "Set `appendonly yes` on Redis 7.2+ or Valkey: a crash of the server would lose state since its last save.",
        )
    return ok("durability", "the server confirms that a commit is on disk")


def _memory(told: Mapping[str, Any]) -> Finding:
    policy = str(told.get("maxmemory_policy", "noeviction"))
    used, limit = int(told["used_memory"]), int(told.get("maxmemory", 0))
    found = f"{used / 2**20:,.0f} MiB used" + (f" of {limit / 2**20:,.0f}" if limit else ", no limit")
    if policy != "noeviction":
        return warn(
            "memory",
            f"{found}, policy {policy}",
            "Set `maxmemory-policy noeviction`: the server may drop state.",
        )
    if limit and used > 0.8 * limit:
        return warn("memory", found, "Raise `maxmemory`: when it is full, commits fail and workers stop.")
    return ok("memory", found)


def _skew(client: Redis) -> float:
    """By how many seconds the server's clock is ahead of ours."""
    before = time.time()
    seconds, micros = client.time()
    after = time.time()
    return float(seconds) + int(micros) / 1e6 - (before + after) / 2


def _clock(skew: float) -> Finding:
    found = f"{abs(skew):.1f} s {'behind' if skew > 0 else 'ahead of'} the server of Redis"
    advice = "Set the clocks by NTP: a worker tells late from early by its own."
    if abs(skew) > SKEW_FAIL_SECONDS:
        return fail("clock", found, advice)
    return warn("clock", found, advice) if abs(skew) > SKEW_WARN_SECONDS else ok("clock", found)
