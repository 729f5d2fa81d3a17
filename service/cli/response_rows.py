"""From a table of past answers to the rows of a trial: who was asked what, when, and what came of it."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from domain.values import Value
from scheduler.learn.columns import Layout, Row, as_number
from service.cli.tables import WrongTable, read_columns
from service.cli.time_texts import misfits, reader, way_of_writing

_MOST_CATEGORIES = (
    32  # different numbers, above which a column is a quantity and no longer a set of names
)
_YES = frozenset({"1", "1.0", "true", "t", "yes", "y"})
_NO = frozenset({"0", "0.0", "false", "f", "no", "n"})
_DAY_S = 86_400.0
_UTC = ZoneInfo("UTC")

Texts = tuple[str, ...]


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
    _check(roles)
    columns = roles.columns()
    table = [tuple(map(sys.intern, row)) for row in read_columns(path, columns)]
    values = {name: {row[place] for row in table} for place, name in enumerate(columns)}
    identity, traits = _identity(roles, _picked(table, columns, roles.person), values)
    people: dict[tuple[str, ...], str] = {}
    ids = [
        people.setdefault(who, sys.intern(str(len(people))))
        for who in _picked(table, columns, identity)
    ]
    layout = Layout(
        context=roles.context,
        habit=roles.habit,
        traits=traits,
        numeric=frozenset(
            name for name in (*roles.context, *roles.habit, *traits) if _measures(values[name])
        ),
        matches=roles.matches,
    )
    profile = tuple(
        n for n in dict.fromkeys((*roles.person, *identity)) if n in {*traits, *roles.habit}
    )
    profiles: dict[str, tuple[str, ...]] = {}
    for person, declared in zip(ids, _picked(table, columns, profile), strict=True):
        profiles.setdefault(person, declared)
    rows = _rows(path, roles, layout, table, ids)
    return Study(rows, layout, list(profiles.values()), profile, roles)


def _rows(
    path: Path, roles: Roles, layout: Layout, table: Sequence[Texts], ids: Sequence[str]
) -> list[Row]:
    """In the order of their time; those of one time, or of none, as they stand in the table."""
    columns = roles.columns()

    def column(name: str | None) -> list[str]:
        return [row[columns.index(name)] for row in table] if name else []

    nothing = [None] * len(table)
    rows = map(
        Row,
        ids,
        column(roles.segments) or [""] * len(table),
        column(roles.offer),
        _picked(table, columns, layout.context),
        _picked(table, columns, layout.habit),
        _picked(table, columns, layout.traits),
        _outcomes(path, roles.outcome, column(roles.outcome)),
        _times(path, roles.time, column(roles.time)) or [0.0] * len(table),
        _times(path, roles.answer_time, column(roles.answer_time)) or nothing,
    )
    return sorted(rows, key=lambda row: row.at)


def with_segments(study: Study, labels: Sequence[str]) -> Study:
    """The study with each person's segment, by their ids."""
    rows = [row._replace(segment=labels[int(row.person)]) for row in study.rows]
    return study._replace(rows=rows)


def _check(roles: Roles) -> None:
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


def _identity(
    roles: Roles, profiles: Iterable[Texts], values: Mapping[str, set[str]]
) -> tuple[Texts, Texts]:
    """The columns that tell people apart, and those of --person that say something of them besides.

    A column with more than half as many values as there are profiles is an id: what else is declared may change with
    time. Without one, people are known by their profile, and declared habits are a part of it.
    """
    half = len(set(profiles)) / 2
    most = max(roles.person, key=lambda name: len(values[name]))
    profile = tuple(dict.fromkeys((*roles.person, *roles.habit)))
    identity = (most,) if len(values[most]) > half else profile
    traits = tuple(
        name for name in roles.person if name not in roles.habit and len(values[name]) <= half
    )
    return identity, traits


def _picked(
    table: Sequence[Texts], columns: Sequence[str], wanted: Sequence[str]
) -> Iterator[Texts]:
    """Each row's values of the wanted columns."""
    places = [columns.index(name) for name in wanted]
    return (tuple(row[place] for place in places) for row in table)


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


def _times(path: Path, column: str | None, texts: Sequence[str]) -> list[float]:
    """Days since 1970. Plain numbers that are no times count as seconds, so that a running number gives the order."""
    written = set(texts)
    way = way_of_writing(list(written))
    read = reader(way, _UTC) if way else as_number
    seconds = {text: read(text) for text in written}
    if any(at is None for at in seconds.values()):
        wrong = sorted(misfits(sorted(written))[1])
        raise WrongTable(
            f"{path}: {column} holds {wrong[0]!r}, which is no time. Write 2026-03-01, 2026-03-01T12:30:00+02:00 "
            "or seconds since 1970."
        )
    return [at / _DAY_S for text in texts if (at := seconds[text]) is not None]


def as_told(roles: Roles) -> dict[str, object]:
    """The mapping as JSON, for the report."""
    told: dict[str, object] = msgspec.to_builtins(roles)
    return told
