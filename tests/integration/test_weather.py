"""Weather over real HTTP: the recorded provider, Open-Meteo's and MET Norway's forms, and what breaks."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from domain.clock import ManualClock
from domain.decisions import Cause, Outcome
from domain.errors import Invalid
from domain.offers import Limits, PlaceCondition, WeatherCondition, WeatherWord, When
from domain.people import Purpose
from domain.places import LatLon
from domain.settings import Settings
from domain.weather import Cell, Observation
from geofence.distance import metres
from scheduler.weather import client, fetch, recorded
from scheduler.weather.fetch import Unavailable
from scheduler.weather.met_norway import MetNorway
from scheduler.weather.open_meteo import OpenMeteo
from scheduler.weather.recorded import Place, RecordedServer, Step, Timeline
from scheduler.weather.watch import Watch, box_around
from storage import weather
from storage.engine import Database
from tests.conftest import NOON
from tests.integration.skies import FakeHost, answer, drip, flood, hang_up, open_meteo
from tests.integration.stage import LATITUDE, LONGITUDE, OPEN, Stage
from tests.words import to_the_brand

KALLIO = Cell.at(latitude=LATITUDE, longitude=LONGITUDE)
TAMPERE = Cell.at(latitude=61.5, longitude=23.8)
RAIN = When(weather=WeatherCondition(any=(WeatherWord.RAIN,)))
MAX_AGE = timedelta(minutes=45)


def settings(**more: Any) -> Settings:
    return Settings(**more)


@pytest.fixture
def host() -> Iterator[FakeHost]:
    fake = FakeHost()
    yield fake
    fake.stop()


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as one:
        one.trust_env = False
        yield one


@pytest.fixture
def meteo(host: FakeHost, session: requests.Session) -> OpenMeteo:
    return OpenMeteo(base_url=host.url, api_key=None, session=session)


@pytest.fixture
def norway(host: FakeHost, session: requests.Session) -> MetNorway:
    return MetNorway(base_url=host.url, contact="ops@example.com", session=session)


class TestOpenMeteo:
    def test_one_cell_is_answered_with_an_object_and_many_with_a_list(
        self, host: FakeHost, meteo: OpenMeteo
    ) -> None:
        at = int(NOON.timestamp()) - 300
        host.replies = [
            answer(open_meteo(at)),
            answer([open_meteo(at), open_meteo(at, weather_code=0)]),
        ]
        [seen] = meteo.current([KALLIO], now=NOON)
        assert seen == Observation(
            cell="60.2,24.9",
            provider="open-meteo",
            observed_at=NOON - timedelta(seconds=300),
            fetched_at=NOON,
            word=WeatherWord.RAIN,
            temperature=8.5,
            wind=4.0,
            precipitation=0.7,
        )
        both = meteo.current([KALLIO, TAMPERE], now=NOON)
        assert [(each.cell, each.word) for each in both] == [
            ("60.2,24.9", WeatherWord.RAIN),
            ("61.5,23.8", WeatherWord.CLEAR),
        ]
        path, query, _ = host.asked[1]
        assert path == "/v1/forecast"
        assert query["latitude"] == ["60.2,61.5"]
        assert query["wind_speed_unit"] == ["ms"]
        assert "apikey" not in query

    def test_the_key_is_sent_and_never_told(
        self, host: FakeHost, session: requests.Session
    ) -> None:
        paid = OpenMeteo(base_url=host.url, api_key="secret-key", session=session)
        host.replies = [answer({"error": True, "reason": "no"}, status=400)]
        with pytest.raises(Unavailable) as refused:
            paid.current([KALLIO], now=NOON)
        assert host.asked[0][1]["apikey"] == ["secret-key"]
        assert "secret-key" not in str(refused.value)
        host.stop()
        with pytest.raises(Unavailable) as gone:
            paid.current([KALLIO], now=NOON)
        assert "secret-key" not in str(gone.value)
        assert gone.value.__cause__ is None

    def test_many_cells_are_asked_for_in_calls_of_a_hundred(
        self, host: FakeHost, meteo: OpenMeteo
    ) -> None:
        cells = [Cell(latitude=60.0, longitude=n / 10) for n in range(150)]
        place = open_meteo(int(NOON.timestamp()))
        host.replies = [answer([place] * 100), answer([place] * 50)]
        assert len(meteo.current(cells, now=NOON)) == 150

    @pytest.mark.parametrize(
        "reply",
        [
            pytest.param(answer(b"<html>"), id="no JSON"),
            pytest.param(answer(b""), id="nothing"),
            pytest.param(answer({}), id="no weather"),
            pytest.param(answer({"current": {"time": "now", "weather_code": 1}}), id="wrong types"),
            pytest.param(answer([]), id="too few places"),
            pytest.param(answer([open_meteo(0)] * 3), id="too many places"),
            pytest.param(answer({"error": True}, status=400), id="refused"),
            pytest.param(
                answer(b"", status=302, Location="http://169.254.169.254/"), id="redirect"
            ),
            pytest.param(answer(b"", status=500), id="server error"),
            pytest.param(hang_up, id="cut off"),
            pytest.param(flood, id="without end"),
        ],
    )
    def test_a_broken_answer_is_no_weather(
        self, host: FakeHost, meteo: OpenMeteo, reply: Any
    ) -> None:
        host.replies = [reply]
        with pytest.raises(Unavailable):
            meteo.current([KALLIO], now=NOON)
        assert len(host.asked) == 1

    def test_an_answer_that_trickles_in_is_given_up(
        self, host: FakeHost, session: requests.Session
    ) -> None:
        host.replies = [drip]
        started = time.monotonic()
        with pytest.raises(Unavailable):
            fetch.get(session, host.url, params={}, whole_s=0.3)
        assert time.monotonic() - started < 3.0

    @pytest.mark.parametrize(
        "odd",
        [
            {"weather_code": 42},
            {"temperature_2m": 120.0},
            {"wind_speed_10m": -1.0},
            {"precipitation": 9999.0},
            {"time": int(NOON.timestamp()) + 7200},
            {"time": 10**18},
        ],
    )
    def test_values_that_make_no_sense_are_left_out(
        self, host: FakeHost, meteo: OpenMeteo, odd: dict[str, Any]
    ) -> None:
        host.replies = [answer(open_meteo(**({"at": int(NOON.timestamp())} | _named(odd))))]
        assert meteo.current([KALLIO], now=NOON) == []

    def test_other_units_than_ours_are_left_out(self, host: FakeHost, meteo: OpenMeteo) -> None:
        place = open_meteo(int(NOON.timestamp()))
        place["current_units"] = {"temperature_2m": "°F", "wind_speed_10m": "m/s"}
        host.replies = [answer(place)]
        assert meteo.current([KALLIO], now=NOON) == []

    def test_numbers_that_are_missing_stay_unknown(self, host: FakeHost, meteo: OpenMeteo) -> None:
        host.replies = [answer(open_meteo(int(NOON.timestamp()), temperature_2m=None))]
        [seen] = meteo.current([KALLIO], now=NOON)
        assert seen.temperature is None

    def test_the_provider_s_wish_to_wait_is_told(self, host: FakeHost, meteo: OpenMeteo) -> None:
        host.replies = [answer(b"", status=429, Retry_After="120")]
        with pytest.raises(Unavailable) as refused:
            meteo.current([KALLIO], now=NOON)
        assert refused.value.retry_after_s == 120


def _named(odd: dict[str, Any]) -> dict[str, Any]:
    return {"at" if name == "time" else name: value for name, value in odd.items()}


def forecast(*symbols: str, start: datetime = NOON, updated: datetime = NOON) -> dict[str, Any]:
    """MET Norway's form: one symbol per hour from `start` on."""
    return {
        "properties": {
            "meta": {"updated_at": updated.isoformat()},
            "timeseries": [
                {
                    "time": (start + timedelta(hours=n)).isoformat(),
                    "data": {
                        "instant": {"details": {"air_temperature": 3.5, "wind_speed": 7.0}},
                        "next_1_hours": {
                            "summary": {"symbol_code": symbol},
                            "details": {"precipitation_amount": 1.2},
                        },
                    },
                }
                for n, symbol in enumerate(symbols)
            ],
        }
    }


class TestMetNorway:
    def test_the_present_hour_counts(self, host: FakeHost, norway: MetNorway) -> None:
        host.replies = [answer(forecast("clearsky_day", "heavysnow"))]
        [seen] = norway.current([KALLIO], now=NOON + timedelta(minutes=61))
        assert (seen.word, seen.temperature, seen.wind) == (WeatherWord.SNOW, 3.5, 7.0)
        assert seen.observed_at == NOON + timedelta(minutes=61)
        path, query, headers = host.asked[0]
        assert path == "/weatherapi/locationforecast/2.0/compact"
        assert query == {"lat": ["60.2"], "lon": ["24.9"]}
        assert headers["User-Agent"].endswith("ops@example.com")

    def test_a_forecast_is_kept_until_it_expires_and_then_asked_for_by_its_date(
        self, host: FakeHost, norway: MetNorway
    ) -> None:
        modified = "Wed, 06 May 2026 08:50:00 GMT"
        host.replies = [
            answer(
                forecast("rain", "rain"),
                Expires="Wed, 06 May 2026 09:30:00 GMT",
                Last_Modified=modified,
            ),
            answer(b"", status=304, Expires="Wed, 06 May 2026 10:00:00 GMT"),
            answer(forecast("rain", "heavysnow"), Expires="Wed, 06 May 2026 10:30:00 GMT"),
        ]
        for minutes in (0, 10, 29):
            assert norway.current([KALLIO], now=NOON + timedelta(minutes=minutes))
        assert len(host.asked) == 1
        assert norway.current([KALLIO], now=NOON + timedelta(minutes=31))
        assert host.asked[1][2]["If-Modified-Since"] == modified
        [seen] = norway.current([KALLIO], now=NOON + timedelta(minutes=61))
        assert len(host.asked) == 3
        assert host.asked[2][2]["If-Modified-Since"] == modified
        assert seen.word is WeatherWord.SNOW

    @pytest.mark.parametrize(
        "body",
        [
            forecast("frogs"),
            forecast("rain", start=NOON - timedelta(hours=3)),
            forecast("rain", updated=NOON - timedelta(hours=25)),
            forecast(),
        ],
    )
    def test_a_forecast_that_does_not_tell_the_present_is_left_out(
        self, host: FakeHost, norway: MetNorway, body: dict[str, Any]
    ) -> None:
        host.replies = [answer(body)]
        assert norway.current([KALLIO], now=NOON) == []

    @pytest.mark.parametrize(
        "reply",
        [
            pytest.param(answer(b"{"), id="no JSON"),
            pytest.param(answer({"properties": {}}), id="no forecast"),
            pytest.param(answer(forecast("rain", start=datetime(2026, 5, 6))), id="no zone"),  # noqa: DTZ001 - what is tested
            pytest.param(answer(b"", status=403), id="blocked"),
            pytest.param(answer(b"", status=304), id="nobody asked for what changed"),
        ],
    )
    def test_a_broken_answer_is_no_weather(
        self, host: FakeHost, norway: MetNorway, reply: Any
    ) -> None:
        host.replies = [reply]
        with pytest.raises(Unavailable):
            norway.current([KALLIO], now=NOON)

    def test_one_cell_out_of_reach_does_not_spoil_the_others(
        self, host: FakeHost, norway: MetNorway
    ) -> None:
        host.replies = [answer(b"", status=422), answer(forecast("rain"))]
        [seen] = norway.current([KALLIO, TAMPERE], now=NOON)
        assert seen.cell == TAMPERE.key

    def test_when_asked_to_wait_it_asks_for_nothing_more(
        self, host: FakeHost, norway: MetNorway
    ) -> None:
        host.replies = [answer(b"", status=429, Retry_After="60")]
        with pytest.raises(Unavailable):
            norway.current([KALLIO, TAMPERE], now=NOON)
        assert len(host.asked) == 1


class TestProviders:
    def test_none_has_no_weather(self) -> None:
        assert client.provider(settings(weather_provider="none")) is None

    @pytest.mark.parametrize(
        ("name", "missing"),
        [("met-norway", "WHENABOUTS_WEATHER_CONTACT"), ("recorded", "WHENABOUTS_WEATHER_URL")],
    )
    def test_what_a_provider_needs_is_named(self, name: Any, missing: str) -> None:
        with pytest.raises(Invalid, match=missing):
            client.provider(settings(weather_provider=name))

    @pytest.mark.parametrize(
        ("key", "prefix"), [(None, "https://api."), ("k", "https://customer-api.")]
    )
    def test_a_key_means_the_commercial_host(self, key: str | None, prefix: str) -> None:
        found = client.provider(settings(weather_provider="open-meteo", weather_api_key=key))
        assert isinstance(found, OpenMeteo)
        assert found.url.startswith(prefix)

    def test_the_others_are_made(self) -> None:
        met = settings(weather_provider="met-norway", weather_contact="ops@example.com")
        assert isinstance(client.provider(met), MetNorway)


TURNING = Timeline(
    places=(
        Place(
            latitude=LATITUDE,
            longitude=LONGITUDE,
            steps=(
                Step(after_s=0, weather_code=3, temperature_2m=12.0),
                Step(after_s=3600, weather_code=61, temperature_2m=9.0, precipitation=1.0),
                Step(after_s=7200, weather_code=2, temperature_2m=10.0),
                Step(after_s=10800, weather_code=80, temperature_2m=8.0),
            ),
        ),
        Place(
            latitude=-33.9,
            longitude=18.4,
            steps=(Step(after_s=0, weather_code=0, temperature_2m=25.0),),
        ),
    )
)


class Rainy(Stage):
    """A stage under a recorded sky: clouds, rain after an hour, clouds again, rain again."""

    def __init__(self, database: Database, clock: ManualClock) -> None:
        super().__init__(database, clock)
        self.server = RecordedServer(TURNING, clock=clock, start=clock.now())
        self.server.start()
        self.woken = 0
        self.watch = self.add_watch()

    def add_watch(self) -> Watch:
        provider = client.provider(
            settings(weather_provider="recorded", weather_url=self.server.url)
        )
        assert provider
        return Watch(
            database=self.database,
            clock=self.clock,
            provider=provider,
            max_age=MAX_AGE,
            wake=self._wake,
        )

    def _wake(self) -> None:
        self.woken += 1

    def seen(self) -> dict[str, Observation]:
        now = self.clock.now()
        with self.database.read() as tx:
            return weather.latest(tx, [KALLIO.key], since=now - MAX_AGE, before=now)


@pytest.fixture
def stage(database: Database, clock: ManualClock) -> Iterator[Rainy]:
    made = Rainy(database, clock)
    yield made
    made.server.stop()


@pytest.fixture
def small(sqlite_database: Database, clock: ManualClock) -> Iterator[Rainy]:
    made = Rainy(sqlite_database, clock)
    yield made
    made.server.stop()


def test_a_turn_opens_a_moment_for_whoever_is_near(stage: Rainy) -> None:
    stage.offer(when=RAIN)
    near, far, stale = stage.person(), stage.person(), stage.person()
    assert stage.watch.tick() == 1
    assert stage.open_moments() == []
    stage.clock.advance(hours=1)
    stage.stand(near, north_m=990)
    stage.stand(far, north_m=1010)
    stage.stand(stale, at=stage.clock.now() - timedelta(minutes=61))
    assert stage.watch.tick() == 1
    [moment] = stage.open_moments()
    assert (moment.customer_id, moment.cause) == (near.customer_id, Cause.WEATHER)
    assert moment.store_id == stage.store.id
    assert moment.expires_at == stage.clock.now() + timedelta(minutes=45)
    assert stage.woken == 1
    decision = stage.decide(moment)
    assert decision.outcome is Outcome.SEND
    assert "rain, 9°C" in to_the_brand(decision.reasons[0]).text


def test_rain_that_goes_on_is_no_turn_and_rain_that_comes_back_is_one(stage: Rainy) -> None:
    stage.offer(when=RAIN)
    person = stage.person()
    opened = []
    for _ in range(16):
        stage.stand(person)
        stage.watch.tick()
        opened.append(len(stage.open_moments()))
        stage.clock.advance(minutes=15)
    assert opened == [0] * 4 + [1] * 8 + [2] * 4


def test_a_restart_neither_misses_nor_repeats_a_turn(small: Rainy) -> None:
    small.offer(when=RAIN)
    person = small.person()
    small.watch.tick()
    small.clock.advance(minutes=40)
    small.watch.tick()
    small.clock.advance(minutes=20)
    small.stand(person)
    small.watch = small.add_watch()
    small.watch.tick()
    assert len(small.open_moments()) == 1
    small.clock.advance(minutes=16)
    small.watch = small.add_watch()
    small.watch.tick()
    assert len(small.open_moments()) == 1


def test_a_cell_is_fetched_no_more_than_three_times_within_the_age_limit(small: Rainy) -> None:
    small.offer(when=RAIN)
    renewed = 0
    for _ in range(90):
        renewed += small.watch.tick()
        small.clock.advance(seconds=30)
    assert renewed == 3


def test_nothing_is_fetched_where_no_offer_asks(small: Rainy) -> None:
    small.offer("always")
    small.offer("over", when=RAIN, active=False)
    assert small.watch.tick() == 0
    assert small.seen() == {}
    small.offer("rainy", when=RAIN)
    small.clock.advance(minutes=1)
    assert small.watch.tick() == 1
    assert small.seen()


@pytest.mark.parametrize(
    ("place", "north_m", "opened"),
    [
        (PlaceCondition(within_m=200), 190, 1),
        (PlaceCondition(within_m=200), 210, 0),
        (PlaceCondition(within_m=5000), 4900, 1),
        (PlaceCondition(via=("enter",)), 10, 0),
        (PlaceCondition(via=("enter", "weather")), 10, 1),
    ],
)
def test_an_offer_says_how_near_and_whether_weather_counts(
    small: Rainy, place: PlaceCondition, north_m: float, opened: int
) -> None:
    small.offer(when=When(weather=RAIN.weather, place=place))
    person = small.person()
    small.clock.advance(hours=1)
    small.stand(person, north_m=north_m)
    small.watch.tick()
    assert len(small.open_moments()) == opened


def test_between_two_stores_the_nearer_one_is_spoken_of_once(small: Rainy) -> None:
    small.add_store("vallila", latitude=LATITUDE + 0.004)
    nearer = small.add_store("sornainen", latitude=LATITUDE + 0.002)
    small.offer(when=RAIN)
    small.offer("umbrella", when=RAIN)
    person = small.person()
    small.clock.advance(hours=1)
    small.stand(person, north_m=200)
    small.watch.tick()
    [moment] = small.open_moments()
    assert moment.store_id == nearer.id


def test_whoever_withdraws_location_is_not_found(small: Rainy) -> None:
    small.offer(when=RAIN)
    person = small.person()
    small.clock.advance(hours=1)
    small.stand(person)
    small.say(person.customer_id, Purpose.LOCATION, granted=False)
    small.watch.tick()
    assert small.open_moments() == []


def test_without_weather_the_watch_waits_and_goes_on(
    small: Rainy, host: FakeHost, session: requests.Session
) -> None:
    host.replies = [
        answer(b"", status=429, Retry_After="300"),
        answer(open_meteo(int(NOON.timestamp()) + 400)),
    ]
    small.offer(when=RAIN)
    watch = Watch(
        database=small.database,
        clock=small.clock,
        provider=OpenMeteo(base_url=host.url, api_key=None, session=session),
        max_age=MAX_AGE,
        wake=lambda: None,
    )
    renewed = []
    for _ in range(8):
        renewed.append(watch.tick())
        small.clock.advance(minutes=1)
    assert renewed == [0, 0, 0, 0, 0, 1, 0, 0]
    assert len(host.asked) == 2


def test_a_paused_brand_asks_for_no_weather(small: Rainy) -> None:
    small.offer(when=RAIN)
    small.rule(OPEN, paused=True)
    assert small.watch.tick() == 0


def test_the_whole_way_from_a_recorded_turn_to_a_push(small: Rainy) -> None:
    small.offer(
        when=When(
            weather=WeatherCondition(any=(WeatherWord.RAIN,), temperature_below=15),
            place=PlaceCondition(within_m=800),
        ),
        limits=Limits(per_customer_days=1),
        body={"en": "{{ weather.word }} at {{ store.name }}, {{ distance_m }} m"},
    )
    person = small.person()
    small.watch.tick()
    small.clock.advance(hours=1)
    small.stand(person, north_m=400)
    small.watch.tick()
    small.engine.tick()
    [message] = small.messages()
    assert message.push["body"].startswith("rain at Kallio, 40")


class TestRecorded:
    def test_the_nearest_place_answers_and_the_last_step_stays(self) -> None:
        assert TURNING.at(latitude=60.0, longitude=25.0, seconds=10**6).weather_code == 80
        assert TURNING.at(latitude=-30.0, longitude=20.0, seconds=5).weather_code == 0
        assert TURNING.at(latitude=60.0, longitude=25.0, seconds=-5).weather_code == 3

    def test_a_timeline_may_start_over(self) -> None:
        again = Timeline(places=TURNING.places, repeat_s=7200)
        codes = [
            again.at(latitude=60, longitude=25, seconds=s).weather_code
            for s in (0, 3600, 7200, 10800)
        ]
        assert codes == [3, 61, 3, 61]

    def test_a_file_is_read_or_refused_with_its_name(self, tmp_path: Path) -> None:
        import msgspec

        good = tmp_path / "good.json"
        good.write_bytes(msgspec.json.encode(TURNING))
        assert recorded.read(good) == TURNING
        for name, text in (("a.json", b"{"), ("b.json", b'{"places": []}'), ("c.json", b"[]")):
            (tmp_path / name).write_bytes(text)
            with pytest.raises(Invalid, match=name):
                recorded.read(tmp_path / name)
        with pytest.raises(Invalid, match=r"none\.json"):
            recorded.read(tmp_path / "none.json")

    def test_a_wrong_question_is_refused_as_the_real_one_does(self, clock: ManualClock) -> None:
        server = RecordedServer(TURNING, clock=clock, start=clock.now())
        server.start()
        try:
            for query in (
                "",
                "?latitude=60",
                "?latitude=x&longitude=1",
                "?latitude=1,2&longitude=1",
            ):
                found = requests.get(f"{server.url}/v1/forecast{query}", timeout=5)
                assert found.status_code == 400
                assert found.json()["error"] is True
            assert requests.get(f"{server.url}/", timeout=5).status_code == 404
        finally:
            server.stop()


@pytest.mark.parametrize("latitude", [0.0, 60.18, -77.8, 88.5, 89.9])
@pytest.mark.parametrize("radius_m", [10.0, 1000.0, 100_000.0])
def test_a_box_holds_every_point_within_its_radius(latitude: float, radius_m: float) -> None:
    from geopy.distance import geodesic

    center = LatLon(latitude=latitude, longitude=24.9)
    box = box_around(center, radius_m)
    for bearing in range(0, 360, 15):
        edge = geodesic(meters=radius_m).destination(tuple(center), bearing)
        assert box.south <= edge.latitude <= box.north
        around = [edge.longitude + turn for turn in (-360, 0, 360)]
        assert any(box.west <= each <= box.east for each in around)
        assert metres(*center, edge.latitude, edge.longitude) == pytest.approx(radius_m, rel=1e-6)


def test_people_across_the_antimeridian_are_found(small: Rainy) -> None:
    fiji = small.add_store("taveuni", latitude=-16.8, longitude=179.999)
    small.store = fiji
    small.offer(when=When(weather=WeatherCondition(any=(WeatherWord.CLEAR,))), stores=("taveuni",))
    person = small.person()
    from storage import fixes
    from storage.fixes import Position

    position = Position(
        device_id=person.id,
        brand_id=person.brand_id,
        customer_id=person.customer_id,
        latitude=-16.8,
        longitude=-179.999,
        accuracy_m=5.0,
        occurred_at=small.clock.now(),
        state=b"",
    )
    small.write(lambda tx: fixes.save(tx, position))
    small.watch.tick()
    assert [moment.customer_id for moment in small.open_moments()] == [person.customer_id]
