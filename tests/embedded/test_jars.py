import builtins
import sys
from pathlib import Path
from typing import Any

import pytest

from monitor_stream.embedded import jars as module
from monitor_stream.embedded.errors import DownloadError, MissingExtraError, tail


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache for each test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "monitor-stream"


def test_jars_are_fetched_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first call fetches, the second finds."""
    fetched: list[str] = []

    def resolve(scratch: Path, log: Any) -> list[Path]:
        fetched.append("once")
        scratch.joinpath("kafka.jar").write_bytes(b"jar")
        return [scratch / "kafka.jar"]

    monkeypatch.setattr(module, "_resolve", resolve)
    said: list[str] = []
    folder = module.jars(said.append)
    assert module.jars(said.append) == folder
    assert [jar.name for jar in folder.iterdir()] == ["kafka.jar"]
    assert fetched == ["once"]
    assert "this once" in said[0]
    assert not list(cache.glob("fetching-*"))


def test_a_broken_download_leaves_nothing(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupted download is not taken for a finished one the next time."""

    def resolve(scratch: Path, log: Any) -> list[Path]:
        scratch.joinpath("half.jar").write_bytes(b"ja")
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "_resolve", resolve)
    with pytest.raises(KeyboardInterrupt):
        module.jars(print)
    assert [path.name for path in cache.iterdir()] == [f"kafka-{module.VERSION}.lock"]


def test_no_network_is_said_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a network the error says what could not be fetched."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with pytest.raises(DownloadError, match=r"Apache Kafka .* could not be fetched"):
        module.jars(print)


def test_a_plain_install_is_told_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra the error is the command that installs it."""
    original = builtins.__import__

    def without_jgo(name: str, *args: Any, **options: Any) -> Any:
        if name.startswith("jgo"):
            raise ImportError(name)
        return original(name, *args, **options)

    for name in [name for name in sys.modules if name.partition(".")[0] == "jgo"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without_jgo)
    with pytest.raises(MissingExtraError, match=r"pip install 'monitor-stream\[embedded\]'"):
        module.jars(print)


def test_a_missing_or_empty_log_has_a_tail_too(tmp_path: Path) -> None:
    """The tail of a log never fails, whatever the log is."""
    assert "no log" in tail(tmp_path / "missing")
    tmp_path.joinpath("empty").touch()
    assert "empty" in tail(tmp_path / "empty")
