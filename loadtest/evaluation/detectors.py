"""Delay, misses and false alarms of the error detectors at their defaults."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from river import drift

from loadtest.evaluation.document import Section, Table
from loadtest.evaluation.streams import AFTER, BEFORE, HALF, SWITCHES, bernoulli, frozen
from monitor_stream.events.delta import Floats
from monitor_stream.events.spec import ErrorScale, ModelSpec
from monitor_stream.judge.error_watch import ErrorWatch
from monitor_stream.judge.persist import Journal

BERNOULLI_SEEDS: Final = 100
FROZEN_SEEDS: Final = 20
RATES: Final = ((0.10, 0.12), (0.10, 0.15), (0.10, 0.20), (0.20, 0.30), (0.05, 0.10))
STEADY: Final = (0.1, 0.2)
OURS: Final = ("adwin", "page_hinkley", "confirmed")
#: River's own at their defaults, by the same definitions; those that look both ways count whatever they see.
RIVER: Final[dict[str, Callable[[], Any]]] = {
    "river ADWIN": drift.ADWIN,
    "river PageHinkley, up": lambda: drift.PageHinkley(mode="up"),
    "river DDM": drift.binary.DDM,
    "river EDDM": drift.binary.EDDM,
    "river HDDM_A": drift.binary.HDDMA,
}
WHO: Final = (*OURS, *RIVER)


class Outcome(NamedTuple):
    """Alarms of one run: how many came before the change, when the first came after it, and how many did."""

    false: int
    delay: int | None
    after: int


def section() -> Section:
    """The part of the page."""
    found = Section("1. Changes of the error, on streams of independent errors")
    found.add(
        "Errors of 0 and 1 go through the product's own error monitor (ADWIN and Page-Hinkley, defaults, scale from the errors "
        "before the change). A cell has the median delay in errors and, in brackets, how many runs of a hundred missed the "
        "change; `confirmed` is what may open an incident. Below stand river's own detectors at their defaults. False alarms are those before the change, for each 10,000 errors.",
        f"**Bernoulli errors**: {HALF:,} at the first rate, {HALF:,} at the second, {BERNOULLI_SEEDS} seeds.",
        _bernoulli(),
        f"**A frozen model**: a Hoeffding tree trained on the first concept and frozen, {BEFORE:,} rows in control, then {AFTER:,} "
        f"after the switch, {FROZEN_SEEDS} seeds. A cell has the median delay and the misses, false alarms in the {BEFORE:,} before, "
        "and alarms after the switch.",
        _frozen(),
    )
    return found


def _bernoulli() -> Table:
    columns: dict[str, list[str]] = {who: [] for who in WHO}
    head = ["detector"]
    for rate in STEADY:
        head.append(f"false alarms at {rate:g}")
        runs = [_run(bernoulli(seed, rate, rate), 2 * HALF) for seed in range(BERNOULLI_SEEDS)]
        for who in WHO:
            columns[who].append(f"{sum(run[who].false for run in runs) / (2 * BERNOULLI_SEEDS):.2f}")
    for before, after in RATES:
        head.append(f"{before:g}→{after:g}")
        runs = [_run(bernoulli(seed, before, after), HALF) for seed in range(BERNOULLI_SEEDS)]
        for who in WHO:
            columns[who].append(_delay([run[who] for run in runs]))
    return Table(head, [[who, *cells] for who, cells in columns.items()])


def _frozen() -> Table:
    columns: dict[str, list[str]] = {who: [] for who in WHO}
    head = ["detector"]
    for switch in SWITCHES:
        streams = [frozen(switch, seed) for seed in range(FROZEN_SEEDS)]
        runs = [_run(errors, BEFORE) for errors in streams]
        before, after = (np.mean([part.mean() for part in parts]) for parts in _halves(streams))
        head.append(f"{switch.name}: {before:.3f}→{after:.3f}")
        for who in WHO:
            outcomes = [run[who] for run in runs]
            false = sum(outcome.false for outcome in outcomes) / FROZEN_SEEDS
            alarms = np.mean([outcome.after for outcome in outcomes])
            columns[who].append(f"{_delay(outcomes)}, {false:.2f}, {alarms:.1f}")
    return Table(head, [[who, *cells] for who, cells in columns.items()])


def _halves(streams: Sequence[Floats]) -> tuple[list[Floats], list[Floats]]:
    return [errors[:BEFORE] for errors in streams], [errors[BEFORE:] for errors in streams]


def _run(errors: Floats, change: int) -> dict[str, Outcome]:
    """What each detector says of a stream whose errors get worse after so many."""
    calm = errors[:change]
    scale = ErrorScale(float(calm.mean()), float(calm.std()), between=0.0, spans=30)
    watch = ErrorWatch("m", "1", Journal({}))
    watch.errors.add(np.arange(len(errors), dtype=np.float64), errors)
    watch.advance(float(len(errors)), ModelSpec(model="m", version="1", task="binary", error_scale=scale))
    worse = [found for found in watch.found.newest if found.direction == "worse"]
    by_detector = {who: [found.seen - 1 for found in worse if found.detector == who] for who in OURS[:2]}
    by_detector["confirmed"] = [found.seen - 1 for found in worse if found.confirmed]
    by_detector |= {who: _alarms(make(), errors) for who, make in RIVER.items()}
    return {who: _outcome(places, change) for who, places in by_detector.items()}


def _alarms(detector: Any, errors: Floats) -> list[int]:
    places = []
    for place, error in enumerate(errors.tolist()):
        detector.update(error)
        if detector.drift_detected:
            places.append(place)
    return places


def _outcome(places: Sequence[int], change: int) -> Outcome:
    after = [place for place in places if place >= change]
    return Outcome(len(places) - len(after), after[0] - change if after else None, len(after))


def _delay(outcomes: Sequence[Outcome]) -> str:
    delays = [outcome.delay for outcome in outcomes if outcome.delay is not None]
    missed = round(100 * (len(outcomes) - len(delays)) / len(outcomes))
    return f"{np.median(delays):.0f} ({missed})" if delays else f"– ({missed})"
