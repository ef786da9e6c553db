from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_stream.config import load_settings, masked, to_environment
from monitor_stream.config.fields import settings as fields
from monitor_stream.config.masking import mask
from monitor_stream.errors import SettingsError
from monitor_stream.settings import Settings


@pytest.fixture(autouse=True)
def empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def toml(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_the_later_layer_wins(tmp_path: Path) -> None:
    """Defaults give way to the file, the file to the environment, the environment to flags."""
    file = toml(tmp_path / "a.toml", 'host = "file"\nredis = "redis://file"\nport = 1')
    loaded = load_settings(
        config=file,
        environment={"MONITOR_STREAM_REDIS": "redis://environment", "MONITOR_STREAM_PORT": "2", "HOME": "/"},
        flags={"port": "3"},
    )
    assert (loaded.application, loaded.host, loaded.redis, loaded.port) == (
        "monitor-stream",
        "file",
        "redis://environment",
        3,
    )


def test_a_file_in_the_working_directory_is_found(tmp_path: Path) -> None:
    """`monitor-stream.toml` counts unless another file is named, by flag or variable."""
    toml(tmp_path / "monitor-stream.toml", "port = 1")
    other = toml(tmp_path / "other.toml", "port = 2")
    assert load_settings(environment={}).port == 1
    assert load_settings(environment={"MONITOR_STREAM_CONFIG": str(other)}).port == 2
    assert load_settings(config=other, environment={"MONITOR_STREAM_CONFIG": "nowhere.toml"}).port == 2


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("bootstrp = 'a'", "bootstrp is no setting; did you mean bootstrap?"),
        ("[server]\nport = 1", "server is no setting"),
        ("port = '80'", r"port = '80': Expected `int`, got `str`\."),
        ("port = 70000", r"port = 70000: Expected `int` <= 65535\."),
        ("port = ", "is not TOML"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, text: str, reason: str) -> None:
    """The error says which file, which setting, and what is nearest."""
    file = toml(tmp_path / "wrong.toml", text)
    with pytest.raises(SettingsError, match=rf"wrong\.toml.*{reason}"):
        load_settings(config=file, environment={})


def test_a_missing_file_is_named() -> None:
    """A file that was asked for and is not there is an error, not a default."""
    with pytest.raises(SettingsError, match=r"settings file nowhere\.toml cannot be read: No such file"):
        load_settings(config=Path("nowhere.toml"), environment={})


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        (
            {"MONITOR_STREAM_TOPIC": "x"},
            "MONITOR_STREAM_TOPIC names no setting; did you mean MONITOR_STREAM_TOPIC_PREFIX",
        ),
        ({"MONITOR_STREAM_QQQ": "x"}, r"MONITOR_STREAM_QQQ names no setting\. docs/settings\.md"),
        (
            {"MONITOR_STREAM_COMMIT_INTERVAL_SECONDS": "0"},
            r"COMMIT_INTERVAL_SECONDS = '0': Expected `float` > 0",
        ),
        ({"MONITOR_STREAM_KAFKA_SECURITY_PROTOCOL": "TLS"}, "Invalid enum value 'TLS'"),
    ],
)
def test_a_wrong_variable_is_named(environment: dict[str, str], reason: str) -> None:
    """An unknown variable of ours is an error with the nearest name, a wrong value one with the value."""
    with pytest.raises(SettingsError, match=reason):
        load_settings(environment=environment)


def test_a_wrong_secret_is_not_repeated() -> None:
    """The error about a secret's value does not hold the value."""
    with pytest.raises(SettingsError) as caught:
        load_settings(
            environment={"MONITOR_STREAM_KAFKA_SASL_PASSWORD": "hunter2", "MONITOR_STREAM_PORT": "x"}
        )
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        ({"kafka_sasl_username": "u"}, "which does not log in; did you mean SASL_SSL?"),
        (
            {"kafka_security_protocol": "SASL_SSL", "kafka_sasl_username": "u"},
            "kafka_sasl_password must be set",
        ),
        ({"kafka_ssl_key": "k.pem"}, "must be set together"),
    ],
)
def test_security_settings_that_contradict_each_other_are_refused(flags: dict[str, str], reason: str) -> None:
    """A password that would never be sent is an error at start, not a broker that seems down."""
    with pytest.raises(SettingsError, match=reason.replace("?", r"\?")):
        load_settings(environment={}, flags=flags)


@given(
    port=st.integers(0, 65535),
    interval=st.floats(0.001, 1e6),
    prefix=st.from_regex(r"[A-Za-z0-9._-]{1,100}", fullmatch=True),
    check=st.booleans(),
)
def test_settings_survive_the_way_through_the_environment(
    port: int, interval: float, prefix: str, check: bool
) -> None:
    """A child process that is started with `to_environment` reads the same settings."""
    loaded = Settings(
        port=port, commit_interval_seconds=interval, topic_prefix=prefix, kafka_ssl_check_hostname=check
    )
    assert load_settings(environment=to_environment(loaded)) == loaded


def test_every_setting_is_described() -> None:
    """Each has words, a default that is its own type's, and a name for each of its three places."""
    for name, setting in fields().items():
        assert setting.description.endswith("."), name
        assert setting.default == getattr(Settings(), name)
        assert setting.variable.removeprefix("MONITOR_STREAM_").lower() == name
        assert setting.flag.removeprefix("--").replace("-", "_") == name


@pytest.mark.parametrize(
    ("secret", "shown"),
    [
        ("redis://:pa@ss:word@host:1/0", "redis://:***@host:1/0"),
        ("rediss://user:p@host", "rediss://user:***@host"),
        ("redis://host/0?password=p&db=1", "redis://host/0?password=***&db=1"),
        ("redis://host:6379/0", "redis://host:6379/0"),
        ("hunter2", "***"),
        ("", ""),
    ],
)
def test_passwords_are_cut_out(secret: str, shown: str) -> None:
    """A URL stays readable without its password; any other secret is hidden whole."""
    assert mask(secret) == shown


def test_masked_settings_hold_no_secret() -> None:
    """No password of any setting is among what may be printed."""
    secrets: dict[str, Any] = {
        "kafka_sasl_password": "hunter2",
        "kafka_ssl_key_password": "hunter2",
        "redis": "redis://u:hunter2@host",
    }
    assert set(secrets) == {name for name, setting in fields().items() if setting.secret}
    assert "hunter2" not in repr(masked(Settings(**secrets)))
