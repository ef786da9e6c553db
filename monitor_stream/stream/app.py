"""The Faust app: two agents, one for each fold."""

from __future__ import annotations

from collections.abc import Mapping

from faust.app.base import BootStrategy
from faust.auth import SASLCredentials, SSLCredentials
from faust.types import StreamT

from monitor_stream.config import Security
from monitor_stream.events.fold import Topic
from monitor_stream.settings import Settings
from monitor_stream.state.contract import FoldName
from monitor_stream.stream.assignor import Assignor
from monitor_stream.stream.fetch import Fetch
from monitor_stream.stream.places import INPUTS
from monitor_stream.stream.tenancies import Tenancies
from monitor_stream.stream.transport import App

#: Records of one fetch: what a rebalance may have to wait for, and what one call of a fold works on.
MAX_POLL_RECORDS = 4_000
#: Fetches waiting for an agent.
QUEUE_FETCHES = 4


class _Boot(BootStrategy):
    """Neither Faust's web server, nor its producer: we publish by another one."""

    enable_web = False
    enable_kafka_producer = False


def make_app(settings: Settings, tenancies: Tenancies, partitions: Mapping[Topic, int]) -> App:
    """One Faust app whose agents feed `tenancies`; `partitions` says how many each topic has."""
    app = App(
        settings.application,
        broker=";".join(f"kafka://{address.strip()}" for address in settings.bootstrap.split(",")),
        broker_credentials=_credentials(Security.of(settings)),
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        PartitionAssignor=Assignor,
        stream_buffer_maxsize=QUEUE_FETCHES,
        stream_wait_empty=False,
        stream_recovery_delay=0.0,
        broker_max_poll_records=MAX_POLL_RECORDS,
        consumer_max_fetch_size=2 << 20,
        consumer_auto_offset_reset="earliest",
        broker_session_timeout=settings.session_timeout_seconds,
        broker_heartbeat_interval=settings.session_timeout_seconds / 10,
        # Also the limit of `perform_seek`: taking partitions has its own, shorter one, which raises.
        broker_request_timeout=max(settings.session_timeout_seconds, settings.restore_timeout_seconds) + 30.0,
    )
    app.boot_strategy = _Boot(app)
    app.tenancies = tenancies
    app.partitions = {settings.topic(role): count for role, count in partitions.items()}
    for fold, roles in INPUTS.items():
        _add_agent(app, fold, [settings.topic(role) for role in roles])
    return app


def _credentials(security: Security) -> SASLCredentials | SSLCredentials | None:
    """What Faust calls credentials: a login, with or without SSL, or SSL alone."""
    if security.username is not None:
        return SASLCredentials(
            username=security.username,
            password=security.password,
            mechanism=security.mechanism,
            ssl_context=security.ssl_context,
        )
    return None if security.ssl_context is None else SSLCredentials(context=security.ssl_context)


def _add_agent(app: App, name: FoldName, topics: list[str]) -> None:
    topic = app.topic(*topics, key_serializer="raw", value_serializer="raw", acks=False)

    async def feed(stream: StreamT[Fetch]) -> None:
        async for fetch in stream:
            await app.tenancies.apply(app.reader, fetch)

    app.agent(topic, name=name)(feed)
