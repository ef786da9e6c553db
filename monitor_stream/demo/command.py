"""`monitor-stream demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.console import Console

from monitor_stream.demo.run import Options, Stopped, run
from monitor_stream.demo.speed import SpeedType
from monitor_stream.embedded import EmbeddedError
from monitor_stream.errors import EngineError


@click.command
@click.option(
    "--speed",
    type=SpeedType(),
    default="86400x",
    show_default=True,
    help="How fast the year goes by: a time factor such as 86400x (a day a second), events a second, or max.",
)
@click.option(
    "--days", type=click.IntRange(min=1), help="Play only so many days from March 1.  [default: all 306]"
)
@click.option("--exit-when-done", is_flag=True, help="End with the year; otherwise look around until Ctrl-C.")
@click.option(
    "--summary",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write what was seen to this file, as JSON.",
)
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port of page and metrics.  [default: 8000, or a free one]"
)
@click.option(
    "--partitions", type=click.IntRange(1, 64), default=4, show_default=True, help="Of each topic of events."
)
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    help="Put the data of Kafka and Valkey, the logs and the spec here, to stay.  [default: a temporary one]",
)
@click.option("--keep", is_flag=True, help="Let the temporary directory stay, and say where it is.")
def demo(**options: Any) -> None:
    """Watch a real model on real flights, with nothing installed.

    A model of flight delays is trained on January and February of 2013. Then every flight that left New York from
    March on is played through a real Kafka broker: a prediction when it is to depart, a label when it lands. Worker
    and server run as they do in production. Ctrl-C ends it all, and leaves nothing behind.
    """
    console = Console()
    try:
        run(Options(**options), console)
    except EmbeddedError as error:
        raise EngineError(str(error)) from error
    except Stopped as stopped:
        console.print("Stopped.")
        click.get_current_context().exit(stopped.exit_code)
