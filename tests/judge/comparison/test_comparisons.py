"""Who is compared with whom, on what, and who hears of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
import numpy as np
import pytest

from monitor_stream.events.codec import decode_json, encode_json
from monitor_stream.events.delta import PAIRED_ROWS, Floats, PairedSample
from monitor_stream.events.results import Comparison
from monitor_stream.events.spec import DAY, HOUR, CompareRules, DriftRules, ModelSpec, Stage, Task
from monitor_stream.judge.comparison import Comparisons
from monitor_stream.judge.comparison.comparisons import MAX_ENDED, MAX_RUNNING
from monitor_stream.judge.comparison.held import MAX_HELD
from monitor_stream.judge.comparison.trial import MAX_VALUES
from monitor_stream.judge.persist import Journal, fields

Specs = Mapping[str, ModelSpec]
#: Errors of a version, given the day and the hashes of the ids.
Errors = Callable[[int, Any], Floats]


def spec(version: str, stage: Stage, task: Task = "binary", **given: Any) -> ModelSpec:
    return ModelSpec(model="m", version=version, task=task, stage=stage, created=float(version), **given)


def both(task: Task = "binary", **given: Any) -> dict[str, ModelSpec]:
    """Champion 1, challenger 2."""
    return {"1": spec("1", "champion", task), "2": spec("2", "challenger", task, **given)}


def wrong(rate: float, seed: int) -> Errors:
    """0/1 errors, of which some are the same for all versions."""

    def errors(day: int, hashes: Any) -> Floats:
        hard = np.random.default_rng(day).random(len(hashes)) < 0.2
        own = np.random.default_rng([day, seed]).random(len(hashes)) < rate
        return (hard | own).astype(float)

    return errors


def hashes(day: int, n: int, version: int = 0) -> Any:
    found = np.random.default_rng([day, version]).integers(0, 2**63, n, dtype=np.uint64)
    return np.unique(found)


def take(  # noqa: PLR0917 in the order in which one would say it
    comparisons: Comparisons,
    version: str,
    day: int,
    ids: Any,
    errors: Floats,
    values: list[str] | None = None,
) -> None:
    """Give a day's sample as OBSERVE sends it: those of the smallest hashes; values by turns."""
    ids, errors = ids[:PAIRED_ROWS], errors[:PAIRED_ROWS]
    codes = None if values is None else (np.arange(len(ids)) % len(values)).astype(np.uint16)
    sample = PairedSample.pack(int(day * DAY), ids, errors, values, codes)
    comparisons.take(version, [sample], DAY)


def over(day: int) -> float:
    """The clock at which a day is over."""
    return (day + 1) * DAY + HOUR


def run(
    specs: Specs,
    errors: Mapping[str, Errors],
    days: Iterable[int] = range(12),
    *,
    n: int = 600,
    paired: bool = True,
) -> tuple[Comparisons, list[Comparison]]:
    """Some days of versions; what was told on the way."""
    comparisons, news = Comparisons("m", Journal({})), []
    for day in days:
        for number, (version, of_version) in enumerate(errors.items()):
            ids = hashes(day, n, 0 if paired else number)
            take(comparisons, version, day, ids, of_version(day, ids))
        news += comparisons.advance(over(day), specs)
    return comparisons, news


EQUAL = {"1": wrong(0.1, 1), "2": wrong(0.1, 2)}
BETTER = {"1": wrong(0.2, 1), "2": wrong(0.02, 2)}


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("paired", [True, False])
def test_a_better_challenger_is_told_once(task: Task, *, paired: bool) -> None:
    """Its errors are lower, with an interval below 0; that is told once, when it is first so, and never again."""
    comparisons, news = run(both(task), BETTER, range(30), paired=paired)
    (told,) = news
    (found,) = comparisons.document()
    assert (told.verdict, told.model, told.champion, told.challenger) == ("better", "m", "1", "2")
    assert told.decided == told.until
    assert (found.verdict, found.decided, found.paired) == ("better", told.decided, paired)
    assert found.low < found.effect < found.high < 0.0
    assert found.effect == pytest.approx(found.challenger_error - found.champion_error)
    assert found.effect == pytest.approx(0.8 * -0.18, abs=0.02)


def test_pairs_are_those_of_the_ids_that_both_answered() -> None:
    """Effect and number are those of a plain look at the ids in common, up to where both samples are whole."""
    rng = np.random.default_rng(0)
    comparisons, specs = Comparisons("m", Journal({})), both("regression")
    differences: list[float] = []
    for day in range(5):
        many, few = hashes(day, 20_000), rng.permutation(hashes(day, 20_000))[:6_000]
        answered = {
            version: dict(zip(np.sort(ids).tolist(), rng.exponential(1.0, len(ids)).tolist(), strict=True))
            for version, ids in (("1", many), ("2", few))
        }
        kept = {version: dict(list(of.items())[:PAIRED_ROWS]) for version, of in answered.items()}
        limit = min(max(of) for of in kept.values())
        common = [each for each in answered["2"] if each in answered["1"] and each <= limit]
        differences += [answered["2"][each] - answered["1"][each] for each in common]
        for version, of in answered.items():
            ids = np.array(list(of), np.uint64)
            take(comparisons, version, day, ids, np.array(list(of.values())))
        comparisons.advance(over(day), specs)
    (found,) = comparisons.document()
    assert (found.n, found.paired) == (len(differences), True)
    assert found.effect == pytest.approx(np.mean(differences))


def test_where_ids_differ_the_spans_are_the_pairs() -> None:
    """Of two versions that share the requests the difference is that of means, each day by what it weighs, but for the first."""
    comparisons, _ = run(both(), EQUAL, range(6), n=400, paired=False)
    (found,) = comparisons.document()
    effects, weights = [], []
    for day in range(1, 6):
        ids = [hashes(day, 400, number) for number in range(2)]
        means = [EQUAL[version](day, of).mean() for version, of in zip("12", ids, strict=True)]
        effects.append(means[1] - means[0])
        weights.append(len(ids[0]) * len(ids[1]) / (len(ids[0]) + len(ids[1])))
    assert not found.paired
    assert (found.spans, found.n) == (5, sum(len(hashes(day, 400, 1)) for day in range(1, 6)))
    assert found.effect == pytest.approx(np.average(effects, weights=weights))


def test_the_way_of_comparing_stays() -> None:
    """Once ids are in common they are compared, also when later days have none; and the other way round."""
    specs = both()
    comparisons = Comparisons("m", Journal({}))
    for day in range(6):
        for number, version in enumerate("12"):
            ids = hashes(day, 600, number if day >= 3 else 0)
            take(comparisons, version, day, ids, EQUAL[version](day, ids))
        comparisons.advance(over(day), specs)
    (found,) = comparisons.document()
    assert (found.paired, found.spans) == (True, 3)
    comparisons = Comparisons("m", Journal({}))
    for day in range(6):
        for number, version in enumerate("12"):
            ids = hashes(day, 1_500, number if day < 3 else 0)
            take(comparisons, version, day, ids, EQUAL[version](day, ids))
        comparisons.advance(over(day), specs)
    (found,) = comparisons.document()
    assert (found.paired, found.spans) == (False, 5)


def test_it_is_too_early_to_say_until_it_is_not() -> None:
    """From the first day there is an answer; of equals it stays the same, and the interval holds 0."""
    for days in (1, 2, 40):
        comparisons, news = run(both(), EQUAL, range(days))
        (found,) = comparisons.document()
        assert news == []
        assert (found.verdict, found.decided, found.spans) == ("too early to say", None, days)
        assert -1.0 <= found.low <= 0.0 <= found.high <= 1.0
    sizes: dict[str, Errors] = {"1": lambda _, ids: ids % 7 / 2.0, "2": lambda _, ids: ids % 5 / 2.0}
    comparisons, _ = run(both("regression"), sizes, range(2))
    (found,) = comparisons.document()
    assert (found.low, found.high) == (-3.0, 3.0)  # the largest error seen


def test_a_difference_below_the_least_that_counts_is_none() -> None:
    """The whole interval within the least effect: no difference, and nothing to tell."""
    rules = CompareRules(minimum_effect=0.05)
    comparisons, news = run(both(compare=rules), EQUAL, range(40))
    (found,) = comparisons.document()
    assert (found.verdict, news) == ("no difference", [])
    assert -0.05 <= found.low < 0.0 < found.high <= 0.05


def test_segment_values_share_the_level() -> None:
    """Each value has its own comparison at a part of the level, the largest first where there are too many; none is told."""
    specs = both(compare=CompareRules(segment="city"))
    comparisons, news = Comparisons("m", Journal({})), []
    values = [f"{number:02}" for number in range(MAX_VALUES + 5)]
    for day in range(10):
        ids = hashes(day, 4_000)
        for version, errors in BETTER.items():
            take(comparisons, version, day, ids, errors(day, ids), values)
        news += comparisons.advance(over(day), specs)
    whole, *parts = comparisons.document()
    assert [whole.group, *(part.group for part in parts)] == ["", *(f"city={v}" for v in values[:MAX_VALUES])]
    assert {part.alpha for part in parts} == {0.05 / MAX_VALUES}
    assert whole.alpha == 0.05
    assert [told.group for told in news] == [""]
    assert whole.n == 40_000
    assert all(part.n == 1_600 for part in parts)


def test_different_tasks_and_spans_are_not_compared() -> None:
    """It is said why; and when a new spec makes them comparable, they are."""
    comparisons, news = run({"1": spec("1", "champion", "regression"), "2": spec("2", "shadow")}, BETTER)
    (found,) = comparisons.document()
    assert found.not_computable == "version 2 is binary, the champion 1 is regression"
    assert (found.verdict, found.n, news) == ("too early to say", 0, [])
    hourly = {"1": spec("1", "champion"), "2": spec("2", "shadow", drift=DriftRules(span_seconds=HOUR))}
    comparisons, _ = run(hourly, BETTER)
    assert comparisons.document()[0].not_computable.startswith("a span of version 2 lasts 3600 s")
    for day in (12, 13):
        ids = hashes(day, 600)
        for version, errors in BETTER.items():
            take(comparisons, version, day, ids, errors(day, ids))
        comparisons.advance(over(day), both())
    (found,) = comparisons.document()
    assert (found.not_computable, found.spans) == ("", 2)


def test_the_newest_champion_counts_and_others_wait() -> None:
    """No champion, no comparison; of two the one with the newest spec; one without a spec of its own is the oldest."""
    versions = {"1": wrong(0.1, 1), "2": wrong(0.1, 2), "3": wrong(0.1, 3)}
    shadows = {"1": spec("1", "shadow"), "2": spec("2", "challenger"), "3": spec("3", "shadow")}
    assert run(shadows, versions)[0].document() == []
    champions = {"1": spec("1", "champion"), "2": spec("2", "champion"), "3": spec("3", "shadow")}
    assert [(c.champion, c.challenger) for c in run(champions, versions)[0].document()] == [("2", "3")]
    assert run({v: spec(v, "champion") for v in versions}, versions)[0].document() == []
    undescribed = shadows | {"1": shadows["2"]}  # read by the spec of another version
    assert [(c.champion, c.challenger) for c in run(undescribed, versions)[0].document()] == [
        ("1", "2"),
        ("1", "3"),
    ]


def test_a_comparison_ends_when_a_role_or_a_rule_changes() -> None:
    """Promotion, another champion, other rules: what was found is kept with the day it ended, and a new one begins."""
    specs = both() | {"3": spec("3", "shadow")}
    versions = {"1": wrong(0.1, 1), "2": wrong(0.1, 2), "3": wrong(0.1, 3)}
    comparisons = Comparisons("m", Journal({}))

    def days(first: int, last: int) -> list[Comparison]:
        for day in range(first, last):
            ids = hashes(day, 300)
            for version, errors in versions.items():
                take(comparisons, version, day, ids, errors(day, ids))
            comparisons.advance(over(day), specs)
        return comparisons.document()

    assert [(c.champion, c.challenger, c.ended) for c in days(0, 3)] == [("1", "2", None), ("1", "3", None)]
    specs["2"] = spec("2", "champion")
    shown = [(c.champion, c.challenger, c.ended and c.ended.timestamp() / DAY, c.spans) for c in days(3, 5)]
    assert shown == [("2", "3", None, 2), ("1", "3", 3.0, 3), ("1", "2", 3.0, 3)]
    specs["3"] = spec("3", "shadow", compare=CompareRules(alpha=0.01))
    shown = [(c.champion, c.challenger, c.ended and c.ended.timestamp() / DAY, c.spans) for c in days(5, 6)]
    assert shown[:2] == [("2", "3", None, 1), ("2", "3", 5.0, 2)]
    specs["3"] = spec("3", "shadow", compare=CompareRules(alpha=0.01), owner="somebody else")
    assert [c.spans for c in days(6, 7) if c.ended is None] == [2]


def test_a_day_without_the_champion_changes_nothing() -> None:
    """An older champion that is still at work does not step in; a challenger that pauses goes on."""
    specs = {"0": spec("0", "champion"), **both()}
    comparisons = Comparisons("m", Journal({}))
    for day, at_work in enumerate(["012", "02", "01", "012"]):
        ids = hashes(day, 300)
        for version in at_work:
            take(comparisons, version, day, ids, wrong(0.1, int(version))(day, ids))
        comparisons.advance(over(day), specs)
    (found,) = comparisons.document()
    assert (found.champion, found.spans, found.n) == ("1", 2, 600)


def test_everything_is_bounded() -> None:
    """Comparisons that go on, those kept, and days that wait."""
    challengers = [str(number) for number in range(2, MAX_RUNNING + 5)]
    specs = {"1": spec("1", "champion")} | {v: spec(v, "challenger") for v in challengers}
    comparisons, _ = run(specs, {v: wrong(0.1, int(v)) for v in specs}, range(2), n=50)
    first = [c.challenger for c in comparisons.document()]
    assert len(first) == MAX_RUNNING
    missing = next(v for v in challengers if v not in first)
    for day in (2, 3, 4):
        ids = hashes(day, 50)
        for version in ("1", missing, *first[1:]):
            take(comparisons, version, day, ids, EQUAL["1"](day, ids))
        comparisons.advance(over(day), specs)
    going_on = [c.challenger for c in comparisons.document() if c.ended is None]
    assert sorted(going_on) == sorted([missing, *first[1:]])
    for day in range(5, MAX_ENDED + 7):
        changed = {
            v: msgspec.structs.replace(s, compare=CompareRules(alpha=0.01 + day / 1e3))
            for v, s in specs.items()
        }
        ids = hashes(day, 50)
        for version in ("1", "2"):
            take(comparisons, version, day, ids, EQUAL["1"](day, ids))
        comparisons.advance(over(day), changed)
        assert sum(c.ended is not None for c in comparisons.document()) <= MAX_ENDED
    journal = Journal({})
    comparisons = Comparisons("m", journal)
    for day in range(MAX_HELD + 10):
        ids = hashes(day, 20)
        take(comparisons, "1", day, ids, np.zeros(len(ids)))
        comparisons.advance(0.0, specs)
    assert len(journal.take().puts) <= MAX_HELD + 2


def restarted(state: dict[str, bytes], journal: Journal) -> tuple[Comparisons, Journal]:
    """Commit, crash and restore."""
    changes = journal.take()
    state |= changes.puts
    for name in changes.deletes:
        del state[name]
    journal = Journal(state)
    comparisons = Comparisons("m", journal)
    for kind, parts, data in fields(state):
        if kind == "comparison":
            comparisons.restore(data)
        else:
            assert kind == "paired"
            _, version, start, seconds, _ = parts
            comparisons.restore_sample(version, start, seconds, data)
    return comparisons, journal


@pytest.mark.parametrize("seed", range(3))
def test_parts_order_and_restarts_change_nothing(seed: int) -> None:
    """Samples in parts of any size and order, days ahead of others, restarted at any time: the same comparisons, told once."""
    rng = np.random.default_rng(seed)
    specs = both(compare=CompareRules(segment="city"))
    expected, news = Comparisons("m", Journal({})), []
    parts: list[tuple[str, PairedSample]] = []
    days = 6
    for day in range(days):
        ids = hashes(day, 6_000)
        for version, errors in BETTER.items():
            found, values = errors(day, ids), ["b", "a", "c"]
            take(expected, version, day, ids, found, values)
            for rows in np.array_split(rng.permutation(min(len(ids), PAIRED_ROWS)), rng.integers(1, 12)):
                rows = np.sort(rows)  # noqa: PLW2901
                of = sorted({values[row % 3] for row in rows})
                codes = np.array([of.index(values[row % 3]) for row in rows], np.uint16)
                parts.append((version, PairedSample.pack(int(day * DAY), ids[rows], found[rows], of, codes)))
        news += expected.advance(over(day), specs)
    journal, state, told = Journal({}), dict[str, bytes](), []
    comparisons = Comparisons("m", journal)
    for at in rng.permutation(len(parts)):
        comparisons.take(parts[at][0], [parts[at][1]], DAY)
        if rng.random() < 0.3:
            comparisons, journal = restarted(state, journal)
    for clock in (over(2), over(2), over(days)):
        told += comparisons.advance(clock, specs)
        comparisons, journal = restarted(state, journal)
    assert comparisons.document() == expected.document()
    assert told == news
    assert len(told) == 1
    assert not any("paired" in name for name in state)


def test_what_comes_too_late_is_left_out() -> None:
    """A day that was looked at stays as it was."""
    comparisons, _ = run(both(), EQUAL, range(3))
    before = comparisons.document()
    ids = hashes(99, 500)
    for version in "12":
        take(comparisons, version, 1, ids, np.ones(len(ids)))
    comparisons.advance(over(3), both())
    assert comparisons.document() == before


def test_an_id_that_comes_twice_counts_once() -> None:
    """With its smaller error, whichever came first, in one sample or in two."""
    ids = hashes(0, 200)
    twice = np.sort(np.concatenate([ids, ids]))
    for parts in (
        [(twice, np.tile([1.0, 0.0], len(ids)))],
        [(ids, np.ones(len(ids))), (ids, np.zeros(len(ids)))],
    ):
        comparisons = Comparisons("m", Journal({}))
        for hashed, errors in parts:
            take(comparisons, "2", 0, hashed, errors)
        take(comparisons, "1", 0, ids, np.zeros(len(ids)))
        comparisons.advance(over(0), both())
        (found,) = comparisons.document()
        assert (found.n, found.challenger_error) == (len(ids), 0.0)


@pytest.mark.parametrize("size", [1e100, 1e-200])
def test_absurd_errors_are_compared_like_others(size: float) -> None:
    """The largest and the smallest errors that OBSERVE lets through make finite numbers, and documents that can be read."""

    def errors(day: int, ids: Any) -> Floats:
        return np.random.default_rng([day, len(ids)]).exponential(size, len(ids))

    comparisons, _ = run(
        both("regression"), {"1": errors, "2": lambda day, ids: 0.5 * errors(day, ids)}, range(8)
    )
    (found,) = comparisons.document()
    read = decode_json(Comparison, encode_json(found))
    assert read == found
    assert found.low <= found.effect <= found.high
    assert (found.verdict, found.spans) == ("better", 8)
