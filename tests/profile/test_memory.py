"""A file of any size is profiled in the same memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv

MEGABYTE = 1_000_000
#: As many as are sampled of a column, so that the smaller file fills the samples.
BLOCK_ROWS = 50_000
#: What holds the text of the larger file, and no more, grows by twice as much.
MAY_GROW = 20 * MEGABYTE

#: Profiles one file after the other and prints the process's largest resident size so far, in bytes. `ru_maxrss` will
#: not do: it begins with that of the process that started this one.
CHILD = """
import sys
from pathlib import Path
from monitor_stream.profile import profile

for path in sys.argv[1:]:
    profile(
        path, model="m", version="1", task="binary", prediction="answer", score="p", label="truth", time="at",
        exclude=["note"],
    )
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    print(int(lines["VmHWM"].split()[0]) * 1024)
"""


def block(number: int) -> Any:
    """20 MB of CSV: a time, numbers, few categories and ids, long text, answers, and the truth of each tenth."""
    rng = np.random.default_rng(number)
    row = number * BLOCK_ROWS + np.arange(BLOCK_ROWS)
    p = rng.uniform(size=BLOCK_ROWS).round(6)
    return pa.table(
        {
            "at": 1_700_000_000 + row * 10,
            "amount": pa.array(rng.lognormal(size=BLOCK_ROWS), mask=rng.random(BLOCK_ROWS) < 0.1),
            "plan": rng.choice(["free", "pro", "team"], BLOCK_ROWS),
            "customer": np.char.add("customer-", row.astype(str)),
            "note": np.char.add(np.char.add("my order ", row.astype(str)), " has not come yet" * 19),
            "answer": p >= 0.5,
            "p": p,
            "truth": pa.array(rng.uniform(size=BLOCK_ROWS) < p, mask=row % 10 > 0),
        }
    )


def csv(path: Path, blocks: int) -> Path:
    with path.open("wb") as file:
        for number in range(blocks):
            options = pyarrow.csv.WriteOptions(include_header=number == 0, quoting_style="needed")
            pyarrow.csv.write_csv(block(number), file, options)
    return path


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """After a CSV of 20 MB, one of 60 MB takes hardly more."""
    files = [csv(tmp_path / "small.csv", 1), csv(tmp_path / "large.csv", 3)]
    assert [round(file.stat().st_size, -7) for file in files] == [20_000_000, 60_000_000]
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *map(str, files)], check=True, capture_output=True, text=True
    )
    small, large = map(int, done.stdout.split())
    assert large - small < MAY_GROW, (small // MEGABYTE, large // MEGABYTE)
