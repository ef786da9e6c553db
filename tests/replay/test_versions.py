"""Two versions of a model in one file, compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
from click.testing import CliRunner

from monitor_stream.errors import InputError
from monitor_stream.events.spec import DAY, CompareRules, Feature, ModelSpec
from monitor_stream.replay.columns import Columns
from monitor_stream.replay.command import replay as command

BEGIN = 1_700_006_400  # midnight
DAYS, A_DAY = 12, 120

CHAMPION = ModelSpec(
    model="m",
    version="1",
    task="binary",
    segments=["city"],
    window_seconds=DAY,
    horizon_seconds=DAY,
    created=1.0,
)
CHALLENGER = msgspec.structs.replace(
    CHAMPION, version="2", stage="challenger", compare=CompareRules(segment="city"), created=2.0
)


def table() -> Any:
    """Version 1 is wrong on one id in three, version 2 on one in nine; each row is a version's answer."""
    rng = np.random.default_rng(0)
    n = DAYS * A_DAY
    at, truth = BEGIN + np.arange(n) * (DAY // A_DAY), rng.random(n) < 0.5
    wrong = rng.random(n)
    ids = [f"request-{number}" for number in range(n)]
    cities = rng.choice(["oslo", "rome"], n)
    return pa.table(
        {
            "prediction_id": ids * 2,
            "model_version": np.repeat([1, 2], n),
            "timestamp": np.tile(at, 2),
            "prediction": np.concatenate([truth ^ (wrong < 1 / 3), truth ^ (wrong < 1 / 9)]),
            "label": np.tile(truth, 2),
            "label_timestamp": np.tile(at + 600, 2),
            "city": np.tile(cities, 2),
        }
    )


def specs(folder: Path, *given: ModelSpec) -> list[str]:
    options = []
    for spec in given:
        path = folder / f"{spec.version}.json"
        path.write_bytes(msgspec.json.encode(spec))
        options += ["--spec", str(path)]
    return options


def test_two_versions_of_a_file_are_compared(tmp_path: Path) -> None:
    """A column tells the versions apart: the better one is found, by how much on the same ids, for each city too."""
    pyarrow.csv.write_csv(table(), tmp_path / "rows.csv")
    done = CliRunner().invoke(
        command,
        [
            str(tmp_path / "rows.csv"),
            *specs(tmp_path, CHAMPION, CHALLENGER),
            "--columns",
            "version=model_version",
            "--json",
            str(tmp_path / "found.json"),
        ],
        catch_exceptions=False,
    )
    assert done.exit_code == 0, done.output
    model = json.loads((tmp_path / "found.json").read_bytes())["models"]["m"]
    found = {comparison.get("group", ""): comparison for comparison in model["comparisons"]}
    assert found.keys() == {"", "city=oslo", "city=rome"}
    rows = table().to_pandas()
    rows["wrong"] = (rows.prediction != rows.label).astype(float)
    for group, comparison in found.items():
        some = rows[rows.city == group.partition("=")[2]] if group else rows
        by_version = some.groupby("model_version").wrong.mean()
        assert comparison["paired"]
        assert comparison["n"] == len(some) // 2
        assert comparison["champion_error"] == pytest.approx(by_version[1])
        assert comparison["effect"] == pytest.approx(by_version[2] - by_version[1])
        assert comparison["low"] <= comparison["effect"] <= comparison["high"]
    assert (found[""]["champion"], found[""]["challenger"]) == ("1", "2")
    assert found[""]["verdict"] == "better"
    assert found[""]["high"] < 0.0
    assert json.loads((tmp_path / "found.json").read_bytes())["incidents"] == []


def test_several_specs_need_a_column_that_tells_the_version(tmp_path: Path) -> None:
    """Without one nobody can know whose rows they are; nor where the specs are of two models."""
    pyarrow.csv.write_csv(table(), tmp_path / "rows.csv")
    both = specs(tmp_path, CHAMPION, CHALLENGER)
    done = CliRunner().invoke(command, [str(tmp_path / "rows.csv"), *both])
    assert isinstance(done.exception, InputError)
    assert "--columns version=COLUMN" in str(done.exception)
    other = specs(tmp_path, CHAMPION, msgspec.structs.replace(CHALLENGER, model="other"))
    done = CliRunner().invoke(command, [str(tmp_path / "rows.csv"), *other])
    assert isinstance(done.exception, InputError)
    assert "A table is of one model" in str(done.exception)


def test_a_feature_called_version_is_none_of_the_model() -> None:
    """A column that the spec calls a feature is one, unless it is said to be the version."""
    spec = msgspec.structs.replace(CHAMPION, features=[Feature(name="version", kind="categorical")])
    names = ["timestamp", "prediction", "version"]
    assert Columns.find(spec, names).version is None
    assert Columns.find(spec, names, {"version": "version"}).version == "version"
    assert Columns.find(CHAMPION, names).version == "version"
