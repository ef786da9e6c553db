"""Beginning anew: what is forgotten, who is shut out, and when it is refused."""

import asyncio
from concurrent.futures import Future

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from monitor_stream import topics
from monitor_stream.errors import BrokerError, StoreError
from monitor_stream.settings import Settings
from monitor_stream.state.rebuild import find_workers, forget_all
from monitor_stream.state.redis import open_store
from tests.servers import KafkaServer, ValkeyServer
from tests.state.test_contract import DELTA, commit


@pytest.fixture
def settings(kafka: KafkaServer, valkey: ValkeyServer, unique: str) -> Settings:
    settings = Settings(
        bootstrap=kafka.bootstrap,
        redis=valkey.url,
        application=unique,
        topic_prefix=unique,
        commit_interval_seconds=0.1,
    )
    topics.apply(settings, partitions=2, replication=1)
    return settings


async def test_all_is_forgotten_but_who_may_write(settings: Settings) -> None:
    """State, outbox and results are gone, deltas of before are skipped, and a claim of before is worth nothing."""
    store = await open_store(settings)
    old = await store.claim("judge", 1, "a")
    assert await store.commit(
        old.claim, commit(1, offsets={"deltas": 9}, puts={"x": b"1"}, outbox=[(1, DELTA)])
    )
    assert await asyncio.to_thread(forget_all, settings) == 4
    assert not await store.commit(old.claim, commit(2))
    assert not await store.results("judge", 2)
    heir = await store.claim("judge", 1, "b")
    assert heir.claim.epoch > old.claim.epoch
    assert (heir.commit, dict(heir.offsets), dict(heir.state), list(heir.outbox)) == (
        0,
        {"deltas": 0},
        {},
        [],
    )
    assert not (await store.claim("observe", 0, "b")).offsets
    await store.close()


async def test_a_worker_that_writes_is_seen(settings: Settings) -> None:
    """While commits go on nothing is forgotten."""
    store = await open_store(settings)
    claim = (await store.claim("observe", 1, "a")).claim
    rebuilding = asyncio.create_task(asyncio.to_thread(forget_all, settings))
    number = 0
    while not rebuilding.done():
        number += 1
        assert await store.commit(claim, commit(number))
        await asyncio.sleep(0.02)
    with pytest.raises(StoreError, match="still writes"):
        rebuilding.result()
    await store.close()


def test_members_of_the_group_are_seen(settings: Settings) -> None:
    """A group that nobody ever joined is no hindrance; one with a member is."""
    find_workers(settings)
    consumer = Consumer({"bootstrap.servers": settings.bootstrap, "group.id": settings.application})
    joined: list[bool] = []
    consumer.subscribe([settings.topic("labels")], on_assign=lambda *_: joined.append(True))
    while not joined:
        consumer.poll(0.1)
    with pytest.raises(BrokerError, match="1 workers"):
        find_workers(settings)
    consumer.close()
    find_workers(settings)


def test_a_coordinator_that_is_being_chosen_is_asked_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker that says only that the group's coordinator is elsewhere, or loading, is asked until it knows."""
    real = AdminClient.describe_consumer_groups
    refusals = [KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_LOAD_IN_PROGRESS]

    def hesitant(admin: AdminClient, groups: list[str], **options: float) -> dict[str, Future[object]]:
        if not refusals:
            return dict(real(admin, groups, **options))
        answer: Future[object] = Future()
        answer.set_exception(KafkaException(KafkaError(refusals.pop())))
        return {groups[0]: answer}

    monkeypatch.setattr(AdminClient, "describe_consumer_groups", hesitant)
    find_workers(settings)
    assert not refusals
