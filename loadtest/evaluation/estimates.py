"""Performance before labels: how right the estimates are, and whether it is said when they are wrong."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np

from loadtest.evaluation import bike, carloan, flights
from loadtest.evaluation.document import Section, Table
from monitor_stream.events.results import Window
from monitor_stream.events.spec import ModelSpec
from monitor_stream.judge.estimates.contradiction import ALPHA
from monitor_stream.judge.estimates.gap_scale import GapScale

#: What NannyML 0.13.1 estimates, and what came true, by window of 5,000 car loans: to four digits.
KNOWN: Final = {
    ("auc", "estimated"): (.9707, .9710, .9714, .9711, .9711, .9611, .9618, .9611, .9625, .9613),
    ("auc", "realised"): (.9710, .9702, .9763, .9677, .9699, .9601, .9585, .9590, .9631, .9576),
    ("accuracy", "estimated"): (.9418, .9433, .9455, .9448, .9446, .9107, .9111, .9112, .9144, .9117),
    ("accuracy", "realised"): (.9422, .9422, .9502, .9436, .9410, .9146, .9156, .9144, .9224, .9122),
}  # fmt: skip
#: Days before a mark over which it is asked whether it is right.
_DAYS: Final = 30
#: Parts that a window of car loans is cut into, to count how often bands hold.
_PARTS: Final = 10


class Spell(NamedTuple):
    """Windows one behind the other whose estimates labels contradicted; `until` is None where it was so to the end."""

    since: datetime
    until: datetime | None


class Month(NamedTuple):
    """What was estimated and realised over windows such as those of a month, and the share of them that was marked."""

    name: str
    estimated: float
    realised: float
    marked: float


def section() -> Section:
    """The part of the page."""
    part = Section("9. Before labels: estimates, and when they lie")
    part.add(*_car_loans())
    part.add(*_flights())
    part.add(*_bikes())
    return part


def _car_loans() -> Iterator[str | Table]:
    loans, found = carloan.load(), carloan.defaults()
    yield (
        f"**Car loans** (section 3): an estimator of {len(loans.reference):,} reference rows, windows of {carloan.ROWS:,}; with window "
        f"{carloan.HALF} the input moves, the concept stays. Estimated and realised values as the product publishes them."
    )
    rows: list[list[object]] = []
    worst: dict[str, float] = {}
    for (metric, side), known in KNOWN.items():
        values = [_of(window, metric, side) for window in found.windows]
        worst[side] = max(worst.get(side, 0.0), float(np.abs(np.array(values) - np.array(known)).max()))
        rows.append([metric, side, *(f"{value:.4f}" for value in values)])
    yield Table(["metric", "", *map(str, range(len(found.windows)))], rows)
    yield (
        f"From NannyML 0.13.1 on the same rows the estimated values differ by at most {worst['estimated']:.4f}, the realised ones by "
        f"{worst['realised']:.4f} (AUC is of scores in 400 bins)."
    )
    spec = carloan.describe(loans)
    fine = carloan.judge(loans, msgspec.structs.replace(spec, window_seconds=carloan.SPAN_SECONDS / _PARTS))
    held = _held(fine.windows[: carloan.HALF * _PARTS])
    after = _held(fine.windows[carloan.HALF * _PARTS :])
    yield (
        f"How often the 95 % band held the realised value, in windows of {carloan.ROWS // _PARTS} before the drift "
        f"({carloan.HALF * _PARTS} windows) and after it:"
    )
    yield Table(
        ["metric", "before", "after"],
        [[metric, f"{share:.0%}", f"{after[metric]:.0%}"] for metric, share in held.items()],
    )
    contradiction = found.models["car-loan"].versions["1"].contradiction
    told = contradiction is not None and contradiction.times > 0
    yield (
        f"Labels contradict the estimates {'**wrongly**' if told else 'at no time'}: the input moved, and what is foretold went with it."
    )


def _flights() -> Iterator[str | Table]:
    year = flights.judge()
    yield (
        "**Flights** (section 5): the model's scores hardly move all year, while the share of late flights does. The reference is "
        "January and February, each day scored by a model that had not seen it. Error rates over the windows of each month that have "
        "labels, and the share of its windows that are marked as contradicted:"
    )
    months = list(_months(year.found.windows, _error_rate))
    yield _by_month(months, "error rate")
    landed = np.sort(_landings())
    yield (
        f"Labels contradicted the estimates, by a confidence sequence of certainty {1.0 - ALPHA:.0%} for ever over the mean gap of days, in "
        f"these times. It was right to where over the {_DAYS} days before it the realised error rate lay further from the estimated one "
        f"than {_margin(year.spec):.4f}: what the reference leaves open, or nobody cares for."
    )
    rows: list[list[object]] = []
    for spell in spells(year.found.windows):
        begin = spell.since - timedelta(days=_DAYS)
        before = [window for window in year.found.windows if begin <= window.start < spell.since]
        ((_, estimated, realised, _),) = _grouped(before, _error_rate, lambda _: "")
        rows.append(
            [
                f"{spell.since:%m-%d}",
                "the end" if spell.until is None else f"{spell.until:%m-%d}",
                int(np.searchsorted(landed, spell.since.timestamp())),
                f"{realised - estimated:+.3f}",
                "right" if abs(realised - estimated) > _margin(year.spec) else "**wrong**",
            ]
        )
    yield Table(["since", "until", "after labels", "realised less estimated before it", "verdict"], rows)


def _bikes() -> Iterator[str | Table]:
    _, found = bike.judge()
    yield (
        "**Bikes** (section 4): a loss model of the first half of 2011 foretells the absolute error; rentals grow, and nothing in the "
        "input says so."
    )
    months = list(_months(found.windows, lambda side: side.get("mae")))
    yield _by_month(months, "MAE")
    contradiction = found.models["bike-demand"].versions["1"].contradiction
    if contradiction is not None and contradiction.since is not None:
        yield (
            f"Contradicted since {contradiction.since:%Y-%m-%d}, after {contradiction.labels:,} labels, to the end: the mean gap is "
            f"{contradiction.gap:.0f} rentals an hour."
        )


def spells(windows: Sequence[Window]) -> Iterator[Spell]:
    """When the mark stood, from the windows in their order."""
    since: datetime | None = None
    for window in windows:
        marked = window.estimates is not None and window.estimates.contradicted
        if marked and since is None:
            since = window.end
        elif not marked and since is not None and window.estimates is not None:
            yield Spell(since, window.start)
            since = None
    if since is not None:
        yield Spell(since, None)


def _of(window: Window, metric: str, side: str) -> float:
    if side == "realised" or window.estimates is None:
        return window.metrics.values[metric]
    return window.estimates.values[metric]


def _held(windows: Sequence[Window]) -> dict[str, float]:
    """Metric → the share of windows whose band held what came true."""
    held: defaultdict[str, list[bool]] = defaultdict(list)
    for window in windows:
        for metric, (low, high) in ({} if window.estimates is None else window.estimates.bands).items():
            if metric in window.metrics.values:
                held[metric].append(low <= window.metrics.values[metric] <= high)
    return {metric: float(np.mean(some)) for metric, some in held.items()}


def _error_rate(values: dict[str, float]) -> float | None:
    return None if "accuracy" not in values else 1.0 - values["accuracy"]


def _months(windows: Sequence[Window], error: Callable[[dict[str, float]], float | None]) -> Iterator[Month]:
    return _grouped(windows, error, lambda window: f"{window.start:%Y-%m}")


def _grouped(
    windows: Sequence[Window],
    error: Callable[[dict[str, float]], float | None],
    name_of: Callable[[Window], str],
) -> Iterator[Month]:
    """What was estimated and realised over windows of one name, each by its labels."""
    groups: defaultdict[str, list[tuple[float, float, int, bool]]] = defaultdict(list)
    for window in windows:
        told = None if window.estimates is None else error(window.estimates.values)
        true = error(window.metrics.values)
        if window.estimates is not None and told is not None and true is not None:
            row = (told, true, window.metrics.scored, window.estimates.contradicted)
            groups[name_of(window)].append(row)
    for name, rows in groups.items():
        told_, true_, scored, marked = map(np.array, zip(*rows, strict=True))
        yield Month(
            name,
            float(np.average(told_, weights=scored)),
            float(np.average(true_, weights=scored)),
            float(marked.mean()),
        )


def _by_month(months: Sequence[Month], what: str) -> Table:
    rows = [
        [
            month.name,
            f"{month.estimated:.3g}",
            f"{month.realised:.3g}",
            f"{month.realised - month.estimated:+.3f}",
            f"{month.marked:.0%}",
        ]
        for month in months
    ]
    return Table(["month", f"estimated {what}", "realised", "difference", "windows marked"], rows)


def _margin(spec: ModelSpec) -> float:
    scale = GapScale.of(spec)
    if scale is None:
        raise AssertionError("the demo's spec has an estimator")
    return scale.margin


def _landings() -> Any:
    """When the labels of the watched flights came, in Unix seconds."""
    from monitor_stream.demo.flights import load
    from monitor_stream.demo.model import training

    rows = load()
    landed = np.array([np.nan if at is None else at for at in rows["landing"].to_pylist()], np.float64)
    landed = landed[~np.asarray(training(rows))]
    return landed[np.isfinite(landed)]
