"""Keeps the garbage collector out of a batch, which makes millions of objects and hardly a cycle among them."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Looking for cycles again and again would cost a quarter of the time; between two batches they are looked for."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
