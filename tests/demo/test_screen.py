"""The stream on the terminal."""

import io

import msgspec
from rich.console import Console

from monitor_stream.demo.screen import _figures, _metrics
from monitor_stream.demo.watch import Watch
from monitor_stream.events.results import Rolling
from tests.metrics.documents import flight_late
from tests.metrics.judged import estimates


def day(*, contradicted: bool) -> Rolling:
    found = flight_late().versions["3"].rolling["1d"]
    return msgspec.structs.replace(found, estimates=estimates(920, contradicted=contradicted))


def test_what_was_foretold_stands_beside_what_came_true() -> None:
    """With a cross while labels contradict it; a metric that is not foretold has no such column."""
    assert dict(_metrics(day(contradicted=True))) == {
        "accuracy": "0.791",
        "accuracy foretold": "0.842 ✗",
        "AUC": "0.641",
        "AUC foretold": "0.671 ✗",
        "late": "0.220",
    }
    assert dict(_metrics(day(contradicted=False)))["accuracy foretold"] == "0.842"
    assert "accuracy foretold" not in dict(
        _metrics(msgspec.structs.replace(day(contradicted=False), estimates=None))
    )


def test_the_figures_are_a_row() -> None:
    """Totals and the last day's metrics, each under its name."""
    version = msgspec.structs.replace(flight_late().versions["3"], rolling={"1d": day(contradicted=True)})
    watch = Watch.__new__(Watch)  # nothing is read
    watch.windows, watch.incidents = {}, {}
    out = io.StringIO()
    Console(file=out, width=300).print(_figures(watch, version, 1234.0))
    names, figures = out.getvalue().splitlines()
    assert "accuracy foretold (1 d)" in names
    assert figures.split()[:2] == ["1,234", "284,821"]
    assert "0.842 ✗" in figures
