"""Leaves no remains of deleted rows in a SQLite file or its log.

`secure_delete` zeroes what is deleted, but when SQLite moves rows between pages it leaves the old copies in the unused
middle of the pages they came from; an erasure cannot reach those. This zeroes every page's unused middle: bytes that
no row, index or free block owns (https://www.sqlite.org/fileformat2.html, "B-tree Pages"), so that the database means
the same before, after, and in a crash halfway.
"""

import os
import sqlite3
from contextlib import closing
from struct import Struct
from typing import BinaryIO

_PATIENCE_MS = 150  # that a shred waits for readers, with the writer waiting behind it
_CHUNK_PAGES = 512
_HEADER = 100
_OFFSETS = Struct(
    ">xxxHH"
).unpack_from  # of a page's header: its number of cells, the start of their content
# The sizes of the headers of tree pages by their first byte. All other pages (overflow, free) begin with a page
# number, whose first byte is below 2 up to 128 GiB.
_HEADER_SIZES = {2: 12, 5: 12, 10: 8, 13: 8}
_MOST_PAGES = 2 << 24


class Shredder:
    """Empties the log into the file and scrubs the file. One per process, used by one thread.

    The file stays open: closing any handle of it would drop the locks that this process's connections hold (POSIX).
    """

    def __init__(self, path: str) -> None:
        self._path = os.path.realpath(path)  # SQLite follows links before it names its log
        self._file: BinaryIO | None = None

    def shred(self) -> bool:
        """One attempt; False where readers or another process were in the way, so that something may be left."""
        wait_s = _PATIENCE_MS / 1000
        with closing(sqlite3.connect(self._path, timeout=wait_s, isolation_level=None)) as own:
            try:
                return _empty_log(own) and self._scrub(own) and _empty_log(own)
            except sqlite3.OperationalError:
                return False  # another process is writing

    def close(self) -> None:
        """To be called once no connection of this process is left."""
        if self._file:
            self._file.close()

    def _scrub(self, own: sqlite3.Connection) -> bool:
        own.execute("BEGIN IMMEDIATE")
        if os.stat(f"{self._path}-wal").st_size:
            return False  # another process wrote in between
        if self._file is None:
            self._file = open(self._path, "r+b", buffering=0)  # noqa: SIM115 - stays open, see the class
        if scrub(self._file):
            # Any commit of ours makes every other connection drop the pages it remembers, remains included.
            (version,) = own.execute("PRAGMA user_version").fetchone()
            own.execute(f"PRAGMA user_version={(version + 1) % 2**31}")
        own.execute("COMMIT")
        return True


def _empty_log(own: sqlite3.Connection) -> bool:
    (busy, _, _) = own.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy


def scrub(file: BinaryIO) -> int:
    """Zeroes the unused middle of every page and flushes; returns how many pages had any remains.

    `file` is unbuffered; the caller holds SQLite's write lock, and the log is empty. ValueError where these rules do
    not cover the file (auto-vacuum, or beyond 128 GiB).
    """
    size, usable = _page_size(file)
    zeros = bytes(size)
    cleaned = place = 0
    file.seek(0)
    while chunk := file.read(size * _CHUNK_PAGES):
        for page in range(0, len(chunk), size):
            first, last = _gap(chunk, page, _HEADER if place + page == 0 else 0, usable)
            if chunk[first:last] != zeros[: last - first]:
                file.seek(place + first)
                file.write(zeros[: last - first])
                cleaned += 1
        place += len(chunk)
        file.seek(place)
    if cleaned:
        os.fsync(file.fileno())
    return cleaned


def _page_size(file: BinaryIO) -> tuple[int, int]:
    """Of a page in bytes, and how much of it SQLite uses."""
    length = file.seek(0, os.SEEK_END)
    file.seek(0)
    header = file.read(_HEADER)
    stored = int.from_bytes(header[16:18], "big")
    size = 65536 if stored == 1 else stored
    if any(header[52:56]) or length >= _MOST_PAGES * size:
        raise ValueError("this SQLite file has auto-vacuum or is beyond 128 GiB; VACUUM it instead")
    return size, size - header[20]


def _gap(chunk: bytes, page: int, skipped: int, usable: int) -> tuple[int, int]:
    """Where a page's unused middle begins and ends: behind the pointers to its cells, before the cells.

    Empty for a page of another kind, or one whose header makes no sense.
    """
    start = page + skipped
    header = _HEADER_SIZES.get(chunk[start])
    if header is None:
        return page, page
    cells, content = _OFFSETS(chunk, start)
    first, last = start + header + 2 * cells, page + (content or 65536)
    return (first, last) if first <= last <= page + usable else (page, page)
