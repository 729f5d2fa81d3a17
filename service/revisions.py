"""ETags are revisions: `If-Match` is optional, and a stale one is refused."""

from typing import Any

from flask import make_response, request
from flask.typing import ResponseReturnValue

from domain.errors import Stale


def expected() -> int | None:
    """The revision that `If-Match` names; None without the header or with `*`."""
    header = request.headers.get("If-Match")
    if header is None or header.strip() == "*":
        return None
    try:
        return int(header.strip().removeprefix("W/").strip('"'))
    except ValueError:
        raise Stale("`If-Match` is no ETag of ours; send the one you were given.") from None


def etag(revision: int) -> dict[str, str]:
    """The headers of an answer that shows this revision."""
    return {"ETag": f'"{revision}"'}


def saved(body: Any, revision: int, *, created: bool) -> tuple[Any, int, dict[str, str]]:
    """The answer to a PUT."""
    return body, 201 if created else 200, etag(revision)


def gone() -> ResponseReturnValue:
    return make_response("", 204)
