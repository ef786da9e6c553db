from collections import Counter
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

from monitor_stream.demo.completion import Completion
from monitor_stream.demo.watch import Watch


@dataclass
class Published:
    """What a watch has seen, written by hand."""

    records: Counter[str] = field(default_factory=Counter)
    windows: dict[int, Any] = field(default_factory=dict)
    version: Any = None
    incidents: dict[str, Any] = field(default_factory=dict)

    def judged(self, predictions: int, joined: int, incidents: int = 0) -> None:
        totals = SimpleNamespace(predictions={"": predictions}, outcomes={"joined": joined})
        self.version = SimpleNamespace(totals=totals, incidents_opened={"warning": incidents})

    def window(self, n: int, labelled: int, revision: int = 1) -> None:
        self.windows[0] = SimpleNamespace(n=n, labelled=labelled, revision=revision)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_it_is_over_when_the_windows_hold_everything() -> None:
    """Read, judged and published: not before the last of the three; the time is that of the judging."""
    clock, seen = Clock(), Published()
    watch = cast("Watch", seen)
    completion = Completion(predictions=3, labels=2, quiet_seconds=10.0, clock=clock)
    assert not completion.reached(watch)
    seen.records.update(predictions=3, labels=2)
    clock.now += 4
    assert not completion.reached(watch)
    seen.judged(3, 2)
    clock.now += 1
    assert not completion.reached(watch)
    seen.window(3, 1)
    clock.now += 1
    assert not completion.reached(watch)
    seen.window(3, 2, revision=2)
    clock.now += 1
    assert completion.reached(watch)
    assert completion.seconds == 5.0


def test_it_is_not_over_before_all_incidents_were_told() -> None:
    """What the document counts as opened has to be on its topic, as the windows are."""
    clock, seen = Clock(), Published()
    watch = cast("Watch", seen)
    completion = Completion(predictions=3, labels=2, quiet_seconds=10.0, clock=clock)
    seen.records.update(predictions=3, labels=2)
    seen.judged(3, 2, incidents=1)
    seen.window(3, 2)
    assert not completion.reached(watch)
    seen.incidents["a"] = SimpleNamespace()
    assert completion.reached(watch)


def test_it_is_over_when_nothing_changes_any_more() -> None:
    """Windows that stay open do not keep the demo for ever, but it waits for what is still to be read."""
    clock, seen = Clock(), Published()
    watch = cast("Watch", seen)
    completion = Completion(predictions=3, labels=2, quiet_seconds=10.0, clock=clock)
    seen.judged(3, 2)
    seen.window(2, 2)
    clock.now += 60
    assert not completion.reached(watch)
    clock.now += 60
    assert not completion.reached(watch)
    seen.records.update(predictions=3, labels=2)
    assert not completion.reached(watch)
    clock.now += 10.5
    assert completion.reached(watch)
