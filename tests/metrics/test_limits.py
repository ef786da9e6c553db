from hypothesis import given
from hypothesis import strategies as st

from monitor_stream.events.spec import OTHER
from monitor_stream.metrics.limits import Seats, fold

claims = st.dictionaries(st.text("abcdefgh", min_size=1, max_size=1), st.integers(0, 100).map(float))


@given(limit=st.integers(1, 5), rounds=st.lists(claims, max_size=8))
def test_a_seat_is_kept(limit: int, rounds: list[dict[str, float]]) -> None:
    """Who has a seat keeps it as long as it is there, the limit holds, and no seat stays empty while one waits."""
    seats = Seats(limit)
    before: frozenset[str] = frozenset()
    for candidates in rounds:
        seated = seats.choose(candidates)
        assert before & candidates.keys() <= seated <= candidates.keys()
        assert len(seated) == min(limit, len(candidates))
        before = seated


@given(rounds=st.lists(st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 9)), min_size=1, max_size=8))
def test_what_is_cut_never_falls(rounds: list[dict[str, int]]) -> None:
    """Totals that only grow stay totals that only grow after the cut, ``__other__`` included, and add up to the same."""
    seats = Seats(2)
    totals: dict[str, int] = {}
    shown: dict[str, int] = {}
    for grown in rounds:
        totals = {name: totals.get(name, 0) + grown.get(name, 0) for name in totals | grown}
        now = fold(totals.items(), seats.choose({name: float(count) for name, count in totals.items()}))
        assert sum(now.values()) == sum(totals.values())
        assert all(now[name] >= count for name, count in shown.items())
        assert set(now) <= {*totals, OTHER}
        shown = now
