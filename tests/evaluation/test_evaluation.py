"""What docs/evaluation.md says of data whose truth is known, held as promises."""

import numpy as np
import pytest

from loadtest.evaluation import carloan, flights, outliers
from loadtest.evaluation.__main__ import PARTS
from loadtest.evaluation.document import PAGE, Section, Table, render

# The first run fetches the data, and the flights are ten months.
pytestmark = pytest.mark.timeout(600)


def test_all_columns_that_moved_are_found_at_once_and_hardly_another() -> None:
    """Car loans: each in the first window after the change; at most one false alarm in 50 feature-windows."""
    spans = carloan.defaults().drift
    assert len(spans) == 2 * carloan.HALF
    drifted = [{column.column for column in span.columns if column.drifted} for span in spans]
    assert drifted[carloan.HALF] >= carloan.MOVED
    assert sum(len(found & carloan.STAYED) for found in drifted) + sum(map(len, drifted[: carloan.HALF])) <= 1


def test_damaged_values_are_told_with_the_window_they_begin_in() -> None:
    """The damaged twin: nulls that double from window 5 on, and a value that the reference never had."""
    evidence = {
        (finding.column, finding.check): carloan.window(finding)
        for incident in carloan.defaults("dq_").incidents
        for finding in incident.evidence
        if finding.signal == "quality"
    }
    assert evidence == {
        ("size_of_downpayment", "unseen"): 0,
        ("salary_range", "missing"): carloan.HALF,
        ("driver_tenure", "missing"): carloan.HALF,
    }


def test_hardly_an_incident_of_ten_months_of_flights_is_false() -> None:
    """At most one, by the rows themselves; the storm of 8 March is one, and the good September brings no page."""
    year = flights.judge()
    incidents = year.found.incidents
    false = [incident for incident in incidents if not flights.verdict(year, incident).true]
    assert len(false) <= 1
    assert 3 <= len(incidents) <= 15
    assert any((i.opened.month, i.opened.day, i.severity) == (3, 9, "critical") for i in incidents)
    assert not [i for i in incidents if i.opened.month == 9 and i.severity == "critical"]


def test_outliers_in_one_column_or_two_categories_are_found() -> None:
    """Put into flights that nobody profiled: more than five in six, at less than one false alarm in a hundred."""
    data = outliers.load()
    spec = outliers.describe(data.reference)
    kinds = outliers.injected(data, np.random.default_rng(3))
    assert outliers.flagged(spec, data.clean).mean() < outliers.FALSE
    for kind in ("one value far out", "minutes as seconds", "a combination nobody flies"):
        assert outliers.flagged(spec, kinds[kind]).mean() > 0.85, kind


def test_the_page_has_every_part() -> None:
    """The committed page was made of all parts, in their order."""
    titles = [line for line in PAGE.read_text().splitlines() if line.startswith("## ")]
    assert [title.removeprefix("## ").partition(".")[0] for title in titles] == [
        str(at + 1) for at in range(len(PARTS))
    ]


def test_a_page_is_sections_of_sentences_and_tables() -> None:
    """Numbers stand right, and what would end a cell does not."""
    section = Section("One", ["Said.", Table(["name", "n"], [["a|b", 1234], ["c", 0.123456]])])
    assert render([section]).endswith(
        "## One\n\nSaid.\n\n| name | n |\n| --- | ---: |\n| a\\|b | 1,234 |\n| c | 0.1235 |\n"
    )
