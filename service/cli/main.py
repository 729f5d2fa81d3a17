"""The `whenabouts` command."""

from importlib import import_module

import click

_COMMANDS = {
    "api": "run:api",
    "brands": "brands:brands",
    "demo": "demo:demo",
    "doctor": "doctor:doctor",
    "engine": "run:engine",
    "fcm-emulator": "emulator:fcm_emulator",
    "keys": "brands:keys",
    "messages": "messages:messages",
    "migrate": "run:migrate",
    "replay-gps": "replay_gps:replay_gps",
    "sender": "run:sender",
    "up": "run:up",
    "why": "why:why",
}


class _OnDemand(click.Group):
    """Imports a command when it is named: the engine takes seconds to load, and `keys` or the emulator need none of it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(f"service.cli.{module}"), name)
        return command


@click.group(cls=_OnDemand, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="whenabouts")
def main() -> None:
    """The right offer, for one person, at the right when and where, or silence."""
