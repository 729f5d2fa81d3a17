"""What was learned of a person, as the brand and the person read it."""

from datetime import timedelta
from typing import Any

import pytest

from domain.ids import new_id
from domain.people import Purpose
from tests.integration.conftest import Install, World

LEARNED = (Purpose.PUSH, Purpose.HABITS, Purpose.PURCHASES)


def _regular(world: World, **more: Any) -> Install:
    """Somebody who has had soup at noon (Helsinki) on fourteen workdays and came in on three weekend evenings."""
    device = world.device(*LEARNED, customer_token=world.customer_token("anna"), **more)
    monday = world.clock.now() - timedelta(days=30)
    assert (monday.weekday(), monday.hour) == (0, 9)
    noons = [monday + timedelta(days=7 * week + day) for week in range(3) for day in range(5)][:14]
    evenings = [monday + timedelta(days=day, hours=7) for day in (5, 6, 12)]
    rows = [
        {
            "event_id": new_id(),
            "type": "order",
            "customer": "anna",
            "occurred_at": at.isoformat(),
            "items": [{"sku": "soup", "category": "mains", "price": 9.5}],
        }
        for at in [*noons, *evenings]
    ]
    answer = world.admin.post("/v1/events", {"events": rows})
    assert answer.json["accepted"] == 17, answer.json
    return device


def test_the_brand_reads_a_habit_with_its_evidence_and_the_person_in_their_own_words(
    world: World,
) -> None:
    world.clock.advance(days=0)
    device = _regular(world)
    shown = world.admin.get("/v1/customers/anna").json["profile"]
    facts = {fact["topic"]: fact for fact in shown["facts"]}
    assert facts["rhythm"]["sentence"] == (
        "usually comes on weekdays around noon: 14 of 17 visits, certain"
    )
    assert (facts["rhythm"]["times"], facts["rhythm"]["of"]) == (14, 17)
    assert facts["rhythm"]["evidence_nats"] > 3
    assert (shown["lifecycle"]["visits"], shown["lifecycle"]["stage"]) == (17, "slipping")
    assert shown["fatigue"] == {"pushes": 0.0, "ignored": 0, "last_answer": None}
    mine = {fact["topic"]: fact["sentence"] for fact in device.get("/v1/me").json["known"]}
    assert mine["rhythm"] == "You usually come on weekdays around noon: 14 of 17 visits."
    assert mine["lifecycle"].startswith("We know of 17 visits of yours since 6 April 2026")


@pytest.mark.parametrize(
    ("query", "headers", "said"),
    [
        ("", {}, "Käytte yleensä arkisin noin klo 12: 17 käynnistä 14."),
        ("", {"Accept-Language": "de-AT, en;q=0.5"}, "Sie kommen meist werktags gegen Mittag"),
        ("?locale=es", {"Accept-Language": "de"}, "Usted suele venir entre semana hacia el"),
        ("?locale=xx", {"Accept-Language": "zh"}, "Käytte yleensä arkisin noin klo 12"),
        ("?locale=en", {}, "You usually come on weekdays around noon: 14 of 17 visits."),
    ],
)
def test_a_person_reads_what_is_known_in_the_language_they_ask_for_or_their_phone_speaks(
    world: World, query: str, headers: dict[str, str], said: str
) -> None:
    device = _regular(world, locale="fi-FI")
    me = device.get(f"/v1/me{query}", headers=headers).json
    [rhythm] = [fact["sentence"] for fact in me["known"] if fact["topic"] == "rhythm"]
    assert rhythm.startswith(said)
    begins = said.split(maxsplit=1)[0]
    assert me["habits"]["sentence"].startswith(begins)


def test_a_person_without_a_phone_that_tells_is_told_in_the_language_of_their_record(
    world: World,
) -> None:
    world.admin.put("/v1/customers/anna", {"locale": "fr"})
    known = _regular(world).get("/v1/me").json["known"]
    assert known[0]["sentence"].startswith("Nous connaissons 17 visites")


def test_a_brand_reads_what_is_known_in_its_own_language_and_not_in_the_persons(
    world: World,
) -> None:
    _regular(world, locale="fi-FI")
    for query, headers, said in (
        ("", {}, "usually comes on weekdays around noon"),
        ("?locale=fr", {}, "vient en général en semaine vers midi"),
        ("", {"Accept-Language": "de"}, "kommt meist werktags gegen Mittag"),
    ):
        shown = world.admin.get(f"/v1/customers/anna{query}", headers=headers).json["profile"]
        told = {fact["topic"]: fact["sentence"] for fact in shown["facts"]}
        assert told["rhythm"].startswith(said)
        assert shown["lifecycle"]["stage"] == "slipping"


def test_the_reference_names_the_language_as_a_parameter(world: World) -> None:
    paths = world.nobody.get("/openapi.json").json["paths"]
    told = paths["/v1/me/decisions/{decision_id}"]["get"]["parameters"]
    [wanted] = [each for each in told if each.get("name") == "locale"]
    for path in ("/v1/me", "/v1/customers/{external_id}"):
        assert wanted in paths[path]["get"]["parameters"]


def test_an_export_shows_every_stored_number_by_its_name(world: World) -> None:
    device = _regular(world)
    [row] = device.get("/v1/me/export").json["data"]["profiles"]
    assert row["body"]["visits"] == 17
    assert row["body"]["tastes"]["items"][0]["name"] == "soup"
    assert row["body"]["tastes"]["items"][0]["times"] == 17


def test_what_is_below_its_evidence_is_no_fact(world: World) -> None:
    device = world.device(*LEARNED, customer_token=world.customer_token("anna"))
    at = world.clock.now().isoformat()
    visit = {"event_id": new_id(), "type": "order", "occurred_at": at, "items": [{"sku": "soup"}]}
    assert device.post("/v1/events", {"events": [visit]}).json["accepted"] == 1
    assert [fact["topic"] for fact in device.get("/v1/me").json["known"]] == ["lifecycle"]


def test_a_withdrawal_leaves_no_word(world: World) -> None:
    device = _regular(world)
    world.say(device, Purpose.HABITS, granted=False)
    assert world.admin.get("/v1/customers/anna").json["profile"] is None
    assert device.get("/v1/me").json["known"] == []


def test_declared_days_open_a_moment_and_an_imported_one_too(world: World) -> None:
    body = {"occasions": [{"kind": "birthday", "date": "1990-06-24"}]}
    world.admin.put("/v1/customers/anna", body)
    csv = 'external_id,occasions\nbert,"[{""kind"": ""birthday"", ""date"": ""1990-06-24""}]"\n'
    answer = world.admin.post("/v1/imports/customers", data=csv, content_type="text/csv")
    assert answer.status_code == 200, answer.json
    for name in ("anna", "bert"):
        [moment] = world.admin.get(f"/v1/customers/{name}/export").json["data"]["moments"]
        assert (moment["cause"], moment["key"]) == ("occasion", "said:birthday:2026-06-24")
    world.admin.put("/v1/customers/anna", {})
    assert world.admin.get("/v1/customers/anna/export").json["data"]["moments"] == []
