"""docs/guide/incidents.md: every signal is in it, its examples are valid, and the bounds it names are those of the code."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec

from monitor_stream.events.results import Explanation
from monitor_stream.events.spec import ServiceRules
from monitor_stream.judge.attribution_drift import FLOOR, LEARNED
from monitor_stream.judge.incidents.looks import LOSS, SIGNALS
from monitor_stream.judge.service import CLEARLY, MIN_PREDICTIONS
from monitor_stream.judge.why.changes import MAX_CHANGES
from monitor_stream.judge.why.explain import MAX_SEGMENTS
from monitor_stream.judge.why.rows import FEATURES, ROWS
from monitor_stream.judge.why.suspects import MAX_SUSPECTS

PAGE = (Path(__file__).parents[2] / "docs" / "guide" / "incidents.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)


def test_every_signal_is_named_with_whether_it_pages() -> None:
    """Those that mean loss, and no others."""
    lines = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|.*\| (.*) \|$", PAGE, re.MULTILINE)
    pages = {name: page for names, page in lines for name in re.findall(r"`(\w+)`", names)}
    assert set(SIGNALS) <= set(pages)
    assert {signal for signal in SIGNALS if not pages[signal].startswith("no")} == LOSS


def test_the_examples_are_what_is_shown_and_read() -> None:
    """The why of the incident, and the objective."""
    incident, objective = EXAMPLES
    why = msgspec.convert(json.loads(incident)["why"], Explanation)
    assert msgspec.json.decode(msgspec.json.encode(why), type=Explanation) == why
    assert why.suspects
    assert why.segments
    rules = msgspec.convert(json.loads("{" + objective + "}")["service"], ServiceRules)
    assert rules.timeout_seconds == 30.0


def test_the_bounds_are_those_of_the_code() -> None:
    """As the page states them."""
    assert (
        f"At most {MAX_SUSPECTS} suspects, {MAX_SEGMENTS} segments, {MAX_CHANGES} changes and {ROWS} rows of {FEATURES}"
        in PAGE
    )
    assert f"windows with {MIN_PREDICTIONS} predictions" in PAGE
    assert (CLEARLY, LEARNED, FLOOR) == (2.0, 7, 0.1)
