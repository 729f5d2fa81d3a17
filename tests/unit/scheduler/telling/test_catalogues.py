"""Every language says everything, with the same places to fill, and nobody is answered in English by accident."""

import re
from datetime import datetime
from pathlib import Path

import pytest
from babel import Locale
from babel.messages.pofile import read_po

from domain.context import Reach
from domain.decisions import Cause, Outcome
from domain.offers import OfferKind, WeatherWord
from domain.people import Purpose
from scheduler.learn.terms import GROUPS
from scheduler.replaying import Result
from scheduler.telling.catalogue import LANGUAGES, catalogue, locale_of
from scheduler.telling.sentences import Audience, Voice
from tests.unit.scheduler.decide.test_documented import known

FOLDER = Path(__file__).parents[4] / "scheduler/telling/catalogues"
SOURCES = FOLDER.parent
# What is the same in two languages because the words are.
ALIKE = {"about", "kind.information", "purpose.purchases"}


def keys(prefix: str) -> set[str]:
    return {key.split(".")[1] for key in catalogue("en") if key.startswith(f"{prefix}.")}


def test_there_is_a_catalogue_for_each_language_and_no_other() -> None:
    assert {path.stem for path in FOLDER.glob("*.po")} == set(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalogue_has_every_message_with_the_same_places(language: str) -> None:
    english, theirs = catalogue("en"), catalogue(language)
    assert theirs.keys() == english.keys()
    for key, message in theirs.items():
        for form in (message.one, message.other):
            assert form.strip() == form != "", key
            assert form.count("{") == form.count("}") == len(re.findall(r"\{\w+\}", form)), key
        assert message.places == english[key].places, key
        assert message.places - {"count"} <= set(re.findall(r"\{(\w+)\}", message.one)), key


@pytest.mark.parametrize("language", [each for each in LANGUAGES if each != "en"])
def test_no_sentence_is_left_in_english(language: str) -> None:
    english, theirs = catalogue("en"), catalogue(language)
    same = {
        key
        for key, message in theirs.items()
        if message.other == english[key].other and " " in message.other
    }
    assert same <= ALIKE
    anchors = re.compile(r"\b(the|would|have|you|your|was|were|of|messages?|with)\b", re.IGNORECASE)
    for key, message in theirs.items():
        found = {word.casefold() for word in anchors.findall(message.other)}
        assert not found - {"was", "message", "messages"}, key  # German and French have these too


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalogue_tells_its_language_and_its_plurals(language: str) -> None:
    with (FOLDER / f"{language}.po").open("rb") as file:
        read = read_po(file, abort_invalid=True)
    assert str(read.locale) == language
    assert read.num_plurals == 2
    assert not [each.id for each in read if each.fuzzy]


def test_every_word_of_the_domain_can_be_said() -> None:
    assert keys("purpose") == {each.value for each in Purpose}
    assert keys("kind") == {each.value for each in OfferKind}
    assert keys("cause") == {each.value for each in Cause} == keys("fact") & set(Cause)
    assert {each.value for each in WeatherWord} <= keys("sky") & keys("if") | keys("sky")
    assert {*GROUPS, "other"} <= keys("term")
    assert {each.value for each in Outcome} | {"ghost"} == keys("outcome")
    assert {each.value for each in Result} <= keys("audit")
    assert {each.value for each in Result if each is not Result.IDENTICAL} <= keys("would")
    assert Reach.DENIED.value in keys("text")


def test_every_code_that_is_made_can_be_said() -> None:
    said = keys("text")
    assert known() <= said
    assert known() - {"failed"} <= keys("change")


def test_every_condition_that_is_tried_can_be_said() -> None:
    tried = {
        name
        for path in (SOURCES / "openings.py", SOURCES / "closings.py")
        for name in re.findall(r'(?:Change|_on_\w+)\(\s*"([a-z_.]+)"', path.read_text())
    }
    assert len(tried) > 35
    said = {
        key.removeprefix("if.").removesuffix(".you") for key in catalogue("en") if key[:3] == "if."
    }
    assert tried <= said
    assert {f"sky.{word.value}" for word in WeatherWord} <= said
    assert {"price", "discount", "margin"} <= said


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (["fi-FI"], "fi_FI"),
        (["de_AT"], "de_AT"),
        (["sv-SE", "fr"], "fr"),
        ([None, "", "*", "es-419"], "es_419"),
        (["zh-Hant-TW"], "en_GB"),
        (["en"], "en_GB"),
        (["en-US"], "en_US"),
        (["DE-", "fi"], "de"),
        (["fr-x-secret"], "fr"),
        (["fi\n; DROP", "../../etc/passwd", "e" * 5000], "en_GB"),
        ([], "en_GB"),
    ],
)
def test_a_language_is_chosen_by_what_is_asked(wanted: list[str | None], found: str) -> None:
    assert str(locale_of(wanted)) == found


@pytest.mark.parametrize(
    ("locale", "time", "money"),
    [
        ("en", "9 May 2026, 14:30:00", "€1.20"),
        ("en-US", "May 9, 2026, 2:30:00 PM", "€1.20"),
        ("fi", "9.5.2026 14.30.00", "1,20 €"),
        ("de", "09.05.2026, 14:30:00", "1,20 €"),
        ("fr", "9 mai 2026, 14:30:00", "1,20 €"),
        ("es", "9 may 2026, 14:30:00", "1,20 €"),
    ],
)
def test_times_and_money_are_written_as_the_language_does(
    locale: str, time: str, money: str
) -> None:
    voice = Voice(Audience.MARKETER, [locale])
    at = datetime.fromisoformat("2026-05-09T11:30:00+00:00")
    plain = " ".join(voice.at(at, "Europe/Helsinki").split())
    assert plain == time
    told = voice.say("money.discount", discount=1.2, currency="EUR")
    assert money in told.replace("\u00a0", " ")


def test_a_name_without_a_message_is_said_as_its_last_part() -> None:
    assert Voice(Audience.MARKETER).say("cause.teleport") == "teleport"
    assert isinstance(Voice(Audience.MARKETER).locale, Locale)
