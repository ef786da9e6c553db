"""What JUDGE says of a model beyond its windows: for whom, before labels, which version, and why."""

import math
from datetime import UTC, datetime, timedelta

import msgspec

from monitor_stream.events.delta import Example
from monitor_stream.events.results import (
    AttributionDrift,
    Calibration,
    CalibrationBin,
    Comparison,
    Contradiction,
    Estimates,
    Explanation,
    Fairness,
    FairnessGap,
    GroupResult,
    ModelResults,
    OtherChange,
    SegmentLoss,
    Suspect,
)
from monitor_stream.events.tables import grouped

START = datetime(2013, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def estimates(n: int, *, contradicted: bool = False) -> Estimates:
    """Foretold of a binary model: better than it is."""
    return Estimates(
        n=n,
        values={"accuracy": 0.842, "auc": 0.671, "log_loss": 0.44},
        bands={"accuracy": (0.818, 0.866), "auc": (0.64, 0.70), "log_loss": (0.41, 0.47)},
        near_threshold=0.081,
        uncertainty=0.176,
        contradicted=contradicted,
    )


def regression_estimates(n: int) -> Estimates:
    return Estimates(n=n, values={"mae": 33.1}, bands={"mae": (27.0, 39.4)})


def contradiction(*, active: bool = True) -> Contradiction:
    return Contradiction(
        active=active,
        since=START + 2 * DAY if active else None,
        labels=1840,
        seen=277_337,
        gap=0.052,
        low=0.031,
        high=0.074,
        times=2,
    )


def calibration() -> Calibration:
    """Scores above a half come true less often than they say."""
    scores = [0.05 + 0.1 * place for place in range(10)]
    shares = [score if score < 0.5 else 0.5 + 0.4 * (score - 0.5) for score in scores]
    bins = [
        CalibrationBin(
            n=90,
            mean_score=score,
            positive_share=share,
            low=max(share - 0.05, 0.0),
            high=min(share + 0.05, 1.0),
        )
        for score, share in zip(scores, shares, strict=True)
    ]
    return Calibration(
        start=START + DAY,
        end=START + 2 * DAY,
        n=900,
        bins=bins,
        ece=0.075,
        reliability=0.011,
        resolution=0.03,
        uncertainty=0.172,
    )


def fairness(attribute: str = "carrier_group") -> Fairness:
    """One criterion that is broken, one that holds, one of which nothing can be said."""

    def group(value: str, n: int, rate: float) -> GroupResult:
        half = 1.96 * math.sqrt(rate * (1 - rate) / n)
        return GroupResult(
            value=value,
            n=n,
            scored=n - 20,
            values={"selection_rate": rate, "true_positive_rate": 0.61},
            intervals={
                "selection_rate": (max(rate - half, 0.0), min(rate + half, 1.0)),
                "true_positive_rate": (0.52, 0.7),
            },
        )

    gaps = [
        FairnessGap(
            criterion="demographic_parity",
            difference=0.21,
            low=0.14,
            high=0.28,
            ratio=0.5,
            highest="major",
            lowest="regional",
            metric="selection_rate",
            verdict="unfair",
        ),
        FairnessGap(
            criterion="equal_opportunity",
            difference=0.02,
            low=-0.03,
            high=0.07,
            ratio=0.97,
            highest="major",
            lowest="regional",
            metric="true_positive_rate",
            verdict="fair",
        ),
        FairnessGap(
            criterion="calibration",
            difference=0.09,
            low=-0.06,
            high=0.24,
            highest="regional",
            lowest="major",
            metric="ece",
        ),
    ]
    groups = [group("major", 1500, 0.42), group("regional", 900, 0.21), group("charter", 31, 0.35)]
    return Fairness(attribute=attribute, start=START - 5 * DAY, end=START + 2 * DAY, groups=groups, gaps=gaps)


def segment_losses() -> list[SegmentLoss]:
    """The worst first; the last one might be noise."""

    def loss(segment: str, value: str, n: int, metric: float, loss: float) -> SegmentLoss:
        return SegmentLoss(
            segment=segment,
            value=value,
            n=n,
            metric=metric,
            low=metric - 1.2 / math.sqrt(n),
            high=metric + 1.2 / math.sqrt(n),
            rest=0.2,
            loss=loss,
        )

    return [
        loss("carrier", "EV", 4100, 0.31, 0.14),
        loss("carrier×origin", "B6 × JFK", 900, 0.29, 0.05),
        loss("origin", "LGA", 44, 0.33, 0.002),
    ]


def attribution() -> AttributionDrift:
    return AttributionDrift(
        start=START,
        end=START + DAY,
        n=880,
        shares={"dep_delay": 0.55, "hour": 0.3, "distance": 0.15},
        rank_correlation=0.5,
        ndcg=0.93,
        drifted=True,
    )


def examples() -> list[Example]:
    return [
        Example(
            int(START.timestamp()),
            4.2,
            77,
            START.timestamp() + 60,
            "UA-1545",
            "distance",
            {"distance": 49_000.0, "carrier": "***"},
        ),
        Example(
            int(START.timestamp()),
            1.0,
            78,
            START.timestamp() + 90,
            "9E-4105",
            grouped("carrier", "origin"),
            {"carrier": "9E", "origin": "LGA"},
        ),
    ]


def why() -> Explanation:
    """Why an incident may be."""
    return Explanation(
        since=START + 2 * DAY,
        suspects=[
            Suspect(
                feature="temperature",
                rank=2.8,
                drift=4.0,
                importance=0.7,
                top=[("10 to 20", 0.4, 0.1), ("30 to 40", 0.05, 0.45)],
            ),
            Suspect(feature="humidity", rank=0.3, drift=1.5),
        ],
        segments=segment_losses(),
        changes=[
            OtherChange(
                what="version", at=START + 2 * DAY, detail="2026-10 took over from 2026-09 as champion."
            ),
            OtherChange(what="volume", at=START + 3 * DAY, detail="60 predictions an hour, usual are 140."),
        ],
        before=[{"temperature": 14.5, "humidity": 80.0, "station": "***"}],
        after=[
            {"temperature": 38.25, "humidity": 31.0, "station": "***"},
            {"temperature": None, "humidity": 30.0},
        ],
    )


def comparison(verdict: str = "better", *, group: str = "", effect: float = -0.021) -> Comparison:
    return Comparison(
        champion="3",
        challenger="4",
        group=group,
        paired=True,
        n=12_400,
        spans=9,
        since=START,
        until=START + 3 * DAY,
        champion_error=0.205,
        challenger_error=0.205 + effect,
        effect=effect,
        low=effect - 0.012,
        high=effect + 0.012,
        alpha=0.05,
        verdict=verdict,  # type: ignore[arg-type]  # one of them
        decided=START + 2 * DAY if verdict != "too early to say" else None,
    )


def contest(model: ModelResults, verdict: str = "better") -> ModelResults:
    """The model's version 3 with a challenger beside it, on the same requests."""
    champion = model.versions["3"]
    challenger = msgspec.structs.replace(champion, version="4", stage="challenger")
    found = [
        comparison(verdict),
        comparison("too early to say", group="carrier=UA", effect=-0.001),
    ]
    return msgspec.structs.replace(model, versions={"3": champion, "4": challenger}, comparisons=found)
