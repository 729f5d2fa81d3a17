"""Identifiers: UUIDv7, so that keys grow with time and B-trees stay append-like."""

import uuid
from collections.abc import Callable
from itertools import count
from random import Random

import uuid_utils


class _Source:
    """Where the ids of this process come from."""

    def __init__(self) -> None:
        self.next: Callable[[], object] = uuid_utils.uuid7


_source = _Source()


def new_id() -> str:
    """A new UUIDv7 in its canonical text form."""
    return str(_source.next())


def follow(seed: int) -> None:
    """Lets the ids of this process follow from `seed` from now on, so that a simulation comes out the same whenever it is run.

    Two processes that follow one seed make the same ids, so nothing that serves may call this.
    """
    numbers, lots = count(), Random(seed)
    _source.next = lambda: _version_7(next(numbers), lots.getrandbits(62))


def _version_7(time: int, lot: int) -> uuid.UUID:
    """RFC 9562, 5.7: 48 bits of time, here a count, and the version; then the variant and what is drawn."""
    return uuid.UUID(int=(time & (1 << 48) - 1) << 80 | 7 << 76 | 2 << 62 | lot)


def parse_id(text: str) -> str | None:
    """The canonical form of a UUID in any common spelling, or None where `text` is not one."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return None
