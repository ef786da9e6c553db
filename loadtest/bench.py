"""What an event costs: the whole product, a stock Faust agent and a bare consumer loop, in one run.

All three read the same topics of one real broker (4 partitions, predictions of ten features, as many labels), each in
a process of its own, one after the other, several rounds interleaved; the medians are compared by processor time an
event. The two others only decode with orjson; the product joins, aggregates, counts all ten features, predictions and
labels by the bins of their references, keeps windows, judges drift, runs its detectors and commits to a real Valkey.

    python -m loadtest.bench --json bench.json
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from loadtest import load
from monitor_stream import topics
from monitor_stream.embedded import Kafka, Valkey
from monitor_stream.settings import Settings
from monitor_stream.topics.registry import publish_spec

PARTITIONS = 4
CONSUMERS = ("product", "stock_faust", "bare_loop")
Result = dict[str, float]


def main() -> None:
    """Fill the topics, run every consumer, print what an event cost each."""
    arguments = _arguments()
    console = Console(stderr=True)
    with (
        tempfile.TemporaryDirectory(prefix="monitor-stream-bench-") as folder,
        Kafka.start(Path(folder) / "kafka", log=console.log) as kafka,
        Valkey.start(Path(folder) / "valkey") as valkey,
    ):
        results = _measure(arguments, kafka.bootstrap, valkey.url, console)
    summary = summarise(results)
    Console().print(_table(summary))
    if arguments.json:
        arguments.json.write_text(json.dumps(summary, indent=2) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make bench BENCH_ARGS=...", description="Cost of an event, compared."
    )
    parser.add_argument("--pairs", type=int, default=400_000, help="predictions, and as many labels")
    parser.add_argument(
        "--stock-pairs", type=int, default=30_000, help="pairs the stock agent reads: it is slow"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=CONSUMERS, help="run one consumer, for profiling")
    parser.add_argument("--json", type=Path, help="write the figures here")
    return parser.parse_args()


def _measure(
    arguments: argparse.Namespace, bootstrap: str, redis: str, console: Console
) -> dict[str, list[Result]]:
    pairs = {"product": arguments.pairs, "bare_loop": arguments.pairs, "stock_faust": arguments.stock_pairs}
    wanted = [arguments.only] if arguments.only else list(CONSUMERS)
    prefixes = {count: f"bench{count}" for count in {pairs[name] for name in wanted}}
    for count, prefix in prefixes.items():
        _fill(bootstrap, prefix, count, console)
    results: dict[str, list[Result]] = {name: [] for name in wanted}
    for number in range(arguments.rounds):
        for name in wanted:
            prefix = prefixes[pairs[name]]
            result = _run(name, bootstrap, redis, prefix, 2 * pairs[name])
            results[name].append(result)
            console.log(f"round {number + 1}: {name} {_microseconds(result):.2f} us CPU an event")
    return results


def _fill(bootstrap: str, prefix: str, pairs: int, console: Console) -> None:
    settings = Settings(bootstrap=bootstrap, topic_prefix=prefix)
    topics.apply(settings, partitions=PARTITIONS, replication=1)
    publish_spec(settings, load.spec())
    sizes = load.produce(bootstrap, settings.topic("predictions"), settings.topic("labels"), pairs)
    console.log(f"{pairs:,} predictions of {sizes[0]:.0f} bytes and labels of {sizes[1]:.0f} in {prefix}.*")


def _run(name: str, bootstrap: str, redis: str, prefix: str, events: int) -> Result:
    command = [sys.executable, "-m", f"loadtest.consumers.{name}", bootstrap]
    settings = Settings(topic_prefix=prefix)
    if name == "product":
        command += [redis, prefix, str(events), f"bench-{uuid.uuid4().hex[:8]}"]
    else:
        command += [f"{settings.topic('predictions')},{settings.topic('labels')}", str(events)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=600)
    result: Result = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def _microseconds(result: Result) -> float:
    return 1e6 * result["cpu_seconds"] / result["events"]


def summarise(results: dict[str, list[Result]]) -> dict[str, Any]:
    """Medians over the rounds; ratios are of costs, so above 1 means that the product is the cheaper or dearer one."""
    consumers = {
        name: {
            "cpu_us_per_event": statistics.median(map(_microseconds, rounds)),
            "events_per_second": statistics.median(r["events"] / r["wall_seconds"] for r in rounds),
            "max_rss_mb": statistics.median(r["max_rss_bytes"] for r in rounds) / 1e6,
            **(
                {"bytes_per_commit": rounds[-1]["bytes_per_commit"]}
                if "bytes_per_commit" in rounds[-1]
                else {}
            ),
        }
        for name, rounds in results.items()
    }
    summary: dict[str, Any] = {"consumers": consumers}
    if len(consumers) == len(CONSUMERS):
        cost = {name: figures["cpu_us_per_event"] for name, figures in consumers.items()}
        summary["ratio_stock_faust"] = cost["stock_faust"] / cost["product"]
        summary["ratio_bare_loop"] = cost["product"] / cost["bare_loop"]
    return summary


def _table(summary: dict[str, Any]) -> Table:
    table = Table(title="Cost of an event")
    for column in ("consumer", "CPU us/event", "events/s", "max RSS MB", "bytes/commit"):
        table.add_column(column, justify="left" if column == "consumer" else "right")
    for name, figures in summary["consumers"].items():
        commit = figures.get("bytes_per_commit")
        table.add_row(
            name,
            f"{figures['cpu_us_per_event']:.2f}",
            f"{figures['events_per_second']:,.0f}",
            f"{figures['max_rss_mb']:.0f}",
            f"{commit:,.0f}" if commit else "",
        )
    if "ratio_bare_loop" in summary:
        table.caption = (
            f"{summary['ratio_stock_faust']:.1f} times cheaper than stock Faust, "
            f"{summary['ratio_bare_loop']:.2f} times the cost of a bare loop"
        )
    return table


if __name__ == "__main__":
    main()
