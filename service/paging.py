"""Cursor paging: the cursor is the last row's sort key, opaque to callers."""

import base64
import binascii
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from domain.errors import Fault, Invalid
from domain.ids import parse_id
from storage.history import Key

T = TypeVar("T")


def after(query: dict[str, Any]) -> str | None:
    """The sort key a cursor stands for."""
    if query["cursor"] is None:
        return None
    try:
        text = base64.urlsafe_b64decode(query["cursor"].encode()).decode()
    except (binascii.Error, UnicodeError) as error:
        raise _foreign() from error
    if "\0" in text:
        raise _foreign()
    return text


def behind(query: dict[str, Any]) -> Key | None:
    """The time and id a cursor stands for, in lists that are ordered by time."""
    if (text := after(query)) is None:
        return None
    at, _, id_ = text.partition("|")
    try:
        key = Key(datetime.fromisoformat(at), parse_id(id_) or "")
    except ValueError as error:
        raise _foreign() from error
    if not key.id or key.at.tzinfo is None:
        raise _foreign()
    return key


def _foreign() -> Invalid:
    fault = Fault(pointer="/cursor", detail="Use the `next_cursor` of the page before.")
    return Invalid("This cursor is not one of ours.", faults=(fault,))


def place(at: datetime, id_: str) -> str:
    """The sort key of a row in a list that is ordered by time."""
    return f"{at.isoformat()}|{id_}"


def page(rows: list[T], query: dict[str, Any], key: Callable[[T], str]) -> dict[str, Any]:
    """The envelope for `rows`, which were asked for with one row more than `limit`."""
    limit = query["limit"]
    full = len(rows) > limit
    last = key(rows[limit - 1]) if full else None
    cursor = base64.urlsafe_b64encode(last.encode()).decode() if last is not None else None
    return {"data": rows[:limit], "next_cursor": cursor}
