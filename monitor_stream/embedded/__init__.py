"""A real Apache Kafka and a real Valkey as child processes, for the demo and the tests.

No container engine, no installed Java: the Python packages of the `embedded` extra carry a Java runtime and a Valkey
server, and Kafka's jars are fetched once into the user's cache. Both servers listen on 127.0.0.1 only, keep their data
and their log in the directory they are given, and die with the process that started them.
"""

from monitor_stream.embedded.errors import EmbeddedError, StartError
from monitor_stream.embedded.kafka import QUICK_RESTART, QUICK_START, Kafka
from monitor_stream.embedded.valkey import Valkey

__all__ = ["QUICK_RESTART", "QUICK_START", "EmbeddedError", "Kafka", "StartError", "Valkey"]
