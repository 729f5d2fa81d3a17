"""The rules on an offer, as a table: what it asks, how things stand, and the code of what it lacks."""

from datetime import timedelta
from typing import Any

import pytest

from domain.context import Candidate, Nearby, Sky
from domain.decisions import Cause
from domain.offers import (
    About,
    Audience,
    Life,
    Limits,
    OfferKind,
    PlaceCondition,
    WeatherCondition,
    WeatherWord,
    When,
)
from domain.people import Preferences
from scheduler.decide import eligible
from tests.unit.scheduler.decide.makers import NOON, candidate, context, offer
from tests.words import to_the_brand

RAIN = Sky(word=WeatherWord.RAIN, temperature=8.0, wind=6.0)
BARE_RAIN = Sky(word=WeatherWord.RAIN)
MINUTE = timedelta(minutes=1)


def weather(**more: Any) -> dict[str, Any]:
    return {"when": When(weather=WeatherCondition(**more))}


def place(**more: Any) -> dict[str, Any]:
    return {"when": When(place=PlaceCondition(**more))}


@pytest.mark.parametrize(
    ("asks", "stands", "person", "code"),
    [
        pytest.param({}, {}, {}, None, id="asks nothing"),
        pytest.param({"active": False}, {}, {}, "offer_inactive", id="switched off"),
        pytest.param(
            {"life": Life(starts_at=NOON + MINUTE)}, {}, {}, "offer_not_begun", id="not begun"
        ),
        pytest.param({"life": Life(starts_at=NOON)}, {}, {}, None, id="begins now"),
        pytest.param({"life": Life(ends_at=NOON)}, {}, {}, "offer_over", id="over"),
        pytest.param({"life": Life(ends_at=NOON + MINUTE)}, {}, {}, None, id="not yet over"),
        pytest.param(
            {},
            {},
            {"preferences": Preferences(muted_kinds=(OfferKind.DISCOUNT,))},
            "muted",
            id="kind muted",
        ),
        pytest.param({}, {"refused": True}, {}, "not_for_me", id="not for me"),
        pytest.param(
            {"audience": Audience(traits_none=("vegetarian",))},
            {},
            {"traits": ("tall", "vegetarian")},
            "audience",
            id="barred trait",
        ),
        pytest.param(
            {"audience": Audience(traits_any=("vegan", "vegetarian"))},
            {},
            {},
            "audience",
            id="wanted trait is missing",
        ),
        pytest.param(
            {"audience": Audience(traits_any=("vegan", "vegetarian"))},
            {},
            {"traits": ("vegan",)},
            None,
            id="wanted trait is there",
        ),
        pytest.param(
            {"audience": Audience(segments_none=("staff",))},
            {},
            {"segments": ("staff",)},
            "audience",
            id="barred segment",
        ),
        pytest.param(
            {"audience": Audience(segments_any=("club",))},
            {},
            {"segments": ()},
            "audience",
            id="wanted segment",
        ),
        pytest.param(place(via=("dwell",)), {}, {}, "other_cause", id="said at a dwell only"),
        pytest.param(place(via=("dwell", "enter")), {}, {}, None, id="said at an enter too"),
        pytest.param(place(of="home"), {}, {}, "place_unknown", id="home is not known"),
        pytest.param(place(of="workplace"), {}, {}, "place_unknown", id="nor the workplace"),
        pytest.param(
            place(of="workplace", within_m=800),
            {"place": Nearby(distance_m=900.0, times=8, of=9)},
            {},
            "place_far",
            id="works too far from every store",
        ),
        pytest.param(
            place(of="workplace", within_m=800),
            {"place": Nearby(distance_m=800.0, times=8, of=9), "distance_m": 9000.0},
            {},
            None,
            id="works near, wherever they are now",
        ),
        pytest.param(
            place(of="home"),
            {"place": Nearby(distance_m=9000.0, times=8, of=9)},
            {},
            None,
            id="lives anywhere",
        ),
        pytest.param(
            place(of="home", via=("enter",)),
            {"place": Nearby(distance_m=0.0, times=8, of=9), "elsewhere": True},
            {},
            "elsewhere",
            id="none of its stores is left",
        ),
        pytest.param({}, {"elsewhere": True}, {}, "elsewhere", id="another store's offer"),
        pytest.param(place(within_m=800), {}, {}, "position_unknown", id="no fresh position"),
        pytest.param(place(within_m=800), {"distance_m": 800.1}, {}, "too_far", id="too far"),
        pytest.param(place(within_m=800), {"distance_m": 800.0}, {}, None, id="just near enough"),
        pytest.param({}, {"hours_hold": False}, {}, "offer_hours", id="outside its hours"),
        pytest.param({}, {"hours_hold": True}, {}, None, id="within its hours"),
        pytest.param({}, {"store_open": False}, {}, "store_closed", id="the store is closed"),
        pytest.param({}, {"store_open": None}, {}, None, id="no opening hours are known"),
        pytest.param(weather(any=(WeatherWord.RAIN,)), {}, {}, "weather_unknown", id="no weather"),
        pytest.param(weather(any=(WeatherWord.SNOW,)), {"sky": RAIN}, {}, "weather", id="no snow"),
        pytest.param(
            weather(any=(WeatherWord.SNOW, WeatherWord.RAIN)), {"sky": RAIN}, {}, None, id="rain"
        ),
        pytest.param(weather(temperature_below=8), {"sky": RAIN}, {}, "weather", id="not below"),
        pytest.param(weather(temperature_below=8.1), {"sky": RAIN}, {}, None, id="below"),
        pytest.param(weather(temperature_above=8), {"sky": RAIN}, {}, "weather", id="not above"),
        pytest.param(weather(wind_above=5), {"sky": RAIN}, {}, None, id="windy"),
        pytest.param(
            weather(temperature_below=15), {"sky": BARE_RAIN}, {}, "weather", id="no temperature"
        ),
        pytest.param(weather(wind_above=0), {"sky": BARE_RAIN}, {}, "weather", id="no wind known"),
        pytest.param({}, {"said_in_daypart": True}, {}, "already_said", id="said this daypart"),
        pytest.param(
            {"limits": Limits(per_customer_days=7)},
            {"last_sent_at": NOON - timedelta(days=7) + MINUTE},
            {},
            "repeat",
            id="said within the week",
        ),
        pytest.param(
            {"limits": Limits(per_customer_days=7)},
            {"last_sent_at": NOON - timedelta(days=7)},
            {},
            None,
            id="said a week ago",
        ),
        pytest.param(
            {"limits": Limits(per_customer_days=1e9)},
            {"last_sent_at": NOON - timedelta(days=700)},
            {},
            "repeat",
            id="never again",
        ),
        pytest.param({}, {"left": 0}, {}, "sold_out", id="sold out"),
        pytest.param({}, {"kind_left": 0}, {}, "kind_cap", id="enough of this kind"),
        pytest.param({}, {"store_left": 0}, {}, "store_cap", id="enough about this store"),
        pytest.param({}, {"kind_left": 1, "store_left": 1}, {}, None, id="one more of each"),
        pytest.param({"sensitive": True}, {}, {}, "sensitive", id="not asked for by name"),
        pytest.param(
            {"sensitive": True, "about": About(categories=("wine",))},
            {},
            {"interests": ("beer", "wine")},
            None,
            id="sensitive and asked for",
        ),
        pytest.param({}, {"left": 1}, {}, None, id="one is left"),
        pytest.param({}, {"unsayable": "no name"}, {}, "no_text", id="no text for this person"),
    ],
)
def test_what_an_offer_lacks_is_told_by_its_code(
    asks: dict[str, Any], stands: dict[str, Any], person: dict[str, Any], code: str | None
) -> None:
    said = offer(**asks)
    found = eligible.lacks(context(**person), said, candidate(said, **stands))
    assert (found.code if found else None) == code
    if found:
        assert found.offer == "soup"
        assert to_the_brand(found).text
        assert to_the_brand(found).would_change


def test_the_cause_of_a_habit_can_be_asked_for() -> None:
    said = offer(**place(via=("habit",)))
    assert eligible.lacks(context(cause=Cause.HABIT), said, candidate(said)) is None


def test_no_offer_at_all_is_told_apart_from_none_that_fits() -> None:
    assert [reason.code for reason in eligible.none_fits([], [])] == ["no_offer"]
    said = offer()
    lacking = eligible.lacks(context(), said, Candidate(offer_id=said.id, revision=1, left=0))
    assert lacking
    found = eligible.none_fits([said], [lacking])
    assert [(reason.code, reason.offer) for reason in found] == [
        ("no_offer", None),
        ("sold_out", "soup"),
    ]
