"""Learning where a person lives and works from their phone's stays, and setting the one moment that follows from it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec
import structlog
import tzfpy

from domain.decisions import Cause, Moment
from domain.haunts import PlaceKind, Places
from domain.ids import new_id
from domain.people import Consents, Mode, Purpose, QuietHours
from geofence.gate import Position
from geofence.places import claims, credited
from geofence.stays import Stay, follow
from scheduler.context.build import Scene
from scheduler.context.clock import first_zone
from scheduler.context.places import LIFE, next_call
from scheduler.visits import Whose
from storage import places as storage
from storage import profiles
from storage.engine import Transaction
from storage.places import Wish
from storage.sql import must_repeat

_KINDS = tuple(f"{kind.value}:" for kind in PlaceKind)
_stay = msgspec.msgpack.Decoder(Stay)
_pack = msgspec.msgpack.Encoder()
_log = structlog.get_logger()


class Watch:
    """Follows one device's stay from fix to fix; sees nothing of a person who has not agreed to `location` and `habits`."""

    def __init__(self, stay: bytes | None, consents: Consents) -> None:
        self._since = _both_since(consents)
        self._stay = _stay.decode(stay) if stay and self._since is not None else None
        self.complete: list[Stay] = []

    def see(self, here: Position | None) -> None:
        """The next accepted position; one of before the consents is passed over."""
        if self._since is None or here is None or here.at < self._since:
            return
        self._stay, complete = follow(self._stay, here)
        if complete:
            self.complete.append(complete)

    def packed(self) -> bytes | None:
        """What to keep with the position."""
        return _pack.encode(self._stay) if self._stay else None


def _both_since(consents: Consents) -> float | None:
    """Since when both purposes stand, in epoch seconds."""
    location, habits = (consents.granted(p) for p in (Purpose.LOCATION, Purpose.HABITS))
    return max(location.since, habits.since).timestamp() if location and habits else None


class Whom(NamedTuple):
    """Whose places they are: the clock to read, and the hours of silence that count."""

    customer_id: str
    brand_id: str
    mode: Mode
    zone: ZoneInfo | None
    quiet: tuple[QuietHours, ...]


def learn(tx: Transaction, whose: Whose, complete: Sequence[Stay], *, now: datetime) -> None:
    """Adds stays to what is known of their person's places, and sets the moment that follows; nothing where there are none.

    Locks the person until the commit, so that two phones of one person never lose each other's stays.
    """
    if not complete:
        return
    person = profiles.lock_people(tx, [whose.customer_id]).get(whose.customer_id)
    if person is None:
        return
    known = storage.get(tx, whose.customer_id)
    for stay in complete:
        if zone := _zone(stay, person.zones):
            known = credited(known, stay, zone)
    storage.save(tx, known, customer_id=whose.customer_id, brand_id=whose.brand_id, now=now)
    whom = Whom(
        customer_id=whose.customer_id,
        brand_id=whose.brand_id,
        mode=whose.mode,
        zone=first_zone(person.zones),
        quiet=(*person.policy.quiet_hours, *person.preferences.quiet_hours),
    )
    storage.set_moments(tx, {whose.customer_id: _next(tx, whom, known, now)}, now=now)


def _zone(stay: Stay, own: Iterable[str | None]) -> ZoneInfo | None:
    """The zone in which the stay was, so that a traveller's nights are nights; at sea the person's own."""
    there: str = tzfpy.get_tz(stay.lon, stay.lat)
    return first_zone((there if there and not there.startswith("Etc/") else None, *own))


def _next(tx: Transaction, whom: Whom, known: Places, now: datetime) -> Moment | None:
    """Asks what offers want of places only where a place is known."""
    claimed = claims(known, on=now.astimezone(whom.zone or UTC).date())
    return (
        _moment(whom, claimed, storage.wishes(tx, whom.brand_id, now=now), now) if claimed else None
    )


def _moment(
    whom: Whom, claimed: Mapping[PlaceKind, object], wishes: Iterable[Wish], now: datetime
) -> Moment | None:
    if whom.zone is None:
        return None
    asked = [(wish.kind, wish.hours) for wish in wishes]
    call = next_call(asked, claimed, now=now, zone=whom.zone, quiet=whom.quiet)
    return call and Moment(
        id=new_id(),
        brand_id=whom.brand_id,
        mode=whom.mode,
        customer_id=whom.customer_id,
        cause=Cause.HABIT,
        key=call.key,
        due_at=call.due_at,
        expires_at=call.due_at + LIFE,
    )


def go_on(tx: Transaction, decided: Sequence[Scene], *, now: datetime) -> None:
    """Sets the next moment of people whose moment of a place was decided; who cannot gets it with their next stay."""
    mine = [at for at in decided if is_of_a_place(at.moment)]
    try:
        if mine:
            with tx.begin_nested():
                after = {at.known.customer.id: _after(at, now) for at in mine}
                storage.set_moments(tx, after, now=now)
    except Exception as error:
        if must_repeat(error):
            raise
        _log.exception("place_moments_not_set", moment_ids=[at.moment.id for at in mine])


def is_of_a_place(moment: Moment) -> bool:
    """Whether it was set for a home or a workplace, not for a rhythm."""
    return moment.cause is Cause.HABIT and moment.key.startswith(_KINDS)


def _after(at: Scene, now: datetime) -> Moment | None:
    known, brand = at.known, at.ground.brand
    if known.places is None or at.zone is None:
        return None
    whom = Whom(
        customer_id=known.customer.id,
        brand_id=brand.id,
        mode=known.customer.mode,
        zone=at.zone,
        quiet=(*brand.policy.quiet_hours, *known.preferences.quiet_hours),
    )
    wanted = ((offer.body.when.place, offer.body.when.hours) for offer in at.ground.offers)
    wishes = [
        Wish(kind=PlaceKind(place.of), hours=hours)
        for place, hours in wanted
        if place and place.of != "store"
    ]
    return _moment(whom, claims(known.places, on=now.astimezone(at.zone).date()), wishes, now)
