"""Ten months of flights through the demo's own model: every incident, and whether the rows bear it out.

Whether an incident is true is decided here by other means than the product's: from the rows themselves, by comparing the days
the incident speaks of with all stretches of as many days in January and February.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
from sklearn.isotonic import IsotonicRegression

from loadtest.evaluation.document import Section, Table
from monitor_stream.demo import events, flights
from monitor_stream.demo.events import Keyed
from monitor_stream.demo.model import FEATURES, LateModel, training
from monitor_stream.events.delta import Floats
from monitor_stream.events.fold import Topic
from monitor_stream.events.results import Finding, Incident
from monitor_stream.events.spec import DAY, ModelSpec, Specs
from monitor_stream.replay import Replay, replay
from monitor_stream.replay.order import BLOCK, merge
from monitor_stream.replay.table import Timed

#: The share of the reference's stretches that may be as far out for an incident to be true.
SELDOM: Final = 0.05
CATEGORIES: Final = ("carrier", "origin", "dest")


class Year(NamedTuple):
    """All flights with the model's answers, which of them are reference rows, the spec, and what the product found."""

    rows: dict[str, Any]
    reference: Any
    spec: ModelSpec
    found: Replay


class Verdict(NamedTuple):
    """Whether rows bear a finding out, and what they say."""

    true: bool
    says: str


@cache
def judge() -> Year:
    """Train, describe and replay, as the demo does."""
    year = flights.load()
    model = LateModel.train(year)
    spec = events.describe(year, model)
    stream = events.stream(year, model, spec)
    found = replay(
        merge(_blocks("predictions", stream.predictions), _blocks("labels", stream.labels)), Specs([spec])
    )
    reference = np.asarray(training(year))
    score = model.scores(year)
    score[reference] = model.scored_unseen(year.filter(training(year)))
    rows = {name: np.asarray(year[name]) for name in (*FEATURES, "month", "departure", "late")}
    late = np.array([np.nan if value is None else float(value) for value in year["late"].to_pylist()])
    rows["error"] = np.where(
        np.isnan(late), np.nan, ((score >= model.threshold) != (late == 1.0)).astype(float)
    )
    rows["score"], rows["late"] = score, late
    rows["day"] = rows["departure"] // int(DAY)
    rows["gap"] = rows["error"] - _foretold(score, late, reference, model.threshold)
    return Year(rows, reference, spec, found)


def _foretold(score: Floats, late: Floats, reference: Any, threshold: float) -> Floats:
    """How likely each answer is to be wrong by its score, after the reference, as scikit-learn has it."""
    known = reference & ~np.isnan(late)
    chance: Floats = IsotonicRegression(out_of_bounds="clip").fit(score[known], late[known]).predict(score)
    return np.where(score >= threshold, 1.0 - chance, chance)


def _blocks(topic: Topic, events: Keyed) -> Iterator[tuple[Topic, Timed]]:
    for first in range(0, len(events.times), BLOCK):
        part = slice(first, first + BLOCK)
        yield topic, Timed(events.times[part], pa.array(events.values[part], pa.binary()))


def section() -> Section:
    """The part of the page."""
    year = judge()
    verdicts = [verdict(year, incident) for incident in year.found.incidents]
    part = Section("5. Flights: ten months, month by month")
    part.add(
        "The demo's stream: 284,821 predictions whether a flight will be late, March to December 2013, by a model of January and "
        "February. Everything at defaults. By month: the share of flights that were late and the model's error rate (from the rows), "
        "detections of all detectors, those confirmed, and columns that counted as drifted on at least one day.",
        _months(year),
        "Every incident, and whether the rows bear it out. An incident is true when a finding that made it is, from its first day to "
        f"its last one that fired: at most {SELDOM:.0%} of the stretches of as many days in January and February (at most 29) are as "
        "far out, reckoned from the rows by numpy. What is compared: the error rate (of a segment, what it has beyond all flights), what it is "
        "beside that which an isotonic map of the scores foretells, flights with two categories that January and February never had together, the "
        "total variation of a column from all reference rows, values that January and February never had. One of fairness is true when two "
        "airports lie further apart over all of its days than the spec allows.",
        _incidents(year, verdicts),
        f"{len(verdicts)} incidents, {sum(not found.true for found in verdicts)} of them false.",
        _september(year),
    )
    return part


def _months(year: Year) -> Table:
    rows: list[list[object]] = []
    for month in range(3, 13):
        here = year.rows["month"] == month
        detections = [found for found in year.found.detections if found.event_time.month == month]
        drifted = Counter(
            column.column
            for span in year.found.drift
            if span.start.month == month
            for column in span.columns
            if column.drifted
        )
        rows.append(
            [
                month,
                f"{np.nanmean(year.rows['late'][here]):.3f}",
                f"{np.nanmean(year.rows['error'][here]):.3f}",
                len(detections),
                sum(found.confirmed for found in detections),
                ", ".join(f"{name} ({days})" for name, days in drifted.most_common(6)),
            ]
        )
    return Table(["month", "late", "error rate", "detections", "confirmed", "drifted columns (days)"], rows)


def _incidents(year: Year, verdicts: Sequence[Verdict]) -> Table:
    rows: list[list[object]] = []
    for incident, judged in zip(year.found.incidents, verdicts, strict=True):
        rows.append(
            [
                f"{incident.opened:%m-%d}",
                "open" if incident.resolved is None else f"{incident.resolved:%m-%d}",
                incident.severity,
                ", ".join(incident.signals),
                incident.summary,
                "true" if judged.true else "**false**",
                judged.says,
            ]
        )
    return Table(["opened", "resolved", "severity", "signals", "said", "verdict", "the rows say"], rows)


def verdict(year: Year, incident: Incident) -> Verdict:
    """Whether at least one finding that made the incident is borne out by the rows; the first that is speaks."""
    checked = [
        (_JUDGES[finding.signal](year, finding)) for finding in incident.evidence if finding.signal in _JUDGES
    ]
    true = [found for found in checked if found.true]
    if true:
        return true[0]
    return checked[0] if checked else Verdict(False, "nothing in the rows speaks of it")


def _error(year: Year, finding: Finding) -> Verdict:
    days, here = _span(year, finding)
    error = year.rows["error"]
    segment, _, value = finding.column.partition("=")
    of_segment = year.rows[segment] == value if segment else np.ones(len(error), bool)

    def rate(rows: Any) -> float:
        return float(np.nanmean(error[rows & of_segment]) - (np.nanmean(error[rows]) if segment else 0.0))

    usual = _stretches(year, days, rate)
    what = f"error rate of {value} less that of all" if segment else "error rate"
    return _compare(what, rate(here), days, usual)


def _contradiction(year: Year, finding: Finding) -> Verdict:
    days, here = _span(year, finding)

    def gap(rows: Any) -> float:
        return abs(float(np.nanmean(year.rows["gap"][rows])))

    return _compare(
        "error rate beside what the scores foretell", gap(here), days, _stretches(year, days, gap)
    )


def _fairness(year: Year, finding: Finding) -> Verdict:
    """Whether the largest difference between two airports, over all of the time, is beyond the limit of the spec."""
    _, here = _span(year, finding)
    here = here & ~np.isnan(year.rows["late"])
    airports, late = year.rows["origin"][here], year.rows["late"][here] == 1.0
    score = year.rows["score"][here]
    said = score >= year.spec.threshold
    of: dict[str, list[tuple[Any, Any]]] = {
        "demographic_parity": [(said, np.ones(len(said), bool))],
        "equal_opportunity": [(said, late)],
        "equalised_odds": [(said, late), (said, ~late)],
        "predictive_parity": [(late, said)],
        "calibration": [(score - late, np.ones(len(said), bool))],
    }
    differences = []
    for values, among in of[finding.check]:
        rates = [values[among & (airports == airport)].mean() for airport in np.unique(airports)]
        differences.append(max(rates) - min(rates))
    limit, largest = year.spec.fairness.difference, float(max(differences))
    says = f"{finding.check.replace('_', ' ')}: {largest:.3f} between two airports, {limit:g} is allowed"
    return Verdict(largest > limit, says)


def _outliers(year: Year, finding: Finding) -> Verdict:
    days, here = _span(year, finding)
    new = np.zeros(len(here), bool)
    for first, second in itertools.combinations(CATEGORIES, 2):
        pairs = np.char.add(np.char.add(year.rows[first].astype(str), " "), year.rows[second].astype(str))
        new |= ~np.isin(pairs, np.unique(pairs[year.reference]))

    def share(rows: Any) -> float:
        return float(new[rows].mean())

    return _compare(
        "share of flights with two categories that never came together",
        share(here),
        days,
        _stretches(year, days, share),
    )


def _drift(year: Year, finding: Finding) -> Verdict:
    column = {"__score__": "score", "__target__": "late"}.get(finding.column, finding.column)
    if column not in year.rows:
        return Verdict(False, f"{column} is no column of the rows")
    days, here = _span(year, finding)
    distance = total_variation(year, column)
    return _compare(f"total variation of {column}", distance(here), days, _stretches(year, days, distance))


def _compare(what: str, value: float, days: int, usual: Floats) -> Verdict:
    beyond = float((usual >= value).mean())
    return Verdict(
        beyond <= SELDOM,
        f"{what} {value:.3f} over {days} days; the reference's stretches had {usual.min():.3f} to {usual.max():.3f}, "
        f"{beyond:.0%} of them as much",
    )


def _quality(year: Year, finding: Finding) -> Verdict:
    if finding.column not in CATEGORIES:
        return Verdict(False, f"{finding.check} of {finding.column}: nothing in the rows speaks of it")
    _, here = _span(year, finding)
    known = set(year.rows[finding.column][year.reference].tolist())
    new = Counter(value for value in year.rows[finding.column][here].tolist() if value not in known)
    return Verdict(
        bool(new),
        f"{finding.column}: {dict(new)} were never in the reference" if new else "no value is new",
    )


def _volume(year: Year, finding: Finding) -> Verdict:
    """Beyond every count of the same hour of the week, or of those beside it, in the weeks before."""
    hour = year.rows["departure"] // 3600
    at = int(finding.start.timestamp() // 3600)
    counts = [int((hour == at - 168 * week + beside).sum()) for week in range(1, 9) for beside in (-1, 0, 1)]
    count = int((hour == at).sum())
    return Verdict(
        not min(counts) <= count <= max(counts),
        f"{count} flights in that hour; {min(counts)} to {max(counts)} about that time in the eight weeks before",
    )


_JUDGES: Final[dict[str, Callable[[Year, Finding], Verdict]]] = {
    "error": _error,
    "contradiction": _contradiction,
    "fairness": _fairness,
    "outliers": _outliers,
    "feature_drift": _drift,
    "prediction_drift": _drift,
    "label_drift": _drift,
    "quality": _quality,
    "volume": _volume,
}


def total_variation(year: Year, column: str) -> Callable[[Any], float]:
    """Half the sum of the differences of shares, to all reference rows; numbers by the reference's deciles, gaps left out."""
    values = year.rows[column]
    known = ~np.isnan(values) if values.dtype.kind == "f" else np.ones(len(values), bool)
    if values.dtype.kind in "fi" and len(np.unique(values[year.reference & known])) > 30:
        edges = np.unique(np.nanquantile(values[year.reference], np.arange(1, 10) / 10))
        codes = np.searchsorted(edges, values)
    else:
        codes = np.unique(values, return_inverse=True)[1]
    size = int(codes.max()) + 1
    usual = np.bincount(codes[year.reference & known], minlength=size) / int((year.reference & known).sum())

    def distance(rows: Any) -> float:
        counts = np.bincount(codes[rows & known], minlength=size)
        return float(np.abs(counts / max(counts.sum(), 1) - usual).sum() / 2)

    return distance


def _span(year: Year, finding: Finding) -> tuple[int, Any]:
    """How many days a finding of this incident fired, from the first to the last, and the rows of these days."""
    first = int((finding.since or finding.start).timestamp() // DAY)
    last = max(int(np.ceil(finding.end.timestamp() / DAY)), first + 1)
    return last - first, (year.rows["day"] >= first) & (year.rows["day"] < last)


def _stretches(year: Year, days: int, statistic: Callable[[Any], float]) -> Floats:
    """A statistic of all stretches of so many days in the reference."""
    known = year.rows["day"][year.reference]
    first, last = int(known.min()), int(known.max()) + 1
    days = min(days, (last - first) // 2)
    return np.array(
        [
            statistic(year.reference & (year.rows["day"] >= day) & (year.rows["day"] < day + days))
            for day in range(first, last - days + 1)
        ]
    )


def _september(year: Year) -> str:
    pages = [i for i in year.found.incidents if i.severity == "critical" and i.opened.month == 9]
    storm = [
        i
        for i in year.found.incidents
        if any(
            f.signal == "error" and (f.end.month, f.end.day) in {(3, 8), (3, 9), (3, 10)} for f in i.evidence
        )
    ]
    return (
        f"September, with the fewest late flights of the year, brought {len(pages)} pages. The storm of 8 March is "
        f"{'found' if storm else '**not found**'}."
    )
