import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from monitor_stream.config import to_environment
from monitor_stream.events.spec import ModelSpec
from monitor_stream.settings import Settings
from tests.servers import KafkaServer, ValkeyServer

pytestmark = pytest.mark.integration


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@pytest.fixture
def environment(kafka: KafkaServer, valkey: ValkeyServer, unique: str) -> Mapping[str, str]:
    return {
        **os.environ,
        **to_environment(
            Settings(
                bootstrap=kafka.bootstrap,
                redis=valkey.url,
                topic_prefix=unique,
                application=unique,
                port=free_port(),
                worker_port=free_port(),
            )
        ),
    }


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "monitor_stream", *arguments]


def run(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), check=False, capture_output=True, text=True, env=environment, timeout=60
    )


def test_topics_from_nothing_to_declared(environment: Mapping[str, str]) -> None:
    """`diff` tells what is missing by its exit code too, `apply` makes it, `list` shows it."""
    prefix = environment["MONITOR_STREAM_TOPIC_PREFIX"]
    before = run(environment, "topics", "diff")
    assert before.returncode == 1
    assert f"{prefix}.labels: create with 4 partitions, default replication" in before.stdout
    applied = run(environment, "topics", "apply")
    assert (applied.returncode, applied.stdout) == (0, before.stdout)
    again = run(environment, "topics", "apply")
    assert (again.returncode, again.stdout) == (0, "The topics are as declared.\n")
    assert run(environment, "topics", "diff").returncode == 0
    rows = {line.split()[0]: line.split() for line in run(environment, "topics", "list").stdout.splitlines()}
    assert rows[f"{prefix}.models"][1:5] == ["1", "1", "0", "compact"]
    refused = run(environment, "topics", "apply", "--partitions", "3")
    assert refused.returncode == 1
    assert refused.stderr.startswith(
        f"monitor-stream: {prefix}.predictions has 4 partitions, and Kafka cannot"
    )


def test_specs_are_published_listed_shown_and_removed(environment: Mapping[str, str], tmp_path: Path) -> None:
    """A spec goes there and back; a wrong one stops before anything is sent."""
    run(environment, "topics", "apply")
    spec = ModelSpec(model="flight-late", version="3", task="binary", owner="ops", created=1e9)
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_bytes(msgspec.json.encode(spec))
    bad.write_text('{"model": "m", "task": "binary", "treshold": 1}', encoding="utf-8")
    wrong = run(environment, "models", "apply", str(good), str(bad))
    assert wrong.returncode == 1
    assert "bad.json is not valid: Object contains unknown field `treshold`" in wrong.stderr
    assert "flight-late" not in run(environment, "models", "list").stdout
    assert run(environment, "models", "apply", str(good)).stdout == (
        f"flight-late/3: published, digest {spec.digest}\n"
    )
    assert "flight-late  3        binary  0         none       ops    champion  2001-09-09 01:46" in (
        run(environment, "models", "list").stdout
    )
    shown = run(environment, "models", "show", "flight-late")
    assert msgspec.json.decode(shown.stdout, type=ModelSpec) == spec
    absent = run(environment, "models", "show", "flight-late", "4")
    assert absent.stderr.startswith("monitor-stream: There is no spec of model flight-late version 4")
    assert "it has 3" in absent.stderr
    assert run(environment, "models", "remove", "flight-late", "3").returncode == 0
    assert "flight-late" not in run(environment, "models", "list").stdout


@pytest.mark.parametrize("name", ["worker", "server", "run"])
def test_without_kafka_a_command_ends_with_a_sentence(environment: Mapping[str, str], name: str) -> None:
    """The address tried, exit code not 0, no traceback."""
    ended = run({**environment, "MONITOR_STREAM_BOOTSTRAP": "127.0.0.1:1"}, name)
    assert ended.returncode == 1
    assert "127.0.0.1:1" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("name", ["worker", "server", "run"])
def test_without_redis_a_command_ends_with_a_sentence(environment: Mapping[str, str], name: str) -> None:
    """The address tried, exit code not 0, no traceback."""
    run(environment, "topics", "apply")
    ended = run({**environment, "MONITOR_STREAM_REDIS": "redis://127.0.0.1:1/0"}, name)
    assert ended.returncode == 1
    assert "127.0.0.1:1" in ended.stderr
    assert "Traceback" not in ended.stderr


@contextmanager
def running(environment: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """`monitor-stream run`, answering on its ports, with partitions to read."""
    run(environment, "topics", "apply")
    process = subprocess.Popen(
        command("run"), env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        wait_for(environment["MONITOR_STREAM_PORT"], process, "monitor_stream_build_info")
        wait_for(environment["MONITOR_STREAM_WORKER_PORT"], process, r"assigned_partitions\{.*\} [1-9]")
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for(port: str, process: subprocess.Popen[str], what: str) -> None:
    deadline = time.monotonic() + 60
    while not re.search(what, page(port)):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)


def page(port: str) -> str:
    """What is at /metrics; empty while nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as response:
            return str(response.read(), "utf-8")
    except urllib.error.HTTPError as error:
        error.close()
        return ""
    except OSError:
        return ""


def children(pid: int) -> list[int]:
    return [
        int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    ]


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def wait_until_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + 30
    while not all(gone(pid) for pid in pids):
        assert time.monotonic() < deadline, pids
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_run_serves_both_and_stops_cleanly(environment: Mapping[str, str], number: signal.Signals) -> None:
    """Worker and server answer; a signal ends both, the exit code is 0, no process and no port is left."""
    with running(environment) as process:
        family = children(process.pid)
        assert len(family) == 2
        process.send_signal(number)
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0, output
        assert "Traceback" not in output
        wait_until_gone(family)
        assert page(environment["MONITOR_STREAM_PORT"]) == ""


def test_run_ends_when_one_of_them_does(environment: Mapping[str, str]) -> None:
    """A dead worker takes the server with it, and the exit code says so: a supervisor starts both again."""
    with running(environment) as process:
        family = children(process.pid)
        os.kill(family[0], signal.SIGKILL)
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 1
        assert "monitor-stream: the worker ended with exit code -9; all are stopped." in output
        wait_until_gone(family)


def test_run_that_is_killed_leaves_nobody(environment: Mapping[str, str]) -> None:
    """Even SIGKILL of the parent ends worker and server."""
    with running(environment) as process:
        family = children(process.pid)
        process.kill()
        wait_until_gone(family)


def test_doctor_finds_all_well(environment: Mapping[str, str]) -> None:
    """With servers that fit every finding is ok or a warning that names its cure, and the exit code is 0."""
    run(environment, "topics", "apply")
    report = run(environment, "doctor", "--json")
    findings = {finding["check"]: finding for finding in json.loads(report.stdout)}
    assert report.returncode == 0, findings
    assert not [finding for finding in findings.values() if finding["verdict"] == "fail"]
    assert findings["topics"]["found"].endswith("as declared")
    assert findings["partitions"]["found"] == "predictions 4 and labels 4"
    assert all(finding["advice"] for finding in findings.values() if finding["verdict"] != "ok")
    table = run(environment, "doctor").stdout
    assert "what to do" in table
    assert environment["MONITOR_STREAM_BOOTSTRAP"] in table


def test_doctor_says_what_to_do(environment: Mapping[str, str]) -> None:
    """Without topics and Redis it fails, and names the commands that help."""
    report = run({**environment, "MONITOR_STREAM_REDIS": "redis://u:hunter2@127.0.0.1:1/0"}, "doctor")
    assert report.returncode == 1
    assert "Run: monitor-stream topics apply" in report.stdout
    assert "redis://u:***@127.0.0.1:1/0 does not answer" in report.stdout
    assert "hunter2" not in report.stdout + report.stderr
