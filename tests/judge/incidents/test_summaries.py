"""What is read at three in the morning, word for word."""

from __future__ import annotations

import pytest

from monitor_stream.events.results import Finding
from monitor_stream.events.spec import DAY, ModelSpec
from tests.judge.incidents.findings import Heard, T, contradiction, detection, drift, error, estimate


def said(*findings: Finding, spec: ModelSpec | None = None) -> str:
    heard = Heard(spec) if spec else Heard()
    heard.hear(*findings)
    return heard.newest.summary


def test_errors_alone() -> None:
    """What, how much against what is usual and allowed, on how many, and that no input explains it."""
    assert said(detection(7.5)) == (
        "churn version 3, since 2013-03-08 12:00 UTC: error rate 0.31, usually 0.2 (+55%), limit 0.26, n=1,204 (adwin). "
        "No input is known to have moved: look first at the labels and the segments since then; roll back or retrain if "
        "they are right."
    )


def test_a_regression_without_a_baseline() -> None:
    """Its unit is that of the target, and there is no limit to name."""
    spec = ModelSpec(model="bikes", version="7", task="regression")
    assert said(detection(0.25, value=96.4, expected=31.2, threshold=None), spec=spec).startswith(
        "bikes version 7, since 2013-03-01 06:00 UTC: mean absolute error 96.4, usually 31.2 (+209%), n=1,204 (adwin). "
    )


def test_drift_alone() -> None:
    """Which features, the strongest first with its numbers, and that it costs nothing yet."""
    assert said(drift(0, "carrier", 3.0), drift(0, "hour", 2.1)) == (
        "churn version 3, since 2013-03-01 00:00 UTC: 2 features drifted, carrier, hour (carrier js 0.26, usually 0.02, limit "
        "0.1, n=9,000). Look first at carrier: was the change meant? Errors are not known to have risen with it."
    )


def test_drift_with_loss_says_both() -> None:
    """The errors first, then what moved with them."""
    assert said(drift(0, "carrier", 3.0), error(0, effect=1.5, severity="critical")) == (
        "churn version 3, since 2013-03-01 00:00 UTC: error rate 0.29, usually 0.2 (+45%), limit 0.26, n=9,000 (level); "
        "1 feature drifted, carrier (carrier js 0.26, usually 0.02, limit 0.1, n=9,000). Look first at carrier, moved "
        "together with the errors; retrain on newer data if that is how the world is now."
    )


def test_quality_names_who_can_mend_it() -> None:
    """Broken input is not the model's fault."""
    finding = drift(
        0, "distance", 4.0, signal="quality", check="missing", detail="42 % of distance is missing."
    )
    assert said(finding) == (
        "churn version 3, since 2013-03-01 00:00 UTC: data quality fell (42 % of distance is missing; n=9,000). "
        "Look first at whoever fills distance: broken input is mended there, not by a new model."
    )


def test_traffic() -> None:
    """How many came, and how many usually come."""
    finding = drift(
        0, "", 4.0, signal="volume", check="hour_of_week", detail="12 predictions from Friday 00:00 UTC on."
    )
    assert said(finding) == (
        "churn version 3, since 2013-03-01 00:00 UTC: traffic changed (12 predictions from Friday 00:00 UTC on; "
        "n=9,000). Look first at the callers of the model, and at what sends its events."
    )


def test_what_is_likely_before_labels() -> None:
    """That it is an estimate, and that no label has borne it out."""
    finding = estimate(
        0, 1.5, severity="critical", detail="accuracy is likely to be 0.71, at least 0.8 is usual."
    )
    assert said(finding) == (
        "churn version 3, since 2013-03-01 00:00 UTC: errors are likely to have risen (accuracy is likely to be 0.71, at "
        "least 0.8 is usual; n=9,000). Look first at the scores, which now lie where the model is less often right; no "
        "label has said so yet."
    )


def test_a_contradiction() -> None:
    """That what is foretold is not to be trusted, and for how long."""
    finding = contradiction(0, 1.5, detail="Errors are 0.12 above what was foretold.")
    assert said(finding) == (
        "churn version 3, since 2013-03-01 00:00 UTC: labels contradict what was foretold (Errors are 0.12 above what was "
        "foretold; n=9,000). Do not trust what is foretold until it agrees with labels again. Look first at the labels "
        "since then: either they changed, or what the inputs mean for them."
    )


def test_service() -> None:
    """What is missed, and who can mend it, whatever else is wrong."""
    detail = "4 % of 9,000 predictions failed, 1 % may."
    finding = drift(0, "", 4.0, signal="service", check="failed", detail=detail)
    other = drift(0, "", 3.0, signal="service", check="latency", detail="slow.")
    assert said(finding, other) == (
        "churn version 3, since 2013-03-01 00:00 UTC: answers miss their objective (4 % of 9,000 predictions failed, 1 % "
        "may; n=9,000; and 1 more). Look first at the service that answers: its releases, its load, and what it waits for."
    )


@pytest.mark.parametrize(
    ("signal", "sentence"),
    [
        (
            "fairness",
            "groups are treated unlike (so it is; n=9,000; and 1 more). Look first at the inputs and the labels",
        ),
        (
            "outliers",
            "more predictions are unlike the reference (so it is; n=9,000; and 1 more). Look first at the examples",
        ),
        (
            "attribution_drift",
            "the model leans on other features (so it is; n=9,000; and 1 more). Look first at what serves",
        ),
    ],
)
def test_other_tickets(signal: str, sentence: str) -> None:
    """What was found in the check's own words, and where to look."""
    columns = [drift(0, name, 4.0, signal=signal, check="c", detail="so it is.") for name in ("a", "b")]
    later = 0.0 if signal != "fairness" else 3.0
    heard = Heard()
    heard.hear(*columns, day=1.1 + later)
    assert sentence in heard.newest.summary


def test_recovery() -> None:
    """How long it took, and what it was."""
    heard = Heard()
    heard.hear(detection(7.5))
    heard.hear(detection(9.75, better=True))
    assert heard.newest.summary == (
        "churn version 3: back to normal after 2 d 6 h. It was: error rate 0.31, usually 0.2 (+55%), limit 0.26, n=1,204 "
        "(adwin)."
    )


def test_a_version_that_was_replaced() -> None:
    """Closed, and not called recovered."""
    heard = Heard()
    heard.hear(detection(1.0))
    [told] = heard.incidents.supersede("3", heard.spec, "4", T + 2 * DAY)
    assert told.incident.summary == (
        "churn version 3: closed after 1 d 0 h, as version 4 has taken its place. It was: error rate 0.31, usually 0.2 "
        "(+55%), limit 0.26, n=1,204 (adwin)."
    )


def test_the_check_s_own_words_are_taken() -> None:
    """It knows best what its numbers mean."""
    moved = "carrier moved: js 0.26 is 2.6 times its threshold; UA 20 % → 50 %, AA 30 % → 10 %."
    assert said(drift(0, "carrier", 3.0, detail=moved)) == (
        "churn version 3, since 2013-03-01 00:00 UTC: 1 feature drifted, carrier (carrier moved: js 0.26 is 2.6 times its "
        "threshold; UA 20 % → 50 %, AA 30 % → 10 %; n=9,000). Look first at carrier: was the change "
        "meant? Errors are not known to have risen with it."
    )


def test_errors_of_a_segment() -> None:
    """The whole is told first, and where it is worst; a segment alone is named."""
    whole, part = detection(7.5), detection(7.5, column="origin=EWR", value=0.5)
    both, alone = Heard(), Heard()
    both.hear(whole, part, day=12)  # segments are judged when their labels have come
    alone.hear(part, day=12)
    numbers = "error rate 0.31, usually 0.2 (+55%), limit 0.26, n=1,204 (adwin)"
    assert f"{numbers}, most in origin=EWR. " in both.incidents.open("3")[0].summary
    assert "error rate of origin=EWR 0.5, usually 0.2" in alone.newest.summary
