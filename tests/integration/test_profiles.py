"""What events teach of a person, what follows from it, and that a withdrawal leaves nothing of it."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from domain.access import CredentialKind, Principal
from domain.clock import ManualClock
from domain.decisions import Cause, Moment, Outcome
from domain.events import Event, LineItem
from domain.ids import new_id
from domain.items import Item
from domain.offers import Audience, OfferKind, OfferValue
from domain.people import (
    Customer,
    Device,
    Mode,
    Occasion,
    Preferences,
    Profile,
    Purpose,
    QuietHours,
)
from scheduler import events, loading
from scheduler.profiles import refresh
from scheduler.telling.sentences import Audience as Reader
from scheduler.telling.sentences import Voice
from service import known
from storage import customers, items, profiles, stores, tastes, visits
from storage.engine import Database, Transaction
from storage.models import BrandTastesRow, MessageRow, ProfileRow
from tests.integration.stage import OPEN, Stage
from tests.words import to_the_brand

ALL = (Purpose.PUSH, Purpose.HABITS, Purpose.PURCHASES)
MENU = {"soup": (), "bean-curry": ("vegan",), "steak": ("meat",), "burger": ("meat",)}


class Shop(Stage):
    """A restaurant with a menu, whose backend reports orders. It opens on a Wednesday at noon, Helsinki time."""

    def __init__(self, database: Database, clock: ManualClock) -> None:
        super().__init__(database, clock)
        self.write(self._add_menu)
        self.backend = Principal(
            kind=CredentialKind.SECRET,
            brand_id=self.brand.id,
            mode=Mode.LIVE,
            credential_id=new_id(),
        )

    def _add_menu(self, tx: Transaction) -> None:
        for sku, tags in MENU.items():
            item = Item(
                id="",
                brand_id=self.brand.id,
                sku=sku,
                name=sku.title(),
                category="mains",
                tags=tags,
            )
            items.put(tx, item, now=self.clock.now())

    def guest(self, name: str, *granted: Purpose) -> Device:
        return self.device(name, *(granted or ALL))

    def report(self, *given: Event) -> None:
        receipt = self.write(lambda tx: events.take(tx, self.backend, given, now=self.clock.now()))
        assert receipt.accepted == len(given), receipt

    def event(
        self, name: str, kind: str = "order", *skus: str, at: datetime | None = None, **more: Any
    ) -> Event:
        lines = tuple(LineItem(sku=sku) for sku in skus)
        at = at or self.clock.now()
        return Event(
            event_id=new_id(), type=kind, occurred_at=at, customer=name, items=lines, **more
        )

    def crowd(self) -> None:
        """Thirty others order in turn what is on the menu."""
        names = [f"other-{n}" for n in range(5)]
        for name in names:
            self.guest(name)
        self.report(*(self.event(names[n % 5], "order", [*MENU][n % 4]) for n in range(30)))

    def profile(self, device: Device) -> Profile:
        with self.database.read() as tx:
            return profiles.get(tx, device.customer_id)

    def facts(self, name: str) -> dict[str, str]:
        with self.database.read() as tx:
            who = customers.get(tx, brand_id=self.brand.id, mode=Mode.LIVE, external_id=name)
            told = known.to_the_brand(tx, who, Voice(Reader.MARKETER), now=self.clock.now())
        return {fact["topic"]: fact["sentence"] for fact in told["facts"]} if told else {}

    def expected_at(self, device: Device, at: datetime) -> str | None:
        """The name of the store at which a habit moment at this time would find the person."""
        moment = self.moment(device, Cause.HABIT)
        with self.database.read() as tx:
            [scene] = loading.scenes(tx, [moment], now=at, weather_max_age=timedelta(hours=1))
        names = {store.id: store.external_id for store in scene.ground.stores}
        return names.get(scene.known.usual_store_id or "")

    def ahead(self, device: Device) -> dict[Cause, datetime]:
        rows = [row for row in self.open_moments() if row.customer_id == device.customer_id]
        assert len({row.cause for row in rows}) == len(rows)
        return {Cause(row.cause): row.due_at for row in rows}

    def orders(self, name: str, *skus: str) -> None:
        """One order a day."""
        start = self.clock.now()
        self.clock.advance(days=len(skus))
        days = [start + timedelta(days=n) for n in range(len(skus))]
        self.report(
            *(self.event(name, "order", sku, at=at) for sku, at in zip(skus, days, strict=True))
        )


@pytest.fixture
def shop(database: Database, clock: ManualClock) -> Shop:
    return Shop(database, clock)


@pytest.fixture
def small(sqlite_database: Database, clock: ManualClock) -> Shop:
    return Shop(sqlite_database, clock)


def test_who_never_takes_meat_is_known_as_a_vegetarian_and_spared_its_offers(shop: Shop) -> None:
    shop.rule(OPEN)
    shop.crowd()
    anna = shop.guest("anna", *ALL, Purpose.LOCATION)
    shop.orders("anna", *["soup", "bean-curry"] * 6)
    assert shop.facts("anna")["trait"] == (
        "takes neither meat nor fish, where others often do: 12 orders in a row on 12 days, certain"
    )
    shop.offer(
        "steak-night",
        audience=Audience(traits_none=("vegetarian",)),
        value=OfferValue(margin=6.0),  # worth saying even to who comes anyway
    )
    assert shop.codes(shop.enter(anna))[1:] == ["audience"]
    wish = Preferences(traits=("not_vegetarian",))
    shop.write(lambda tx: customers.save_preferences(tx, anna.customer_id, wish))
    assert shop.decide(shop.enter(anna)).outcome is Outcome.SEND
    assert "trait" not in shop.facts("anna")


def test_a_withdrawal_takes_back_what_reasons_said_of_a_trait(small: Shop) -> None:
    small.rule(OPEN)
    small.crowd()
    anna = small.guest("anna", *ALL, Purpose.LOCATION)
    small.orders("anna", *["soup"] * 12)
    small.offer("steak-night", audience=Audience(traits_none=("vegetarian",)))
    moment = small.enter(anna)
    assert "vegetarian" in to_the_brand(small.decide(moment).reasons[1]).text
    small.say(anna.customer_id, Purpose.HABITS, granted=False)
    [_, reason] = small.decision(moment).reasons
    assert (reason.code, reason.args) == ("audience", {})
    assert to_the_brand(reason).text == "It is not for this person."


def test_one_steak_ends_what_was_inferred(small: Shop) -> None:
    small.crowd()
    small.guest("anna")
    small.orders("anna", *["soup"] * 12, "steak")
    assert "trait" not in small.facts("anna")


def test_what_somebody_usually_takes_is_told_with_true_counts(small: Shop) -> None:
    small.crowd()
    small.guest("anna")
    small.orders("anna", *["soup"] * 14, "steak")
    assert small.facts("anna")["item"] == "usually takes Soup: 14 of 15 orders, likely"


def test_a_batch_of_history_teaches_as_much_as_single_events(small: Shop) -> None:
    one, many = small.guest("one"), small.guest("many")
    start = small.clock.now() - timedelta(days=40)
    days = [start + timedelta(days=n) for n in range(30)]
    for at in days:
        small.report(small.event("one", "order", "soup", at=at))
    small.report(*(small.event("many", "order", "soup", at=at) for at in reversed(days)))
    assert small.profile(many).tastes == small.profile(one).tastes
    assert small.profile(many).visits == 30


def test_without_consent_to_habits_nothing_is_built(shop: Shop) -> None:
    shop.guest("anna", Purpose.PURCHASES)
    shop.report(
        shop.event("anna", "order", "soup"),
        shop.event("anna", "reservation", service="haircut"),
        shop.event("anna", "opened"),
    )
    with shop.database.read() as tx:
        assert tx.execute(sa.select(ProfileRow.customer_id)).all() == []
        assert tx.execute(sa.select(BrandTastesRow.brand_id)).all() == []
    assert shop.open_moments() == []


@pytest.mark.parametrize("purpose", [Purpose.HABITS, Purpose.PURCHASES])
def test_a_withdrawal_leaves_nothing_of_it(shop: Shop, purpose: Purpose) -> None:
    anna = shop.guest("anna")
    reserve(shop, "anna", every=28, times=6, kind="birthday")
    shop.orders("anna", *["soup"] * 6)
    assert {Cause.HABIT, Cause.SLIPPING, Cause.OCCASION} <= shop.ahead(anna).keys()
    [entry] = shop.say(anna.customer_id, purpose, granted=False)
    assert entry.receipt
    assert entry.receipt.deleted["profiles"] == 1
    assert entry.receipt.deleted["moments"] >= 3
    assert shop.profile(anna) == Profile()
    assert shop.ahead(anna) == {}
    assert shop.facts("anna") == {}


def reserve(shop: Shop, name: str, *, every: int, times: int, kind: str | None = None) -> None:
    """Reservations of the last months, the newest of them yesterday."""
    last = shop.clock.now() - timedelta(days=1)
    days = [last - timedelta(days=every * n) for n in reversed(range(times))]
    more = {"properties": {"occasion": kind}} if kind else {}
    shop.report(*(shop.event(name, "reservation", at=at, service="haircut", **more) for at in days))


def test_a_cadence_is_seen_ahead_and_falls_with_the_next_reservation(shop: Shop) -> None:
    anna = shop.guest("anna")
    reserve(shop, "anna", every=28, times=6)
    assert shop.facts("anna")["cadence"].startswith("reserves every 4 weeks: 6 reservations")
    due = shop.ahead(anna)[Cause.CADENCE]
    assert (due.date() - shop.clock.now().date()).days == 27 - 5
    booked = {"starts_at": (shop.clock.now() + timedelta(days=27)).isoformat()}
    shop.report(shop.event("anna", "reservation", properties=booked))
    assert Cause.CADENCE not in shop.ahead(anna)
    shop.report(shop.event("anna", "reservation_cancelled", properties=booked))
    assert shop.ahead(anna)[Cause.CADENCE] == due


def test_a_cadence_leads_to_an_occasions_offer(small: Shop) -> None:
    small.offer("your-usual-chair", kind=OfferKind.OCCASION)
    anna = small.guest("anna")
    reserve(small, "anna", every=28, times=6)
    small.clock.set(small.ahead(anna)[Cause.CADENCE])
    [moment] = small.open_moments()
    assert small.decide(moment).outcome is Outcome.SEND
    assert small.ahead(anna)[Cause.CADENCE] == moment.due_at + timedelta(days=28)


def put(shop: Shop, device: Device, *occasions: Occasion, zone: str | None = None) -> None:
    def work(tx: Transaction) -> None:
        who = customers.by_id(tx, device.customer_id)
        wanted = Customer(
            id=who.id,
            brand_id=who.brand_id,
            mode=who.mode,
            external_id=who.external_id,
            occasions=occasions,
            time_zone=zone,
        )
        customers.put(tx, wanted, now=shop.clock.now())
        refresh(tx, [who.id], now=shop.clock.now())

    shop.write(work)


def test_a_declared_day_is_seen_a_week_ahead_every_year(shop: Shop) -> None:
    shop.offer("birthday-cake", kind=OfferKind.OCCASION)
    anna = shop.guest("anna")
    put(shop, anna, Occasion(kind="birthday", date="1990-06-24"))
    due = shop.ahead(anna)[Cause.OCCASION]
    assert (due.year, due.month, due.day) == (2026, 6, 17)
    shop.clock.set(due)
    [moment] = shop.open_moments()
    assert shop.decide(moment).outcome is Outcome.SEND
    again = shop.ahead(anna)[Cause.OCCASION]
    assert (again.year, again.month, again.day) == (2027, 6, 17)
    put(shop, anna)
    assert shop.ahead(anna) == {}


def test_a_day_that_was_declared_too_late_for_its_lead_is_still_seen(small: Shop) -> None:
    anna = small.guest("anna")
    soon = (small.clock.now() + timedelta(days=2)).date()
    put(small, anna, Occasion(kind="birthday", date=soon.isoformat()))
    assert (
        small.clock.now()
        < small.ahead(anna)[Cause.OCCASION]
        < small.clock.now() + timedelta(days=2)
    )


@pytest.mark.parametrize(
    ("zone", "date", "utc"),
    [
        ("Europe/Helsinki", "2027-04-04", "2027-03-28T06:15"),  # the day the clocks go forward
        ("Europe/Helsinki", "2026-11-01", "2026-10-25T07:15"),  # and back
        ("America/New_York", "2027-03-21", "2027-03-14T13:15"),
        ("Asia/Tokyo", "2026-12-31", "2026-12-24T00:15"),
        ("Pacific/Kiritimati", "2026-12-31", "2026-12-23T19:15"),
    ],
)
def test_a_day_ahead_is_met_by_the_persons_own_clock(
    small: Shop, zone: str, date: str, utc: str
) -> None:
    anna = small.guest("anna")
    put(small, anna, Occasion(kind="x", date=date), zone=zone)
    due = small.ahead(anna)[Cause.OCCASION]
    assert due.isoformat().startswith(utc)


def test_hours_of_silence_move_a_day_ahead(small: Shop) -> None:
    anna = small.guest("anna")
    wish = Preferences(quiet_hours=(QuietHours(from_="00:00", to="18:00"),))
    small.write(lambda tx: customers.save_preferences(tx, anna.customer_id, wish))
    put(small, anna, Occasion(kind="x", date="2026-06-24"))
    assert small.ahead(anna)[Cause.OCCASION].hour == 15  # 18:00 in Helsinki


def test_a_regular_who_does_not_come_is_missed_once_and_won_back(shop: Shop) -> None:
    shop.offer("we-miss-you", kind=OfferKind.WIN_BACK)
    anna = shop.guest("anna")
    for _ in range(6):
        shop.report(shop.event("anna", "visit"))
        shop.clock.advance(days=4)
    missed = shop.ahead(anna)[Cause.SLIPPING]
    last = shop.clock.now() - timedelta(days=4)
    assert timedelta(days=10) <= missed - last < timedelta(days=12)
    while Cause.SLIPPING in shop.ahead(anna):
        shop.clock.set(min(shop.ahead(anna).values()))
        shop.engine.tick()
    sent = [each for each in shop.decisions() if each.outcome is Outcome.SEND]
    assert [(each.cause, each.offer) for each in sent] == [(Cause.SLIPPING, "we-miss-you")]
    assert Cause.SLIPPING not in shop.ahead(anna)


def test_who_came_after_all_is_not_missed(small: Shop) -> None:
    anna = small.guest("anna")
    for _ in range(6):
        small.report(small.event("anna", "visit"))
        small.clock.advance(days=4)
    missed = small.ahead(anna)[Cause.SLIPPING]
    small.clock.set(missed + timedelta(minutes=1))
    small.report(small.event("anna", "visit"))
    assert small.ahead(anna)[Cause.SLIPPING] > missed + timedelta(days=7)


def test_what_is_due_at_the_same_time_is_all_decided(small: Shop) -> None:
    anna = small.guest("anna")
    now = small.clock.now()
    due = [small.moment(anna, cause) for cause in (Cause.OCCASION, Cause.HABIT, Cause.SLIPPING)]
    while small.engine.tick():
        pass
    assert {small.decision(each).cause for each in due} == {each.cause for each in due}
    assert small.clock.now() == now


def test_an_occasions_offer_waits_for_an_occasion(small: Shop) -> None:
    small.rule(OPEN)
    small.offer("birthday-cake", kind=OfferKind.OCCASION)
    anna = small.guest("anna", *ALL, Purpose.LOCATION)
    assert small.codes(small.enter(anna))[1:] == ["other_cause"]
    assert small.decide(occasion(small, anna)).outcome is Outcome.SEND


def occasion(shop: Shop, device: Device) -> Moment:
    return shop.moment(device, Cause.OCCASION)


def test_pushes_and_answers_weary(small: Shop) -> None:
    small.offer()
    anna = small.guest("anna", *ALL, Purpose.LOCATION)
    decision = small.decide(small.enter(anna))
    small.write(
        lambda tx: tx.execute(
            sa.update(MessageRow).values(state="sent", finished_at=small.clock.now())
        )
    )
    small.clock.advance(hours=1)
    small.report(small.event("anna", "not_for_me", decision_id=decision.id))
    small.report(small.event("anna", "visit"))
    found = small.profile(anna).fatigue
    assert (found.pushes, found.ignored, found.answer) == (1000, 1, "not_for_me")
    assert [each.what for each in found.kinds] == ["discount"]


def test_a_crowded_brand_is_skipped_and_never_waited_for(
    postgres_database: Database, clock: ManualClock
) -> None:
    shop = Shop(postgres_database, clock)
    anna = shop.guest("anna")
    shop.report(shop.event("anna", "order", "soup"))
    with postgres_database.engine.begin() as other:
        other.execute(sa.select(BrandTastesRow.brand_id).with_for_update())
        shop.report(shop.event("anna", "order", "soup", at=clock.now() + timedelta(minutes=1)))
    assert shop.profile(anna).tastes.orders == 2
    with postgres_database.read() as tx:
        assert tastes.of_brand(tx, shop.brand.id).tastes.orders == 1


def test_a_thousand_people_are_loaded_in_one_statement(small: Shop) -> None:
    people = [new_id() for _ in range(1000)]
    counted: list[str] = []
    with small.database.read() as tx:
        driver: Any = tx.connection.driver_connection
        driver.set_trace_callback(counted.append)
        assert profiles.of_many(tx, people) == {}
        driver.set_trace_callback(None)
    assert len([each for each in counted if "profiles" in each]) == 1


def test_a_batch_takes_as_many_statements_as_one_event(small: Shop) -> None:
    for name in ("anna", "bert", "carl"):
        small.guest(name)
    small.report(small.event("anna", "order", "soup"))
    assert statements(small, "anna") == statements(small, "anna", "bert", "carl")


def statements(shop: Shop, *names: str) -> int:
    counted: list[str] = []

    def note(*given: Any) -> None:
        counted.append(given[2])

    sa.event.listen(shop.database.engine, "before_cursor_execute", note)
    shop.report(*(shop.event(name, "order", "soup") for name in names))
    sa.event.remove(shop.database.engine, "before_cursor_execute", note)
    return len(counted)


def test_where_and_when_somebody_orders_is_learned_apart_and_told(shop: Shop) -> None:
    """Lunch at one store on weekdays; on Fridays an order ahead; on Saturdays the other store."""
    shop.add_store("kamppi")
    anna, noon = shop.guest("anna"), shop.clock.now()
    shop.clock.advance(days=70)
    days = [noon + timedelta(days=n) for n in range(70)]
    history = [
        shop.event("anna", "visit", at=day, store="kallio") for day in days if day.weekday() < 5
    ]
    for day in days:
        if day.weekday() == 4:
            history.append(shop.event("anna", "order", "soup", at=day - timedelta(hours=2)))
        if day.weekday() == 5:
            history.append(shop.event("anna", "visit", at=day, store="kamppi"))
    shop.report(*history)
    found = shop.profile(anna)
    assert len(found.stores.known) == 2
    assert found.orders.wheel.days[4] == pytest.approx(found.orders.wheel.weight)
    told = shop.facts("anna")
    assert told["order"] == "usually orders on Fridays around 10:00: 10 of 10 orders, certain"
    assert told["store"].startswith("usually comes to Kamppi at weekends between 11:00 and 14:00")
    saturday = next(day for day in days if day.weekday() == 5) + timedelta(days=70)
    assert shop.expected_at(anna, saturday - timedelta(hours=1)) == "kamppi"
    assert shop.expected_at(anna, saturday - timedelta(days=1, hours=1)) == "kallio"
    shop.write(lambda tx: stores.delete(tx, brand_id=shop.brand.id, external_id="kamppi"))
    assert shop.expected_at(anna, saturday - timedelta(hours=1)) == "kallio"
    shop.say(anna.customer_id, Purpose.HABITS, granted=False)
    assert shop.profile(anna) == Profile()


def test_before_a_store_was_learned_the_one_of_late_is_usual(small: Shop) -> None:
    anna = small.guest("anna", *ALL, Purpose.LOCATION)
    assert small.expected_at(anna, small.clock.now()) is None
    stay = visits.Visit(
        id=new_id(),
        brand_id=small.brand.id,
        customer_id=anna.customer_id,
        device_id=anna.id,
        geofence_id=new_id(),
        store_id=small.store.id,
        confidence=3,
        entered_at=small.clock.now() - timedelta(days=5),
    )
    small.write(lambda tx: visits.add(tx, [stay]))
    assert small.expected_at(anna, small.clock.now()) == "kallio"
