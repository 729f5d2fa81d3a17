"""Stores found by their address: over real HTTP, with a geocoder of this machine."""

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from domain.clock import ManualClock
from domain.errors import Busy
from domain.settings import Settings
from service import geocode
from service.cli.main import main
from service.geocode import PUBLIC_PAUSE_S, Geocoder
from storage.engine import Database
from tests.integration.conftest import World
from tests.integration.geocoder import FakeGeocoder, Place, geocoder

ADDRESS = "Hämeentie 1, Helsinki"
KALLIO = Place(60.1841, 24.9499)
AREA = Place(60.17, 24.94, "Helsinki, Finland", "area")


@pytest.fixture
def far_end() -> Iterator[FakeGeocoder]:
    with geocoder() as server:
        server.places[ADDRESS] = [KALLIO]
        yield server


@pytest.fixture(params=["nominatim", "photon"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


Make = Callable[..., World]


@pytest.fixture
def world_with(sqlite_database: Database, clock: ManualClock, far_end: FakeGeocoder) -> Make:
    def make(kind: str = "nominatim") -> World:
        chosen = Settings(geocoder=kind, geocoder_url=far_end.url)  # type: ignore[arg-type]  # one of the choices
        return World(sqlite_database, clock, settings=chosen)

    return make


def put(world: World, **more: Any) -> Any:
    return world.admin.put("/v1/stores/kallio", {"name": "Kallio", **more})


def post(world: World, rows: list[dict[str, Any]]) -> Any:
    return world.admin.post(
        "/v1/imports/stores", data=json.dumps(rows), content_type="application/json"
    )


def row(name: str, address: str = ADDRESS, **more: Any) -> dict[str, Any]:
    return {"external_id": name, "name": name, "address": address, **more}


def test_a_store_is_found_by_its_address_and_says_as_what(
    kind: str, world_with: Make, far_end: FakeGeocoder
) -> None:
    answer = put(world_with(kind), address=ADDRESS)
    assert answer.status_code == 201, answer.json
    assert (answer.json["latitude"], answer.json["longitude"]) == (60.1841, 24.9499)
    assert answer.json["time_zone"] == "Europe/Helsinki"
    (told,) = answer.json["warnings"]
    assert told.startswith("Its address was found at 60.18410, 24.94990, to the house, as `Hämeent")
    (question,) = far_end.asked
    assert question.agent.startswith("whenabouts/")
    assert question.path == {"nominatim": "/search", "photon": "/api"}[kind]


def test_coordinates_that_are_given_or_known_ask_nobody(
    world_with: Make, far_end: FakeGeocoder
) -> None:
    world = world_with()
    assert put(world, address=ADDRESS, latitude=60.2, longitude=24.9).json["latitude"] == 60.2
    again = put(world, address=ADDRESS, opening_hours="Mo 10:00-11:00")
    assert (again.json["latitude"], again.json["warnings"]) == (60.2, [])
    assert far_end.asked == []
    far_end.places["Kamppi 1"] = [Place(60.1687, 24.9316)]
    assert put(world, address="Kamppi 1").json["latitude"] == 60.1687


@pytest.mark.parametrize(
    ("places", "said"),
    [
        ([], "No place was found"),
        ([AREA], "Only its town or area was found: add street and number"),
        ([KALLIO, Place(61.4978, 23.7610, "Hämeentie 1, Tampere")], "add town, postcode"),
    ],
)
def test_what_is_not_found_or_ambiguous_says_what_to_do(
    kind: str, world_with: Make, far_end: FakeGeocoder, places: list[Place], said: str
) -> None:
    far_end.places[ADDRESS] = places
    world = world_with(kind)
    refused = put(world, address=ADDRESS)
    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json["errors"]] == ["/address"]
    assert said in refused.json["errors"][0]["detail"]
    assert world.admin.get("/v1/stores/kallio").status_code == 404


def test_the_same_place_twice_and_a_town_beside_a_house_are_one_answer(
    kind: str, world_with: Make, far_end: FakeGeocoder
) -> None:
    far_end.places[ADDRESS] = [AREA, KALLIO, Place(60.1842, 24.9500, "The shop in it")]
    assert put(world_with(kind), address=ADDRESS).json["latitude"] == 60.1841


def test_a_street_alone_is_told(kind: str, world_with: Make, far_end: FakeGeocoder) -> None:
    far_end.places[ADDRESS] = [Place(60.1841, 24.9499, "Hämeentie", "street")]
    (told,) = put(world_with(kind), address=ADDRESS).json["warnings"]
    assert "only to the street, as `Hämeentie`" in told


def test_without_a_geocoder_the_remedy_names_both_ways(world: World) -> None:
    refused = put(world, address=ADDRESS)
    assert refused.status_code == 422
    detail = refused.json["errors"][0]["detail"]
    assert "Give latitude and longitude" in detail
    assert "WHENABOUTS_GEOCODER" in detail
    imported = post(world, [row("a")])
    assert imported.json["errors"][0]["detail"].startswith("Row 1: Give latitude and longitude")
    for half in ({"latitude": 60.18}, {"latitude": 60.18, "longitude": None}):
        refused = put(world, address=ADDRESS, **half)
        assert [error["pointer"] for error in refused.json["errors"]] == ["/longitude"]
    nowhere = put(world, latitude=None, longitude=None)
    assert {error["pointer"] for error in nowhere.json["errors"]} == {"/latitude", "/longitude"}


def test_a_geocoder_that_fails_is_busy_and_nothing_is_saved(
    kind: str, world_with: Make, far_end: FakeGeocoder
) -> None:
    world = world_with(kind)
    far_end.status = 500
    busy = put(world, address=ADDRESS)
    assert (busy.status_code, busy.json["code"]) == (503, "geocoder_unavailable")
    assert post(world, [row("a")]).status_code == 503
    assert world.admin.get("/v1/stores").json["data"] == []


def test_an_import_looks_up_what_is_new_and_names_the_rows_it_could_not(
    world_with: Make, far_end: FakeGeocoder
) -> None:
    world = world_with()
    far_end.places["Kamppi 1"] = [Place(60.1687, 24.9316)]
    rows = [row("a"), row("b", "Kamppi 1"), row("c", latitude=60.2, longitude=24.9)]
    refused = post(world, [*rows, row("d", "Nowhere 1")])
    assert refused.status_code == 422
    assert refused.json["errors"][0]["pointer"] == "/3/address"
    assert refused.json["errors"][0]["detail"].startswith("Row 4: No place was found")
    far_end.asked.clear()
    done = post(world, rows)
    assert (done.json["created"], len(far_end.asked)) == (3, 2)
    assert [line[:32] for line in done.json["warnings"]] == [
        "Row 1: Its address was found at ", "Row 2: Its address was found at ",
    ]  # fmt: skip
    far_end.asked.clear()
    again = post(world, rows)
    assert (again.json["unchanged"], far_end.asked) == (3, [])


def test_a_file_with_other_mistakes_asks_nobody(world_with: Make, far_end: FakeGeocoder) -> None:
    refused = post(world_with(), [row("a"), row("b", latitude=99.0, longitude=24.9)])
    assert [error["pointer"] for error in refused.json["errors"]] == ["/1/latitude"]
    assert far_end.asked == []


def test_one_request_asks_for_a_hundred_addresses_at_most(
    world_with: Make, far_end: FakeGeocoder
) -> None:
    refused = post(world_with(), [row(f"s{n}", f"Street {n}") for n in range(101)])
    assert refused.status_code == 422
    assert "101 addresses" in refused.json["detail"]
    assert "whenabouts import" in refused.json["detail"]
    assert far_end.asked == []


def test_questions_keep_their_distance(far_end: FakeGeocoder) -> None:
    """Each left no sooner than this after the one before; when it arrives depends on the machine as well."""
    patient = Geocoder("nominatim", url=far_end.url, pause_s=0.2)
    began = time.monotonic()
    for _ in range(3):
        patient.find(ADDRESS)
    times = [question.at - began for question in far_end.asked]
    assert len(times) == 3
    assert all(at >= 0.19 * number for number, at in enumerate(times))


def test_the_public_hosts_are_asked_once_a_second_and_an_own_one_at_will(
    far_end: FakeGeocoder,
) -> None:
    assert geocode.of(Settings()) is None
    public = geocode.of(Settings(geocoder="nominatim"))
    named = geocode.of(Settings(geocoder="photon", geocoder_url="https://photon.komoot.io/"))
    own = geocode.of(Settings(geocoder="photon", geocoder_url=far_end.url))
    assert public
    assert named
    assert own
    assert (public.pause_s, named.pause_s, own.pause_s) == (PUBLIC_PAUSE_S, PUBLIC_PAUSE_S, 0.0)


def test_a_geocoder_below_a_path_is_asked_there(kind: str, far_end: FakeGeocoder) -> None:
    Geocoder(kind, url=f"{far_end.url}/maps/", pause_s=0).find(ADDRESS)
    assert far_end.asked[0].path == {"nominatim": "/maps/search", "photon": "/maps/api"}[kind]


def test_nobody_at_the_address_is_busy() -> None:
    with pytest.raises(Busy, match="does not answer"):
        Geocoder("nominatim", url="http://127.0.0.1:9", pause_s=0).check()


def test_the_command_line_looks_up_more_and_the_doctor_asks_whether_it_answers(
    tmp_path: Path,
    sqlite_template: Path,
    far_end: FakeGeocoder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in [name for name in os.environ if name.startswith("WHENABOUTS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("WHENABOUTS_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("WHENABOUTS_GEOCODER", "photon")
    monkeypatch.setenv("WHENABOUTS_GEOCODER_URL", far_end.url)
    (tmp_path / "whenabouts.sqlite3").write_bytes(sqlite_template.read_bytes())
    far_end.places = {f"Street {n}": [Place(60.2 + n / 1000, 24.9)] for n in range(101)}
    file = tmp_path / "stores.json"
    file.write_text(json.dumps([row(f"s{n}", f"Street {n}") for n in range(101)]))
    runner = CliRunner()
    assert runner.invoke(main, ["brands", "create", "soup"]).exit_code == 0
    done = runner.invoke(main, ["import", "stores", str(file), "--json"])
    assert json.loads(done.stdout)["created"] == 101
    assert len(far_end.asked) == 101
    findings = json.loads(runner.invoke(main, ["doctor", "--json"]).stdout)
    assert {one["part"]: one["health"] for one in findings}["geocoder"] == "ok"
    far_end.status = 500
    findings = json.loads(runner.invoke(main, ["doctor", "--json"]).stdout)
    assert {one["part"]: one["health"] for one in findings}["geocoder"] == "broken"
