"""docs/guide/comparisons.md: its examples decode, its numbers are those of the code, its links and commands exist."""

import re
from pathlib import Path
from typing import get_args

import msgspec
from click.testing import CliRunner

from monitor_stream.cli import main
from monitor_stream.events.cloudevents import DECISION_PREFIX, TYPE_PREFIX, Decision
from monitor_stream.events.delta import PAIRED_ROWS
from monitor_stream.events.results import Comparison, ComparisonVerdict
from monitor_stream.events.spec import CompareRules, ModelSpec
from monitor_stream.judge.comparison.comparisons import MAX_ENDED, MAX_RUNNING
from monitor_stream.judge.comparison.pairing import ENOUGH, LEAST_PAIRS, LEAST_SHARE
from monitor_stream.judge.comparison.standing import verdict
from monitor_stream.judge.comparison.trial import MAX_VALUES
from monitor_stream.replay.columns import ROLES

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "comparisons.md"
TEXT = PAGE.read_text(encoding="utf-8")


def test_the_examples_are_a_spec_and_a_comparison() -> None:
    """Both decode; the verdict is what the interval says."""
    given, found = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
    spec = msgspec.json.decode(given, type=ModelSpec)
    assert (spec.stage, spec.compare.segment) == ("challenger", spec.segments[0])
    comparison = msgspec.json.decode(found, type=Comparison)
    assert comparison.verdict == verdict(comparison.low, comparison.high, spec.compare.minimum_effect)
    assert round(comparison.challenger_error - comparison.champion_error, 9) == comparison.effect


def test_numbers_and_names_are_those_of_the_code() -> None:
    """Bounds, rules, verdicts and types of events."""
    assert (PAIRED_ROWS, LEAST_PAIRS, LEAST_SHARE, ENOUGH) == (5_000, 100, 0.1, 1_000)
    assert {MAX_RUNNING, MAX_ENDED, MAX_VALUES} == {20}
    assert CompareRules().minimum_effect == 0.0
    assert all(f"`{name}`" in TEXT for name in get_args(ComparisonVerdict))
    assert all(f"`{DECISION_PREFIX}{decision}`" in TEXT for decision in get_args(Decision))
    assert f"`{TYPE_PREFIX}`" in TEXT
    assert "version" in ROLES


def test_links_and_commands_exist() -> None:
    """Every relative link is a file, and every command takes the flags it is given."""
    links = re.findall(r"\]\(([^)#:]+)[^)]*\)", TEXT)
    assert [link for link in links if not (PAGE.parent / link).exists()] == []
    for line in re.findall(r"^monitor-stream .*$|`monitor-stream\s[^`]*`", TEXT, re.MULTILINE):
        words = line.strip("`").split()[1:]
        path = [word for word in words if not word.startswith("-")][: 2 if words[0] == "models" else 1]
        result = CliRunner().invoke(main, [*path, "--help"])
        assert result.exit_code == 0, result.output
        assert all(flag in result.output for flag in re.findall(r"--[a-z-]+", line)), line
