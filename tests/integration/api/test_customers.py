import threading
from datetime import timedelta
from typing import Any

import pytest

from domain.access import CredentialKind, Scope
from domain.decisions import Outcome
from domain.ids import new_id
from domain.messages import DeliveryStatus, MessageState
from domain.people import SENSITIVE_WORDS, Mode, Purpose
from storage import messages
from tests.integration.conftest import Caller, Install, World
from tests.integration.lives import CHOSEN, decided, everything, message_of, posted, visited

ANNA: dict[str, Any] = {
    "first_name": "Anna",
    "locale": "fi-FI",
    "time_zone": "Europe/Helsinki",
    "occasions": [{"kind": "birthday", "date": "1990-06-24"}],
    "traits": ["vegetarian"],
    "interests": ["soup", "books"],
    "segments": ["regulars"],
    "attributes": {"tier": "gold", "points": 12, "ratio": 0.5, "newsletter": True, "left": None},
}


def _anna(world: World, *granted: Purpose) -> Install:
    return world.device(*granted, customer_token=world.customer_token("anna"))


def test_a_customer_is_added_read_replaced_and_erased(any_world: World) -> None:
    admin = any_world.admin
    created = admin.put("/v1/customers/anna", ANNA)
    assert (created.status_code, created.json) == (201, {"external_id": "anna", **ANNA})
    nothing = {"places": [], "profile": None}
    assert admin.get("/v1/customers/anna").json == {**created.json, **nothing}
    replaced = admin.put("/v1/customers/anna", {"first_name": "Anni"})
    assert replaced.status_code == 200
    assert (replaced.json["first_name"], replaced.json["traits"]) == ("Anni", [])
    receipt = admin.delete("/v1/customers/anna")
    assert (receipt.status_code, receipt.json["deleted"]["customers"]) == (200, 1)
    for path in ("", "/timeline", "/decisions", "/export"):
        assert admin.get(f"/v1/customers/anna{path}").status_code == 404
    assert admin.delete("/v1/customers/anna").status_code == 404


def test_a_stale_if_match_neither_changes_nor_erases(world: World) -> None:
    admin = world.admin
    first = admin.put("/v1/customers/anna", ANNA).headers["ETag"]
    second = admin.put("/v1/customers/anna", ANNA).headers["ETag"]
    stale = {"headers": {"If-Match": first}}
    assert admin.put("/v1/customers/anna", ANNA, **stale).status_code == 412
    assert admin.delete("/v1/customers/anna", **stale).status_code == 412
    assert admin.get("/v1/customers/anna").headers["ETag"] == second
    assert admin.delete("/v1/customers/anna", headers={"If-Match": second}).status_code == 200


def test_of_many_who_add_the_same_person_at_once_one_does(any_world: World) -> None:
    codes: list[int] = []

    def add() -> None:
        own = Caller(any_world.client.application.test_client(), any_world.admin.credential)
        codes.append(own.put("/v1/customers/anna", ANNA).status_code)

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [200] * 7 + [201]
    assert any_world.admin.get("/v1/customers/anna").headers["ETag"] == '"8"'


def test_preferences_outlive_what_an_admin_writes(world: World) -> None:
    person = _anna(world)
    assert person.put("/v1/preferences", {"max_per_week": 1}).status_code == 200
    world.admin.put("/v1/customers/anna", ANNA)
    assert person.get("/v1/preferences").json["max_per_week"] == 1


def test_the_list_shows_known_people_only_page_by_page(world: World) -> None:
    world.device()  # an anonymous one
    for name in "cab":
        world.admin.put(f"/v1/customers/{name}", {})
    first = world.admin.get("/v1/customers?limit=2").json
    rest = world.admin.get(f"/v1/customers?limit=2&cursor={first['next_cursor']}").json
    names = [each["external_id"] for each in first["data"] + rest["data"]]
    assert (names, rest["next_cursor"]) == (["a", "b", "c"], None)


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        pytest.param({"locale": "english please"}, "/locale", id="no language tag"),
        pytest.param({"locale": "qq-FI"}, "/locale", id="a language that there is not"),
        pytest.param({"time_zone": "Helsinki"}, "/time_zone", id="no IANA zone"),
        pytest.param({"occasions": [{"kind": "x", "date": "24.6."}]}, "/occasions/0/date", id="no date"),
        pytest.param({"occasions": [{"kind": "x", "date": "2026-02-30"}]}, "/occasions/0/date", id="no day"),
        pytest.param({"occasions": [{"date": "2026-02-03"}]}, "/occasions/0/kind", id="no kind"),
        pytest.param({"traits": ["x"] * 51}, "/traits", id="too many traits"),
        pytest.param({"traits": [""]}, "/traits/0", id="an empty trait"),
        pytest.param({"traits": ["a\u0000b"]}, "/traits/0", id="a NUL"),
        pytest.param({"attributes": {f"k{n}": n for n in range(51)}}, "/attributes", id="51 attributes"),
        pytest.param({"attributes": {"a": [1]}}, "/attributes/a/value", id="a list"),
        pytest.param({"attributes": {"a": {}}}, "/attributes/a/value", id="an object"),
        pytest.param({"attributes": {"a": 1e999}}, "/attributes/a/value", id="infinity"),
        pytest.param({"attributes": {"a": 2**60}}, "/attributes/a/value", id="a number JSON cannot keep"),
        pytest.param({"attributes": {"a": "x" * 501}}, "/attributes/a/value", id="a long text"),
        pytest.param({"shoe_size": 42}, "/shoe_size", id="an unknown field"),
        pytest.param({"first_name": 7}, "/first_name", id="a number for a name"),
    ],
)  # fmt: skip
def test_a_wrong_place_is_named(world: World, wrong: dict[str, Any], pointer: str) -> None:
    refused = world.admin.put("/v1/customers/anna", wrong)
    assert (refused.status_code, refused.json["code"]) == (422, "invalid")
    assert [error["pointer"] for error in refused.json["errors"]] == [pointer]
    assert world.admin.get("/v1/customers/anna").status_code == 404


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"traits": ["vegetarian", "Pregnant"]}, "/traits/1"),
        ({"interests": ["islam"]}, "/interests/0"),
        ({"segments": ["q3-diabetes-leads"]}, "/segments/0"),
        ({"attributes": {"isDisabled": True}}, "/attributes"),
        ({"occasions": [{"kind": "pregnancy_due", "date": "2026-09-01"}]}, "/occasions/0/kind"),
    ],
)
def test_sensitive_words_are_refused_with_what_to_write_instead(
    world: World, body: dict[str, Any], pointer: str
) -> None:
    refused = world.admin.put("/v1/customers/anna", body)
    assert refused.status_code == 422
    assert refused.json["errors"][0]["pointer"] == pointer
    assert "gluten_free" in refused.json["errors"][0]["detail"]


@pytest.mark.parametrize(
    "word", ["vegetarian", "gluten_free", "no_alcohol", "italian", "skin care"]
)
def test_choices_are_not_sensitive(world: World, word: str) -> None:
    assert world.admin.put("/v1/customers/anna", {"traits": [word]}).status_code == 201


def test_the_words_that_are_refused_are_words() -> None:
    assert all(word == word.casefold() and word.isalpha() for word in SENSITIVE_WORDS)


def test_a_long_external_id_is_refused(world: World) -> None:
    refused = world.admin.put(f"/v1/customers/{'a' * 201}", {})
    assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (422, "/external_id")
    assert world.admin.put(f"/v1/customers/{'ä' * 200}", {}).status_code == 201


def test_another_brand_and_the_other_mode_see_nobody(any_world: World) -> None:
    world = any_world
    _anna(world)
    strangers = [
        world.key(world.add_brand("salon"), CredentialKind.SECRET, *Scope),
        world.key(world.brand, CredentialKind.SECRET, *Scope, mode=Mode.TEST),
    ]
    statement = {"entries": [{"purpose": "push", "granted": False}]}
    for stranger in strangers:
        for path in ("", "/timeline", "/decisions", "/export"):
            assert stranger.get(f"/v1/customers/anna{path}").status_code == 404
        assert stranger.delete("/v1/customers/anna").status_code == 404
        assert stranger.post("/v1/customers/anna/consents", statement).status_code == 404
        assert stranger.get("/v1/customers").json["data"] == []
        assert stranger.put("/v1/customers/anna", ANNA).status_code == 201  # somebody of their own
        assert stranger.delete("/v1/customers/anna").status_code == 200
    assert world.admin.get("/v1/customers/anna").json["first_name"] is None


def test_reading_needs_read_and_writing_needs_admin(world: World) -> None:
    world.admin.put("/v1/customers/anna", ANNA)
    reader = world.key(world.brand, CredentialKind.SECRET, Scope.READ)
    feeder = world.key(world.brand, CredentialKind.SECRET, Scope.INGEST)
    assert reader.get("/v1/customers/anna").status_code == 200
    assert reader.put("/v1/customers/anna", ANNA).status_code == 403
    assert reader.delete("/v1/customers/anna").status_code == 403
    assert reader.post("/v1/customers/anna/consents", {}).status_code == 403
    assert feeder.get("/v1/customers/anna").status_code == 403
    assert world.device().get("/v1/customers/anna").status_code == 403
    assert world.nobody.get("/v1/customers/anna").status_code == 401


def test_a_person_without_the_app_can_withdraw(any_world: World) -> None:
    world = any_world
    person = _anna(world, Purpose.PUSH, Purpose.LOCATION)
    world.clock.advance(minutes=1)
    answer = world.admin.post(
        "/v1/customers/anna/consents", {"entries": [{"purpose": "push", "granted": False}]}
    )
    assert answer.status_code == 201
    assert [each["purpose"] for each in answer.json["receipts"]] == ["push"]
    standing = person.get("/v1/me").json["consents"]
    assert (standing["push"]["granted"], standing["location"]["granted"]) == (False, True)


def test_a_grant_without_the_app_needs_its_proof(world: World) -> None:
    world.admin.put("/v1/customers/anna", {})
    grant = {"purpose": "push", "granted": True}
    refused = world.admin.post("/v1/customers/anna/consents", {"entries": [grant]})
    assert [error["pointer"] for error in refused.json["errors"]] == [
        "/entries/0/wording",
        "/entries/0/wording_version",
        "/entries/0/evidence",
    ]
    proof = {"wording": "May we?", "wording_version": "7", "evidence": "form 4711, archive B"}
    taken = world.admin.post("/v1/customers/anna/consents", {"entries": [{**grant, **proof}]})
    assert taken.json["entries"][0]["counts"] is True
    [entry] = everything(world.database)["consent_entries"]
    assert entry["evidence"] == "form 4711, archive B"


def test_a_repeated_consent_request_is_answered_once_and_erased_with_the_person(
    world: World,
) -> None:
    world.admin.put("/v1/customers/anna", {})
    body = {"entries": [{"purpose": "push", "granted": False}]}
    once = {"headers": {"Idempotency-Key": "k1"}}
    first = world.admin.post("/v1/customers/anna/consents", body, **once)
    again = world.admin.post("/v1/customers/anna/consents", body, **once)
    assert first.json == again.json
    assert len(everything(world.database)["consent_entries"]) == 1
    world.admin.delete("/v1/customers/anna")
    assert everything(world.database)["idempotency_keys"] == []


def test_decisions_are_told_with_reasons_and_deliveries_newest_first(any_world: World) -> None:
    world = any_world
    person = _anna(world)
    noon = world.clock.now()
    said = decided(
        world.database,
        person.customer_id,
        world.brand.id,
        at=noon,
        outcome=Outcome.SEND,
        reasons=(CHOSEN,),
        offer="soup",
        offer_id=new_id(),
    )
    posted(world.database, said, person.device_id, at=noon + timedelta(seconds=1))
    silent = decided(
        world.database, person.customer_id, world.brand.id, at=noon + timedelta(hours=1)
    )
    answer = world.admin.get("/v1/customers/anna/decisions").json
    assert [each["id"] for each in answer["data"]] == [silent.id, said.id]
    silence, send = answer["data"]
    assert (silence["outcome"], silence["deliveries"]) == ("silence", [])
    assert silence["reasons"] == [
        {"code": "quiet_hours", "text": "It was 23:10.", "would_change": "It is 07:00.", "offer": None, "account": None}
    ]  # fmt: skip
    assert (send["outcome"], send["offer"], send["moment"]["cause"]) == ("send", "soup", "enter")
    assert send["deliveries"] == [
        {"status": "accepted", "at": (noon + timedelta(seconds=1)).isoformat()}
    ]
    own = person.get("/v1/me/decisions").json["data"]
    assert "EUR" not in str(own)
    assert [_without_account(each) for each in answer["data"]] == own


def test_decisions_of_one_instant_are_paged_without_gaps_or_repeats(any_world: World) -> None:
    world = any_world
    person = _anna(world)
    ids = {
        decided(
            world.database,
            person.customer_id,
            world.brand.id,
            at=world.clock.now() + timedelta(seconds=n // 4),
        ).id
        for n in range(11)
    }
    seen: list[str] = []
    cursor = ""
    while cursor is not None:
        page = person.get(f"/v1/me/decisions?limit=3{cursor and '&cursor=' + cursor}").json
        seen += [each["id"] for each in page["data"]]
        cursor = page["next_cursor"]
    assert (len(seen), set(seen)) == (11, ids)


@pytest.mark.parametrize("cursor", ["nonsense", "e30=", "MjAyNg==", "%00", "MjAyNi0wMS0wMXx4"])
def test_a_foreign_cursor_is_refused(world: World, cursor: str) -> None:
    person = world.device()
    refused = person.get(f"/v1/me/decisions?cursor={cursor}")
    assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (422, "/cursor")


def test_a_message_that_found_no_phone_says_what_became_of_it(world: World) -> None:
    customer_id = _anna(world).customer_id
    now = world.clock.now()
    said = decided(world.database, customer_id, world.brand.id, at=now, outcome=Outcome.SEND)
    waiting = world.admin.get("/v1/customers/anna/decisions").json["data"][0]
    assert waiting["deliveries"] == []
    world.database.write(
        lambda tx: messages.close_unsent(
            tx, message_of(said), state=MessageState.CANCELLED, reason="no_device", now=now
        )
    )
    told = world.admin.get("/v1/customers/anna/decisions").json["data"][0]
    assert [each["status"] for each in told["deliveries"]] == ["cancelled"]


def test_the_timeline_joins_five_kinds_in_one_order(any_world: World) -> None:
    world = any_world
    person = _anna(world, Purpose.PUSH, Purpose.PURCHASES)
    noon = world.clock.now()
    decision = decided(
        world.database,
        person.customer_id,
        world.brand.id,
        at=noon + timedelta(minutes=1),
        outcome=Outcome.SEND,
        offer="soup",
    )
    posted(
        world.database,
        decision,
        person.device_id,
        at=noon + timedelta(minutes=1),
        status=DeliveryStatus.SENDING,
    )
    world.clock.advance(minutes=30)
    order = {
        "event_id": new_id(),
        "type": "order",
        "occurred_at": (noon + timedelta(minutes=20)).isoformat(),
        "items": [{"sku": "soup-tomato", "quantity": 2}],
    }
    assert person.post("/v1/events", {"events": [order]}).json["accepted"] == 1
    visited(world.database, person.customer_id, person.device_id, at=noon + timedelta(minutes=10))

    whole = world.admin.get("/v1/customers/anna/timeline").json["data"]
    kinds = ["event", "visit", "message", "decision", "consent", "consent"]
    assert sorted(each["kind"] for each in whole) == sorted(kinds)
    assert [each["kind"] for each in whole][:2] == ["event", "visit"]
    assert [each["at"] for each in whole] == sorted((each["at"] for each in whole), reverse=True)
    event, message = whole[0], next(each for each in whole if each["kind"] == "message")
    assert event["what"]["items"][0]["sku"] == "soup-tomato"
    assert (message["what"]["state"], message["what"]["offer"]) == ("sending", "soup")

    pieces: list[dict[str, Any]] = []
    cursor = ""
    while cursor is not None:
        tail = cursor and f"&cursor={cursor}"
        page = world.admin.get(f"/v1/customers/anna/timeline?limit=1{tail}").json
        pieces += page["data"]
        cursor = page["next_cursor"]
    assert pieces == whole


def _without_account(decision: dict[str, Any]) -> dict[str, Any]:
    """A decision as the person it was about reads it: the brand's money is not theirs to know."""
    reasons = [{k: v for k, v in each.items() if k != "account"} for each in decision["reasons"]]
    return {**decision, "reasons": reasons}
