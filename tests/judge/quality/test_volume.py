"""Counts by hour of the week."""

import math

import numpy as np
import pytest

from monitor_stream.events.delta import Floats
from monitor_stream.events.results import Finding
from monitor_stream.judge.persist import Journal
from monitor_stream.judge.quality.volume import WEEK, Volume
from monitor_stream.judge.sums import Rows, Sums
from monitor_stream.judge.windows import OpenWindow

MONDAY = 4 * 86400  # 5 January 1970
HOURS = 168


def window(hour: int, count: float, *, seconds: float = 3600.0, at: float = 0.0) -> OpenWindow:
    sums = Sums()
    sums.add("traffic", Rows([""], np.array([[count, 0.0]])))
    return OpenWindow("", int(MONDAY + hour * 3600 + at), seconds, sums)


def follow(counts: Floats, *, volume: Volume | None = None, first: int = 0) -> list[Finding]:
    """What is found when each hour has so many predictions; an hour with none has no window."""
    volume = volume or Volume("m", "1", Journal({}))
    found: list[Finding] = []
    for hour, count in enumerate(counts, first):
        closed = [window(hour, count)] if count else []
        found += volume.take(closed, MONDAY + (hour + 1) * 3600.0)
    return found


def rhythm(weeks: int, *, seed: int = 0, spread: float = 0.1) -> Floats:
    """Quiet nights, busy days, quiet weekends, with noise."""
    rng = np.random.default_rng(seed)
    hours = np.arange(weeks * HOURS)
    level = (
        200.0 * (1.2 + np.sin((hours % 24 - 6) / 24 * 2 * math.pi)) * np.where(hours % HOURS >= 120, 0.4, 1.0)
    )
    return rng.poisson(level * np.exp(rng.normal(0.0, spread, len(hours)))).astype(float)


def test_a_rhythm_is_no_surprise() -> None:
    """Half a year of nights and weekends: no two hours in a row fire, and every hour from the fifth week on is told."""
    found = follow(rhythm(26))
    firing = [at for at, finding in enumerate(found) if finding.firing]
    assert len(firing) <= 2
    assert 1 not in np.diff(firing)
    assert len(found) == 22 * HOURS - 1


@pytest.mark.parametrize("factor", [0.0, 0.2, 4.0])
def test_a_day_with_far_fewer_or_more_fires_each_hour(factor: float) -> None:
    """From the hour it begins to the hour it ends, and nowhere else; the sentence has both counts."""
    counts = rhythm(8)
    day = slice(7 * HOURS + 24, 7 * HOURS + 48)
    counts[day] = np.round(counts[day] * factor)
    fired = [finding for finding in follow(counts) if finding.firing]
    assert {finding.start.weekday() for finding in fired} == {1}
    assert len(fired) >= 18
    noon = next(finding for finding in fired if finding.start.hour == 12)
    assert noon.detail.endswith("usually about " + f"{noon.expected:,.0f}.")
    assert noon.detail.startswith(f"{counts[day][12]:,.0f} predictions from Tuesday 12:00 UTC on")


def test_an_outage_is_not_learned_and_a_new_level_is() -> None:
    """The week after an outage is quiet; a level that stays is the usual after some weeks."""
    counts = rhythm(12)
    counts[6 * HOURS : 6 * HOURS + 48] = 0.0
    late = [f for f in follow(counts) if f.firing and f.start.timestamp() >= MONDAY + 6 * WEEK + 48 * 3600]
    assert not late
    counts = rhythm(20)
    counts[6 * HOURS :] *= 3.0
    last = [f for f in follow(counts) if f.firing and f.start.timestamp() >= MONDAY + 16 * WEEK]
    assert not last


def test_a_restart_changes_nothing() -> None:
    """What is stored goes on to the same findings."""
    counts = rhythm(7)
    journal = Journal({})
    volume = Volume("m", "1", journal)
    whole = follow(counts)
    parts: list[Finding] = []
    for first in range(0, len(counts), 100):
        parts += follow(counts[first : first + 100], volume=volume, first=first)
        (data,) = (value for name, value in journal.take().puts.items() if "volume" in name)
        volume = Volume("m", "1", journal)
        volume.restore(data)
    assert parts == whole


def test_short_windows_are_added_up_to_hours_and_long_ones_are_their_own_unit() -> None:
    """Five-minute windows give the findings of hours; windows of a day have seven slots."""
    counts = 4.0 * rhythm(6)
    volume = Volume("m", "1", Journal({}))
    found: list[Finding] = []
    for hour, count in enumerate(counts):
        closed = [window(hour, count / 4, seconds=900.0, at=900.0 * part) for part in range(4)]
        found += volume.take(closed, MONDAY + (hour + 1) * 3600.0)
    assert [(f.start, f.value) for f in found] == [(f.start, f.value) for f in follow(counts)]
    days = Volume("m", "1", Journal({}))
    found = [
        f
        for day in range(70)
        for f in days.take([window(24 * day, 1000.0, seconds=86400.0)], MONDAY + 86400.0 * (day + 1))
    ]
    assert len(found) == 70 - 28 - 1


def test_long_silence_is_bounded_work() -> None:
    """An event a century later is judged against four weeks of silence at most."""
    volume = Volume("m", "1", Journal({}))
    follow(rhythm(6), volume=volume)
    found = volume.take([window(100 * 365 * 24, 5.0)], MONDAY + (100 * 365 * 24 + 1) * 3600.0)
    assert len(found) <= 5 * HOURS


@pytest.mark.parametrize("shift", [-1, 1])
def test_a_change_of_clocks_is_no_alarm(shift: int) -> None:
    """From one week to the next everything comes an hour earlier, or later: nothing fires twice in a row."""
    quiet_nights = np.where(np.arange(8 * HOURS) % 24 < 5, 0.0, rhythm(8))
    counts = np.concatenate([quiet_nights[: 6 * HOURS], np.roll(quiet_nights, shift)[6 * HOURS :]])
    firing = [at for at, finding in enumerate(follow(counts)) if finding.firing]
    assert 1 not in np.diff(firing)
    assert len(firing) <= 2
