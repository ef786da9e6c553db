"""What is known of a model beyond its windows, in lines for a terminal: before labels, for whom, which version, and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final, NamedTuple

from rich.console import Console
from rich.markup import escape

from monitor_stream.deadletters.printable import printable
from monitor_stream.events.results import (
    Comparison,
    Contradiction,
    Fairness,
    FairnessGap,
    Incident,
    ModelResults,
    Rolling,
    VersionResults,
    Window,
)
from monitor_stream.incidents.why import carried, explain

#: Lines of one kind for one version.
_MOST: Final = 3
#: Estimates worth a line, in this order, where there are some.
_TELLING: Final = ("mae", "rmse", "accuracy", "auc", "macro_f1")


class Line(NamedTuple):
    """A sentence, and whether it is bad news."""

    what: str
    sentence: str
    bad: bool = False


def print_verdicts(console: Console, models: Iterable[ModelResults]) -> None:
    """Print what there is to say of each version, comparisons, and why the newest incident may be."""
    for model in models:
        for version in model.versions.values():
            _print(console, f"{model.model} {version.version}", version_lines(version))
        _print(console, model.model, [*comparison_lines(model.comparisons), *why_lines(model.incidents)])


def version_lines(version: VersionResults) -> Iterator[Line]:
    """Estimates beside the truth, what carries the loss, how groups fare, and whether scores mean what they say."""
    if version.rolling:
        yield from _estimates(max(version.rolling.values(), key=lambda rolling: rolling.seconds))
    if version.contradiction is not None:
        yield from _contradiction(version.contradiction)
    yield from _contradicted_days(version.days)
    yield from (Line("segment", carried(loss)) for loss in version.segment_losses[:_MOST])
    for fairness in version.fairness:
        yield from _fairness(fairness)
    if (found := version.calibration) is not None:
        yield Line("calibration", f"scores are {found.ece:.3f} off on average (ECE), n {found.n:,}")
    if (leaning := version.attribution) is not None and leaning.drifted:
        yield Line("attributions", f"the model leans on other features, n {leaning.n:,}", bad=True)


def comparison_lines(comparisons: Iterable[Comparison]) -> Iterator[Line]:
    """Each challenger against the champion."""
    for found in comparisons:
        where = f" where {found.group}" if found.group else ""
        who = f"{found.challenger} against champion {found.champion}{where}"
        kind = "on the same ids" if found.paired else "at the same time"
        ended = f", ended {_minute(found.ended)}" if found.ended else ""
        told = (
            found.not_computable
            or f"{found.verdict}, error {found.effect:+.4g} [{found.low:+.4g}, {found.high:+.4g}], n {found.n:,} {kind}"
        )
        yield Line("comparison", f"{who}: {told}{ended}", bad=found.verdict == "worse")


def why_lines(incidents: Iterable[Incident]) -> Iterator[Line]:
    """Why the newest incident that was looked into may be."""
    explained = [(each.opened, each.id, each.summary, each.why) for each in incidents if each.why is not None]
    if explained:
        _, identity, summary, why = max(explained, key=lambda each: each[:2])
        yield Line("why", f"{identity} {summary}")
        yield from (Line(what, sentence) for what, sentence in explain(why, _MOST))


def _estimates(rolling: Rolling) -> Iterator[Line]:
    foretold = rolling.estimates
    if foretold is None:
        return
    for metric in _TELLING:
        if metric not in foretold.values:
            continue
        value = foretold.values[metric]
        low, high = foretold.bands.get(metric, (value, value))
        truth = rolling.metrics.values.get(metric)
        realised = "no labels yet" if truth is None else f"realised {truth:.4g}"
        mark = ", CONTRADICTED by labels" if foretold.contradicted else ""
        yield Line(
            "estimated",
            f"{metric} {value:.4g} [{low:.4g}, {high:.4g}], {realised}{mark}",
            bad=foretold.contradicted,
        )


def _contradiction(said: Contradiction) -> Iterator[Line]:
    if said.active:
        since = f" since {_minute(said.since)}" if said.since else ""
        yield Line(
            "estimates",
            f"contradicted{since}: errors are {said.gap:+.4g} [{said.low:+.4g}, {said.high:+.4g}] from what was foretold, "
            f"seen after {said.labels:,} labels; do not believe them",
            bad=True,
        )
    elif said.seen:
        before = f", contradicted {said.times} times before" if said.times else ""
        yield Line(
            "estimates",
            f"borne out: errors are {said.gap:+.4g} [{said.low:+.4g}, {said.high:+.4g}] from what was foretold, "
            f"n {said.seen:,}{before}",
        )


def _contradicted_days(days: Iterable[Window]) -> Iterator[Line]:
    """On how many days of those kept no estimate was to be believed."""
    foretold = [day for day in days if day.estimates is not None and day.estimates.values]
    marked = [day for day in foretold if day.estimates is not None and day.estimates.contradicted]
    if marked:
        yield Line(
            "estimates",
            f"contradicted by labels on {len(marked)} of {len(foretold)} days, the first {marked[0].start:%Y-%m-%d}, "
            f"the last {marked[-1].start:%Y-%m-%d}",
        )


def _fairness(found: Fairness) -> Iterator[Line]:
    if found.not_computable:
        yield Line("fairness", f"{found.attribute}: {found.not_computable}")
    for gap in found.gaps:
        yield Line(
            "fairness",
            f"{found.attribute}, {gap.criterion.replace('_', ' ')}: {gap.verdict}, {_gap(gap)}",
            bad=gap.verdict == "unfair",
        )


def _gap(gap: FairnessGap) -> str:
    who = f" between {gap.highest} and {gap.lowest}" if gap.highest else ""
    return f"{gap.difference:.4g} [{gap.low:.4g}, {gap.high:.4g}]{who}"


def _print(console: Console, of: str, lines: Iterable[Line]) -> None:
    lines = list(lines)
    if not lines:
        return
    console.print(f"[bold]{escape(printable(of))}[/]", soft_wrap=True)
    for line in lines:
        sentence = escape(printable(line.sentence))
        shown = f"[red]{sentence}[/]" if line.bad else sentence
        console.print(f"  [dim]{line.what:<12}[/] {shown}", highlight=False, soft_wrap=True)


def _minute(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M")
