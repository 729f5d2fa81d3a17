"""What an answer waits for after the commit: that no POST can start any more, and that deleted bytes are gone.

A sender starts a POST within `POST_STARTS_WITHIN_S` of committing its intent, and checks consent again where it is
later. So an answer given after that time, or once every intent older than it was answered, is never overtaken.
"""

import time
from collections.abc import Callable

import structlog

from domain.messages import POST_STARTS_WITHIN_S
from storage import withdrawal
from storage.engine import Database

MARGIN_S = 0.5
_POLL_S = 0.02
_log = structlog.get_logger()


class Settling:
    """Call it between the commit and the answer, outside of any transaction. Every wait is bounded."""

    def __init__(
        self,
        database: Database,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._database = database
        self._monotonic = monotonic
        self._sleep = sleep

    def after_withdrawal(self, customer_id: str, *, emptied: bool = True) -> None:
        """Of one or more purposes of this person. `emptied` is False where nothing was there to delete."""
        with self._database.read() as tx:
            pending = withdrawal.under_way(tx, customer_id=customer_id)
        self._starts(pending)
        if emptied:
            self._shred()

    def after_sign_out(self, device_id: str) -> None:
        with self._database.read() as tx:
            pending = withdrawal.under_way(tx, device_id=device_id)
        self._starts(pending)
        self._shred()

    def after_link(self, device_id: str, customer_id: str) -> None:
        """Of a device with a known customer: a merge may have withdrawn, a move leaves pushes of the former owner."""
        with self._database.read() as tx:
            pending = withdrawal.under_way(tx, device_id=device_id)
            pending |= withdrawal.under_way(tx, customer_id=customer_id)
        self._starts(pending)
        self._shred()

    def after_erasure(self, in_flight: int) -> None:
        """`in_flight` as the erasure counted; their rows are gone, so only time tells that they have started."""
        settled = self._monotonic() + POST_STARTS_WITHIN_S + MARGIN_S
        self._shred()
        if in_flight:
            self._sleep(max(0.0, settled - self._monotonic()))

    def _starts(self, pending: frozenset[str]) -> None:
        deadline = self._monotonic() + POST_STARTS_WITHIN_S + MARGIN_S
        while pending and self._monotonic() < deadline:
            with self._database.read() as tx:
                if not withdrawal.still_under_way(tx, pending):
                    return
            self._sleep(_POLL_S)

    def _shred(self) -> None:
        if not self._database.shred():
            _log.warning("shred_postponed")  # a long reader is in the way; the store tries again
