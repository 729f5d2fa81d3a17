"""What can go wrong, in our words. `service/errors.py` holds the one table from these to HTTP statuses.

Each class has a stable `code` for machines; the message says what is wrong and what to do.
"""

from domain.values import Value


class Fault(Value):
    """One wrong place in a body: a JSON pointer (`/fixes/3/latitude`), what is wrong there and how to mend it."""

    pointer: str
    detail: str


class Refusal(Exception):
    """A request we understand and do not carry out."""

    code = "refused"

    def __init__(
        self, detail: str, *, code: str | None = None, faults: tuple[Fault, ...] = ()
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or type(self).code
        self.faults = faults


class Invalid(Refusal):
    """The body or a parameter is wrong; `faults` name the places."""

    code = "invalid"


class Unauthenticated(Refusal):
    """No credential, an unknown one, or one that has been revoked."""

    code = "unauthenticated"


class Forbidden(Refusal):
    """The credential is known but may not do this."""

    code = "forbidden"


class NotFound(Refusal):
    """No such object in this brand; another brand's objects look the same."""

    code = "not_found"


class Conflict(Refusal):
    """The object is in a state that does not allow this."""

    code = "conflict"


class Stale(Refusal):
    """`If-Match` names a revision that is no longer the newest."""

    code = "stale_revision"


class Busy(Refusal):
    """Too much at once, or the store is out of reach for the moment; `retry_after_s` says when to come again."""

    code = "busy"

    def __init__(self, detail: str, *, retry_after_s: int = 1, code: str | None = None) -> None:
        super().__init__(detail, code=code)
        self.retry_after_s = retry_after_s


class TooMany(Busy):
    """This caller asked more often than its credential allows."""

    code = "too_many_requests"
