import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from monitor_stream.errors import InputError
from monitor_stream.replay.files import holds_events, logged_events, table_batches, table_names, table_rows

ROWS = [{"a": 1, "b": "x"}, {"a": 2, "b": None}]
TABLE = pa.Table.from_pylist(ROWS)


def written(folder: Path, name: str) -> Path:
    path = folder / name
    if name.endswith(".parquet"):
        pyarrow.parquet.write_table(TABLE, path)
    elif ".csv" in name:
        pyarrow.csv.write_csv(TABLE, path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(path.read_bytes()))
    return path


@pytest.mark.parametrize("name", ["t.parquet", "t.csv", "t.csv.gz", "t.ndjson", "t.jsonl.gz"])
def test_a_table_is_the_same_from_every_kind_of_file(tmp_path: Path, name: str) -> None:
    """Names, rows and missing values do not depend on the format."""
    path = written(tmp_path, name)
    assert table_names(path) == ["a", "b"]
    assert [row for batch in table_batches(path, ["b", "a"]) for row in batch.to_pylist()] == ROWS
    assert table_rows(path) == (2 if name == "t.parquet" else None)
    assert not holds_events(path)


@pytest.mark.parametrize(
    ("name", "sentence"), [("none.parquet", "There is no file"), ("t.xlsx", "is none of .parquet")]
)
def test_a_file_that_is_not_there_or_of_no_kind_is_named(tmp_path: Path, name: str, sentence: str) -> None:
    """The sentence says which file, and which kinds there are."""
    (tmp_path / "t.xlsx").touch()
    with pytest.raises(InputError, match=sentence):
        table_names(tmp_path / name)


@pytest.mark.parametrize("name", ["t.parquet", "t.csv.gz", "t.ndjson"])
def test_a_broken_file_is_an_error_of_the_input(tmp_path: Path, name: str) -> None:
    """No library's own exception comes out."""
    path = tmp_path / name
    path.write_bytes(b"\x00 nothing of the kind")
    with pytest.raises(InputError, match="cannot be read"):
        list(table_batches(path, ["a"]))


def test_logged_events_keep_their_order_and_find_their_topic(tmp_path: Path) -> None:
    """What has a label is a label; what cannot be read goes on, as it is, at the time before."""
    lines = [
        b'{"model": "m", "prediction_id": "a", "timestamp": 10.5, "prediction": 1}\n',
        b'{"model": "m", "prediction_id": "a", "timestamp": "1970-01-01T00:00:20Z", "label": false}\n',
        b"\n",
        b"\xff no JSON\n",
        b'{"model": "m", "prediction_id": "b", "prediction": 2}\n',
    ]
    path = tmp_path / "events.ndjson"
    path.write_bytes(b"".join(lines))
    assert holds_events(path)
    found = dict(logged_events(path))
    assert found["predictions"].times.tolist() == [10.5, 20.0, 20.0]
    assert found["predictions"].values.to_pylist() == [lines[0], lines[3], lines[4]]
    assert found["labels"].times.tolist() == [20.0]
