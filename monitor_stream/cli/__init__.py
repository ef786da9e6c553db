"""The command line: `monitor-stream COMMAND`."""

from monitor_stream.cli.main import main

__all__ = ["main"]
