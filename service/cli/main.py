"""The `whenabouts` command."""

import click

from service.cli.brands import brands, keys
from service.cli.demo import demo
from service.cli.doctor import doctor
from service.cli.emulator import fcm_emulator
from service.cli.messages import messages
from service.cli.replay_gps import replay_gps
from service.cli.run import api, engine, migrate, sender, up
from service.cli.why import why


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="whenabouts")
def main() -> None:
    """The right offer, for one person, at the right when and where, or silence."""


for command in (
    up,
    api,
    engine,
    sender,
    demo,
    fcm_emulator,
    migrate,
    brands,
    keys,
    doctor,
    why,
    messages,
    replay_gps,
):
    main.add_command(command)
