"""The token endpoint: OAuth 2.0's JWT bearer grant (RFC 7523) as Google's service accounts use it.

Access tokens are signed with a fixed key and hold all they mean, so that they survive a restart of the
emulator as real ones survive one of FCM. The assertion's signature cannot be checked, for the emulator does
not know the account's public key; everything else about it is.
"""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"

_SCOPES = frozenset(
    [
        "https://www.googleapis.com/auth/firebase.messaging",
        "https://www.googleapis.com/auth/cloud-platform",
    ]
)
_LIFE_S = 3600
_CLOCK_SKEW_S = 600
_KEY = b"the emulator's access tokens open nothing but the emulator"


class GrantRefused(Exception):
    """The token endpoint's 400: `error` as RFC 6749 §5.2 names it, and Google's description."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(f"{error}: {description}")
        self.body = {"error": error, "error_description": description}


def grant(form: bytes, *, now: datetime) -> dict[str, object]:
    """The token response for a form-encoded request; raises GrantRefused."""
    fields = parse_qs(form.decode("utf-8", "replace"))
    grant_type = fields.get("grant_type", [""])[0]
    if grant_type != JWT_BEARER:
        raise GrantRefused("unsupported_grant_type", f"Invalid grant_type: {grant_type}")
    claims = _claims(fields.get("assertion", [""])[0])
    _check_times(claims, now)
    _check_scope(claims)
    return {
        "access_token": _issue(claims["iss"], now),
        "expires_in": _LIFE_S - 1,
        "token_type": "Bearer",
    }


def account_of(token: str, *, now: datetime) -> str | None:
    """The service account's e-mail address a token was issued to, or None where it is not valid now."""
    text, _, mark = token.removeprefix("ya29.").rpartition(".")
    if not hmac.compare_digest(mark.encode("utf-8", "replace"), _mark(text).encode()):
        return None
    held = json.loads(_decoded(text))
    return str(held["iss"]) if held["exp"] > now.timestamp() else None


def project_of(account: str) -> str | None:
    """The project in `name@project.iam.gserviceaccount.com`; None for any other address."""
    _, _, host = account.partition("@")
    project, dot, rest = host.partition(".")
    return project if dot and rest == "iam.gserviceaccount.com" else None


def _claims(assertion: str) -> dict[str, Any]:
    parts = assertion.split(".")
    try:
        header, claims = (json.loads(_decoded(part)) for part in parts[:2])
        signature = _decoded(parts[2])
    except (ValueError, IndexError, binascii.Error) as error:
        raise GrantRefused("invalid_grant", "Invalid JWT: Failed to parse.") from error
    if not isinstance(header, dict) or header.get("alg") != "RS256" or not signature:
        raise GrantRefused("invalid_grant", "Invalid JWT Signature.")
    if not isinstance(claims, dict) or "@" not in str(claims.get("iss", "")):
        raise GrantRefused("invalid_grant", "Invalid grant: account not found")
    if not str(claims.get("aud", "")).endswith("/token"):
        raise GrantRefused("invalid_grant", "Invalid JWT: Failed audience check.")
    return claims


def _check_times(claims: dict[str, Any], now: datetime) -> None:
    if not _timely(claims.get("iat"), claims.get("exp"), now.timestamp()):
        raise GrantRefused(
            "invalid_grant",
            "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
            "Check your iat and exp values in the JWT claim.",
        )


def _timely(issued: object, expires: object, now: float) -> bool:
    if not isinstance(issued, int | float) or not isinstance(expires, int | float):
        return False
    return 0 < expires - issued <= _LIFE_S and abs(issued - now) <= _CLOCK_SKEW_S


def _check_scope(claims: dict[str, Any]) -> None:
    if not _SCOPES.intersection(str(claims.get("scope", "")).split()):
        raise GrantRefused(
            "invalid_scope",
            "Invalid OAuth scope or ID token audience provided: messaging needs firebase.messaging or "
            "cloud-platform.",
        )


def _issue(account: str, now: datetime) -> str:
    held = {
        "iss": account,
        "exp": int(now.timestamp()) + _LIFE_S,
        "nonce": secrets.token_hex(8),
    }
    text = base64.urlsafe_b64encode(json.dumps(held).encode()).decode().rstrip("=")
    return f"ya29.{text}.{_mark(text)}"


def _mark(text: str) -> str:
    return hmac.new(_KEY, text.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
