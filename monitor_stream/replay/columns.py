"""Which column of a table is what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from monitor_stream.errors import InputError
from monitor_stream.events.spec import ModelSpec

#: Roles a table has one column for; a column that bears the role's name is found without being told.
ROLES = (
    "prediction_id",
    "timestamp",
    "prediction",
    "score",
    "label",
    "label_timestamp",
    "latency_seconds",
    "interval_low",
    "interval_high",
    "error",
    "version",
)
#: Roles with a name of their own after a dot: ``feature.age=customer_age``.
NAMED_ROLES = ("feature", "segment", "score")


class Columns(msgspec.Struct, frozen=True, kw_only=True):
    """The columns of a table of predictions and their labels.

    Parameters
    ----------
    timestamp
        When the model answered; the only column that has to be there, beside a prediction, a score or an error.
    prediction_id
        Without it the rows are numbered.
    label, label_timestamp
        The truth, missing where it is not known, and when it was known; without a time it comes with the prediction.
    interval_low, interval_high
        Both ends of the range in which the truth is expected; one does not go without the other.
    scores
        Class → column of its probability, in a multiclass task.
    features, segments
        Name in the event → column.
    version
        Which version of the model answered; without it that of the spec.
    """

    timestamp: str
    prediction_id: str | None = None
    prediction: str | None = None
    score: str | None = None
    scores: dict[str, str] = {}
    label: str | None = None
    label_timestamp: str | None = None
    latency_seconds: str | None = None
    interval_low: str | None = None
    interval_high: str | None = None
    error: str | None = None
    features: dict[str, str] = {}
    segments: dict[str, str] = {}
    version: str | None = None

    @classmethod
    def find(cls, spec: ModelSpec, names: Iterable[str], given: Mapping[str, str] | None = None) -> Columns:
        """The roles of the columns `names`: as `given` (role → column), else by the names of roles, features and
        segments of the spec.

        >>> spec = ModelSpec(model="m", task="regression", segments=["city"])
        >>> found = Columns.find(spec, ["at", "prediction", "label", "city"], {"timestamp": "at"})
        >>> found.timestamp, found.label, found.segments
        ('at', 'label', {'city': 'city'})

        Raises `InputError` for an unknown role, a column that is not there, or a role that is needed and missing.
        """
        present = list(names)
        given = dict(given or {})
        _check(given, present)
        single = {role: given.get(role, role if role in present else None) for role in ROLES}
        if single["timestamp"] is None:
            raise InputError(
                f"No column says when the predictions were made: name one with --columns timestamp=COLUMN. "
                f"The columns are {', '.join(present)}"
            )
        features = {f.name: f.name for f in spec.features if f.name in present} | _named(given, "feature")
        _check_interval(given, single)
        if "version" not in given and "version" in features:
            single["version"] = None  # of something else: an app, a form
        segments = {
            name: name for name in spec.group_names if name in present and name not in features
        } | _named(given, "segment")
        scores = _named(given, "score")
        if not (single["prediction"] or single["score"] or single["error"] or scores):
            raise InputError("No column holds the predictions: name one with --columns prediction=COLUMN")
        return msgspec.convert({**single, "scores": scores, "features": features, "segments": segments}, cls)

    def used(self) -> list[str]:
        """The columns that are read, each once."""
        single = [getattr(self, role) for role in ROLES]
        named = [*self.scores.values(), *self.features.values(), *self.segments.values()]
        return list(dict.fromkeys(name for name in [*single, *named] if name is not None))


def _named(given: Mapping[str, str], role: str) -> dict[str, str]:
    prefix = f"{role}."
    return {name.removeprefix(prefix): column for name, column in given.items() if name.startswith(prefix)}


def _check_interval(given: Mapping[str, str], single: dict[str, str | None]) -> None:
    """An interval has two ends: one that was named alone is a mistake, one that was found alone is something else."""
    ends = ("interval_low", "interval_high")
    missing = [end for end in ends if single[end] is None]
    if len(missing) == 1:
        if any(end in given for end in ends):
            raise InputError(f"An interval has two ends: name the other with --columns {missing[0]}=COLUMN")
        single.update(dict.fromkeys(ends))


def _check(given: Mapping[str, str], present: list[str]) -> None:
    for role, column in given.items():
        kind, _, name = role.partition(".")
        if role not in ROLES and not (name and kind in NAMED_ROLES):
            known = [*ROLES, *(f"{kind}.NAME" for kind in NAMED_ROLES)]
            raise InputError(f"A table has no role {role!r}; the roles are {', '.join(known)}")
        if column not in present:
            raise InputError(f"The table has no column {column!r}; its columns are {', '.join(present)}")
