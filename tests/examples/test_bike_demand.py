import re
import subprocess
import sys
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition

from monitor_stream import topics
from monitor_stream.events.codec import decode_spec
from monitor_stream.settings import Settings
from monitor_stream.topics.registry import read_specs
from tests.servers import KafkaServer

EXAMPLE = Path(__file__).parents[2] / "examples" / "bike-demand" / "run.py"

# The first run fetches the data.
pytestmark = pytest.mark.timeout(300)


def run(*arguments: str) -> str:
    done = subprocess.run([sys.executable, EXAMPLE, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_error_grows_as_it_is_known_to(tmp_path: Path) -> None:
    """MAE is about 31 in July 2011 and about 129 in October 2012; the change is detected in between."""
    said = run("--spec", str(tmp_path / "spec.json"))
    mae = {month: float(value) for month, value in re.findall(r"(\d{4}-\d\d) +\d+ +([\d.]+) +-?[\d.]+", said)}
    assert len(mae) == 18
    assert mae["2011-07"] == pytest.approx(31, abs=1)
    assert mae["2012-10"] == pytest.approx(129, abs=1.5)
    assert "the error got worse" in said
    spec = decode_spec((tmp_path / "spec.json").read_bytes())
    assert (spec.task, len(spec.features)) == ("regression", 10)
    assert spec.baseline["mae"].windows >= 10


def test_it_sends_its_events_to_a_monitor(kafka: KafkaServer, unique: str) -> None:
    """Every hour's forecast and truth is on the topics, and the spec is in force."""
    settings = Settings(bootstrap=kafka.bootstrap, topic_prefix=unique)
    topics.apply(settings, partitions=2, replication=1)
    said = run("--kafka", kafka.bootstrap, "--topic-prefix", unique)
    sent = re.search(r"Sent ([\d,]+) forecasts .*; 0 events are lost", said)
    assert sent is not None, said
    rows = int(sent[1].replace(",", ""))
    assert rows == records(settings.bootstrap, settings.topic("predictions"))
    assert rows == records(settings.bootstrap, settings.topic("labels"))
    assert "bike-demand/1" in read_specs(settings).specs


def records(bootstrap: str, topic: str) -> int:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "test"})
    try:
        parts = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        return sum(
            consumer.get_watermark_offsets(TopicPartition(topic, part), timeout=10)[1] for part in parts
        )
    finally:
        consumer.close()
