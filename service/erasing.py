"""Erasing a person and answering only once nothing of them can be sent or found any more."""

from collections.abc import Callable

from service.parts import Parts
from service.settling import Settling
from storage import erasure
from storage.engine import Transaction
from storage.erasure import Receipt


def erase(parts: Parts, settling: Settling, find: Callable[[Transaction], str]) -> Receipt:
    """Erases the customer whose id `find` gives in the same transaction; the receipt comes after the waiting."""
    receipt = parts.database.write(lambda tx: erasure.erase(tx, find(tx), now=parts.clock.now()))
    settling.after_erasure(receipt.in_flight)
    return receipt
