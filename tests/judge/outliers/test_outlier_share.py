"""The share of outliers on runs that are a drift span long, and as a ticket."""

from __future__ import annotations

import msgspec
import numpy as np

from monitor_stream.events.codec import decode_json
from monitor_stream.events.fold import Limits
from monitor_stream.events.results import Finding, Incident, ModelResults
from monitor_stream.events.spec import DAY, DriftRules, ModelSpec, OutlierRules, Specs
from monitor_stream.events.tables import TableName, grouped
from monitor_stream.judge import Judge
from monitor_stream.judge.outliers import OutlierShare
from monitor_stream.judge.persist import Journal
from monitor_stream.judge.sums import Rows, Sums
from monitor_stream.judge.windows import OpenWindow
from tests.judge.deltas import SEAT, Row, Source, batch, part

HOUR = 3600.0
T = 1_362_096_000
SPEC = ModelSpec(
    model="m",
    version="1",
    task="regression",
    window_seconds=HOUR,
    outliers=OutlierRules(cuts={"age": 4.0}, share=0.004, std=0.001),
)
PAIR = grouped("carrier", "origin")


def window(hour: int, rows: float, outliers: float) -> OpenWindow:
    sums = Sums()
    told = [[rows, outliers], [0.0, outliers], [0.0, 1.0]]
    sums.add("outliers", Rows(["", PAIR, "age"], np.array(told)))
    return OpenWindow("", T + hour * 3600, HOUR, sums)


def follow(shares: list[float], rows: float = 100.0, spec: ModelSpec = SPEC) -> list[Finding]:
    """What is found where hour after hour so large a share are outliers."""
    watch = OutlierShare("m", "1", Journal({}))
    found: list[Finding] = []
    for hour, share in enumerate(shares):
        found += watch.take([window(hour, rows, rows * share)], lambda _: spec)
    return found


def test_a_day_is_judged_as_one() -> None:
    """A night in which a tenth is unlike the reference is no finding where the day as a whole is as usual."""
    found = follow([0.1 if hour % 24 < 2 else 0.0 for hour in range(72)])
    assert [(finding.n, round(finding.value or 0.0, 4)) for finding in found] == [(2400, 0.0083)] * 3
    assert not any(finding.firing for finding in found)
    spans = {finding.end.timestamp() - finding.start.timestamp() for finding in found}
    assert spans == {DAY}


def test_more_than_usual_and_enough_to_matter_fires() -> None:
    """From one per cent above the usual on, with the reasons in the sentence."""
    (finding,) = follow([0.03] * 24)
    assert finding.firing
    assert (finding.signal, finding.check, finding.expected) == ("outliers", "share", 0.004)
    assert finding.threshold is not None
    assert 0.014 <= finding.threshold < 0.02
    assert finding.detail == (
        "3% of 2,400 predictions are unlike the reference, usually 0.4%: by carrier with origin (72), age (24)."
    )
    assert not follow([0.012] * 24)[0].firing


def test_what_differs_from_span_to_span_anyway_is_no_finding() -> None:
    """A spread of one per cent between the reference's spans makes three per cent a thing that happens."""
    rules = OutlierRules(share=0.004, std=0.015)
    assert not follow([0.03] * 24, spec=msgspec.structs.replace(SPEC, outliers=rules))[0].firing


def test_few_rows_wait_for_more() -> None:
    """A run goes on past its span until it holds 200 rows."""
    found = follow([0.0] * 72, rows=4.0)
    assert [finding.n for finding in found] == [200]


def test_false_alarms_stay_within_their_budget() -> None:
    """Over 300 days with spans as spread as the rules say, far fewer than one day in a hundred fires."""
    rng = np.random.default_rng(3)
    level = np.maximum(rng.normal(0.004, 0.001, 300), 0.0)
    counts = rng.binomial(2000, level)
    watch = OutlierShare("m", "1", Journal({}))
    found = [
        finding
        for day, count in enumerate(counts.tolist())
        for finding in watch.take(
            [OpenWindow("", T + day * 86400, DAY, window(0, 2000.0, count).sums)], lambda _: SPEC
        )
    ]
    assert len(found) == 300
    assert sum(finding.firing for finding in found) <= 3


def test_without_rules_nothing_is_said() -> None:
    """A spec made by hand knows nothing of outliers."""
    assert follow([0.5] * 48, spec=msgspec.structs.replace(SPEC, outliers=None)) == []


def incidents(shares: list[float], *, restart: bool = False) -> tuple[list[Incident], ModelResults]:
    spec = msgspec.structs.replace(SPEC, drift=DriftRules(span_seconds=HOUR))
    fold, source = Judge.restore({}, SEAT, Specs([spec]), Limits()), Source()
    state: dict[str, bytes] = {}
    told: list[Incident] = []
    results = None
    for hour, share in enumerate(shares):
        start = T + hour * 3600
        rows: dict[TableName, list[Row]] = {
            "traffic": [(start, "", [500.0, 0.0])],
            "outliers": [(start, "", [500.0, 500.0 * share]), (start, "age", [0.0, 500.0 * share])],
        }
        fold.apply(batch(source.delta({"1": part(spec, rows)}, watermark=start + HOUR)))
        outputs, changes = fold.drain(), fold.changes()
        told += [decode_json(Incident, m.value) for m in outputs.messages if m.topic == "incidents"]
        results = decode_json(ModelResults, outputs.results["model:m"] or b"")
        state = {k: v for k, v in (state | dict(changes.puts)).items() if k not in changes.deletes}
        if restart:
            fold = Judge.restore(state, SEAT, Specs([spec]), Limits())
    assert results is not None
    return told, results


def test_outliers_become_one_ticket_that_closes() -> None:
    """A warning that names the share; windows have theirs; a restart after every commit changes nothing."""
    shares = [0.0] * 4 + [0.2] * 6 + [0.0] * 8
    told, results = incidents(shares)
    assert [incident.state for incident in told] == ["open", "resolved"]
    assert (told[0].severity, told[0].signals) == ("warning", ["outliers"])
    assert [window.outlier_share for window in results.versions["1"].windows[:6]] == [0.0] * 4 + [0.2] * 2
    assert incidents(shares, restart=True) == (told, results)
