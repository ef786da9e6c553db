"""The AsyncAPI 3.0 document: what travels on which topic, made from the types and the topic declarations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, get_args

import msgspec
import yaml

from monitor_stream.events.cloudevents import DECISION_PREFIX, SPECVERSION, TYPE_PREFIX, Decision, Happening
from monitor_stream.events.deadletter import DeadLetter
from monitor_stream.events.fold import Topic
from monitor_stream.events.results import Comparison, DriftSpan, Incident, Window
from monitor_stream.events.spec import ModelSpec
from monitor_stream.events.wire import Label, Prediction
from monitor_stream.settings import Settings
from monitor_stream.topics.declaration import Declaration, declarations
from monitor_stream.topics.schemas import components

#: Of the events, not of the package: the second number rises with a new field, the first with a broken reader.
WIRE_VERSION: Final = "1.1.0"
BINDING: Final = "0.5.0"

HEAD: Final = "# Made by `make generate` from monitor_stream/events/ and topics/*.yaml.\n"

DESCRIPTION: Final = """\
monitor-stream reads predictions and labels of machine-learning models, and publishes windows and incidents.
Times in events are RFC 3339 strings with an offset, or Unix seconds. Unknown fields are counted and left out.
The CloudEvents binary mode works as it is, because the record's value is the data; what happens to incidents and comparisons is told so."""


@dataclass(frozen=True)
class CloudEvents:
    """The types of events whose attributes travel in headers, and what their subject is."""

    types: tuple[str, ...]
    subject: str


@dataclass(frozen=True)
class Traffic:
    """What travels on a topic: its type (None for deltas, internal MessagePack), and what the monitor does with it.

    `events` is there where records carry the attributes of a CloudEvent in their headers.
    """

    kind: type[msgspec.Struct] | None
    reads: bool
    writes: bool
    summary: str
    events: CloudEvents | None = None


TRAFFIC: Final[Mapping[Topic, Traffic]] = {
    "predictions": Traffic(Prediction, reads=True, writes=False, summary="An answer of a model."),
    "labels": Traffic(Label, reads=True, writes=False, summary="The truth for a prediction."),
    "deltas": Traffic(
        None, reads=True, writes=True, summary="Internal: sums from OBSERVE to JUDGE, as MessagePack."
    ),
    "windows": Traffic(
        Window, reads=False, writes=True, summary="A window that closed, was revised, or settled."
    ),
    "drift": Traffic(
        DriftSpan, reads=False, writes=True, summary="How far each column of a span is from its reference."
    ),
    "incidents": Traffic(
        Incident,
        reads=False,
        writes=True,
        summary="Something happened to an incident: what a person should know, as it is by then.",
        events=CloudEvents(
            tuple(TYPE_PREFIX + happening for happening in get_args(Happening)), "The incident's id."
        ),
    ),
    "models": Traffic(
        ModelSpec,
        reads=True,
        writes=True,
        summary="A model's spec; references that were learned come from us.",
    ),
    "deadletters": Traffic(DeadLetter, reads=False, writes=True, summary="What could not be read, and why."),
}

#: What else travels on a topic, by the message's name.
BESIDE: Final[Mapping[Topic, Mapping[str, Traffic]]] = {
    "incidents": {
        "comparisons": Traffic(
            Comparison,
            reads=False,
            writes=True,
            summary="A challenger was found better, or worse, than the champion: told once, and nobody is promoted by it.",
            events=CloudEvents(
                tuple(DECISION_PREFIX + decision for decision in get_args(Decision)),
                "The challenger, as MODEL/VERSION.",
            ),
        )
    }
}

EXAMPLES: Final[Mapping[str, msgspec.Struct]] = {
    "predictions": Prediction(
        model="flight-late",
        version="3",
        prediction_id="2013-03-01-UA1545-EWR",
        timestamp=1362132900.0,
        prediction=False,
        score=0.31,
        features={"carrier": "UA", "distance": 1400.0, "hour": 5.0},
        segments={"origin": "EWR"},
        latency_seconds=0.004,
    ),
    "labels": Label(
        model="flight-late", prediction_id="2013-03-01-UA1545-EWR", timestamp=1362144600.0, label=True
    ),
}


def render() -> str:
    """The document as YAML."""
    return HEAD + yaml.dump(document(), Dumper=_Plain, sort_keys=False, allow_unicode=True, width=110)


def document() -> dict[str, Any]:
    """The document as dicts and lists."""
    settings, declared = Settings(), declarations()
    messages = {name: (role, traffic) for role in TRAFFIC for name, traffic in _messages(role).items()}
    kinds = [traffic.kind for _, traffic in messages.values() if traffic.kind]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "monitor-stream",
            "version": WIRE_VERSION,
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "kafka": {
                "host": settings.bootstrap,
                "protocol": "kafka",
                "description": "The setting `bootstrap`.",
            }
        },
        "channels": {role: _channel(role, settings.topic(role), declared[role]) for role in TRAFFIC},
        "operations": {
            f"{action}-{role}": _operation(action, role, traffic, settings.application)
            for role, traffic in TRAFFIC.items()
            for action, does in (("receive", traffic.reads), ("send", traffic.writes))
            if does
        },
        "components": {
            "messages": {
                name: _message(name, traffic, declared[role]) for name, (role, traffic) in messages.items()
            },
            "schemas": components(kinds, "#/components/schemas/{name}"),
        },
    }


def _messages(role: Topic) -> dict[str, Traffic]:
    """What travels on a topic, by the message's name."""
    return {role: TRAFFIC[role], **BESIDE.get(role, {})}


def _channel(role: Topic, address: str, declared: Declaration) -> dict[str, Any]:
    config: dict[str, Any] = dict(declared.config)
    config["cleanup.policy"] = str(config["cleanup.policy"]).split(",")
    replicas = {} if declared.replication is None else {"replicas": declared.replication}
    return {
        "address": address,
        "description": f"{declared.why_partitions.strip()} {declared.why.strip()}",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in _messages(role)},
        "bindings": {
            "kafka": {
                "topic": address,
                "partitions": declared.partitions,
                **replicas,
                "topicConfiguration": config,
                "bindingVersion": BINDING,
            }
        },
    }


def _operation(action: str, role: Topic, traffic: Traffic, group: str) -> dict[str, Any]:
    operation = {
        "action": action,
        "channel": {"$ref": f"#/channels/{role}"},
        "summary": traffic.summary,
        "messages": [{"$ref": f"#/channels/{role}/messages/{name}"} for name in _messages(role)],
    }
    if action == "receive":
        group_id = {"type": "string", "enum": [group]}
        operation["bindings"] = {"kafka": {"groupId": group_id, "bindingVersion": BINDING}}
    return operation


def _message(name: str, traffic: Traffic, declared: Declaration) -> dict[str, Any]:
    message: dict[str, Any] = {"name": name, "summary": traffic.summary}
    if traffic.kind is None:
        message["contentType"] = "application/msgpack"
    else:
        message["payload"] = {"$ref": f"#/components/schemas/{traffic.kind.__name__}"}
    if traffic.events is not None:
        message["headers"] = _cloud_event_headers(traffic.events)
    if declared.is_keyed:
        key = {"type": "string", "description": declared.key}
        message["bindings"] = {"kafka": {"key": key, "bindingVersion": BINDING}}
    if (example := EXAMPLES.get(name)) is not None:
        message["examples"] = [{"payload": msgspec.to_builtins(example)}]
    return message


def _cloud_event_headers(events: CloudEvents) -> dict[str, Any]:
    """CloudEvents 1.0, Kafka binding, binary mode; `monitor_stream.events.cloudevents` makes them."""
    properties: dict[str, dict[str, Any]] = {
        "ce_specversion": {"type": "string", "const": SPECVERSION},
        "ce_id": {
            "type": "string",
            "description": "The same for the same event: a repetition is known by it.",
        },
        "ce_source": {"type": "string", "format": "uri-reference", "examples": ["/models/churn/versions/3"]},
        "ce_type": {"type": "string", "enum": list(events.types)},
        "ce_subject": {"type": "string", "description": events.subject},
        "ce_time": {
            "type": "string",
            "format": "date-time",
            "description": "Event time; of what people say, when they said it.",
        },
        "content-type": {"type": "string", "const": "application/json"},
    }
    return {"type": "object", "required": list(properties), "properties": properties}


class _Plain(yaml.SafeDumper):
    """No anchors: the same dict twice is written twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True
