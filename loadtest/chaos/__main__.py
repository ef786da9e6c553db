"""``python -m loadtest.chaos``: write the known stream, strike, verify, report.

Exit code 0 when all is exact, 1 when not; the seed that is printed repeats the stream and the schedule.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from loadtest.chaos.aftermath import back_up, partitions_increased, restored_and_emptied
from loadtest.chaos.faults import FAULTS, MOST, SERVER_FAULTS, WORKER_FAULTS
from loadtest.chaos.findings import Findings, Report, show
from loadtest.chaos.gaps import compacted
from loadtest.chaos.ledger import now
from loadtest.chaos.run_state import Run
from loadtest.chaos.world import PARTITIONS, SESSION_SECONDS, StuckError, World
from loadtest.chaos.writer import Writer

#: Records a second: what leaves two cores room for broker, store, workers and everybody else on the machine.
RATE: Final = 2_500
#: So long nothing strikes.
PAUSE_SECONDS: Final = (0.1, 1.0)


def main() -> None:
    """Run by the command line's arguments."""
    arguments = _arguments()
    directory = Path(tempfile.mkdtemp(prefix="chaos-", dir=arguments.directory))
    began = time.monotonic()
    report = run(
        directory,
        seed=arguments.seed,
        seconds=arguments.minutes * 60.0,
        rate=arguments.rate,
        outage=arguments.outage,
        short=arguments.short,
        only=arguments.only,
        breaking=arguments.without,
        say=lambda what: print(f"{time.monotonic() - began:6.1f} s  {what}", flush=True),
    )
    if arguments.json:
        arguments.json.write_bytes(msgspec.json.encode(report) + b"\n")
    show(report)
    if report.ok:
        shutil.rmtree(directory)
        return
    print(f"Repeat with: make chaos CHAOS_ARGS='--seed {report.seed} --minutes {arguments.minutes:g}'")
    print(f"Logs: {directory}")
    sys.exit(1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m loadtest.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument(
        "--minutes", type=float, default=5.0, help="how long faults strike; each strikes once"
    )
    parser.add_argument("--short", action="store_true", help="two faults at a time from the start, each once")
    parser.add_argument("--rate", type=int, default=RATE, help="records a second")
    parser.add_argument("--outage", type=float, default=30.0, help="seconds a server stays away")
    parser.add_argument("--only", action="append", choices=FAULTS, help="these faults alone")
    parser.add_argument(
        "--without", help="take a safeguard out of the workers: deduplication, fencing, seek-lock"
    )
    parser.add_argument("--json", type=Path, help="write the report here")
    parser.add_argument("--directory", help="where logs and data go while it runs")
    return parser.parse_args()


def run(
    directory: Path,
    *,
    seed: int,
    seconds: float,
    short: bool = False,
    rate: int = RATE,
    outage: float = 30.0,
    only: list[str] | None = None,
    times: int = 1,
    breaking: str | None = None,
    workers: int = 2,
    say: Callable[[str], object] = lambda _: None,
) -> Report:
    """Each fault once, in a drawn order, one after the other; then two at a time until the time is over.

    The short form strikes two at a time from the start, each fault once. With `only` there are these faults alone, each so
    many `times` at least.
    """
    began = time.monotonic()
    session = 3.0 if short else SESSION_SECONDS
    say(f"seed {seed}")
    with World(directory, session=session, breaking=breaking) as world:
        writer = Writer(world.kafka.bootstrap, seed=seed, rate=rate, partitions=PARTITIONS)
        state = Run(world, writer, seed, outage=outage, workers=workers)
        compaction = []
        if not only:
            compaction = compacted(world)
            state.faults["gaps by compaction"] += 1
        world.scale(workers)
        writer.start()
        state.faults["transactions, some given up"] += 1
        findings = Findings(state, seed)
        try:
            world.await_progress()
            if not only:
                back_up(world)
            say("striking")
            until = time.monotonic() + seconds
            names = list(only or FAULTS)
            if short and not only:
                _together(state, names, until, say)
            else:
                for _ in range(times):
                    _separately(state, names, say)
                if only:
                    _separately(state, names, say, until)
                else:
                    _together(state, [], until, say)
            writer.close()
            world.await_end()
            say("verifying")
            findings.look(compaction)
            if not only and not findings.differences:
                say("losing the store, and rebuilding")
                findings.add(restored_and_emptied(state, say))
                partitions_increased(state)
        except StuckError as error:
            state.complaints.append(f"stuck: {error}")
            world.tell_tasks()
        return findings.report(time.monotonic() - began)


def _separately(state: Run, names: list[str], say: Callable[[str], object], until: float = 0.0) -> None:
    """Each fault on its own; the next one when all is well again. Then, until the time is over, any of them."""
    order = state.draw.sample(names, len(names)) if not until else []
    while order or time.monotonic() < until:
        name = order.pop(0) if order else state.draw.choice(names)
        time.sleep(state.draw.uniform(*PAUSE_SECONDS))
        began = now()
        _strike(state, name, say)
        state.world.await_progress()
        state.alone.append((name, began, now()))


def _together(state: Run, names: list[str], until: float, say: Callable[[str], object]) -> None:
    """Two lanes, of faults of workers and of servers: each of `names` once, and then any until the time is over."""
    failures: list[BaseException] = []

    def lane(faults: list[str]) -> None:
        try:
            order = state.draw.sample(faults, len(faults))
            once = [name for name in order if name in names]
            while not failures:
                left = [name for name in faults if state.faults[name] < MOST.get(name, sys.maxsize)]
                if not once and (time.monotonic() > until or not left):
                    break
                time.sleep(state.draw.uniform(*PAUSE_SECONDS))
                _strike(state, once.pop(0) if once else state.draw.choice(left), say)
        except BaseException as error:  # noqa: BLE001  # raised by the thread that waits
            failures.append(error)

    lanes = [
        threading.Thread(target=lane, args=(list(faults),), name=name)
        for name, faults in (("workers", WORKER_FAULTS), ("servers", SERVER_FAULTS))
    ]
    for thread in lanes:
        thread.start()
    for thread in lanes:
        thread.join()
    if failures:
        raise failures[0]
    state.world.await_progress()


def _strike(state: Run, name: str, say: Callable[[str], object]) -> None:
    began = time.monotonic()
    if name in SERVER_FAULTS:
        with state.trouble():
            SERVER_FAULTS[name](state)
            state.world.await_progress()
    else:
        WORKER_FAULTS[name](state)
        state.world.scale(state.workers)
    state.faults[name] += 1
    say(f"{name}: took {time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    main()
