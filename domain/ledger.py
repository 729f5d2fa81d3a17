"""What a ledger of consents amounts to: which grants count, and where each purpose stands. Pure and fail closed."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from domain.people import Purpose
from domain.values import Value


class Statement(Value):
    """What a person said about one purpose, when, and the proof of it. `occurred_at` is never after its receipt."""

    purpose: Purpose
    granted: bool
    occurred_at: datetime
    wording: str
    wording_version: str
    locale: str | None
    source: str
    evidence: str | None = None


class Receipt(Value):
    """What a withdrawal did at once: rows by kind, and a sentence on what it means from now on."""

    deleted: dict[str, int]
    note: str


class Standing(Value):
    """Where one purpose stands after all entries so far.

    `since` is the device's time of the first grant in force, or the receipt of the withdrawal in force;
    `withdrawn_at` is the receipt of the last withdrawal, whatever was granted since.
    """

    granted: bool
    entry_id: str
    since: datetime
    withdrawn_at: datetime | None = None


def counting(before: Standing | None, batch: Sequence[Statement]) -> list[bool]:
    """Which of one request's statements about one purpose count.

    A withdrawal always does. A grant does where it is later than every withdrawal: those of earlier requests by
    their receipt, those of its own request by the device's clock, which orders what one device says at once.
    """
    withdrawals = [each.occurred_at for each in batch if not each.granted]
    if before and before.withdrawn_at:
        withdrawals.append(before.withdrawn_at)
    return [
        not each.granted or all(each.occurred_at > withdrawn for withdrawn in withdrawals)
        for each in batch
    ]


def after(
    before: Standing | None, batch: Sequence[tuple[str, Statement]], received_at: datetime
) -> Standing | None:
    """Where a purpose stands once a request's statements about it, each with its entry's id, have been received."""
    standing = before
    counts = counting(before, [statement for _, statement in batch])
    for entry_id, statement in batch:
        if not statement.granted:
            standing = Standing(
                granted=False, entry_id=entry_id, since=received_at, withdrawn_at=received_at
            )
    for (entry_id, statement), does_count in zip(batch, counts, strict=True):
        if statement.granted and does_count:
            standing = _granted(standing, entry_id, statement.occurred_at)
    return standing


def merged(known: Standing | None, anonymous: Standing | None) -> Standing | None:
    """Where a purpose stands once an anonymous person turned out to be a known one.

    The known person's withdrawal survives whatever the anonymous one granted; an anonymous withdrawal ends a known
    grant that is not later than it.
    """
    if known is None or anonymous is None:
        return known or anonymous
    withdrawn = [each.withdrawn_at for each in (known, anonymous) if each.withdrawn_at]
    last = max(withdrawn, default=None)
    stale = anonymous.withdrawn_at is not None and known.since <= anonymous.withdrawn_at
    kept = anonymous if known.granted and stale else known
    return msgspec.structs.replace(kept, withdrawn_at=last)


def _granted(standing: Standing | None, entry_id: str, occurred_at: datetime) -> Standing:
    if standing is None:
        return Standing(granted=True, entry_id=entry_id, since=occurred_at)
    since = min(standing.since, occurred_at) if standing.granted else occurred_at
    return msgspec.structs.replace(standing, granted=True, entry_id=entry_id, since=since)
