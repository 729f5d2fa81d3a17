"""`whenabouts backtest …`: does it work on your own customers? Each command reads one CSV file and changes nothing."""

import click

from service.cli.on_demand import OnDemand

_COMMANDS: dict[str, str] = {
    "response": "backtest_response:response",
}


@click.group(cls=OnDemand, commands_of=_COMMANDS)
def backtest() -> None:
    """Try the models on your own history before the first push: predict each row, then learn it."""
