"""After the run: the store loses what it held. That is not made good by itself: it is seen, and rebuilt.

The store is put back to an older backup, or emptied, under living workers. JUDGE must see that history forks, and
`monitor-stream rebuild` must make all exact again from the log.
"""

from __future__ import annotations

import json
import shutil

from loadtest.chaos.run_state import Run
from loadtest.chaos.verify import Verdict, sequential, verify
from loadtest.chaos.world import PARTITIONS, World
from loadtest.chaos.writer import Writer


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


def restored_and_emptied(run: Run, writer: Writer, seed: int) -> Verdict:
    """Restore the backup, empty the store, rebuild; what the rebuilt store holds is compared once more."""
    world = run.world
    for name, lose in (("store restored from a backup", restore), ("store emptied", _empty)):
        before = forks(world)
        lose(world)
        run.faults[name] += 1
        world.await_progress(new_epoch=True)
        world.await_end()
        if not any(count > (0 if lose is _empty else before[model]) for model, count in forks(world).items()):
            run.complaints.append(f"{name}: no fork was counted")
    _refuse_while_alive(run)
    for slot in world.workers():
        run.stop(slot)
    done = world.command("rebuild", "--yes")
    if done.returncode:
        run.complaints.append(f"rebuild failed: {done.stderr}")
    since = {role: world.ends(role) for role in ("windows", "deadletters")}
    world.scale(run.workers)
    world.await_progress()
    world.await_end()
    gone = {place: range(lost.stop) for place, lost in run.lost.items()}
    return verify(world, sequential(world, writer, seed, gone, run.before), since=since)


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
