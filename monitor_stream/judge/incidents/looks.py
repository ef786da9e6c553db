"""Looks: what the checks on one thing found over one stretch of time."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Final, get_args

import msgspec

from monitor_stream.events.results import Finding, Signal
from monitor_stream.events.spec import ModelSpec

#: Detectors that speak once, when the level changes, and not again while it stays.
MOMENTARY: Final = frozenset({"adwin", "page_hinkley"})

#: The order in which a person is told.
SIGNALS: Final[tuple[Signal, ...]] = get_args(Signal)

#: Signals that are judged when all labels of a stretch are in; errors of a segment are, too.
SETTLED: Final = frozenset[Signal]({"label_drift", "fairness"})
#: Signals that are known when labels have come, up to a horizon after what caused them.
LATE: Final = SETTLED | frozenset[Signal]({"error", "contradiction"})
#: Signals that page where they are critical: right answers are missing, or likely to be, or there is no answer in time.
LOSS: Final = frozenset[Signal]({"error", "estimated_error", "service"})

#: Signals whose checks share a track: those on errors look at one series, those of fairness at one treatment of the same groups.
SHARED: Final = frozenset[Signal]({"error", "fairness"})

#: Signals that tell how things are rather than that they have changed: no part of a change that happens to come at the same time.
APART: Final = frozenset[Signal]({"fairness"})

#: What is followed apart: signal, column, check; the check is "" where all of them are followed as one.
Key = tuple[Signal, str, str]


class Look(msgspec.Struct, frozen=True, array_like=True):
    """Findings of one track over [start, end), in Unix seconds; `known` is the event time at which they were due.

    Looks are told apart from the order in which they came by `known` alone, so that every run sees one order.
    """

    known: float
    start: float
    end: float
    key: Key
    findings: list[Finding]

    @property
    def order(self) -> tuple[float, int, str, str, float]:
        """Where it belongs among others."""
        signal, column, check = self.key
        return self.known, SIGNALS.index(signal), column, check, self.start

    @property
    def firing(self) -> list[Finding]:
        """The findings that fire."""
        return [finding for finding in self.findings if finding.firing]


def looks(findings: Iterable[Finding], spec: ModelSpec) -> Iterator[Look]:
    """Findings as looks: those of one track over the same time are one.

    A detection for the worse that does not fire (it was not confirmed) says nothing of the level, and is no look.
    """
    told = (finding for finding in findings if _speaks(finding))
    for (key, start, end), together in itertools.groupby(told, _place):
        # What settled days tell is known a horizon after their end; all else was due at its end.
        settled = key[0] in SETTLED or (key[0] == "error" and key[1])
        known = end + (spec.horizon_seconds if settled else 0.0)
        yield Look(known, start, end, key, list(together))


def excess(finding: Finding) -> float:
    """How far a value is on its way from what is usual (0) to its threshold (1); 0 where that is not known.

    >>> from datetime import UTC, datetime
    >>> at = datetime(2013, 3, 1, tzinfo=UTC)
    >>> round(
    ...     excess(
    ...         Finding(
    ...             signal="error", check="level", start=at, end=at, value=0.24, expected=0.2, threshold=0.3
    ...         )
    ...     ),
    ...     2,
    ... )
    0.4
    """
    if finding.value is None or finding.threshold is None or finding.direction == "better":
        return 0.0
    usual = finding.expected or 0.0
    distance = finding.threshold - usual
    return (finding.value - usual) / distance if distance else 0.0


def _speaks(finding: Finding) -> bool:
    return finding.firing or finding.direction == "better" or finding.check not in MOMENTARY


def _place(finding: Finding) -> tuple[Key, float, float]:
    check = "" if finding.signal in SHARED else finding.check
    return (finding.signal, finding.column, check), finding.start.timestamp(), finding.end.timestamp()
