"""Memory that a large piece of work has taken goes back to the system when the work is done."""

import ctypes
from collections.abc import Callable
from functools import cache


def give_back() -> None:
    """Asks the C library to return what is free on the heap. glibc keeps it otherwise: after building an index of a
    million fences that is half a gigabyte. Other C libraries have no such call; there it does nothing.
    """
    trim = _trim()
    if trim is not None:
        trim(0)


@cache
def _trim() -> Callable[[int], int] | None:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return None
