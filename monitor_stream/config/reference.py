"""docs/settings.md, made from the settings themselves."""

from __future__ import annotations

from monitor_stream.config.fields import Setting, settings
from monitor_stream.config.load import FILE, FILE_VARIABLE

HEAD = f"""\
# Settings

<!-- Made by `make generate` from monitor_stream/settings.py. -->

Each setting can be given in three places; the later one wins:

1. a TOML file, `--config FILE`, or the file `{FILE_VARIABLE}` names, or `{FILE}` in the working directory;
2. the environment;
3. a flag of `monitor-stream`, before or after the command: `monitor-stream --redis redis://cache:6379/0 worker`.

A name that is no setting is an error, in all three. `monitor-stream doctor` says what is in force, without passwords.

| setting | what it is | values | default | environment | flag |
|---|---|---|---|---|---|
"""

TAIL = """
## A managed Kafka cluster

Confluent Cloud, Aiven, Redpanda Cloud and Amazon MSK with SCRAM all work with a user name and a password over TLS.
Keep the password out of the file and out of the command line, where every user of the machine can read it:

```toml
bootstrap = "broker-1.example.com:9092,broker-2.example.com:9092"
kafka_security_protocol = "SASL_SSL"
kafka_sasl_mechanism = "SCRAM-SHA-512"
kafka_sasl_username = "monitor-stream"
```

```sh
export MONITOR_STREAM_KAFKA_SASL_PASSWORD="$(cat /run/secrets/kafka)"
```

With client certificates in place of a password: `kafka_security_protocol = "SSL"`, `kafka_ssl_certificate` and
`kafka_ssl_key`. OAuth tokens, as MSK's IAM log-in wants them, are not supported.

The user needs these rights: read and describe on every topic of the prefix, write on all but `predictions` and
`labels`, read on the consumer group named by `application`; create and alter-configs for `topics apply` alone.
"""


def render() -> str:
    """The page."""
    return HEAD + "".join(map(_row, settings().values())) + TAIL


def _row(setting: Setting) -> str:
    cells = (
        f"`{setting.name}`",
        setting.description,
        setting.kind.replace("|", r"\|"),
        f"`{setting.default_text}`" if setting.default_text else "",
        f"`{setting.variable}`",
        f"`{setting.flag}`",
    )
    return f"| {' | '.join(cells)} |\n"
