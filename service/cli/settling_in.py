"""How the demo's brand is made: its keys as an operator makes them, its catalogue through the public API."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from domain.access import CredentialKind, Scope
from domain.ids import new_id
from domain.people import Mode
from domain.values import Value
from service.cli.client import Client
from service.demo import story
from service.demo.town import Town
from storage import brands, keys
from storage.engine import Database, Transaction


class Keys(Value):
    """What the demo's app and its brand's backend hold."""

    app: str
    admin: str
    signing_secret: str


def make_brand(database: Database, *, time_zone: str, now: datetime) -> Keys:
    """The brand with a publishable and a secret key."""

    def work(tx: Transaction) -> Keys:
        brand = brands.create(tx, slug=story.BRAND, name="Soup & Co", time_zone=time_zone, now=now)
        _, app = keys.create(
            tx, brand_id=brand.id, kind=CredentialKind.PUBLISHABLE, mode=Mode.LIVE, now=now
        )
        _, admin = keys.create(
            tx,
            brand_id=brand.id,
            kind=CredentialKind.SECRET,
            mode=Mode.LIVE,
            scopes=tuple(Scope),
            now=now,
        )
        return Keys(app=app, admin=admin, signing_secret=brand.signing_secret)

    return database.write(work)


def open_shop(admin: Client, town: Town) -> None:
    """Stores, fences, items, offers and the policy, as an admin would put them."""
    for site in town.sites:
        admin.call("PUT", f"/v1/stores/{site.external_id}", story.store_body(site, town))
        admin.call("PUT", f"/v1/geofences/{site.external_id}", story.fence_body(site))
    for sku, item in story.ITEMS.items():
        admin.call("PUT", f"/v1/items/{sku}", item)
    for name, offer in story.OFFERS.items():
        admin.call("PUT", f"/v1/offers/{name}", offer)
    admin.call("PUT", "/v1/engine", story.POLICY)


def tell_the_past(admin: Client, *, now: datetime, zone: ZoneInfo) -> None:
    """The visits that the brand's tills remember, as its backend would send them after people agreed to habits."""
    for one in story.CHARACTERS:
        if events := list(_lunches(one, now, zone)):
            admin.call("POST", "/v1/events", {"events": events})


def _lunches(one: story.Character, now: datetime, zone: ZoneInfo) -> Iterator[dict[str, Any]]:
    """A visit around noon on each of the last weekdays."""
    day = now.astimezone(zone).replace(hour=12, minute=5, second=0, microsecond=0)
    left = one.lunches
    while left:
        day -= timedelta(days=1)
        if day.weekday() < 5:
            left -= 1
            yield {
                "event_id": new_id(),
                "type": "visit",
                "occurred_at": (day + timedelta(minutes=7 * (left % 5))).isoformat(),
                "customer": one.name,
                "store": one.favourite,
            }
