"""``python -m loadtest.chaos``: write the known stream, strike, verify, report.

Exit code 0 when all is exact, 1 when not; the seed that is printed repeats the stream and the schedule.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import msgspec
from rich.console import Console
from rich.table import Table

from loadtest.chaos.faults import FAULTS
from loadtest.chaos.run_state import Run
from loadtest.chaos.verify import Verdict, sequential, verify
from loadtest.chaos.world import PARTITIONS, StuckError, World
from loadtest.chaos.writer import Writer

#: Records a second: what leaves two cores room for broker, store, workers and everybody else on the machine.
RATE: Final = 2_500
#: At least so long nothing strikes.
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
    arguments = _arguments()
    directory = Path(tempfile.mkdtemp(prefix="chaos-", dir=arguments.directory))
    report = run(
        directory,
        seed=arguments.seed,
        seconds=arguments.minutes * 60.0,
        rate=arguments.rate,
        outage=arguments.outage,
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
    parser.add_argument("--minutes", type=float, default=5.0, help="how long faults strike; each strikes once")
    parser.add_argument("--rate", type=int, default=RATE, help="records a second")
    parser.add_argument("--outage", type=float, default=30.0, help="seconds a server stays away")
    parser.add_argument("--only", action="append", choices=FAULTS, help="these faults alone")
    parser.add_argument("--without", help="take a safeguard out of the workers: deduplication, fencing, seek-lock")
    parser.add_argument("--json", type=Path, help="write the report here")
    parser.add_argument("--directory", help="where logs and data go while it runs")
    return parser.parse_args()


def run(
    directory: Path,
    *,
    seed: int,
    seconds: float,
    rate: int = RATE,
    outage: float = 30.0,
    only: list[str] | None = None,
    breaking: str | None = None,
    workers: int = 2,
    say: Any = lambda _: None,
) -> Report:
    """One run: each fault once in a drawn order, then more of them until the time is over, one or two at a time."""
    began = time.monotonic()
    with World(directory, breaking=breaking) as world:
        writer = Writer(world.kafka.bootstrap, seed=seed, rate=rate, partitions=PARTITIONS)
        state = Run(world, random.Random(seed), outage=outage, workers=workers)
        writer.start()
        world.scale(workers)
        try:
            world.await_progress()
            _strike(state, list(only or FAULTS), seconds, say)
            writer.close()
            world.await_end()
        except StuckError as error:
            state.complaints.append(f"stuck: {error}")
            return _report(state, writer, Verdict(0, [], state.faults), seed, time.monotonic() - began)
        say("verifying")
        verdict = verify(world, sequential(writer, seed, state.lost))
        return _report(state, writer, verdict, seed, time.monotonic() - began)


def _strike(state: Run, names: list[str], seconds: float, say: Any) -> None:
    draw, world = state.draw, state.world
    until = time.monotonic() + seconds
    order = draw.sample(names, len(names))
    while order or time.monotonic() < until:
        name = order.pop(0) if order else draw.choice(names)
        if name == "retention passed the offset" and state.faults[name] >= 4:
            continue
        time.sleep(draw.uniform(*PAUSE_SECONDS))
        began, read = time.monotonic(), world.counted()["skipped"]
        FAULTS[name](state)
        state.faults[name] += 1
        pause = world.await_progress()
        world.scale(state.workers)
        state.reread[name] += world.counted()["skipped"] - read
        say(f"{name}: {time.monotonic() - began:.1f} s, of which {pause:.1f} s to recover")


def _report(state: Run, writer: Writer, verdict: Verdict, seed: int, seconds: float) -> Report:
    counted = state.world.counted()
    lost = sum(map(len, state.lost.values()))
    unique = sum(map(len, writer.offsets.values())) - lost
    return Report(
        seed=seed,
        seconds=round(seconds, 1),
        events=writer.written,
        read=counted["read"],
        reread=counted["read"] - unique,
        reread_by_fault=dict(state.reread),
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
    table = Table("fault", "times", title=f"Chaos, seed {report.seed}")
    for name in FAULTS:
        if name in report.faults:
            table.add_row(name, str(report.faults[name]))
    console.print(table)
    verdict = "[green]exact[/]" if report.ok else "[bold red]WRONG[/]"
    console.print(
        f"{report.events:,} events in {report.seconds:.0f} s, {report.reread:,} read again, {report.lost} lost to "
        f"retention ({report.lost_said} said), {sum(report.faults.values())} faults; {report.compared:,} fields "
        f"compared, [bold]{report.wrong_totals} wrong[/]: {verdict}"
    )
    console.print(f"SIGKILL to the heirs' first commits: {report.recovery_seconds}; SIGTERM: {report.stop_seconds}")
    console.print(f"exits {report.exits}, published again {report.republished}")
    for complaint in report.complaints:
        console.print(f"[red]{complaint}[/]")
    for field, expected, found in report.differences[:20]:
        console.print(f"  {field}: expected {expected}, found {found}", markup=False)


if __name__ == "__main__":
    main()
