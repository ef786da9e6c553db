"""What a span must know of its values that histograms do not say: moments of numbers, and names that are new."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from monitor_stream.events.delta import Ints
from monitor_stream.events.spec import ModelSpec, NumericReference
from monitor_stream.events.tables import MAX_COLUMNS, TableName, split_segment
from monitor_stream.judge.components import are_components
from monitor_stream.judge.drift.evaluate import has_reference
from monitor_stream.judge.sums import Rows, chosen, merged


class SpanRows(NamedTuple):
    """Rows of one table that belong to the span that begins at `start`."""

    start: int
    table: TableName
    rows: Rows


def span_values(tables: dict[TableName, tuple[Ints, Rows]], spec: ModelSpec) -> Iterator[SpanRows]:
    """The rows of `features` and `unseen` that drift is judged by, added up by span.

    They come by window, and a window belongs to the span that it begins in. Of features that have histograms are
    kept: moments of numbers and of components of vectors, names of categorical ones; so there is a limit on them.
    """
    if not has_reference(spec):
        return
    followed = spec.features[:MAX_COLUMNS]
    numbers = {feature.name for feature in followed if isinstance(feature.reference, NumericReference)}
    names = {feature.name for feature in followed} - numbers
    if "features" in tables:
        windows, rows = tables["features"]
        components = are_components(rows.groups, spec)
        kept = [group in numbers or part for group, part in zip(rows.groups, components, strict=True)]
        yield from _by_span("features", windows, rows, kept, spec)
    if "unseen" in tables:
        windows, rows = tables["unseen"]
        kept = [split_segment(group)[0] in names for group in rows.groups]
        yield from _by_span("unseen", windows, rows, kept, spec)


def _by_span(
    table: TableName, windows: Ints, rows: Rows, kept: Sequence[bool], spec: ModelSpec
) -> Iterator[SpanRows]:
    for start, part in merged(*chosen(windows, rows, kept), spec.drift.span_seconds):
        yield SpanRows(start, table, part)
