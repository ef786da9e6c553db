"""Which models and versions a partition follows, and under which spec each is read."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import msgspec
import numpy as np

from monitor_stream.events.spec import ModelSpec, Specs
from monitor_stream.events.wire import Prediction
from monitor_stream.observe.decode import Envelope
from monitor_stream.observe.era import Era
from monitor_stream.observe.intake import Rows
from monitor_stream.observe.model import Model, Version

#: Segments that an inferred spec takes from the first event; a name longer than 200 characters is no name.
MAX_INFERRED_SEGMENTS: Final = 20
MAX_NAME: Final = 200

#: Terms of a model of which nothing is known: those of a spec that is inferred.
_UNKNOWN: Final = ModelSpec(model="unknown", task="regression", inferred=True)


class Registry:
    """Models by name, up to `limit` versions of predictions and as many models of labels.

    The two are counted apart: which of them a partition follows must not depend on how far the other topic was read.
    """

    def __init__(self, specs: Specs, limit: int) -> None:
        self.models: dict[str, Model] = {}
        self.era_number = 0
        self._specs, self._limit = specs, limit
        self._versions = 0
        self._labelled = 0

    def adopt(self, models: dict[str, Model], era_number: int) -> None:
        """Go on with models that were restored."""
        self.models, self.era_number = models, era_number
        self._versions = sum(len(model.versions) for model in models.values())
        self._labelled = sum(model.labelled for model in models.values())

    def terms(self, model: str) -> ModelSpec:
        """The spec whose clock, disorder and duplicate window hold for a model: labels name no version."""
        return self._specs.find(model, "") or _UNKNOWN

    def max_future(self, model: str, version: str) -> float:
        """How far ahead of its record an event of a version may be."""
        return (self._specs.find(model, version) or _UNKNOWN).max_future_seconds

    def compared(self, model: str) -> bool:
        """Whether versions of a model are held against each other."""
        return self._specs.compared(model)

    def version(self, model: str, version: str) -> Version | None:
        """A version, followed from now on; ``None`` where there are too many."""
        known = self.models.get(model)
        if known is not None and version in known.versions:
            return known.versions[version]
        if self._versions >= self._limit:
            return None
        self._versions += 1
        found = self._model(model).versions[version] = Version(version)
        return found

    def labelled(self, model: str) -> Model | None:
        """A model with labels, followed from now on; ``None`` where there are too many."""
        known = self.models.get(model)
        if known is None or not known.labelled:
            if self._labelled >= self._limit:
                return None
            self._labelled += 1
            known = self._model(model)
            known.labelled = True
        return known

    def settled(self, model: str, version: str) -> Era | None:
        """The era that reads the next events of a version, where that does not depend on them."""
        known = self.models.get(model)
        found = known.versions.get(version) if known else None
        if found is None or found.era is None or found.provisional or found.era.start > -math.inf:
            return None
        spec = self._specs.find(model, version)
        return found.era if spec is None or spec is found.era.published else None

    def eras(self, model: str, version: Version, rows: Rows) -> Iterator[tuple[Era, Rows]]:
        """The events of a version, in order, each with the era that reads it.

        A new spec is taken up at the end of the window that the newest event lies in, so that a window is judged by
        one. Without a spec, one is inferred from the first event that has an answer. Failed ones before it are read
        under one that is provisional, so that a failure as the first event does not fix the task.
        """
        spec = self._specs.find(model, version.name)
        era = version.era
        if spec is not None or (era is not None and not version.provisional):
            if spec is not None:
                self._under(model, version, spec)
            disorder = self.terms(model).allowed_disorder_seconds
            for reader, run in version.read_by(rows.times, disorder):
                yield reader, rows.select(run)
            return
        version.seen = max(version.seen, float(rows.times.max()))
        telling = next((index for index, event in enumerate(rows.events) if _tells(event)), len(rows))
        if telling:
            if era is None:
                era = self._under(model, version, _infer(rows.events[0]))
            version.provisional = True
            yield era, rows.select(np.arange(telling))
        if telling < len(rows):
            era = self._under(model, version, _infer(rows.events[telling]))
            version.provisional = False
            yield era, rows.select(np.arange(telling, len(rows)))

    def _model(self, name: str) -> Model:
        if name not in self.models:
            self.models[name] = Model(name)
        return self.models[name]

    def _under(self, model: str, version: Version, spec: ModelSpec) -> Era:
        """The era of a spec, begun if there is none."""
        era = version.era
        if era is not None and (era.published is spec or era.digest == spec.digest):
            era.published = spec
            return era
        if era is not None and era.start > version.seen:
            # It was to begin at a time that has not come: nothing was read under it.
            del version.eras[max(version.eras)]
            return self._under(model, version, spec)
        self.era_number += 1
        begun = Era(spec, self.models[model].truth_classes)
        begun.published = spec
        if era is not None and not version.provisional:
            step = max(era.spec.window_seconds, spec.window_seconds)
            begun.start = (version.seen // step + 1.0) * step
        version.eras[self.era_number] = begun
        version.provisional = False
        return begun


def _tells(event: Envelope) -> bool:
    return event.error is None and (
        event.prediction is not None or event.score is not None or event.scores is not None
    )


def _infer(event: Envelope) -> ModelSpec:
    try:
        segments = msgspec.json.decode(event.segments, type=dict[str, object] | None) or {}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        segments = {}
    names = sorted(name for name in segments if 0 < len(name) <= MAX_NAME and "=" not in name)
    return ModelSpec.infer(
        Prediction(
            model=event.model,
            version=event.version,
            prediction=event.prediction,
            score=event.score,
            scores=event.scores,
            segments=dict.fromkeys(names[:MAX_INFERRED_SEGMENTS]),
        )
    )
