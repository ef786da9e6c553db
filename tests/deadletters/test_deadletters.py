"""What was set aside is listed, shown whole and sent again: the command on a real Kafka."""

import asyncio
import base64
import json
import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from click.testing import CliRunner, Result
from confluent_kafka import Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from monitor_stream import topics
from monitor_stream.cli import main
from monitor_stream.config import to_environment
from monitor_stream.deadletters import replay as room
from monitor_stream.deadletters.letters import Filter, list_letters
from monitor_stream.deadletters.reader import Reader
from monitor_stream.errors import BrokerError
from monitor_stream.events.codec import encode_json, moment
from monitor_stream.events.deadletter import DeadLetter, Reason
from monitor_stream.events.fold import Topic
from monitor_stream.events.spec import ModelSpec
from monitor_stream.settings import Settings
from monitor_stream.stream.health import WorkerStats
from monitor_stream.stream.worker import work
from monitor_stream.topics.cluster import Cluster
from monitor_stream.topics.registry import publish_spec
from tests.servers import KafkaServer, ValkeyServer

Headers = list[tuple[str, str | bytes | None]]


class Desk:
    """The topics of one test, and the commands at work on them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._producer = Producer({"bootstrap.servers": settings.bootstrap, "linger.ms": 0})

    def run(self, *arguments: str, answer: str = "") -> Result:
        return CliRunner(env=to_environment(self.settings)).invoke(
            main, ["deadletters", *arguments], input=answer
        )

    def produce(self, topic: str, value: bytes | None, **more: Any) -> Message:
        """One record; returns it as the broker took it."""
        taken: list[Message] = []
        self._producer.produce(topic, value, on_delivery=lambda _, record: taken.append(record), **more)
        assert self._producer.flush(30) == 0
        assert taken[0].error() is None
        return taken[0]

    def set_aside(
        self,
        value: bytes | None,
        reason: Reason = "wrong_type",
        *,
        role: Topic = "predictions",
        detail: str = "it is wrong",
        headers: Headers | None = None,
        key: bytes = b"key",
        partition: int = 1,
    ) -> int:
        """A record that a worker has read and set aside; returns its offset."""
        record = self.produce(
            self.settings.topic(role), value, key=key, partition=partition, headers=headers or []
        )
        offset, stamp = record.offset(), record.timestamp()[1]
        assert offset is not None
        self.write(
            DeadLetter(
                reason=reason,
                detail=detail,
                topic=role,
                partition=partition,
                offset=offset,
                timestamp=moment(stamp / 1000),
                size=len(value or b""),
                value=None if value is None else value[:1024],
            )
        )
        return offset

    def write(self, letter: DeadLetter) -> None:
        self.produce(self.settings.topic("deadletters"), encode_json(letter))

    def records(self, role: Topic = "predictions") -> list[Message]:
        with Reader(self.settings) as reader:
            return list(reader.until_now(self.settings.topic(role), None))

    def remove_before(self, offset: int) -> None:
        """What retention does."""
        place = TopicPartition(self.settings.topic("predictions"), 1, offset)
        admin = AdminClient({"bootstrap.servers": self.settings.bootstrap})
        (removed,) = admin.delete_records([place]).values()
        assert removed.result(30).low_watermark == offset


@pytest.fixture
def desk(kafka: KafkaServer, unique: str) -> Desk:
    settings = Settings(bootstrap=kafka.bootstrap, topic_prefix=unique, application=unique)
    topics.apply(settings, partitions=2)
    return Desk(settings)


def listed(desk: Desk, *arguments: str) -> Any:
    return json.loads(desk.run("list", "--json", *arguments).output)


def test_nothing_was_set_aside(desk: Desk) -> None:
    """An empty topic is said to be empty, and nothing is replayed."""
    assert desk.run("list").output == "0 dead letters.\n"
    assert desk.run("replay").output == "Nothing to send again.\n"


def test_letters_are_listed_and_counted(desk: Desk) -> None:
    """The newest first, as many as asked for; all are counted by reason."""
    desk.set_aside(b"1", "not_json")
    desk.set_aside(b"2", "wrong_type", role="labels")
    desk.set_aside(b"3", "wrong_type", detail="Expected `float`, got `str` - at `$.score`")
    found = desk.run("list", "--limit", "2")
    assert found.exit_code == 0
    rows = [line.split() for line in found.output.splitlines()]
    labels, predictions = desk.settings.topic("labels"), desk.settings.topic("predictions")
    assert [row[:4] for row in rows[1:3]] == [
        ["wrong_type", predictions, "1", "1"],
        ["wrong_type", labels, "1", "0"],
    ]
    assert rows[1][7:] == ["Expected", "`float`,", "got", "`str`", "-", "at", "`$.score`"]
    assert found.output.endswith("\n3 dead letters (wrong_type 2, not_json 1); the newest 2 are shown.\n")


def test_letters_are_chosen_by_reason_topic_and_time(desk: Desk) -> None:
    """Each flag narrows what is listed; a topic goes by its role or by its name."""
    desk.set_aside(b"1", "not_json")
    desk.set_aside(b"2", "wrong_type", role="labels")
    pause = datetime.now(UTC).isoformat()
    desk.set_aside(b"3", "poison")
    assert listed(desk)["reasons"] == {"not_json": 1, "wrong_type": 1, "poison": 1}
    assert listed(desk, "--reason", "poison", "--reason", "not_json")["reasons"] == {
        "not_json": 1,
        "poison": 1,
    }
    for name in ("labels", desk.settings.topic("labels")):
        assert listed(desk, "--topic", name)["reasons"] == {"wrong_type": 1}
    assert listed(desk, "--since", pause)["reasons"] == {"poison": 1}
    assert len(listed(desk, "--since", "1h")["letters"]) == 3
    assert listed(desk, "--since", "2100-01-01")["letters"] == []
    wrong = desk.run("list", "--since", "yester-day")
    assert wrong.exit_code == 2
    assert "'yester-day' is no duration such as 2h, and no time such as" in wrong.output


def test_a_letter_that_was_published_twice_is_one(desk: Desk) -> None:
    """As after a crash between publishing and noting it; a record that is no letter is said, not counted."""
    offset = desk.set_aside(b"1")
    (record,) = desk.records("deadletters")
    desk.produce(desk.settings.topic("deadletters"), record.value())
    desk.produce(desk.settings.topic("deadletters"), b"\x1b[2J")
    found = listed(desk)
    assert [letter["offset"] for letter in found["letters"]] == [offset]
    assert (found["reasons"], found["unreadable"]) == ({"wrong_type": 1}, 1)


NASTY = b'{"model": "\x1b[2J\x1b]0;owned\x07", "a": "\xc2\x9b31m \xe2\x80\xae"}\r\n\xff' + b"x" * 3000


def test_what_a_terminal_would_act_on_never_reaches_it(desk: Desk) -> None:
    """Escape sequences of eight bits and changes of direction included, in value, key, headers and detail."""
    offset = desk.set_aside(
        NASTY, detail="got \x1b[31m [red]", key=b"\x1b[1mkey", headers=[("a\x1b[2J", b"\x07"), ("b", None)]
    )
    place = ("predictions", "1", str(offset))
    for found in (desk.run("show", *place), desk.run("list"), desk.run("show", *place, "--json")):
        assert found.exit_code == 0, found.output
        assert all(line.isprintable() for line in found.output.split("\n"))
    shown = desk.run("show", *place).output
    assert r"detail      got \x1b[31m [red]" in shown
    assert r"key         \x1b[1mkey" in shown
    assert r"header      a\x1b[2J: \x07" in shown
    assert r'value       {"model": "\x1b[2J\x1b]0;owned\x07", "a": "\x9b31m \u202e"}\r\n\xff' in shown
    assert "x" * 3000 in shown
    assert r"got \x1b[31m [red]" in desk.run("list").output


def test_show_gives_the_bytes_too(desk: Desk) -> None:
    """As JSON, key, headers and value are what was sent."""
    offset = desk.set_aside(NASTY, key=b"\xff", headers=[("a", b"1"), ("a", None)])
    found = json.loads(
        desk.run("show", desk.settings.topic("predictions"), "1", str(offset), "--json").output
    )
    record = found["record"]
    assert base64.b64decode(record["value"]) == NASTY
    assert base64.b64decode(record["key"]) == b"\xff"
    assert record["headers"] == [["a", base64.b64encode(b"1").decode()], ["a", None]]
    assert found["letter"]["size"] == len(NASTY)


def test_show_says_that_a_record_is_gone(desk: Desk) -> None:
    """Then the bytes that the letter kept are shown; a place without a letter is an error."""
    offset = desk.set_aside(b"the value")
    desk.remove_before(offset + 1)
    shown = desk.run("show", "predictions", "1", str(offset)).output
    assert "record      Retention removed the record: its partition begins at offset 1 by now.\n" in shown
    assert "beginning   the value\n" in shown
    absent = desk.run("show", "predictions", "1", "77")
    assert absent.exit_code == 1
    assert (
        f"holds no dead letter of {desk.settings.topic('predictions')}, partition 1, offset 77."
        in absent.output
    )


def test_a_replayed_record_is_the_record_itself(desk: Desk) -> None:
    """Value, key, partition, headers and time, and where it came from; not the excerpt of the letter."""
    value = b"v" * 5000
    offset = desk.set_aside(value, key=b"id-17", headers=[("ce_type", b"prediction")])
    found = desk.run("replay", "--yes")
    topic = desk.settings.topic("predictions")
    assert found.output == f"{topic}: 1 records (wrong_type 1)\nSent 1 records again.\n"
    first, second = desk.records()
    assert (second.partition(), second.key(), second.value()) == (1, b"id-17", value)
    assert second.timestamp() == first.timestamp()
    assert second.headers() == [("ce_type", b"prediction"), (room.HEADER, f"{topic}/1/{offset}".encode())]


def test_a_record_is_sent_again_once(desk: Desk) -> None:
    """The second replay leaves it out, unless asked; list and show say when it was."""
    offset = desk.set_aside(None, "tombstone")
    desk.run("replay", "--yes")
    assert desk.run("replay", "--yes").output == (
        "Nothing to send again.\n1 were sent again before, and are left out; --again takes them.\n"
    )
    assert len(desk.records()) == 2
    assert desk.run("list").output.endswith("1 dead letters (tombstone 1).\n1 were sent again.\n")
    assert listed(desk)["letters"][0]["replayed"].startswith(str(datetime.now(UTC).year))
    assert "sent again  no" not in desk.run("show", "predictions", "1", str(offset)).output
    assert desk.run("replay", "--yes", "--again").output.endswith("Sent 1 records again.\n")
    assert [record.value() for record in desk.records()] == [None] * 3


def test_a_copy_of_a_copy_names_the_first(desk: Desk) -> None:
    """A record that is refused again has a letter of its own, and keeps where it first came from."""
    origin: Headers = [(room.HEADER, b"monitor.predictions/1/3")]
    desk.set_aside(b"1", headers=origin)
    desk.run("replay", "--yes")
    assert desk.records()[1].headers() == origin


@pytest.mark.parametrize(
    ("arguments", "answer", "code"), [(["--dry-run"], "y\n", 0), ([], "n\n", 1), ([], "", 1)]
)
def test_nothing_is_sent_without_a_yes(desk: Desk, arguments: list[str], answer: str, code: int) -> None:
    """A dry run, a no and a closed input send nothing, and say what would be sent."""
    desk.set_aside(b"1")
    found = desk.run("replay", *arguments, answer=answer)
    assert found.exit_code == code
    assert found.output.startswith(f"{desk.settings.topic('predictions')}: 1 records (wrong_type 1)\n")
    assert len(desk.records()) == 1
    assert desk.run("replay", answer="y\n").output.endswith("Sent 1 records again.\n")


def test_a_limit_takes_the_oldest_and_goes_on_from_there(desk: Desk) -> None:
    """So a trial with one record is `--limit 1`, and the rest follows."""
    for number in range(5):
        desk.set_aside(b"%d" % number, partition=number % 2)
    first = desk.run("replay", "--yes", "--limit", "2").output
    assert "3 newer ones match too; --limit leaves them for the next time.\n" in first
    assert sorted(record.value() or b"" for record in desk.records())[:4] == [b"0", b"0", b"1", b"1"]
    desk.run("replay", "--yes")
    assert sorted(record.value() or b"" for record in desk.records()) == sorted(
        b"0123401234"[i : i + 1] for i in range(10)
    )


def test_only_what_was_chosen_is_sent(desk: Desk) -> None:
    """The flags are those of `list`; our own topics are never written to."""
    desk.set_aside(b"1", "not_json")
    desk.set_aside(b"2", "wrong_type", role="labels")
    desk.set_aside(b"3", "wrong_type", role="deltas")
    found = desk.run("replay", "--yes", "--reason", "wrong_type").output
    assert found.endswith(
        "1 are of topics that no service writes to, and cannot be sent again.\nSent 1 records again.\n"
    )
    assert [len(desk.records(role)) for role in ("predictions", "labels", "deltas")] == [1, 2, 1]


def test_records_that_are_gone_are_counted(desk: Desk) -> None:
    """Removed by retention; or another record lies there, because the topic was made anew."""
    kept = [desk.set_aside(b"%d" % number) for number in range(3)]
    desk.remove_before(kept[1])
    (letter,) = [
        each for each in list_letters(desk.settings, Filter(), 10).newest if each.place.offset == kept[2]
    ]
    desk.write(
        DeadLetter(
            reason="wrong_type",
            detail="",
            topic="predictions",
            partition=1,
            offset=desk.set_aside(b"9", "poison"),
            timestamp=letter.letter.timestamp,
            size=700,
            value=b"",
        )
    )
    found = desk.run("replay", "--yes", "--reason", "wrong_type").output
    assert "4 records (wrong_type 4)\n1 of them are gone: retention removed them.\n" in found
    assert found.endswith("Sent 2 records again; 2 were gone.\n")


def test_many_records_far_apart_are_found(desk: Desk) -> None:
    """Over more than one chunk, and across gaps that are sought rather than read."""
    topic = desk.settings.topic("predictions")
    offsets = []
    for number in range(room.CHUNK + 50):
        offsets.append(desk.set_aside(b"bad %d" % number))
        if number % 100 == 50:
            for _ in range(1500):
                desk._producer.produce(topic, b"good", partition=1)
    found = desk.run("replay", "--yes")
    assert found.output.endswith(f"Sent {len(offsets)} records again.\n")
    sent = [record for record in desk.records() if record.headers()]
    assert [record.value() for record in sent] == [b"bad %d" % number for number in range(len(offsets))]


def test_a_refusing_broker_is_said_and_what_was_sent_is_noted(desk: Desk) -> None:
    """The record that is too large by now is not; the ones before are not sent twice."""
    desk.set_aside(b"1", partition=0)
    desk.set_aside(random.Random(1).randbytes(5000), "not_json")  # which no codec makes smaller
    shrink(desk, 2000)
    refused = desk.run("replay", "--yes")
    assert refused.exit_code == 1
    assert "1 were sent again before." in refused.output
    shrink(desk, 1 << 20)
    assert desk.run("replay", "--yes").output.splitlines()[0].endswith("1 records (not_json 1)")


def shrink(desk: Desk, limit: int) -> None:
    """Set the largest record the topic takes."""
    Cluster(desk.settings).configure(desk.settings.topic("predictions"), {"max.message.bytes": str(limit)})


@pytest.mark.parametrize("arguments", [("list",), ("show", "predictions", "0", "0"), ("replay",)])
def test_without_kafka_a_command_ends_with_a_sentence(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address, and no traceback."""
    monkeypatch.setattr("monitor_stream.deadletters.reader.TIMEOUT_SECONDS", 1.0)
    ended = Desk(Settings(bootstrap="127.0.0.1:1")).run(*arguments)
    assert ended.exit_code == 1
    assert ended.output.startswith(
        "monitor-stream: Kafka at 127.0.0.1:1: topic monitor.deadletters cannot be read"
    )


def test_a_topic_that_is_not_there_is_an_error(kafka: KafkaServer, unique: str) -> None:
    """Before `topics apply`, rather than an empty list."""
    with pytest.raises(BrokerError, match="deadletters cannot be read"):
        list_letters(Settings(bootstrap=kafka.bootstrap, topic_prefix=unique), Filter(), 10)


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not await asyncio.to_thread(true):  # noqa: ASYNC110 what changes is on a broker
            await asyncio.sleep(0.1)


async def test_mend_the_spec_and_replay(desk: Desk, valkey: ValkeyServer, unique: str) -> None:
    """A worker refuses an event, refuses it again, and counts it when the spec allows it: what an operator does."""
    settings = Settings(
        bootstrap=desk.settings.bootstrap, redis=valkey.url, topic_prefix=unique, application=unique
    )
    stats, stopping = WorkerStats(), asyncio.Event()
    working = asyncio.create_task(work(settings, stopping, stats=stats))
    ahead = datetime.now(UTC).timestamp() + 7200
    desk.produce(
        settings.topic("predictions"),
        b'{"model": "m", "prediction_id": "a", "prediction": 1.5, "timestamp": %.3f}' % ahead,
        key=b"a",
    )

    def letters() -> int:
        return list_letters(settings, Filter(reasons=frozenset({"timestamp_in_future"})), 10).reasons.total()

    await until(lambda: letters() == 1)
    again = await asyncio.to_thread(room.select, settings, Filter(), limit=10)
    await asyncio.to_thread(room.replay, settings, again.chosen)
    await until(lambda: letters() == 2)
    assert stats.records_produced[settings.topic("deltas")] == 0
    spec = ModelSpec(model="m", task="regression", max_future_seconds=86400.0)
    await asyncio.to_thread(publish_spec, settings, spec)
    await until(lambda: stats.specs == 1)
    again = await asyncio.to_thread(room.select, settings, Filter(), limit=10)
    assert (len(again.chosen), again.replayed) == (1, 1)
    await asyncio.to_thread(room.replay, settings, again.chosen)
    await until(lambda: stats.records_produced[settings.topic("deltas")])
    stopping.set()
    await working
    assert letters() == 2
