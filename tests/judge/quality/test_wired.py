"""Quality and volume in the whole of JUDGE: from deltas to incidents."""

from monitor_stream.events.codec import decode_json
from monitor_stream.events.fold import Limits
from monitor_stream.events.results import Incident
from monitor_stream.events.spec import Feature, ModelSpec, NumericReference, Specs
from monitor_stream.events.tables import TableName
from monitor_stream.judge import Judge
from tests.judge.deltas import SEAT, Row, Source, batch, part

LIMITS = Limits()

T = 1362096000
SPEC = ModelSpec(
    model="m",
    version="1",
    task="regression",
    features=[
        Feature(
            name="age",
            kind="numeric",
            reference=NumericReference(
                n=10_000,
                missing=0.0,
                mean=40.0,
                std=10.0,
                minimum=0.0,
                maximum=99.0,
                edges=[40.0],
                shares=[0.5, 0.5],
            ),
        )
    ],
)


def run(missing: list[int], *, restart: bool = False) -> list[Incident]:
    """The incidents of windows of 200 predictions, so many of each without the feature."""
    fold, source = Judge.restore({}, SEAT, Specs([SPEC]), LIMITS), Source()
    state: dict[str, bytes] = {}
    told: list[Incident] = []
    for at, gone in enumerate(missing):
        start = T + at * 300
        rows: dict[TableName, list[Row]] = {
            "traffic": [(start, "", [200.0, 0.0])],
            "features": [(start, "age", [200.0, gone, 0.0, 0.0, 0.0, 10.0, 200.0 * 100])],
        }
        fold.apply(batch(source.delta({"1": part(SPEC, rows)}, watermark=start + 300.0)))
        told += [decode_json(Incident, m.value) for m in fold.drain().messages if m.topic == "incidents"]
        changes = fold.changes()
        state = {
            name: data for name, data in (state | dict(changes.puts)).items() if name not in changes.deletes
        }
        if restart:
            fold = Judge.restore(state, SEAT, Specs([SPEC]), LIMITS)
    return told


def test_missing_values_become_one_ticket_that_closes() -> None:
    """Opened when a tenth is missing, for a reason that names the feature; resolved when it is whole again."""
    told = run([0] * 4 + [20] * 6 + [0] * 8)
    assert [incident.state for incident in told] == ["open", "resolved"]
    assert {incident.id for incident in told} == {told[0].id}
    assert (told[0].severity, told[0].signals) == ("warning", ["quality"])
    assert told[0].evidence[0].column == "age"
    assert "age is missing in 10% of 200 values" in told[0].summary


def test_a_restart_after_every_commit_changes_nothing() -> None:
    """The same incidents from the stored state."""
    missing = [0] * 3 + [20] * 4 + [0] * 8
    assert run(missing, restart=True) == run(missing)
