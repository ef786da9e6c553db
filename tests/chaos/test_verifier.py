"""The verifier itself: that the plain computation and the product agree where nothing strikes, and that it can fail."""

import json
import random
from collections import defaultdict
from pathlib import Path

import msgspec
import pytest

from loadtest.chaos import __main__ as chaos
from loadtest.chaos import fields
from loadtest.chaos.compare import compare
from loadtest.chaos.expect import Expected, Line, expect
from loadtest.chaos.specs import SPECS
from loadtest.chaos.stream import MAX_RECORD_BYTES, stream
from monitor_stream.events.fold import Batch, Limits, Seat
from monitor_stream.events.spec import ModelSpec, Specs
from monitor_stream.judge import Judge
from monitor_stream.observe import Observe

PARTITIONS = 3


def logs(seed: int, records: int) -> dict[tuple[str, int], list[Line]]:
    found: defaultdict[tuple[str, int], list[Line]] = defaultdict(list)
    for record in stream(seed, records, PARTITIONS):
        lines = found[record.role, record.partition]
        lines.append(Line(len(lines), record.time, record.value))
    return found


def product(logs: dict[tuple[str, int], list[Line]], seed: int) -> fields.Fields:
    """The two folds without Kafka and Redis, fed in batches of any size."""
    draw = random.Random(seed)
    specs = Specs(msgspec.convert(spec, ModelSpec) for spec in SPECS)
    limits = Limits(max_record_bytes=MAX_RECORD_BYTES, idle_timeout_seconds=1e9)
    found: fields.Fields = {}
    deltas: list[bytes] = []
    letters: list[bytes] = []
    for partition in range(PARTITIONS):
        fold = Observe.restore({}, Seat(partition=partition, partitions=PARTITIONS, epoch=1), specs, limits)
        rest = {role: list(logs[role, partition]) for role in ("predictions", "labels")}
        while any(rest.values()):
            role = draw.choice([role for role in rest if rest[role]])
            size = draw.randrange(1, 500)
            some, rest[role] = rest[role][:size], rest[role][size:]
            fold.apply(
                Batch(
                    topic=role,  # type: ignore[arg-type]
                    offsets=[line.offset for line in some],
                    timestamps=[line.time for line in some],
                    values=[line.value for line in some],
                )
            )
            outputs = fold.drain()
            fold.changes()
            deltas += [message.value for message in outputs.messages if message.topic == "deltas"]
            letters += [message.value for message in outputs.messages if message.topic == "deadletters"]
            found.update(fields.from_document("source", outputs.results["source"] or b""))
    found.update(fields.from_deadletters(map(json.loads, letters)))
    return found | judged(deltas, specs, limits)


def judged(deltas: list[bytes], specs: Specs, limits: Limits) -> fields.Fields:
    fold = Judge.restore({}, Seat(partition=0, partitions=1, epoch=1), specs, limits)
    fold.apply(
        Batch(topic="deltas", offsets=range(len(deltas)), timestamps=[0.0] * len(deltas), values=deltas)
    )
    outputs = fold.drain()
    newest = {}
    for message in outputs.messages:
        if message.topic != "windows":
            continue
        window = json.loads(message.value)
        newest[window["model"], window["version"], window["start"]] = window
    found = fields.from_windows(newest.values())
    for name, document in outputs.results.items():
        found.update(fields.from_document(name, document or b""))
    return found


def of_documents(expected: Expected) -> fields.Fields:
    """What is expected, but for `/metrics`, which takes a server."""
    return {
        name: value for name, value in fields.expected(expected).items() if not name.startswith("metrics/")
    }


def test_the_plain_computation_and_the_folds_agree() -> None:
    """Two ways to compute the same, with no code in common, come to the same in every field."""
    lines = logs(3, 12_000)
    expected = of_documents(expect(lines, max_record_bytes=MAX_RECORD_BYTES))
    assert len(expected) > 2_000
    assert compare(expected, product(lines, seed=1)) == []


@pytest.mark.parametrize("role", ["predictions", "labels"])
def test_one_record_more_or_less_is_seen(role: str) -> None:
    """A record that the product did not see, or saw twice, differs in the field that counts records, and in others."""
    lines = logs(4, 3_000)
    expected = of_documents(expect(lines, max_record_bytes=MAX_RECORD_BYTES))
    lost = {**lines, (role, 1): lines[role, 1][:100] + lines[role, 1][101:]}
    twice = {**lines, (role, 1): lines[role, 1][:101] + lines[role, 1][100:]}
    for changed in (lost, twice):
        wrong = {difference.field for difference in compare(expected, product(changed, seed=1))}
        assert f"source/1/records/{role}" in wrong
        assert len(wrong) > 1


def test_every_kind_of_dead_letter_is_in_the_stream() -> None:
    """All reasons there are but `poison`, which takes a bug, occur in a short stream already."""
    found = expect(logs(5, 20_000), max_record_bytes=MAX_RECORD_BYTES).dead.values()
    assert set(found) == {
        "tombstone",
        "too_large",
        "not_utf8",
        "not_json",
        "not_finite",
        "missing_field",
        "wrong_type",
        "out_of_bounds",
        "timestamp_in_future",
        "timestamp_too_old",
    }


@pytest.mark.sabotage
@pytest.mark.integration
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("safeguard", "faults", "times"),
    [
        ("deduplication", ["kill between publish and trim"], 3),
        ("fencing", ["zombie, its heirs dead"], 8),
        ("seek-lock", ["two rebalances back to back", "1 to 4 to 1 workers", "partition A to B to A"], 5),
    ],
)
def test_without_a_safeguard_totals_are_wrong(
    tmp_path: Path, safeguard: str, faults: list[str], times: int
) -> None:
    """Each safeguard is needed, and the verifier sees when it is not there."""
    report = chaos.run(
        tmp_path, seed=1, seconds=0.0, short=True, rate=2_500, only=faults, times=times, breaking=safeguard
    )
    assert report.faults.keys() >= set(faults)
    assert report.wrong_totals > 0
    assert not report.ok
