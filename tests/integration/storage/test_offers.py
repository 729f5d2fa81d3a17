"""Offers and their counters, on both databases."""

import threading
from datetime import timedelta

import msgspec
import pytest
import sqlalchemy as sa

from domain.clock import ManualClock
from domain.context import Sold
from domain.errors import Invalid, NotFound, Stale
from domain.offers import Offer, OfferBody
from domain.people import Mode
from storage import brands, contexts, offers
from storage.engine import Database
from storage.models import OfferRevisionRow

DAY = "2026-05-06"
ALL_LIMITS = {"total": 9, "stock": 5, "per_day": 3}


@pytest.fixture
def brand_id(database: Database, clock: ManualClock) -> str:
    return database.write(
        lambda tx: brands.create(
            tx, slug="soup", name="Soup", time_zone="Europe/Helsinki", now=clock.now()
        )
    ).id


def _body(**more: object) -> OfferBody:
    given = {"kind": "discount", "title": {"en": "Soup"}, "body": {"en": "Hot."}, **more}
    return msgspec.convert(given, OfferBody)


def _put(
    database: Database, clock: ManualClock, brand_id: str, name: str = "soup", **more: object
) -> Offer:
    offer, _ = database.write(
        lambda tx: offers.put(
            tx, brand_id=brand_id, external_id=name, body=_body(**more), now=clock.now()
        )
    )
    return offer


def _sold(database: Database, offer: Offer, day: str = DAY) -> tuple[int, int]:
    return _counted(database, offer, day)[:2]


def _counted(database: Database, offer: Offer, day: str = DAY, mode: Mode = Mode.LIVE) -> Sold:
    with database.read() as tx:
        return contexts.sold(tx, [offer.id], mode=mode, day=day).get(offer.id, Sold())


def _reserve(database: Database, offer: Offer, day: str = DAY, mode: Mode = Mode.LIVE) -> bool:
    return database.write(lambda tx: offers.reserve(tx, offer, mode=mode, day=day) == 1)


def test_an_offer_comes_back_as_it_was_saved(
    database: Database, clock: ManualClock, brand_id: str
) -> None:
    life = {"starts_at": clock.now(), "ends_at": clock.now() + timedelta(days=1)}
    saved = _put(
        database, clock, brand_id, life=life, when={"weather": {"any": ["rain"]}}, limits=ALL_LIMITS
    )
    with database.read() as tx:
        assert offers.get(tx, brand_id=brand_id, external_id="soup") == saved
        assert offers.active(tx, brand_id) == [saved]


def test_every_revision_stays_and_a_deleted_offer_revives(
    database: Database, clock: ManualClock, brand_id: str
) -> None:
    first = _put(database, clock, brand_id)
    second = _put(database, clock, brand_id, active=False)
    database.write(
        lambda tx: offers.delete(tx, brand_id=brand_id, external_id="soup", now=clock.now())
    )
    with database.read() as tx:
        assert offers.page(tx, brand_id=brand_id, after=None, limit=9) == []
        with pytest.raises(NotFound):
            offers.get(tx, brand_id=brand_id, external_id="soup")
    third, created = database.write(
        lambda tx: offers.put(
            tx, brand_id=brand_id, external_id="soup", body=_body(), now=clock.now()
        )
    )
    assert (third.id, third.revision, created) == (first.id, 3, True)
    with database.read() as tx:
        assert offers.as_of(tx, first.id, 2) == second
        assert offers.as_of(tx, first.id, 9) is None
        rows = tx.execute(sa.select(OfferRevisionRow.revision)).scalars()
        assert sorted(rows) == [1, 2, 3]


def test_a_stale_change_is_refused_and_a_deleted_offer_is_always_stale(
    database: Database, clock: ManualClock, brand_id: str
) -> None:
    _put(database, clock, brand_id)
    _put(database, clock, brand_id)

    def change(expected: int) -> None:
        database.write(
            lambda tx: offers.put(
                tx,
                brand_id=brand_id,
                external_id="soup",
                body=_body(),
                now=clock.now(),
                expected=expected,
            )
        )

    with pytest.raises(Stale):
        change(1)
    change(2)
    database.write(
        lambda tx: offers.delete(tx, brand_id=brand_id, external_id="soup", now=clock.now())
    )
    with pytest.raises(Stale):
        change(3)


def test_only_what_is_switched_on_and_still_alive_is_active(
    database: Database, clock: ManualClock, brand_id: str
) -> None:
    now = clock.now()
    _put(database, clock, brand_id, "off", active=False)
    _put(database, clock, brand_id, "ended", life={"ends_at": now})
    _put(database, clock, brand_id, "ends", life={"ends_at": now + timedelta(seconds=1)})
    _put(database, clock, brand_id, "begins", life={"starts_at": now + timedelta(days=9)})
    with database.read() as tx:
        alive = [offer.external_id for offer in offers.active(tx, brand_id, now)]
        on = [offer.external_id for offer in offers.active(tx, brand_id)]
    assert alive == ["ends", "begins"]
    assert on == ["ended", "ends", "begins"]


def test_a_store_that_there_is_not_is_named(
    database: Database, clock: ManualClock, brand_id: str
) -> None:
    with pytest.raises(Invalid) as refused:
        _put(database, clock, brand_id, stores=["kallio"])
    assert [fault.pointer for fault in refused.value.faults] == ["/stores/0"]


@pytest.mark.parametrize(
    ("limits", "times"),
    [
        ({}, 7),
        ({"total": 3}, 3),
        ({"stock": 2, "total": 3}, 2),
        ({"per_day": 4}, 4),
        (ALL_LIMITS, 3),
        ({"total": 0}, 0),
        ({"per_day": 0}, 0),
    ],
)
def test_a_limit_is_reached_and_not_passed(
    database: Database, clock: ManualClock, brand_id: str, limits: dict[str, int], times: int
) -> None:
    offer = _put(database, clock, brand_id, limits=limits)
    reserved = [_reserve(database, offer) for _ in range(7)]
    assert reserved == [True] * times + [False] * (7 - times)
    assert _sold(database, offer) == (times, times)


def test_days_and_modes_are_counted_apart_and_all_together(
    database: Database, clock: ManualClock, brand_id: str
) -> None:
    offer = _put(database, clock, brand_id, limits={"per_day": 2, "total": 3})
    assert [_reserve(database, offer) for _ in range(3)] == [True, True, False]
    assert _reserve(database, offer, mode=Mode.TEST)
    assert [_reserve(database, offer, "2026-05-07") for _ in range(2)] == [True, False]
    assert _sold(database, offer) == (3, 2)
    assert _sold(database, offer, "2026-05-07") == (3, 1)


def test_what_is_rolled_back_is_not_counted(
    database: Database, clock: ManualClock, brand_id: str
) -> None:
    offer = _put(database, clock, brand_id, limits={"total": 1})

    def reserve_and_fail(tx: sa.Connection) -> None:
        assert offers.reserve(tx, offer, mode=Mode.LIVE, day=DAY)
        raise LookupError("no")

    with pytest.raises(LookupError):
        database.write(reserve_and_fail)
    assert _sold(database, offer) == (0, 0)
    assert _reserve(database, offer)


def test_many_at_once_never_pass_a_limit(
    database: Database, clock: ManualClock, brand_id: str
) -> None:
    offer = _put(database, clock, brand_id, limits={"total": 40, "per_day": 25})
    reserved: list[bool] = []

    def send(day: str) -> None:
        reserved.extend(_reserve(database, offer, day) for _ in range(10))

    days = [DAY] * 4 + ["2026-05-07"] * 4
    threads = [threading.Thread(target=send, args=(day,)) for day in days]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(reserved) == 40
    (in_all, first), (_, second) = _sold(database, offer), _sold(database, offer, "2026-05-07")
    assert in_all == first + second == 40
    assert max(first, second) <= 25


def test_a_budget_pays_for_so_many_discounts_on_any_day(
    database: Database, clock: ManualClock, brand_id: str
) -> None:
    value = {"margin": 6.0, "discount": 1.5}
    offer = _put(database, clock, brand_id, value=value, limits={"budget": 4.6})
    days = [f"2026-05-0{n}" for n in range(1, 6)]
    assert [_reserve(database, offer, day) for day in days] == [True] * 3 + [False] * 2
    assert _counted(database, offer, days[0]) == Sold(in_all=3, today=1, pledged=3)
    database.write(lambda tx: offers.release(tx, offer, mode=Mode.LIVE, day=days[0]))
    assert _counted(database, offer, days[0]) == Sold(in_all=2, today=0, pledged=2)
    assert _reserve(database, offer, days[0])


def test_a_budget_means_nothing_to_test_customers_or_without_a_discount(
    database: Database, clock: ManualClock, brand_id: str
) -> None:
    value = {"margin": 6.0, "discount": 1.5}
    paid = _put(database, clock, brand_id, value=value, limits={"budget": 0.0})
    free = _put(database, clock, brand_id, "news", limits={"budget": 0.0})
    assert not _reserve(database, paid)
    assert _reserve(database, paid, mode=Mode.TEST)
    assert _counted(database, paid, mode=Mode.TEST).pledged == 0
    assert _reserve(database, free)
