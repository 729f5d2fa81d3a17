"""Who a Firebase ID token speaks for: proof that a device belongs to a customer a brand already knows."""

import os
import threading
import uuid
from typing import Any

import firebase_admin
from firebase_admin import auth, exceptions
from google.auth.credentials import AnonymousCredentials

from domain.errors import Busy
from notifiers.account import SdkChanged

_EMULATOR = "FIREBASE_AUTH_EMULATOR_HOST"
_CLOCK_SKEW_S = 10  # of the phone's issuer against this host; Firebase allows up to 60
_LONGEST_TOKEN = 8192


class FirebaseIdentity:
    """Verifies ID tokens of any brand's Firebase project: signature (RS256), audience, issuer, times.

    Google's certificates are fetched on first use and kept as long as they may be. `certificates_url` names
    a mirror of them. With FIREBASE_AUTH_EMULATOR_HOST set the SDK would take unsigned tokens, so nothing is
    accepted then unless `allow_unsigned` was given, which is for trials against Firebase's auth emulator.
    """

    def __init__(
        self,
        *,
        timeout_s: float = 5.0,
        certificates_url: str | None = None,
        allow_unsigned: bool = False,
    ) -> None:
        if _emulated() and not allow_unsigned:
            raise ValueError(
                f"{_EMULATOR} is set, so unsigned ID tokens would pass: unset it, or allow them explicitly "
                "in a trial"
            )
        self._timeout_s = timeout_s
        self._certificates_url = certificates_url
        self._allow_unsigned = allow_unsigned
        self._clients: dict[str, tuple[firebase_admin.App, auth.Client]] = {}
        self._lock = threading.Lock()

    def subject(self, project: str, token: str) -> str | None:
        """The user id the token proves within `project`, or None where it proves nothing.

        Raises Busy while Google's certificates cannot be had: the token may be good.
        """
        if len(token) > _LONGEST_TOKEN or (_emulated() and not self._allow_unsigned):
            return None
        try:
            claims = self._client(project).verify_id_token(token, clock_skew_seconds=_CLOCK_SKEW_S)
        except auth.CertificateFetchError as error:
            raise Busy(
                "Google's certificates cannot be fetched, so no ID token can be checked: try again",
                retry_after_s=10,
                code="identity_unavailable",
            ) from error
        except (exceptions.FirebaseError, ValueError, TypeError, AttributeError, RecursionError):
            return None  # not a token, not signed, expired, or of another project
        return str(claims["sub"])

    def close(self) -> None:
        with self._lock:
            apps, self._clients = [app for app, _ in self._clients.values()], {}
        for app in apps:
            firebase_admin.delete_app(app)

    def _client(self, project: str) -> Any:
        with self._lock:
            if project not in self._clients:
                self._clients[project] = self._opened(project)
            return self._clients[project][1]

    def _opened(self, project: str) -> tuple[firebase_admin.App, auth.Client]:
        app = firebase_admin.initialize_app(
            AnonymousCredentials(),  # type: ignore[no-untyped-call]  # google-auth's own code is untyped
            {"projectId": project, "httpTimeout": self._timeout_s},
            name=f"whenabouts-identity-{uuid.uuid4()}",
        )
        client = auth.Client(app)
        if self._certificates_url:
            _point_at(client, self._certificates_url)
        return app, client


def _emulated() -> bool:
    return bool(os.environ.get(_EMULATOR))


def _point_at(client: auth.Client, certificates_url: str) -> None:
    verifier = getattr(getattr(client, "_token_verifier", None), "id_token_verifier", None)
    if verifier is None or not hasattr(verifier, "cert_url"):
        raise SdkChanged(
            f"firebase-admin {firebase_admin.__version__} no longer lets the address of Google's "
            "certificates be named: leave it out, or install the locked version"
        )
    verifier.cert_url = certificates_url
