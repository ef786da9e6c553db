import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from monitor_stream import errors
from monitor_stream.cli import main
from monitor_stream.cli.lazy import Lazy
from monitor_stream.cli.main import Main
from monitor_stream.cli.options import takes_settings
from monitor_stream.config.fields import settings as fields
from monitor_stream.settings import Settings


@pytest.fixture(autouse=True)
def empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@click.command
@click.option("--loud", is_flag=True)
@takes_settings
def probe(settings: Settings, loud: bool) -> None:
    click.echo(f"{settings.port} {settings.host} {loud}")


@click.command
def broken() -> None:
    raise errors.StoreError("Redis at 10.0.0.7 does not answer.")


@click.command
def bare() -> None:
    raise ModuleNotFoundError("No module named 'pyarrow'", name="pyarrow.csv")


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Result:
    """Run the command line with two more commands."""
    here = {name: Lazy(f"{__name__}:{name}", "") for name in ("probe", "broken", "bare")}
    monkeypatch.setattr(Main, "lazy", {**Main.lazy, **here})
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])
    return CliRunner().invoke(main, arguments, prog_name="monitor-stream")


@pytest.mark.parametrize("name", Main.lazy)
def test_every_command_is_where_it_is_said_to_be(name: str) -> None:
    """Each command loads, and its help says what it does in a sentence."""
    result = CliRunner().invoke(main, [name, "--help"])
    assert result.exit_code == 0, result.output
    assert Main.lazy[name].load().help
    assert Main.lazy[name].help.endswith(".")


def test_help_lists_commands_and_every_setting() -> None:
    """`--help` shows all commands, then all settings as flags."""
    output = CliRunner().invoke(main, ["--help"]).output
    assert all(f"  {name} " in output for name in Main.lazy)
    assert all(setting.flag in output for setting in fields().values())
    assert output.index("Commands:") < output.index("Settings:")


def test_help_and_version_load_no_engine() -> None:
    """They answer at once: neither engine, nor detectors, nor server are imported."""
    code = (
        "import sys\nfrom monitor_stream.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "print('loaded', *sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    loaded = output.rpartition("loaded ")[2].split()
    assert not {"faust", "river", "numpy", "aiokafka", "redis", "litestar", "confluent_kafka", "rich"} & set(
        loaded
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("--port", "9000", "--host", "h", "probe"),
        ("probe", "--port", "9000", "--host", "h"),
        ("--port", "1", "--host", "h", "probe", "--port", "9000"),
    ],
    ids=["before", "after", "both"],
)
def test_settings_stand_before_or_after_the_command(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    """The later one wins; the command's own flags are its own."""
    assert call(monkeypatch, *arguments).output == "9000 h False\n"
    assert call(monkeypatch, *arguments, "--loud").output == "9000 h True\n"


def test_flags_win_over_environment_and_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """The layers reach a command in their order."""
    Path("mine.toml").write_text('port = 1\nhost = "file"', encoding="utf-8")
    monkeypatch.setenv("MONITOR_STREAM_PORT", "2")
    assert call(monkeypatch, "--config", "mine.toml", "probe").output == "2 file False\n"
    assert call(monkeypatch, "probe", "--config", "mine.toml", "--port", "3").output == "3 file False\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("broken",), "monitor-stream: Redis at 10.0.0.7 does not answer.\n"),
        (("probe", "--port", "x"), "monitor-stream: --port = 'x': Expected `int`, got `str`.\n"),
        (
            ("probe", "--config", "no.toml"),
            "monitor-stream: The settings file no.toml cannot be read: No such file",
        ),
    ],
)
def test_an_error_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], sentence: str
) -> None:
    """It goes to standard error, without a traceback, and the exit code is 1."""
    result = call(monkeypatch, *arguments)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith(sentence)
    assert len(result.stderr.splitlines()) == 1


def test_debug_shows_where_an_error_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """With --debug the exception itself comes out."""
    assert isinstance(call(monkeypatch, "--debug", "broken").exception, errors.StoreError)


def test_a_mistyped_flag_is_met_with_the_nearest() -> None:
    """`--bootstrp` is an error that knows what was meant."""
    result = CliRunner().invoke(main, ["--bootstrp", "x", "version"])
    assert result.exit_code == 2
    assert "--bootstrap" in result.output


def test_missing_extra_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command whose packages were left out of the install says which extra brings them."""
    result = call(monkeypatch, "bare")
    assert result.exit_code == 1
    assert "pip install 'monitor-stream[files]'" in result.stderr
