"""The `whenabouts` command."""

import click

from service.cli.brands import brands, keys


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="whenabouts")
def main() -> None:
    """The right offer, for one person, at the right when and where, or silence."""


for command in (brands, keys):
    main.add_command(command)
