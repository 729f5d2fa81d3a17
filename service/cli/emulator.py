"""`whenabouts fcm-emulator`"""

from pathlib import Path

import click

from notifiers.emulator import server
from service.cli.output import explained


@click.command("fcm-emulator")
@click.option(
    "--bind",
    default=server.DEFAULT_BIND,
    show_default=True,
    help="host:port; port 0 takes a free one.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object per line as pushes arrive."
)
@click.option("--latency-ms", default=0, show_default=True, help="How long each answer takes.")
@click.option("--credentials-needed", is_flag=True, help="Refuse calls without an access token.")
@click.option(
    "--tls",
    "certificate",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Speak HTTPS and HTTP/2; writes the certificate to trust (FCM_CA_FILE) to this file.",
)
@explained
def fcm_emulator(
    bind: str, as_json: bool, latency_ms: int, credentials_needed: bool, certificate: Path | None
) -> None:
    """Run a local FCM v1 server with an inbox that shows what phones would show."""
    try:
        server.run(
            bind,
            json_lines=as_json,
            latency_ms=latency_ms,
            allow_anonymous=not credentials_needed,
            certificate=certificate,
        )
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error
