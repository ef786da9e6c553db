"""When nothing has moved: how often each distance alarms, against the level it states.

``python -m loadtest.evaluation.null`` prints the whole study (some minutes); `study` gives its numbers.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec
import numpy as np

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
    levels: Sequence[float] = (0.01, 0.001),
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


def table(rates: Sequence[Rate], level: float) -> str:
    """Rates over the level, a row a kind and method: 1.00 is what is stated."""
    sizes = sorted({rate.n for rate in rates})
    found = {(rate.kind, rate.method, rate.n): rate.rate / level for rate in rates if rate.level == level}
    lines = [f"| rate / {level:g} | " + " | ".join(f"{n:,}" for n in sizes) + " |"]
    lines.append("|---|" + "---|" * len(sizes))
    for kind, method in dict.fromkeys((rate.kind, rate.method) for rate in rates):
        cells = [found.get((kind, method, n)) for n in sizes]
        shown = " | ".join("–" if value is None else f"{value:.2f}" for value in cells)
        lines.append(f"| {kind}, {method} | {shown} |")
    return "\n".join(lines)


def main() -> None:
    """Print the study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--trials", type=int, default=200_000)
    parser.add_argument("--reference", type=int, default=10_000, help="values in the reference")
    options = parser.parse_args()
    levels = (0.01, 0.001)
    rates = study(levels=levels, m=options.reference, trials=options.trials)
    for level in levels:
        print(table(rates, level), end="\n\n")


if __name__ == "__main__":
    main()
