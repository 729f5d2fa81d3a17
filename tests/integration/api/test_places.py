"""What the person and the brand read of a home and a workplace."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from domain.haunts import Places
from domain.people import Purpose
from domain.places import LatLon
from geofence.places import cell_of, centre_of, credited
from geofence.stays import Stay
from storage import places
from tests.integration.conftest import Install, World
from tests.integration.places import KALLIO, add_store

HELSINKI = ZoneInfo("Europe/Helsinki")
WORK = LatLon(latitude=KALLIO["latitude"] + 0.0123456, longitude=KALLIO["longitude"])
HOME = LatLon(latitude=60.31, longitude=25.04)


def lived(until: date, days: int) -> Places:
    """So many days of nights at home and weekdays at work, up to the day before `until`."""
    known = Places()
    for ago in range(days, 0, -1):
        day = until - timedelta(days=ago)
        rows = [(HOME, 0, 8), (WORK, 9, 17)] if day.weekday() < 5 else [(HOME, 0, 20)]
        for place, begins, ends in rows:
            at = [datetime.combine(day, time(hour), tzinfo=HELSINKI) for hour in (begins, ends)]
            stay = Stay(at[0].timestamp(), at[1].timestamp(), *place)
            known = credited(known, stay, HELSINKI)
    return known


def know(world: World, device: Install, days: int = 20) -> None:
    now = world.clock.now()
    found = lived(now.astimezone(UTC).date(), days)
    world.database.write(
        lambda tx: places.save(
            tx, found, customer_id=device.customer_id, brand_id=world.brand.id, now=now
        )
    )


@pytest.fixture
def anna(world: World) -> Install:
    world.admin.put("/v1/customers/anna", {})
    token = world.customer_token("anna")
    return world.device(Purpose.LOCATION, Purpose.HABITS, customer_token=token)


def test_the_person_reads_all_that_is_stored_in_their_words(world: World, anna: Install) -> None:
    assert anna.get("/v1/me").json["places"] is None
    know(world, anna)
    answer = anna.get("/v1/me").json
    told = answer["places"]
    claimed: dict[str, Any] = {each["kind"]: each for each in told["claimed"]}
    work = claimed["workplace"]
    assert work["sentence"] == (
        f"You work around here on weekdays: {work['seen']} of {work['of']} weekdays."
    )
    assert work["days"] == 14
    middle = centre_of(cell_of(*WORK))
    assert work["area"] == {
        "latitude": round(middle.latitude, 3),
        "longitude": round(middle.longitude, 3),
        "width_m": 500.0,
    }
    assert [each["claimed_as"] for each in told["cells"]] == [["home"], ["workplace"]]
    assert answer["stored"]["places"] == 1


def test_the_brand_reads_whom_it_may_reach_and_not_where_they_are(
    world: World, anna: Install
) -> None:
    add_store(world)
    add_store(world, "far", latitude=61.5, longitude=23.8)
    assert world.admin.get("/v1/customers/anna").json["places"] == []
    know(world, anna)
    answer = world.admin.get("/v1/customers/anna")
    known = {each["kind"]: each for each in answer.json["places"]}
    assert known["workplace"]["stores"] == [{"store": "kallio", "distance_m": 1000.0}]
    assert known["home"]["stores"] == []
    home = known["home"]
    assert home["sentence"] == f"lives around here: {home['seen']} of {home['of']} nights, certain"
    told = world.admin.get("/v1/customers/anna?locale=de").json["places"]
    assert told[0]["sentence"].startswith("wohnt hier in der Gegend: ")
    assert "latitude" not in answer.text
    assert "area" not in answer.text
    assert "cell" not in answer.text


def test_too_little_evidence_claims_nothing(world: World, anna: Install) -> None:
    know(world, anna, days=3)
    told = anna.get("/v1/me").json["places"]
    assert told["claimed"] == []
    assert len(told["cells"]) == 2
    assert world.admin.get("/v1/customers/anna").json["places"] == []


def test_the_export_names_every_field(world: World, anna: Install) -> None:
    know(world, anna)
    (row,) = anna.get("/v1/me/export").json["data"]["places"]
    assert {"cell", "hours", "nights", "weekdays", "days", "last"} <= set(row["body"]["haunts"][0])


def test_an_offer_that_asks_for_less_than_is_known_is_warned_of(world: World) -> None:
    offer = {"kind": "information", "title": {"en": "x"}, "body": {"en": "y"}}
    for within_m, warned in ((300, True), (1000, False)):
        when = {"place": {"of": "home", "within_m": within_m}}
        answer = world.admin.put("/v1/offers/near", {**offer, "when": when})
        assert any("350 m" in each for each in answer.json["warnings"]) is warned
