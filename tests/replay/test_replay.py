"""The folds on files, against a table reckoned by numpy."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from click.testing import CliRunner

from monitor_stream.errors import InputError
from monitor_stream.events.spec import ModelSpec, Specs
from monitor_stream.profile.pretty import pretty
from monitor_stream.replay import Replay, replay
from monitor_stream.replay.columns import Columns
from monitor_stream.replay.command import replay as command
from monitor_stream.replay.order import Feed, TimeOrder, merge
from monitor_stream.replay.table import Timed, events

BEGIN = 1_700_000_000 - 1_700_000_000 % 600
ROWS = 3_000
SPEC = ModelSpec(
    model="m",
    version="7",
    task="regression",
    segments=["city"],
    window_seconds=600.0,
    horizon_seconds=3600.0,
    allowed_disorder_seconds=60.0,
)


@pytest.fixture(scope="module")
def table() -> Any:
    """Predictions over five hours, one in ten without a label, labels up to half an hour late."""
    rng = np.random.default_rng(5)
    at = BEGIN + np.sort(rng.uniform(0, 5 * 3600, ROWS)).round(3)
    truth = rng.normal(50, 10, ROWS)
    known = rng.random(ROWS) < 0.9
    return pa.table(
        {
            "id": np.arange(ROWS),
            "timestamp": at,
            "prediction": truth + rng.normal(0, 2, ROWS),
            "label": pa.array(truth, mask=~known),
            "label_timestamp": at + rng.uniform(0, 1800, ROWS).round(3),
            "city": rng.choice(["a", "b"], ROWS),
        }
    )


def columns(table: Any) -> Columns:
    return Columns.find(SPEC, table.column_names, {"prediction_id": "id"})


def in_order(table: Any, block: int = 700) -> Replay:
    with TimeOrder() as predictions, TimeOrder() as labels:
        for start in range(0, len(table), block):
            some = events(table.slice(start, block), SPEC, columns(table), first_row=start)
            for order, part in zip((predictions, labels), some, strict=True):
                order.add(part)
        feed = merge(
            (("predictions", part) for part in predictions.blocks()),
            (("labels", part) for part in labels.blocks()),
        )
        return replay(feed, Specs([SPEC]))


@pytest.fixture(scope="module")
def found(table: Any) -> Replay:
    return in_order(table)


def test_each_window_is_that_of_its_rows(table: Any, found: Replay) -> None:
    """Counts and errors of every window and segment are those numpy finds in the table."""
    rows = table.to_pandas()
    rows["start"] = (rows.timestamp // 600 * 600).astype(int)
    by_start = dict(list(rows.groupby("start")))
    assert [int(window.start.timestamp()) for window in found.windows] == sorted(by_start)
    for window in found.windows:
        some = by_start[int(window.start.timestamp())]
        error = (some.prediction - some.label).dropna()
        assert (window.model, window.version, window.settled) == ("m", "7", True)
        assert (window.n, window.labelled) == (len(some), len(error))
        assert window.metrics.values["mae"] == pytest.approx(error.abs().mean(), rel=1e-9)
        assert window.metrics.values["bias"] == pytest.approx(error.mean(), rel=1e-9)
        assert {segment.value: segment.n for segment in window.segments} == dict(some.city.value_counts())


def test_totals_say_what_was_read(table: Any, found: Replay) -> None:
    """Every row is a prediction, every known truth a joined label, and nothing is a dead letter."""
    labels = ROWS - table["label"].null_count
    assert (found.predictions, found.labels, found.dead_letters) == (ROWS, labels, {})
    version = found.models["m"].versions["7"]
    assert sum(version.totals.predictions.values()) == ROWS
    assert version.totals.outcomes["joined"] == labels


def test_the_order_of_a_table_does_not_matter(table: Any, found: Replay) -> None:
    """A shuffled table gives the same windows to the last digit that sums in another order leave."""
    shuffled = in_order(table.take(np.random.default_rng(1).permutation(ROWS)))
    assert len(shuffled.windows) == len(found.windows)
    for one, other in zip(shuffled.windows, found.windows, strict=True):
        assert (one.start, one.n, one.labelled) == (other.start, other.n, other.labelled)
        assert one.metrics.values == pytest.approx(other.metrics.values, rel=1e-9)


def test_how_topics_interleave_does_not_matter(table: Any, found: Replay) -> None:
    """All predictions before the first label give the same windows as both in step."""
    predictions, labels = events(table, SPEC, columns(table))
    order = np.argsort(labels.times, kind="stable")
    in_time = Timed(labels.times[order], labels.values.take(pa.array(order)))
    apart: Feed = [("predictions", predictions), ("labels", in_time)]
    other = replay(apart, Specs([SPEC]))
    for one, two in zip(other.windows, found.windows, strict=True):
        assert (one.start, one.n, one.labelled) == (two.start, two.n, two.labelled)
        assert one.metrics.values == pytest.approx(two.metrics.values, rel=1e-9)


def test_a_change_of_the_error_is_detected() -> None:
    """A model that gets ten times worse is seen, with direction, time and the count of errors by then."""
    rng = np.random.default_rng(2)
    rows = 6_000
    error = rng.normal(0, 1, rows)
    error[4_000:] *= 10
    at = np.arange(BEGIN, BEGIN + 10 * rows, 10, dtype=float)
    table = pa.table({"timestamp": at, "prediction": error, "label": np.zeros(rows)})
    predictions, labels = events(table, SPEC, Columns.find(SPEC, table.column_names))
    found = replay(merge([("predictions", predictions)], [("labels", labels)]), Specs([SPEC]))
    first = found.detections[0]
    assert first.direction == "worse"
    assert 4_000 < first.seen < 4_200
    assert first.event_time == datetime.fromtimestamp(at[first.seen - 1], UTC)
    assert found.incidents[0].state == "open"


def test_progress_is_told_for_every_event(table: Any) -> None:
    """What is told adds up to the events."""
    told: list[int] = []
    predictions, labels = events(table, SPEC, columns(table))
    replay([("predictions", predictions), ("labels", labels)], Specs([SPEC]), progress=told.append)
    assert sum(told) == len(predictions.times) + len(labels.times)


def test_bad_events_are_counted_with_an_example() -> None:
    """What cannot be read is a dead letter with its reason, and the rest is judged."""
    good = b'{"model": "m", "prediction_id": "a", "timestamp": 1700000000, "prediction": 1.5}'
    values = [b"no JSON", good, b'{"model": "m"'] + [b'{"model": 7}'] * 200
    feed: Feed = [("predictions", Timed(np.full(len(values), 1.7e9), pa.array(values, pa.binary())))]
    found = replay(feed, Specs([SPEC]))
    assert sum(found.dead_letters.values()) == 202
    assert found.dead_letters["not_json"] == 2
    assert len(found.examples) == 100
    assert found.windows[0].n == 1


def test_a_row_without_a_time_is_named() -> None:
    """The sentence says which row of the file."""
    table = pa.table({"timestamp": [1.0, None], "prediction": [1.0, 2.0]})
    with pytest.raises(InputError, match="Row 12 has no time in the column timestamp"):
        events(table, SPEC, Columns.find(SPEC, table.column_names), first_row=11)


class Commanded:
    """The command line on files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "spec.json").write_bytes(pretty(SPEC))

    def __call__(
        self, *files: str, options: Sequence[str] = (), spec: bool = True
    ) -> tuple[dict[str, Any], str]:
        output = self.folder / "found.json"
        known = ["--spec", str(self.folder / "spec.json")] if spec else []
        arguments = [*(str(self.folder / name) for name in files), *options, *known, "--json", str(output)]
        done = CliRunner().invoke(command, arguments, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return json.loads(output.read_bytes()), done.output


@pytest.fixture
def commanded(tmp_path: Path) -> Commanded:
    return Commanded(tmp_path)


def test_every_kind_of_file_gives_the_same_windows(table: Any, found: Replay, commanded: Commanded) -> None:
    """Parquet, CSV, rows of NDJSON, events in one file and in two: one table of windows."""
    folder = commanded.folder
    pyarrow.parquet.write_table(table, folder / "rows.parquet", row_group_size=800)
    pa.csv.write_csv(table, folder / "rows.csv")
    (folder / "rows.ndjson").write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
    predictions, labels = events(table, SPEC, columns(table))
    by_time = np.argsort(labels.times, kind="stable")
    mixed = sorted(
        [*zip(predictions.times, predictions.values.to_pylist(), strict=True),
         *zip(labels.times, labels.values.to_pylist(), strict=True)],
        key=lambda event: event[0],
    )  # fmt: skip
    (folder / "events.ndjson").write_bytes(b"".join(value + b"\n" for _, value in mixed))
    (folder / "predictions.ndjson").write_bytes(b"".join(v + b"\n" for v in predictions.values.to_pylist()))
    (folder / "labels.ndjson").write_bytes(
        b"".join(labels.values[int(row)].as_py() + b"\n" for row in by_time)
    )
    expected = [
        (window.start.timestamp(), window.n, window.labelled, window.metrics.values["mae"])
        for window in found.windows
    ]
    for files in (
        ["rows.parquet"],
        ["rows.csv"],
        ["rows.ndjson"],
        ["events.ndjson"],
        ["predictions.ndjson", "labels.ndjson"],
    ):
        document, _ = commanded(*files, options=["--columns", "prediction_id=id"])
        seen = [
            (
                datetime.fromisoformat(window["start"]).timestamp(),
                window["n"],
                window["labelled"],
                window["metrics"]["values"]["mae"],
            )
            for window in document["windows"]
        ]
        for one, other in zip(seen, expected, strict=True):
            assert one == pytest.approx(other, rel=1e-9)


def test_the_json_names_model_version_and_revision(table: Any, commanded: Commanded) -> None:
    """Each window says whose it is and which revision; drift, detections and incidents have their list."""
    pyarrow.parquet.write_table(table, commanded.folder / "rows.parquet")
    document, output = commanded("rows.parquet", options=["--columns", "prediction_id=id", "--last", "3"])
    assert set(document) == {"windows", "drift", "detections", "incidents", "models", "dead_letters"}
    window = document["windows"][0]
    assert (window["model"], window["version"]) == ("m", "7")
    assert window["revision"] >= 1
    assert datetime.fromisoformat(window["end"]).timestamp() == BEGIN + 600
    assert f"and {len(document['windows']) - 3} windows before them" in output
    assert f"{ROWS:,} predictions" in output


def test_events_need_no_spec(commanded: Commanded) -> None:
    """A model that nobody described is judged by what its events say."""
    (commanded.folder / "events.ndjson").write_text(
        '{"model": "new", "prediction_id": "a", "timestamp": "2024-01-01T00:00:01Z", "prediction": 2.0}\n'
        '{"model": "new", "prediction_id": "a", "timestamp": "2024-01-01T00:00:09Z", "label": 1.5}\n'
    )
    document, _ = commanded("events.ndjson", spec=False)
    assert document["windows"][0]["metrics"]["values"]["mae"] == 0.5


def test_a_table_needs_one_spec(table: Any, tmp_path: Path) -> None:
    """Without it nobody can know whose rows they are."""
    pyarrow.parquet.write_table(table, tmp_path / "rows.parquet")
    done = CliRunner().invoke(command, [str(tmp_path / "rows.parquet")])
    assert isinstance(done.exception, InputError)
    assert "give its spec with --spec" in str(done.exception)


def test_columns_are_pairs(tmp_path: Path) -> None:
    """What is no pair is refused before a file is read."""
    done = CliRunner().invoke(command, [str(tmp_path / "x.csv"), "--columns", "timestamp"])
    assert done.exit_code == 2
    assert "no pair of a role and a column" in done.output


def test_a_truth_whose_time_is_missing_has_not_come() -> None:
    """Its row is a prediction without a label, for the truth was not known at any time."""
    table = pa.table(
        {
            "timestamp": [1.7e9, 1.7e9],
            "prediction": [1.0, 2.0],
            "label": [1.5, 2.5],
            "label_timestamp": [None, 1.7e9],
        }
    )
    predictions, labels = events(table, SPEC, Columns.find(SPEC, table.column_names))
    assert len(predictions.times) == 2
    assert labels.values.to_pylist() == [
        b'{"model":"m","prediction_id":"row-1","timestamp":1700000000,"label":2.5}'
    ]


def test_classes_and_probabilities_go_the_same_way() -> None:
    """A table of a multiclass model: accuracy and log loss are those of its columns."""
    spec = ModelSpec(model="c", version="1", task="multiclass", classes=["cat", "dog"], window_seconds=600.0)
    table = pa.table(
        {
            "timestamp": [float(BEGIN)] * 4,
            "prediction": ["cat", "cat", "dog", "dog"],
            "label": ["cat", "dog", "dog", "dog"],
            "cat": [0.9, 0.6, 0.2, 0.1],
            "dog": [0.1, 0.4, 0.8, 0.9],
        }
    )
    roles = Columns.find(spec, table.column_names, {"score.cat": "cat", "score.dog": "dog"})
    predictions, labels = events(table, spec, roles)
    (window,) = replay(merge([("predictions", predictions)], [("labels", labels)]), Specs([spec])).windows
    assert window.metrics.values["accuracy"] == 0.75
    expected = -np.mean([math.log(p) for p in (0.9, 0.4, 0.8, 0.9)])
    assert window.metrics.values["log_loss"] == pytest.approx(expected)


def test_a_window_decodes_as_what_travels(found: Replay) -> None:
    """What `--json` writes of a window is what the topic carries."""
    window = found.windows[0]
    assert msgspec.json.decode(msgspec.json.encode(window), type=type(window)) == window
