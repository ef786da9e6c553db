import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from monitor_stream.replay import order
from monitor_stream.replay.order import Feed, TimeOrder, merge
from monitor_stream.replay.table import Timed

times = st.lists(st.integers(0, 50), max_size=40)


def timed(at: list[int]) -> Timed:
    return Timed(np.array(at, np.float64), pa.array([f"{time}".encode() for time in at], pa.binary()))


@given(st.lists(times), st.integers(1, 7))
def test_events_come_back_sorted_and_whole(parts: list[list[int]], block: int) -> None:
    """In whatever blocks they are put down and read back, events come in the order of time, ties as they came."""
    before, order.BLOCK = order.BLOCK, block
    try:
        with TimeOrder() as found:
            for number, part in enumerate(parts):
                values = [f"{number}-{row}".encode() for row in range(len(part))]
                found.add(Timed(np.array(part, np.float64), pa.array(values, pa.binary())))
            assert len(found) == sum(map(len, parts))
            blocks = list(found.blocks())
    finally:
        order.BLOCK = before
    rows = [
        (at, f"{number}-{row}".encode()) for number, part in enumerate(parts) for row, at in enumerate(part)
    ]
    expected = sorted(rows, key=lambda row: row[0])
    assert [at for part in blocks for at in part.times.tolist()] == [at for at, _ in expected]
    assert [value for part in blocks for value in part.values.to_pylist()] == [value for _, value in expected]


def test_blocks_are_merged_by_their_first_event() -> None:
    """The topic that is behind comes next, and an empty block is passed over."""
    predictions: Feed = [("predictions", timed(at)) for at in ([0, 10], [20, 30])]
    labels: Feed = [("labels", timed(at)) for at in ([], [5, 25], [40])]
    merged = [(topic, block.times.tolist()) for topic, block in merge(predictions, labels)]
    assert merged == [
        ("predictions", [0, 10]),
        ("labels", [5, 25]),
        ("predictions", [20, 30]),
        ("labels", [40]),
    ]
