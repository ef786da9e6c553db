"""What a run found: whether all is exact, and what the faults cost."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import filterfalse
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from loadtest.chaos.compare import Difference
from loadtest.chaos.expect import expect
from loadtest.chaos.history import Cost
from loadtest.chaos.log import MissingError, logs, taken_twice
from loadtest.chaos.run_state import Run
from loadtest.chaos.stream import KILLS, MAX_RECORD_BYTES, RAISES, Record
from loadtest.chaos.verify import Verdict, verify


class Spread(msgspec.Struct, frozen=True):
    """How some numbers lie: how many, their sum, median, 95th percentile and the greatest."""

    n: int
    sum: float
    p50: float
    p95: float
    max: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Of at least one number.

        >>> Spread.of([3, 1, 2])
        Spread(n=3, sum=6, p50=2, p95=3, max=3)
        """
        ordered = sorted(values)
        p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
        return cls(
            len(ordered),
            round(sum(ordered), 2),
            round(statistics.median(ordered), 2),
            round(p95, 2),
            round(ordered[-1], 2),
        )


#: What each time cost, by what it was.
Amounts = dict[str, list[float]]


class Report(msgspec.Struct, kw_only=True):
    """The findings. `read_again` and `pauses` go by how the worker before lost the partition; see history.py.

    The first of them are of times in which the servers were well, the second of all others. `read_again_alone` goes by
    fault, for those that struck on their own.
    """

    seed: int
    session_seconds: float
    outage_seconds: float
    seconds: float
    events: int
    taken_twice: int
    read: int
    reread: int
    read_again: Amounts
    read_again_in_trouble: Amounts
    read_again_alone: Amounts
    pauses: Amounts
    pauses_in_trouble: Amounts
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
    stop_seconds: list[float]
    complaints: list[str]

    @property
    def ok(self) -> bool:
        """Whether all is exact."""
        return not self.wrong_totals and not self.complaints


class Findings:
    """Grows while a run is verified."""

    def __init__(self, run: Run, seed: int) -> None:
        self._run = run
        self._seed = seed
        self._verdict = Verdict(0, [], Counter())
        self._counted: Counter[str] = Counter()
        self._again: list[Cost] = []
        self._pauses: list[Cost] = []
        self._read = self._lost = self._twice = self._events = 0

    @property
    def differences(self) -> list[Difference]:
        return self._verdict.differences

    def add(self, verdict: Verdict) -> None:
        """Take in another comparison."""
        self._verdict.add(verdict)

    def look(self, compaction: Sequence[Record]) -> None:
        """Compare what the product made of the log with what must come of it."""
        run = self._run
        self._counted = run.world.counted()
        history = run.world.history()
        log = logs(run.world.kafka.bootstrap)
        for place, lines in run.removed_lines.items():
            # A broker that crashes may have again what was removed from it.
            log[place] = sorted({line.offset: line for line in lines + log[place]}.values())
        try:
            self._twice = taken_twice(log, run.writer.written(), compaction)
        except MissingError as error:
            run.complaints.append(str(error))
        lost = history.lost(run.removed)
        offsets = {place: [line.offset for line in lines] for place, lines in log.items()}
        left = {
            place: [line for line in lines if line.offset not in lost.get(place, ())]
            for place, lines in log.items()
        }
        self._events = sum(map(len, log.values()))
        self._lost = self._events - sum(map(len, left.values()))
        self._again, self._pauses = history.read_again(offsets), history.pauses()
        self._read = history.read
        # What was lost may have been read, by a worker that died before its commit.
        unique = self._read - round(sum(cost.amount for cost in self._again))
        wanted = self._events - self._lost
        for place, gone in lost.items():
            come = history.came_to(place, run.removed[place][0])
            wanted += sum(gone.start <= offset < min(gone.stop, come + 1) for offset in offsets[place])
        if unique != wanted:
            run.complaints.append(f"{wanted} records were to be read, and {unique} were")
        self.add(verify(run.world, expect(left, max_record_bytes=MAX_RECORD_BYTES, poison=(RAISES, KILLS))))

    def report(self, seconds: float) -> Report:
        run, verdict = self._run, self._verdict
        return Report(
            seed=self._seed,
            session_seconds=run.world.session,
            outage_seconds=run.outage,
            seconds=round(seconds, 1),
            events=self._events,
            taken_twice=self._twice,
            read=self._read,
            reread=round(sum(cost.amount for cost in self._again)),
            read_again=_by_how(filter(self._is_calm, self._again)),
            read_again_in_trouble=_by_how(filterfalse(self._is_calm, self._again)),
            read_again_alone=self._alone(),
            pauses=_by_how(filter(self._is_calm, self._pauses)),
            pauses_in_trouble=_by_how(filterfalse(self._is_calm, self._pauses)),
            skipped=self._counted["skipped"],
            refused_commits=self._counted["refused"],
            lost=self._lost,
            lost_said=self._counted["lost"],
            faults=dict(run.faults),
            exits=dict(run.world.exits),
            compared=verdict.compared,
            wrong_totals=len(verdict.differences),
            differences=[[d.field, repr(d.expected), repr(d.found)] for d in verdict.differences[:200]],
            republished=dict(verdict.republished),
            stop_seconds=[round(seconds, 2) for seconds in run.stops],
            complaints=run.complaints,
        )

    def _is_calm(self, cost: Cost) -> bool:
        return not any(began < cost.ended and cost.began < ended for began, ended in self._run.troubles)

    def _alone(self) -> Amounts:
        """For each fault that struck on its own, how many records were read again because of it, each time."""
        counts: defaultdict[str, list[float]] = defaultdict(list)
        for name, began, ended in self._run.alone:
            counts[name].append(sum(cost.amount for cost in self._again if began <= cost.ended < ended))
        return dict(counts)


def _by_how(costs: Iterable[Cost]) -> Amounts:
    amounts: defaultdict[str, list[float]] = defaultdict(list)
    for cost in costs:
        amounts[cost.how].append(round(cost.amount, 2))
    return dict(sorted(amounts.items()))


def show(report: Report) -> None:
    """Print the report."""
    console = Console()
    table = Table("fault", "times", "read again (median)", title=f"Chaos, seed {report.seed}")
    for name, times in report.faults.items():
        alone = report.read_again_alone.get(name)
        table.add_row(name, str(times), f"{Spread.of(alone).p50:,.0f}" if alone else "")
    console.print(table)
    for title, costs in (
        ("read again by an heir, records", report.read_again),
        ("the same with servers in trouble", report.read_again_in_trouble),
        ("from the end of a claim to the next commit, seconds", report.pauses),
        ("the same with servers in trouble", report.pauses_in_trouble),
    ):
        console.print(_costs(title, costs))
    verdict = "[green]exact[/]" if report.ok else "[bold red]WRONG[/]"
    console.print(
        f"{report.events:,} events in {report.seconds:.0f} s ({report.taken_twice} taken twice by the broker), "
        f"{report.reread:,} read again, {report.lost} lost to retention ({report.lost_said} said), "
        f"{sum(report.faults.values())} faults; {report.compared:,} fields compared, "
        f"[bold]{report.wrong_totals} wrong[/]: {verdict}"
    )
    if report.stop_seconds:
        console.print(f"SIGTERM to exit: {Spread.of(report.stop_seconds)}")
    console.print(f"exits {report.exits}, published again {report.republished}")
    for complaint in report.complaints:
        console.print(f"[red]{complaint}[/]")
    for field, expected, found in report.differences[:20]:
        console.print(f"  {field}: expected {expected}, found {found}", markup=False)


def _costs(title: str, costs: Amounts) -> Table:
    table = Table("because of", "n", "sum", "p50", "p95", "max", title=title)
    for how, amounts in costs.items():
        spread = Spread.of(amounts)
        table.add_row(
            how, *(f"{value:,g}" for value in (spread.n, spread.sum, spread.p50, spread.p95, spread.max))
        )
    return table
