"""``python -m loadtest.chaos``: write the known stream, strike, verify, report.

Exit code 0 when all is exact, 1 when not; the seed that is printed repeats the stream and the schedule.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
from rich.console import Console
from rich.table import Table

from loadtest.chaos.aftermath import back_up, partitions_increased, restored_and_emptied
from loadtest.chaos.faults import FAULTS, SERVER_FAULTS, WORKER_FAULTS
from loadtest.chaos.gaps import compacted
from loadtest.chaos.run_state import Run
from loadtest.chaos.verify import Verdict, sequential, verify
from loadtest.chaos.world import PARTITIONS, SESSION_SECONDS, StuckError, World
from loadtest.chaos.writer import Writer

#: Records a second: what leaves two cores room for broker, store, workers and everybody else on the machine.
RATE: Final = 2_500
RETENTION: Final = "retention passed the offset"
#: Retention strikes each partition once at most, and not all of them.
MAX_LOSSES: Final = 8
#: So long nothing strikes.
PAUSE_SECONDS: Final = (0.2, 1.5)


class Report(msgspec.Struct, kw_only=True):
    """What a run found."""

    seed: int
    seconds: float
    events: int
    read: int
    reread: int
    reread_by_fault: dict[str, int]
    skipped: int
    refused_commits: int
    lost: int
    lost_said: int
    faults: dict[str, int]
    exits: dict[str, int]
    compared: int
    wrong_totals: int
    differences: list[list[Any]]
    republished: dict[str, int]
    recovery_seconds: dict[str, float]
    stop_seconds: dict[str, float]
    complaints: list[str]

    @property
    def ok(self) -> bool:
        """Whether all is exact."""
        return not self.wrong_totals and not self.complaints


def main() -> None:
    """Run by the command line's arguments."""
    arguments = _arguments()
    directory = Path(tempfile.mkdtemp(prefix="chaos-", dir=arguments.directory))
    report = run(
        directory,
        seed=arguments.seed,
        seconds=arguments.minutes * 60.0,
        rate=arguments.rate,
        outage=arguments.outage,
        short=arguments.short,
        only=arguments.only,
        breaking=arguments.without,
        say=print,
    )
    if arguments.json:
        arguments.json.write_text(json.dumps(msgspec.to_builtins(report), indent=2) + "\n")
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
    breaking: str | None = None,
    workers: int = 2,
    say: Callable[[str], object] = lambda _: None,
) -> Report:
    """Each fault once, in a drawn order, one after the other; then two at a time until the time is over.

    The short form strikes two at a time from the start, each fault once.
    """
    began = time.monotonic()
    session = 3.0 if short else SESSION_SECONDS
    with World(directory, session=session, breaking=breaking) as world:
        writer = Writer(world.kafka.bootstrap, seed=seed, rate=rate, partitions=PARTITIONS)
        state = Run(world, seed, outage=outage, workers=workers)
        if not only:
            state.before = compacted(world)
            state.faults["gaps by compaction"] += 1
        state.faults["transactions, some given up"] += 1
        writer.start()
        world.scale(workers)
        verdict = Verdict(0, [], Counter())
        try:
            world.await_progress()
            if not only:
                back_up(world)
            until = time.monotonic() + seconds
            names = list(only or FAULTS)
            if short and not only:
                _together(state, names, until, say)
            else:
                _separately(state, names, say)
                if only:
                    _separately(state, names, say, until)
                else:
                    _together(state, [], until, say)
            writer.close()
            world.await_end()
            say("verifying")
            state.counted = world.counted()
            verdict = verify(world, sequential(world, writer, seed, state.lost, state.before))
            if not only and not verdict.differences:
                say("losing the store, and rebuilding")
                verdict.add(restored_and_emptied(state, writer, seed))
                partitions_increased(state)
        except StuckError as error:
            state.complaints.append(f"stuck: {error}")
            world.tell_tasks()
        return _report(state, writer, verdict, seed, time.monotonic() - began)


def _separately(state: Run, names: list[str], say: Callable[[str], object], until: float = 0.0) -> None:
    """Each fault on its own; the next one when all is well again. Then, until the time is over, any of them."""
    order = state.draw.sample(names, len(names)) if not until else []
    while order or time.monotonic() < until:
        name = order.pop(0) if order else state.draw.choice(names)
        time.sleep(state.draw.uniform(*PAUSE_SECONDS))
        before = _ahead(state.world)
        _strike(state, name, say)
        state.world.await_progress()
        state.reread[name].append(max(0, _ahead(state.world) - before))


def _ahead(world: World) -> int:
    """How many records more were read than the offsets in the store say, at best over two commits.

    That is what was read again, and hardly anything that is not committed.
    """
    samples = []
    for _ in range(20):
        offsets = world.states("offset:predictions", "offset:labels")
        samples.append(
            world.counted()["read"] - sum(max(0, offset) for pair in offsets.values() for offset in pair)
        )
        time.sleep(0.06)
    return min(samples)


def _together(state: Run, names: list[str], until: float, say: Callable[[str], object]) -> None:
    """Two lanes, of faults of workers and of servers: each of `names` once, and then any until the time is over."""
    failures: list[BaseException] = []

    def lane(faults: list[str]) -> None:
        try:
            order = state.draw.sample(faults, len(faults))
            once = [name for name in order if name in names]
            while (once or time.monotonic() < until) and not failures:
                time.sleep(state.draw.uniform(*PAUSE_SECONDS))
                _strike(state, once.pop(0) if once else state.draw.choice(faults), say)
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
    if name == RETENTION and state.faults[name] >= MAX_LOSSES:
        return
    began = time.monotonic()
    if name in SERVER_FAULTS:
        with state.servers_in_trouble():
            SERVER_FAULTS[name](state)
            state.world.await_progress()
    else:
        WORKER_FAULTS[name](state)
        state.world.scale(state.workers)
    state.faults[name] += 1
    say(f"{name}: {time.monotonic() - began:.1f} s")


def _report(state: Run, writer: Writer, verdict: Verdict, seed: int, seconds: float) -> Report:
    counted = state.counted or state.world.counted()
    lost = sum(map(len, state.lost.values()))
    unique = sum(map(len, writer.offsets.values())) + sum(map(len, state.before.values())) - lost
    return Report(
        seed=seed,
        seconds=round(seconds, 1),
        events=writer.written,
        read=counted["read"],
        reread=counted["read"] - unique,
        reread_by_fault={name: round(statistics.median(counts)) for name, counts in state.reread.items()},
        skipped=counted["skipped"],
        refused_commits=counted["refused"],
        lost=lost,
        lost_said=counted["lost"],
        faults=dict(state.faults),
        exits=dict(state.world.exits),
        compared=verdict.compared,
        wrong_totals=len(verdict.differences),
        differences=[[d.field, repr(d.expected), repr(d.found)] for d in verdict.differences[:200]],
        republished=dict(verdict.republished),
        recovery_seconds=_spread(state.recoveries),
        stop_seconds=_spread(state.stops),
        complaints=state.complaints,
    )


def _spread(values: list[float]) -> dict[str, float]:
    if not values:
        return {}
    return {"p50": round(statistics.median(values), 2), "max": round(max(values), 2), "n": len(values)}


def show(report: Report) -> None:
    """Print the report."""
    console = Console()
    table = Table("fault", "times", "read again (median)", title=f"Chaos, seed {report.seed}")
    for name, times in report.faults.items():
        table.add_row(
            name, str(times), f"{report.reread_by_fault.get(name, 0):,}" if report.reread_by_fault else ""
        )
    console.print(table)
    verdict = "[green]exact[/]" if report.ok else "[bold red]WRONG[/]"
    console.print(
        f"{report.events:,} events in {report.seconds:.0f} s, {report.reread:,} read again, {report.lost} lost to "
        f"retention ({report.lost_said} said), {sum(report.faults.values())} faults; {report.compared:,} fields "
        f"compared, [bold]{report.wrong_totals} wrong[/]: {verdict}"
    )
    console.print(
        f"SIGKILL to the heirs' first commits: {report.recovery_seconds}; SIGTERM: {report.stop_seconds}"
    )
    console.print(f"exits {report.exits}, published again {report.republished}")
    for complaint in report.complaints:
        console.print(f"[red]{complaint}[/]")
    for field, expected, found in report.differences[:20]:
        console.print(f"  {field}: expected {expected}, found {found}", markup=False)


if __name__ == "__main__":
    main()
