"""Home and workplace from stays: evidence per coarse cell, and what may be claimed of it. Pure.

A cell is about 500 m wide; of a stay only its cell and its hours are learned. `docs/places.md` says what every number is for.
"""

from datetime import date, datetime, time, timedelta
from math import cos, exp, radians
from zoneinfo import ZoneInfo

import msgspec

from domain.haunts import Claim, Haunt, PlaceKind, Places
from domain.places import LatLon
from geofence.stays import Stay

CELL_DEGREES = 0.0045  # 500 m of latitude
EDGE_M = 100.0  # so far beyond its edge a stay still belongs to a cell that is known already
MOST_HAUNTS = 6
TAU_DAYS = 28.0
NIGHT = (time(0), time(6))
OFFICE = (time(9), time(17))
COUNTS_S = 3 * 3600  # of a night or of office hours, after which that date counts in full
ENOUGH = 4.0  # nights, or weekdays: faded as they are, at least five different dates
ODDS = 1.5  # times the runner-up
LEAST_SHARE = 0.3  # of the weekdays seen anywhere, for a workplace
HOME_SHARE = 0.6  # the same for who works at home
UNSEEN_DAYS = 10  # after which nothing is claimed of a place
_SURE_SHARE, _SURE_TIMES = 0.75, 8.0
_FORGOTTEN_HOURS = 0.25
_MOST_COLUMNS = 80_000
_ROWS = 40_000
_METRES_PER_DEGREE = 111_195.0


def cell_of(latitude: float, longitude: float) -> int:
    """The cell that holds the position: rows of 0.0045°, each with as many columns as keep cells square."""
    row = min(int((latitude + 90.0) / CELL_DEGREES), _ROWS - 1)
    columns = _columns(row)
    return row * _MOST_COLUMNS + int((longitude + 180.0) / 360.0 * columns) % columns


def centre_of(cell: int) -> LatLon:
    """The middle of the cell, at most 360 m from anything in it."""
    row, column = divmod(cell, _MOST_COLUMNS)
    return LatLon(
        latitude=(row + 0.5) * CELL_DEGREES - 90.0,
        longitude=(column + 0.5) * 360.0 / _columns(row) - 180.0,
    )


def _columns(row: int) -> int:
    middle = (row + 0.5) * CELL_DEGREES - 90.0
    return max(1, int(360.0 / CELL_DEGREES * cos(radians(middle))))


def credited(places: Places, stay: Stay, zone: ZoneInfo) -> Places:
    """What is known once this stay has ended, by the wall clock of `zone`, both DST days included."""
    cell = _known_cell(places, stay)
    day = datetime.fromtimestamp(stay.since, zone).date()
    last = datetime.fromtimestamp(stay.until, zone).date()
    while day <= last:
        places = _with_day(places, cell, day, *_shares(stay, day, zone))
        day += timedelta(days=1)
    return places


def _known_cell(places: Places, stay: Stay) -> int:
    """The best known cell within a stone's throw of the stay, else its own: a house on an edge must not become two places."""
    near = [haunt for haunt in places.haunts if _touches(haunt.cell, stay)]
    known = max(near, key=lambda haunt: haunt.hours, default=None)
    return known.cell if known else cell_of(stay.lat, stay.lon)


def _touches(cell: int, stay: Stay) -> bool:
    middle = centre_of(cell)
    reach_m = CELL_DEGREES / 2 * _METRES_PER_DEGREE + EDGE_M
    north = abs(stay.lat - middle.latitude) * _METRES_PER_DEGREE
    east = abs((stay.lon - middle.longitude + 180.0) % 360.0 - 180.0) * _METRES_PER_DEGREE
    return north <= reach_m and east * cos(radians(middle.latitude)) <= reach_m


def _shares(stay: Stay, day: date, zone: ZoneInfo) -> tuple[int, int, int]:
    """The stay's seconds within this local day: in all, of the night, and of office hours."""

    def seconds(begins: datetime, ends: datetime) -> int:
        return max(0, int(min(stay.until, ends.timestamp()) - max(stay.since, begins.timestamp())))

    def wall(at: time, on: date = day) -> datetime:
        return datetime.combine(on, at, tzinfo=zone)

    night, office = ((wall(begins), wall(ends)) for begins, ends in (NIGHT, OFFICE))
    works = day.weekday() < 5
    whole = seconds(wall(time()), wall(time(), day + timedelta(days=1)))
    return whole, seconds(*night), seconds(*office) if works else 0


def _with_day(
    places: Places, cell: int, day: date, whole_s: int, night_s: int, office_s: int
) -> Places:
    if whole_s == 0:
        return places
    on = day.toordinal()
    places = faded(places, on)
    late = exp(-max(0, places.as_of - on) / TAU_DAYS)  # another phone's stay that ended earlier
    if on == places.as_of:
        places = _with_totals(places, night_s, office_s)
    others = [haunt for haunt in places.haunts if haunt.cell != cell]
    mine = next((haunt for haunt in places.haunts if haunt.cell == cell), Haunt(cell=cell))
    kept = sorted(others, key=lambda haunt: -haunt.hours)[: MOST_HAUNTS - 1]
    changed = _with_time(mine, on, whole_s, night_s, office_s, late)
    return msgspec.structs.replace(places, haunts=(*kept, changed))


def _with_totals(places: Places, night_s: int, office_s: int) -> Places:
    nights, of_night = _grown(places.night_s, night_s)
    weekdays, of_office = _grown(places.office_s, office_s)
    return msgspec.structs.replace(
        places,
        nights=places.nights + nights,
        weekdays=places.weekdays + weekdays,
        night_s=of_night,
        office_s=of_office,
    )


def _with_time(
    haunt: Haunt, on: int, whole_s: int, night_s: int, office_s: int, weight: float
) -> Haunt:
    hours = haunt.hours + weight * whole_s / 3600
    if on < haunt.last:
        return msgspec.structs.replace(haunt, hours=hours)
    again = on == haunt.last
    nights, of_night = _grown(haunt.night_s if again else 0, night_s)
    weekdays, of_office = _grown(haunt.office_s if again else 0, office_s)
    return Haunt(
        cell=haunt.cell,
        hours=hours,
        nights=haunt.nights + weight * nights,
        weekdays=haunt.weekdays + weight * weekdays,
        days=haunt.days + (not again),
        last=on,
        night_s=of_night,
        office_s=of_office,
    )


def _grown(before_s: int, more_s: int) -> tuple[float, int]:
    """By how much of a date further seconds raise its count, which is one at most, and the seconds to remember."""
    after_s = min(before_s + more_s, COUNTS_S)
    return (after_s - before_s) / COUNTS_S, after_s


def faded(places: Places, on: int) -> Places:
    """The same evidence as of a later local date; as it is for an earlier one."""
    if on <= places.as_of:
        return places
    fade = exp((places.as_of - on) / TAU_DAYS)
    haunts = [
        msgspec.structs.replace(
            haunt,
            hours=haunt.hours * fade,
            nights=haunt.nights * fade,
            weekdays=haunt.weekdays * fade,
        )
        for haunt in places.haunts
    ]
    return Places(
        as_of=on,
        nights=places.nights * fade,
        weekdays=places.weekdays * fade,
        haunts=tuple(haunt for haunt in haunts if haunt.hours >= _FORGOTTEN_HOURS),
    )


def claims(places: Places, *, on: date) -> dict[PlaceKind, Claim]:
    """Which of home and workplace the evidence is enough for on this local date."""
    places = faded(places, on.toordinal())
    home = _home(places)
    work = _workplace(places, home)
    today = on.toordinal()
    return {
        kind: _claim(kind, haunt, places)
        for kind, haunt in ((PlaceKind.HOME, home), (PlaceKind.WORKPLACE, work))
        if haunt and today - haunt.last <= UNSEEN_DAYS
    }


def _home(places: Places) -> Haunt | None:
    """Where most time is spent, among the places with nights: who works at night has more nights at work than at home."""
    slept = [haunt for haunt in places.haunts if haunt.nights >= ENOUGH]
    rivals = [haunt for haunt in places.haunts if haunt.nights >= 1.0]
    best = max(slept, key=lambda haunt: haunt.hours, default=None)
    if best is None or any(best.hours < ODDS * h.hours for h in rivals if not _beside(best, h)):
        return None
    return best


def _workplace(places: Places, home: Haunt | None) -> Haunt | None:
    """Where office hours are spent: away from home, or at home where nothing speaks against it."""
    away = sorted((h for h in places.haunts if h != home), key=lambda haunt: -haunt.weekdays)
    best = away[0] if away else None
    if best and _works(best, places, LEAST_SHARE):
        rivals = (h.weekdays for h in away if not _beside(best, h))
        return best if best.weekdays >= ODDS * max(rivals, default=0.0) else None
    return home if home and _works(home, places, HOME_SHARE) else None


def _works(haunt: Haunt, places: Places, share: float) -> bool:
    """Whether enough office hours were spent there. Who spends most time at one place and most nights at another works at
    night: their office hours are their sleep.
    """
    most = all(haunt.hours >= other.hours for other in places.haunts)
    asleep = most and any(other.nights > haunt.nights for other in places.haunts)
    enough = haunt.weekdays >= ENOUGH and haunt.weekdays >= share * places.weekdays
    return enough and not asleep


def _beside(one: Haunt, other: Haunt) -> bool:
    """Whether two cells touch: at this grain they are hardly two places, and no rivals."""
    a, b = centre_of(one.cell), centre_of(other.cell)
    east = abs((a.longitude - b.longitude + 180.0) % 360.0 - 180.0) * cos(radians(a.latitude))
    return max(abs(a.latitude - b.latitude), east) < 1.5 * CELL_DEGREES


def _claim(kind: PlaceKind, haunt: Haunt, places: Places) -> Claim:
    at_home = kind is PlaceKind.HOME
    times, of = (haunt.nights, places.nights) if at_home else (haunt.weekdays, places.weekdays)
    of = max(times, of)
    return Claim(
        kind=kind,
        cell=haunt.cell,
        times=round(times),
        of=round(of),
        days=haunt.days,
        certain=times >= _SURE_SHARE * of and times >= _SURE_TIMES,
    )
