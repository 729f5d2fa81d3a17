"""What proves a customer, and everything that does not."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from domain.errors import Unauthenticated
from domain.policy import Brand
from service import tokens

NOW = datetime(2026, 5, 6, 9, tzinfo=UTC)
SECOND = int(NOW.timestamp())
SECRET = "a-signing-secret-of-the-soup-brand-" + "1234567890" * 4
BRAND = Brand(
    id="b", slug="soup", name="Soup", time_zone="UTC", signing_secret=SECRET, fcm_project="soup-app"
)
GOOD = {"sub": "jane", "aud": "soup", "exp": SECOND + 3600}


class IdTokens:
    """Firebase as far as these tests go: one token, good for one project."""

    def subject(self, project: str, token: str) -> str | None:
        signed = jwt.decode(token, options={"verify_signature": False})
        return str(signed["sub"]) if signed.get("aud") == project else None


def _segment(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _unsigned(header: dict[str, Any], claims: dict[str, Any]) -> str:
    return f"{_segment(header)}.{_segment(claims)}."


def _pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _signed(secret: str = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    return jwt.encode({**GOOD, **claims}, secret, algorithm)


def _without(*names: str) -> str:
    return jwt.encode({k: v for k, v in GOOD.items() if k not in names}, SECRET, "HS256")


def _proved(token: str, *, project: str | None = "soup-app") -> str:
    return tokens.external_id(token, BRAND, project=project, id_tokens=IdTokens(), now=NOW)


RSA = _pem(rsa.generate_private_key(public_exponent=65537, key_size=2048))
ID_TOKEN = jwt.encode({"sub": "fire", "aud": "soup-app"}, RSA, "RS256")
DEEP = base64.urlsafe_b64encode(b"[" * 5000).decode().rstrip("=")


@pytest.mark.parametrize(
    ("token", "subject"),
    [
        pytest.param(_signed(), "jane", id="the brand's own"),
        pytest.param(_signed(sub="x" * 200), "x" * 200, id="the longest subject"),
        pytest.param(_signed(sub="Ä1:2/3@x"), "Ä1:2/3@x", id="any printable subject"),
        pytest.param(_signed(exp=SECOND - 29), "jane", id="expired within the leeway"),
        pytest.param(_signed(nbf=SECOND + 29), "jane", id="not yet valid within the leeway"),
        pytest.param(_signed(exp=SECOND + 0.5), "jane", id="a fraction of a second"),
        pytest.param(_signed(exp=10**400), "jane", id="an expiry beyond all numbers"),
        pytest.param(_signed(iat=SECOND + 999), "jane", id="issued by a clock ahead"),
        pytest.param(ID_TOKEN, "fire", id="a Firebase ID token of the brand's project"),
    ],
)
def test_a_good_token_proves_its_subject(token: str, subject: str) -> None:
    assert _proved(token) == subject


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("", id="empty"),
        pytest.param("x", id="no token at all"),
        pytest.param("a.b.c", id="three pieces of nothing"),
        pytest.param("\ud800.b.c", id="half of a surrogate pair"),
        pytest.param("ä.ö.ü", id="letters beyond ASCII"),
        pytest.param(f"{DEEP}.e30.x", id="a header nested too deeply"),
        pytest.param(
            f"{_segment({'alg': 'HS256'})}.{DEEP}.x", id="a body nested too deeply, not signed"
        ),
        pytest.param(f"{_segment([1])}.e30.x", id="a header that is no object"),
        pytest.param(f"{_segment({'alg': ['HS256']})}.e30.x", id="a list of algorithms"),
        pytest.param(_unsigned({"alg": "none"}, GOOD), id="alg none"),
        pytest.param(_unsigned({"alg": "None", "typ": "JWT"}, GOOD), id="alg None"),
        pytest.param(_unsigned({"alg": "HS256"}, GOOD), id="no signature"),
        pytest.param(_unsigned({}, GOOD), id="no algorithm"),
        pytest.param(_signed(algorithm="HS384"), id="HS384"),
        pytest.param(_signed(algorithm="HS512"), id="HS512"),
        pytest.param(_signed("another" + SECRET), id="another secret"),
        pytest.param(_signed() + "x", id="a changed signature"),
        pytest.param(_signed(aud="salon"), id="another brand's audience"),
        pytest.param(_signed(aud=["soup", "salon"]), id="an audience of several"),
        pytest.param(_signed(aud=""), id="an empty audience"),
        pytest.param(_signed(exp=SECOND - 31), id="expired"),
        pytest.param(_signed(exp=0), id="expired long ago"),
        pytest.param(_signed(exp="soon"), id="an expiry that is no number"),
        pytest.param(_signed(exp=str(SECOND + 60)), id="an expiry as text"),
        pytest.param(_signed(exp=True), id="an expiry that is true"),
        pytest.param(_signed(exp=None), id="no expiry but null"),
        pytest.param(_signed(exp=float("nan")), id="an expiry that is not a number"),
        pytest.param(_signed(nbf=SECOND + 31), id="not yet valid"),
        pytest.param(_signed(nbf="later"), id="not before a word"),
        pytest.param(_signed(sub=""), id="an empty subject"),
        pytest.param(_signed(sub="x" * 201), id="a subject too long"),
        pytest.param(_signed(sub="ja\x00ne"), id="a subject with a control character"),
        pytest.param(_without("sub"), id="no subject"),
        pytest.param(_without("exp"), id="no expiry"),
        pytest.param(_without("aud"), id="no audience"),
        pytest.param(_signed(padding="x" * 9000), id="longer than any token"),
        pytest.param(
            jwt.encode({"sub": "fire", "aud": "salon-app"}, RSA, "RS256"), id="another project"
        ),
        pytest.param(jwt.encode(GOOD, RSA, "RS512"), id="RS512"),
    ],
)
def test_anything_else_proves_nobody(token: str) -> None:
    with pytest.raises(Unauthenticated) as refused:
        _proved(token)
    assert refused.value.code == "customer_token_invalid"


@pytest.mark.parametrize("subject", [7, None, ["jane"], {"a": 1}])
def test_a_subject_that_is_no_text_proves_nobody(subject: object) -> None:
    head, body = _segment({"alg": "HS256", "typ": "JWT"}), _segment({**GOOD, "sub": subject})
    signature = jwt.get_algorithm_by_name("HS256").sign(f"{head}.{body}".encode(), SECRET.encode())
    token = f"{head}.{body}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"
    with pytest.raises(Unauthenticated):
        _proved(token)


def test_without_a_firebase_project_no_id_token_proves_anybody() -> None:
    with pytest.raises(Unauthenticated):
        _proved(ID_TOKEN, project=None)


def test_the_refusal_does_not_repeat_the_token() -> None:
    token = _signed(aud="salon", sub="a-very-secret-name")
    with pytest.raises(Unauthenticated) as refused:
        _proved(token)
    assert "a-very-secret-name" not in refused.value.detail
    assert token not in refused.value.detail
