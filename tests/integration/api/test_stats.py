"""Counts of what was decided and what became of it, as they were written with the decisions themselves."""

import json
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from domain.access import CredentialKind, Scope
from domain.clock import ManualClock
from domain.ids import new_id
from domain.messages import MessageState
from service.cli.main import main
from storage.engine import Database
from storage.models import MessageRow
from tests.integration.api.test_uplift import DAY, Shop
from tests.integration.conftest import Caller, Install


@pytest.fixture
def shop(database: Database, clock: ManualClock) -> Shop:
    return Shop(database, clock)


@pytest.fixture
def small(sqlite_database: Database, clock: ManualClock) -> Shop:
    return Shop(sqlite_database, clock)


def stats(shop: Shop, caller: Caller | None = None, **query: str) -> Any:
    answer = (caller or shop.admin).get("/v1/stats", query_string=query)
    assert answer.status_code == 200, answer.json
    return answer.json


def answer(person: Install, type: str, decision_id: str, at: str) -> None:
    event = {"event_id": new_id(), "type": type, "occurred_at": at, "decision_id": decision_id}
    assert person.post("/v1/events", {"events": [event]}).json["accepted"] == 1


def live_a_little(shop: Shop) -> Install:
    """Two pushes, of which one is opened twice and redeemed, a ghost, and a person who allows none."""
    person = shop.person(held=False)
    silent = shop.device(time_zone="UTC")
    shop.meet(person, shop.person(held=False), shop.person(held=True), silent)
    shop.database.write(
        lambda tx: tx.execute(sa.update(MessageRow).values(state=MessageState.SENT)) and None
    )
    [decision] = person.get("/v1/me/decisions").json["data"]
    for type_ in ("delivered", "opened", "opened", "redeemed"):
        answer(person, type_, decision["id"], shop.clock.now().isoformat())
    return person


def test_decisions_are_counted_by_day_cause_and_reason_and_offers_to_their_end(shop: Shop) -> None:
    live_a_little(shop)
    told = stats(shop)
    assert (told["from"], told["to"], told["decisions"]) == ("2026-04-09", DAY, 4)
    assert told["days"] == [{"day": DAY, "send": 2, "hold": 0, "silence": 2}]
    assert told["causes"] == [{"cause": "manual", "send": 2, "hold": 0, "silence": 2}]
    assert told["reasons"] == [
        {"outcome": "send", "code": "chosen", "count": 2},
        {"outcome": "silence", "code": "consent_missing", "count": 1},
        {"outcome": "silence", "code": "holdout", "count": 1},
    ]
    assert told["funnel"] == [
        {
            "offer": "buns",
            "decided": 3,
            "sent": 2,
            "accepted": 2,
            "delivered": 1,
            "opened": 1,
            "redeemed": 1,
            "dismissed": 0,
            "not_for_me": 0,
            "reported_accepted": None,
            "reported_delivered": None,
        }
    ]


def test_an_erasure_changes_no_count(shop: Shop) -> None:
    person = live_a_little(shop)
    before = stats(shop)
    assert person.delete("/v1/me").status_code == 200
    assert stats(shop) == before


def test_answers_count_on_the_day_of_their_push(small: Shop) -> None:
    person = small.person(held=False)
    small.meet(person)
    [decision] = person.get("/v1/me/decisions").json["data"]
    small.clock.advance(days=1)
    answer(person, "opened", decision["id"], small.clock.now().isoformat())
    assert stats(small, **{"from": "2026-05-07"})["funnel"] == []
    [way] = stats(small, to=DAY)["funnel"]
    assert way["opened"] == 1


def test_another_brand_and_the_other_mode_see_nothing_of_it(small: Shop) -> None:
    live_a_little(small)
    other = small.key(small.add_brand("rival"), CredentialKind.SECRET, Scope.READ)
    assert stats(small, other)["decisions"] == 0
    assert stats(small, other)["funnel"] == []


def test_the_command_line_tells_the_same(small: Shop) -> None:
    live_a_little(small)
    url = small.database.url.render_as_string(hide_password=False)
    told = CliRunner(env={"WHENABOUTS_DATABASE_URL": url}).invoke(
        main, ["stats", "--from", DAY, "--to", DAY, "--json"]
    )
    assert told.exit_code == 0, told.output
    found = json.loads(told.stdout)
    assert (found["decisions"], found["funnel"][0]["redeemed"]) == (4, 1)
    text = CliRunner(env={"WHENABOUTS_DATABASE_URL": url}).invoke(
        main, ["stats", "--from", DAY, "--to", DAY]
    )
    assert "consent_missing" in text.output


def test_a_day_is_the_brands_own(small: Shop) -> None:
    """At 22:30 UTC it is half past one of the next day in Helsinki."""
    small.clock.advance(hours=13, minutes=30)
    small.meet(small.person(held=False))
    assert [each["day"] for each in stats(small)["days"]] == ["2026-05-07"]
