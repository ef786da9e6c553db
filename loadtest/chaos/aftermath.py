"""After the run: the store loses what it held. That is not made good by itself: it is seen, and rebuilt.

The store is put back to an older backup, or emptied, under living workers. JUDGE must see that history forks, and
`monitor-stream rebuild` must make all exact again from the log.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping

from loadtest.chaos.expect import expect
from loadtest.chaos.log import logs
from loadtest.chaos.run_state import Run
from loadtest.chaos.stream import MAX_RECORD_BYTES
from loadtest.chaos.verify import Verdict, verify
from loadtest.chaos.world import PARTITIONS, World


def back_up(world: World) -> None:
    """Keep a copy of what the store holds now."""
    world.valkey.stop()
    shutil.copytree(world.valkey.directory / "data", world.directory / "backup", dirs_exist_ok=True)
    world.valkey.restart()


def restore(world: World) -> None:
    """Put the store back to the copy."""
    world.valkey.stop()
    shutil.rmtree(world.valkey.directory / "data")
    shutil.copytree(world.directory / "backup", world.valkey.directory / "data")
    world.valkey.restart()


def forks(world: World) -> dict[str, int]:
    """How many each model's document counts."""
    documents = (json.loads(data) for name, data in world.documents() if name.startswith("model:"))
    return {document["model"]: document["forks"] for document in documents}


def restored_and_emptied(run: Run, say: Callable[[str], object]) -> Verdict:
    """Restore the backup, empty the store, rebuild; what the rebuilt store holds is compared once more.

    By now the bug that some records met is mended: they count as any others do.
    """
    world = run.world
    world.fixed = True
    for slot in world.workers():
        run.stop(slot)
        slot.start()
    world.await_part()
    for name, lose in (("store restored from a backup", restore), ("store emptied", _empty)):
        say(name)
        before = {} if lose is _empty else forks(world)
        lose(world)
        run.faults[name] += 1
        _await_fork(world, before, name)
    say("rebuild")
    _refuse_while_alive(run)
    for slot in world.workers():
        run.stop(slot)
    done = world.command("rebuild", "--yes")
    if done.returncode:
        run.complaints.append(f"rebuild failed: {done.stderr}")
    since = {role: world.ends_of(role) for role in ("windows", "deadletters")}
    world.scale(run.workers)
    world.await_progress()
    world.await_end()
    return verify(world, expect(logs(world.kafka.bootstrap), max_record_bytes=MAX_RECORD_BYTES), since=since)


def _await_fork(world: World, before: Mapping[str, int], name: str) -> None:
    def counted() -> bool:
        return any(count > before.get(model, 0) for model, count in forks(world).items())

    world.await_that(counted, f"{name}, and no fork is counted", every=0.5)


def partitions_increased(run: Run) -> None:
    """The topics grow: a worker must refuse to go on, and say what to do."""
    world = run.world
    for slot in world.workers():
        run.stop(slot)
    for role, sentence in (("predictions", "unequal numbers"), ("labels", "monitor-stream rebuild")):
        world.grow(role, PARTITIONS + 1)
        done = world.command("worker")
        if done.returncode != 1 or sentence not in done.stderr:
            run.complaints.append(f"a worker went on after {role} had grown: {done.stderr[-500:]}")
    run.faults["partitions increased"] += 1


def _empty(world: World) -> None:
    world.store.flushall()


def _refuse_while_alive(run: Run) -> None:
    done = run.world.command("rebuild", "--yes")
    if done.returncode != 1 or "are running" not in done.stderr:
        run.complaints.append(f"rebuild did not refuse while workers run: {done.stderr or done.stdout}")
