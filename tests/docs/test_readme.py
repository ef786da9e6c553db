import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from confluent_kafka import Consumer, TopicPartition

from monitor_stream import topics
from monitor_stream.cli import main
from monitor_stream.cli.main import Main
from monitor_stream.events.spec import ModelSpec
from monitor_stream.events.wire import Label, Prediction
from monitor_stream.settings import Settings
from tests.servers import KafkaServer

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    """The one block of this language."""
    (text,) = re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    return str(text)


@pytest.mark.integration
def test_the_client_example_sends_a_prediction_and_its_label(kafka: KafkaServer, unique: str) -> None:
    """Run as it stands, but for the address and the topics, it puts both events on Kafka."""
    settings = Settings(bootstrap=kafka.bootstrap, topic_prefix=unique)
    topics.apply(settings, partitions=1)
    code = block("python").replace('"127.0.0.1:9092"', f'"{kafka.bootstrap}", topic_prefix="{unique}"')
    exec(compile(code, "README.md", "exec"), {})  # noqa: S102 it is ours
    prediction = msgspec.json.decode(only_record(settings, settings.topic("predictions")), type=Prediction)
    label = msgspec.json.decode(only_record(settings, settings.topic("labels")), type=Label)
    assert prediction.prediction_id == label.prediction_id
    assert (prediction.model, prediction.score, label.label) == ("flight-late", 0.31, True)


def only_record(settings: Settings, topic: str) -> bytes:
    """The record at the beginning of a topic of one partition."""
    consumer = Consumer(
        {"bootstrap.servers": settings.bootstrap, "group.id": "t", "enable.auto.commit": False}
    )
    consumer.assign([TopicPartition(topic, 0, 0)])
    record = consumer.poll(20)
    consumer.close()
    assert record is not None
    return record.value() or b""


def test_the_spec_is_valid_as_it_stands() -> None:
    """`models apply` would take it."""
    spec = msgspec.json.decode(block("json"), type=ModelSpec)
    assert (spec.model, spec.task, spec.horizon_seconds) == ("flight-late", "binary", 172800)


@pytest.mark.parametrize(
    "line", sorted(set(re.findall(r"(?:^|`)monitor-stream ([a-z][^`\n#]*?)(?:`|\s*#|$)", TEXT, re.MULTILINE)))
)
def test_every_command_exists(line: str) -> None:
    """Each command named is one, and takes the flags it is given."""
    words = [word for word in line.split() if not word.startswith("-")]
    assert words[0] in Main.lazy
    command: Any = Main.lazy[words[0]].load()
    path = words[:1]
    if hasattr(command, "commands") and words[1:]:
        path = words[:2]
    result = CliRunner().invoke(main, [*path, "--help"])
    assert result.exit_code == 0, result.output
    assert all(flag in result.output for flag in re.findall(r"--[a-z-]+", line))


def test_links_lead_somewhere() -> None:
    """Every relative link is a file or a folder."""
    links = re.findall(r"\]\(([^)#:]+)\)", TEXT)
    assert [link for link in links if not (ROOT / link).exists()] == []
