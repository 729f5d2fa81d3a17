"""What is known of a person as sentences: every fact, in every language, to the person and to the brand."""

import re
from datetime import date
from typing import Any

import pytest

from domain.haunts import PlaceKind
from domain.traits import TRAITS, denial
from scheduler.context.lifecycle import Stage
from scheduler.context.words import Fact, When, window
from scheduler.telling.catalogue import LANGUAGES, catalogue
from scheduler.telling.sentences import Audience, Voice
from service.schemas.profiles import FactSchema
from tests.words import known_to_the_brand, known_to_the_person

NOON = When("weekdays", "noon", 12)
LUNCH = When("weekdays", "between", 11, 14)
LIFE = {"stage": "regular", "since": date(2026, 5, 4), "ago": 3.4}
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
TIMES = [
    *(When(day, "around", 18) for day in (*DAYS, "weekdays", "weekends", None)),
    *(window(day, 21, 24) for day in range(7)),
    When("weekends", "midnight", 0),
    When(None, "noon", 12),
    When("weekdays", "before", None, 11),
    When("weekends", "after", 17),
]


def trait(name: str) -> Fact:
    return Fact("trait", {"trait": name, "denial": denial(name), "days": 9}, 12, 12, 7.0)


def lifecycle(visits: int = 17, **more: Any) -> Fact:
    return Fact("lifecycle", {**LIFE, **more}, visits, visits)


REGULAR = lifecycle(gap=3.5)
ONCE = lifecycle(1, stage="lost", ago=400.4)
RHYTHM = Fact("rhythm", {"when": NOON}, 14, 17, 5.0)
ORDERED = Fact("order", {"when": When("friday", "around", 11)}, 5, 6, 5.0)
LUNCHES = Fact("store", {"store": "Kallio", "when": LUNCH}, 12, 12, 6.0)
DEARER = Fact("price", {"level": "dearer", "amount": 9.0}, nats=5.0)
NEVER = Fact("never", {"category": "cake"}, 0, 8, 4.0)
WEEKLY = Fact("cadence", {"period": 7, "last": date(2026, 5, 4)}, 5, 5, 5.0)
MONTHLY = Fact("cadence", {"period": 28, "last": date(2026, 5, 4)}, 5, 5, 5.0)
BIRTHDAY = Fact("occasion", {"occasion": "birthday", "day": date(2026, 6, 24)})
# What is known, as the brand and the person read it in English.
ENGLISH = [
    (
        REGULAR,
        "regular: 17 visits since 4 May 2026, every 3.5 days, the last 3 days ago",
        "We know of 17 visits of yours since 4 May 2026, the last 3 days ago.",
    ),
    (
        lifecycle(2, stage="new", gap=1.25, ago=0.2),
        "new: 2 visits since 4 May 2026, every 30 hours, the last 5 hours ago",
        "We know of 2 visits of yours since 4 May 2026, the last 5 hours ago.",
    ),
    (
        ONCE,
        "lost: 1 visit since 4 May 2026, the last 400 days ago",
        "We know of 1 visit of yours since 4 May 2026, the last 400 days ago.",
    ),
    (
        lifecycle(20, stage="back", gap=12.4, ago=0.0),
        "back: 20 visits since 4 May 2026, every 12 days, the last 1 hour ago",
        "We know of 20 visits of yours since 4 May 2026, the last 1 hour ago.",
    ),
    (
        RHYTHM,
        "usually comes on weekdays around noon: 14 of 17 visits, certain",
        "You usually come on weekdays around noon: 14 of 17 visits.",
    ),
    (
        Fact("rhythm", {"when": When(None, "around", 9)}, 1, 1, 3.5),
        "usually comes around 09:00: 1 of 1 visit, likely",
        "You usually come around 09:00: 1 of 1 visit.",
    ),
    (
        ORDERED,
        "usually orders on Fridays around 11:00: 5 of 6 orders, certain",
        "You usually order on Fridays around 11:00: 5 of 6 orders.",
    ),
    (
        Fact("store", {"store": "Kallio"}, 14, 16, 4.0),
        "usually comes to Kallio: 14 of 16 visits, likely",
        "You usually come to Kallio: 14 of 16 visits.",
    ),
    (
        LUNCHES,
        "usually comes to Kallio on weekdays between 11:00 and 14:00: 12 of 12 visits at that time, certain",
        "You usually come to Kallio on weekdays between 11:00 and 14:00: 12 of 12 visits at that time.",
    ),
    (
        Fact("item", {"item": "Tea {soup}"}, 8, 8, 5.0),
        "usually takes Tea {soup}: 8 of 8 orders, certain",
        "You usually take Tea {soup}: 8 of 8 orders.",
    ),
    (
        Fact("category", {"category": "drinks"}, 8, 1234, 5.0),
        "usually takes something of drinks: 8 of 1,234 orders, certain",
        "You usually take something of drinks: 8 of 1,234 orders.",
    ),
    (
        DEARER,
        "usually chooses what is dearer than others take, about 9.00 each, certain",
        "You usually choose what is dearer than others take, about 9.00 each.",
    ),
    (
        Fact("price", {"level": "cheaper", "amount": 1.25}, nats=4.0),
        "usually chooses what is cheaper than others take, about 1.25 each, likely",
        "You usually choose what is cheaper than others take, about 1.25 each.",
    ),
    (
        NEVER,
        "never chose cake: 0 of 8 orders, likely",
        "You never chose cake: 0 of 8 orders.",
    ),
    (
        trait("vegetarian"),
        "takes neither meat nor fish, where others often do: 12 orders in a row on 9 days, certain",
        "You take neither meat nor fish: 12 orders in a row on 9 days. "
        "If that is wrong, put `not_vegetarian` among the traits of your preferences.",
    ),
    (
        trait("gluten_free"),
        "always takes gluten free: 12 orders in a row on 9 days, certain",
        "You always take gluten free: 12 orders in a row on 9 days. "
        "If that is wrong, put `not_gluten_free` among the traits of your preferences.",
    ),
    (
        WEEKLY,
        "reserves every week: 5 reservations, the last on 4 May, certain",
        "You reserve every week: 5 reservations, the last on 4 May.",
    ),
    (
        MONTHLY,
        "reserves every 4 weeks: 5 reservations, the last on 4 May, certain",
        "You reserve every 4 weeks: 5 reservations, the last on 4 May.",
    ),
    (
        BIRTHDAY,
        "birthday on 24 June, as they said",
        "birthday on 24 June, as you said.",
    ),
]
KNOWN = [
    *(fact for fact, _, _ in ENGLISH),
    *(lifecycle(stage=stage.value, gap=2.0) for stage in Stage),
    *(trait(name) for name in sorted(TRAITS)),
    *(Fact("rhythm", {"when": when}, 14, 17, 5.0) for when in TIMES),
]
# Each in the language itself, to the person and to the brand: as somebody who speaks it would say it.
ABROAD = [
    ("fi", Audience.CUSTOMER, RHYTHM, "Käytte yleensä arkisin noin klo 12: 17 käynnistä 14."),
    (
        "fi",
        Audience.MARKETER,
        ORDERED,
        "tilaa yleensä perjantaisin noin klo 11.00: 6 tilauksesta 5, varmaa",
    ),
    (
        "fi",
        Audience.CUSTOMER,
        REGULAR,
        "Tiedossamme on 17 käyntiänne 4. toukokuuta 2026 alkaen, viimeisin 3 päivää sitten.",
    ),
    (
        "fi",
        Audience.MARKETER,
        REGULAR,
        "vakituinen: 17 käyntiä 4. toukokuuta 2026 alkaen, väli keskimäärin 3,5 päivää, "
        "viimeisin 3 päivää sitten",
    ),
    (
        "fi",
        Audience.CUSTOMER,
        MONTHLY,
        "Varaatte 4 viikon välein: 5 varausta, viimeisin 4. toukokuuta.",
    ),
    (
        "de",
        Audience.CUSTOMER,
        RHYTHM,
        "Sie kommen meist werktags gegen Mittag: 14 von 17 Besuchen.",
    ),
    (
        "de",
        Audience.CUSTOMER,
        ONCE,
        "Bekannt ist uns 1 Besuch von Ihnen seit dem 4. Mai 2026, der letzte vor 400 Tagen.",
    ),
    (
        "de",
        Audience.MARKETER,
        WEEKLY,
        "reserviert jede Woche: 5 Reservierungen, die letzte am 4. Mai, sicher",
    ),
    (
        "fr",
        Audience.MARKETER,
        LUNCHES,
        "vient en général au magasin Kallio en semaine entre 11:00 et 14:00 : "
        "12 des 12 visites à ces heures, certain",
    ),
    (
        "fr",
        Audience.CUSTOMER,
        NEVER,
        "Vous n’avez jamais rien choisi dans cake : 0 commande sur 8.",
    ),
    (
        "es",
        Audience.CUSTOMER,
        DEARER,
        "Usted suele elegir cosas más caras que los demás, unos 9,00 por unidad.",
    ),
    ("es", Audience.MARKETER, BIRTHDAY, "birthday el 24 de junio, según indicó la persona"),
]
LOOKS_UNFILLED = re.compile(r"\{(?!soup)|(?<!soup)\}|None|\.you|\bknown\b|^\w+$")


def told(language: str, audience: Audience, fact: Fact) -> str:
    return " ".join(Voice(audience, [language]).known(fact).split())


def test_the_table_has_every_topic() -> None:
    told = {key.split(".")[1] for key in catalogue("en") if key.startswith("known.")}
    topics = told - {"habit", "no_habit"} - set(PlaceKind)
    assert {fact.topic for fact, _, _ in ENGLISH} == topics
    field: Any = FactSchema().fields["topic"]
    assert set(field.metadata["description"].split(", ")) == topics


@pytest.mark.parametrize(("fact", "brand", "person"), ENGLISH)
def test_a_fact_is_told_in_english(fact: Fact, brand: str, person: str) -> None:
    assert known_to_the_brand(fact) == brand
    assert known_to_the_person(fact) == person


@pytest.mark.parametrize("fact", KNOWN)
def test_a_fact_is_told_in_every_language_and_otherwise_to_the_person(fact: Fact) -> None:
    sentences = [told(language, each, fact) for language in LANGUAGES for each in Audience]
    assert not [each for each in sentences if LOOKS_UNFILLED.search(each)]
    brand = {told(language, Audience.MARKETER, fact) for language in LANGUAGES}
    person = {told(language, Audience.CUSTOMER, fact) for language in LANGUAGES}
    assert len(brand) == len(person) == len(LANGUAGES)
    assert not brand & person
    assert all(each.endswith(".") for each in person)
    assert not any(each.endswith(".") for each in brand)


@pytest.mark.parametrize(("language", "audience", "fact", "sentence"), ABROAD)
def test_a_fact_is_told_as_its_language_says_it(
    language: str, audience: Audience, fact: Fact, sentence: str
) -> None:
    assert told(language, audience, fact) == sentence


@pytest.mark.parametrize("language", LANGUAGES)
def test_one_is_not_told_as_many(language: str) -> None:
    for audience in (Audience.MARKETER, Audience.CUSTOMER):
        one, two = (
            told(language, audience, lifecycle(visits)).replace(str(visits), "n")
            for visits in (1, 2)
        )
        assert one != two
        voice = Voice(audience, [language])
        assert voice.say("known.no_habit", count=1) != voice.say("known.no_habit", count=2).replace(
            "2", "1"
        )


@pytest.mark.parametrize("kind", PlaceKind)
def test_a_home_and_a_workplace_are_told_in_every_language(kind: PlaceKind) -> None:
    given = {"times": 14, "count": 17, "sure": "certain"}
    brand = {Voice(Audience.MARKETER, [each]).say(f"known.{kind}", **given) for each in LANGUAGES}
    person = {Voice(Audience.CUSTOMER, [each]).say(f"known.{kind}", **given) for each in LANGUAGES}
    assert len(brand | person) == 2 * len(LANGUAGES)
    assert all("14" in each and "17" in each for each in brand | person)
    assert not any("certain" in each or "sicher" in each for each in person)


@pytest.mark.parametrize(
    ("locale", "when", "sentence"),
    [
        ("en", window(2, 11, 14), "You usually come on Wednesdays between 11:00 and 14:00."),
        ("en", window(0, 21, 24), "You usually come on Mondays between 21:00 and 00:00."),
        (
            "en-US",
            window(2, 11, 14),
            "You usually come on Wednesdays between 11:00 AM and 2:00 PM.",
        ),
        (
            "en-CA",
            window(2, 11, 14),
            "You usually come on Wednesdays between 11:00 a.m. and 2:00 p.m.",
        ),
        ("fi", window(0, 9, 12), "Käytte yleensä maanantaisin klo 9.00–12.00."),
        ("de-AT", window(6, 9, 12), "Sie kommen meist sonntags zwischen 09:00 und 12:00 Uhr."),
        ("fr-CA", window(5, 9, 12), "Vous venez en général le samedi entre 09 h 00 et 12 h 00."),
        ("es", window(2, 1, 4), "Usted suele venir los miércoles entre la 1:00 y las 4:00."),
        ("es", When(None, "around", 13), "Usted suele venir hacia las 13:00."),
        ("es-MX", When(None, "around", 13), "Usted suele venir hacia la 1:00 p.m."),
        (
            "es",
            When("weekends", "before", None, 11),
            "Usted suele venir los fines de semana antes de las 11:00.",
        ),
    ],
)
def test_an_hour_is_written_as_the_country_does(locale: str, when: When, sentence: str) -> None:
    said = Voice(Audience.CUSTOMER, [locale]).say("known.habit", when=when)
    assert " ".join(said.split()) == sentence
