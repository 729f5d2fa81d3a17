"""What a decision is told: which store an offer is about, how far, whether it will be open, what is left."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from domain.context import Candidate, Context, Ground, Known, Reach, Sent, Sold, Whereabouts
from domain.decisions import Cause, Moment
from domain.holdout import NEVER, Member
from domain.offers import Limits, Offer, OfferKind, PlaceCondition, When
from domain.people import Consent, Consents, Customer, Mode, Preferences, Purpose
from domain.places import LatLon, Store
from domain.policy import Brand, Cap, Caps
from scheduler.context import build
from scheduler.context.premises import Premises
from tests.unit.scheduler.context.test_rhythm import regular
from tests.unit.scheduler.decide.makers import PLAIN, offer

NOON = datetime(2026, 5, 6, 9, 0, tzinfo=UTC)  # a Wednesday, noon in Helsinki
HERE = LatLon(latitude=60.18, longitude=24.95)
METRE = 1 / 111_400  # of latitude


def store(name: str, *, north_m: float = 0.0, hours: str | None = None) -> Store:
    return Store(
        id=f"id-{name}",
        brand_id="brand",
        external_id=name,
        name=name,
        latitude=HERE.latitude + north_m * METRE,
        longitude=HERE.longitude,
        time_zone="Europe/Helsinki",
        opening_hours=hours,
    )


def at_here(**ago: float) -> Whereabouts:
    return Whereabouts(position=HERE, occurred_at=NOON - timedelta(**ago))


def known(**more: Any) -> Known:
    customer = Customer(id="person", brand_id="brand", mode=Mode.LIVE)
    return Known(customer=customer, reach=Reach.REACHABLE, **more)


def context(
    *offers: Offer,
    stores: tuple[Store, ...] = (),
    person: Known | None = None,
    sold: dict[str, Sold] | None = None,
    caps: Caps = PLAIN.caps,
    **moment: Any,
) -> Context:
    policy = msgspec.structs.replace(PLAIN, caps=caps)
    brand = Brand(
        id="brand", slug="soup", name="Soup", time_zone="UTC", signing_secret="-", policy=policy
    )
    plain = Moment(
        id="moment",
        brand_id="brand",
        mode=Mode.LIVE,
        customer_id="person",
        cause=Cause.ENTER,
        key="visit",
        due_at=NOON,
        expires_at=NOON + timedelta(minutes=10),
    )
    ground = Ground(brand=brand, offers=offers, stores=stores, sold=sold or {})
    return build.context(
        build.scene(
            msgspec.structs.replace(plain, **moment),
            person or known(),
            ground,
            Premises(stores),
            now=NOON,
        )
    )


def candidate(said: Offer, **more: Any) -> Candidate:
    return context(said, **more).candidates[0]


NEAR, MIDDLE, FAR = (
    store("near", north_m=100),
    store("middle", north_m=300),
    store("far", north_m=900),
)
TOWN = (FAR, NEAR, MIDDLE)


def test_an_offer_is_about_the_store_of_the_moment() -> None:
    found = candidate(offer(), stores=TOWN, person=known(whereabouts=at_here()), store_id="id-far")
    assert found.store_id == "id-far"
    assert found.distance_m == pytest.approx(900, abs=3)


def test_without_one_it_is_about_the_nearest_of_its_stores() -> None:
    person = known(whereabouts=at_here())
    assert candidate(offer(), stores=TOWN, person=person).store_id == "id-near"
    two = offer(stores=("far", "middle", "gone"))
    assert candidate(two, stores=TOWN, person=person).store_id == "id-middle"


def test_a_closed_store_gives_way_to_the_next_nearest() -> None:
    closed = store("near", north_m=100, hours="Mo-Fr 18:00-20:00")
    person = known(whereabouts=at_here())
    assert candidate(offer(), stores=(closed, MIDDLE), person=person).store_id == "id-middle"
    alone = candidate(offer(), stores=(closed,), person=person)
    assert (alone.store_id, alone.store_open) == ("id-near", False)


def test_without_a_fresh_position_the_usual_store_or_the_only_one_counts() -> None:
    person = known(whereabouts=at_here(minutes=61), usual_store_id="id-far")
    found = candidate(offer(), stores=TOWN, person=person)
    assert (found.store_id, found.distance_m) == ("id-far", None)
    assert candidate(offer(stores=("near",)), stores=TOWN, person=person).store_id == "id-near"
    assert candidate(offer(), stores=TOWN).store_id is None


@pytest.mark.parametrize(
    ("said", "elsewhere"),
    [
        (offer(stores=("near",)), False),
        (offer(), False),
        (offer(stores=("far",)), True),
        (offer(stores=("gone",)), True),
        (offer(stores=("far",), when=When(place=PlaceCondition(within_m=50))), False),
        (offer(stores=("gone",), when=When(place=PlaceCondition(within_m=50))), True),
    ],
    ids=range(6),
)
def test_a_moment_at_a_store_is_not_for_the_offers_of_others(said: Offer, elsewhere: bool) -> None:
    person = known(whereabouts=at_here())
    found = candidate(said, stores=TOWN, person=person, store_id="id-near")
    assert found.elsewhere is elsewhere


@pytest.mark.parametrize(
    ("hours", "cause", "north_m", "open_"),
    [
        (None, Cause.ENTER, 0, None),
        ("Mo-Fr 12:00-20:00", Cause.ENTER, 0, True),
        ("Mo-Fr 12:01-20:00", Cause.ENTER, 0, False),
        ("Mo-Fr 12:05-20:00", Cause.ENTER, 400, True),  # after a walk of five minutes
        ("Mo-Fr 10:00-12:10", Cause.ENTER, 0, False),  # it closes too soon
        (
            "Mo-Fr 12:45-20:00",
            Cause.HABIT,
            0,
            True,
        ),  # the window begins three quarters of an hour on
        ("Mo-Fr 12:46-20:00", Cause.HABIT, 0, False),
        ("Mo-Fr 12:30-20:00", Cause.ENTER, 90_000, True),  # nobody walks longer than half an hour
    ],
    ids=range(8),
)
def test_a_store_is_open_if_it_is_at_the_arrival(
    hours: str | None, cause: Cause, north_m: float, open_: bool | None
) -> None:
    place = store("soup", north_m=north_m, hours=hours)
    person = known(whereabouts=at_here())
    assert candidate(offer(), stores=(place,), person=person, cause=cause).store_open is open_


@pytest.mark.parametrize(
    ("limits", "sold", "left"),
    [
        (Limits(), (50, 50), None),
        (Limits(total=10), (7, 2), 3),
        (Limits(total=10, stock=8), (7, 2), 1),
        (Limits(total=10, per_day=2), (7, 2), 0),
        (Limits(total=5), (7, 2), 0),
        (Limits(total=10, budget=4.0), (7, 2, 3), 1),
        (Limits(total=10, budget=3.9), (7, 2, 3), 0),
    ],
    ids=range(7),
)
def test_the_tightest_limit_says_what_is_left(
    limits: Limits, sold: tuple[int, ...], left: int | None
) -> None:
    said = offer(limits=limits, discount=1.0)
    assert candidate(said, sold={said.id: Sold(*sold)}).left == left


def test_what_was_said_before_counts_by_local_date_and_part_of_the_day() -> None:
    said = offer()
    earlier = Sent(
        offer_id=said.id, at=NOON - timedelta(hours=1), local_date="2026-05-06", daypart=4
    )
    lost = msgspec.structs.replace(earlier, seen=False)
    person = known(zones=("Europe/Helsinki",), sent=(earlier,))
    found = candidate(said, person=person)
    assert (found.said_in_daypart, found.last_sent_at) == (True, earlier.at)
    found = candidate(said, person=known(zones=("Europe/Helsinki",), sent=(lost,)))
    assert (found.said_in_daypart, found.last_sent_at) == (True, None)
    assert candidate(offer("cake"), person=person).said_in_daypart is False
    assert context(person=person).sent_at == (earlier.at,)
    assert context(person=known(zones=("Europe/Helsinki",), sent=(lost,))).sent_at == ()


@pytest.mark.parametrize(
    ("phones", "written", "zone", "daypart"),
    [
        (("Asia/Tokyo", "Europe/Helsinki"), "Europe/Berlin", "Asia/Tokyo", 6),
        (("Mars/Base",), "Europe/Helsinki", "Europe/Helsinki", 4),
        ((), None, "UTC", 3),
    ],
)
def test_the_clock_is_the_newest_phones_else_as_written_else_the_brands(
    phones: tuple[str, ...], written: str | None, zone: str, daypart: int
) -> None:
    person = known(zones=phones)
    customer = msgspec.structs.replace(person.customer, time_zone=written)
    found = context(person=msgspec.structs.replace(person, customer=customer))
    assert (found.zone, found.daypart) == (zone, daypart)


def test_a_rhythm_counts_with_consent_only() -> None:
    profile = msgspec.structs.replace(regular(8), rate=5.0)
    granted = Consent(purpose=Purpose.HABITS, granted=True, entry_id="entry", since=NOON)
    refused = msgspec.structs.replace(granted, granted=False)
    allowed = known(profile=profile, consents=Consents(of={Purpose.HABITS: granted}))
    assert context(person=allowed).likely.p_visit > 0
    assert context(person=allowed).permits == {Purpose.HABITS: "entry"}
    forbidden = known(profile=profile, consents=Consents(of={Purpose.HABITS: refused}))
    assert context(person=forbidden).likely.p_visit == 0
    assert context(person=forbidden).permits == {}


def test_traits_and_interests_of_brand_and_person_count_together() -> None:
    person = known(preferences=Preferences(traits=("vegan",), interests=("soup",)))
    customer = msgspec.structs.replace(person.customer, traits=("tall",), interests=("cake",))
    found = context(person=msgspec.structs.replace(person, customer=customer))
    assert (found.traits, found.interests) == (("tall", "vegan"), ("cake", "soup"))


def test_where_a_person_stands_in_the_holdout_is_their_own_for_good() -> None:
    assert context().draw == NEVER  # who takes no part is never held out
    assert context(person=known(member=Member(draw=0.25))).draw == 0.25


def sent(**more: Any) -> Sent:
    day = more.pop("days", 0)
    at = NOON - timedelta(days=day, hours=1)
    return Sent(offer_id="other", at=at, local_date=at.date().isoformat(), daypart=3, **more)


WIN_BACK = OfferKind.WIN_BACK


@pytest.mark.parametrize(
    ("cap", "earlier", "left"),
    [
        pytest.param(Cap(), [sent(kind=WIN_BACK)], None, id="a cap without a number is none"),
        pytest.param(Cap(per_day=1), [], 1, id="nothing yet"),
        pytest.param(Cap(per_day=1), [sent(kind=WIN_BACK)], 0, id="today's is used"),
        pytest.param(Cap(per_day=1), [sent(kind=WIN_BACK, days=1)], 1, id="yesterday's is over"),
        pytest.param(Cap(per_week=2), [sent(kind=WIN_BACK, days=3)] * 3, 0, id="never below none"),
        pytest.param(Cap(per_week=2), [sent(kind=WIN_BACK, days=7)], 2, id="a week ago"),
        pytest.param(
            Cap(per_day=2, per_week=3), [sent(kind=WIN_BACK, days=n) for n in (0, 1)], 1, id="both"
        ),
        pytest.param(Cap(per_day=1), [sent(kind=OfferKind.SLOT)], 1, id="of another kind"),
        pytest.param(Cap(per_day=1), [sent(kind=WIN_BACK, seen=False)], 1, id="never seen"),
    ],
)
def test_a_cap_on_a_kind_counts_what_was_seen_of_it(
    cap: Cap, earlier: list[Sent], left: int | None
) -> None:
    said = offer(kind=WIN_BACK)
    person = known(sent=tuple(earlier))
    found = context(said, person=person, caps=Caps(kinds={WIN_BACK: cap})).candidates[0]
    assert (found.kind_left, found.store_left) == (left, None)


def test_a_cap_per_store_counts_pushes_about_that_store() -> None:
    person = known(
        sent=(sent(store_id="id-near"), sent(store_id="id-far"), sent()), whereabouts=at_here()
    )
    caps = Caps(per_store=Cap(per_week=2))
    found = context(offer(), stores=TOWN, person=person, caps=caps).candidates[0]
    assert (found.store_id, found.store_left, found.kind_left) == ("id-near", 1, None)
    nowhere = context(offer(), person=person, caps=caps).candidates[0]
    assert nowhere.store_left is None
