"""docs/guide/profile.md: its examples run, and it says what the command says."""

from __future__ import annotations

import ast
import contextlib
import io
import re
import shlex
from pathlib import Path
from typing import get_args

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from click.testing import CliRunner

from monitor_stream.cli.main import main
from monitor_stream.events.spec import Kind, ModelSpec
from monitor_stream.profile.command import make

PAGE = (Path(__file__).parents[2] / "docs" / "guide" / "profile.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    found: list[str] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return found


def test_the_python_example_makes_a_spec() -> None:
    """The code of the page runs as it stands."""
    making, asking = blocks("python")
    names: dict[str, object] = {}
    spec = msgspec.json.decode(_printed(making, names), type=ModelSpec)
    assert [feature.name for feature in spec.features] == ["amount", "plan"]
    assert spec.drift.columns["amount"][0].spans > 0
    importance = ast.literal_eval(_printed(asking, names))
    assert importance.keys() == {"amount", "plan"}
    assert importance["amount"] > 0.0


def _printed(code: str, names: dict[str, object]) -> str:
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(code, "profile.md", "exec"), names)  # noqa: S102 it is ours
    return said.getvalue()


def test_the_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both commands of the page, on a table that has its columns."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    score = rng.uniform(size=1_000)
    table = pa.table(
        {
            "at": np.arange(1_000) * 600,
            "plan": rng.choice(["a", "b"], 1_000),
            "score": score,
            "churned": score > 0.5,
        }
    )
    pyarrow.parquet.write_table(table, "test.parquet")
    make_line, diff_line = (block.replace("\\\n", " ").splitlines()[0] for block in blocks("sh"))
    done = CliRunner().invoke(main, shlex.split(make_line)[1:], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    for name in ("old.json", "new.json"):
        Path(name).write_bytes(Path("spec.json").read_bytes())
    assert CliRunner().invoke(main, shlex.split(diff_line)[1:], catch_exceptions=False).exit_code == 0


def test_the_page_names_what_there_is() -> None:
    """Every kind is explained, and every option that it names exists."""
    assert set(get_args(Kind)) <= set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))
    known = {option for parameter in make.params for option in parameter.opts} | {"--json"}
    assert set(re.findall(r"--[a-z][a-z-]+", PAGE)) <= known
