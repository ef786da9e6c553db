from typing import Any

import numpy as np
import pyarrow.compute as pc


def test_all_flights_come_in_the_order_of_departure(year: Any) -> None:
    """The file's months are shuffled; the table is in time order, whole, and has unique ids."""
    assert len(year) == 336_776
    assert (np.diff(np.asarray(year["departure"])) >= 0).all()
    assert pc.count_distinct(year["id"]).as_py() == len(year)


def test_a_flight_is_as_the_file_says(year: Any) -> None:
    """The first flight of the year: 05:15 in New York is 10:15 UTC, and it was under way for 2 + 227 minutes."""
    first = year.slice(0, 1).to_pylist()[0]
    assert first == {
        "id": "2013-01-01-UA1545-EWR",
        "month": 1,
        "carrier": "UA",
        "origin": "EWR",
        "dest": "IAH",
        "distance": 1400,
        "hour": 5,
        "weekday": 1,
        "departure": 1357035300,
        "landing": 1357035300 + (2 + 227) * 60,
        "late": False,
    }


def test_a_flight_that_did_not_arrive_has_no_label(year: Any) -> None:
    """Cancelled and diverted flights have neither a landing nor a truth."""
    assert year["late"].null_count == year["landing"].null_count == 8_255 + 1_175
