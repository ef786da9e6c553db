"""Kafka's jars: fetched once, kept in the user's cache."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from monitor_stream.embedded.errors import DownloadError, MissingExtraError

VERSION = "4.3.1"
COORDINATES = (
    ("org.apache.kafka", "kafka_2.13", VERSION),
    ("org.slf4j", "slf4j-simple", "1.7.36"),  # writes Kafka's log to standard error
)


def jars(log: Callable[[str], None]) -> Path:
    """Return a folder that holds the jars of one Kafka version, fetching them if this is the first time.

    The folder appears whole or not at all, by a rename; a download that was cut short leaves nothing behind that could
    be taken for it. Two processes that come first at the same time wait for each other.
    """
    folder = cache() / f"kafka-{VERSION}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _lock(folder.with_name(f"{folder.name}.lock")):
            if not folder.exists():
                _fetch(folder, log)
    return folder


def _fetch(folder: Path, log: Callable[[str], None]) -> None:
    log(f"Fetching Apache Kafka {VERSION} from Maven Central, about 45 MB, this once")
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="fetching-") as scratch:
        found = _resolve(Path(scratch), log)
        complete = Path(scratch, "complete")
        complete.mkdir()
        for jar in found:
            shutil.copy(jar, complete)
        complete.rename(folder)
    log(f"Apache Kafka is in {folder}")


def _resolve(scratch: Path, log: Callable[[str], None]) -> list[Path]:
    """Download the jars of the coordinates and of all they need at run time.

    Of jgo this uses the layer that resolves and downloads. The layer above also sorts jars into Java modules and not,
    which Kafka does not need, and fetches a whole Java of its own for that.
    """
    try:
        from jgo.maven import MavenContext, PythonResolver
        from jgo.parse import Coordinate
    except ImportError as error:
        raise MissingExtraError("jgo") from error
    context = MavenContext(PythonResolver(progress_callback=_reporter(log)), repo_cache=scratch, timeout=60)
    wanted = [context.create_dependency(Coordinate(*name, scope="compile")) for name in COORDINATES]
    try:
        given, needed = context.resolver.resolve(wanted)
        found = [*given, *(dependency for dependency in needed if dependency.scope in ("compile", "runtime"))]
        log(f"It needs {len(found)} files")
        return [dependency.artifact.resolve() for dependency in found]
    except (OSError, RuntimeError, ValueError) as error:
        raise DownloadError(
            f"Apache Kafka {VERSION} could not be fetched from Maven Central: {error}"
        ) from error


def _reporter(
    log: Callable[[str], None],
) -> Callable[[str, int], contextlib.AbstractContextManager[Callable[[int], None]]]:
    @contextlib.contextmanager
    def report(filename: str, size: int) -> Iterator[Callable[[int], None]]:
        if size >= 1_000_000:
            log(f"Fetching {filename}, {size / 1e6:.1f} MB")
        yield lambda _count: None

    return report


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def cache() -> Path:
    """Where fetched files are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "monitor-stream"
