"""docs/guide/estimates.md: its example runs and prints what the page says."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

from monitor_stream.judge.detectors.in_control import FLOOR
from monitor_stream.judge.estimates.contradiction import ALPHA
from monitor_stream.judge.estimates.estimate import METRICS

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "estimates.md"
TEXT = PAGE.read_text(encoding="utf-8")


def block(language: str) -> str:
    [found] = re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)
    return str(found)


def test_the_example_prints_what_it_says() -> None:
    """Estimates, truth and the mark, figure by figure."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(block("python"), "estimates.md", "exec"), {})  # noqa: S102 it is ours
    assert said.getvalue() == block("text")


def test_figures_and_metrics_are_those_of_the_code() -> None:
    """The certainty, the gap that counts as none, and how many metrics there are."""
    assert f"is wrong with probability {ALPHA:.0%} at most".replace("5%", "5 %") in TEXT
    assert f"below {FLOOR:.0%} of the usual error".replace("5%", "5 %") in TEXT
    rows = [
        line for line in TEXT.splitlines() if line.startswith(("| binary", "| multiclass", "| regression"))
    ]
    assert [line.split("|")[-2].count(",") + 1 for line in rows] == [len(names) for names in METRICS.values()]


def test_links_lead_somewhere() -> None:
    """Every relative link of the page is a file."""
    links = re.findall(r"\]\(([^)#:]+)[^)]*\)", TEXT)
    assert links
    assert [link for link in links if not (PAGE.parent / link).exists()] == []
