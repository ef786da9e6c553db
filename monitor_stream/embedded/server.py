"""What Kafka and Valkey have in common as child processes."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from monitor_stream.embedded.errors import PortTakenError, StartError
from monitor_stream.embedded.processes import ChildProcess

Log = Callable[[str], None]

_PORT_ATTEMPTS = 5
_POLL_SECONDS = 0.05


def silent(_: str) -> None:
    """Report progress to nobody."""


class Server(ABC):
    """A server with a directory, ports and a process; a context manager that stops it."""

    name: ClassVar[str]
    stop_seconds: ClassVar[float]

    def __init__(self, directory: Path, *, log: Log, start_seconds: float) -> None:
        self.directory = directory.resolve()
        self.directory.mkdir(parents=True, exist_ok=True)
        self._log = log
        self._start_seconds = start_seconds
        self._process: ChildProcess | None = None
        self._log_begin = 0

    # To be told by each server

    @abstractmethod
    def choose_ports(self) -> None:
        """Take fresh ports and write them into the configuration."""

    @abstractmethod
    def launch(self) -> ChildProcess:
        """Start the process on the chosen ports."""

    @abstractmethod
    def answers(self) -> bool:
        """Tell whether *our* process serves requests; called again and again until it does."""

    @abstractmethod
    def lost_its_port(self, log: str) -> bool:
        """Tell from what a dead process wrote whether it died because its port was taken."""

    # The same for all

    @property
    def log_path(self) -> Path:
        """Where the server's own log is; appended to over restarts."""
        return self.directory / f"{self.name.lower()}.log"

    @property
    def pid(self) -> int:
        """The running process's id."""
        if self._process is None or not self._process.is_running:
            raise StartError(f"{self.name} is not running", self.log_path)
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.is_running

    def stop(self) -> None:
        """Shut down in order; kill it if that takes too long. Harmless if it is not running."""
        if self._process is not None:
            self._process.stop(self.stop_seconds)
            self._process = None

    def kill(self) -> None:
        """Crash it: SIGKILL, nothing flushed. For tests of what survives a crash."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    def restart(self) -> None:
        """Run it again on the same ports and data, stopping it first if it runs."""
        self.stop()
        self._run()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _begin(self) -> Self:
        """Run it on ports nobody else has, trying others when one is lost between choosing and binding."""
        for attempt in range(1, _PORT_ATTEMPTS + 1):
            self.choose_ports()
            try:
                self._run()
            except PortTakenError:
                if attempt == _PORT_ATTEMPTS:
                    raise
            else:
                break
        return self

    def _run(self) -> None:
        started = time.monotonic()
        self._log_begin = self.log_path.stat().st_size if self.log_path.exists() else 0
        self._process = self.launch()
        try:
            self._await_answer(self._process, deadline=started + self._start_seconds)
        except BaseException:
            self.kill()
            raise
        self._log(f"{self.name} answers after {time.monotonic() - started:.1f} s")

    def _await_answer(self, process: ChildProcess, *, deadline: float) -> None:
        while not self.answers():
            if not process.is_running:
                raise self._why_it_died(process)
            if time.monotonic() > deadline:
                raise StartError(
                    f"{self.name} did not answer within {self._start_seconds:g} s", self.log_path
                )
            time.sleep(_POLL_SECONDS)

    def _why_it_died(self, process: ChildProcess) -> StartError:
        with self.log_path.open("rb") as file:
            file.seek(self._log_begin)
            written = file.read().decode(errors="replace")
        kind = PortTakenError if self.lost_its_port(written) else StartError
        return kind(f"{self.name} ended with exit code {process.exit_code} while starting", self.log_path)
