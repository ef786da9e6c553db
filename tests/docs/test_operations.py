import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from monitor_stream.cli import main
from monitor_stream.deadletters import replay
from monitor_stream.events.spec import ModelSpec
from monitor_stream.metrics import probes
from monitor_stream.settings import Settings
from monitor_stream.stream import watchdog

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "operations.md"
TEXT = PAGE.read_text(encoding="utf-8")
COMMANDS = sorted(set(re.findall(r"(?:^|`)monitor-stream ([a-z][^`\n#]*?)(?:`|\s*#|$)", TEXT, re.MULTILINE)))


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_exists(line: str) -> None:
    """Each command named is one, and takes the flags it is given."""
    path = [word for word in line.split() if not word.startswith("-")]
    path = path[: 2 if path[0] in {"deadletters", "incidents", "models"} else 1]
    result = CliRunner().invoke(main, [*path, "--help"])
    assert result.exit_code == 0, result.output
    assert all(flag in result.output for flag in re.findall(r"--[a-z-]+", line))


def test_numbers_are_those_of_the_code() -> None:
    """Exit code, bounds and windows on the page are what the code has."""
    assert f"| {watchdog.EXIT_CODE} | the watchdog ended it" in TEXT
    assert {watchdog.LOOP_SECONDS, watchdog.PROGRESS_SECONDS} == {120.0}
    assert {probes.LOOP_SECONDS, probes.PROGRESS_SECONDS} == {60.0}
    assert probes.TOLD_SECONDS == 30.0
    assert Settings().ready_lag_seconds == 30.0
    assert ModelSpec(model="m", task="binary").duplicate_window_seconds == 3600.0
    assert f"up to {replay.CHUNK} records" in TEXT
    assert f"`{replay.HEADER}`" in TEXT


def test_the_probes_are_valid_and_ask_where_a_worker_answers() -> None:
    """The snippet is YAML, and its port the default."""
    (snippet,) = re.findall(r"^```yaml\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    asked: dict[str, Any] = yaml.safe_load(snippet)
    assert [probe["httpGet"]["path"] for probe in asked.values()] == ["/healthz", "/readyz"]
    assert {probe["httpGet"]["port"] for probe in asked.values()} == {Settings().worker_port}


def test_links_lead_somewhere() -> None:
    """Every relative link of the page is a file."""
    links = re.findall(r"\]\(([^)#:]+)[^)]*\)", TEXT)
    assert links
    assert [link for link in links if not (PAGE.parent / link).exists()] == []
