import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis

from monitor_stream.embedded import StartError, Valkey
from monitor_stream.embedded.ports import LOOPBACK, free_ports, is_free
from tests.servers import ValkeyServer

pytestmark = pytest.mark.integration


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[Valkey]:
    """A server this file may stop and crash."""
    with Valkey.start(tmp_path) as valkey:
        yield valkey


def port_of(valkey: Valkey) -> int:
    return int(valkey.url.split(":")[2].partition("/")[0])


def is_alive(pid: int) -> bool:
    """Whether the process exists and is not merely waiting to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def await_death(pid: int, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)


def test_a_value_comes_back_and_is_on_disk(valkey: ValkeyServer, unique: str) -> None:
    """What is set can be read, and WAITAOF tells when it is on disk."""
    with redis.Redis.from_url(valkey.url) as client:
        client.set(unique, "kept")
        assert client.execute_command("WAITAOF", 1, 0, 5_000) == [1, 0]
        assert client.get(unique) == b"kept"


def test_a_crash_keeps_what_waitaof_confirmed(own_valkey: Valkey) -> None:
    """After SIGKILL and restart the confirmed write is there, at the same address."""
    before = own_valkey.url
    with redis.Redis.from_url(own_valkey.url) as client:
        client.set("key", "kept")
        client.execute_command("WAITAOF", 1, 0, 5_000)
    own_valkey.kill()
    own_valkey.restart()
    assert own_valkey.url == before
    with redis.Redis.from_url(own_valkey.url) as client:
        assert client.get("key") == b"kept"


def test_stop_frees_the_port(own_valkey: Valkey) -> None:
    """After stop the port is free, and the server says that it does not run."""
    own_valkey.stop()
    assert is_free(port_of(own_valkey))
    with pytest.raises(StartError, match="not running"):
        _ = own_valkey.pid


def test_configuration_is_the_users(tmp_path: Path) -> None:
    """A user's line replaces a default one."""
    with (
        Valkey.start(tmp_path, configuration={"appendfsync": "always", "maxmemory": "100mb"}) as valkey,
        redis.Redis.from_url(valkey.url, decode_responses=True) as client,
    ):
        assert client.config_get("appendfsync") == {"appendfsync": "always"}
        assert client.config_get("maxmemory") == {"maxmemory": "104857600"}


def test_failure_shows_the_log(tmp_path: Path) -> None:
    """A server that cannot start is an error that says what the server said."""
    with pytest.raises(StartError, match=r"(?s)ended with exit code.*appendfsync"):
        Valkey.start(tmp_path, configuration={"appendfsync": "whenever"})


def test_a_port_lost_at_the_last_moment_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If somebody else binds the chosen port first, the server takes another instead of trusting who answers."""
    with socket.socket() as squatter:
        squatter.bind((LOOPBACK, 0))
        squatter.listen()
        taken = squatter.getsockname()[1]
        offers = iter([[taken], free_ports(1)])
        monkeypatch.setattr("monitor_stream.embedded.valkey.free_ports", lambda _: next(offers))
        with Valkey.start(tmp_path) as valkey:
            assert port_of(valkey) != taken


def test_a_server_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    """A pool's worker may start a server and end; the server stays."""
    with ThreadPoolExecutor(1) as pool:
        valkey = pool.submit(Valkey.start, tmp_path).result()
    with valkey, redis.Redis.from_url(valkey.url) as client:
        time.sleep(0.2)
        assert client.ping()


PARENT = """
import os, sys, time
from monitor_stream.embedded import Valkey
valkey = Valkey.start(sys.argv[1])
print(valkey.pid, flush=True)
try:
    time.sleep(60)
except KeyboardInterrupt:
    os.kill(valkey.pid, 0)  # raises if the interrupt reached it too
    valkey.stop()
    print("stopped in order", flush=True)
"""


@pytest.fixture
def parent(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A program that starts a server and waits, in a process group of its own, as under a shell."""
    command = [sys.executable, "-c", PARENT, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, process_group=0) as process:
        yield process
        process.kill()


def first_line(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


def test_no_child_survives_its_parent(parent: subprocess.Popen[str]) -> None:
    """Even if the parent is killed with SIGKILL, its server goes with it."""
    child = first_line(parent)
    assert is_alive(child)
    parent.kill()
    parent.wait()
    await_death(child)
    assert not is_alive(child)


def test_an_interrupt_leaves_the_order_of_stopping_to_the_parent(parent: subprocess.Popen[str]) -> None:
    """Ctrl-C, sent to the whole group, reaches the parent only: it still finds its server alive."""
    child = first_line(parent)
    os.killpg(parent.pid, signal.SIGINT)
    output, _ = parent.communicate(timeout=20)
    assert output == "stopped in order\n"
    assert not is_alive(child)
