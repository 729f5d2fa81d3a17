"""From what storage knows to the one `Context` that a decision rests on. Pure; runs once per claimed moment."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from domain.context import Candidate, Context, Ground, Known, Likely, Sent, Sky, Sold, Weary
from domain.decisions import Cause, Moment
from domain.fatigue import Fatigue
from domain.model import Learned
from domain.offers import Limits, Offer
from domain.people import Purpose
from domain.places import LatLon, Store
from domain.policy import Cap
from domain.slots import Slot, Vacancy
from domain.tastes import Tastes
from domain.weather import Cell
from scheduler.context import traits
from scheduler.context.clock import daypart, first_zone
from scheduler.context.fatigue import weariness
from scheduler.context.foretold import Person, likely
from scheduler.context.hours import OpeningTimes
from scheduler.context.premises import Premises
from scheduler.context.profile import LEAD
from scheduler.context.surroundings import Own, Surroundings
from scheduler.context.tastes import Choices

POSITION_FRESH = timedelta(minutes=60)
_WALK_MPS = 1.3
_LONGEST_WALK = timedelta(minutes=30)
_MEMORY = timedelta(days=30)
_WEEK = timedelta(days=7)
_ORDERED_AHEAD_H = 3
_OFTEN = 3  # days
_UNLIMITED = Limits()


class Scene(NamedTuple):
    """One claimed moment with all that is known around it."""

    moment: Moment
    known: Known
    ground: Ground
    premises: Premises
    now: datetime
    zone: ZoneInfo | None
    slot: Slot | None = None  # its places that are promised to others count as promised
    likely: Likely | None = None  # where it was reckoned for a whole batch
    learned: Learned = Learned()
    regular: Mapping[str, int] | None = None  # days at a store, by its id; None where unknown


def scene(
    moment: Moment, known: Known, ground: Ground, premises: Premises, *, now: datetime
) -> Scene:
    """The person's clock is their newest device's, else what the brand wrote of them, else the brand's own."""
    zone = first_zone((*known.zones, known.customer.time_zone, ground.brand.time_zone))
    return Scene(moment, known, ground, premises, now, zone)


def context(at: Scene) -> Context:
    """The inputs of the decision at this moment."""
    return with_offers(person(at), at)


def with_offers(known: Context, at: Scene) -> Context:
    """The context with every offer as it stands for this person now."""
    view = _View(at, (known.local_date, known.daypart))
    return msgspec.structs.replace(known, candidates=tuple(map(view.candidate, at.ground.offers)))


def person(at: Scene) -> Context:
    """The context without offers: all that the rules on the person ask for."""
    moment, known = at.moment, at.known
    local = at.now.astimezone(at.zone) if at.zone else None
    here = (local.date().isoformat(), daypart(local)) if local else (None, None)
    return Context(
        moment_id=moment.id,
        cause=moment.cause,
        decided_at=at.now,
        expires_at=moment.expires_at,
        zone=at.zone.key if at.zone else None,
        local_date=here[0],
        daypart=here[1],
        permits={
            purpose: consent.entry_id
            for purpose, consent in sorted(known.consents.of.items())
            if consent.granted
        },
        reach=known.reach,
        preferences=known.preferences,
        traits=_traits(at),
        interests=_both(known.customer.interests, known.preferences.interests),
        segments=known.customer.segments,
        sent_at=tuple(
            sorted(sent.at for sent in known.sent if sent.seen and sent.at > at.now - _MEMORY)
        ),
        draw=known.member.draw,
        slot=Vacancy(service=at.slot.service, free=at.slot.free) if at.slot else None,
        likely=_likely(at),
        weary=_weary(at),
        learned=at.learned,
        fences=moment.fences_revision,
    )


def _weary(at: Scene) -> Weary | None:
    """Told by their answers, so only with `habits`."""
    if not at.known.consents.granted(Purpose.HABITS):
        return None
    known = at.known.profile.fatigue if at.known.profile else Fatigue()
    seen = [sent.at for sent in at.known.sent if sent.seen]
    return weariness(known, seen, at=at.now)


def _traits(at: Scene) -> tuple[str, ...]:
    """What was declared, and with `habits` also what shows and was not denied."""
    known = at.known
    declared = (*known.customer.traits, *known.preferences.traits)
    shown = known.profile and known.consents.granted(Purpose.HABITS)
    leanings = known.profile.traits if known.profile and shown else ()
    return traits.effective(declared, leanings, at=at.now)


def _both(theirs: Sequence[str], own: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted({*theirs, *own}))


def foretold(scenes: Sequence[Scene]) -> list[Scene]:
    """The scenes with when their people are likely to come, as far as that may be known; reckoned for all at once."""
    found = list(scenes)
    by_ground: dict[int, list[int]] = {}
    for number, at in enumerate(scenes):
        by_ground.setdefault(id(at.ground), []).append(number)
    for numbers in by_ground.values():
        known = [(number, person) for number in numbers if (person := _known(scenes[number]))]
        wheel, now = scenes[numbers[0]].ground.wheel, scenes[numbers[0]].now
        told = likely([person for _, person in known], wheel, now=now)
        for (number, _), each in zip(known, told, strict=True):
            found[number] = scenes[number]._replace(likely=each)
    return found


def _known(at: Scene) -> Person | None:
    """Whom something may be foretold of."""
    profile, zone = at.known.profile, at.zone
    if profile is None or zone is None or not at.known.consents.granted(Purpose.HABITS):
        return None
    quiet = (*at.ground.brand.policy.quiet_hours, *at.known.preferences.quiet_hours)
    return Person(profile, zone, quiet)


def _likely(at: Scene) -> Likely:
    if at.likely is not None:
        return at.likely
    person = _known(at)
    return likely([person], at.ground.wheel, now=at.now)[0] if person else Likely()


class _Spot(NamedTuple):
    """What all offers about one store share. `astray`: the moment is at another store."""

    store: Store | None
    distance_m: float | None
    open: bool | None
    sky: Sky | None
    regular: str | None
    left: int | None
    astray: bool
    gone: bool = False  # the offer names stores, and there is none of them


class _View:
    """One person's view of the offers. Remembers what is seen of a store: many offers are about the same one."""

    def __init__(self, at: Scene, here: tuple[str | None, int | None]) -> None:
        self._at = at
        self._here = here
        self._position = _fresh_position(at)
        self._spots: dict[tuple[str, ...], _Spot] = {}
        self._kind_caps = at.ground.brand.policy.caps.kinds
        self._said: dict[str, list[Sent]] = {}
        for sent in at.known.sent:
            self._said.setdefault(sent.offer_id, []).append(sent)
        self._surroundings = _surroundings(at)
        self._tastes = _choices(at)

    def candidate(self, offer: Offer) -> Candidate:
        at, body, id_ = self._at, offer.body, offer.id
        own = self._surroundings.of(offer)
        spot = self._at_home(own, body.stores) if own else self._spot(body.stores)
        said = self._said.get(id_)
        cap = self._kind_caps.get(body.kind) if self._kind_caps else None
        return Candidate(
            offer_id=id_,
            revision=offer.revision,
            store_id=spot.store.id if spot.store else None,
            distance_m=spot.distance_m,
            elsewhere=spot.gone or (spot.astray and not _asks_for_a_distance(offer)),
            place=own.nearby if own else None,
            hours_hold=_hours_hold(at, offer, spot.store),
            store_open=spot.open,
            sky=spot.sky,
            left=_left(offer, at.ground.sold),
            last_sent_at=_last(said) if said else None,
            said_in_daypart=self._said_now(said) if said else False,
            refused=id_ in at.known.refused,
            regular=spot.regular,
            taste=self._tastes.word(body.about),
            kind_left=self._spare(cap, lambda sent: sent.kind == body.kind),
            store_left=spot.left,
        )

    def _spare(self, cap: Cap | None, counts: Callable[[Sent], bool]) -> int | None:
        """How many more of such pushes a cap allows on this local day and within these seven days."""
        if cap is None or (cap.per_day is None and cap.per_week is None):
            return None
        at = self._at
        sent = [each for each in at.known.sent if each.seen and counts(each)]
        today = sum(each.local_date == self._here[0] for each in sent)
        week = sum(each.at > at.now - _WEEK for each in sent)
        spans = ((cap.per_day, today), (cap.per_week, week))
        return max(0, min(most - had for most, had in spans if most is not None))

    def _spot(self, names: tuple[str, ...]) -> _Spot:
        """The store that an offer valid at these is about, as it is for this person."""
        found = self._spots.get(names)
        if found is None:
            store = _store(self._at, self._at.premises.named(names), self._position)
            found = self._spots[names] = self._seen(store, names, ahead=False)
        return found

    def _at_home(self, own: Own, names: tuple[str, ...]) -> _Spot:
        return self._seen(_store(self._at, own.stores, own.centre), names, ahead=True)

    def _seen(self, store: Store | None, names: tuple[str, ...], *, ahead: bool) -> _Spot:
        at, distance_m = self._at, self._distance(store)
        here, id_ = at.moment.store_id, store.id if store else None
        return _Spot(
            store,
            distance_m,
            open=self._is_open(store, distance_m, ahead=ahead),
            sky=_sky(at, store) if at.ground.skies else None,
            regular=_regular(at, store),
            left=self._spare(
                at.ground.brand.policy.caps.per_store if store else None,
                lambda sent: sent.store_id == id_,
            ),
            astray=here is not None and id_ != here,
            gone=bool(names) and not at.premises.named(names),
        )

    def _distance(self, store: Store | None) -> float | None:
        if store is None or self._position is None:
            return None
        return self._at.premises.distance(store, self._position)

    def _said_now(self, said: Sequence[Sent]) -> bool:
        return any((sent.local_date, sent.daypart) == self._here for sent in said)

    def _is_open(
        self, store: Store | None, distance_m: float | None, *, ahead: bool
    ) -> bool | None:
        """Whether the store is open on arrival; `ahead`: or opens within three hours, for what is ordered before."""
        if store is None or not store.opening_hours:
            return None
        arrival, is_open = _arrival(self._at, distance_m), self._at.premises.is_open
        hours = range(1 + ahead * _ORDERED_AHEAD_H)
        seen = [is_open(store, arrival + timedelta(hours=hour)) for hour in hours]
        return next((found for found in seen if found is not False), False)


def _asks_for_a_distance(offer: Offer) -> bool:
    """A moment at a store is for the offers valid there, or for those that ask for a distance of their own."""
    place = offer.body.when.place
    return place is not None and place.within_m is not None


def _surroundings(at: Scene) -> Surroundings:
    """Only what both consents permit; the store of an offer for a place is found from there, wherever the person is."""
    allowed = all(map(at.known.consents.granted, (Purpose.LOCATION, Purpose.HABITS)))
    today = at.now.astimezone(at.zone).date()
    return Surroundings(at.known.places if allowed else None, on=today, premises=at.premises)


def _fresh_position(at: Scene) -> LatLon | None:
    there = at.known.whereabouts
    if there is None or there.occurred_at < at.now - POSITION_FRESH:
        return None
    return there.position


def _store(at: Scene, mine: Sequence[Store], position: LatLon | None) -> Store | None:
    """The store an offer would be about: the moment's, else the nearest that will be open, else the usual or only one."""
    for wanted in (at.moment.store_id, None if position else at.known.usual_store_id):
        if found := next((store for store in mine if store.id == wanted), None):
            return found
    if position is None:
        return mine[0] if len(mine) == 1 else None
    near = at.premises.nearest(mine, position)
    arrival = _arrival(at, None)
    awake = (store for store in near if at.premises.is_open(store, arrival) is not False)
    return next(awake, near[0] if near else None)


def _arrival(at: Scene, distance_m: float | None) -> datetime:
    """When the person would be at the store: after a walk, or at the window that a habit foretells."""
    walk = min(_LONGEST_WALK, timedelta(seconds=(distance_m or 0.0) / _WALK_MPS))
    if at.slot:
        return at.slot.starts_at
    if at.moment.cause is Cause.HABIT:
        return max(at.now + walk, at.moment.due_at + LEAD)
    return at.now + walk


def _hours_hold(at: Scene, offer: Offer, store: Store | None) -> bool | None:
    """Whether the offer's own hours hold now, by the clock of its store, else of the person."""
    expression = offer.body.when.hours
    if expression is None:
        return None
    if store:
        return at.premises.hold(store, expression, at.now)
    return bool(at.zone) and OpeningTimes(expression, zone=str(at.zone)).is_open(at.now)


def _sky(at: Scene, store: Store | None) -> Sky | None:
    if store is None:
        return None
    cell = Cell.at(latitude=store.latitude, longitude=store.longitude)
    return Sky.of(at.ground.skies.get(cell.key))


def _choices(at: Scene) -> Choices:
    allowed = at.known.profile and at.known.consents.granted(Purpose.HABITS)
    return Choices(at.known.profile.tastes if at.known.profile and allowed else Tastes())


def _regular(at: Scene, store: Store | None) -> str | None:
    """How often they came to this store, in words."""
    if at.regular is None or store is None:
        return None
    times = at.regular.get(store.id, 0)
    return "never" if not times else "once or twice" if times < _OFTEN else "often"


def _last(said: Sequence[Sent]) -> datetime | None:
    return max((sent.at for sent in said if sent.seen), default=None)


def _left(offer: Offer, of_offers: Mapping[str, Sold]) -> int | None:
    limits = offer.body.limits
    if limits == _UNLIMITED:
        return None
    sold = of_offers.get(offer.id, Sold())
    left = [
        limit - spent
        for limit, spent in (
            (limits.total, sold.in_all),
            (limits.stock, sold.in_all),
            (limits.per_day, sold.today),
            (limits.pledges(offer.body.value.discount), sold.pledged),
        )
        if limit is not None
    ]
    return max(0, min(left)) if left else None
