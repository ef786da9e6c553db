"""Rows from a file or a frame, as often as they are wanted, in blocks that do not depend on how they are stored."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from monitor_stream.errors import InputError
from monitor_stream.profile.frames import arrow_table, as_text, mixed_columns, plain
from monitor_stream.profile.text_types import TextType, text_types
from monitor_stream.replay.files import CSV, NDJSON, PARQUET, explained, file_kind, open_bytes

#: Told how far a reading is: what is read, how much of it, and the whole where it is known.
Progress = Callable[[str, int, int | None], None]

#: Cells of a block: as many rows as make so many, within bounds. A block is what is worked on at a time.
_CELLS, _FEWEST_ROWS, _MOST_ROWS = 300_000, 1_000, 20_000
_CSV_BYTES = 1 << 20
_NDJSON_ROWS = 5_000


def silent(_task: str, _done: int, _total: int | None) -> None:
    """No progress to be shown."""


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """Rows that can be read any number of times.

    Parameters
    ----------
    types
        Column → Arrow type.
    mixed
        Columns of text in which some cells are numbers → the share of those.
    count
        How many rows there are.
    batches
        Reads the columns named, in batches as they come.
    """

    types: dict[str, Any]
    mixed: dict[str, float]
    count: int
    batches: Callable[[Sequence[str]], Iterator[Any]]

    def blocks(self, columns: Sequence[str], task: str, progress: Progress = silent) -> Iterator[Any]:
        """The rows as Arrow tables, all of the same length but the last, so that sums come out the same bit by bit
        however the rows are stored.
        """
        size = min(max(_CELLS // max(len(self.types), 1), _FEWEST_ROWS), _MOST_ROWS)
        waiting: list[Any] = []
        held = done = 0
        for batch in self.batches(columns):
            waiting.append(batch)
            held += len(batch)
            if held >= size:
                table = pa.Table.from_batches(waiting)
                whole = held // size * size
                for start in range(0, whole, size):
                    yield table.slice(start, size).combine_chunks()
                    progress(task, done := done + size, self.count)
                waiting, held = table.slice(whole).to_batches(), held - whole
        if held:
            yield pa.Table.from_batches(waiting).combine_chunks()
            progress(task, done + held, self.count)


def rows_of(source: Any, progress: Progress = silent) -> Rows:
    """The rows of a file (by its path) or a frame.

    Raises `InputError` for what is no table, has no rows, or cannot be read.

    >>> rows = rows_of({"a": [1, 2, 3]})
    >>> rows.count, [block.num_rows for block in rows.blocks(["a"], "reading")]
    (3, [3])
    """
    rows = (
        _of_file(Path(source), progress) if isinstance(source, str | Path) else _of_table(arrow_table(source))
    )
    if not rows.count:
        raise InputError("The table has no rows: there is nothing to make a reference of")
    return rows


def _of_table(table: Any) -> Rows:
    _check_names(table.column_names)

    def batches(columns: Sequence[str]) -> Iterator[Any]:
        for batch in table.select(list(columns)).to_batches(max_chunksize=_MOST_ROWS):
            yield _plain(batch)

    mixed = {}
    for name in mixed_columns(table):
        evidence = TextType()
        evidence.see(table[name])
        mixed[name] = evidence.number_share
    return Rows(types=_types(table.schema), mixed=mixed, count=len(table), batches=batches)


def _of_file(path: Path, progress: Progress) -> Rows:
    kind = file_kind(path)
    with explained(path):
        if kind in PARQUET:
            return _of_parquet(path)
        if kind in CSV:
            return _of_csv(path, progress)
        if kind in NDJSON:
            return _of_ndjson(path, progress)
    raise InputError(
        f"{path} is none of {', '.join((*PARQUET, *CSV, *NDJSON))} (each but Parquet also as .gz)"
    )


def _of_parquet(path: Path) -> Rows:
    def batches(columns: Sequence[str]) -> Iterator[Any]:
        with explained(path), pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=_MOST_ROWS, columns=list(columns)):
                yield _plain(batch.select(list(columns)))

    with pyarrow.parquet.ParquetFile(path) as file:
        _check_names(file.schema_arrow.names)
        return Rows(types=_types(file.schema_arrow), mixed={}, count=file.metadata.num_rows, batches=batches)


def _of_csv(path: Path, progress: Progress) -> Rows:
    names = _csv_names(path)
    _check_names(names)
    text = dict.fromkeys(names, pa.string())
    found, count = text_types(_csv(path, names, text, names, progress))
    types = {name: found[name].type if name in found else pa.null() for name in names}
    mixed = {
        name: evidence.number_share
        for name, evidence in found.items()
        if evidence.numbers and types[name] == pa.string()
    }

    def batches(columns: Sequence[str]) -> Iterator[Any]:
        with explained(path):
            yield from _csv(path, names, types, list(columns), silent)

    return Rows(types=types, mixed=mixed, count=count, batches=batches)


def _csv_names(path: Path) -> list[str]:
    with pa.input_stream(str(path)) as file, pyarrow.csv.open_csv(file) as reader:
        names: list[str] = reader.schema.names
        return names


def _csv(
    path: Path, names: list[str], types: dict[str, Any], columns: list[str], progress: Progress
) -> Iterator[Any]:
    """The rows, so many bytes at a time. Arrow's own stream of batches reads ahead as far as its threads please."""
    size = None if path.suffix == ".gz" else path.stat().st_size
    with pa.input_stream(str(path)) as file:
        for lines in _lines(file, size, progress):
            table = pyarrow.csv.read_csv(
                pa.py_buffer(lines),
                read_options=pyarrow.csv.ReadOptions(
                    column_names=names, use_threads=False, block_size=len(lines) + 1
                ),
                # The same cells count as missing as in `monitor-stream replay`.
                convert_options=pyarrow.csv.ConvertOptions(
                    column_types=types,
                    include_columns=columns,
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=False,
                ),
            )
            yield from table.to_batches()


def _lines(file: Any, size: int | None, progress: Progress) -> Iterator[bytes]:
    """The lines after the first, as many at a time as fit."""
    rest, done, header = b"", 0, True
    while True:
        read = file.read(_CSV_BYTES)
        done += len(read)
        rest += read
        end = rest.rfind(b"\n") + 1 if read else len(rest)
        lines, rest = rest[:end], rest[end:]
        if header and lines:
            lines, header = lines.lstrip(b"\r\n").partition(b"\n")[2], False
        if lines.strip():
            yield lines
        progress("Telling types", done, size)
        if not read:
            return


def _of_ndjson(path: Path, progress: Progress) -> Rows:
    types: dict[str, Any] = {}
    evidence: dict[str, TextType] = {}
    count = 0
    for lines in _objects(path):
        count += len(lines)
        for name in dict.fromkeys(itertools.chain.from_iterable(lines)):
            column = _array([line.get(name) for line in lines])
            types[name] = _joined(types.get(name, pa.null()), column.type)
            _see(evidence.setdefault(name, TextType()), column)
        progress("Telling types", count, None)
    mixed = {name: evidence[name].number_share for name, kind in types.items() if kind == _MIXED}
    types = {name: pa.string() if kind == _MIXED else kind for name, kind in types.items()}

    def batches(columns: Sequence[str]) -> Iterator[Any]:
        for lines in _objects(path):
            arrays = [_as(_array([line.get(name) for line in lines]), types[name]) for name in columns]
            yield pa.RecordBatch.from_arrays(arrays, names=list(columns))

    return Rows(types=types, mixed=mixed, count=count, batches=batches)


def _objects(path: Path) -> Iterator[list[dict[str, Any]]]:
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    number = 0
    with explained(path), open_bytes(path) as file:
        lines = (line for line in file if line.strip())
        while block := list(itertools.islice(lines, _NDJSON_ROWS)):
            try:
                yield [decode(line) for line in block]
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                raise InputError(
                    f"{path} is no NDJSON near line {number + 1}: {error}; each line must be an object"
                ) from error
            number += len(block)


#: The type of a column that holds now numbers, now text.
_MIXED = pa.large_string()


def _array(values: list[Any]) -> Any:
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError):
        return as_text(values).cast(_MIXED)


def _joined(one: Any, other: Any) -> Any:
    """The type that holds values of both."""
    if one == other or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    numbers = {pa.int64(), pa.float64()}
    return pa.float64() if {one, other} == numbers else _MIXED


def _see(evidence: TextType, column: Any) -> None:
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        evidence.values += len(column) - column.null_count
        evidence.numbers += len(column) - column.null_count
    elif column.type in {pa.string(), _MIXED}:
        evidence.see(column.cast(pa.string()))


def _as(column: Any, kind: Any) -> Any:
    if column.type == kind:
        return column
    if kind == pa.string():
        return column.cast(kind) if column.type == _MIXED else as_text(column.to_pylist())
    return column.cast(kind)


def _types(schema: Any) -> dict[str, Any]:
    return {field.name: plain(pa.array([], field.type)).type for field in schema}


def _plain(batch: Any) -> Any:
    return pa.RecordBatch.from_arrays([plain(column) for column in batch.columns], names=batch.schema.names)


def _check_names(names: Sequence[str]) -> None:
    twice = sorted({name for name in names if list(names).count(name) > 1})
    if twice:
        raise InputError(f"Several columns have one name: {', '.join(twice)}")
