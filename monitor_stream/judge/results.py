"""The document of a model, for readers."""

from __future__ import annotations

import math
from typing import cast

from monitor_stream.events.codec import encode_json
from monitor_stream.events.results import DriftSpan, ModelResults, VersionResults, Window
from monitor_stream.judge.drift.evaluate import has_reference
from monitor_stream.judge.model import Model
from monitor_stream.judge.performance import limits
from monitor_stream.judge.version import Version


def document(model: Model, now: float | None) -> bytes:
    """`ModelResults` as JSON; windows stand in it as the JSON they were published in."""
    watermark = model.sources.watermark
    return encode_json(
        ModelResults(
            model=model.name,
            updated=now or 0.0,
            outcomes=model.outcomes,
            forks=model.sources.forks,
            gaps=model.sources.gaps,
            watermark=watermark if 0.0 < watermark < math.inf else None,
            versions={name: _version(model, version) for name, version in model.versions.items()},
            incidents=model.incidents.document(),
            comparisons=model.comparisons.document(),
        )
    )


def _version(model: Model, version: Version) -> VersionResults:
    spec = version.spec
    return VersionResults(
        version=version.version,
        task=spec.task,
        owner=spec.owner,
        tier=spec.tier,
        stage=spec.stage,
        inferred=spec.inferred,
        digest=version.digest,
        objective=spec.objective,
        staleness_seconds=spec.staleness_seconds,
        min_samples=spec.min_samples,
        baseline={metric: band.mean for metric, band in spec.baseline.items()},
        baseline_limit=limits(spec.task, spec.baseline),
        totals=version.totals.document(spec, version.watch.found.counts),
        pending=version.pending,
        newest_prediction=version.newest_prediction,
        newest_label=version.newest_label,
        errors_seen=version.watch.seen,
        drift_detected=any("error" in each.signals for each in model.incidents.open(version.version)),
        rolling=version.rolling,
        windows=cast(list[Window], version.windows.history.documents()),
        days=cast(list[Window], version.days.history.documents()),
        detections=version.watch.found.newest,
        drift=cast(list[DriftSpan], version.drift.history.documents()),
        incidents_opened=model.incidents.opened(version.version),
        attribution=version.attribution,
        service=spec.service,
        examples=version.examples.document(),
        reference_made=(spec.learned_until or spec.created or None) if has_reference(spec) else None,
        calibration=version.for_whom.found.calibration,
        fairness=version.for_whom.found.fairness,
        segment_losses=version.for_whom.found.segment_losses,
        contradiction=version.watch.contradiction.document(),
    )
