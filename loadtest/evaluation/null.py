"""When nothing has moved: how often each distance alarms, against the level it states.

`section` shows the whole study (some minutes); `study` gives its numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec
import numpy as np

from loadtest.evaluation.document import Section, Table
from monitor_stream.events.delta import Floats
from monitor_stream.events.spec import (
    Calibration,
    CategoricalReference,
    Distance,
    NumericReference,
    Reference,
)
from monitor_stream.judge.drift.bins import Bins, NotComputableError
from monitor_stream.judge.drift.calibration import threshold
from monitor_stream.judge.drift.distances import Measure
from monitor_stream.judge.drift.folding import SIZES, fold
from monitor_stream.judge.drift.methods import methods
from monitor_stream.judge.drift.reference import numeric_reference
from monitor_stream.judge.drift.simulation import calibrate

LEVELS: Final = (0.01, 0.001)
#: How far from the stated level a rate may be.
TOLERANCE: Final = 0.3
_CLASSES: Final = (0.3, 0.22, 0.15, 0.1, 0.08, 0.05, 0.035, 0.025, 0.015, 0.01, 0.007, 0.004, 0.003, 0.001)


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """How often a distance exceeded its threshold of a level, over windows of n values in which nothing had moved."""

    kind: str
    method: Distance
    n: int
    level: float
    rate: float
    trials: int


def numeric(values: Floats) -> NumericReference:
    """A reference of these values, as `profile` makes it."""
    return numeric_reference(values, len(values))


def _classes(m: int, rng: np.random.Generator) -> CategoricalReference:
    counts = rng.multinomial(m, _CLASSES)
    return CategoricalReference(
        n=m, missing=0.0, shares={f"class {index}": count / m for index, count in enumerate(counts) if count}
    )


def reference(kind: str, m: int, rng: np.random.Generator) -> Reference:
    """One sample of m values as a reference."""
    match kind:
        case "numeric":
            return numeric(rng.standard_normal(m))
        case "heavy-tailed":
            return numeric(rng.lognormal(sigma=1.5, size=m))
        case "few-valued":
            return numeric(rng.poisson(2.0, m).astype(np.float64))
        case "two-valued":
            return numeric((rng.random(m) < 0.1).astype(np.float64))
        case _:
            return _classes(m, rng)


KINDS: Final = ("numeric", "heavy-tailed", "few-valued", "two-valued", "rare classes")


def study(
    kinds: Sequence[str] = KINDS,
    *,
    levels: Sequence[float] = LEVELS,
    sizes: Sequence[int] = SIZES,
    m: int = 10_000,
    trials: int = 200_000,
    references: int = 8,
    seed: int = 0,
) -> list[Rate]:
    """The false-alarm rates of all distances.

    In each trial a reference of m values and a window of n are drawn from one population. As many as `references` are made and
    calibrated as `profile` does it, and lend bins, positions and calibrations to the others.
    """
    rng = np.random.default_rng(seed)
    found: list[Rate] = []
    for kind in kinds:
        lent = [reference(kind, m, rng) for _ in range(references)]
        found += _rates(kind, lent, levels, sizes, m=m, trials=trials, rng=rng)
    return found


def _rates(
    kind: str,
    lent: Sequence[Reference],
    levels: Sequence[float],
    sizes: Sequence[int],
    *,
    m: int,
    trials: int,
    rng: np.random.Generator,
) -> Iterator[Rate]:
    laws = [_calibrations(each) for each in lent]
    part = trials // len(lent)
    for n in sizes:
        hits: dict[tuple[Distance, float], list[int]] = {}
        for each, law in zip(lent, laws, strict=True):
            bins = Bins.of(each)
            before, truth = _population(kind, bins, m, part, rng)
            now = rng.multinomial(n, truth).astype(np.float64)
            for method, calibration in law.items():
                try:
                    measure = Measure.of(bins, method, n)
                except NotComputableError:
                    continue
                values = _values(measure, before, now)
                for level in levels:
                    hit = np.count_nonzero(values >= threshold(calibration, level, n, m))
                    hits.setdefault((method, level), []).append(int(hit))
        for (method, level), counts in hits.items():
            yield Rate(
                kind=kind,
                method=method,
                n=n,
                level=level,
                rate=sum(counts) / (part * len(counts)),
                trials=part * len(counts),
            )


def _calibrations(of: Reference) -> Mapping[Distance, Calibration]:
    found = {}
    for method in methods(of):
        try:
            found[method] = calibrate(of, method)
        except NotComputableError:
            continue
    return found


def _population(
    kind: str, bins: Bins, m: int, trials: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Shares that references of m values have, and the true ones; shape ``(trials, bins)``."""
    if kind in {"numeric", "heavy-tailed"}:
        # Bins end at order statistics of the reference: what truly lies between those is Dirichlet distributed, exactly.
        truth = rng.dirichlet(bins.shares * m, size=trials)
        return np.broadcast_to(bins.shares, truth.shape), truth
    before = rng.multinomial(m, bins.shares, size=trials) / m
    return before, np.broadcast_to(bins.shares, before.shape)


def _values(measure: Measure, before: Floats, now: Floats) -> Floats:
    shares = fold(before, measure.cells)
    return msgspec.structs.replace(measure, shares=shares)(now)


def section(trials: int = 120_000) -> Section:
    """The part of the page."""
    rates = study(trials=trials)
    found = Section("2. When nothing has moved")
    found.add(
        f"Windows of n values against references of 10,000 of the same population, {trials:,} trials a cell: the rate of false alarms "
        "of every distance over the stated level (1 is as stated), at thresholds calibrated as `profile` does it. Significance alone: "
        "the floor, below which a difference alarms nobody, is left out, and so is the correction for many columns. A dash: too few "
        "values for what is asked, so the distance says `not computable`.",
    )
    for level in LEVELS:
        outside = [rate for rate in rates if rate.level == level and not _within(rate)]
        found.add(
            f"**Level {level:g}**",
            table(rates, level),
            _outside(outside, sum(r.level == level for r in rates)),
        )
    return found


def _within(rate: Rate) -> bool:
    return abs(rate.rate / rate.level - 1.0) <= TOLERANCE


def _outside(rates: Sequence[Rate], cells: int) -> str:
    said = f"{cells - len(rates)} of {cells} cells are within {TOLERANCE:.0%} of the stated level"
    if not rates:
        return f"{said}."
    which = ", ".join(f"{r.method} of {r.kind} at n = {r.n:,} ({r.rate / r.level:.2f})" for r in rates)
    return f"{said}; outside: {which}."


def table(rates: Sequence[Rate], level: float) -> Table:
    """Rates over the level, a row a kind and method: 1.00 is what is stated."""
    sizes = sorted({rate.n for rate in rates})
    found = {(rate.kind, rate.method, rate.n): rate.rate / level for rate in rates if rate.level == level}
    rows: list[list[object]] = []
    for kind, method in dict.fromkeys((rate.kind, rate.method) for rate in rates):
        cells = [found.get((kind, method, n)) for n in sizes]
        rows.append([kind, method, *("–" if value is None else f"{value:.2f}" for value in cells)])
    return Table(["column", "distance", *(f"{n:,}" for n in sizes)], rows)
