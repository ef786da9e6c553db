"""Real watchers on loopback: Debian's Prometheus and Alertmanager, with our own configuration, and a receiver."""

import copy
import json
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import httpx
import yaml

from monitor_stream.embedded.processes import ChildProcess
from tests.commands import find_command
from tests.deploy.rules import PROMETHEUS, ROOT, RULES

T = TypeVar("T")
#: One series of an answer.
Series: TypeAlias = dict[str, Any]

STOP_SECONDS = 10.0


def until(ask: Callable[[], T | None], seconds: float, what: str) -> T:
    """Ask until there is an answer; servers of others do not announce what changed in them."""
    deadline = time.monotonic() + seconds
    while (answer := ask()) is None:
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.1)
    return answer


class Prometheus:
    """The API of a running Prometheus."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=10.0)

    def get(self, path: str, **parameters: str | float) -> Any:
        answer = self._client.get(f"/api/v1/{path}", params=parameters)
        assert answer.status_code == 200, (parameters, answer.text)
        return answer.json()["data"]

    def instant(self, expression: str) -> list[Series]:
        found: list[Series] = self.get("query", query=expression)["result"]
        return found

    def range(self, expression: str, seconds: float) -> list[Series]:
        now = time.time()
        found: list[Series] = self.get("query_range", query=expression, start=now - seconds, end=now, step=1)[
            "result"
        ]
        return found

    def close(self) -> None:
        self._client.close()


class Receiver:
    """What Alertmanager posted: (path, alert), in the order it came."""

    def __init__(self, url: str, posted: "queue.SimpleQueue[tuple[str, dict[str, Any]]]") -> None:
        self.url = url
        self.told: list[tuple[str, dict[str, Any]]] = []
        self._posted = posted

    def await_alert(self, seconds: float, **labels: str) -> tuple[str, dict[str, Any]]:
        """The path and the first alert with these labels, whether it has come or is to come."""
        deadline = time.monotonic() + seconds
        while True:
            for path, alert in self.told:
                if alert["labels"].items() >= labels.items():
                    return path, alert
            try:
                self.told.append(self._posted.get(timeout=max(0.0, deadline - time.monotonic())))
            except queue.Empty:
                raise AssertionError(f"no {labels} within {seconds:g} s, but {self.told}") from None


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A webhook for alerts."""
    posted: queue.SimpleQueue[tuple[str, dict[str, Any]]] = queue.SimpleQueue()

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            for alert in body["alerts"]:
                posted.put((self.path, alert))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Hook) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield Receiver(f"http://127.0.0.1:{server.server_port}", posted)
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def alertmanager(directory: Path, port: int, hooks: str) -> Iterator[str]:
    """Alertmanager with our example, its webhooks led to `hooks`, and its waits shortened; yields its URL."""
    config = yaml.safe_load(
        (ROOT / "deploy" / "alertmanager" / "alertmanager.yml").read_text(encoding="utf-8")
    )
    config["route"] |= {"group_wait": "1s", "group_interval": "1s"}
    for each in (hook for to in config["receivers"] for hook in to.get("webhook_configs", [])):
        each["url"] = each["url"].replace("https://example.org", hooks)
    path = _write(directory / "alertmanager.yml", config)
    command = [
        find_command("prometheus-alertmanager"),
        f"--config.file={path}",
        f"--storage.path={directory / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    with _running(command, directory, f"http://127.0.0.1:{port}") as url:
        yield url


@contextmanager
def prometheus(
    directory: Path, port: int, *, targets: Mapping[str, str], alertmanager_url: str, waits: Mapping[str, str]
) -> Iterator[Prometheus]:
    """Prometheus with our configuration and rules, each second.

    Two things are changed, in copies: where things listen, as `targets` says by job; and for the alerts that `waits`
    names, how long they wait (`for`), so that a test need not.
    """
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text(encoding="utf-8"))
    config["global"] |= {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(path) for path in _hasty_rules(directory / "rules", waits)]
    config["alerting"]["alertmanagers"] = [_static(alertmanager_url.removeprefix("http://"))]
    config["scrape_configs"] = [
        {key: value for key, value in job.items() if not key.endswith("_sd_configs")}
        | _static(targets[job["job_name"]])
        for job in config["scrape_configs"]
        if job["job_name"] in targets
    ]
    command = [
        find_command("prometheus"),
        f"--config.file={_write(directory / 'prometheus.yml', config)}",
        f"--storage.tsdb.path={directory / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with _running(command, directory, f"http://127.0.0.1:{port}") as url:
        api = Prometheus(url)
        try:
            yield api
        finally:
            api.close()


def _hasty_rules(directory: Path, waits: Mapping[str, str]) -> Iterator[Path]:
    directory.mkdir()
    for path in RULES:
        groups = copy.deepcopy(yaml.safe_load(path.read_text(encoding="utf-8")))
        for rule in (rule for group in groups["groups"] for rule in group["rules"]):
            if rule.get("alert") in waits:
                rule["for"] = waits[rule["alert"]]
        yield _write(directory / path.name, groups)


def _static(address: str) -> dict[str, Any]:
    return {"static_configs": [{"targets": [address]}]}


def _write(path: Path, content: Any) -> Path:
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


@contextmanager
def _running(command: list[str], directory: Path, url: str) -> Iterator[str]:
    log = directory / f"{Path(command[0]).name}.log"
    process = ChildProcess.run(command, directory=directory, log_path=log)
    try:
        until(lambda: _ready(process, url, log), 20.0, f"{command[0]} is ready")
        yield url
    finally:
        process.stop(STOP_SECONDS)


def _ready(process: ChildProcess, url: str, log: Path) -> bool | None:
    assert process.is_running, log.read_text(encoding="utf-8")
    try:
        return httpx.get(f"{url}/-/ready", timeout=1.0).status_code == 200 or None
    except httpx.TransportError:
        return None
