"""How the demo's brand is made: its keys as an operator makes them, its catalogue through the public API."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from domain.access import CredentialKind, Scope
from domain.clock import ManualClock
from domain.ids import new_id
from domain.people import Mode
from domain.places import Fix, LatLon
from domain.values import Value
from scheduler.fences import FenceCache
from scheduler.ingest import Ingest
from service.cli.client import Client
from service.cli.residents import KNOWN_FOR, Resident
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


def live_the_past(
    database: Database, resident: Resident, admin: Client, *, now: datetime, zone: ZoneInfo
) -> None:
    """The weeks before at home and at a desk, as the resident's phone would have sent them at the time; then the offer for
    those who work nearby, and this morning's way to work.
    """
    today = now.astimezone(zone).date()
    clock = ManualClock(now)
    ingest = Ingest(database, clock, FenceCache(database))
    for ago in range(KNOWN_FOR.days - 1, 0, -1):
        day = today - timedelta(days=ago)
        fixes = _day(resident, day, zone, works=day.weekday() < 5)
        clock.set(fixes[-1].occurred_at)
        ingest.receive(resident.credential, fixes)
    admin.call("PUT", f"/v1/offers/{story.CATERING}", story.CATERING_OFFER)
    clock.set(now)
    morning = _day(resident, today, zone, works=True)
    ingest.receive(resident.credential, [fix for fix in morning if fix.occurred_at < now])


def _day(resident: Resident, day: date, zone: ZoneInfo, *, works: bool) -> list[Fix]:
    """A fix on coming to a place, and one on leaving it."""
    desk = LatLon(*resident.memory().position)
    home = LatLon(latitude=desk.latitude + 0.04, longitude=desk.longitude + 0.05)
    hours = ((1, home), (8, home), *(((9, desk), (17, desk)) if works else ()), (18, home))
    return [
        Fix(
            event_id=new_id(),
            latitude=place.latitude,
            longitude=place.longitude,
            accuracy_m=20.0,
            occurred_at=datetime.combine(day, time(hour), tzinfo=zone).astimezone(UTC),
            background=True,
        )
        for hour, place in (*hours, (23, home))
    ]


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
