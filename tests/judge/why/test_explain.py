"""What an explanation is made of: nothing that was not known, nothing that nobody may see, and not too much of anything."""

from __future__ import annotations

from typing import Any, Final

import pytest

from monitor_stream.events.codec import moment
from monitor_stream.events.results import Explanation, Finding, SegmentLoss
from monitor_stream.events.spec import DAY, Feature, ModelSpec
from monitor_stream.judge.why import Changed, Diary, Fact, Losses, Moved, Sampled, Scene, explain
from monitor_stream.judge.why.changes import MAX_CHANGES
from monitor_stream.judge.why.explain import MAX_SEGMENTS
from monitor_stream.judge.why.facts import Leaning
from monitor_stream.judge.why.rows import FEATURES, MASKED
from monitor_stream.judge.why.suspects import MAX_SUSPECTS

T: Final = 1_362_096_000.0
SPEC: Final = ModelSpec(
    model="m",
    task="binary",
    features=[
        Feature(name="a", kind="numeric"),
        Feature(name="b", kind="numeric"),
        Feature(name="c", kind="numeric"),
    ],
)


def finding(signal: str = "feature_drift", column: str = "a", effect: float = 2.0, **more: Any) -> Finding:
    values: dict[str, Any] = {"signal": signal, "check": "psi", "column": column, "effect": effect}
    return Finding(start=moment(T), end=moment(T + DAY), **(values | more))


def loss(value: str, share: float) -> SegmentLoss:
    return SegmentLoss(segment="s", value=value, n=100, metric=0.5, low=0.4, high=0.6, rest=0.2, loss=share)


def explained(
    *facts: Fact, moved: tuple[Moved, ...] = (), spec: ModelSpec = SPEC, **more: Any
) -> Explanation:
    """Of an incident that began at half past noon, and was known at midnight."""
    diary = Diary()
    diary.note(facts)
    list(diary.release(float("inf")))
    values: dict[str, Any] = {"scene": Scene(T + DAY / 2 + 130, T + DAY, T - DAY), "others": ()}
    return explain(**(values | more), moved=moved, diary=diary, spec=spec)


def test_it_begins_with_the_first_window_affected() -> None:
    """That in which the first look that fired began."""
    assert explained().since == moment(T + DAY / 2)


def test_suspects_are_ranked_by_drift_times_importance() -> None:
    """A feature the model leans on before one that moved further; what is broken is a suspect as well as what moved."""
    importance = {"a": 8.0, "b": 1.0, "c": 1.0}
    spec = ModelSpec(
        model="m",
        task="binary",
        features=[Feature(name=n, kind="numeric", importance=w) for n, w in importance.items()],
    )
    top = [("up to 3", 0.1, 0.4)]
    moved = Moved(
        T,
        [
            finding(column="a", effect=2.0, top=top, detail="a moved."),
            finding(column="b", effect=5.0),
            finding("quality", "c", 9.0, check="missing", detail="c is missing."),
            finding("prediction_drift", "__score__", 50.0),
        ],
    )
    found = explained(moved=(moved,), spec=spec).suspects
    assert [(each.feature, round(each.rank, 6)) for each in found] == [("a", 1.6), ("c", 0.9), ("b", 0.5)]
    assert (found[0].drift, found[0].importance, found[0].top, found[0].detail) == (2.0, 0.8, top, "a moved.")
    assert found[1].detail == "c is missing."


def test_without_importance_all_count_alike() -> None:
    """Nobody said how much each matters: the furthest moved stands first, and no importance is claimed."""
    found = explained(moved=(Moved(T, [finding(column="a"), finding(column="b", effect=3.0)]),)).suspects
    assert [(each.feature, each.importance) for each in found] == [("b", None), ("a", None)]
    assert found[0].rank == pytest.approx(1.5)


def test_attributions_stand_in_for_importance() -> None:
    """What the stream itself said last of what the model leans on."""
    facts = [Leaning(T, T - DAY, T, {"a": 0.2, "b": 0.8}), Leaning(T + 1, T, T + 1, {"a": 0.9, "b": 0.1})]
    found = explained(*facts, moved=(Moved(T, [finding(column="a"), finding(column="b")]),)).suspects
    assert [(each.feature, each.importance) for each in found] == [("a", 0.9), ("b", 0.1)]


def test_segments_that_carry_more_than_before_stand_first() -> None:
    """Some are always worse than the rest; of the affected days the one counts on which one stands out most."""
    facts = [
        Losses(T, T - DAY, T, [loss("always", 0.5)]),
        Losses(T + DAY, T, T + DAY, [loss("always", 0.55), loss("new", 0.3)]),
        Losses(T + 2 * DAY, T + DAY, T + 2 * DAY, [loss("always", 0.2)]),
    ]
    assert [each.value for each in explained(*facts).segments] == ["new", "always"]
    assert explained(facts[0]).segments == []


def test_rows_lie_on_either_side() -> None:
    """The last span that was over before, and the first that began afterwards, or the one within which it began."""
    days = [
        Sampled(T + (n + 1) * DAY, T + n * DAY, T + (n + 1) * DAY, [{"a": float(n)}]) for n in range(-2, 3)
    ]
    whole = explained(*days)
    assert (whole.before, whole.after) == ([{"a": -1.0}], [{"a": 1.0}])
    assert explained(*days[:3]).after == [{"a": 0.0}]
    assert explained(*days[:1]).after == []


def test_a_row_shows_suspects_first_and_no_more_than_fit() -> None:
    """Of many features those under suspicion, and the answer; never one that is masked now, though it was not then."""
    row: dict[str, float | str | None] = {f"f{at:03}": float(at) for at in range(100)}
    row["__score__"] = 0.5
    spec = ModelSpec(model="m", task="binary", masked=["f099"])
    moved = (Moved(T, [finding(column="f098"), finding(column="f099")]),)
    [shown] = explained(Sampled(T, T - DAY, T, [row]), moved=moved, spec=spec).before
    assert len(shown) == FEATURES + 1
    assert (shown["f098"], shown["f099"], shown["__score__"]) == (98.0, MASKED, 0.5)


def test_no_rows_where_examples_are_not_wanted_any_more() -> None:
    """Though they were taken under a spec that did not mind."""
    spec = ModelSpec(model="m", task="binary", store_examples=False)
    days = [Sampled(T, T - DAY, T, [{"a": 1.0}]), Sampled(T + 2 * DAY, T + DAY, T + 2 * DAY, [{"a": 1.0}])]
    found = explained(*days, spec=spec)
    assert found.before == found.after == []


def test_what_else_changed_is_told_in_the_order_of_time() -> None:
    """Other versions, specs, traffic, quality and service, of the time near the beginning; what is known twice, once."""
    facts = [Changed(T, T - 600, T, "spec", "a new spec"), Changed(T, T - 5 * DAY, T, "spec", "long ago")]
    others = [Changed(T, T - 300, T, "version", "version 2 made its first predictions")]
    volume = finding("volume", "", check="hour_of_week", detail="12 predictions.")
    slow = finding("service", "", check="latency", detail="slow.")
    failed = finding("service", "", check="failed", detail="failed.")
    missing = finding("quality", "a", check="missing", detail="missing.")
    moved = (
        Moved(T + 60, [volume]),
        Moved(T + 30, [volume]),
        Moved(T + 90, [slow, failed]),
        Moved(T, [missing, finding()]),
    )
    found = explained(*facts, moved=moved, others=others).changes
    assert [(change.what, change.at.timestamp() - T) for change in found] == [
        ("spec", -600), ("version", -300), ("quality", 0), ("volume", 30), ("failures", 90), ("latency", 90),
    ]  # fmt: skip


def test_what_an_incident_is_about_is_nothing_else_that_changed() -> None:
    """An incident of quality does not name itself; what came with it is named."""
    moved = (Moved(T, [finding("quality", detail="missing."), finding("volume", "", detail="few.")]),)
    found = explained(moved=moved, scene=Scene(T, T + DAY, T - DAY, "quality"))
    assert [change.what for change in found.changes] == ["volume"]
    assert [suspect.feature for suspect in found.suspects] == ["a"]


def test_nothing_grows_without_bound() -> None:
    """However much moved: the document has a page."""
    many = [finding(column=f"f{at}", effect=float(at)) for at in range(100)]
    many += [finding("quality", f"f{at}", detail=str(at)) for at in range(100)]
    facts = [Losses(T + DAY, T, T + DAY, [loss(str(at), 0.01) for at in range(100)])]
    found = explained(*facts, moved=(Moved(T, many),))
    assert len(found.suspects) == MAX_SUSPECTS
    assert len(found.changes) == MAX_CHANGES
    assert len(found.segments) == MAX_SEGMENTS
