"""What it costs to keep millions of predictions waiting for their labels.

Feeds one OBSERVE partition predictions without labels, and prints: resident memory a waiting prediction, state bytes
a waiting prediction, what a commit of one batch writes with little and with much held, and how long a restore takes.

    python -m loadtest.join_buffer --pending 5000000
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from monitor_stream.events.fold import Batch, Limits, Seat
from monitor_stream.events.spec import ModelSpec, Specs
from monitor_stream.observe import Observe
from monitor_stream.stream.memory import resident_bytes

START = 1_780_000_000.0
BATCH = 4000
SPEC = ModelSpec(model="bench", version="1", task="binary", segments=["region"], horizon_seconds=30 * 86400.0)
SEAT = Seat(partition=0, partitions=1, epoch=1)


def main() -> None:
    """Fill, measure, restore, measure."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.join_buffer")
    parser.add_argument("--pending", type=int, default=5_000_000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    figures = measure(arguments.pending)
    for name, value in figures.items():
        print(f"{name:32} {value:,.2f}")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


def measure(pending: int) -> dict[str, float]:
    """All figures for so many waiting predictions."""
    limits = Limits(max_pending=2 * pending)
    fold = Observe.restore({}, SEAT, Specs([SPEC]), limits)
    state: dict[str, bytes] = {}
    gc.collect()
    before = resident_bytes()
    commits = [_commit(fold, state, batch) for batch in _batches(pending)]
    gc.collect()
    _trim()
    memory = resident_bytes() - before - sum(map(len, state.values()))
    tenth = max(1, len(commits) // 10)
    del fold
    began = time.process_time()
    restored = Observe.restore(state, SEAT, Specs([SPEC]), limits)
    seconds = time.process_time() - began
    restored.drain()
    return {
        "pending": float(pending),
        "memory_bytes_per_pending": memory / pending,
        "state_bytes_per_pending": sum(map(len, state.values())) / pending,
        "commit_bytes_first_tenth": sum(commits[:tenth]) / tenth,
        "commit_bytes_last_tenth": sum(commits[-tenth:]) / tenth,
        "restore_cpu_seconds": seconds,
    }


def _commit(fold: Observe, state: dict[str, bytes], batch: Batch) -> int:
    """Apply a batch and write its changes; how many bytes that were."""
    fold.apply(batch)
    fold.drain()
    changes = fold.changes()
    state.update(changes.puts)
    for name in changes.deletes:
        state.pop(name, None)
    return sum(map(len, changes.puts.values()))


def _batches(pending: int) -> Iterator[Batch]:
    for first in range(0, pending, BATCH):
        numbers = range(first, min(first + BATCH, pending))
        values = [
            msgspec.json.encode(
                {
                    "model": "bench",
                    "version": "1",
                    "prediction_id": f"{number * 0x9E3779B97F4A7C15 % 2**64:016x}",
                    "timestamp": START + number * 0.1,
                    "prediction": number % 2 == 0,
                    "score": number % 1000 / 1000,
                    "segments": {"region": f"r{number % 5}"},
                }
            )
            for number in numbers
        ]
        yield Batch(
            topic="predictions",
            offsets=numbers,
            timestamps=[START + number * 0.1 for number in numbers],
            values=values,
        )


def _trim() -> None:
    """Give freed memory back, so that what is counted is held."""
    ctypes.CDLL("libc.so.6").malloc_trim(0)


if __name__ == "__main__":
    main()
