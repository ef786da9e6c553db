"""The demo from beginning to end, and nothing of it left behind."""

from __future__ import annotations

import contextlib
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final

from rich.console import Console

from monitor_stream import topics
from monitor_stream.config import to_environment
from monitor_stream.demo import events, flights
from monitor_stream.demo.completion import Completion
from monitor_stream.demo.events import Stream
from monitor_stream.demo.model import LateModel
from monitor_stream.demo.produce import Sending
from monitor_stream.demo.programs import Program
from monitor_stream.demo.screen import Screen, print_summary, step
from monitor_stream.demo.speed import Speed
from monitor_stream.demo.summary import Summary, summarise
from monitor_stream.demo.watch import Watch
from monitor_stream.embedded import Kafka, Valkey
from monitor_stream.embedded.ports import free_ports, is_free, is_listening
from monitor_stream.errors import EngineError, SettingsError
from monitor_stream.events.codec import encode_json
from monitor_stream.events.spec import ModelSpec
from monitor_stream.profile.pretty import pretty
from monitor_stream.replay.verdicts import print_verdicts
from monitor_stream.settings import Settings
from monitor_stream.topics.registry import publish_spec

#: The stream ends for good, and at once: silence means that sooner than in production.
_IDLE_SECONDS: Final = 15.0
_REVISION_SECONDS: Final = 5.0
#: The least that Kafka allows. A killed worker's partitions are free again after it.
_SESSION_SECONDS: Final = 6.0
_QUIET_SECONDS: Final = 2 * _IDLE_SECONDS
_LISTEN_SECONDS: Final = 60.0


@dataclass(frozen=True)
class Options:
    """What the command line offers; `monitor-stream demo --help` explains it."""

    speed: Speed
    exit_when_done: bool = False
    summary: Path | None = None
    port: int | None = None
    directory: Path | None = None
    keep: bool = False
    partitions: int = 4
    days: int | None = None


class Stopped(BaseException):
    """Somebody asked us to stop. No `Exception`: nothing on the way out may take it for a failure."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number


def run(options: Options, console: Console) -> Summary:
    """Play the demo.

    Raises `Stopped` on SIGINT or SIGTERM, `EmbeddedError` when a server cannot run, `EngineError` when the worker
    dies again and again. However it ends, no process and no port is left behind.
    """
    with _stoppable(), contextlib.ExitStack() as stack:
        port = _port(options.port)
        directory = stack.enter_context(_directory(options, console))
        spec, stream = _prepare(options, directory, console)
        settings = stack.enter_context(_servers(directory, port, console))
        with step(console, "Creating the topics, publishing the spec"):
            topics.apply(settings, partitions=options.partitions, replication=1)
            publish_spec(settings, spec)
        programs = [
            stack.enter_context(Program(name, directory=directory, environment=to_environment(settings)))
            for name in ("worker", "server")
        ]
        with step(console, "Starting worker and server"):
            _await_port(settings.port, programs)
        with Watch(settings, events.MODEL, events.VERSION) as watch:
            summary = _play(options, settings, stream, watch, programs, console=console)
        _tell(summary, options, console)
        print_verdicts(console, [watch.model] if watch.model else [])
        if not options.exit_when_done:
            _look_around(settings, programs, console)
        return summary


def _prepare(options: Options, directory: Path, console: Console) -> tuple[ModelSpec, Stream]:
    with step(console, "Reading the flights of 2013"):
        year = flights.load()
    with step(console, "Training a model on January and February"):
        model = LateModel.train(year)
    with step(console, "Profiling its training rows"):
        spec = events.describe(year, model)
        (directory / "spec.json").write_bytes(pretty(spec))
    with step(console, "Scoring the flights from March on"):
        stream = events.stream(year, model, spec, days=options.days)
    return spec, stream


@contextlib.contextmanager
def _servers(directory: Path, port: int, console: Console) -> Iterator[Settings]:
    """Kafka and Valkey, and the settings that lead to them."""

    def log(sentence: str) -> None:
        console.print(f"  [dim]{sentence}[/]", highlight=False)

    with contextlib.ExitStack() as stack:
        with step(console, "Starting Apache Kafka"):
            kafka = stack.enter_context(Kafka.start(directory / "kafka", log=log))
        with step(console, "Starting Valkey"):
            valkey = stack.enter_context(Valkey.start(directory / "valkey", log=log))
        yield Settings(
            bootstrap=kafka.bootstrap,
            redis=valkey.url,
            port=port,
            worker_port=free_ports(1)[0],
            idle_timeout_seconds=_IDLE_SECONDS,
            revision_interval_seconds=_REVISION_SECONDS,
            session_timeout_seconds=_SESSION_SECONDS,
        )


def _play(
    options: Options,
    settings: Settings,
    stream: Stream,
    watch: Watch,
    programs: list[Program],
    *,
    console: Console,
) -> Summary:
    completion = Completion(
        predictions=len(stream.predictions.times),
        labels=len(stream.labels.times),
        quiet_seconds=_QUIET_SECONDS,
    )
    with Sending(settings, stream, options.speed) as sending, _screen(settings, sending, console) as screen:
        while not (completion.reached(watch) and sending.done):
            _keep_running(programs, screen.say)
            sending.check()
            watch.poll()
            screen.show(watch, event_time=sending.event_time)
    restarts = sum(program.restarts for program in programs if program.name == "worker")
    return summarise(watch, stream.months, seconds=completion.seconds, worker_restarts=restarts)


def _screen(settings: Settings, sending: Sending, console: Console) -> Screen:
    console.print(where_to_look(settings), highlight=False, soft_wrap=True)
    return Screen(console, where=where_to_look(settings), total=sending.total)


def _tell(summary: Summary, options: Options, console: Console) -> None:
    print_summary(console, summary)
    if options.summary is not None:
        options.summary.write_bytes(encode_json(summary) + b"\n")


def _look_around(settings: Settings, programs: list[Program], console: Console) -> None:
    """Leave everything running until somebody stops it."""
    console.print(
        f"The year is over. {where_to_look(settings)}. Ctrl-C ends.", highlight=False, soft_wrap=True
    )
    while True:
        _keep_running(programs, console.print)
        time.sleep(0.5)


def where_to_look(settings: Settings) -> str:
    """The addresses of what the server shows."""
    url = f"http://{settings.host}:{settings.port}/"
    return f"Live page {url}   metrics {url}metrics   API {url}schema"


def _keep_running(programs: list[Program], say: Callable[[str], None]) -> None:
    for program in programs:
        if said := program.keep_running():
            say(said)


@contextlib.contextmanager
def _directory(options: Options, console: Console) -> Iterator[Path]:
    """The chosen directory, which stays, or one that goes with the demo."""
    if options.directory is not None:
        options.directory.mkdir(parents=True, exist_ok=True)
        yield options.directory.resolve()
        return
    directory = Path(tempfile.mkdtemp(prefix="monitor-stream-demo-"))
    try:
        yield directory
    finally:
        if options.keep:
            console.print(f"Data and logs are in {directory}", highlight=False)
        else:
            shutil.rmtree(directory, ignore_errors=True)


def _port(chosen: int | None) -> int:
    """The port for the server: the chosen one, else the usual one, or any where that is taken."""
    port = Settings().port if chosen is None else chosen
    if port and is_free(port):
        return port
    if chosen:
        raise SettingsError(f"Port {chosen} is taken by another program. Choose another with --port.")
    return free_ports(1)[0]


def _await_port(port: int, programs: list[Program]) -> None:
    deadline = time.monotonic() + _LISTEN_SECONDS
    while not is_listening(port):
        for program in programs:
            program.keep_running()
        if time.monotonic() > deadline:
            logs = ", ".join(str(program.log_path) for program in programs)
            raise EngineError(
                f"The server does not answer on port {port} after {_LISTEN_SECONDS:.0f} s; see {logs}"
            )
        time.sleep(0.1)


@contextlib.contextmanager
def _stoppable() -> Iterator[None]:
    """Turn the first SIGINT or SIGTERM into `Stopped`; while that unwinds, further ones change nothing."""

    def stop(number: int, _frame: FrameType | None) -> None:
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        raise Stopped(number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
