"""Firebase ID tokens, signed as Google signs them, with certificates served over real HTTP."""

import json
import time
from collections.abc import Iterator
from email.utils import formatdate
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from domain.errors import Busy
from notifiers.identity import FirebaseIdentity
from tests.acceptance.certificates import pem, self_signed
from tests.acceptance.raw_server import RawServer, saying

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
CERTIFICATES = json.dumps({"kid-1": pem(self_signed(KEY))}).encode()


def token(*, key: Any = KEY, alg: str = "RS256", kid: str | None = "kid-1", **changes: Any) -> str:
    now = int(time.time())
    claims = {
        "iss": "https://securetoken.google.com/demo",
        "aud": "demo",
        "sub": "customer-42",
        "iat": now - 10,
        "exp": now + 3600,
        "auth_time": now - 10,
        **changes,
    }
    headers = {"kid": kid} if kid else {}
    return jwt.encode(claims, key, algorithm=alg, headers=headers)


@pytest.fixture
def certificates() -> Iterator[RawServer]:
    headers = (f"Date: {formatdate(usegmt=True)}", "Cache-Control: public, max-age=600")
    with RawServer(saying("200 OK", CERTIFICATES, *headers)) as server:
        yield server


@pytest.fixture
def identity(certificates: RawServer) -> Iterator[FirebaseIdentity]:
    opened = FirebaseIdentity(certificates_url=certificates.url, timeout_s=1.0)
    yield opened
    opened.close()


def test_a_signed_token_of_the_brands_project_names_its_subject(
    identity: FirebaseIdentity,
) -> None:
    assert identity.subject("demo", token()) == "customer-42"


def test_the_certificates_are_fetched_once(
    identity: FirebaseIdentity, certificates: RawServer
) -> None:
    assert [identity.subject("demo", token()) for _ in range(3)] == ["customer-42"] * 3
    assert certificates.requests == 1


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(token(aud="other"), id="another project's audience"),
        pytest.param(token(iss="https://securetoken.google.com/other"), id="another issuer"),
        pytest.param(token(iss="https://accounts.google.com"), id="a Google account"),
        pytest.param(token(exp=int(time.time()) - 60), id="expired"),
        pytest.param(token(iat=int(time.time()) + 600), id="from the future"),
        pytest.param(token(sub=""), id="no subject"),
        pytest.param(token(sub="x" * 129), id="a long subject"),
        pytest.param(token(key=OTHER_KEY), id="signed by another"),
        pytest.param(token(kid="kid-2"), id="an unknown key"),
        pytest.param(token(kid=None), id="no key named"),
        pytest.param(token(key="secret" * 8, alg="HS256"), id="HS256"),
        pytest.param(token(key=None, alg="none"), id="unsigned"),
        pytest.param(token()[:-3] + "AAA", id="a broken signature"),
        pytest.param("", id="nothing"),
        pytest.param("a.b.c", id="no JSON"),
        pytest.param("W10.W10.AA", id="lists"),
        pytest.param("e30.e30.", id="empty"),
        pytest.param("\ud800.e30.e30", id="no text"),
        pytest.param("x" * 9000, id="too long"),
    ],
)
def test_anything_else_proves_nothing(identity: FirebaseIdentity, bad: str) -> None:
    assert identity.subject("demo", bad) is None


def test_a_token_proves_itself_to_its_own_project_alone(identity: FirebaseIdentity) -> None:
    other = token(aud="salon", iss="https://securetoken.google.com/salon")

    assert identity.subject("salon", other) == "customer-42"
    assert identity.subject("demo", other) is None


def test_without_certificates_nobody_is_called_a_liar() -> None:
    with RawServer(saying("503 Later", b"")) as down:
        identity = FirebaseIdentity(certificates_url=down.url, timeout_s=1.0)
        with pytest.raises(Busy) as caught:
            identity.subject("demo", token())
        identity.close()

    assert caught.value.code == "identity_unavailable"


def test_the_auth_emulators_setting_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIREBASE_AUTH_EMULATOR_HOST", "127.0.0.1:9099")

    with pytest.raises(ValueError, match="FIREBASE_AUTH_EMULATOR_HOST"):
        FirebaseIdentity()


def test_a_setting_that_appears_later_lets_no_unsigned_token_pass(
    identity: FirebaseIdentity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIREBASE_AUTH_EMULATOR_HOST", "127.0.0.1:9099")

    assert identity.subject("demo", token(key=None, alg="none")) is None
    assert identity.subject("demo", token()) is None


def test_unsigned_tokens_pass_only_where_both_the_setting_and_the_flag_say_so(
    monkeypatch: pytest.MonkeyPatch, certificates: RawServer
) -> None:
    unsigned = token(key=None, alg="none")
    flagged = FirebaseIdentity(certificates_url=certificates.url, allow_unsigned=True)
    assert flagged.subject("demo", unsigned) is None

    monkeypatch.setenv("FIREBASE_AUTH_EMULATOR_HOST", "127.0.0.1:9099")
    assert flagged.subject("demo", unsigned) == "customer-42"
    assert flagged.subject("demo", token(key=None, alg="none", aud="other")) is None
    flagged.close()
