"""Cursor paging: the cursor is the last row's sort key, opaque to callers."""

import base64
import binascii
from collections.abc import Callable
from typing import Any, TypeVar

from domain.errors import Fault, Invalid

T = TypeVar("T")


def after(query: dict[str, Any]) -> str | None:
    """The sort key a cursor stands for."""
    if query["cursor"] is None:
        return None
    try:
        return base64.urlsafe_b64decode(query["cursor"].encode()).decode()
    except (binascii.Error, UnicodeError) as error:
        fault = Fault(pointer="/cursor", detail="Use the `next_cursor` of the page before.")
        raise Invalid("This cursor is not one of ours.", faults=(fault,)) from error


def page(rows: list[T], query: dict[str, Any], key: Callable[[T], str]) -> dict[str, Any]:
    """The envelope for `rows`, which were asked for with one row more than `limit`."""
    limit = query["limit"]
    full = len(rows) > limit
    last = key(rows[limit - 1]) if full else None
    cursor = base64.urlsafe_b64encode(last.encode()).decode() if last is not None else None
    return {"data": rows[:limit], "next_cursor": cursor}
