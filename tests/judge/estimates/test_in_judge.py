"""Estimates and their contradiction, from deltas to windows and incidents."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor_stream.events.codec import decode_json
from monitor_stream.events.delta import Floats, Scored, VersionDelta
from monitor_stream.events.results import Incident, ModelResults, Window
from monitor_stream.events.spec import DAY, HOUR, Baseline, ErrorScale, Estimator, ModelSpec, Specs
from monitor_stream.judge import Judge
from tests.judge.deltas import SEAT, Source, batch, judge, part

START = 1_362_096_000  # a midnight
DAILY = 600
SPEC = ModelSpec(
    model="m",
    version="1",
    task="binary",
    window_seconds=6 * HOUR,
    horizon_seconds=2 * DAY,
    min_samples=300,
    error_scale=ErrorScale(0.2, 0.4, 0.0, 60),
    baseline={"accuracy": Baseline(0.8, 0.02, 30)},
    estimator=Estimator(gap=ErrorScale(0.0, 0.4, 0.0, 60), rows=50_000),
)


def day(at: int, accuracy: float, error: float | None, foretold: float) -> VersionDelta:
    """Predictions of a day in four windows, estimated to be so often right, and labels that say how often they were wrong."""
    n = DAILY / 4
    right, wrong = n * accuracy / 2, n * (1 - accuracy) / 2
    row = [n, right, wrong, right, wrong, n * 0.5, n * 0.15, n * accuracy * (1 - accuracy)]
    starts = [START + int(at * DAY + quarter * 6 * HOUR) for quarter in range(4)]
    plain = part(
        SPEC,
        {
            "traffic": [(start, "", [n, 0.0]) for start in starts],
            "estimates": [(start, "", row) for start in starts],
        },
        newest_prediction=START + (at + 1) * DAY - 1.0,
    )
    if error is None:
        return plain
    order: Floats = START + at * DAY + np.arange(DAILY, dtype=np.float64) * (DAY / DAILY)
    # As many errors as the rate says, evenly spread: it is the means that are followed.
    errors = np.diff(np.floor(np.arange(DAILY + 1) * error))
    return msgspec.structs.replace(plain, scored=Scored.pack(order, errors, np.full(DAILY, foretold)))


def deltas(days: Sequence[tuple[float, float]]) -> list[bytes]:
    """A delta a day: estimated accuracy and realised error rate."""
    source = Source()
    return [
        source.delta({"1": day(at, accuracy, error, 1 - accuracy)}, START + (at + 1) * DAY)
        for at, (accuracy, error) in enumerate(days)
    ]


def run(sent: Sequence[bytes], cuts: Sequence[int] = ()) -> tuple[list[Window], list[Incident], ModelResults]:
    """Each part in a batch of its own, by a fold that was restored from the last commit."""
    state: dict[str, bytes] = {}
    windows, incidents, document = {}, [], None
    fold = judge(SPEC)
    for first, last in zip([0, *cuts], [*cuts, len(sent)], strict=True):
        fold = Judge.restore(state, SEAT, Specs([SPEC]), fold._limits) if state else fold
        fold.apply(batch(*sent[first:last]))
        if last == len(sent):
            fold.finish()
        outputs, changes = fold.drain(), fold.changes()
        for message in outputs.messages:
            if message.topic == "windows":
                window = decode_json(Window, message.value)
                windows[window.start] = window
            elif message.topic == "incidents":
                incidents.append(decode_json(Incident, message.value))
        document = outputs.results.get("model:m") or document
        state |= changes.puts
        for name in changes.deletes:
            del state[name]
    assert document is not None
    return [windows[start] for start in sorted(windows)], incidents, decode_json(ModelResults, document)


GOOD, LOSS, LIE = (0.8, 0.2), (0.7, 0.3), (0.8, 0.45)


def test_windows_and_rolling_results_have_estimates() -> None:
    """Published with each window, and merged as other sums are."""
    windows, _, document = run(deltas([GOOD] * 3))
    assert len(windows) == 12
    estimates = windows[0].estimates
    assert estimates is not None
    assert (estimates.n, round(estimates.values["accuracy"], 9)) == (150, 0.8)
    assert not estimates.contradicted
    rolling = document.versions["1"].rolling["1d"].estimates
    assert rolling is not None
    assert (rolling.n, round(rolling.values["accuracy"], 9)) == (600, 0.8)
    narrow, wide = (found.bands["accuracy"] for found in (rolling, estimates))
    assert narrow[1] - narrow[0] < wide[1] - wide[0]


def test_estimated_loss_pages() -> None:
    """Below the baseline's limit, before any label could tell: one incident, critical."""
    source = Source()
    sent = [
        source.delta({"1": day(at, accuracy, None, 0.0)}, START + (at + 1) * DAY)
        for at, accuracy in enumerate([0.8, 0.8, 0.6, 0.6])
    ]
    _, incidents, _ = run(sent)
    assert [(incident.state, incident.severity) for incident in incidents] == [("open", "critical")]
    assert incidents[0].signals == ["estimated_error"]
    assert incidents[0].evidence[0].check == "accuracy"
    assert "no label has told yet" in incidents[0].evidence[0].detail


def test_contradicted_estimates_page_nobody() -> None:
    """Labels say that what is foretold is wrong: that is told, and estimated loss from then on is no page."""
    windows, incidents, document = run(deltas([GOOD] * 3 + [(0.8, 0.05)] * 12 + [(0.7, 0.05)] * 6))
    assert {incident.severity for incident in incidents} == {"warning"}
    assert any("contradiction" in incident.signals for incident in incidents)
    contradiction = document.versions["1"].contradiction
    assert contradiction is not None
    assert contradiction.active
    assert contradiction.since is not None
    marked = [window.end for window in windows if window.estimates and window.estimates.contradicted]
    assert marked == [window.end for window in windows if window.end >= contradiction.since]
    assert len(marked) > 20


def test_a_good_estimate_that_is_contradicted_is_no_all_clear() -> None:
    """Estimated loss goes on being open while labels contradict that it is over."""
    days = [GOOD] * 3 + [LOSS] * 3 + [(0.7, 0.6)] * 8 + [(0.8, 0.6)] * 8
    _, incidents, document = run(deltas(days))
    assert [incident.state for incident in incidents if incident.state == "resolved"] == []
    still = [incident for incident in document.incidents if incident.state == "open"]
    assert any("estimated_error" in incident.signals for incident in still)


@pytest.mark.parametrize("ahead", [1, 3, 12, 24])
def test_incidents_do_not_depend_on_how_far_predictions_are_ahead_of_labels(ahead: int) -> None:
    """Estimated loss that labels contradict is no page, be it that they were read long after the windows had closed."""
    days = [GOOD] * 3 + [(0.8, 0.05)] * 6 + [(0.7, 0.05)] * 6 + [GOOD] * 9
    source, sent = Source(), []
    for at in range(len(days) + ahead):
        watermark = START + min(at + 1, len(days)) * DAY
        clock = START + max(at + 1 - ahead, 0) * DAY
        if at < len(days):
            sent.append(source.delta({"1": day(at, days[at][0], None, 0.0)}, watermark, clock))
        if at >= ahead:
            accuracy, error = days[at - ahead]
            told = day(at - ahead, accuracy, error, 1 - accuracy)
            labels = msgspec.structs.replace(told, tables={})
            sent.append(source.delta({"1": labels}, watermark, clock))
    windows, incidents, _ = run(sent)
    whole, told_incidents, _ = run(deltas(days))
    assert incidents == told_incidents
    assert [window.estimates for window in windows] == [window.estimates for window in whole]
    assert {incident.severity for incident in incidents} == {"warning"}


DAYS = st.lists(st.sampled_from([GOOD, LOSS, LIE]), min_size=4, max_size=24)


@settings(max_examples=15)
@given(DAYS, st.data())
def test_the_mark_does_not_depend_on_batches_or_restarts(
    days: list[tuple[float, float]], data: st.DataObject
) -> None:
    """Settled windows, incidents and document are the same however the deltas came."""
    sent = deltas(days)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(sent) - 1), max_size=4)))
    windows, incidents, document = run(sent, cuts)
    whole, told, last = run(sent)
    assert [w.estimates for w in windows] == [w.estimates for w in whole]
    assert [w.end for w in windows] == [w.end for w in whole]
    assert incidents == told
    assert document.versions["1"].contradiction == last.versions["1"].contradiction
    assert document.versions["1"].rolling == last.versions["1"].rolling
