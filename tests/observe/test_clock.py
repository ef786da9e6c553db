"""Event time in a partition: the slower topic, unless it is idle."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec

from monitor_stream.events.codec import decode_delta
from monitor_stream.events.delta import Delta
from monitor_stream.events.fold import Batch, Limits, Seat, Topic
from monitor_stream.events.spec import Specs
from monitor_stream.observe import Observe
from tests.observe.streams import SPECS, START, Totals


def new() -> Observe:
    return Observe.restore(
        {}, Seat(partition=0, partitions=1, epoch=1), Specs(SPECS), Limits(idle_timeout_seconds=60.0)
    )


def send(fold: Observe, topic: Topic, *events: dict[str, Any], ended: bool = False) -> None:
    values = [json.dumps({"model": "price", "version": "2"} | event).encode() for event in events]
    count = len(values)
    fold.apply(
        Batch(topic=topic, offsets=range(count), timestamps=[START + 1e6] * count, values=values, ended=ended)
    )


def predict(fold: Observe, name: str, time: float, **more: Any) -> None:
    send(fold, "predictions", {"prediction_id": name, "prediction": 1.0, "timestamp": START + time} | more)


def label(fold: Observe, name: str, time: float) -> None:
    send(fold, "labels", {"prediction_id": name, "label": 2.0, "timestamp": START + time})


def tick(fold: Observe, *times: float, ended: Sequence[Topic] = ("predictions", "labels")) -> None:
    """Let time pass, while topics are read to their end."""
    for now in times:
        for topic in ended:
            send(fold, topic, ended=True)
        fold.tick(now)


def last(fold: Observe) -> Delta:
    return decode_delta(fold.drain().messages[-1].value)


def test_the_clock_is_the_slower_topic() -> None:
    """Predictions months ahead of their labels lose nothing."""
    fold = new()
    predict(fold, "a", 0.0)
    predict(fold, "b", 9e5)
    label(fold, "x", 50.0)
    delta = last(fold)
    assert delta.clock == START + 40.0
    assert delta.watermark == START + 9e5 - 10.0
    assert delta.versions["2"].pending == 2
    label(fold, "a", 90.0)
    assert last(fold).versions["2"].outcomes == {"joined": 1}


def test_a_topic_that_was_not_read_to_its_end_holds_the_clock_back() -> None:
    """Silence says nothing while there is more to read."""
    fold = new()
    predict(fold, "a", 0.0)
    predict(fold, "b", 500.0)
    label(fold, "x", 50.0)
    for now in range(0, 1000, 10):
        fold.tick(float(now))
    assert last(fold).clock == START + 40.0


def test_an_idle_topic_does_not_hold_the_clock_back() -> None:
    """Without labels for the time-out, predictions expire as their own topic goes on."""
    fold = new()
    label(fold, "x", 0.0)
    tick(fold, 1000.0, ended=["labels"])
    for step in range(10):
        predict(fold, str(step), 50.0 * step)
        tick(fold, 1010.0 + 10.0 * step, ended=["labels"])
    delta = last(fold)
    assert delta.clock == START + 440.0
    assert delta.versions["2"].outcomes == {"expired": 7}  # those before 340 - horizon is 100
    assert delta.versions["2"].pending == 3


def test_after_an_idle_topic_wakes_nothing_is_scored_behind_the_clock() -> None:
    """A label that the clock has passed counts as if it came at the clock."""
    fold = new()
    label(fold, "x", 0.0)
    predict(fold, "a", 380.0)
    predict(fold, "b", 400.0)
    tick(fold, 0.0, 60.0)
    predict(fold, "c", 401.0)
    tick(fold, 61.0)
    first = fold.drain().messages
    label(fold, "a", 385.0)
    totals = Totals([*first, *fold.drain().messages])
    (scored,) = totals.errors
    assert scored == ("price", "2", START + 391.0, 1.0, None)


def test_when_both_topics_are_idle_event_time_goes_on_with_the_wall() -> None:
    """A quiet model's predictions expire after the horizon, and the clock never goes back."""
    fold = new()
    predict(fold, "a", 0.0)
    label(fold, "x", 5.0)
    tick(fold, 0.0, 100.0, 101.0)
    assert last(fold).clock == START + 5.0 + 100.0 - 10.0
    tick(fold, 106.0, 107.0)
    assert last(fold).versions["2"].outcomes == {"expired": 1}
    predict(fold, "b", 20.0)
    assert last(fold).clock == START + 101.0


def test_silence_starts_anew_after_a_restart() -> None:
    """A fold that was restored waits for the whole time-out again: it was not there to hear."""
    fold = new()
    predict(fold, "a", 0.0)
    predict(fold, "b", 200.0)
    label(fold, "x", 5.0)
    fold.tick(0.0)
    fold.drain()
    fold = Observe.restore(
        fold.changes().puts,
        Seat(partition=0, partitions=1, epoch=2),
        Specs(SPECS),
        Limits(idle_timeout_seconds=60.0),
    )
    tick(fold, 1000.0, 1059.0, 1060.0, ended=["labels"])
    assert not fold.drain().messages
    tick(fold, 1061.0, ended=["labels"])
    assert last(fold).clock == START + 190.0


def test_an_idle_model_is_told_once_and_taken_back_with_its_next_event() -> None:
    """The word comes with no event, and is taken back by one that has nothing else to tell."""
    fold = new()
    label(fold, "x", 0.0)
    assert not fold.drain().messages
    tick(fold, *map(float, range(62)))
    assert last(fold).idle
    tick(fold, 62.0)
    assert not fold.drain().messages
    label(fold, "y", 1.0)
    delta = last(fold)
    assert not delta.idle
    assert (delta.versions, delta.outcomes) == ({}, {})


def test_a_model_is_not_idle_while_either_topic_is_behind() -> None:
    """However long the wall clock says that it was silent; and no longer once a topic is behind for the time-out."""
    topics: tuple[Topic, ...] = ("predictions", "labels")
    for ahead, behind in (topics, topics[::-1]):
        fold = new()
        predict(fold, "a", 0.0)
        label(fold, "x", 0.0)
        tick(fold, *map(float, range(200)), ended=[ahead])
        assert not last(fold).idle
        tick(fold, *map(float, range(200, 203)))
        assert last(fold).idle
        tick(fold, *map(float, range(203, 261)), ended=[ahead])
        assert all(decode_delta(message.value).idle for message in fold.drain().messages)
        send(fold, behind)
        tick(fold, 261.0, 262.0, ended=[ahead])
        assert not last(fold).idle
        tick(fold, 263.0)
        assert last(fold).idle


def test_rare_ticks_tell_as_much() -> None:
    """A worker that commits more rarely than the time-out lasts knows silence when it has looked in between."""
    fold = new()
    predict(fold, "a", 0.0)
    tick(fold, 0.0, 100.0)
    assert not last(fold).idle
    tick(fold, 200.0)
    assert last(fold).idle


def test_a_pause_is_no_silence() -> None:
    """A worker that stood still for an hour knows nothing of that hour until it has looked again."""
    fold = new()
    predict(fold, "a", 0.0)
    label(fold, "x", 0.0)
    tick(fold, 0.0, 1.0, 2.0)
    fold.drain()
    tick(fold, 3602.0)
    assert not fold.drain().messages


def test_a_restarted_worker_takes_the_word_back() -> None:
    """The heir was not there to hear, and says so at once."""
    fold = new()
    predict(fold, "a", 0.0)
    tick(fold, *map(float, range(62)))
    assert last(fold).idle
    heir = Observe.restore(
        fold.changes().puts, Seat(partition=0, partitions=1, epoch=2), Specs(SPECS), Limits()
    )
    heir.tick(63.0)
    assert not last(heir).idle


def test_state_of_before_the_word_was_known_is_read() -> None:
    """A model that was written without `announced_idle` goes on as one that has said nothing."""
    fold = new()
    predict(fold, "a", 0.0)
    tick(fold, *map(float, range(62)))
    fold.drain()
    state = dict(fold.changes().puts)
    model = msgspec.msgpack.decode(state["model/0"])
    assert model.pop("announced_idle")
    state["model/0"] = msgspec.msgpack.encode(model)
    heir = Observe.restore(
        state, Seat(partition=0, partitions=1, epoch=2), Specs(SPECS), Limits(idle_timeout_seconds=60.0)
    )
    tick(heir, *map(float, range(63, 125)))
    assert last(heir).idle


def test_a_late_prediction_is_counted_where_it_came() -> None:
    """Its own window may be settled: it counts in none, and is never joined."""
    fold = new()
    predict(fold, "a", 200.0)
    predict(fold, "b", 0.0)
    label(fold, "b", 1.0)
    totals = Totals(list(fold.drain().messages))
    assert not totals.outcomes
    assert totals.tables["price", "2", "quality", int(START) + 180, "late"].tolist() == [1.0]
    assert ("price", "2", "traffic", int(START), "") not in totals.tables


def test_a_failed_prediction_may_be_answered_by_a_retry() -> None:
    """An error has no answer that a label could judge; the same id may still bring one."""
    fold = new()
    predict(fold, "a", 0.0, prediction=None, error="timeout")
    predict(fold, "a", 1.0)
    label(fold, "a", 2.0)
    totals = Totals(list(fold.drain().messages))
    assert totals.tables["price", "2", "traffic", int(START), ""].tolist() == [2.0, 1.0]
    assert totals.outcomes == {("price", "2", "joined"): 1}


def test_a_label_at_the_horizon_joins_and_one_behind_it_does_not() -> None:
    """The limits of the rules belong to what they allow."""
    for delay, joined in ((100.0, 1), (100.001, 0)):
        fold = new()
        predict(fold, "a", 0.0)
        label(fold, "a", delay)
        outcomes = Totals(list(fold.drain().messages)).outcomes
        assert outcomes["price", "2", "joined"] == joined


def test_an_id_is_remembered_for_just_the_duplicate_window() -> None:
    """In both topics: a repeat at the end of the window counts nothing, one behind it counts anew."""
    for gap, repeats in ((30.0, 1), (30.001, 0)):
        fold = new()
        for send_one in (predict, label):
            send_one(fold, "a", 0.0)
            send_one(fold, "a", gap)
        totals = Totals(list(fold.drain().messages))
        assert totals.outcomes["price", "", "duplicate"] == repeats
        key = ("price", "2", "quality", int(START + gap) // 20 * 20, "duplicate")
        assert (key in totals.tables) == bool(repeats)
        assert totals.outcomes["price", "2", "joined"] == 2 - repeats


def test_a_label_waits_for_its_prediction_for_just_the_duplicate_window() -> None:
    """And it joins each version that answers the same request."""
    for delay, joined in ((30.0, 1), (30.001, 0)):
        fold = new()
        label(fold, "a", 0.0)
        predict(fold, "a", delay)
        predict(fold, "a", delay, version="1")
        outcomes = Totals(list(fold.drain().messages)).outcomes
        assert outcomes["price", "2", "joined"] == outcomes["price", "1", "joined"] == joined
