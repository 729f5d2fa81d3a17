"""`whenabouts backtest …`: does it work on your own customers? Each command reads one CSV file and changes nothing."""

import click

from service.cli.on_demand import OnDemand

_COMMANDS: dict[str, str] = {
    "moment": "backtest_visits:moment",
    "next-visit": "backtest_visits:next_visit",
    "rhythm": "backtest_visits:rhythm",
    "taste": "backtest_visits:taste",
    "response": "backtest_response:response",
}


@click.group(cls=OnDemand, commands_of=_COMMANDS)
def backtest() -> None:
    """Try the models on your own history before the first push: predict each row, then learn it."""
