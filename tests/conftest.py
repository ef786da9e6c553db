"""Fixtures for all tests: one real Kafka and one real Valkey a session, started by the first test that asks."""

import os
import re
import uuid
from collections.abc import Iterator

import hypothesis
import pytest

from tests.servers import KafkaServer, ValkeyServer, kafka_server, valkey_server

# No deadlines: the cores are shared with brokers. CI repeats the same examples, so that a red run can be repeated.
hypothesis.settings.register_profile("developer", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "developer")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as `integration` every test that asks for a server: nobody can forget to."""
    for item in items:
        if {"kafka", "valkey"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.integration)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    """One real broker for all tests. Tests share it, so each names its topics and groups by `unique`."""
    with kafka_server(tmp_path_factory.mktemp("kafka")) as server:
        yield server


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    """One real server for all tests. Tests share it, so each begins its keys with `unique`."""
    with valkey_server(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture
def unique(request: pytest.FixtureRequest) -> str:
    """A name no other test has, in no other run: for topics, groups, keys. Letters, digits and dashes only."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower()).strip("-")
    return f"{name[:60]}-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def topic_prefix(unique: str) -> str:
    """A prefix for topics no other test has, ending in a dot."""
    return f"{unique}."
