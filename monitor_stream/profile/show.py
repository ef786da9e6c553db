"""What a profile found, on the terminal."""

from __future__ import annotations

from collections.abc import Iterator

import click
from rich.markup import escape

from monitor_stream.cli.tables import print_table
from monitor_stream.events.spec import DAY, NumericReference, Reference
from monitor_stream.observe.features import MAX_LEARNED
from monitor_stream.profile.diff import described
from monitor_stream.profile.profile import Profile, Said
from monitor_stream.profile.rules import Sensitivity


def show(profile: Profile) -> None:
    """Print what was inferred, the baseline, the drift rules with what they will see, and what to look at."""
    heads = ("column", "role", "kind", "n", "missing", "distinct", "why", "values")
    print_table(heads, [map(escape, _column(said)) for said in profile.columns])
    if metrics := profile.spec.baseline:
        found = (f"{name} {base.mean:.4g} ± {base.std:.2g}" for name, base in sorted(metrics.items()))
        click.echo(f"\nBaseline: {', '.join(found)}")
    _show_estimator(profile)
    _show_rules(profile)
    for line in _remarks(profile):
        click.echo(f"note: {line}")


def _show_estimator(profile: Profile) -> None:
    estimator = profile.spec.estimator
    if estimator is None:
        click.echo(f"\nNo estimates before labels: {profile.no_estimates}")
        return
    said = ", ".join(f"{name} ± {off:.2g}" for name, off in sorted(estimator.spread.items()))
    click.echo(
        f"\nEstimates before labels: {described(estimator)}; off by, beyond sampling: {said or 'unknown'}"
    )


def _show_rules(profile: Profile) -> None:
    rules, judged = profile.spec.drift, [seen for seen in profile.sensitivity if seen.method]
    spans = f", of which these rows hold {profile.spans:,}" if profile.spans else ""
    click.echo(
        f"\nDrift: spans of {_duration(rules.span_seconds)}{spans}; budget: {rules.false_alarms_per_month:g} a month by chance, "
        f"over all {len(judged)} columns"
    )
    heads = ("column", "distance", "n", "by chance", "drift from", "design effect")
    print_table(heads, [map(escape, _seen(seen)) for seen in judged])


def _column(said: Said) -> tuple[str, ...]:
    distinct = "-" if said.distinct is None else f"{'' if said.exact else '~'}{said.distinct:,}"
    return (
        said.name,
        said.role,
        said.kind or "-",
        f"{said.n:,}",
        f"{said.missing:.2%}" if said.missing else "0",
        distinct,
        said.why,
        _values(said.reference),
    )


def _seen(seen: Sensitivity) -> tuple[str, ...]:
    effect = f"{seen.design_effect:.1f} ({seen.spans} spans)" if seen.spans else "assumed 1"
    return (
        seen.column,
        seen.method or "",
        f"{seen.n:,}",
        f"{seen.expected:.3g}",
        f"{seen.threshold:.3g}",
        effect,
    )


def _remarks(profile: Profile) -> Iterator[str]:
    for said in profile.columns:
        if said.infinite:
            yield f"{said.name} holds {said.infinite:,} infinite or huge numbers, which count as missing"
    for seen in profile.sensitivity:
        if seen.not_computable:
            yield f"{seen.column} cannot drift: {seen.not_computable}"
        elif seen.restless:
            yield (
                f"{seen.column} differs from span to span by more than what is drift elsewhere (design effect "
                f"{seen.design_effect:.0f}): only from {seen.threshold:.2g} on it counts. If that is the weekday, try --season or "
                f"--drift-span 7d"
            )
    if len(profile.spec.features) > MAX_LEARNED:
        yield f"there are {len(profile.spec.features)} features, and at most {MAX_LEARNED} are followed"
    if not profile.spans:
        yield (
            "without --time rows are taken to be independent of each other; with it, these rows' own spans show how far "
            "they resemble each other"
        )


def _values(reference: Reference | None) -> str:
    if reference is None:
        return ""
    if isinstance(reference, NumericReference):
        return (
            f"{reference.minimum:g} to {reference.maximum:g}, mean {reference.mean:.4g} ± {reference.std:.3g}"
        )
    shown = [f"{_short(name)} {share:.0%}" for name, share in list(reference.shares.items())[:4]]
    more = reference.distinct - len(shown)
    return ", ".join(shown) + (f" and {more:,} more" if more > 0 else "")


def _short(name: str) -> str:
    return name if len(name) <= 24 else f"{name[:23]}…"


def _duration(seconds: float) -> str:
    for unit, length in (("d", DAY), ("h", 3600.0), ("m", 60.0)):
        if seconds % length == 0.0:
            return f"{seconds / length:g}{unit}"
    return f"{seconds:g}s"
