"""`monitor-stream profile` and `profile diff` as they are called."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from click.testing import CliRunner, Result

from monitor_stream.cli.main import main
from monitor_stream.events.spec import ModelSpec
from monitor_stream.profile.pretty import pretty

ROWS = 6_000


def table(seed: int, *, shift: float = 0.0) -> Any:
    rng = np.random.default_rng(seed)
    score = rng.uniform(size=ROWS)
    return pa.table(
        {
            "at": 1_700_000_000 + np.arange(ROWS) * 120,
            "amount": rng.lognormal(size=ROWS) + shift,
            "plan": rng.choice(["free", "pro", "team"], ROWS, p=[0.7, 0.2, 0.1]),
            "note": [f"customer-{row}" for row in range(ROWS)],
            "p": score,
            "churned": rng.uniform(size=ROWS) < score,
        }
    )


ARGUMENTS = ["--model", "churn", "--version", "2", "--task", "binary", "--score", "p", "--label", "churned",
             "--time", "at", "--segments", "plan", "--created", "2026-01-31T12:00Z"]  # fmt: skip


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["profile", *map(str, arguments)], catch_exceptions=False)


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with rows in two files and a spec of the first."""
    path = tmp_path_factory.mktemp("profile")
    pyarrow.parquet.write_table(table(3), path / "train.parquet")
    pyarrow.csv.write_csv(table(4, shift=0.8), path / "moved.csv")
    done = run(
        path / "train.parquet", *ARGUMENTS, "--window", "1h", "--horizon", "48h", "-o", path / "spec.json"
    )
    assert done.exit_code == 0, done.output
    (path / "said.txt").write_text(done.stdout)
    return path


def spec(path: Path) -> ModelSpec:
    return msgspec.json.decode(path.read_bytes(), type=ModelSpec)


def test_the_command_writes_the_spec_and_says_what_it_inferred(room: Path) -> None:
    """Kinds with their reasons, what is left out, the baseline, the budget and the thresholds."""
    found, said = spec(room / "spec.json"), (room / "said.txt").read_text()
    assert (found.window_seconds, found.horizon_seconds, found.created) == (3600.0, 172800.0, 1769860800.0)
    assert found.baseline["accuracy"].windows == 12
    assert [law.method for law in found.drift.columns["amount"]] == ["ks"]
    for words in (
        "text with values that come again", "names its rows", "Baseline: accuracy", "spans of 1d, of which these rows hold 10",
        "budget: 1 a month by chance, over all 4 columns", "drift from", "__score__", "churn 2, digest " + found.digest,
    ):  # fmt: skip
        assert words in said, words


def test_the_same_rows_give_the_same_bytes(room: Path) -> None:
    """Also from CSV, where the types are told from the text."""
    pyarrow.csv.write_csv(table(3), room / "train.csv")
    for source in ("train.parquet", "train.csv"):
        assert (
            run(
                room / source, *ARGUMENTS, "--window", "1h", "--horizon", "48h", "-o", room / "again.json"
            ).exit_code
            == 0
        )
        assert (room / "again.json").read_bytes() == (room / "spec.json").read_bytes()


def test_the_json_is_to_be_read_and_compared(room: Path) -> None:
    """Identity first, a member a line, lists on one line, no digit too many; and formatting changes no digest."""
    text, found = (room / "spec.json").read_text(), spec(room / "spec.json")
    assert text.splitlines()[1:4] == ['  "model": "churn",', '  "version": "2",', '  "task": "binary",']
    assert text.encode() == pretty(found)
    assert sum(line.strip().startswith('"edges": [0.') for line in text.splitlines()) == 2
    assert (
        max(len(number) for number in text.replace("[", " ").replace(",", " ").split() if number[:2] == "0.")
        <= 11
    )
    compact = msgspec.json.decode(json.dumps(json.loads(text)), type=ModelSpec)
    assert compact.digest == found.digest
    assert len(text) < 20_000


def test_options_reach_the_spec(room: Path) -> None:
    """Kinds, methods, budget, span, importance: each says something the spec then holds."""
    (room / "importance.json").write_text('{"amount": 0.75, "plan": 0.1}')
    done = run(
        room / "train.parquet", *ARGUMENTS, "--kind", "note=text", "--method", "amount=psi", "--all-methods",
        "--drift-span", "12h", "--false-alarms-per-month", "4", "--importance", room / "importance.json",
        "--season", "--mask", "amount,note", "--no-examples", "-o", room / "options.json",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    found = spec(room / "options.json")
    assert (found.masked, found.store_examples) == (["amount", "note"], False)
    assert spec(room / "spec.json").store_examples
    assert {feature.name: (feature.kind, feature.importance) for feature in found.features} == {
        "amount": ("numeric", 0.75),
        "plan": ("categorical", 0.1),
        "note": ("text", None),
    }
    assert (found.drift.span_seconds, found.drift.false_alarms_per_month) == (43200.0, 4.0)
    assert [law.method for law in found.drift.columns["amount"]] == [
        "psi", "js", "wasserstein", "ks", "chi2", "hellinger", "tvd", "kl",
    ]  # fmt: skip
    assert len(found.drift.columns["plan"]) == 6
    assert found.score is not None
    assert len(found.score.seasons) == 168


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--window", "60"], "no duration"),
        (["--kind", "amount"], "no pair COLUMN=KIND"),
        (["--kind", "amount=number"], "one of numeric, categorical"),
        (["--method", "amount=kolmogorov"], "one of psi, js"),
        (["--method", "plan=ks"], "plan has no ks"),
        (["--method", "note=ks"], "No reference is kept of note"),
        (["--importance", "nowhere.json"], "cannot be read"),
        (["--created", "yesterday"], "no time"),
        (["--exclude", "amuont"], "no column 'amuont'"),
    ],
)
def test_a_wrong_option_is_explained(room: Path, arguments: list[str], sentence: str) -> None:
    """No traceback, no spec: a sentence."""
    done = run(room / "train.parquet", *ARGUMENTS, *arguments, "-o", room / "wrong.json")
    assert done.exit_code in {1, 2}
    assert sentence in done.output.replace("\n", " ")
    assert not (room / "wrong.json").exists()


def test_diff_finds_nothing_between_a_spec_and_itself(room: Path) -> None:
    """Nor does another version or a later making count; the exit code is 0 and nothing is printed."""
    later = msgspec.structs.replace(spec(room / "spec.json"), version="3", created=9.0)
    (room / "later.json").write_bytes(pretty(later))
    done = run("diff", room / "spec.json", room / "later.json")
    assert (done.exit_code, done.stdout) == (0, "")


def test_diff_says_what_moved(room: Path) -> None:
    """A shifted column has drifted and says how far, another sample of the same has not; the exit code is 1."""
    assert run(room / "moved.csv", *ARGUMENTS, "--exclude", "note", "-o", room / "moved.json").exit_code == 0
    done = run("diff", room / "spec.json", room / "moved.json", "--json")
    assert done.exit_code == 1
    changes = json.loads(done.stdout)["changes"]
    drift = {change["column"]: change["drift"] for change in changes if change["what"] == "values"}
    assert drift["amount"]["drifted"]
    assert drift["amount"]["value"] == pytest.approx(0.45, abs=0.03)
    assert not drift["plan"].get("drifted", False)
    assert {(change["column"], change["what"]) for change in changes} >= {
        ("", "window_seconds"), ("", "accuracy"), ("amount", "range"),
    }  # fmt: skip
    shown = run("diff", room / "spec.json", room / "moved.json")
    assert "drift (from" in shown.stdout
    assert shown.exit_code == 1


def test_diff_says_what_came_and_went(room: Path) -> None:
    """Columns added and removed, and one of another kind."""
    arguments = [*ARGUMENTS, "--features", "plan,at", "--kind", "at=categorical"]
    assert run(room / "train.parquet", *arguments, "-o", room / "other.json").exit_code == 0
    done = run("diff", room / "spec.json", room / "other.json")
    assert "removed" in done.stdout
    assert "added" in done.stdout


def test_help_is_that_of_the_command_and_names_diff() -> None:
    """`profile --help` explains the common case, and says that there is `diff`."""
    done = run("--help")
    assert done.exit_code == 0
    assert "profile [OPTIONS] FILE" in done.stdout
    assert "profile diff A.json B.json" in done.stdout
    assert "BEFORE AFTER" in run("diff", "--help").stdout
