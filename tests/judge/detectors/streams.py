"""Streams that several tests feed: published golden sequences, and 0/1 errors at two levels."""

import random

import numpy as np

from monitor_stream.events.delta import Floats


def s1() -> Floats:
    state = np.random.RandomState(1)
    values = np.concatenate((state.normal(0, 0.1, 1000) > 0, state.normal(0.5, 0.1, 1000) > 0))
    return values.astype(float)


def s2() -> Floats:
    rng = random.Random(12345)
    return np.array(rng.choices([0, 1], k=1000) + rng.choices(range(4, 8), k=1000), float)


def s3() -> Floats:
    rng = np.random.default_rng(42)
    values = rng.integers(0, 2, 2000).astype(float)
    values[1000:] = rng.integers(6, 12, 1000)
    return values


def errors(seed: int, *levels: float, count: int = 10_000) -> Floats:
    """`count` errors at each level, as the Bernoulli table was made with."""
    rng = random.Random(seed * 7919 + 13)
    return np.array([rng.random() < level for level in levels for _ in range(count)], float)


def split(rng: np.random.Generator, length: int) -> list[slice]:
    """A random split into parts, some of them empty, some of one value."""
    cuts = np.sort(rng.integers(0, length + 1, int(rng.integers(0, 40))))
    return [slice(a, b) for a, b in zip([0, *cuts.tolist()], [*cuts.tolist(), length], strict=True)]
