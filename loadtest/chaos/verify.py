"""Reads all that the product left behind, and compares it with what must be there."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from loadtest.chaos import fields
from loadtest.chaos.compare import Difference, compare
from loadtest.chaos.expect import Expected
from loadtest.chaos.log import Since, read
from loadtest.chaos.world import World
from monitor_stream.embedded.ports import free_ports
from monitor_stream.embedded.processes import ChildProcess

_START_SECONDS: Final = 240.0


class Verdict:
    """What was compared, and what differs."""

    def __init__(self, compared: int, differences: list[Difference], republished: Counter[str]) -> None:
        self.compared = compared
        self.differences = differences
        self.republished = republished

    def add(self, other: Verdict) -> None:
        """Take in a second comparison."""
        self.compared += other.compared
        self.differences += other.differences
        self.republished.update(other.republished)


def verify(world: World, expected: Expected, *, since: Since | None = None) -> Verdict:
    """Compare all; on Kafka only what lies at or above the offsets `since`, by topic role and partition."""
    wanted = fields.expected(expected)
    found: fields.Fields = {}
    republished: Counter[str] = Counter()
    differences: list[Difference] = []
    for name, data in world.documents():
        found.update(fields.from_document(name, data))
    newest = _newest_windows(world, differences, republished, since)
    found.update(fields.from_windows(newest.values()))
    differences += _shown(dict(world.documents()), newest)
    letters = [json.loads(value) for value in read(world.kafka.bootstrap, "deadletters", since)]
    found.update(fields.from_deadletters(letters))
    republished["deadletters"] = len(letters) - len(
        {(d["topic"], d["partition"], d["offset"]) for d in letters}
    )
    found.update(fields.from_metrics(_metrics(world)))
    return Verdict(len(wanted), compare(wanted, found) + differences, republished)


def _newest_windows(
    world: World,
    differences: list[Difference],
    republished: Counter[str],
    since: Since | None,
) -> dict[tuple[str, str, str], dict[str, Any]]:
    """The last revision of each window. One that is published twice must say the same twice."""
    newest: dict[tuple[str, str, str], dict[str, Any]] = {}
    revisions: dict[tuple[Any, ...], bytes] = {}
    for value in read(world.kafka.bootstrap, "windows", since):
        window = json.loads(value)
        key = (window["model"], window["version"], window["start"])
        if revisions.setdefault((*key, window["revision"]), value) != value:
            name = f"window/{'/'.join(key)}/revision/{window['revision']}"
            differences.append(
                Difference(name, "published twice, and alike", "published twice, and different")
            )
        if key not in newest or window["revision"] > newest[key]["revision"]:
            newest[key] = window
    republished["windows"] += sum(1 for _ in read(world.kafka.bootstrap, "windows", since)) - len(revisions)
    return newest


def _shown(
    documents: Mapping[str, bytes], newest: Mapping[tuple[str, str, str], Any]
) -> Iterator[Difference]:
    """The windows in a model's document are those on Kafka, but for details of the older ones."""
    for name, data in documents.items():
        if not name.startswith("model:"):
            continue
        for window in fields.shown(data):
            key = (window["model"], window["version"], window["start"])
            at = f"document/{'/'.join(key)}"
            for what in ("revision", "n", "labelled", "settled", "metrics", "quality"):
                published = newest.get(key, {}).get(what)
                if published != window.get(what):
                    yield Difference(f"{at}/{what}", published, window.get(what))


def _metrics(world: World) -> str:
    """``/metrics`` of a server that starts now."""
    (port,) = free_ports(1)
    environment = world.environment(world.kafka.bootstrap) | {"MONITOR_STREAM_PORT": str(port)}
    log_path = world.directory / "server.log"
    server = ChildProcess.run(
        [sys.executable, "-m", "monitor_stream", "server"],
        directory=Path.cwd(),
        log_path=log_path,
        environment=environment,
    )
    deadline = time.monotonic() + _START_SECONDS
    try:
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10.0) as answer:
                    return str(answer.read().decode())
            except (urllib.error.URLError, ConnectionError):
                if time.monotonic() > deadline or not server.is_running:
                    raise RuntimeError(f"the server does not answer; see {log_path}") from None
                time.sleep(0.2)
    finally:
        try:
            server.stop(15.0)
        except subprocess.TimeoutExpired:
            server.kill()
