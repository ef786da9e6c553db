"""Worker and server as programs of their own, as in production: one that dies is started again."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from monitor_stream.embedded.errors import tail
from monitor_stream.embedded.processes import ChildProcess
from monitor_stream.errors import EngineError

#: A program that dies more often than this within a minute is broken, not unlucky.
_MAX_DEATHS: Final = 5
_DEATHS_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 15.0


class Program:
    """`monitor-stream NAME`, its output in NAME.log; a context manager that ends it."""

    def __init__(self, name: str, *, directory: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self.log_path = directory / f"{name}.log"
        self.restarts = 0
        self._directory = directory
        self._environment = environment
        self._deaths: list[float] = []
        self._process = self._start()

    @property
    def pid(self) -> int:
        """Its process id, another one after each restart."""
        return self._process.pid

    def keep_running(self) -> str | None:
        """Start it again if it died, and say so in a sentence.

        Raises `EngineError`, with the end of its log, when it dies again and again.
        """
        code = self._process.exit_code
        if code is None:
            return None
        now = time.monotonic()
        self._deaths = [at for at in self._deaths if now - at < _DEATHS_SECONDS] + [now]
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        if len(self._deaths) > _MAX_DEATHS:
            raise EngineError(
                f"The {self.name} {how}, {len(self._deaths)} times in a minute. The end of {self.log_path}:\n"
                f"{tail(self.log_path)}"
            )
        self.restarts += 1
        self._process = self._start()
        return f"The {self.name} {how}; started again as process {self.pid}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.stop(_STOP_SECONDS)

    def _start(self) -> ChildProcess:
        return ChildProcess.run(
            [sys.executable, "-m", "monitor_stream", self.name],
            directory=self._directory,
            log_path=self.log_path,
            environment=self._environment,
        )
