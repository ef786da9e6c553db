"""`monitor-stream`, and what it does about errors: one plain sentence, exit code 1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import click

from monitor_stream.cli.extras import extra_of
from monitor_stream.cli.lazy import Lazy, LazyGroup
from monitor_stream.cli.options import SettingOption, keep_flags, setting_flags
from monitor_stream.errors import MonitorStreamError


class Main(LazyGroup):
    """The commands, in the order a new user meets them."""

    lazy: ClassVar[Mapping[str, Lazy]] = {
        "demo": Lazy("monitor_stream.demo.command:demo", "Watch a real model on real flights, with nothing installed."),
        "run": Lazy("monitor_stream.cli.run:run", "Run a worker and the server together."),
        "worker": Lazy("monitor_stream.cli.worker:worker", "Run a worker: read events, judge models."),
        "server": Lazy("monitor_stream.cli.server:server", "Run the server: /metrics, the API, the live page."),
        "topics": Lazy("monitor_stream.cli.topics:topics", "Create and compare the topics on Kafka."),
        "models": Lazy("monitor_stream.cli.models:models", "Publish, list and show model specs."),
        "profile": Lazy("monitor_stream.profile.command:profile", "Make a model spec from training data."),
        "replay": Lazy("monitor_stream.replay.command:replay", "Judge a file of events, without Kafka or Redis."),
        "incidents": Lazy("monitor_stream.cli.incidents:incidents", "List, show, acknowledge and silence incidents."),
        "deadletters": Lazy("monitor_stream.cli.deadletters:deadletters", "List, show and replay what could not be read."),
        "rebuild": Lazy("monitor_stream.cli.rebuild:rebuild", "Forget what was counted, and read the log again."),
        "doctor": Lazy("monitor_stream.cli.doctor:doctor", "Check everything a worker needs, and say what to do."),
        "version": Lazy("monitor_stream.cli.version:version", "Print the version."),
    }  # fmt: skip

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Commands first: the settings are many."""
        records = [
            (param, record) for param in self.get_params(ctx) if (record := param.get_help_record(ctx))
        ]
        with formatter.section("Options"):
            formatter.write_dl([record for param, record in records if not isinstance(param, SettingOption)])
        self.format_commands(ctx, formatter)
        with formatter.section("Settings"):
            formatter.write_dl([record for param, record in records if isinstance(param, SettingOption)])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except MonitorStreamError as error:
            if ctx.params["debug"]:
                raise
            click.echo(f"monitor-stream: {error}", err=True)
            ctx.exit(1)
        except ModuleNotFoundError as error:
            extra = extra_of(error)
            if extra is None or ctx.params["debug"]:
                raise
            click.echo(
                f"monitor-stream: this command needs the Python package {error.name}, which a plain install leaves "
                f"out: pip install 'monitor-stream[{extra}]'.",
                err=True,
            )
            ctx.exit(1)


@click.group(
    cls=Main,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Settings may stand before or after the command. docs/settings.md explains them.",
)
@click.option("--debug", is_flag=True, help="Show where an error comes from.")
@setting_flags()
@click.pass_context
def main(context: click.Context, /, debug: bool, **_: Any) -> None:
    """Watches ML models in production from their Kafka streams."""
    keep_flags(context)
