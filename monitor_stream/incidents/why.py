"""The why of an incident in lines, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from monitor_stream.events.results import Explanation, SegmentLoss, Suspect

#: Features named of a sampled row, and categories or intervals of a suspect.
_FEATURES: Final = 8
_MOVED: Final = 3


def explain(why: Explanation, most: int = 3) -> Iterator[tuple[str, str]]:
    """What is known, the likeliest first: (what, sentence), at most so many of each. Nothing in it is escaped.

    >>> from datetime import UTC, datetime
    >>> why = Explanation(
    ...     since=datetime(2013, 3, 3, tzinfo=UTC),
    ...     suspects=[Suspect(feature="hour", rank=2.0, drift=4.0, importance=0.5)],
    ... )
    >>> list(explain(why))
    [('since', '2013-03-03 00:00 UTC'), ('suspect', 'hour: 4.0 times its threshold, 50 % of what the model leans on')]
    """
    yield "since", f"{_minute(why.since)} UTC"
    yield from (("suspect", _suspect(suspect)) for suspect in why.suspects[:most])
    yield from (("segment", carried(loss)) for loss in why.segments[:most])
    yield from (
        ("changed", f"{change.what} at {_minute(change.at)} UTC: {change.detail}")
        for change in why.changes[:most]
    )
    yield from (("row before", _row(row)) for row in why.before[:most])
    yield from (("row after", _row(row)) for row in why.after[:most])


def carried(loss: SegmentLoss) -> str:
    """What a segment carries of the loss, in words.

    >>> carried(
    ...     SegmentLoss(
    ...         segment="carrier", value="EV", n=4100, metric=0.31, low=0.29, high=0.33, rest=0.2, loss=0.14
    ...     )
    ... )
    'carrier = EV carries 14.0 % of the loss: 0.31 [0.29, 0.33] against 0.2 elsewhere, n 4,100'
    """
    return (
        f"{loss.segment} = {loss.value} carries {100 * loss.loss:.1f} % of the loss: {loss.metric:.4g} "
        f"[{loss.low:.4g}, {loss.high:.4g}] against {loss.rest:.4g} elsewhere, n {loss.n:,}"
    )


def _suspect(suspect: Suspect) -> str:
    known = suspect.importance is not None
    leans = f", {_percent(suspect.importance or 0.0)} of what the model leans on" if known else ""
    moved = "; ".join(
        f"{name} {_percent(before)} → {_percent(now)}" for name, before, now in suspect.top[:_MOVED]
    )
    return f"{suspect.feature}: {suspect.drift:.1f} times its threshold{leans}" + (
        f" ({moved})" if moved else ""
    )


def _row(row: Mapping[str, float | str | None]) -> str:
    told = [f"{name} {_value(value)}" for name, value in list(row.items())[:_FEATURES]]
    return ", ".join(told) + (f", and {len(row) - _FEATURES} more" if len(row) > _FEATURES else "")


def _value(value: float | str | None) -> str:
    if value is None:
        return "missing"
    return value if isinstance(value, str) else f"{value:.6g}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _minute(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
