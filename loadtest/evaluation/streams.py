"""Streams of errors with a change at a known place, as in the literature on drift detectors."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final, NamedTuple

import numpy as np
from river import tree
from river.datasets import synth

from monitor_stream.events.delta import Floats

#: Errors before and after a change of the Bernoulli streams.
HALF: Final = 10_000
#: Rows a frozen model is trained on, watched on before the switch, and after it.
TRAINED, BEFORE, AFTER = 5_000, 5_000, 10_000


def bernoulli(seed: int, before: float, after: float) -> Floats:
    """Errors of 0 and 1: `HALF` with one chance, then as many with another."""
    draw = random.Random(seed * 7919 + 13).random
    return np.array(
        [float(draw() < before) for _ in range(HALF)] + [float(draw() < after) for _ in range(HALF)]
    )


class Switch(NamedTuple):
    """A stream of labelled rows that switches its concept: its name, and the generators of both for a seed."""

    name: str
    first: Callable[[int], Any]
    then: Callable[[int], Any]


SWITCHES: Final = (
    Switch(
        "STAGGER 0→1",
        lambda seed: synth.STAGGER(classification_function=0, seed=seed),
        lambda seed: synth.STAGGER(classification_function=1, seed=seed),
    ),
    Switch(
        "AGRAWAL 0→1, perturbation .05",
        lambda seed: synth.Agrawal(classification_function=0, perturbation=0.05, seed=seed),
        lambda seed: synth.Agrawal(classification_function=1, perturbation=0.05, seed=seed),
    ),
    Switch(
        "LED .1→LEDDrift(3)",
        lambda seed: synth.LED(noise_percentage=0.1, irrelevant_features=True, seed=seed),
        lambda seed: synth.LEDDrift(
            noise_percentage=0.1, irrelevant_features=True, n_drift_features=3, seed=seed
        ),
    ),
    Switch(
        "SEA 2→3, noise .1",
        lambda seed: synth.SEA(variant=2, noise=0.1, seed=seed),
        lambda seed: synth.SEA(variant=3, noise=0.1, seed=seed),
    ),
    Switch(
        "SEA 0→2, noise .1 (no change of the error)",
        lambda seed: synth.SEA(variant=0, noise=0.1, seed=seed),
        lambda seed: synth.SEA(variant=2, noise=0.1, seed=seed),
    ),
)


def frozen(switch: Switch, seed: int) -> Floats:
    """Errors of a Hoeffding tree that was trained on the first concept and then frozen; the switch is at `BEFORE`."""
    model: Any = tree.HoeffdingTreeClassifier()
    rows = _rows(switch.first(seed))
    for x, y in islice(rows, TRAINED):
        model.learn_one(x, y)
    watched = [*islice(rows, BEFORE), *islice(_rows(switch.then(seed + 1000)), AFTER)]
    return np.array([float(model.predict_one(x) != y) for x, y in watched])


def _rows(generator: Any) -> Iterator[tuple[dict[Any, Any], Any]]:
    return iter(generator)
