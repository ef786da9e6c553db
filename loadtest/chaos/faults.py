"""What can go wrong. Each fault strikes, ends, and leaves the workers to recover by themselves.

The durations are factors of the session time-out, or of `world.outage`, which the long form sets to 30 seconds.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping
from typing import Final

from loadtest.chaos.run_state import Run
from loadtest.chaos.world import PARTITIONS, Slot, StuckError

Fault = Callable[[Run], None]

#: How long an order to die may wait for its moment, servers that are away included; and for one rebalance.
_ORDER_SECONDS: Final = 150.0
_SHAKE_SECONDS: Final = 15.0


def _victim(run: Run) -> Slot:
    running = [slot for slot in run.world.workers() if slot.running and not slot.frozen]
    return run.draw.choice(running or run.world.workers())


# Workers


def kill(run: Run) -> None:
    """SIGKILL at a moment that nobody chose."""
    time.sleep(run.draw.random())
    victim = _victim(run)
    with run.recovery():
        victim.kill()


def _killing_at(moment: str) -> Fault:
    def strike(run: Run) -> None:
        victim = _victim(run)
        victim.kill_at(moment)
        began, shaken = time.monotonic(), 0.0
        while victim.ordered:
            now = time.monotonic()
            if now - began > _ORDER_SECONDS:
                raise StuckError(f"worker {victim.number} did not come to the moment {moment!r}")
            if moment in {"claimed", "taken", "releasing"} and now - shaken > _SHAKE_SECONDS:
                _shake(run, victim)  # these come with a rebalance
                shaken = now
            time.sleep(0.02)
        with run.recovery():
            pass

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
    """SIGSTOP for longer than the session lasts, then SIGCONT: it wakes, and is not the owner any more."""
    victim = _victim(run)
    victim.signal(signal.SIGSTOP)
    time.sleep(run.world.session * run.draw.uniform(1.3, 1.8) + 3.0)  # the heirs are at work by then
    victim.signal(signal.SIGCONT)


def zombie_alone(run: Run) -> None:
    """The zombie wakes when its heirs have just been killed: nobody is there to write over what it writes."""
    victim = _victim(run)
    victim.signal(signal.SIGSTOP)
    time.sleep(run.world.session * run.draw.uniform(1.3, 1.8) + 3.0)
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
    for slot in idle:
        run.world.await_progress()
        run.stop(slot)


def away_and_back(run: Run) -> None:
    """Partitions go from A to B and back to A, which was there all the time."""
    (slot, *_) = [slot for slot in run.world.slots if not slot.wanted]
    slot.start()
    run.world.await_progress(new_epoch=True)
    run.stop(slot)


def one_to_four_to_one(run: Run) -> None:
    """Scale out, and in."""
    for count in (1, 4, 1):
        _scale(run, count)
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
    run.world.store_relay.swallow(run.draw.randrange(30, 80))
    deadline = time.monotonic() + 10.0
    while run.world.store_relay.to_swallow and time.monotonic() < deadline:
        time.sleep(0.05)
    run.world.store_relay.swallow(0)
    assert run.world.store_relay.swallowed > before, "no answer was lost"


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
    place = run.draw.choice([place for place in whole if place not in run.lost])
    stored = world.states(f"offset:{place[0]}")["observe", place[1]][0]
    deadline = time.monotonic() + 30.0
    while (end := world.ends(place[0])[place[1]]) < stored + 20:
        if time.monotonic() > deadline:
            raise StuckError("nothing was written while all workers were away")
        time.sleep(0.1)
    first = min(end, stored + run.draw.randrange(10, 200))
    world.remove(*place, first)
    run.lose(place, range(max(stored, 0), first))
    for slot in wanted:
        slot.start()


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
