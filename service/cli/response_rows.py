"""From a table of past answers to the rows of a trial: who was asked what, when, and what came of it."""

import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from domain.values import Value
from scheduler.learn.columns import Layout, Row, as_number
from service.cli.tables import WrongTable, read_columns

_MOST_CATEGORIES = (
    32  # different numbers, above which a column is a quantity and no longer a set of names
)
_YES = frozenset({"1", "1.0", "true", "t", "yes", "y"})
_NO = frozenset({"0", "0.0", "false", "f", "no", "n"})
_DAY_S = 86_400.0
_MILLISECONDS_FROM = 1e11  # seconds since 1970 reach it in the year 5138


class Roles(Value):
    """Which column plays which part. `matches` names the habit column of an offer."""

    person: tuple[str, ...]
    offer: str
    outcome: str
    context: tuple[str, ...]
    habit: tuple[str, ...] = ()
    matches: dict[str, str] = {}
    time: str | None = None
    answer_time: str | None = None
    segments: str | None = None

    def columns(self) -> tuple[str, ...]:
        """All that are read, each once."""
        single = (self.offer, self.outcome, self.time, self.answer_time, self.segments)
        named = [name for name in single if name]
        return tuple(dict.fromkeys((*self.person, *self.context, *self.habit, *named)))


class Study(NamedTuple):
    """The rows with what is known of their columns. `profiles` are the people's declared values, in the order of their ids."""

    rows: list[Row]
    layout: Layout
    profiles: list[tuple[str, ...]]
    profile_columns: tuple[str, ...]
    roles: Roles


def read_study(path: Path, roles: Roles) -> Study:
    """Reads the table; WrongTable where columns, outcomes or times are not what was said."""
    _check(path, roles)
    columns = roles.columns()
    read = read_columns(path, columns)
    table = [tuple(map(sys.intern, row)) for row in read]
    at = {name: index for index, name in enumerate(columns)}
    by_column: dict[str, set[str]] = {name: {row[at[name]] for row in table} for name in columns}
    identity, traits = _identity(roles, table, at, by_column)
    people: dict[tuple[str, ...], str] = {}
    pick = _picker(at)
    who, context, habit = pick(identity), pick(roles.context), pick(roles.habit)
    declared = pick(traits)
    answers = _outcomes(path, roles.outcome, [row[at[roles.outcome]] for row in table])
    asked = _times(path, roles.time, table, at)
    answered = _times(path, roles.answer_time, table, at)
    rows = [
        Row(
            person=people.setdefault(who(row), sys.intern(str(len(people)))),
            segment=row[at[roles.segments]] if roles.segments else "",
            offer=row[at[roles.offer]],
            context=context(row),
            habit=habit(row),
            traits=declared(row),
            y=answers[number],
            at=asked[number] if asked else 0.0,
            answered=answered[number] if answered else None,
        )
        for number, row in enumerate(table)
    ]
    profile = tuple(name for name in identity if name in {*traits, *roles.habit})
    places = [identity.index(name) for name in profile]
    layout = Layout(
        context=roles.context,
        habit=roles.habit,
        traits=traits,
        numeric=frozenset(
            name for name in (*roles.context, *roles.habit, *traits) if _measures(by_column[name])
        ),
        matches=roles.matches,
    )
    profiles = [tuple(values[place] for place in places) for values in people]
    ordered = sorted(rows, key=lambda row: row.at) if roles.time else rows
    return Study(ordered, layout, profiles, profile, roles)


def with_segments(study: Study, labels: Sequence[str]) -> Study:
    """The study with each person's segment, by their ids."""
    rows = [row._replace(segment=labels[int(row.person)]) for row in study.rows]
    return study._replace(rows=rows)


def _check(path: Path, roles: Roles) -> None:
    if not roles.person:
        raise WrongTable("--person names no column; it takes those that tell people apart.")
    parts = {
        "--offer": (roles.offer,),
        "--outcome": (roles.outcome,),
        "--context": roles.context,
        "--person or --habit": tuple(dict.fromkeys((*roles.person, *roles.habit))),
    }
    taken: dict[str, str] = {}
    for part, columns in parts.items():
        for name in columns:
            if name in taken:
                raise WrongTable(
                    f"The column {name} was given as {taken[name]} and as {part}; it can be one only."
                )
            taken[name] = part
    for role, column in (("--segments", roles.segments), ("--answer-time", roles.answer_time)):
        if column == roles.outcome:
            raise WrongTable(f"The outcome {column} cannot be {role}: it would tell itself.")
    if roles.answer_time and not roles.time:
        raise WrongTable("--answer-time wants --time, when each offer was made.")
    if unknown := [name for name in roles.matches.values() if name not in roles.habit]:
        raise WrongTable(f"{path}: {unknown[0]} is no habit column.")


def _identity(
    roles: Roles,
    table: Sequence[tuple[str, ...]],
    at: dict[str, int],
    by_column: dict[str, set[str]],
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The columns that tell people apart, and those of --person that say something of them besides.

    Where one column alone tells as many apart as all, it is an id, and habits may change with time. Otherwise people are
    known by their profile only, and declared habits are a part of it.
    """
    several = {tuple(row[at[name]] for name in roles.person) for row in table}
    has_id = any(len(by_column[name]) == len(several) for name in roles.person)
    identity = roles.person if has_id else tuple(dict.fromkeys((*roles.person, *roles.habit)))
    traits = tuple(
        name
        for name in roles.person
        if name not in roles.habit and len(by_column[name]) <= len(several) / 2
    )
    return identity, traits


def _picker(
    at: dict[str, int],
) -> Callable[[Sequence[str]], Callable[[tuple[str, ...]], tuple[str, ...]]]:
    def pick(names: Sequence[str]) -> Callable[[tuple[str, ...]], tuple[str, ...]]:
        places = [at[name] for name in names]
        return lambda row: tuple(row[place] for place in places)

    return pick


def _measures(values: Iterable[str]) -> bool:
    """Whether a column holds quantities: numbers only, and more of them than one gives names to."""
    present = [value for value in values if value]
    return len(present) > _MOST_CATEGORIES and all(as_number(v) is not None for v in present)


def _outcomes(path: Path, column: str, values: Sequence[str]) -> list[int]:
    found = {value: value.casefold() for value in set(values)}
    if wrong := [value for value, folded in found.items() if folded not in _YES | _NO]:
        shown = ", ".join(repr(value) for value in sorted(found)[:8])
        raise WrongTable(
            f"{path}: the outcome {column} must be 0 or 1 (or true/false, yes/no) in every row; "
            f"{wrong[0]!r} is not. Found: {shown}{' …' if len(found) > 8 else ''}."
        )
    return [int(found[value] in _YES) for value in values]


def _times(
    path: Path, column: str | None, table: Sequence[tuple[str, ...]], at: dict[str, int]
) -> list[float] | None:
    """Days since 1970; None where there is no such column."""
    if column is None:
        return None
    texts = [row[at[column]] for row in table]
    read = {text: _day(text) for text in set(texts)}
    if wrong := sorted(text for text, day in read.items() if day is None):
        raise WrongTable(
            f"{path}: {column} holds {wrong[0]!r}, which is no time. Write 2026-03-01, 2026-03-01T12:30:00+02:00 "
            "or seconds since 1970."
        )
    return [day for text in texts if (day := read[text]) is not None]


def _day(text: str) -> float | None:
    number = as_number(text)
    if number is not None:
        return number / _DAY_S / (1000 if abs(number) >= _MILLISECONDS_FROM else 1)
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    aware = time if time.tzinfo else time.replace(tzinfo=UTC)
    return aware.timestamp() / _DAY_S


def as_told(roles: Roles) -> dict[str, object]:
    """The mapping as JSON, for the report."""
    told: dict[str, object] = msgspec.to_builtins(roles)
    return told
