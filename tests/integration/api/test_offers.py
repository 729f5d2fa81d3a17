from typing import Any

import pytest

from domain.access import CredentialKind, Scope
from domain.offers import OfferKind
from storage import offer_checks, offers
from storage.offer_checks import Question
from tests.integration.conftest import World

PLAIN: dict[str, Any] = {
    "kind": "information",
    "title": {"en": "Soup"},
    "body": {"en": "It is ready."},
}
SOUP: dict[str, Any] = {
    "kind": "discount",
    "title": {"en": "Hot soup, {{ customer.first_name | default: 'you' }}?"},
    "body": {"en": "{{ store.name }} is {{ distance_m }} m away."},
    "about": {"items": ["soup-tomato"], "categories": ["soup"], "services": []},
    "value": {"margin": 6.0, "discount": 1.5, "currency": "EUR"},
    "stores": ["kallio"],
    "when": {
        "hours": "Mo-Fr 10:30-13:30",
        "weather": {"any": ["rain", "snow"], "temperature_below": 15},
        "place": {"within_m": 800, "of": "store", "via": ["enter", "dwell", "habit"]},
    },
    "audience": {"traits_none": ["vegetarian"], "segments_any": []},
    "limits": {
        "per_customer_days": 7,
        "total": 1000,
        "per_day": 200,
        "stock": 120,
        "budget": None,
    },
    "life": {
        "starts_at": "2026-05-01T00:00:00+03:00",
        "ends_at": "2026-06-01T00:00:00+03:00",
        "ttl_s": 3600,
    },
    "data": {"deep_link": "brand://offers/rainy-soup"},
}
KALLIO = {"name": "Kallio", "latitude": 60.1841, "longitude": 24.9499}


def _put(world: World, **change: Any) -> Any:
    world.admin.put("/v1/stores/kallio", KALLIO)
    return world.admin.put("/v1/offers/x", {**SOUP, **change})


def _faults(world: World, **change: Any) -> dict[str, str]:
    refused = _put(world, **change)
    assert refused.status_code == 422, refused.json
    return {error["pointer"]: error["detail"] for error in refused.json["errors"]}


STYLE: dict[str, Any] = {
    "image": "https://brand.example/soup.png",
    "link": "https://brand.example/soup",
    "channel": "offers",
    "interruption_level": "passive",
    "relevance_score": 0.4,
    "badge": 0,
    "sound": "default",
}


def test_how_an_offer_is_shown_is_saved_and_read_back(world: World) -> None:
    assert _put(world, push=STYLE).json["push"] == STYLE
    assert world.admin.get("/v1/offers/x").json["push"] == STYLE


def test_an_offer_that_does_not_say_how_it_is_shown_leaves_it_to_the_phone(world: World) -> None:
    assert set(_put(world).json["push"].values()) == {None}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("image", "http://brand.example/a.png", "https://"),
        ("image", "https://", "https://"),
        ("image", "https://[brand", "https://"),
        ("image", "https://brand.example/ä.png", "percent-encode"),
        ("link", "brand://offers/1", "https://"),
        ("link", "https://brand.example/" + "x" * 1000, "1000"),
        ("interruption_level", "critical", "time-sensitive"),
        ("relevance_score", 1.5, "1"),
        ("badge", -1, "0"),
        ("badge", 1.5, "integer"),
        ("sound", "", "1"),
        ("channel", "a\u0000", "control"),
        ("vibrate", True, "Unknown"),
    ],
)
def test_a_wrong_wish_for_how_it_is_shown_is_named(
    world: World, name: str, value: object, said: str
) -> None:
    assert said in _faults(world, push={name: value})[f"/push/{name}"]


def test_a_long_lived_time_sensitive_offer_is_warned_of(world: World) -> None:
    saved = _put(world, push={"interruption_level": "time-sensitive"}, life={"ttl_s": 7200})
    assert any("/push/interruption_level" in text for text in saved.json["warnings"])


def test_what_phones_are_asked_counts_towards_the_size(world: World) -> None:
    long = dict.fromkeys(("image", "link"), f"https://brand.example/{'x' * 900}")
    assert "bytes" in _faults(world, push=long, data={"x": "y" * 900})["/body/en"]


def test_an_offer_is_created_read_changed_and_removed(any_world: World) -> None:
    admin = any_world.admin
    created = _put(any_world)
    assert created.status_code == 201
    read = admin.get("/v1/offers/x")
    assert read.headers["ETag"] == '"1"'
    assert {key: read.json[key] for key in ("title", "body", "about", "value", "stores", "data")} == {
        key: SOUP[key] for key in ("title", "body", "about", "value", "stores", "data")
    }  # fmt: skip
    assert read.json["when"]["place"] == SOUP["when"]["place"]
    assert read.json["when"]["weather"]["any"] == ["rain", "snow"]
    assert read.json["life"]["starts_at"] == "2026-04-30T21:00:00+00:00"
    assert read.json["limits"] == SOUP["limits"]
    assert admin.put("/v1/offers/x", PLAIN).status_code == 200
    assert admin.delete("/v1/offers/x").status_code == 204
    assert admin.get("/v1/offers/x").status_code == 404
    assert admin.get("/v1/offers").json["data"] == []
    again = admin.put("/v1/offers/x", PLAIN)
    assert (again.status_code, again.headers["ETag"]) == (201, '"3"')


def test_what_is_read_can_be_written_back(world: World) -> None:
    _put(world)
    first = world.admin.get("/v1/offers/x").json
    body = {key: value for key, value in first.items() if key != "external_id"}
    assert world.admin.put("/v1/offers/x", body).status_code == 200
    assert world.admin.get("/v1/offers/x").json == first


def test_a_plain_offer_needs_kind_title_and_body_only(world: World) -> None:
    created = world.admin.put("/v1/offers/x", PLAIN)
    assert (created.status_code, created.json["warnings"]) == (201, [])
    with world.database.read() as tx:
        (offer,) = offers.active(tx, world.brand.id)
    assert (offer.body.kind, offer.body.life.ttl_s) == (OfferKind.INFORMATION, 3600)
    missing = world.admin.put("/v1/offers/x", {}).json["errors"]
    assert {error["pointer"] for error in missing} == {"/kind", "/title", "/body"}


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"kind": "bargain"}, "/kind"),
        ({"title": {}}, "/title"),
        ({"title": {"": "x"}}, "/title//key"),
        ({"title": {"en": ""}}, "/title/en/value"),
        ({"title": {"en": "x" * 501}}, "/title/en/value"),
        ({"body": {"en": "x" * 2001}}, "/body/en/value"),
        ({"title": {"en": "\u0000"}}, "/title/en/value"),
        ({"title": {"en": "x", "fi": "x"}}, "/title/fi"),
        ({"title": {"xx": "x"}, "body": {"xx": "x"}}, "/title/xx"),
        ({"body": {"en": "{{ customer.firstname }}"}}, "/body/en"),
        ({"body": {"en": "{% for n in (1..100000000) %}x{% endfor %}"}}, "/body/en"),
        ({"value": {"margin": -1}}, "/value/margin"),
        ({"value": {"margin": float("nan")}}, "/value/margin"),
        ({"value": {"margin": float("inf")}}, "/value/margin"),
        ({"value": {"currency": "EURO"}}, "/value/currency"),
        ({"value": {"currency": "eur"}}, "/value/currency"),
        ({"stores": ["nowhere"]}, "/stores/0"),
        ({"when": {"hours": "Mon-Fri 10-13"}}, "/when/hours"),
        ({"when": {"weather": {"any": ["hail"]}}}, "/when/weather/any/0"),
        ({"when": {"weather": {}}}, "/when/weather"),
        ({"when": {"weather": {"temperature_above": 20, "temperature_below": 10}}},
         "/when/weather/temperature_below"),
        ({"when": {"place": {"of": "moon"}}}, "/when/place/of"),
        ({"when": {"place": {"via": ["walk"]}}}, "/when/place/via/0"),
        ({"when": {"place": {"within_m": 0}}}, "/when/place/within_m"),
        ({"when": {"day": "Mo"}}, "/when/day"),
        ({"audience": {"traits_any": ["pregnant"]}}, "/audience/traits_any/0"),
        ({"limits": {"total": -1}}, "/limits/total"),
        ({"limits": {"total": 1.5}}, "/limits/total"),
        ({"limits": {"per_day": True}}, "/limits/per_day"),
        ({"limits": {"stock": 2**31}}, "/limits/stock"),
        ({"limits": {"per_customer_days": -1}}, "/limits/per_customer_days"),
        ({"life": {"starts_at": "2026-05-01T00:00:00"}}, "/life/starts_at"),
        ({"life": {"starts_at": "2026-05-02T00:00:00Z", "ends_at": "2026-05-01T00:00:00Z"}},
         "/life/ends_at"),
        ({"life": {"ttl_s": -1}}, "/life/ttl_s"),
        ({"life": {"ttl_s": 2_419_201}}, "/life/ttl_s"),
        ({"data": {"n": 5}}, "/data/n/value"),
        ({"data": {"gcm.x": "1"}}, "/data/gcm.x"),
        ({"data": {"from": "1"}}, "/data/from"),
        ({"data": {"decision_id": "1"}}, "/data/decision_id"),
        ({"data": {"offer": "1"}}, "/data/offer"),
        ({"active": "yes"}, "/active"),
        ({"colour": "red"}, "/colour"),
    ],
)  # fmt: skip
def test_a_mistake_is_named(world: World, change: dict[str, Any], pointer: str) -> None:
    assert list(_faults(world, **change)) == [pointer]


def test_a_push_that_could_grow_beyond_what_fcm_carries_is_refused(world: World) -> None:
    words = {"a": "x" * 1000, "b": "x" * 1000, "c": "x" * 400}
    assert _put(world, data=words, body={"en": "Short."}).status_code == 201
    faults = _faults(world, data=words, body={"en": "{{ store.address }}"})
    assert "bytes of 4096" in faults["/body/en"]


def test_what_may_be_missing_is_warned_about(world: World) -> None:
    warnings = _put(world, value={"margin": 1, "discount": 2}).json["warnings"]
    assert any("/body/en" in warning and "distance_m" in warning for warning in warnings)
    assert any("discount is above the margin" in warning for warning in warnings)


def test_a_stale_if_match_changes_and_removes_nothing(world: World) -> None:
    for _ in range(2):
        world.admin.put("/v1/offers/x", PLAIN)
    stale = {"If-Match": '"1"'}
    assert world.admin.put("/v1/offers/x", PLAIN, headers=stale).status_code == 412
    assert world.admin.delete("/v1/offers/x", headers=stale).status_code == 412
    assert world.admin.delete("/v1/offers/x", headers={"If-Match": '"2"'}).status_code == 204
    assert world.admin.delete("/v1/offers/x").status_code == 404


def test_offers_are_listed_by_name_and_belong_to_their_brand(world: World) -> None:
    for name in "cab":
        world.admin.put(f"/v1/offers/{name}", PLAIN)
    first = world.admin.get("/v1/offers?limit=2").json
    second = world.admin.get(f"/v1/offers?limit=2&cursor={first['next_cursor']}").json
    assert [offer["external_id"] for offer in first["data"] + second["data"]] == ["a", "b", "c"]
    assert first["data"][0]["title"] == PLAIN["title"]
    other = world.key(world.add_brand("salon"), CredentialKind.SECRET, *Scope)
    assert other.get("/v1/offers").json["data"] == []
    assert other.get("/v1/offers/a").status_code == 404


def test_reading_needs_a_reading_key_and_writing_an_admins(world: World) -> None:
    reader = world.key(world.brand, CredentialKind.SECRET, Scope.READ)
    ingester = world.key(world.brand, CredentialKind.SECRET, Scope.INGEST)
    for path in ("/v1/offers", "/v1/items", "/v1/geofences", "/v1/engine"):
        assert reader.get(path).status_code == 200
        assert ingester.get(path).status_code == 403
        assert world.nobody.get(path).status_code == 401
    assert reader.put("/v1/offers/x", PLAIN).status_code == 403
    assert reader.put("/v1/engine", {"paused": True}).status_code == 403


@pytest.mark.parametrize(
    ("more", "sensitive"),
    [
        ({}, False),
        ({"sensitive": True}, True),
        ({"about": {"categories": ["oncology"]}}, True),
        ({"body": {"en": "For your pregnancy"}}, True),
        ({"body": {"en": "The church café"}, "sensitive": False}, False),
        ({"title": {"en": "After church"}, "sensitive": None}, True),
    ],
)
def test_an_offer_is_sensitive_by_its_words_unless_it_says_otherwise(
    world: World, more: dict[str, Any], sensitive: bool
) -> None:
    saved = world.admin.put("/v1/offers/x", {**PLAIN, **more})
    assert saved.json["sensitive"] is sensitive
    told = [line for line in saved.json["warnings"] if line.startswith("/sensitive")]
    assert bool(told) is ((sensitive and "sensitive" not in more) or more.get("title") is not None)


def test_an_offer_that_fcm_refused_says_why_until_it_is_saved_anew(world: World) -> None:
    world.admin.put("/v1/offers/soup", PLAIN)
    assert world.admin.get("/v1/offers/soup").json["suspended"] is None
    with world.database.read() as tx:
        offer = offers.get(tx, brand_id=world.brand.id, external_id="soup")
    asked = Question(offer_id=offer.id, revision=1, project="p", platform="ios")
    taken = Question(offer_id=offer.id, revision=1, project="p", platform="android")
    text = "Invalid value at 'message.data[0].value' (TYPE_STRING), \"Aino\""
    now = world.clock.now()
    world.database.write(lambda tx: offer_checks.save(tx, {asked: text, taken: None}, now=now))

    expected = {
        "reason": "Invalid value at 'message.data[0].value' (TYPE_STRING)",
        "since": now.isoformat(),
    }
    assert world.admin.get("/v1/offers/soup").json["suspended"] == expected
    assert world.admin.get("/v1/offers").json["data"][0]["suspended"] == expected

    assert world.admin.put("/v1/offers/soup", PLAIN).json["suspended"] is None
    assert world.admin.get("/v1/offers/soup").json["suspended"] is None
