"""What the terminal says of a model beyond its windows."""

import io

import msgspec
import pytest
from rich.console import Console

from monitor_stream.events.results import ModelResults
from monitor_stream.replay.verdicts import print_verdicts
from tests.metrics.documents import HOSTILE, bike_demand, flight_late, newcomer
from tests.metrics.judged import START, comparison, contradiction, estimates, fairness, segment_losses


def printed(*models: ModelResults) -> str:
    out = io.StringIO()
    print_verdicts(Console(file=out, width=400), models)
    return out.getvalue()


def changed(model: ModelResults, **fields: object) -> ModelResults:
    """The document with other fields in its only version."""
    name, version = next(iter(model.versions.items()))
    return msgspec.structs.replace(model, versions={name: msgspec.structs.replace(version, **fields)})


def test_estimates_stand_beside_the_truth() -> None:
    """Each with its band, what came true, and that labels contradict it; a regression's too, which they do not."""
    flights = flight_late()
    day = msgspec.structs.replace(
        flights.versions["3"].rolling["1d"], estimates=estimates(920, contradicted=True)
    )
    text = printed(changed(flights, rolling={"1d": day}))
    assert "accuracy 0.842 [0.818, 0.866], realised 0.791, CONTRADICTED by labels" in text
    assert "contradicted since 2013-03-03 00:00: errors are +0.052 [+0.031, +0.074]" in text
    bikes = printed(bike_demand())
    assert "mae 33.1 [27, 39.4], realised 97.3\n" in bikes
    assert "contradict" not in bikes.lower()


def test_estimates_that_agree_again_are_said_to() -> None:
    """With how often they did not."""
    text = printed(changed(flight_late(), contradiction=contradiction(active=False)))
    assert "borne out: errors are +0.052" in text
    assert "contradicted 2 times before" in text
    days = [
        msgspec.structs.replace(day, estimates=estimates(900, contradicted=place in {3, 4}))
        for place, day in enumerate(flight_late().versions["3"].days)
    ]
    marked = printed(changed(flight_late(), days=days))
    assert "contradicted by labels on 2 of 90 days, the first 2012-12-04, the last 2012-12-05" in marked
    assert "CONTRADICTED" not in text


def test_groups_segments_and_scores_are_told_of() -> None:
    """Verdicts with their intervals, the segments that carry most, and how far scores are off."""
    text = printed(flight_late())
    assert "carrier_group, demographic parity: unfair, 0.21 [0.14, 0.28] between major and regional" in text
    assert "carrier_group, calibration: too early to say" in text
    assert "carrier = EV carries 14.0 % of the loss" in text
    assert "0.075 off on average (ECE), n 900" in text
    assert "leans on other features" in text


@pytest.mark.parametrize(
    ("verdict", "group", "words"),
    [
        (
            "better",
            "",
            "4 against champion 3: better, error -0.021 [-0.033, -0.009], n 12,400 on the same ids",
        ),
        ("too early to say", "carrier=UA", "4 against champion 3 where carrier=UA: too early to say"),
    ],
)
def test_comparisons_are_told_of(verdict: str, group: str, words: str) -> None:
    """Who against whom, the verdict, the effect and on how many."""
    assert words in printed(
        msgspec.structs.replace(flight_late(), comparisons=[comparison(verdict, group=group)])
    )


def test_a_comparison_that_cannot_be_made_says_why() -> None:
    """And one that is over, since when."""
    found = msgspec.structs.replace(comparison(), not_computable="the tasks differ", ended=START)
    text = printed(msgspec.structs.replace(flight_late(), comparisons=[found]))
    assert "4 against champion 3: the tasks differ, ended 2013-03-01 00:00\n" in text


def test_the_newest_incident_says_why() -> None:
    """Its suspects, segments, what else changed, and rows from before and after."""
    text = printed(bike_demand())
    for words in (
        "5b0c1f-open The mean absolute error",
        "temperature: 4.0 times its threshold, 70 % of what the model leans on (10 to 20 40 % → 10 %;",
        "version at 2013-03-03 00:00 UTC: 2026-10 took over",
        "temperature 14.5, humidity 80, station ***",
        "temperature missing, humidity 30",
    ):
        assert words in text


def test_a_model_nobody_knows_anything_of_is_not_mentioned() -> None:
    """No heading without a line."""
    assert printed(newcomer()) == ""


def test_it_is_bounded_and_only_text() -> None:
    """However many segments there are, three are printed; names with markup or control characters are shown as they are."""
    evil = f"[bold]{HOSTILE}\x1b[31m"
    losses = [msgspec.structs.replace(segment_losses()[0], value=f"{evil}{i}") for i in range(10)]
    text = printed(changed(flight_late(), segment_losses=losses, fairness=[fairness(evil)]))
    assert text.count("carrier = [bold]<img") == 3
    assert "\x1b" not in text
