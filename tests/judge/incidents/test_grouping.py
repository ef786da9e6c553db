"""One incident for one change."""

from __future__ import annotations

from monitor_stream.events.codec import moment
from monitor_stream.events.spec import DAY
from monitor_stream.judge.incidents import MAX_EVIDENCE, MAX_RESOLVED
from monitor_stream.judge.incidents.held import MAX_HELD, MAX_HELD_OF_TRACK
from monitor_stream.judge.incidents.version import MAX_TRACKS
from tests.judge.incidents.findings import Heard, T, detection, drift, error, unfair


def test_columns_that_drift_together_are_one_incident() -> None:
    """Told once, with all of them, the strongest first."""
    heard = Heard()
    columns = {"a": 2.1, "b": 5.0, "c": 3.0, "d": 2.2}
    assert heard.hear(*(drift(0, name, effect) for name, effect in columns.items())) == ["opened"]
    assert [finding.column for finding in heard.newest.evidence] == ["b", "c", "d", "a"]
    assert "4 features drifted, b, c, d and 1 more" in heard.newest.summary


def test_what_follows_within_the_grouping_time_is_evidence() -> None:
    """A column that needs its second look, and errors that are known a horizon later, belong to what opened before."""
    heard = Heard()
    assert heard.hear(drift(0, "a", effect=2.5), drift(0, "b", effect=1.5)) == ["opened"]
    assert heard.hear(drift(1, "b", effect=1.5)) == []
    assert heard.hear(error(2, effect=2.5)) == []  # the horizon is two days
    [incident] = heard.incidents.open("3")
    assert incident.signals == ["error", "feature_drift"]
    assert incident.severity == "warning"
    assert {finding.column for finding in incident.evidence} == {"a", "b", ""}


def test_labels_belong_to_the_day_they_speak_of() -> None:
    """Their drift is known when the span has settled, and is that of the inputs' day."""
    heard = Heard()
    assert heard.hear(drift(0, effect=2.5)) == ["opened"]
    label = drift(0, "__target__", effect=2.5, signal="label_drift")
    assert heard.hear(label, day=2.9) == []
    assert heard.incidents.open("3")[0].signals == ["feature_drift"]
    assert heard.until(T + 3.1 * DAY) == []
    assert heard.incidents.open("3")[0].signals == ["feature_drift", "label_drift"]


def test_a_change_of_its_own_is_an_incident_of_its_own() -> None:
    """One that lasts stays open, and does not swallow what happens weeks later."""
    heard = Heard()
    assert heard.hear(drift(0, "a", effect=2.5)) == ["opened"]
    for day in range(1, 20):
        assert heard.hear(drift(day, "a", effect=2.5)) == []
    assert heard.hear(drift(20, "a", effect=2.5), drift(20, "b", effect=2.5)) == ["opened"]
    first, second = (told.incident for told in heard.told)
    assert first.id != second.id
    assert [finding.column for finding in second.evidence] == ["b"]
    assert len(heard.incidents.open("3")) == 2


def test_what_comes_back_within_the_grouping_time_comes_home() -> None:
    """A column that was well for a moment is no second incident while the first is open."""
    heard = Heard()
    heard.hear(drift(0, "a", effect=2.5), drift(0, "b", effect=2.5))
    for day in (1, 2, 3):
        heard.hear(drift(day, "a"), drift(day, "b", effect=2.5))
    assert heard.incidents.open("3")[0].signals == ["feature_drift"]
    assert heard.hear(drift(4, "a", effect=2.5), drift(4, "b", effect=2.5)) == []
    assert [told.happening for told in heard.told] == ["opened"]


def test_an_incident_is_over_when_all_of_it_is() -> None:
    """The last track that closes resolves it."""
    heard = Heard()
    heard.hear(drift(0, "a", effect=2.5), drift(0, "b", effect=2.5))
    for day in (1, 2):
        heard.hear(drift(day, "a"), drift(day, "b", effect=2.5))
    for day in (3, 4):
        assert heard.hear(drift(day, "a"), drift(day, "b")) == []
    assert heard.hear(drift(5, "a"), drift(5, "b")) == ["resolved"]
    assert heard.newest.signals == ["feature_drift"]


def test_checks_on_one_column_are_followed_apart() -> None:
    """A check that looks each hour cannot close what one that looks each day has seen."""
    heard = Heard()
    assert heard.hear(drift(0, "", effect=2.5, signal="quality", check="swapped")) == ["opened"]
    hourly = [drift(day, "", signal="quality", check="duplicates") for day in range(1, 9)]
    assert [happening for each in hourly for happening in heard.hear(each)] == []


def test_ids_follow_from_what_happened() -> None:
    """Two runs name the same incident alike, and another one otherwise; a better second look changes nothing."""

    def named(*findings: object) -> str:
        heard = Heard()
        for finding in findings:
            heard.hear(finding)  # type: ignore[arg-type]
        return heard.newest.id

    one = named(drift(0, effect=1.2), drift(1, effect=1.2))
    assert one == named(drift(0, effect=1.5), drift(1, effect=1.9, check="js"))
    others = {named(drift(1, effect=2.5)), named(drift(0, "hour", effect=2.5)), named(detection(0.5))}
    assert len({one, *others}) == 4


def test_what_is_kept_is_bounded() -> None:
    """Resolved incidents, evidence, tracks, and looks that wait."""
    heard = Heard()
    for at in range(MAX_RESOLVED + 5):
        heard.hear(detection(at))
        heard.hear(detection(at + 0.5, better=True))
    assert len(heard.incidents.document()) == MAX_RESOLVED
    many = [drift(200, f"c{at:04}", effect=2.0 + at / 1000) for at in range(MAX_TRACKS + 10)]
    heard.hear(*many)
    [opened] = heard.incidents.open("3")
    assert len(opened.evidence) == MAX_EVIDENCE
    assert opened.summary.count("features drifted") == 1
    assert f"{MAX_TRACKS} features drifted" in opened.summary
    waiting = Heard()
    for at in range(MAX_HELD // 50 + 2):
        waiting.hear(*(drift(at, f"c{column}", effect=2.5) for column in range(50)), day=0.0)
    assert waiting.told, "the oldest are let go before their time"
    assert len(waiting.incidents._of("3").state().held) <= MAX_HELD


def test_a_long_run_of_looks_that_come_at_once_is_no_end() -> None:
    """A year of drift, read in one piece or far ahead of the labels, is one incident that stays open."""
    days = [drift(day, effect=2.5) for day in range(400)]
    at_once, ahead = Heard(), Heard()
    assert at_once.hear(*days) == ["opened"]
    for start in range(0, 400, 10):
        assert ahead.hear(*days[start : start + 10], day=0.0) == []
    assert len(ahead.incidents._of("3").state().held) <= 2 * MAX_HELD_OF_TRACK
    assert ahead.until(T + 401 * DAY) == ["opened"]
    assert ahead.incidents.open("3") == at_once.incidents.open("3")


def test_evidence_says_since_when() -> None:
    """The newest finding of a check is kept, with where the first look that fired began, though it took two to open."""
    heard = Heard()
    for day in range(4):
        heard.hear(drift(day, "a", effect=1.5))
    [incident] = heard.incidents.open("3")
    [finding] = incident.evidence
    assert (finding.since, finding.start) == (moment(T), moment(T + 3 * DAY))


def test_unfairness_is_no_part_of_a_change() -> None:
    """How groups are treated lasts: a storm of the same days is an incident of its own, and is over when it is over."""
    heard = Heard()
    assert heard.hear(unfair(0, effect=2.5)) == []  # known when labels are in, two days on
    assert heard.hear(error(1, effect=2.5)) == ["opened"]
    assert heard.until(T + 3.1 * DAY) == ["opened"]
    assert sorted(each.signals for each in heard.incidents.open("3")) == [["error"], ["fairness"]]
    told = [each for day in range(3, 7) for each in heard.hear(error(day), unfair(day - 2, effect=2.5))]
    assert [*told, *heard.until(T + 8 * DAY)] == ["resolved"]
    assert [each.signals for each in heard.incidents.open("3")] == [["fairness"]]


def test_criteria_of_one_attribute_are_followed_as_one() -> None:
    """Now one criterion is broken and now another: that is one incident, with each as evidence."""
    heard = Heard()
    checks = ["equal_opportunity", "predictive_parity"]
    told = []
    for day in range(12):
        told += heard.hear(
            *(unfair(day, effect=2.5 * (day // 4 % 2 == at), check=c) for at, c in enumerate(checks))
        )
    assert told == ["opened"]
    [incident] = heard.incidents.open("3")
    assert {finding.check for finding in incident.evidence} == set(checks)
