"""The books that workers keep in a crash run: what was read again, how long nobody committed, what nobody read."""

import os
from pathlib import Path

import pytest

from loadtest.chaos import ledger
from loadtest.chaos.history import PASSED_ON, REBALANCE, RETAKEN, ZOMBIE, Cost, History
from loadtest.chaos.ledger import Claimed, Committed, Ended, Entry, Ledger, Line, Read, Released

OFFSETS = {("labels", 0): [*range(10), *range(12, 30)]}  # 10 and 11 are marks of a transaction


def claimed(time: float, epoch: int, offset: int = 0) -> Claimed:
    return Claimed(time, "observe", 0, epoch, {"labels": offset})


def read(time: float, epoch: int, first: int, last: int) -> Read:
    return Read(
        time, 0, epoch, "labels", first, last, sum(first <= each <= last for each in OFFSETS["labels", 0])
    )


def committed(time: float, epoch: int) -> Committed:
    return Committed(time, "observe", 0, epoch)


def history(*lines: tuple[int, Entry]) -> History:
    return History(Line(pid, entry) for pid, entry in lines)


def test_an_heir_reads_again_what_the_dead_had_not_committed() -> None:
    """Records are counted, not offsets; the pause is from the death to the heir's first commit."""
    of = history(
        (1, claimed(1.0, 1)),
        (1, read(2.0, 1, 0, 5)),
        (1, committed(3.0, 1)),
        (1, read(4.0, 1, 6, 14)),
        (1, Ended(5.0, "SIGKILL")),
        (2, claimed(8.0, 2, offset=6)),
        (2, read(9.0, 2, 6, 20)),
        (2, committed(9.5, 2)),
    )
    assert of.read_again(OFFSETS) == [Cost("SIGKILL", 5.0, 8.0, 7)]
    assert of.pauses() == [Cost("SIGKILL", 5.0, 9.5, 4.5)]
    assert of.read == 6 + 7 + 13
    assert [of.came_to(("labels", 0), time) for time in (1.0, 5.0, 9.1)] == [-1, 14, 20]


def test_what_a_zombie_reads_is_its_own() -> None:
    """A worker that wakes when another has gone on reads again for nobody's sake."""
    of = history(
        (1, claimed(1.0, 1)),
        (1, read(2.0, 1, 0, 5)),
        (1, committed(2.5, 1)),
        (1, Ended(3.0, "SIGSTOP")),
        (2, claimed(6.0, 2, offset=6)),
        (2, read(7.0, 2, 6, 9)),
        (1, read(8.0, 1, 6, 8)),
    )
    assert of.read_again(OFFSETS) == [Cost(ZOMBIE, 8.0, 8.0, 3), Cost("SIGSTOP", 3.0, 6.0, 0)]


@pytest.mark.parametrize(
    ("end", "how"),
    [
        ([(1, Released(3.0))], REBALANCE),
        ([(1, Released(3.0)), (1, Ended(4.0, "error"))], "error"),
        ([(1, Ended(3.0, "SIGTERM")), (1, Released(4.0))], "SIGTERM"),
        ([], PASSED_ON),
    ],
)
def test_what_ended_a_claim_is_what_came_first(end: list[tuple[int, Entry]], how: str) -> None:
    """Letting go belongs to a rebalance, unless the process ended with it."""
    of = history(
        (1, claimed(1.0, 1)),
        (1, read(2.0, 1, 0, 5)),
        (1, committed(3.0, 1)),
        *end,
        (2, claimed(5.0, 2, offset=6)),
        (2, read(6.0, 2, 6, 9)),
        (2, committed(6.5, 2)),
    )
    assert of.read_again(OFFSETS) == [Cost(how, 3.0, 5.0, 0)]
    assert of.pauses() == [Cost(how, 3.0, 6.5, 3.5)]


def test_a_process_that_takes_a_partition_again_is_its_own_heir() -> None:
    """As after a fold that raised."""
    of = history(
        (1, claimed(1.0, 1)),
        (1, read(2.0, 1, 0, 5)),
        (1, claimed(3.0, 2)),
        (1, read(4.0, 2, 0, 5)),
    )
    assert of.read_again(OFFSETS) == [Cost(RETAKEN, 3.0, 3.0, 6)]


def test_what_nobody_read_is_told_by_the_last_claim_below_it() -> None:
    """A commit may have been on its way when retention struck, and a store may have gone back."""
    of = history(
        (1, claimed(1.0, 1, 2)), (2, claimed(5.0, 2, 7)), (2, claimed(6.0, 3, 4)), (2, claimed(9.0, 4, 20))
    )
    place = ("labels", 0)
    assert of.lost({place: (4.0, 12)}) == {place: range(4, 12)}
    assert of.lost({place: (7.0, 12)}) == {place: range(12, 12)}


def test_what_came_back_with_the_broker_is_not_lost() -> None:
    """A broker that crashes forgets that it had removed records, and they may be read after all."""
    of = history(
        (1, claimed(1.0, 1, 2)), (1, read(2.0, 1, 2, 8)), (2, claimed(5.0, 2, 2)), (2, read(6.0, 2, 2, 20))
    )
    place = ("labels", 0)
    assert of.lost({place: (4.0, 12)}) == {place: range(2, 2)}


def test_lines_outlive_their_process(tmp_path: Path) -> None:
    """Whatever was noted is read back, in the order of time over all processes."""
    lines: list[Entry] = [
        claimed(1.0, 1),
        read(2.0, 1, 0, 3),
        committed(3.0, 1),
        Released(4.0),
        Ended(5.0, "error"),
    ]
    directory = tmp_path / "worker-0"
    directory.mkdir()
    book = Ledger(directory)
    for line in reversed(lines):
        book.note(line)
    assert ledger.read(tmp_path) == [Line(os.getpid(), line) for line in lines]
