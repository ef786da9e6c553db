"""The results in the store, as readers have them."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from monitor_stream.events.results import ModelResults, SourceResults


class Documents(msgspec.Struct, frozen=True, kw_only=True):
    """All results at one moment: models by name, in order, and what OBSERVE read, one document a partition."""

    models: Mapping[str, ModelResults] = {}
    sources: tuple[SourceResults, ...] = ()
