"""Who is calling. Each view names the credential it wants; there is no default."""

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from flask import g, request
from flask_smorest import Blueprint

from domain.access import CredentialKind, Principal, Scope
from domain.clock import Clock
from domain.errors import Forbidden, Unauthenticated
from storage import devices, keys
from storage.engine import Database

_A_DAY = timedelta(days=1)
View = Callable[..., Any]
Wanted = dict[
    CredentialKind, tuple[Scope, ...] | None
]  # the kinds that may call; of each any one scope, or none

SCHEMES = {
    kind.name.lower(): {"type": "http", "scheme": "bearer", "description": text}
    for kind, text in (
        (CredentialKind.PUBLISHABLE, "`wa_…_pk_…`: goes into the app and registers its devices"),
        (CredentialKind.DEVICE, "`wa_…_dv_…`: what registration answered, for one device"),
        (CredentialKind.SECRET, "`wa_…_sk_…`: stays in the brand's backend, with the scopes named"),
    )
}
_WANTED = {
    CredentialKind.PUBLISHABLE: "a publishable app key (wa_…_pk_…)",
    CredentialKind.DEVICE: "a device credential (wa_…_dv_…)",
    CredentialKind.SECRET: "a secret key (wa_…_sk_…)",
}


class Authenticator:
    """Turns the Authorization header into a principal, passed to the view as `principal`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def publishable(self, view: View) -> View:
        return self._wants(view, {CredentialKind.PUBLISHABLE: None})

    def device(self, view: View) -> View:
        return self._wants(view, {CredentialKind.DEVICE: None})

    def device_in_transaction(self, view: View) -> View:
        """For the hot path: the view gets the `credential`, finds its device in its own transaction, and raises
        Unauthenticated where there is none. Whatever is refused, who may not call at all is told that first.
        """

        wanted: Wanted = {CredentialKind.DEVICE: None}

        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            credential = _credential()
            try:
                return view(*args, credential=credential, **kwargs)
            except Exception:
                _permit(self.caller(), wanted)
                raise

        return _documented(guarded, wanted)

    def app(self, view: View) -> View:
        """An app, whether it has registered its device or not."""
        return self._wants(view, {CredentialKind.PUBLISHABLE: None, CredentialKind.DEVICE: None})

    def secret(self, *scopes: Scope) -> Callable[[View], View]:
        """A secret key with any one of `scopes`."""
        return lambda view: self._wants(view, {CredentialKind.SECRET: scopes})

    def device_or_secret(self, *scopes: Scope) -> Callable[[View], View]:
        wanted: Wanted = {CredentialKind.DEVICE: None, CredentialKind.SECRET: scopes}
        return lambda view: self._wants(view, wanted)

    def caller(self) -> Principal:
        """The holder of the request's credential; Unauthenticated where there is none."""
        credential = _credential()
        with self._database.read() as tx:
            principal = keys.principal(tx, credential, self._clock.now())
        if principal is None:
            raise Unauthenticated("This credential is unknown, expired or revoked.")
        g.brand_id = principal.brand_id  # for the request's log line
        return principal

    def _note(self, principal: Principal) -> None:
        """Remembers, once a day, that a device is in use, whatever it asks for."""
        device_id, seen_at, now = principal.device_id, principal.seen_at, self._clock.now()
        if device_id and seen_at and now - seen_at >= _A_DAY:
            self._database.write(lambda tx: devices.seen(tx, device_id, now=now))

    def _wants(self, view: View, wanted: Wanted) -> View:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            principal = self.caller()
            _permit(principal, wanted)
            self._note(principal)
            return view(*args, principal=principal, **kwargs)

        return _documented(guarded, wanted)


def _documented(view: View, wanted: Wanted) -> View:
    """Tells the OpenAPI document who may call; alternatives stand beside each other."""
    security = [
        {kind.name.lower(): [scope.value] if scope else []}
        for kind, scopes in wanted.items()
        for scope in scopes or (None,)
    ]
    documented: View = Blueprint.doc(security=security)(view)
    return documented


def _credential() -> str:
    scheme, _, credential = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not credential:
        raise Unauthenticated("Send a credential: `Authorization: Bearer wa_…`.")
    return credential.strip()


def _permit(principal: Principal, wanted: Wanted) -> None:
    if principal.kind not in wanted:
        names = " or ".join(_WANTED[kind] for kind in wanted)
        raise Forbidden(f"This call wants {names}.", code="wrong_credential")
    scopes = wanted[principal.kind]
    if scopes and not set(scopes) & set(principal.scopes):
        names = " or ".join(f"`{scope}`" for scope in scopes)
        raise Forbidden(f"This key lacks the scope {names}.", code="scope_missing")
