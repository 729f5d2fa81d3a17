"""A group of commands that imports each one when it is named."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click


class OnDemand(click.Group):
    """Its commands are given as `module:function` under `service.cli`.

    The engine takes seconds to load, and `keys` or the emulator need none of it.
    """

    def __init__(self, *args: Any, commands_of: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._commands_of = commands_of

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._commands_of)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._commands_of:
            return None
        module, _, name = self._commands_of[cmd_name].partition(":")
        command: click.Command = getattr(import_module(f"service.cli.{module}"), name)
        return command
