"""`whenabouts brands` and `whenabouts keys`"""

from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import click
import msgspec

from domain.access import CredentialKind, Scope
from domain.clock import SystemClock
from domain.errors import Invalid
from domain.people import Mode
from domain.policy import Brand
from service.cli.opening import opened
from service.cli.output import explained, json_option, show_json, show_table
from storage import brands as stored
from storage import keys as stored_keys

_KINDS = {"publishable": CredentialKind.PUBLISHABLE, "secret": CredentialKind.SECRET}


@click.group()
def brands() -> None:
    """Brands: one tenant each, with its own customers, keys and Firebase project."""


@brands.command("create")
@click.argument("slug")
@click.option("--name", help="Shown to people; the slug where absent.")
@click.option(
    "--time-zone", default="UTC", show_default=True, help="IANA name of the brand's zone."
)
@click.option("--fcm-project", help="The brand's own Firebase project.")
@click.option("--fcm-credentials", help="Its service-account file, or `anonymous` for an emulator.")
@json_option
@explained
def create_brand(
    slug: str,
    name: str | None,
    time_zone: str,
    fcm_project: str | None,
    fcm_credentials: str | None,
    as_json: bool,
) -> None:
    """Add a brand and print its signing secret."""
    _check(slug, time_zone)
    with opened() as database:
        brand = database.write(
            lambda tx: stored.create(
                tx,
                slug=slug,
                name=name or slug,
                time_zone=time_zone,
                now=SystemClock().now(),
                fcm_project=fcm_project,
                fcm_credentials=_credentials(fcm_credentials),
            )
        )
    _show_secret(brand, as_json)


@brands.command("list")
@json_option
@explained
def list_brands(as_json: bool) -> None:
    """Show every brand."""
    with opened() as database, database.read() as tx:
        everyone = stored.everyone(tx)
    if as_json:
        show_json([_public(brand) for brand in everyone])
    else:
        rows = ((b.slug, b.name, b.time_zone, b.fcm_project) for b in everyone)
        show_table(["slug", "name", "time zone", "Firebase project"], rows)


@brands.command("update")
@click.argument("slug")
@click.option("--name")
@click.option("--time-zone")
@click.option("--fcm-project")
@click.option("--fcm-credentials")
@json_option
@explained
def update_brand(slug: str, as_json: bool, **changes: str | None) -> None:
    """Change what is given and leave the rest."""
    given = {key: value for key, value in changes.items() if value is not None}
    _check(slug, given.get("time_zone", "UTC"))
    if "fcm_credentials" in given:
        given["fcm_credentials"] = _credentials(given["fcm_credentials"]) or ""
    with opened() as database:
        brand = database.write(lambda tx: stored.update(tx, stored.by_slug(tx, slug).id, **given))
    if as_json:
        show_json(_public(brand))
    else:
        click.echo(f"{brand.slug} is changed.")


@brands.command("rotate-secret")
@click.argument("slug")
@json_option
@explained
def rotate_secret(slug: str, as_json: bool) -> None:
    """Replace the secret that signs customer tokens; the old one stops working at once."""
    with opened() as database:
        brand = database.write(lambda tx: stored.rotate_secret(tx, stored.by_slug(tx, slug).id))
    _show_secret(brand, as_json)


@click.group()
def keys() -> None:
    """Keys: publishable ones go into apps, secret ones stay in the brand's backend."""


@keys.command("create")
@click.option("--brand", "slug", required=True, help="The brand's slug.")
@click.option("--kind", type=click.Choice(list(_KINDS)), required=True)
@click.option("--scopes", default="", help="For secret keys: admin,ingest,read (all where absent).")
@click.option("--label", help="A note to find it again.")
@click.option("--expires-at", type=click.DateTime(["%Y-%m-%d"]), help="The day it stops working.")
@click.option("--test", "is_test", is_flag=True, help="A test key: nothing it does reaches FCM.")
@json_option
@explained
def create_key(
    slug: str,
    kind: str,
    scopes: str,
    label: str | None,
    expires_at: datetime | None,
    is_test: bool,
    as_json: bool,
) -> None:
    """Add a key and print it; it cannot be shown again."""
    clock = SystemClock()
    with opened() as database:
        key, text = database.write(
            lambda tx: stored_keys.create(
                tx,
                brand_id=stored.by_slug(tx, slug).id,
                kind=_KINDS[kind],
                mode=Mode.TEST if is_test else Mode.LIVE,
                scopes=_scopes(kind, scopes),
                label=label,
                expires_at=expires_at.astimezone() if expires_at else None,
                now=clock.now(),
            )
        )
    if as_json:
        show_json({"id": key.id, "key": text})
    else:
        click.echo(f"{text}\nKeep it: it is stored only as a hash and cannot be shown again.")


@keys.command("list")
@click.option("--brand", "slug", required=True)
@json_option
@explained
def list_keys(slug: str, as_json: bool) -> None:
    """Show a brand's keys without their secrets."""
    with opened() as database, database.read() as tx:
        found = stored_keys.of_brand(tx, stored.by_slug(tx, slug).id)
    if as_json:
        show_json(found)
    else:
        rows = ((k.id, k.kind, k.mode, ",".join(k.scopes), k.label, k.revoked_at) for k in found)
        show_table(["id", "kind", "mode", "scopes", "label", "revoked"], rows)


@keys.command("revoke")
@click.option("--brand", "slug", required=True)
@click.argument("key_id")
@json_option
@explained
def revoke_key(slug: str, key_id: str, as_json: bool) -> None:
    """End a key at once."""
    with opened() as database:
        database.write(
            lambda tx: stored_keys.revoke(
                tx, brand_id=stored.by_slug(tx, slug).id, key_id=key_id, now=SystemClock().now()
            )
        )
    if as_json:
        show_json({"id": key_id, "revoked": True})
    else:
        click.echo("The key is revoked.")


def _check(slug: str, time_zone: str) -> None:
    if (
        not slug.replace("-", "").isalnum()
        or not slug.isascii()
        or slug != slug.lower()
        or len(slug) > 64
    ):
        raise Invalid("A slug has lower-case letters, digits and hyphens, such as soup-and-co.")
    if time_zone not in available_timezones():
        raise Invalid(f"{time_zone!r} is not an IANA time zone such as Europe/Helsinki.")


def _credentials(text: str | None) -> str | None:
    """The file's absolute path, so that a process started from another folder finds it too."""
    if text in (None, "anonymous"):
        return text
    path = Path(str(text)).expanduser().resolve()
    if not path.is_file():
        raise Invalid(f"There is no service-account file at {path}.")
    return str(path)


def _scopes(kind: str, text: str) -> tuple[Scope, ...]:
    if kind == "publishable":
        if text:
            raise Invalid("A publishable key has no scopes: it may register devices, nothing else.")
        return ()
    try:
        return tuple(Scope(word.strip()) for word in text.split(",") if word.strip()) or tuple(
            Scope
        )
    except ValueError as error:
        raise Invalid("Scopes are admin, ingest and read, separated by commas.") from error


def _show_secret(brand: Brand, as_json: bool) -> None:
    if as_json:
        show_json({"brand": _public(brand), "signing_secret": brand.signing_secret})
    else:
        click.echo(f"{brand.slug}\nsigning secret: {brand.signing_secret}")


def _public(brand: Brand) -> dict[str, Any]:
    hidden = ("signing_secret", "ledger_key", "fcm_credentials")
    return {k: v for k, v in msgspec.to_builtins(brand).items() if k not in hidden}
