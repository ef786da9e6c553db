"""From a finding to an incident and back: second looks, hysteresis, severity."""

from __future__ import annotations

import pytest

from monitor_stream.events.codec import moment
from monitor_stream.events.spec import DAY
from tests.judge.incidents.findings import Heard, T, contradiction, detection, drift, error, estimate


def test_one_look_that_fires_is_pending_and_nobody_is_told() -> None:
    """It is shown to readers as pending, and gone when the next look is quiet."""
    heard = Heard()
    assert heard.hear(drift(0, effect=1.2)) == []
    [pending] = heard.incidents.document()
    assert (pending.state, pending.signals, [f.column for f in pending.evidence]) == (
        "pending",
        ["feature_drift"],
        ["carrier"],
    )
    assert heard.hear(drift(1)) == []
    assert heard.incidents.document() == []


def test_a_second_look_in_a_row_opens() -> None:
    """Since when is when the first of them began."""
    heard = Heard()
    heard.hear(drift(0, effect=1.2))
    assert heard.hear(drift(1, effect=1.3)) == ["opened"]
    assert (heard.newest.state, heard.newest.severity) == ("open", "warning")
    assert heard.newest.opened == moment(T + 2 * DAY)
    assert "since 2013-03-01 00:00 UTC" in heard.newest.summary


def test_a_quiet_look_between_begins_anew() -> None:
    """Two looks that fire with one between that does not are no row."""
    heard = Heard()
    assert heard.hear(drift(0, effect=1.2)) == []
    assert heard.hear(drift(1, effect=0.9)) == []
    assert heard.hear(drift(2, effect=1.2)) == []


@pytest.mark.parametrize(
    "finding",
    [drift(0, effect=2.0), detection(0.5), error(0, effect=1.1, severity="critical")],
    ids=["twice its threshold", "a detector has seen many errors", "loss beyond the baseline's limit"],
)
def test_some_evidence_needs_no_second_look(finding: object) -> None:
    """What is overwhelming, patient in itself, or loss, opens at once."""
    assert Heard().hear(finding) == ["opened"]  # type: ignore[arg-type]


def test_it_closes_after_low_looks_in_a_row() -> None:
    """Three of them; one between threshold and low is neither, and begins the row anew."""
    heard = Heard()
    heard.hear(drift(0, effect=3.0))
    for day, effect in enumerate((0.1, 0.1, 0.9, 0.1, 0.1), start=1):
        assert heard.hear(drift(day, effect=effect)) == []
    assert heard.hear(drift(6, effect=0.1)) == ["resolved"]
    assert (heard.newest.state, heard.newest.resolved) == ("resolved", moment(T + 7 * DAY))
    assert heard.incidents.document() == [heard.newest]


def test_looks_that_never_fire_again_are_an_end_too() -> None:
    """What stays just below its threshold does not stay open for ever."""
    heard = Heard()
    heard.hear(drift(0, effect=3.0))
    happened = [happening for day in range(1, 10) for happening in heard.hear(drift(day, effect=0.9))]
    assert happened == ["resolved"]


def test_what_got_better_opens_nothing_and_lets_it_close() -> None:
    """A detector that sees the level fall ends what a detector opened."""
    heard = Heard()
    assert heard.hear(detection(0.1, better=True)) == []
    assert heard.hear(detection(0.5)) == ["opened"]
    assert heard.hear(detection(0.9, better=True, value=0.19)) == ["resolved"]


def test_a_detector_that_sees_better_does_not_outvote_the_day_before() -> None:
    """Where the mean of the last span was too high, it takes spans that are low."""
    heard = Heard()
    heard.hear(error(0, effect=2.5))
    assert heard.hear(detection(1.2, better=True)) == []
    assert heard.hear(error(1)) == []
    assert heard.hear(error(2)) == ["resolved"]


def test_a_detection_that_was_not_confirmed_is_no_look() -> None:
    """It opens nothing, and it is no sign that the errors are well again either."""
    heard = Heard()
    heard.hear(error(0, effect=2.5))
    for at in (1.1, 1.2, 1.3, 1.4):
        assert heard.hear(detection(at, firing=False)) == []


def test_a_judgement_that_is_revised_takes_the_place_of_the_one_before() -> None:
    """Where the reason is gone the incident resolves, and nobody is told a second time that it opened."""
    heard = Heard()
    assert heard.hear(drift(0, effect=2.5)) == ["opened"]
    assert heard.hear(drift(0, effect=2.6)) == []
    assert heard.hear(drift(0, effect=0.3)) == ["resolved"]


def test_loss_makes_it_critical_and_recovery_of_the_errors_eases_it() -> None:
    """Drift is a ticket; drift with loss is a page, for as long as there is loss."""
    heard = Heard()
    assert heard.hear(drift(0, effect=2.5)) == ["opened"]
    assert heard.hear(error(0, effect=1.5, severity="critical")) == ["escalated"]
    assert (heard.newest.severity, heard.newest.signals) == ("critical", ["error", "feature_drift"])
    for day in (1, 2):
        assert heard.hear(error(day), drift(day, effect=2.5)) == []
    assert heard.hear(error(3), drift(3, effect=2.5)) == ["eased"]
    assert (heard.newest.severity, heard.newest.signals) == ("warning", ["feature_drift"])
    assert len({told.incident.id for told in heard.told}) == 1


@pytest.mark.parametrize("signal", ["quality", "volume", "feature_drift"])
def test_only_loss_pages(signal: str) -> None:
    """However severe a check calls itself."""
    heard = Heard()
    assert heard.hear(drift(0, effect=9.0, signal=signal, severity="critical")) == ["opened"]
    assert heard.newest.severity == "warning"


def test_what_is_not_looked_at_any_more_is_closed_in_so_many_words() -> None:
    """A feature that is gone from the spec gets no looks that could close it."""
    heard = Heard()
    heard.hear(drift(0, effect=2.5))
    assert heard.until(T + 33 * DAY) == []
    assert heard.until(T + 40 * DAY) == ["resolved"]
    assert "could not be judged any more since 2013-03-02 00:00 UTC" in heard.newest.summary


def test_nothing_lapses_at_the_end_of_a_file() -> None:
    """That nothing comes after the end is no reason to close."""
    heard = Heard()
    heard.hear(drift(0, effect=2.5))
    assert heard.until(float("inf")) == []


def test_a_version_that_was_replaced_has_no_incidents() -> None:
    """Its incidents are closed, by the name of the one that took its place."""
    heard = Heard()
    heard.hear(drift(0, effect=2.5))
    heard.hear(drift(1, "hour", effect=1.5))
    [told] = heard.incidents.supersede("3", heard.spec, "4", T + 9.0 * DAY)
    assert (told.happening, told.incident.state) == ("resolved", "resolved")
    assert "as version 4 has taken its place" in told.incident.summary
    assert heard.incidents.document() == [told.incident]


def test_estimated_loss_pages_as_measured_loss_does() -> None:
    """At once, for as long as it lasts."""
    heard = Heard()
    assert heard.hear(estimate(0, effect=1.1, severity="critical")) == ["opened"]
    assert heard.newest.severity == "critical"
    assert [heard.hear(estimate(day)) for day in (1, 2, 3)] == [[], [], ["resolved"]]


def test_a_contradicted_estimate_is_no_loss_and_no_all_clear() -> None:
    """A page becomes a ticket that stays, whatever is foretold, until labels agree with it again."""
    heard = Heard()
    heard.hear(estimate(0, effect=1.5, severity="critical"))
    assert heard.hear(contradiction(1, effect=1.1)) == ["eased"]
    assert heard.newest.signals == ["estimated_error", "contradiction"]
    assert "Do not trust what is foretold" in heard.newest.summary
    for day in (2, 3, 4, 5):
        assert heard.hear(contradiction(day, effect=1.1), estimate(day)) == []
    for day in (6, 7):
        assert heard.hear(contradiction(day), estimate(day, 1.5, severity="critical")) == []
    assert heard.hear(contradiction(8)) == []
    assert heard.hear(estimate(9, effect=1.5, severity="critical")) == ["escalated"]
    assert heard.newest.signals == ["estimated_error"]


def test_a_contradiction_needs_no_second_look() -> None:
    """Its evidence was gathered over all labels so far. It is a ticket."""
    heard = Heard()
    assert heard.hear(contradiction(0, effect=1.01, severity="critical")) == ["opened"]
    assert heard.newest.severity == "warning"


def test_answers_that_do_not_come_page() -> None:
    """As a check on the objective of the service says; a small miss is a ticket after its second look."""
    failed = {"signal": "service", "check": "failed", "column": ""}
    assert Heard().hear(drift(0, effect=3.0, severity="critical", **failed)) == ["opened"]
    slightly = Heard()
    assert slightly.hear(drift(0, effect=1.5, **failed)) == []
    assert slightly.hear(drift(1, effect=1.5, **failed)) == ["opened"]
    assert slightly.newest.severity == "warning"


@pytest.mark.parametrize("signal", ["fairness", "outliers", "attribution_drift"])
def test_what_is_no_loss_is_a_ticket(signal: str) -> None:
    """However severe a check calls itself, and however far it is beyond its threshold."""
    heard = Heard()
    heard.hear(drift(0, effect=9.0, signal=signal, severity="critical"), day=4.0)
    assert heard.newest.severity == "warning"
