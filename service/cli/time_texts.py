"""Times as tables write them: which way of writing a column uses, and what each text means."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

# The first that fits the first rows is taken: month before day, as the tables of most shops' software have it.
FORMATS = (
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %I:%M %p",
    "%m/%d/%Y %I:%M:%S %p",
    "%m/%d/%Y",
    "%m/%d/%y %H:%M",
    "%m/%d/%y",
    "%d/%m/%Y %H:%M",
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y",
    "%Y%m%d %H:%M:%S",
    "%Y%m%d%H%M%S",
)
ISO, EPOCH = "ISO 8601", "seconds or milliseconds since 1970"
_MILLISECONDS_FROM = 1e11
_DATE_DIGITS = 8

Read = Callable[[str], float]


def way_of_writing(texts: Sequence[str]) -> str | None:
    """The format that all of these texts have; None where there is none."""
    for name in (EPOCH, ISO, *FORMATS):
        if all(_fits(text, name) for text in texts):
            return name
    return None


def misfits(texts: Sequence[str]) -> tuple[str, list[str]]:
    """The format that most of these texts have, and those written otherwise."""
    written = {
        name: [text for text in texts if not _fits(text, name)] for name in (EPOCH, ISO, *FORMATS)
    }
    name = min(written, key=lambda each: len(written[each]))
    return name, written[name]


def reader(name: str, naive: ZoneInfo) -> Read:
    """Epoch seconds of a text written this way; a text without an offset is read by the clock of `naive`.

    Raises ValueError for a text written another way.
    """
    if name == EPOCH:
        return _epoch
    if name == ISO:
        return lambda text: _seconds(datetime.fromisoformat(text), naive)
    return lambda text: _seconds(datetime.strptime(text, name), naive)  # noqa: DTZ007 - the zone is `naive`


def _fits(text: str, name: str) -> bool:
    try:
        reader(name, ZoneInfo("UTC"))(text)
    except (ValueError, OverflowError):
        return False
    return True


def _epoch(text: str) -> float:
    if len(text.partition(".")[0]) <= _DATE_DIGITS:  # 20260131 is a date
        raise ValueError(text)
    number = float(text)
    seconds = number / 1000 if abs(number) >= _MILLISECONDS_FROM else number
    datetime.fromtimestamp(seconds, UTC)
    return seconds


def _seconds(at: datetime, naive: ZoneInfo) -> float:
    return (at if at.tzinfo else at.replace(tzinfo=naive)).timestamp()
