"""What is reckoned for a batch at once is what it would be for each person alone."""

import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from domain.people import Profile, QuietHours, Wheel
from scheduler.context.chances import p_visits
from scheduler.context.foretold import Person, likely
from scheduler.context.profile import next_window, with_visit

NOW = datetime(2026, 3, 28, 20, 40, tzinfo=UTC)  # hours before clocks are set forward
ZONES = [ZoneInfo(name) for name in ("Europe/Helsinki", "America/New_York", "Asia/Kathmandu")]
NIGHT = (QuietHours(from_="22:00", to="08:00"),)


def person(seed: int) -> Person:
    """Somebody who came a few times, or never."""
    chance, profile = random.Random(seed), Profile()
    zone = chance.choice(ZONES)
    for _ in range(chance.choice([0, 1, 3, 20])):
        at = NOW - timedelta(days=chance.randrange(1, 90), hours=chance.randrange(24))
        profile = with_visit(profile, at=at, zone=zone, brand=Wheel())
    return Person(profile, zone, chance.choice([(), NIGHT]))


def test_a_batch_is_foretold_as_each_person_alone() -> None:
    people, brand = [person(seed) for seed in range(60)], Wheel()
    for each, found in zip(people, likely(people, brand, now=NOW), strict=True):
        then = next_window(each.profile, brand, now=NOW, zone=each.zone, quiet=each.quiet, taken=())
        times = [NOW, *([then.due_at] if then else [])]
        alone = p_visits(each.profile, brand, at=times, zone=each.zone)
        assert found.at == (then.due_at if then else None)
        assert [found.p_visit, *([found.p_then] if then else [])] == pytest.approx(alone)
        assert found.evidence == each.profile.evidence


def test_nobody_is_foretold_where_nobody_is_known() -> None:
    assert likely([], Wheel(), now=NOW) == []
