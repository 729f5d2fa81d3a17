from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
import sqlalchemy as sa

from domain.access import CredentialKind, Scope
from domain.decisions import Decision, Outcome, Reason, Term
from domain.errors import NotFound
from domain.ids import new_id
from domain.messages import DeliveryStatus
from domain.people import Mode
from storage import history
from storage.engine import Database
from tests.integration.conftest import Install, World
from tests.integration.lives import CHOSEN, decided, message_of, posted

CLOSED = Reason(
    code="store_closed", text="It was closed.", would_change="It opens.", offer="noodles"
)


def _anna(world: World) -> Install:
    return world.device(customer_token=world.customer_token("anna"))


def _said(world: World, person: Install, **more: object) -> Decision:
    return decided(
        world.database,
        person.customer_id,
        world.brand.id,
        at=world.clock.now(),
        outcome=Outcome.SEND,
        reasons=(CHOSEN, CLOSED),
        offer="soup",
        offer_id=new_id(),
        offer_revision=3,
        terms=(Term(name="distance", value=-0.25),),
        propensity=0.98,
        seed=7,
        local_date="2026-05-06",
        daypart=4,
        inputs={"context": {"cause": "enter"}, "model": 1},
        **more,
    )


def test_a_decision_is_told_with_all_it_rested_on(any_world: World) -> None:
    world = any_world
    person = _anna(world)
    said = _said(world, person, consent_entry_id=new_id())
    posted(world.database, said, person.device_id, at=world.clock.now())
    told = world.admin.get(f"/v1/decisions/{said.id}").json
    assert (told["customer"], told["customer_id"]) == ("anna", person.customer_id)
    assert (told["outcome"], told["offer"], told["offer_revision"]) == ("send", "soup", 3)
    assert (told["moment"]["id"], told["moment"]["cause"]) == (said.moment_id, "enter")
    assert told["inputs"] == {"context": {"cause": "enter"}, "model": 1}
    assert told["terms"] == [{"name": "distance", "value": -0.25}]
    assert [reason["code"] for reason in told["reasons"]] == ["chosen", "store_closed"]
    assert [guard["code"] for guard in told["guards"]] == ["store_closed"]
    assert (told["propensity"], told["seed"]) == (0.98, 7)
    assert told["consent_entry_id"] == said.consent_entry_id
    assert told["redacted_at"] is None
    [delivery] = told["deliveries"]
    assert (delivery["status"], delivery["device_id"]) == ("accepted", person.device_id)
    assert told["message_id"] == message_of(said).id


def test_a_message_is_told_with_its_push_and_every_attempt(any_world: World) -> None:
    world = any_world
    person, second = _anna(world), _anna(world)
    said = _said(world, person)
    at = world.clock.now()
    posted(world.database, said, person.device_id, at=at)
    posted(world.database, said, second.device_id, at=at, status=DeliveryStatus.SENDING)
    told = world.admin.get(f"/v1/messages/{message_of(said).id}").json
    assert (told["decision_id"], told["customer"], told["offer"]) == (said.id, "anna", "soup")
    assert told["push"] == {"title": "Hot soup?", "body": "It rains.", "data": {}}
    assert told["state"] == "sending"
    assert {each["status"] for each in told["deliveries"]} == {"accepted", "sending"}
    shown = person.get("/v1/me/decisions").json["data"][0]
    assert [each["status"] for each in shown["deliveries"]] == ["accepted"]


def test_a_silence_has_no_message(world: World) -> None:
    person = _anna(world)
    silent = decided(world.database, person.customer_id, world.brand.id, at=world.clock.now())
    told = world.admin.get(f"/v1/decisions/{silent.id}").json
    assert (told["message_id"], told["deliveries"]) == (None, [])
    assert [guard["code"] for guard in told["guards"]] == ["quiet_hours"]


@pytest.mark.parametrize("kind", ["decisions", "messages"])
def test_nobody_reads_what_is_not_theirs(any_world: World, kind: str) -> None:
    world = any_world
    said = _said(world, _anna(world))
    path = f"/v1/{kind}/{said.id if kind == 'decisions' else message_of(said).id}"
    everyone = {
        world.key(world.brand, CredentialKind.SECRET, Scope.READ): 200,
        world.key(world.brand, CredentialKind.SECRET, Scope.INGEST): 403,
        world.key(world.brand, CredentialKind.SECRET, *Scope, mode=Mode.TEST): 404,
        world.key(world.add_brand("salon"), CredentialKind.SECRET, *Scope): 404,
        world.device(): 403,
        world.nobody: 401,
    }
    assert {who: who.get(path).status_code for who in everyone} == everyone


@pytest.mark.parametrize("kind", ["decisions", "messages"])
def test_an_id_that_is_none_is_not_found(any_world: World, kind: str) -> None:
    for id_ in ("x", "1", new_id(), "%00"):
        assert any_world.admin.get(f"/v1/{kind}/{id_}").status_code == 404


def test_a_customer_is_explained_by_either_name(any_world: World) -> None:
    world = any_world
    person = _anna(world)
    said = _said(world, person)
    with world.database.read() as tx:
        for who in ("anna", person.customer_id, person.customer_id.upper()):
            [told] = history.explain_rows(
                tx, brand_id=world.brand.id, mode=Mode.LIVE, who=who, limit=5
            )
            assert (told.id, told.reasons[0].text) == (said.id, "It rains.")
        for who, mode in (("bert", Mode.LIVE), ("anna", Mode.TEST)):
            with pytest.raises(NotFound):
                history.explain_rows(tx, brand_id=world.brand.id, mode=mode, who=who)


def test_a_name_that_looks_like_an_id_is_a_name_first(world: World) -> None:
    someone = world.device()
    namesake = world.device(customer_token=world.customer_token(someone.customer_id))
    _said(world, someone)
    theirs = decided(
        world.database,
        namesake.customer_id,
        world.brand.id,
        at=world.clock.now() + timedelta(seconds=1),
    )
    with world.database.read() as tx:
        [told] = history.explain_rows(
            tx, brand_id=world.brand.id, mode=Mode.LIVE, who=someone.customer_id
        )
    assert told.id == theirs.id


def test_a_page_costs_the_same_queries_however_long_it_is(world: World) -> None:
    person = _anna(world)
    for _ in range(12):
        said = _said(world, person)
        posted(world.database, said, person.device_id, at=world.clock.now())
        world.clock.advance(hours=3)
    person.get("/v1/me")  # notes that the app lives
    counts = []
    for limit in (2, 12):
        with _counted(world.database) as statements:
            assert len(person.get(f"/v1/me/decisions?limit={limit}").json["data"]) == limit
        counts.append(len(statements))
    assert counts[0] == counts[1]


@contextmanager
def _counted(database: Database) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    sa.event.listen(database.engine, "before_cursor_execute", note)
    yield statements
    sa.event.remove(database.engine, "before_cursor_execute", note)
