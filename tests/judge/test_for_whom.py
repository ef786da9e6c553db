"""What settled days say of calibration, segments and fairness, and that it outlives a restart."""

import msgspec

from monitor_stream.events.codec import decode_json
from monitor_stream.events.fold import Batch, State
from monitor_stream.events.results import ModelResults
from monitor_stream.events.spec import DAY, ModelSpec
from monitor_stream.judge.for_whom import ForWhom
from monitor_stream.judge.persist import Journal, fields
from monitor_stream.judge.settled_days import MOST
from monitor_stream.judge.windows import OpenWindow
from tests.judge.deltas import Source, batch, judge, part
from tests.judge.fairness.people import binary, day, regression

SPEC = ModelSpec(model="m", task="binary", segments=["sex"], sensitive=["sex"], min_samples=500)


def a_day(at: int, n: int = 300, spec: ModelSpec = SPEC) -> OpenWindow:
    return day(at, binary({"f": 0.3, "m": 0.6}, n, seed=at), spec)


def restored(state: State) -> ForWhom:
    found = ForWhom("m", "1", Journal(state))
    for kind, (_, _, *parts), data in fields(state):
        if kind == "settled":
            [start] = parts
            found.restore_day(start, data)
        elif kind == "for_whom":
            found.restore(data)
    return found


def test_days_are_judged_together_until_they_hold_enough() -> None:
    """Two days of three hundred pairs make the five hundred that are asked for; one does not, and a week is enough."""
    one, three, ten = (ForWhom("m", "1", Journal({})) for _ in range(3))
    assert one.take([a_day(0)], SPEC)  # fairness asks for a hundred of each group only
    assert one.found.calibration is None
    assert not one.found.segment_losses
    three.take([a_day(0), a_day(1), a_day(2)], SPEC)
    curve = three.found.calibration
    assert curve is not None
    assert curve.n == 900
    assert (curve.start.timestamp(), curve.end.timestamp()) == (0, 3 * DAY)
    assert [loss.segment for loss in three.found.segment_losses] == ["sex"]
    ten.take([a_day(at) for at in range(10)], SPEC)
    assert ten.found.calibration is not None
    assert ten.found.calibration.start.timestamp() == 3 * DAY
    ten.take([a_day(at, n=60) for at in range(10, 20)], SPEC)  # nine such days hold enough
    assert ten.found.calibration.end.timestamp() == 20 * DAY
    assert ten.found.calibration.n >= SPEC.min_samples


def test_what_was_found_stays_until_newer_days_can_be_judged() -> None:
    """After a change of spec days begin anew; the curve of the former ones is shown until there are enough."""
    of = ForWhom("m", "1", Journal({}))
    of.take([a_day(0, n=600)], SPEC)
    former = of.found.calibration
    newer = a_day(1, n=100)
    newer.reference = "b"
    of.take([newer], SPEC)
    assert of.found.calibration == former
    assert [each.start.timestamp() for each in of.found.fairness] == [DAY]


def test_a_regression_has_no_calibration() -> None:
    """Segments and fairness it has."""
    spec = msgspec.structs.replace(SPEC, task="regression")
    of = ForWhom("m", "1", Journal({}))
    of.take([day(0, regression({"f": 4.0, "m": 0.0}), spec)], spec)
    assert of.found.calibration is None
    assert of.found.segment_losses[0].value == "f"
    assert [gap.criterion for gap in of.found.fairness[0].gaps] == ["mean_prediction", "bias", "mae"]


def test_without_labels_only_what_needs_none_is_judged() -> None:
    """Predictions alone tell who is selected how often."""
    window = a_day(0, n=2000)
    for table in ("performance", "calibration"):
        del window.sums.tables[table]
    of = ForWhom("m", "1", Journal({}))
    found = of.take([window], SPEC)
    assert [finding.check for finding in found] == ["demographic_parity"]
    assert of.found.fairness[0].groups[0].scored == 0


def test_a_restart_changes_nothing() -> None:
    """Whatever day the store was written at: the same findings and results, and no day too many in the store."""
    days = [a_day(at, n=150) for at in range(MOST + 6)]
    through = ForWhom("m", "1", Journal({}))
    findings = [through.take([each], SPEC) for each in days]
    for cut in (1, 3, MOST + 2):
        journal = Journal({})
        first = ForWhom("m", "1", journal)
        first.take(days[:cut], SPEC)
        state = journal.take().puts
        journal = Journal(state)
        second = restored(state)
        assert second.found == first.found
        again = ForWhom("m", "1", journal)
        for kind, (_, _, *parts), data in fields(state):
            if kind == "settled":
                again.restore_day(parts[0], data)
        assert [again.take([each], SPEC) for each in days[cut:]] == findings[cut:]
        assert again.found == through.found
        changes = journal.take()
        kept = {name for name in {*state, *changes.puts} - set(changes.deletes) if '"settled"' in name}
        assert len(kept) == MOST


def test_a_worker_that_ends_between_days_finds_the_same() -> None:
    """Through the fold: state written and read again after every delta, against one run."""
    source = Source()
    deltas = [_delta(source, at) for at in range(4)]
    whole = judge(SPEC)
    whole.apply(batch(*deltas))
    whole.finish()
    state: dict[str, bytes] = {}
    for at, delta in enumerate(deltas):
        each = judge(SPEC, state=state)
        each.apply(Batch(topic="deltas", offsets=[at], timestamps=[0.0], values=[delta], ended=True))
        changes = each.changes()
        state = {
            name: data for name, data in {**state, **changes.puts}.items() if name not in changes.deletes
        }
    last = judge(SPEC, state=state)
    last.finish()
    found, expected = (
        decode_json(ModelResults, fold.drain().results["model:m"] or b"").versions["0"]
        for fold in (last, whole)
    )
    assert found.calibration is not None
    assert found.calibration.n == 1200
    assert [each.attribute for each in found.fairness] == ["sex"]
    assert (found.calibration, found.segment_losses, found.fairness) == (
        expected.calibration,
        expected.segment_losses,
        expected.fairness,
    )


def _delta(source: Source, at: int) -> bytes:
    """A day of three hundred pairs, after which the clock passes its end and the horizon."""
    start = int(at * DAY)
    tables = {
        name: [(start, group, row.tolist()) for group, row in block]
        for name, block in a_day(at).sums.tables.items()
    }
    tables["traffic"] = [(start, "", [300.0, 0.0])]
    return source.delta(
        {"0": part(SPEC, tables)}, watermark=start + DAY, clock=start + DAY + SPEC.horizon_seconds
    )
