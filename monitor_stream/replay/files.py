"""Tables and events from files: Parquet, CSV, NDJSON."""

from __future__ import annotations

import contextlib
import gzip
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet

from monitor_stream.errors import InputError
from monitor_stream.events.fold import Topic
from monitor_stream.events.wire import Timestamp
from monitor_stream.replay.order import BLOCK
from monitor_stream.replay.table import Timed

PARQUET = (".parquet", ".pq")
CSV = (".csv",)
NDJSON = (".ndjson", ".jsonl", ".json")

_ROWS = 50_000
#: A column's type is told from the first block: a large one sees past a long run of missing values.
_BLOCK_BYTES = 16 << 20


def table_names(path: Path) -> list[str]:
    """The names of a table's columns."""
    with explained(path), _open_table(path) as table:
        schema = table.schema_arrow if isinstance(table, pyarrow.parquet.ParquetFile) else table.schema
        return list(schema.names)


def table_rows(path: Path) -> int | None:
    """How many rows a table has, where its file says so."""
    if file_kind(path) not in PARQUET:
        return None
    with explained(path), _open_table(path) as table:
        return int(table.metadata.num_rows)


def table_batches(path: Path, columns: list[str]) -> Iterator[Any]:
    """The table's rows as Arrow record batches of these columns, in bounded memory.

    Raises `InputError` when the file is not there, or is not what its name says.
    """
    with explained(path), _open_table(path) as table:
        if isinstance(table, pyarrow.parquet.ParquetFile):
            yield from table.iter_batches(batch_size=_ROWS, columns=columns)
        else:
            for batch in table:
                yield batch.select(columns)


def holds_events(path: Path) -> bool:
    """Whether the file holds events themselves, not a table: lines of JSON that name their model."""
    if file_kind(path) not in NDJSON:
        return False
    with explained(path), open_bytes(path) as file:
        for line in file:
            if line.strip():
                return _names_model(line)
    return False


def logged_events(path: Path) -> Iterator[tuple[Topic, Timed]]:
    """The events of a file of JSON lines, predictions and labels mixed, in the file's order.

    A line that cannot be read goes on as it is: the fold tells what is wrong with it.
    """
    with explained(path), open_bytes(path) as file:
        newest = 0.0
        lines = (line for line in file if line.strip())
        while block := list(itertools.islice(lines, BLOCK)):
            parts: dict[Topic, list[tuple[float, bytes]]] = {"predictions": [], "labels": []}
            for line in block:
                topic, newest = _place(line, newest)
                parts[topic].append((newest, line))
            for topic, events in parts.items():
                if events:
                    times, values = zip(*events, strict=True)
                    yield topic, Timed(np.array(times), pa.array(values, pa.binary()))


class _Head(msgspec.Struct):
    """What places a line: a label has a label, the rest are predictions."""

    timestamp: Timestamp | None = None
    label: msgspec.Raw = msgspec.Raw()


class _Named(msgspec.Struct):
    model: msgspec.Raw


_decode_head = msgspec.json.Decoder(_Head).decode
_decode_named = msgspec.json.Decoder(_Named).decode


def _place(line: bytes, newest: float) -> tuple[Topic, float]:
    """The topic a line belongs to, and its time; the one before where it has none."""
    try:
        head = _decode_head(line)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return "predictions", newest
    at = head.timestamp
    moment = newest if at is None else at if isinstance(at, float) else at.timestamp()
    return "labels" if bytes(head.label) not in {b"", b"null"} else "predictions", moment


def _names_model(line: bytes) -> bool:
    try:
        _decode_named(line)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return False
    return True


def file_kind(path: Path) -> str:
    """The ending that says what a file is, ``.gz`` apart."""
    suffix = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    return suffix.lower()


def open_bytes(path: Path) -> BinaryIO:
    """A file's bytes, unpacked where its name says that they are packed."""
    return cast("BinaryIO", gzip.open(path) if path.suffix == ".gz" else path.open("rb"))


def _open_table(path: Path) -> Any:
    kind = file_kind(path)
    if not path.exists():
        raise InputError(f"There is no file {path}")
    if kind in PARQUET:
        return pyarrow.parquet.ParquetFile(path)
    # Arrow sees by a file's name that it is compressed.
    source = pa.input_stream(str(path))
    if kind in CSV:
        return pyarrow.csv.open_csv(
            source,
            read_options=pyarrow.csv.ReadOptions(block_size=_BLOCK_BYTES),
            # An empty cell is a missing value; an empty string is written in quotes.
            convert_options=pyarrow.csv.ConvertOptions(
                strings_can_be_null=True, quoted_strings_can_be_null=False
            ),
        )
    if kind in NDJSON:
        return pyarrow.json.open_json(source, read_options=pyarrow.json.ReadOptions(block_size=_BLOCK_BYTES))
    raise InputError(
        f"{path} is none of {', '.join((*PARQUET, *CSV, *NDJSON))} (each but Parquet also as .gz)"
    )


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Errors of reading as `InputError`, with the file's name."""
    try:
        yield
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path}") from error
    except (pa.ArrowException, OSError, EOFError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
