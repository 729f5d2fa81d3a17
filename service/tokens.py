"""The proof of who a customer is: a token that the brand's backend, or the brand's Firebase project, signed."""

from datetime import datetime
from typing import Any

import jwt

from domain.errors import Unauthenticated
from domain.policy import Brand
from service.parts import IdTokens

LEEWAY_S = 30.0  # between the brand's clock and ours
LONGEST_SUBJECT = 200
LONGEST_TOKEN = 8192
_OPTIONS = {
    "require": ["exp", "aud", "sub"],
    "strict_aud": True,
    # Times are judged by our own clock below, not by the library's.
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
}
# Besides the library's own: lone surrogates, and JSON nested deeper than the interpreter goes.
_NO_TOKEN = (jwt.InvalidTokenError, ValueError, RecursionError)


def external_id(
    token: str, brand: Brand, *, project: str | None, id_tokens: IdTokens, now: datetime
) -> str:
    """The customer's external id that `token` proves; Unauthenticated (`customer_token_invalid`) where it proves none.

    HS256 under the brand's signing secret with `sub`, `exp` and `aud` = the brand's slug, or a Firebase ID token
    (RS256) of `project`. What the token says of its algorithm only chooses between these two; each is checked with
    its own alone. Firebase's keys come over the network, so call this outside of any transaction.
    """
    if len(token) > LONGEST_TOKEN:
        raise _invalid("it is too long")
    try:
        algorithm = jwt.get_unverified_header(token).get("alg")
    except _NO_TOKEN:
        raise _invalid("it is not a JWT") from None
    if algorithm == "HS256":
        return _subject(_signed_by_brand(token, brand, now))
    if algorithm == "RS256":
        return _subject(_signed_by_firebase(token, project, id_tokens))
    raise _invalid("sign it with HS256, or send a Firebase ID token")


def _signed_by_brand(token: str, brand: Brand, now: datetime) -> object:
    try:
        claims = jwt.decode(
            token,
            brand.signing_secret,
            algorithms=["HS256"],
            audience=brand.slug,
            options=_OPTIONS,  # type: ignore[arg-type]  # a TypedDict there, a plain constant here
        )
    except _NO_TOKEN as error:
        raise _invalid(f"check its signature, `aud` and claims ({error})") from None
    if not _later(claims["exp"], now, -LEEWAY_S):
        raise _invalid("it has expired")
    if "nbf" in claims and _later(claims["nbf"], now, LEEWAY_S):
        raise _invalid("it is not valid yet")
    return claims["sub"]


def _signed_by_firebase(token: str, project: str | None, id_tokens: IdTokens) -> object:
    subject = id_tokens.subject(token=token, project=project) if project else None
    if subject is None:
        raise _invalid("it is no Firebase ID token of this brand's project")
    return subject


def _later(claim: Any, now: datetime, leeway_s: float) -> bool:
    """Whether a claim names a time, in seconds since 1970, later than `now` and the leeway."""
    if isinstance(claim, bool) or not isinstance(claim, int | float):
        raise _invalid("`exp` and `nbf` must be numbers")
    return claim > now.timestamp() + leeway_s


def _subject(subject: object) -> str:
    if isinstance(subject, str) and 1 <= len(subject) <= LONGEST_SUBJECT and subject.isprintable():
        return subject
    raise _invalid(f"`sub` must have 1 to {LONGEST_SUBJECT} printable characters")


def _invalid(why: str) -> Unauthenticated:
    return Unauthenticated(
        f"This customer_token proves nobody: {why}.", code="customer_token_invalid"
    )
