"""Who is one person, what is a number, when was it: reading past answers."""

from pathlib import Path

import pytest

from service.cli.response_rows import Roles, Study, read_study
from service.cli.segments import clusters
from service.cli.tables import WrongTable

HEADER = "id,town,age,visits,offer,sky,at,known,y\n"


def study(tmp_path: Path, *lines: str, **roles: object) -> Study:
    file = tmp_path / "answers.csv"
    file.write_text(HEADER + "\n".join(lines) + "\n")
    chosen = {"person": ("id",), "offer": "offer", "outcome": "y", "context": ("sky",), **roles}
    return read_study(file, Roles(**chosen))


def persons(read: Study) -> list[str]:
    return [row.person for row in read.rows]


def test_an_id_stays_one_person_when_what_they_declare_changes(tmp_path: Path) -> None:
    lines = ("a,Rome,30,1,x,sun,,,1", "a,Rome,31,2,x,sun,,,0", "b,Rome,30,1,x,sun,,,1")
    read = study(tmp_path, *lines, person=("id", "age"), habit=("visits",))
    assert persons(read) == ["0", "0", "1"]


def test_a_profile_is_one_person_together_with_its_habits(tmp_path: Path) -> None:
    lines = [
        f",{town},{age},{visits},x,sun,,,1"
        for town in ("Rome", "Oslo")
        for age in (30, 40)
        for visits in ("often", "never")
    ]
    assert len(set(persons(study(tmp_path, *lines, person=("town", "age"))))) == 4
    with_habit = study(tmp_path, *lines, person=("town", "age"), habit=("visits",))
    assert len(set(persons(with_habit))) == 8
    assert with_habit.profile_columns == ("town", "age", "visits")
    assert with_habit.profiles[0] == ("Rome", "30", "often")


def test_only_what_says_more_than_who_it_is_counts_as_declared(tmp_path: Path) -> None:
    lines = [f"p{n},{'Rome' if n % 2 else 'Oslo'},{n},1,x,sun,,,1" for n in range(20)]
    read = study(tmp_path, *lines, person=("id", "town", "age"))
    assert read.layout.traits == ("town",)


def test_many_different_numbers_are_a_quantity_and_few_are_names(tmp_path: Path) -> None:
    lines = [f"p,Rome,{n % 5},{n or ''},x,sun,,,1" for n in range(40)]
    read = study(tmp_path, *lines, context=("age", "visits", "sky"))
    assert read.layout.numeric == {"visits"}


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("1970-01-02", 1.0),
        ("1970-01-02T12:00:00Z", 1.5),
        ("1970-01-02T02:00:00+02:00", 1.0),
        ("86400", 1.0),
        ("1700000000000", 1_700_000_000 / 86_400),
        ("1970/1/2 12:00", 1.5),
        ("1/2/1970 12:00 PM", 1.5),
        ("19700102", 1.0),
        ("7", 7 / 86_400),
    ],
)
def test_times_are_days_since_1970(tmp_path: Path, written: str, day: float) -> None:
    read = study(tmp_path, f"a,,,,x,sun,{written},,1", time="at")
    assert read.rows[0].at == pytest.approx(day)


def test_rows_of_one_time_stay_as_they_stand(tmp_path: Path) -> None:
    lines = [f"p{n},,,,x,sun,2026-01-0{1 + (n < 3)},2026-02-01,1" for n in range(6)]
    read = study(tmp_path, *lines, time="at", answer_time="known")
    assert persons(read) == ["3", "4", "5", "0", "1", "2"]
    assert read.rows[0].answered == read.rows[0].at + 31


def test_a_missing_time_is_refused_with_what_to_write(tmp_path: Path) -> None:
    with pytest.raises(WrongTable, match=r"at holds '', which is no time\. Write 2026-03-01"):
        study(tmp_path, "a,,,,x,sun,,,1", time="at")


def test_a_missing_outcome_is_no_outcome(tmp_path: Path) -> None:
    with pytest.raises(WrongTable, match=r"'' is not\. Found: '', '1'"):
        study(tmp_path, "a,,,,x,sun,,,1", "a,,,,x,sun,,,")


def test_people_who_declare_the_same_are_in_one_segment() -> None:
    profiles = [(town, str(age)) for town in ("Rome", "Oslo") for age in (1, 2)] * 3
    found = clusters(profiles, numeric={1}, seed=0)
    assert found[:4] * 3 == found
    assert len(set(found)) == 4
    assert found == clusters(profiles, numeric={1}, seed=0)


def test_people_of_whom_only_the_id_is_known_are_one_segment() -> None:
    assert clusters([(), ()], numeric=(), seed=0) == ["", ""]
