"""What Faust users have today: a stock agent that decodes each event with orjson and does nothing else."""

from __future__ import annotations

import os
import sys
import tempfile
import uuid

import faust
import orjson
from faust.types import StreamT

from loadtest.consumers.report import Stopwatch


def main(bootstrap: str, topics: list[str], events: int) -> None:
    """Read and decode so many events."""
    app = faust.App(
        f"bench-stock-{uuid.uuid4()}",
        broker=f"kafka://{bootstrap}",
        consumer_auto_offset_reset="earliest",
        topic_disable_leader=True,
        web_enabled=False,
        datadir=tempfile.mkdtemp(prefix="bench-faust-"),
    )
    topic = app.topic(*topics, value_serializer="raw", value_type=bytes)
    watch, seen = Stopwatch(), 0

    @app.agent(topic)
    async def decode(stream: StreamT[bytes]) -> None:
        nonlocal seen
        async for value in stream:
            watch.start()
            orjson.loads(value)
            seen += 1
            if seen == events:
                watch.finish(seen)
                os._exit(0)

    faust.Worker(app, loglevel="ERROR", redirect_stdouts=False).execute_from_commandline()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2].split(","), int(sys.argv[3]))
