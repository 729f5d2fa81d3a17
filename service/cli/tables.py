"""Tables that somebody else made: named columns of a CSV file, row by row, and errors that say what was found."""

import csv
from collections.abc import Generator, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import BinaryIO

import click

from service.cli.output import USAGE_ERROR

_DELIMITERS = (",", ";", "\t")
_LONGEST_LINE = 1 << 20
_LIKE_ENOUGH = 0.6


class WrongTable(click.ClickException):
    """The file cannot be read as asked; the message says what was found and what to do. Exit code 2."""

    exit_code = USAGE_ERROR


class Rows:
    """The wanted columns of one file, a tuple a row, in the order they were asked for; to be read through once.

    Values are text without the blanks around them; an empty text is a missing value. Blank lines do not count.
    """

    def __init__(self, path: Path, wanted: Sequence[str]) -> None:
        self._path = path
        self._raw = path.open("rb")
        self.size = path.stat().st_size
        try:
            self._lines = _Lines(path, self._raw)
            self.columns, self._delimiter = self._header(wanted)
            self._indices = _indices(path, self.columns, wanted)
        except WrongTable:
            self._raw.close()
            raise

    @property
    def read(self) -> int:
        """How many of the file's `size` bytes have been taken so far, for a progress bar."""
        return self._raw.tell()

    def __iter__(self) -> Generator[tuple[str, ...], None, None]:
        with self._raw:
            found = False
            for row in self._split():
                if not row:
                    continue
                if len(row) != len(self.columns):
                    raise self._ragged(len(row))
                found = True
                yield tuple(row[index].strip() for index in self._indices)
            if not found:
                raise WrongTable(f"{self._path} has a header and no rows below it.")

    def _header(self, wanted: Sequence[str]) -> tuple[tuple[str, ...], str]:
        """The header read with the delimiter under which it shows the most of what is wanted."""
        line = next((line for line in self._lines if line.strip()), None)
        if line is None:
            raise WrongTable(f"{self._path} is empty.")
        headers = [(_names(line, delimiter), delimiter) for delimiter in _DELIMITERS]
        return max(headers, key=lambda each: (len({*wanted} & {*each[0]}), len(each[0])))

    def _split(self) -> Iterator[list[str]]:
        try:
            yield from csv.reader(self._lines, delimiter=self._delimiter)
        except csv.Error as error:
            raise WrongTable(f"{self._path}, line {self._lines.number}: {error}.") from error

    def _ragged(self, width: int) -> WrongTable:
        return WrongTable(
            f"{self._path}, line {self._lines.number}: {width} values, and the header has {len(self.columns)} columns. "
            "A value that contains the delimiter or a line break wants double quotes around it."
        )


class _Lines:
    """Lines of UTF-8 text with their number, so that an error can point at one."""

    def __init__(self, path: Path, raw: BinaryIO) -> None:
        self._path = path
        self._raw = raw
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._raw.readline(_LONGEST_LINE)
        if not line:
            raise StopIteration
        self.number += 1
        try:
            return line.decode("utf-8-sig" if self.number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise WrongTable(
                f"{self._path}, line {self.number}: this is not UTF-8 text "
                f"(byte 0x{line[error.start]:02x}). Save the file as CSV in UTF-8."
            ) from error


def read_columns(path: Path, wanted: Sequence[str]) -> Rows:
    """Opens a CSV file (`,`, `;` or tab; UTF-8, with or without a BOM) at its wanted columns; WrongTable where it has not all."""
    return Rows(path, wanted)


def names(text: str | None) -> tuple[str, ...]:
    """Column names given as one option, separated by commas; a name with a comma stands in double quotes."""
    if not text:
        return ()
    listed = next(csv.reader([text], skipinitialspace=True))
    return tuple(dict.fromkeys(name.strip() for name in listed if name.strip()))


def _names(line: str, delimiter: str) -> tuple[str, ...]:
    try:
        return tuple(name.strip() for name in next(csv.reader([line], delimiter=delimiter)))
    except csv.Error:
        return ()


def _indices(path: Path, columns: Sequence[str], wanted: Sequence[str]) -> list[int]:
    missing = [name for name in wanted if name not in columns]
    if missing:
        told = "".join(f"\n  {_like(name, columns)}" for name in missing)
        split = "" if len(columns) > 1 else " Columns are split at a comma, a semicolon or a tab."
        found = f"Found: {', '.join(columns)}.{split}"
        raise WrongTable(f"{path} lacks columns that were asked for:{told}\n{found}")
    twice = [name for name in wanted if columns.count(name) > 1]
    if twice:
        raise WrongTable(f"{path} has several columns named {twice[0]}; name each but once.")
    return [columns.index(name) for name in wanted]


def _like(name: str, columns: Sequence[str]) -> str:
    by_fold = {column.casefold(): column for column in columns}
    near = get_close_matches(name.casefold(), by_fold, n=1, cutoff=_LIKE_ENOUGH)
    return f"{name} (did you mean {by_fold[near[0]]}?)" if near else name
