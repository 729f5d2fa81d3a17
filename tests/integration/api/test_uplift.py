"""The proof of effect from real rows: who takes part, what counts, what an erasure leaves, and who may see it."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from domain.access import CredentialKind, Scope
from domain.clock import ManualClock
from domain.decisions import Cause, Moment
from domain.holdout import draw_of
from domain.ids import new_id
from domain.people import Mode, Purpose
from scheduler.engine import Engine
from storage import moments, outcomes
from storage.engine import Database
from storage.models import CustomerRow, MemberRow, OutcomeRow
from storage.outcomes import Brought, Sign
from tests.integration.conftest import Caller, Install, World

OFFER = {"kind": "information", "title": {"en": "Buns"}, "body": {"en": "Fresh at four."}}
OPEN = {
    "holdout_share": 0.5,
    "exploration": 0,
    "interruption_price": 0,
    "hold": False,
    "caps": {"per_day": None, "per_week": None},
}
DAY = "2026-05-06"


class Shop(World):
    """A brand with an offer to anybody, half of whose people are held out, and an engine."""

    def __init__(self, database: Database, clock: ManualClock) -> None:
        super().__init__(database, clock)
        self.engine = Engine(database=database, clock=clock, weather_max_age=timedelta(minutes=45))
        assert self.admin.put("/v1/engine", OPEN).status_code == 200
        assert self.admin.put("/v1/offers/buns", OFFER).status_code == 201

    def person(self, *, held: bool, app: Caller | None = None) -> Install:
        """A known person whom the draw puts on this side."""
        while True:
            device = self.device(Purpose.PUSH, Purpose.PURCHASES, app=app, time_zone="UTC")
            if (draw_of(self.brand.id, device.customer_id) < 0.5) == held:
                return device

    def meet(self, *people: Install, mode: Mode = Mode.LIVE) -> None:
        """Each of them has a moment, and the engine decides it."""
        now = self.clock.now()
        due = [
            Moment(
                id=new_id(),
                brand_id=self.brand.id,
                mode=mode,
                customer_id=each.customer_id,
                cause=Cause.MANUAL,
                key=new_id(),
                due_at=now,
                expires_at=now + timedelta(hours=1),
            )
            for each in people
        ]
        self.database.write(lambda tx: moments.open_many(tx, due))
        self.engine.tick()

    def order(self, person: Install, amount: float) -> None:
        event = {
            "event_id": new_id(),
            "type": "order",
            "occurred_at": self.clock.now().isoformat(),
            "amount": amount,
        }
        answer = person.post("/v1/events", {"events": [event]})
        assert answer.json["accepted"] == 1, answer.json

    def uplift(self, caller: Caller | None = None, **query: str) -> Any:
        asked = {"from": DAY, "to": DAY, **query}
        answer = (caller or self.admin).get("/v1/uplift", query_string=asked)
        assert answer.status_code == 200, answer.json
        return answer.json


@pytest.fixture
def shop(database: Database, clock: ManualClock) -> Shop:
    return Shop(database, clock)


@pytest.fixture
def small(sqlite_database: Database, clock: ManualClock) -> Shop:
    return Shop(sqlite_database, clock)


def people_and_means(told: Any, outcome: str = "visits") -> tuple[Any, ...]:
    of = told["everyone"][outcome]
    return (
        of["treated_people"],
        of["treated_mean"],
        of["held_out_people"],
        of["held_out_mean"],
    )


def test_both_arms_are_told_from_real_rows(shop: Shop) -> None:
    treated = [shop.person(held=False) for _ in range(3)]
    held = [shop.person(held=True) for _ in range(2)]
    shop.meet(*treated, *held)
    for person, amount in ((treated[0], 12.0), (treated[0], 3.0), (held[0], 8.0)):
        shop.order(person, amount)

    told = shop.uplift()

    assert people_and_means(told) == (3, pytest.approx(1 / 3), 2, 0.5)
    assert people_and_means(told, "value") == (3, 5.0, 2, 4.0)
    assert told["reached"]["visits"]["held_out_people"] == 2  # their ghosts
    assert [each["offer"] for each in told["offers"]] == ["buns"]
    assert told["verdict"].startswith("Not enough data yet: 3 people may be spoken to and 2 are")
    assert told["everyone"]["visits"]["low"] is None
    assert told["planned_look"] == {"from": DAY, "to": "2026-07-28", "contrast": None}


def test_an_erasure_keeps_the_totals(shop: Shop) -> None:
    people = [shop.person(held=False), shop.person(held=False), shop.person(held=True)]
    shop.meet(*people)
    for person in people:
        shop.order(person, 10.0)
    before = shop.uplift()

    assert people[0].delete("/v1/me").status_code == 200
    assert people[2].delete("/v1/me").status_code == 200

    after = shop.uplift()
    assert people_and_means(after) == people_and_means(before) == (2, 1.0, 1, 1.0)
    assert people_and_means(after, "value") == people_and_means(before, "value")
    assert people_and_means(shop.uplift(offer="buns")) == people_and_means(before)


def test_a_withdrawal_deletes_the_days_and_keeps_the_totals(shop: Shop) -> None:
    person = shop.person(held=False)
    shop.meet(person, shop.person(held=True))
    shop.order(person, 10.0)
    before = shop.uplift()

    shop.clock.advance(seconds=1)
    shop.say(person, Purpose.PURCHASES, granted=False)

    with shop.database.read() as tx:
        assert tx.execute(sa.select(sa.func.count()).select_from(OutcomeRow)).scalar_one() == 0
    assert people_and_means(shop.uplift(), "value") == people_and_means(before, "value")


def test_what_happened_before_somebody_was_enrolled_is_no_outcome(small: Shop) -> None:
    person = small.person(held=False)
    small.order(person, 99.0)
    small.clock.advance(days=2)
    small.meet(person, small.person(held=True))
    told = small.uplift(to="2026-05-08")
    assert people_and_means(told, "value") == (1, 0.0, 1, 0.0)
    with small.database.read() as tx:
        row = tx.execute(
            sa.select(MemberRow.__table__).where(MemberRow.customer_id == person.customer_id)
        ).one()
    assert (row.pre_visits, row.pre_value) == (1, 99.0)


def test_who_changed_sides_with_the_share_counts_in_neither_arm(small: Shop) -> None:
    people = [small.person(held=True) for _ in range(8)]
    small.meet(*people)
    small.clock.advance(hours=1)
    lower = sorted(draw_of(small.brand.id, each.customer_id) for each in people)[3]
    small.admin.put("/v1/engine", {"holdout_share": lower})
    told = small.uplift()["everyone"]["visits"]
    assert told["treated_people"] == 0  # none of them is untouched
    assert told["held_out_people"] == 3
    small.meet(small.person(held=False))
    assert small.uplift()["everyone"]["visits"]["treated_people"] == 1


def test_a_test_customer_is_never_held_out_and_proves_nothing(small: Shop) -> None:
    app = small.key(small.brand, CredentialKind.PUBLISHABLE, mode=Mode.TEST)
    person = small.person(held=True, app=app)
    small.meet(person, mode=Mode.TEST)
    [decision] = person.get("/v1/me/decisions").json["data"]
    assert decision["outcome"] == "send"
    small.order(person, 5.0)
    assert people_and_means(small.uplift())[0::2] == (0, 0)
    tester = small.key(small.brand, CredentialKind.SECRET, *Scope, mode=Mode.TEST)
    assert "live key" in small.uplift(tester)["verdict"]


def test_another_brand_sees_nothing_of_it(small: Shop) -> None:
    small.meet(small.person(held=False), small.person(held=True))
    other = small.key(small.add_brand("rival"), CredentialKind.SECRET, Scope.READ)
    told = small.uplift(other)
    assert people_and_means(told)[0::2] == (0, 0)
    assert told["offers"] == []
    assert other.get("/v1/uplift", query_string={"offer": "buns"}).status_code == 404


def test_signing_in_changes_no_side(small: Shop) -> None:
    person = small.person(held=True)
    small.meet(person)
    token = small.customer_token("guest-1")
    assert person.patch("/v1/devices/me", {"customer_token": token}).status_code == 200
    small.meet(Install(small.client, {**_as(person), "customer_id": _known(small)}))
    decisions = person.get("/v1/me/decisions").json["data"]
    assert [each["reasons"][0]["code"] for each in decisions] == ["holdout", "holdout"]
    assert people_and_means(small.uplift())[0::2] == (0, 1)


def test_two_who_turn_out_to_be_one_count_in_neither_arm(small: Shop) -> None:
    token = small.customer_token("guest-1")
    first, second = small.person(held=True), small.person(held=False)
    small.meet(first, second)
    for device in (first, second):
        assert device.patch("/v1/devices/me", {"customer_token": token}).status_code == 200
    assert people_and_means(small.uplift())[0::2] == (0, 0)


def test_the_questions_are_checked(small: Shop) -> None:
    for query in ({"from": "2026-05-07", "to": DAY}, {"from": "2020-01-01", "to": DAY}):
        answer = small.admin.get("/v1/uplift", query_string=query)
        assert answer.status_code == 422
        assert answer.json["errors"][0]["pointer"] == "/from"
    assert small.admin.get("/v1/uplift").status_code == 200


def test_with_many_people_the_effect_is_found_and_the_planned_look_is_kept(
    shop: Shop,
) -> None:
    """A thousand people, laid into the store: the treated come every day, the held-out every second one."""
    now, brand_id = shop.clock.now(), shop.brand.id
    shop.meet(shop.person(held=False))
    today = now.date().toordinal()
    people = [(new_id(), n / 1000) for n in range(1000)]

    def work(tx: Any) -> None:
        given = {"brand_id": brand_id, "mode": "live", "details": {}, "revision": 1}
        tx.execute(
            sa.insert(CustomerRow), [{**given, "id": id_, "created_at": now} for id_, _ in people]
        )
        tx.execute(
            sa.insert(MemberRow),
            [
                {
                    "customer_id": id_,
                    "brand_id": brand_id,
                    "draw": draw,
                    "enrolled_at": now,
                    "enrolled_day": today,
                    "pre_visits": n % 3,
                    "pre_value": 0.0,
                    "mixed": False,
                }
                for n, (id_, draw) in enumerate(people)
            ],
        )
        came = [
            Brought(brand_id=brand_id, customer_id=id_, day=today + day, sign=Sign.TOLD)
            for n, (id_, draw) in enumerate(people)
            for day in range(8)
            if day < n % 3 + (4 if draw >= 0.5 else 2)
        ]
        outcomes.add(tx, came)

    shop.database.write(work)
    shop.clock.advance(days=100)
    told = shop.uplift(to="2026-05-20")
    visits = told["everyone"]["visits"]
    assert told["verdict"].startswith("Pushes bring visits: between +1.9")
    assert visits["low"] < 2.0 < visits["high"]
    assert visits["effect"] == pytest.approx(2.0, abs=0.02)
    assert visits["variance_reduction"] > 0.95
    look = told["planned_look"]["contrast"]["visits"]
    assert look["interval"] == "fixed"
    assert look["high"] - look["low"] < visits["high"] - visits["low"]


def _as(device: Install) -> dict[str, Any]:
    return {"credential": device.credential, "device_id": device.device_id}


def _known(shop: Shop) -> str:
    with shop.database.read() as tx:
        query = sa.select(CustomerRow.id).where(CustomerRow.external_id == "guest-1")
        found: str = tx.execute(query).scalar_one()
        return found
