"""From the providers' codes to our seven words. Pure; an unknown code gives None, and None is never guessed at."""

from domain.offers import WeatherWord

_OF_WMO = {
    **dict.fromkeys((0, 1), WeatherWord.CLEAR),
    **dict.fromkeys((2, 3), WeatherWord.CLOUDS),
    **dict.fromkeys((45, 48), WeatherWord.FOG),
    **dict.fromkeys((51, 53, 55, 56, 57), WeatherWord.DRIZZLE),
    **dict.fromkeys((61, 63, 65, 66, 67, 80, 81, 82), WeatherWord.RAIN),
    **dict.fromkeys((71, 73, 75, 77, 85, 86), WeatherWord.SNOW),
    **dict.fromkeys((95, 96, 99), WeatherWord.THUNDER),
}
_SKIES = {
    "clearsky": WeatherWord.CLEAR,
    "fair": WeatherWord.CLEAR,
    "partlycloudy": WeatherWord.CLOUDS,
    "cloudy": WeatherWord.CLOUDS,
    "fog": WeatherWord.FOG,
}
# In this order: `heavysnowshowersandthunder` is thunder, and sleet is rather wet than white.
_IN_SYMBOL = (
    ("thunder", WeatherWord.THUNDER),
    ("snow", WeatherWord.SNOW),
    ("sleet", WeatherWord.RAIN),
    ("rain", WeatherWord.RAIN),
)


def of_wmo(code: int) -> WeatherWord | None:
    """The word for a WMO weather code as Open-Meteo gives it."""
    return _OF_WMO.get(code)


def of_symbol(symbol: str) -> WeatherWord | None:
    """The word for a `symbol_code` of MET Norway, such as `lightrainshowers_day`."""
    name = symbol.partition("_")[0]
    return _SKIES.get(name) or next((word for part, word in _IN_SYMBOL if part in name), None)
