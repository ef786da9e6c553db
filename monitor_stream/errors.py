"""What monitor-stream raises.

    MonitorStreamError
    ├── SettingsError      a setting is unknown or out of its range
    ├── BrokerError        Kafka cannot be reached, or refuses
    ├── TopicsError        topics do not fit each other, or a change would destroy data
    ├── StoreError         the state store cannot be reached, or it is not known whether it wrote
    ├── SchemaError        state written by another version
    ├── EngineError        the stream engine is not the one this package was made for
    ├── PoisonError        too many records in a row crashed the code that read them
    ├── SpecError          a model spec or a reference cannot be read or made
    ├── IncidentError      an incident is not known, or nothing can be said of it any more
    ├── InputError         a file handed to `replay` or `profile` cannot be read
    └── EmbeddedError      a server could not be run as a child process (`monitor_stream.embedded`)

Each message is a sentence for the person who will read it: what was tried, where, and what to do.
"""

from __future__ import annotations


class MonitorStreamError(Exception):
    """Something a user can act on; the command line prints its message alone, without a traceback."""


class SettingsError(MonitorStreamError):
    """A setting is unknown, or out of its range."""


class BrokerError(MonitorStreamError):
    """Kafka cannot be reached, or refuses."""


class TopicsError(MonitorStreamError):
    """Topics do not fit each other, or a change would destroy data."""


class StoreError(MonitorStreamError):
    """The state store cannot be reached, or it is not known whether it wrote."""


class SchemaError(MonitorStreamError):
    """State was written by another version."""


class EngineError(MonitorStreamError):
    """The stream engine is not the one this package was made for."""


class PoisonError(MonitorStreamError):
    """Too many records in a row crashed the code that read them: rather the code is to blame."""


class SpecError(MonitorStreamError):
    """A model spec or a reference cannot be read or made."""


class IncidentError(MonitorStreamError):
    """An incident is not known, or nothing can be said of it any more."""


class InputError(MonitorStreamError):
    """A file handed to `replay` or `profile` cannot be read."""
