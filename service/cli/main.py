"""The `whenabouts` command."""

import click

from service.cli.on_demand import OnDemand

_COMMANDS = {
    "api": "run:api",
    "backtest": "backtest:backtest",
    "brands": "brands:brands",
    "demo": "demo:demo",
    "devices": "devices:devices",
    "doctor": "doctor:doctor",
    "dry-run": "dry_run:dry_run",
    "engine": "run:engine",
    "export": "exports:export",
    "fcm-emulator": "emulator:fcm_emulator",
    "import": "imports:import_",
    "keys": "brands:keys",
    "messages": "messages:messages",
    "migrate": "run:migrate",
    "replay": "replay:replay",
    "replay-gps": "replay_gps:replay_gps",
    "sender": "run:sender",
    "simulate": "simulate:simulate",
    "stats": "stats:stats",
    "up": "run:up",
    "why": "why:why",
}


@click.group(
    cls=OnDemand, commands_of=_COMMANDS, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(package_name="whenabouts")
def main() -> None:
    """The right offer, for one person, at the right when and where, or silence."""
