"""What there is to say of one version beyond its windows, small enough to be asked for every second."""

from __future__ import annotations

import msgspec

from monitor_stream.events.delta import Example
from monitor_stream.events.results import (
    AttributionDrift,
    Calibration,
    Comparison,
    Contradiction,
    Fairness,
    ModelResults,
    SegmentLoss,
    VersionResults,
)


class Verdicts(msgspec.Struct, frozen=True, kw_only=True):
    """For whom, before labels, which version: parts of the model's document, each absent where nothing can be said.

    `comparisons` are those that the version has a part in, as champion or challenger. Estimates are in the windows, and in
    `rolling` of the fleet.
    """

    model: str
    version: str
    calibration: Calibration | None
    fairness: list[Fairness]
    segment_losses: list[SegmentLoss]
    attribution: AttributionDrift | None
    contradiction: Contradiction | None
    comparisons: list[Comparison]
    examples: list[Example]


def verdicts(model: ModelResults, version: VersionResults) -> Verdicts:
    """Of one version."""
    return Verdicts(
        model=model.model,
        version=version.version,
        calibration=version.calibration,
        fairness=version.fairness,
        segment_losses=version.segment_losses,
        attribution=version.attribution,
        contradiction=version.contradiction,
        comparisons=[
            found for found in model.comparisons if version.version in {found.champion, found.challenger}
        ],
        examples=version.examples,
    )
