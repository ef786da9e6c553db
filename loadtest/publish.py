"""The figures of docs/reliability.md, from what the programs of this room wrote to ``loadtest/results``.

    python -m loadtest.chaos --seed 21 --minutes 10 --json loadtest/results/chaos-21.json
    python -m loadtest.backpressure --minutes 10 --json loadtest/results/backpressure.json
    python -m loadtest.join_buffer --pending 5000000 --json loadtest/results/join-buffer.json
    python -m monitor_stream.generate

Nothing on that page between two marks is typed in: `render` writes it anew.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from loadtest.chaos.faults import SERVER_FAULTS, WORKER_FAULTS
from loadtest.chaos.findings import Amounts, Report, Spread

_ROOT: Final = Path(__file__).parent.parent
RESULTS: Final = _ROOT / "loadtest" / "results"
_NONE: Final = "No run of this version is published yet."
PAGE: Final = _ROOT / "docs" / "reliability.md"


def render() -> str:
    """The page with its figures as they are in the results."""
    text = PAGE.read_text(encoding="utf-8")
    for name, make in _PARTS.items():
        begin, end = f"<!-- begin {name}, made by loadtest/publish.py -->", f"<!-- end {name} -->"
        before, _, rest = text.partition(begin)
        _, mark, after = rest.partition(end)
        if not mark:
            raise ValueError(f"{PAGE} has no place for {name}")
        text = f"{before}{begin}\n{make()}\n{end}{after}"
    return text


def reports() -> list[Report]:
    """What the runs found, by seed."""
    found = [msgspec.json.decode(path.read_bytes(), type=Report) for path in RESULTS.glob("chaos-*.json")]
    return sorted(found, key=lambda report: report.seed)


# The crash matrix


def _runs() -> str:
    runs = reports()
    if not runs:
        return _NONE
    ended = ("killed", "stopped")

    def row(name: str, of: Callable[[Report], float], form: str = ",.0f", *, total: bool = True) -> list[str]:
        values = [of(run) for run in runs]
        return [name, *(format(value, form) for value in values), format(sum(values), form) if total else ""]

    def errors(run: Report) -> int:
        return sum(count for how, count in run.exits.items() if how not in ended)

    return _table(
        ["", *(f"seed {run.seed}" for run in runs), "all"],
        [
            [
                "struck",
                *(
                    "one by one, then two at a time" if run.read_again_alone else "two at a time"
                    for run in runs
                ),
                "",
            ],
            row("outages, seconds", lambda run: run.outage_seconds, total=False),
            row("session time-out, seconds", lambda run: run.session_seconds, total=False),
            row("minutes", lambda run: run.seconds / 60, ".1f"),
            row("events in the log", lambda run: run.events),
            row("of them taken twice by the broker", lambda run: run.taken_twice),
            row("faults", lambda run: sum(run.faults.values())),
            row("workers killed", lambda run: run.exits.get("killed", 0)),
            row("workers stopped", lambda run: run.exits.get("stopped", 0)),
            row("workers ended by an error", errors),
            row("commits of zombies refused", lambda run: run.refused_commits),
            row("records read again", lambda run: run.reread),
            row("records lost to retention, on purpose", lambda run: run.lost),
            row("windows and dead letters published twice", lambda run: sum(run.republished.values())),
            row("fields compared", lambda run: run.compared),
            [f"**{cell}**" for cell in row("fields that are wrong", lambda run: run.wrong_totals)],
            [f"**{cell}**" for cell in row("complaints", lambda run: len(run.complaints))],
        ],
    )


def _faults() -> str:
    runs = reports()
    if not runs:
        return _NONE
    names = [*WORKER_FAULTS, *SERVER_FAULTS]
    names += sorted({name for run in runs for name in run.faults} - set(names))
    alone = _pooled(run.read_again_alone for run in runs)
    return _table(
        ["fault", *(f"seed {run.seed}" for run in runs), "all", "read again when alone: median", "most"],
        [
            [
                name,
                *(str(run.faults.get(name, 0)) for run in runs),
                str(sum(run.faults.get(name, 0) for run in runs)),
                *(_median_and_most(alone[name]) if name in alone else ("", "")),
            ]
            for name in names
        ],
    )


def _median_and_most(amounts: Sequence[float]) -> tuple[str, str]:
    return f"{statistics.median(amounts):,.0f}", f"{max(amounts):,.0f}"


def _costs() -> str:
    runs = reports()
    if not runs:
        return _NONE
    again, pauses = (_pooled(each) for each in ((r.read_again for r in runs), (r.pauses for r in runs)))
    rows = []
    for how in sorted(again.keys() | pauses.keys()):
        records = Spread.of(again[how]) if how in again else None
        seconds = Spread.of(pauses[how]) if how in pauses else None
        rows.append(
            [
                how,
                *(
                    [f"{records.n}", f"{records.p50:,.0f}", f"{records.p95:,.0f}", f"{records.max:,.0f}"]
                    if records
                    else [""] * 4
                ),
                *(
                    [f"{seconds.n}", f"{seconds.p50:.1f}", f"{seconds.p95:.1f}", f"{seconds.max:.1f}"]
                    if seconds
                    else [""] * 4
                ),
            ]
        )
    return _table(
        [
            "how the claim before ended",
            "claims",
            "records read again: median",
            "p95",
            "most",
            "pauses",
            "seconds: median",
            "p95",
            "longest",
        ],
        rows,
    )


def _stops() -> str:
    seconds = [each for run in reports() for each in run.stop_seconds]
    if not seconds:
        return _NONE
    stops = Spread.of(seconds)
    return (
        f"SIGTERM to exit, servers well: median {stops.p50:.1f} s, p95 {stops.p95:.1f} s, at most {stops.max:.1f} s "
        f"({stops.n} ends)."
    )


def _pooled(each: Iterable[Amounts]) -> Amounts:
    pooled: Amounts = {}
    for amounts in each:
        for name, values in amounts.items():
            pooled.setdefault(name, []).extend(values)
    return pooled


# The join buffer


def _join_buffer() -> str:
    found = json.loads((RESULTS / "join-buffer.json").read_text())
    bounds = {
        "memory_bytes_per_pending": "resident bytes of a waiting prediction",
        "state_bytes_per_pending": "bytes of it in the store",
        "restore_cpu_seconds": "seconds to restore",
        "commit_bytes_first_tenth": "bytes of a commit of 4,000 predictions, the first tenth",
        "commit_bytes_last_tenth": "bytes of a commit of 4,000 predictions, the last tenth",
    }
    return _table(
        [f"{found['pending']:,.0f} predictions waiting", "measured", "bound"],
        [
            [
                text,
                f"{found[name]:,.1f}" if found[name] < 1000 else f"{found[name]:,.0f}",
                _BOUNDS.get(name, ""),
            ]
            for name, text in bounds.items()
        ],
    )


_BOUNDS: Final = {
    "memory_bytes_per_pending": "100",
    "state_bytes_per_pending": "60",
    "restore_cpu_seconds": "20",
    "commit_bytes_last_tenth": "as the first",
}

# Memory while the store stands still


def _backpressure() -> str:
    found = json.loads((RESULTS / "backpressure.json").read_text())
    summary = found["summary"]
    return (
        f"![Resident memory and records behind, over time](images/backpressure.svg)\n\n"
        f"{summary['records_read'] / 1e6:,.1f} million records in {found['samples'][-1]['second'] / 60:.0f} minutes. Resident memory "
        f"after a third of the time {summary['resident_mb_at_a_third']:,.0f} MB, at the end {summary['resident_mb_at_the_end']:,.0f} MB, "
        f"at most {summary['resident_mb_max']:,.0f} MB."
    )


def curve() -> str:
    """Memory and lag over time, as SVG. Shades are the times in which the store stood still."""
    found = json.loads((RESULTS / "backpressure.json").read_text())
    samples = found["samples"]
    end = max(sample["second"] for sample in samples)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} 330" font-family="sans-serif" font-size="11">',
        f'<rect width="{_WIDTH}" height="330" fill="#fff"/>',
    ]
    panels = (
        ("resident memory, MB", [sample["resident_mb"] for sample in samples], 20, "#1f5fa8"),
        ("records behind, thousands", [sample["behind"] / 1000 for sample in samples], 175, "#a8531f"),
    )
    for title, values, top, colour in panels:
        parts += [
            f'<rect x="{_x(start, end):.1f}" y="{top}" width="{_x(stop, end) - _x(start, end):.1f}" height="{_HEIGHT}" '
            'fill="#eee"/>'
            for start, stop in found["pauses"]
        ]
        points = [(sample["second"], value) for sample, value in zip(samples, values, strict=True)]
        parts += _panel(title, points, top=top, colour=colour, end=end)
    parts.append(
        f'<text x="{_WIDTH / 2:.0f}" y="322" text-anchor="middle">minutes; grey: the store answers nobody</text></svg>'
    )
    return "\n".join(parts) + "\n"


_WIDTH, _HEIGHT, _LEFT = 720, 120, 50


def _x(second: float, end: float) -> float:
    return _LEFT + (_WIDTH - _LEFT - 15) * second / end


def _panel(
    title: str, points: Sequence[tuple[float, float]], *, top: int, colour: str, end: float
) -> list[str]:
    most = _round_up(max(value for _, value in points))
    line = " ".join(
        f"{_x(second, end):.1f},{top + _HEIGHT * (1 - value / most):.1f}" for second, value in points
    )
    bottom = top + _HEIGHT
    return [
        f'<text x="{_LEFT}" y="{top - 6}">{title}</text>',
        f'<path d="M{_LEFT} {top}V{bottom}H{_WIDTH - 15}" fill="none" stroke="#888"/>',
        f'<text x="{_LEFT - 5}" y="{top + 8}" text-anchor="end">{most:g}</text>',
        f'<text x="{_LEFT - 5}" y="{bottom}" text-anchor="end">0</text>',
        *(
            f'<text x="{_x(60 * minute, end):.1f}" y="{bottom + 13}" text-anchor="middle">{minute}</text>'
            for minute in range(0, int(end / 60) + 1, 2)
        ),
        f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.5"/>',
    ]


def _round_up(value: float) -> float:
    """To one of 1, 2, 5 times a power of ten, or four of it.

    >>> [_round_up(value) for value in (0.7, 312.0, 1900.0)]
    [1.0, 400.0, 2000.0]
    """
    power = 10.0 ** (len(str(int(value))) - 1)
    return next(step * power for step in (1.0, 2.0, 4.0, 5.0, 10.0) if step * power >= value)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---", *(["--:"] * (len(head) - 1))], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


_PARTS: Final[Mapping[str, Callable[[], str]]] = {
    "runs": _runs,
    "faults": _faults,
    "costs": _costs,
    "stops": _stops,
    "join buffer": _join_buffer,
    "backpressure": _backpressure,
}
