"""What can go wrong. Each fault strikes, ends, and leaves the workers to recover by themselves.

The durations are factors of the session time-out, or of `world.outage`, which the long form sets to 30 seconds.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping
from typing import Final

from loadtest.chaos.ledger import now
from loadtest.chaos.log import INPUTS, read_lines
from loadtest.chaos.run_state import Run
from loadtest.chaos.stream import KILLS, RAISES
from loadtest.chaos.world import PARTITIONS, Slot

Fault = Callable[[Run], None]

#: Moments that come with a rebalance, and how long one may be waited for before the next is brought about.
_OF_A_REBALANCE: Final = frozenset({"claimed", "taken", "releasing"})
_SHAKE_SECONDS: Final = 8.0
#: SIGSTOP takes effect, and what was on its way arrives.
_STOP_SECONDS: Final = 0.3


def _victim(run: Run) -> Slot:
    """A worker that runs and has taken part; waits for one."""
    found: list[Slot] = []

    def look() -> bool:
        found[:] = [slot for slot in run.world.workers() if slot.took_part and not slot.frozen]
        return bool(found)

    run.world.await_that(look, "no worker runs")
    return run.draw.choice(found)


# Workers


def kill(run: Run) -> None:
    """SIGKILL at a moment that nobody chose."""
    time.sleep(run.draw.random())
    _victim(run).kill()


def _killing_at(moment: str) -> Fault:
    def strike(run: Run) -> None:
        victim = _victim(run)
        victim.kill_at(moment)
        shaken = 0.0

        def died() -> bool:
            nonlocal shaken
            if moment in _OF_A_REBALANCE and time.monotonic() - shaken > _SHAKE_SECONDS:
                _shake(run, victim)
                shaken = time.monotonic()
            return not victim.ordered

        run.world.await_that(died, f"worker {victim.number} did not come to the moment {moment!r}")

    strike.__doc__ = f"SIGKILL at the moment {moment!r}, see monitor_stream/stream/moments.py."
    return strike


def _shake(run: Run, victim: Slot) -> None:
    """Bring a rebalance about: another worker comes, or goes."""
    idle = [slot for slot in run.world.slots if not slot.wanted]
    others = [slot for slot in run.world.workers() if slot is not victim and slot.running]
    if idle and (not others or run.draw.random() < 0.5):
        run.draw.choice(idle).start()
    elif others:
        run.stop(run.draw.choice(others))


def zombie(run: Run) -> None:
    """SIGSTOP until the heirs are at work, then SIGCONT: it wakes, and is not the owner any more."""
    victim = _victim(run)
    _freeze(run, victim)
    victim.signal(signal.SIGCONT)


def _freeze(run: Run, victim: Slot) -> None:
    victim.signal(signal.SIGSTOP)
    time.sleep(_STOP_SECONDS)
    run.world.await_progress()  # each partition has a commit, so that others have claimed those of the victim


def zombie_alone(run: Run) -> None:
    """The zombie wakes when its heirs have just been killed: nobody is there to write over what it writes."""
    victim = _victim(run)
    _freeze(run, victim)
    for slot in run.world.workers():
        if slot is not victim:
            slot.kill()
    victim.signal(signal.SIGCONT)


def two_rebalances(run: Run) -> None:
    """Two rebalances back to back: the second begins while partitions are being taken after the first."""
    idle = [slot for slot in run.world.slots if not slot.wanted][:2]
    for slot in idle:
        slot.start()
        time.sleep(run.draw.uniform(0.1, 0.6))
    run.world.await_part()
    for slot in idle:
        run.world.await_progress()
        run.stop(slot)


def away_and_back(run: Run) -> None:
    """Partitions go from A to B and back to A, which was there all the time."""
    (slot, *_) = [slot for slot in run.world.slots if not slot.wanted]
    slot.start()
    run.world.await_part()
    run.world.await_progress()
    run.stop(slot)


def one_to_four_to_one(run: Run) -> None:
    """Scale out, and in."""
    for count in (1, 4, 1):
        _scale(run, count)
        run.world.await_part()
        run.world.await_progress()
    _scale(run, run.workers)


def _scale(run: Run, count: int) -> None:
    for slot in run.world.slots:
        if slot.wanted and len(run.world.workers()) > count:
            run.stop(slot)
    run.world.scale(count)


def all_dead_then_one(run: Run) -> None:
    """All workers are killed at once; after a while one comes."""
    victims = run.world.workers()
    for slot in victims:
        slot.wanted = False
        slot.kill()
    time.sleep(run.draw.uniform(1.0, 3.0))
    victims[0].start()
    run.world.await_progress()
    run.world.scale(run.workers)


def terminate(run: Run) -> None:
    """SIGTERM: the worker commits, leaves, and exits with 0 within ten seconds."""
    victim = _victim(run)
    run.stop(victim)
    run.world.await_progress()
    victim.start()


def rolling_restart(run: Run) -> None:
    """Each worker in turn is asked to end and started again."""
    for slot in run.world.workers():
        run.stop(slot)
        slot.start()
        run.world.await_part()
        run.world.await_progress()


# The store


def store_down(run: Run) -> None:
    """The store is away for a while, and comes back with its append-only file."""
    run.world.valkey.stop()
    time.sleep(run.outage)
    run.world.valkey.restart()


def store_crash(run: Run) -> None:
    """The store is killed, and restarted at once: what it had confirmed to be on disk is there."""
    run.world.valkey.kill()
    run.world.valkey.restart()


def store_slow(run: Run) -> None:
    """Each answer of the store takes long, now and then longer than a client waits."""
    until = time.monotonic() + run.outage / 2
    while time.monotonic() < until:
        run.world.store.client_pause(run.draw.randrange(100, 1500), all=True)
        time.sleep(run.draw.uniform(0.5, 1.6))


def store_unpaused_late(run: Run) -> None:
    """The store stands still for longer than a client waits for an answer."""
    run.world.store.client_pause(11_000, all=True)
    time.sleep(11.5)


def answers_lost(run: Run) -> None:
    """The connection breaks after a write was applied and before its answer: nobody knows whether it was."""
    before = run.world.store_relay.swallowed
    run.world.store_relay.swallow(run.draw.randrange(20, 60))
    run.world.await_that(lambda: run.world.store_relay.to_swallow <= 0, "nobody asked the store")
    run.world.await_that(lambda: run.world.store_relay.swallowed > before, "no answer was lost")
    run.world.store_relay.swallow(0)


def store_unreachable(run: Run) -> None:
    """The network between the workers and the store is cut, and mended."""
    run.world.store_relay.cut()
    time.sleep(run.draw.uniform(1.0, 6.0))
    run.world.store_relay.mend()


def store_read_only(run: Run) -> None:
    """The store has become the replica of a host that is not there, and refuses writes."""
    run.world.store.replicaof("127.0.0.1", 1)
    time.sleep(run.draw.uniform(1.5, 3.0))
    run.world.store.replicaof("NO", "ONE")


def store_full(run: Run) -> None:
    """The store is out of memory, and refuses writes."""
    run.world.store.config_set("maxmemory", 1)
    time.sleep(run.draw.uniform(1.5, 3.0))
    run.world.store.config_set("maxmemory", 0)


# The broker


def broker_crash(run: Run) -> None:
    """The broker is killed, and restarted at once."""
    run.world.kafka.kill()
    run.world.kafka.restart()


def broker_down(run: Run) -> None:
    """There is no broker for a while."""
    run.world.kafka.stop()
    time.sleep(run.outage)
    run.world.kafka.restart()


def network_cut(run: Run) -> None:
    """The network between one worker and the broker is cut for longer than the session lasts."""
    relay = run.world.brokers[_victim(run).number]
    relay.cut()
    time.sleep(run.world.session * run.draw.uniform(1.2, 1.8))
    relay.mend()


def network_cut_for_all(run: Run) -> None:
    """No worker reaches the broker."""
    for relay in run.world.brokers:
        relay.cut()
    time.sleep(run.draw.uniform(1.0, 2 * run.world.session))
    for relay in run.world.brokers:
        relay.mend()


def retention(run: Run) -> None:
    """All workers are away, and retention removes records that nobody has read yet. Their number must be told."""
    world = run.world
    wanted = world.workers()
    for slot in wanted:
        slot.wanted = False
        slot.kill()
    whole = [(role, part) for role in ("predictions", "labels") for part in range(PARTITIONS)]
    role, partition = place = run.draw.choice([place for place in whole if place not in run.removed])
    stored = world.states(f"offset:{role}")["observe", partition][0]
    unread = run.draw.randrange(20, 200)
    world.await_that(
        lambda: world.ends_of(role)[partition] >= stored + unread, "nothing is written while no worker runs"
    )
    first = stored + unread
    run.removed_lines[place] = [
        line
        for part, line in read_lines(world.kafka.bootstrap, role)
        if part == partition and line.offset < first
    ]
    run.removed[place] = (now(), first)
    world.remove(role, partition, first)
    for slot in wanted:
        slot.start()


# The code


def _poison(mark: bytes) -> Fault:
    def strike(run: Run) -> None:
        role, partition = run.draw.choice(INPUTS), run.draw.randrange(PARTITIONS)
        before = run.world.set_aside(role, partition)
        run.writer.poison(mark, role, partition)
        run.world.await_that(
            lambda: run.world.set_aside(role, partition) > before,
            "poison was not set aside",
            moving=lambda: run.world.states("@epoch", f"offset:{role}")["observe", partition],
        )

    strike.__doc__ = f"A record with {mark.decode()!r} in it: the code fails on it as often as it is read."
    return strike


def poison_that_kills(run: Run) -> None:
    """A record that ends the process of whoever reads it, again and again."""
    with run.trouble():
        _poison(KILLS)(run)
        run.world.await_progress()


#: What happens to workers, and what happens to the servers that they need: two lanes that may strike together.
WORKER_FAULTS: Final[Mapping[str, Fault]] = {
    "kill": kill,
    "kill in mid-batch": _killing_at("applied"),
    "kill between commit and publish": _killing_at("committed"),
    "kill between publish and trim": _killing_at("published"),
    "kill during restore": _killing_at("claimed"),
    "kill between claim and first commit": _killing_at("taken"),
    "kill during revoke": _killing_at("releasing"),
    "zombie": zombie,
    "zombie, its heirs dead": zombie_alone,
    "two rebalances back to back": two_rebalances,
    "partition A to B to A": away_and_back,
    "1 to 4 to 1 workers": one_to_four_to_one,
    "all dead, then one": all_dead_then_one,
    "SIGTERM": terminate,
    "rolling restart": rolling_restart,
    "retention passed the offset": retention,
    "poison record, the fold raises": _poison(RAISES),
    "poison record, the process dies": poison_that_kills,
}
SERVER_FAULTS: Final[Mapping[str, Fault]] = {
    "store down": store_down,
    "store crash": store_crash,
    "store slow": store_slow,
    "store stands still": store_unpaused_late,
    "answers lost after the write": answers_lost,
    "network to the store cut": store_unreachable,
    "store read-only": store_read_only,
    "store out of memory": store_full,
    "broker crash": broker_crash,
    "broker down": broker_down,
    "network to the broker cut": network_cut,
    "network to the broker cut for all": network_cut_for_all,
}
FAULTS: Final[Mapping[str, Fault]] = {**WORKER_FAULTS, **SERVER_FAULTS}
#: How often a fault may strike in one run: each partition can lose its past once; a killer costs five lives.
MOST: Final[Mapping[str, int]] = {
    "retention passed the offset": 8,
    "poison record, the fold raises": 12,
    "poison record, the process dies": 4,
}
