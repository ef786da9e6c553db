"""The models of the stream, as a user would write their specs: plain JSON. Two models have none."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

Spec = dict[str, Any]


def _numeric(mean: float, std: float, low: float, high: float) -> Spec:
    step = (high - low) / 40
    return {
        "type": "numeric",
        "n": 10_000,
        "missing": 0.0,
        "mean": mean,
        "std": std,
        "minimum": low,
        "maximum": high,
        "edges": [low + step * edge for edge in range(1, 40)],
        "shares": [0.025] * 40,
    }


_TERMS: Final[Spec] = {
    "window_seconds": 60.0,
    "horizon_seconds": 600.0,
    "allowed_disorder_seconds": 20.0,
    "duplicate_window_seconds": 120.0,
}


def _price(version: str) -> Spec:
    return {
        "model": "price",
        "version": version,
        "task": "regression",
        "features": [
            {
                "name": "size",
                "kind": "numeric",
                "minimum": 0.0,
                "maximum": 100.0,
                "reference": _numeric(50.0, 20.0, 0.0, 100.0),
            },
            {"name": "age", "kind": "numeric"},
            {"name": "new", "kind": "boolean"},
            {
                "name": "kind",
                "kind": "categorical",
                "reference": {
                    "type": "categorical",
                    "n": 10_000,
                    "missing": 0.0,
                    "shares": {"flat": 0.5, "house": 0.5},
                    "other": 0.0,
                },
            },
        ],
        "segments": ["region", "kind"],
        "tolerance": 8.0,
        "relative_tolerance": 0.25,
        "objective": 0.9,
        "error_scale": {"mean": 4.0, "std": 3.0},
        "label": _numeric(80.0, 30.0, 0.0, 200.0),
        "prediction": _numeric(80.0, 30.0, 0.0, 200.0),
        "created": 1_690_000_000.0,
        **_TERMS,
    }


_FRAUD: Final[Spec] = {
    "model": "fraud",
    "version": "7",
    "task": "binary",
    "positive": "true",
    "threshold": 0.4,
    "features": [{"name": "amount", "kind": "numeric", "minimum": 0.0}],
    "segments": ["country"],
    "error_scale": {"mean": 0.1, "std": 0.3},
    "created": 1_690_000_000.0,
    **_TERMS,
}

_TOPIC: Final[Spec] = {
    "model": "topic",
    "version": "1",
    "task": "multiclass",
    "classes": ["art", "law", "war"],
    "created": 1_690_000_000.0,
    **_TERMS,
}

#: Published before the stream begins.
SPECS: Final[tuple[Spec, ...]] = (_price("1"), _price("2"), _FRAUD, _TOPIC)

#: What stands in for a spec where nobody published one (docs: a model without one is monitored from its first event).
UNPUBLISHED: Final[Spec] = {
    "window_seconds": 300.0,
    "horizon_seconds": 7 * 86400.0,
    "allowed_disorder_seconds": 60.0,
    "duplicate_window_seconds": 3600.0,
    "max_future_seconds": 3600.0,
    "threshold": 0.5,
    "features": [],
}

#: Model → its versions, those without a spec included.
VERSIONS: Final[dict[str, tuple[str, ...]]] = {
    "price": ("1", "2"),
    "fraud": ("7",),
    "topic": ("1",),
    "demand": ("0",),  # a regression without a spec
    "mood": ("b", "a"),  # classes without a spec
}


@cache
def spec_of(model: str, version: str) -> Spec:
    """The spec of a version, with all that it leaves to defaults."""
    for spec in SPECS:
        if (spec["model"], spec["version"]) == (model, version):
            return UNPUBLISHED | spec
    task = "regression" if model == "demand" else "multiclass"
    return UNPUBLISHED | {
        "model": model,
        "version": version,
        "task": task,
        "segments": ["shop"] if model == "demand" else ["channel"],
    }
