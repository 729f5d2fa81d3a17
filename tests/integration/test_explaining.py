"""A decision explained over the API, the page behind a push and the command line, from what the engine really stored."""

import json
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from domain.decisions import Decision, Outcome
from domain.offers import Audience as For
from domain.offers import PlaceCondition, WeatherCondition, WeatherWord, When
from domain.people import Purpose
from domain.policy import Brand
from scheduler.telling.sentences import Audience
from service.cli import why
from service.explaining import explain_address
from storage import devices
from storage.models import DecisionRow
from tests.integration.conftest import Install, World
from tests.integration.stage import ALLOWED, Stage

RAIN = When(weather=WeatherCondition(any=(WeatherWord.RAIN,)))
NEAR = When(place=PlaceCondition(within_m=100))


class Shop(Stage):
    """The stage of a brand that has an API."""

    def __init__(self, world: World) -> None:
        self._of = world.brand
        self.world = world
        super().__init__(world.database, world.clock)

    def add_brand(self, slug: str) -> Brand:
        return self._of

    def install(self, *, customer: str = "anna", **more: Any) -> Install:
        token = self.world.customer_token(customer)
        return self.world.device(*ALLOWED, customer_token=token, **more)

    def decided(self, person: Install, *, north_m: float | None = None) -> Decision:
        """What comes of their coming in."""
        with self.database.read() as tx:
            [device] = devices.of_customer(tx, person.customer_id)
        if north_m is not None:
            self.stand(device, north_m=north_m)
        return self.decide(self.enter(device))


@pytest.fixture
def shop(world: World) -> Shop:
    return Shop(world)


def explained(shop: Shop, decision: Decision, audience: Audience, locale: str = "en") -> Any:
    answer = shop.world.admin.get(
        f"/v1/decisions/{decision.id}?audience={audience}&locale={locale}"
    )
    assert answer.status_code == 200, answer.json
    return answer.json["explanation"]


def test_a_decision_is_explained_to_the_audience_that_is_asked_for(shop: Shop) -> None:
    shop.offer()
    decision = shop.decided(shop.install())
    assert decision.outcome is Outcome.SEND
    person = explained(shop, decision, Audience.CUSTOMER)
    assert person["audience"] == "customer"
    assert person["locale"] == "en-GB"
    assert person["sentences"][0] == "You got this message."
    assert "You would have got no message if you had set 0 a week." in person["would_change"]
    assert "€" not in json.dumps(person, ensure_ascii=False)
    brand = explained(shop, decision, Audience.MARKETER)
    assert "The offer soup was sent." in brand["sentences"]
    assert any("€" in each for each in brand["sentences"])
    auditor = explained(shop, decision, Audience.AUDITOR)
    assert "Computed again, the same comes out." in auditor["sentences"]
    assert any(str(decision.consent_entry_id) in each for each in auditor["sentences"])
    plain = shop.world.admin.get(f"/v1/decisions/{decision.id}").json
    assert "explanation" not in plain
    assert plain["reasons"][0]["text"].startswith("The person has just come")


def test_a_silence_tells_what_would_have_sent(shop: Shop) -> None:
    shop.offer(when=RAIN)
    shop.offer("near", when=NEAR)
    decision = shop.decided(shop.install(), north_m=250)
    assert explained(shop, decision, Audience.MARKETER)["would_change"] == [
        "The offer soup would have been sent if the weather had been known and this: rain.",
        "The offer near would have been sent if the person had been at most 100 m from the store.",
    ]
    finnish = explained(shop, decision, Audience.CUSTOMER, "fi")["would_change"][1]
    assert " ".join(finnish.split()) == (
        "Olisitte saanut viestin, jos olisitte ollut enintään 100 m päässä liikkeestä."
    )


def test_a_second_push_is_silenced_by_one_a_week(shop: Shop) -> None:
    shop.offer()
    person = shop.install()
    assert shop.decided(person).outcome is Outcome.SEND
    shop.clock.advance(hours=4)
    decision = shop.decided(person)
    assert decision.outcome is Outcome.SEND
    told = explained(shop, decision, Audience.CUSTOMER)["would_change"]
    assert "You would have got no message if you had set 1 a week." in told


LANGUAGES: list[tuple[dict[str, str], str, str, str]] = [
    ({}, "", "Saitte tämän viestin.", "fi-FI"),
    ({"Accept-Language": "de-CH, en;q=0.5"}, "", "Sie haben diese Nachricht bekommen.", "de-CH"),
    ({"Accept-Language": "de"}, "?locale=fr", "Vous avez reçu ce message.", "fr"),
    ({"Accept-Language": "zh"}, "?locale=xx", "Saitte tämän viestin.", "fi-FI"),
]


def test_a_person_reads_their_own_language(shop: Shop) -> None:
    shop.offer()
    person = shop.install(locale="fi-FI")
    decision = shop.decided(person)
    for headers, query, first, tag in LANGUAGES:
        answer = person.get(f"/v1/me/decisions/{decision.id}{query}", headers=headers).json
        assert answer["id"] == decision.id
        assert answer["explanation"]["sentences"][0] == first
        assert answer["explanation"]["locale"] == tag
        assert answer["explanation"]["audience"] == "customer"
        [listed] = person.get(f"/v1/me/decisions{query}", headers=headers).json["data"]
        assert listed["reasons"] == answer["reasons"]
        assert "explanation" not in listed


def test_silences_are_listed_to_those_who_ask(shop: Shop) -> None:
    shop.offer()
    person = shop.install()
    sent = shop.decided(person)
    silent = shop.decided(person)  # within the same three hours
    assert silent.outcome is Outcome.SILENCE

    def ids(query: str) -> list[str]:
        return [each["id"] for each in person.get(f"/v1/me/decisions{query}").json["data"]]

    assert set(ids("")) == {sent.id, silent.id}
    assert ids("?outcome=silence") == [silent.id]
    assert ids("?outcome=send") == [sent.id]
    assert person.get("/v1/me/decisions?outcome=maybe").status_code == 422
    theirs = shop.world.admin.get("/v1/customers/anna/decisions?outcome=silence&locale=es").json
    assert [each["id"] for each in theirs["data"]] == [silent.id]
    assert theirs["data"][0]["reasons"][0]["text"].startswith("La única oferta de la marca")


def test_nobody_reads_of_anybody_else(shop: Shop) -> None:
    shop.offer()
    anna, ben = shop.install(), shop.install(customer="ben")
    decision = shop.decided(anna)
    assert anna.get(f"/v1/me/decisions/{decision.id}").status_code == 200
    for answer in (
        ben.get(f"/v1/me/decisions/{decision.id}"),
        anna.get("/v1/me/decisions/nonsense"),
        anna.get(f"/v1/me/decisions/{anna.customer_id}"),
    ):
        assert answer.status_code == 404
    assert shop.world.nobody.get(f"/v1/me/decisions/{decision.id}").status_code == 401
    assert shop.world.app.get(f"/v1/decisions/{decision.id}?audience=auditor").status_code in (
        401,
        403,
    )
    assert shop.world.admin.get(f"/v1/decisions/{decision.id}?audience=boss").status_code == 422


def test_the_page_behind_a_push_speaks_the_persons_language(shop: Shop) -> None:
    shop.offer()
    person = shop.install(locale="fi", time_zone="Europe/Helsinki")
    decision = shop.decided(person)
    url = explain_address("https://shop.example")(shop.brand, decision.id)
    assert url
    path = url.removeprefix("https://shop.example")
    page = shop.world.nobody.get(path)
    assert page.status_code == 200
    text = page.text
    assert '<html lang="fi">' in text
    assert "Miksi saitte tämän viestin" in text
    assert "6.5.2026 12.00.00" in text
    assert "jos olisitte asettanut enimmäismääräksi 0 viikossa" in text
    assert "€" not in text
    assert '<html lang="fr">' in shop.world.nobody.get(f"{path}?locale=fr").text
    assert shop.world.nobody.get(f"{path[:-1]}ä").status_code == 404
    assert shop.world.nobody.get(f"/why/{decision.id}/").status_code == 404


def test_the_page_tells_the_time_by_the_brands_clock_where_nobody_knows_the_persons(
    shop: Shop,
) -> None:
    shop.offer()
    decision = shop.decided(shop.install())
    url = explain_address("https://shop.example")(shop.brand, decision.id)
    assert url
    page = shop.world.nobody.get(f"{url.removeprefix('https://shop.example')}?locale=fi")
    assert "6.5.2026 12.00.00<" in page.text


@pytest.mark.parametrize("purpose", [Purpose.LOCATION, Purpose.HABITS])
def test_a_withdrawal_takes_back_what_the_reasons_tell(shop: Shop, purpose: Purpose) -> None:
    shop.offer(when=NEAR)
    shop.offer("club", audience=For(traits_any=("vegan",)))
    person = shop.install()
    near = shop.decided(person, north_m=40)
    far = shop.decided(person, north_m=250)
    assert near.outcome is Outcome.SEND
    assert "40" in explained(shop, near, Audience.CUSTOMER)["sentences"][2]
    shop.world.say(person, purpose, granted=False)
    for decision, gone in ((near, "40"), (far, "250")):
        stored = _stored(shop, decision)
        assert stored
        assert all(
            not each.get("args") and not each.get("reckoning")
            for each in stored
            if each["code"] != "no_offer"
        )
        assert gone not in json.dumps(stored)
        assert "vegan" not in json.dumps(stored)
        for audience in Audience:
            told = explained(shop, decision, audience, "en")
            assert len(told["would_change"]) == 1
            assert "has been deleted" in told["would_change"][0]
            assert f"{gone} m" not in json.dumps(told, ensure_ascii=False)
            assert "€" not in json.dumps(told, ensure_ascii=False)
            assert told["sentences"]


def test_an_erasure_leaves_nothing_to_explain(shop: Shop) -> None:
    shop.offer()
    person = shop.install()
    decision = shop.decided(person)
    url = explain_address("https://shop.example")(shop.brand, decision.id)
    assert url
    assert person.delete("/v1/me").status_code == 200
    assert person.get(f"/v1/me/decisions/{decision.id}").status_code == 401
    assert shop.world.nobody.get(url.removeprefix("https://shop.example")).status_code == 404
    assert _stored(shop, decision) == []
    told = explained(shop, decision, Audience.AUDITOR)
    assert "It cannot be computed again: what it rested on has been deleted." in told["sentences"]


def _stored(shop: Shop, decision: Decision) -> list[dict[str, Any]]:
    with shop.database.read() as tx:
        query = sa.select(DecisionRow.reasons).where(DecisionRow.id == decision.id)
        found: list[dict[str, Any]] = tx.execute(query).scalar_one()
    return found


def test_the_command_explains_in_any_language(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.offer()
    decision = shop.decided(shop.install())
    monkeypatch.setenv("WHENABOUTS_DATABASE_URL", str(shop.database.url))
    asked = ["anna", "--audience", "customer", "--locale", "de"]
    said = CliRunner().invoke(why.why, asked)
    assert said.exit_code == 0, said.output
    assert "Sie haben diese Nachricht bekommen." in said.output
    assert "wenn Sie 0 je Woche festgelegt hätten" in said.output
    shown = json.loads(CliRunner().invoke(why.why, [*asked, "--json"]).output)
    assert shown[0]["id"] == decision.id
    assert shown[0]["explanation"]["locale"] == "de"
    plain = CliRunner().invoke(why.why, ["anna"]).output
    assert "What would have changed it:" in plain
