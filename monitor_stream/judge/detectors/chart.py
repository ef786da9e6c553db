"""The mean error of drift spans against the reference's: what follows days, where the others follow single errors."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final, Self

import msgspec
import numpy as np

from monitor_stream.events.delta import Floats
from monitor_stream.events.results import Detector, Direction
from monitor_stream.events.spec import ErrorScale, Task
from monitor_stream.judge.detectors.alarm import Alarm
from monitor_stream.judge.detectors.budget import SpanRules, level_limit
from monitor_stream.judge.detectors.in_control import FLOOR, LEARNED, PART_ERRORS, PARTS, InControl
from monitor_stream.judge.detectors.monitor import CALIBRATION
from monitor_stream.judge.detectors.scale import REACH, Scale
from monitor_stream.judge.detectors.sealed import DetectorStateError, seal, unseal
from monitor_stream.judge.detectors.side import Side
from monitor_stream.judge.detectors.spans import ErrorRun, ErrorSpans

_WRITER: Final = "level chart"


class Look(msgspec.Struct, frozen=True):
    """What the chart says of the spans from `start` to `end` (Unix seconds), with `n` errors.

    `check` is the chart that fires (`level` where neither does). `value`, `expected` and `threshold` are mean errors in
    their own unit: of these spans for `level`, since the change began for `cusum`. `began` names the charts that began to fire,
    for the worse or for the better; `direction` says which.
    """

    start: float
    end: float
    n: int
    check: Detector
    firing: bool
    direction: Direction
    value: float
    expected: float
    threshold: float
    began: list[tuple[Detector, Direction]]
    seen: int


class Verdict(msgspec.Struct, frozen=True):
    """Whether the level after an alarm lies beyond what is likely, and the limits: what is likely, and back to normal."""

    confirmed: bool
    back: bool
    expected: float
    threshold: float


class _State(msgspec.Struct, array_like=True):
    """A `LevelChart` in numbers. Levels are in parts of the scale's unit."""

    task: Task
    rules: SpanRules
    scale: Scale | None
    mean: float | None  # of the reference
    in_control: InControl | None
    spans: ErrorSpans
    parts: ErrorSpans
    worse: Side = msgspec.field(default_factory=Side)
    better: Side = msgspec.field(default_factory=Side)
    of_span: float = 0.0  # errors a span in the last run
    held_order: bytes = b""
    held_error: bytes = b""
    runs: list[ErrorRun] = []  # what the spread is learned from
    run_parts: list[ErrorRun] = []


_decode = msgspec.msgpack.Decoder(_State).decode


class LevelChart:
    r"""Charts of the mean error of spans (`level`: one span, `cusum`: changes that last); see `new` and `from_bytes`.

    **In control.** The mean of a span of n errors varies by its spread beyond sampling and by sampling,
    :math:`\sqrt{between^2 (1 + 1/k) + std^2 / n}`, with the k spans it was measured on. Its standard score takes the
    degrees of freedom into account. Errors count as at most the reference's mean and ten standard deviations.

    **Level** fires at a score that one span exceeds by chance once in 20 months (at the budget of one false alarm a
    month), and until the score is half of it. **Cusum** sums the scores, less 0.5 each, as Page (1954) did, at the
    same run length in control; a series whose spans resemble the next ones has them stretched. Its sum is capped, so
    it is back some ten spans after the errors are.

    **Learning.** Where the reference has its spread from fewer than 14 spans, the first 14 runs of the stream show it,
    and where there is no reference, its level too. Until then the spread is taken for a tenth of the mean, `cusum` waits,
    and `level` compares with the mean of the reference, else of the runs so far.

    Runs, looks and state do not depend on how the errors were split into calls, to the bit.

    Examples
    --------
    >>> chart = LevelChart.new("binary", ErrorScale(0.2, 0.4, 0.02, 60, 0.02), SpanRules(seconds=1000.0))
    >>> looks = chart.feed(np.arange(3500.0), np.tile([0.0, 1.0, 1.0, 0.0], 875))
    >>> [(look.end, look.check, look.firing, look.value, look.began) for look in looks]
    [(1000.0, 'level', True, 0.5, [('level', 'worse')]), (2000.0, 'level', True, 0.5, []), (3000.0, ...)]
    """

    def __init__(self, state: _State) -> None:
        self._state = state

    @classmethod
    def new(cls, task: Task, errors: ErrorScale | None, rules: SpanRules) -> Self:
        """A chart that has seen nothing; `errors` is the scale of the error on the reference, where there is one."""
        scale = in_control = None
        if errors is not None:
            scale = Scale.of(task, errors, reach=REACH)
            in_control = InControl.reference(errors, scale.unit, scale.sigma)
        spans = ErrorSpans(rules.seconds, rules.least)
        parts = ErrorSpans(rules.seconds / PARTS, PART_ERRORS)
        mean = in_control.mean if in_control else None
        return cls(_State(task, rules, scale, mean, in_control, spans, parts))

    def parts(self, order: Floats) -> Iterator[slice]:
        """Cut order times into stretches between which a span may close: an alarm in one is judged as of its begin."""
        return self._state.spans.parts(order)

    def feed(self, order: Floats, error: Floats) -> list[Look]:
        """Take in finite errors (1-D) in the order of their times; what is said of the runs that they close."""
        state = self._state
        if state.scale is not None:
            return self._follow(order, error, state.scale)
        order = np.concatenate((np.frombuffer(state.held_order, "<f8"), order))
        error = np.concatenate((np.frombuffer(state.held_error, "<f8"), error))
        if len(error) < CALIBRATION:
            state.held_order, state.held_error = order.astype("<f8").tobytes(), error.astype("<f8").tobytes()
            return []
        state.held_order = state.held_error = b""
        state.scale = Scale.measured(state.task, error[:CALIBRATION], reach=REACH)
        return self._follow(order, error, state.scale)

    def close(self, clock: float) -> list[Look]:
        """Say what is to be said of the run that is complete, now that no error below the clock can come."""
        if self._state.scale is None:
            return []
        return self._judge(self._state.spans.close(clock), self._state.scale)

    def verdict(self, alarm: Alarm) -> Verdict:
        """Whether the level after an alarm lies beyond what stretches of as many errors make likely.

        The limit is such that one of all such stretches of a span is beyond it as often as a span is beyond `level`'s. An
        alarm for the better is confirmed below the same limit on the other side.
        """
        state = self._state
        scale = state.scale
        if scale is None:
            raise AssertionError("an alarm comes after the scale was measured")
        before, after = alarm.before / scale.unit, alarm.after / scale.unit
        usual = state.in_control or InControl.unknown(before, scale.sigma)
        of_span = max(state.of_span, (alarm.seen - state.spans.done) / max(state.spans.length, 1.0))
        score = level_limit(state.rules.chance(state.rules.seconds / max(of_span / alarm.count, 1.0)))
        part = of_span / PARTS
        sign = 1.0 if alarm.direction == "worse" else -1.0
        edge = usual.mean * (1.0 + sign * FLOOR)
        limit = sign * max(sign * usual.limit_within(sign * score, alarm.count, part), sign * edge)
        return Verdict(
            sign * after > sign * limit,
            sign < 0.0 and after < usual.limit_within(score / 2.0, alarm.count, part),
            usual.mean * scale.unit,
            limit * scale.unit,
        )

    def _follow(self, order: Floats, error: Floats, scale: Scale) -> list[Look]:
        signal = scale.signal(error)
        state, looks = self._state, []
        for part in list(self.parts(order)):
            looks += self._judge(state.spans.add(order[part], signal[part]), scale)
            if state.in_control is None or not state.in_control.measured:
                state.run_parts += state.parts.add(order[part], signal[part])
        return looks

    def _judge(self, runs: Iterator[ErrorRun], scale: Scale) -> list[Look]:
        looks = []
        for run in runs:
            usual = self._state.in_control
            if usual is not None:
                looks.append(self._look(run, usual, scale))
            if usual is None or not usual.measured:
                self._learn(run, scale)
            self._state.of_span = run.n * self._state.rules.seconds / (run.end - run.start)
        return looks

    def _learn(self, run: ErrorRun, scale: Scale) -> None:
        state = self._state
        state.runs.append(run)
        state.in_control = InControl.learned(state.mean, scale.sigma, state.runs, state.run_parts)
        if len(state.runs) == LEARNED:
            state.runs, state.run_parts = [], []

    def _look(self, run: ErrorRun, usual: InControl, scale: Scale) -> Look:
        worse, better = self._state.worse, self._state.better
        score = usual.score(run.mean, run.n)
        chance = self._state.rules.chance(run.end - run.start)
        stretch = usual.stretch if usual.measured else math.inf
        worse_edge, better_edge = usual.mean * (1.0 + FLOOR), usual.mean * (1.0 - FLOOR)
        rise = worse.follow(score, run.mean, run.n, edge=worse_edge, chance=chance, stretch=stretch)
        fall = better.follow(-score, -run.mean, run.n, edge=-better_edge, chance=chance, stretch=stretch)
        side, sign = (worse, 1.0) if worse.firing or not better.firing else (better, -1.0)
        value, limit = run.mean, usual.limit(sign * level_limit(chance), run.n)
        lasting = side.cusum and not side.level
        if lasting:
            value = sign * side.mean
            limit = usual.limit_lasting(sign, chance, side.runs, side.n)
        limit = sign * max(sign * limit, sign * usual.mean * (1.0 + sign * FLOOR))
        return Look(
            start=run.start,
            end=run.end,
            n=run.n,
            check="cusum" if lasting else "level",
            firing=worse.firing,
            direction=("worse" if side is worse else "better") if side.firing else "moved",
            value=value * scale.unit,
            expected=usual.mean * scale.unit,
            threshold=limit * scale.unit,
            seen=self._state.spans.done,
            began=[(name, "worse") for name in rise] + [(name, "better") for name in fall],
        )

    def to_bytes(self) -> bytes:
        """The whole state, below 1 kB (10 kB while it learns), with a checksum."""
        return seal(_WRITER, msgspec.msgpack.encode(self._state))

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The chart whose `to_bytes` made `data`; it goes on to the bit. Raises `DetectorStateError` for anything else."""
        writer, body = unseal(data)
        if writer != _WRITER:
            raise DetectorStateError(f"this is the state of {writer}, not of a level chart")
        try:
            return cls(_decode(body))
        except msgspec.DecodeError as error:
            raise DetectorStateError(f"detector state does not have its form: {error}") from error
