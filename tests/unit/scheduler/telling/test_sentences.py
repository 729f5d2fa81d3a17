"""Stored reasons as sentences: all codes, all languages, all audiences."""

import re
from typing import Any

import msgspec
import pytest

from domain.decisions import TELLING, Reason, forgotten, reason
from scheduler.telling.catalogue import LANGUAGES
from scheduler.telling.sentences import Audience, Voice
from tests.unit.scheduler.decide.test_documented import known
from tests.words import to_the_brand, to_the_person

AT = {"at": "2026-05-06T09:00:00Z", "ends": "2026-05-06T10:00:00Z", "zone": "Europe/Helsinki"}
LATER = {"frees": "2026-05-13T09:00:00Z", "zone": "Europe/Helsinki"}
WISH = {"any": ["rain", "snow"], "temperature_below": 15.0, "wind_above": 4.0}
SEEN = {"word": "clouds", "temperature": 18.5, "wind": 3.0}
MONEY = {
    "currency": "EUR",
    "before": 0.02,
    "after": 0.12,
    "visit": 1.2,
    "discount": 0.3,
    "interruption": 0.05,
    "worth": 0.1,
    "silent_at": 0.9,
    "speaks_for": ["weather_offer", "rain, soup"],
    "speaks_against": ["slot", "weekday 12-15"],
}


def reckoned(found: Reason, **more: Any) -> Reason:
    return msgspec.structs.replace(found, reckoning={**MONEY, **more})


REASONS = [
    reason("engine_paused"),
    reason("paused", until="2026-05-07T09:00:00Z", zone="Europe/Helsinki"),
    reason("consent_missing", purpose="push"),
    reason("no_device"),
    reason("permission_denied"),
    reason("expired", ended="2026-05-06T09:00:00Z", count=10),
    reason("zone_unknown"),
    reason("quiet_hours", **AT),
    reason("cap", which="day", got=2, count=2),
    reason("cap", which="week", got=5, count=5, **LATER),
    reason("cap", which="own", got=1, count=1, **LATER),
    reason("cap", which="own", got=3, count=0, zone="Europe/Helsinki"),
    reason("holdout", offer="soup"),
    reason("offer_inactive", offer="soup"),
    reason("offer_not_begun", offer="soup", starts="2026-06-01T09:00:00Z"),
    reason("offer_over", offer="soup"),
    reason("muted", offer="soup", kind="win_back"),
    reason("not_for_me", offer="soup"),
    *(
        reason("audience", which=f"{how}_{what}", offer="soup", words=["vegan", "club"])
        for how in ("barred", "wanted")
        for what in ("trait", "segment")
    ),
    reason("other_cause", offer="soup", causes=["enter", "dwell"]),
    reason("other_cause", which="slot", offer="soup"),
    reason("other_cause", which="no_slot", offer="soup"),
    reason("slot_full", offer="soup"),
    reason("other_service", offer="soup", service="Maske & Peeling"),
    reason("elsewhere", offer="soup"),
    reason("position_unknown", offer="soup", limit_m=300.0),
    reason("too_far", offer="soup", distance_m=1250, limit_m=300.0),
    reason("place_unknown", which="home", offer="soup"),
    reason("place_unknown", which="workplace", offer="soup"),
    reason("place_far", which="home", offer="soup", distance_m=1200.0, limit_m=800.0),
    reason("place_far", which="workplace", offer="soup", distance_m=1200.0, limit_m=800.0),
    reason("offer_hours", offer="soup", hours="Mo-Fr 11:00-13:00"),
    reason("store_closed", offer="soup"),
    reason("weather_unknown", offer="soup", wish=WISH),
    reason("weather", offer="soup", wish=WISH, seen=SEEN),
    reason("already_said", offer="soup"),
    reason("repeat", offer="soup", count=7.0, **LATER),
    reason("repeat", offer="soup", count=1.5, **LATER),
    reason("sold_out", offer="soup"),
    reason("kind_cap", offer="soup", kind="discount"),
    reason("store_cap", offer="soup"),
    reason("sensitive", offer="soup"),
    reason("no_text", offer="soup", problem="customer.first_name is missing"),
    reason("no_offer", which="none"),
    reason("no_offer", count=1),
    reason("no_offer", count=12),
    reckoned(reason("chosen", offer="soup", cause="enter", distance_m=120, liked=["cake", "soup"])),
    reckoned(reason("chosen", offer="soup", cause="habit", rhythm=True)),
    reckoned(
        reason("chosen", offer="soup", place="home", times=9, count=10, distance_m=300, seen=SEEN)
    ),
    reckoned(reason("chosen", offer="soup", cause="weather", place="workplace", times=1, count=1)),
    reckoned(reason("explored", offer="soup", cause="occasion")),
    reason("explored", which="silence", offer="soup"),
    reckoned(reason("not_worth_it", offer="soup"), lacking=0.4),
    reckoned(reason("better_later", offer="soup", **AT), then=2.0, now=0.5),
    reason("failed"),
]
LOOKS_UNFILLED = re.compile(r"[{}]|\bNone\b(?! of)|\bTrue\b|\bFalse\b|\.you\b|\w+_m\b")


def test_the_table_has_every_code() -> None:
    assert known() <= {each.code for each in REASONS}


@pytest.mark.parametrize("audience", Audience)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_is_told_in_every_language_to_everybody(
    language: str, audience: Audience
) -> None:
    voice = Voice(audience, [language])
    for each in REASONS:
        told = voice.words(each)
        whole = f"{told.text} {told.would_change or ''} {told.account or ''}"
        assert told.text.endswith((".", "»", "“", "”")), each
        assert not LOOKS_UNFILLED.search(whole), (each, whole)
        assert voice.say("text.unknown", code=each.code) != told.text, each
        assert (told.would_change is None) == (each.code == "failed"), each
        assert (told.account is None) == (audience is Audience.CUSTOMER or not each.reckoning)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_was_forgotten_is_still_told_in_general(language: str) -> None:
    for audience in Audience:
        voice = Voice(audience, [language])
        for each in REASONS:
            left = msgspec.convert(forgotten(msgspec.to_builtins(each)), Reason)
            told = voice.words(left)
            assert told.text, each
            assert told.account is None
            assert voice.say("text.unknown", code=each.code) != told.text, each
            if each.code in TELLING:
                assert not re.search(r"\d", told.text), (each, told.text)
                assert "vegan" not in told.text


def test_a_reason_is_the_same_before_it_was_stored_and_after() -> None:
    for each in REASONS:
        stored = msgspec.json.decode(msgspec.json.encode(each))
        assert msgspec.convert(stored, Reason) == each
        assert msgspec.to_builtins(each) == stored


def test_a_person_is_not_told_what_they_are_like_nor_what_is_wrong_with_a_text() -> None:
    for each in REASONS:
        told = to_the_person(each)
        whole = f"{told.text} {told.would_change}"
        assert "vegan" not in whole
        assert "first_name" not in whole
        assert "€" not in whole
        assert "The person" not in whole


def test_words_that_were_stored_stay_as_they_were() -> None:
    stored = Reason(code="weather", text="It was dry.", would_change="It rains.", account="1 EUR")
    brand, person = to_the_brand(stored), to_the_person(stored)
    assert (brand.text, brand.would_change, brand.account) == ("It was dry.", "It rains.", "1 EUR")
    assert (person.text, person.account) == ("It was dry.", None)


def test_an_unknown_code_is_named() -> None:
    assert to_the_brand(reason("tomorrow")).text == "Another reason: tomorrow."


def test_no_argument_is_taken_for_a_place_to_fill() -> None:
    sly = reason("other_service", offer="soup", service="{count} {0.__class__} %s")
    assert "{count} {0.__class__} %s" in to_the_person(sly).text


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "You got 1 of at most 1 message in seven days, the maximum you set yourself."),
        ("fi", "Saitte seitsemässä päivässä 1 viestiä; oma enimmäismääränne on 1."),
        (
            "de",
            "Sie bekamen in sieben Tagen 1 von höchstens 1 Nachricht; so haben Sie es selbst festgelegt.",
        ),
        (
            "fr",
            "Vous avez reçu 1 message en sept jours, sur 1 au plus, le maximum que vous avez fixé.",
        ),
        ("es", "Usted recibió en siete días 1 de 1 mensaje, el máximo que fijó usted."),
    ],
)
def test_a_count_is_told_with_the_right_form(language: str, text: str) -> None:
    own = reason("cap", which="own", got=1, count=1)
    assert Voice(Audience.CUSTOMER, [language]).words(own).text == text


def test_no_day_is_waited_for_where_none_allows_any() -> None:
    none, some = (reason("cap", which="day", got=0, count=count) for count in (0, 2))
    voice = Voice(Audience.CUSTOMER, ["en"])

    assert voice.change(none) == "The maximum per day is raised."
    assert voice.change(some) == "The next day begins."
