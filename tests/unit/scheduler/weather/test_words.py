import pytest

from domain.offers import WeatherWord
from scheduler.weather.words import of_symbol, of_wmo


@pytest.mark.parametrize(
    ("word", "codes"),
    [
        (WeatherWord.CLEAR, (0, 1)),
        (WeatherWord.CLOUDS, (2, 3)),
        (WeatherWord.FOG, (45, 48)),
        (WeatherWord.DRIZZLE, (51, 53, 55, 56, 57)),
        (WeatherWord.RAIN, (61, 63, 65, 66, 67, 80, 81, 82)),
        (WeatherWord.SNOW, (71, 73, 75, 77, 85, 86)),
        (WeatherWord.THUNDER, (95, 96, 99)),
        (None, (-1, 4, 50, 100, 999)),
    ],
)
def test_a_wmo_code_has_its_word(word: WeatherWord | None, codes: tuple[int, ...]) -> None:
    assert {of_wmo(code) for code in codes} == {word}


@pytest.mark.parametrize(
    ("symbol", "word"),
    [
        ("clearsky_day", WeatherWord.CLEAR),
        ("fair_polartwilight", WeatherWord.CLEAR),
        ("partlycloudy_night", WeatherWord.CLOUDS),
        ("cloudy", WeatherWord.CLOUDS),
        ("fog", WeatherWord.FOG),
        ("lightrainshowers_day", WeatherWord.RAIN),
        ("heavyrain", WeatherWord.RAIN),
        ("lightssleetshowersandthunder_day", WeatherWord.THUNDER),
        ("sleetshowers_night", WeatherWord.RAIN),
        ("heavysnow", WeatherWord.SNOW),
        ("lightsnowshowers_day", WeatherWord.SNOW),
        ("rainandthunder", WeatherWord.THUNDER),
        ("", None),
        ("frogs", None),
    ],
)
def test_a_symbol_has_its_word(symbol: str, word: WeatherWord | None) -> None:
    assert of_symbol(symbol) is word
