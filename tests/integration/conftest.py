"""The API over a real database, called through Flask's test client."""

import os
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import jwt
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from domain.access import CredentialKind, Scope
from domain.clock import ManualClock
from domain.people import Mode, Purpose
from domain.policy import Brand
from domain.settings import Settings
from service.app import create_app
from service.metrics import Metrics
from service.parts import IdTokens, Parts
from storage import brands, keys
from storage.engine import Database


class NoIdTokens:
    """No brand here has a Firebase project to prove tokens of."""

    def subject(self, project: str, token: str) -> str | None:
        return None


class Caller:
    """One credential's view of the API."""

    def __init__(self, client: FlaskClient, credential: str | None) -> None:
        self._client = client
        self.credential = credential

    def __call__(
        self,
        method: str,
        path: str,
        json: Any = None,
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> TestResponse:
        given = {"Authorization": f"Bearer {self.credential}"} if self.credential else {}
        return self._client.open(
            path, method=method, json=json, headers={**given, **(headers or {})}, **more
        )

    def get(self, path: str, **more: Any) -> TestResponse:
        return self("GET", path, **more)

    def put(self, path: str, json: Any = None, **more: Any) -> TestResponse:
        return self("PUT", path, json, **more)

    def post(self, path: str, json: Any = None, **more: Any) -> TestResponse:
        return self("POST", path, json, **more)

    def patch(self, path: str, json: Any = None, **more: Any) -> TestResponse:
        return self("PATCH", path, json, **more)

    def delete(self, path: str, **more: Any) -> TestResponse:
        return self("DELETE", path, **more)


class Install(Caller):
    """A registered device and whom it acts for."""

    def __init__(self, client: FlaskClient, answer: Any) -> None:
        super().__init__(client, answer["credential"])
        self.device_id: str = answer["device_id"]
        self.customer_id: str = answer["customer_id"]


class World:
    """A brand with its keys behind a running application."""

    def __init__(
        self,
        database: Database,
        clock: ManualClock,
        slug: str = "soup",
        *,
        settings: Settings | None = None,
        id_tokens: IdTokens | None = None,
    ) -> None:
        self.database = database
        self.clock = clock
        self.woken = 0
        self.parts = Parts(
            settings=settings or Settings(),
            database=database,
            clock=clock,
            metrics=Metrics(),
            id_tokens=id_tokens or NoIdTokens(),
            wake=self._wake,
            ready=dict,
        )
        self.client = create_app(self.parts).test_client()
        self.brand = self.add_brand(slug)
        self.admin = self.key(self.brand, CredentialKind.SECRET, *Scope)
        self.app = self.key(self.brand, CredentialKind.PUBLISHABLE)
        self.nobody = Caller(self.client, None)

    def _wake(self) -> None:
        self.woken += 1

    def add_brand(self, slug: str) -> Brand:
        now = self.clock.now()
        return self.database.write(
            lambda tx: brands.create(tx, slug=slug, name=slug, time_zone="Europe/Helsinki", now=now)
        )

    def key(
        self, brand: Brand, kind: CredentialKind, *scopes: Scope, mode: Mode = Mode.LIVE
    ) -> Caller:
        now = self.clock.now()
        _, text = self.database.write(
            lambda tx: keys.create(
                tx, brand_id=brand.id, kind=kind, mode=mode, scopes=scopes, now=now
            )
        )
        return Caller(self.client, text)

    def device(
        self, *granted: Purpose, app: Caller | None = None, target: str | None = None, **more: Any
    ) -> Install:
        """Registers a device, with `more` fields of the body, and grants these purposes as of now."""
        value = target or f"token-{os.urandom(8).hex()}"
        body = {"platform": "android", "target": {"kind": "token", "value": value}, **more}
        answer = (app or self.app).post("/v1/devices", body)
        assert answer.status_code in (200, 201), answer.json
        device = Install(self.client, answer.json)
        if granted:
            self.say(device, *granted)
        return device

    def say(
        self, device: Caller, *purposes: Purpose, granted: bool = True, at: datetime | None = None
    ) -> TestResponse:
        """Grants or withdraws these purposes, at the clock's time unless told otherwise."""
        entries = [statement(each, granted, at or self.clock.now()) for each in purposes]
        answer = device.post("/v1/consents", {"entries": entries})
        assert answer.status_code == 201, answer.json
        return answer

    def customer_token(self, subject: str, brand: Brand | None = None, **claims: Any) -> str:
        """What the brand's backend gives its app to prove who is signed in, good for an hour."""
        brand = brand or self.brand
        expires = int(self.clock.now().timestamp()) + 3600
        given = {"sub": subject, "aud": brand.slug, "exp": expires, **claims}
        return jwt.encode(given, brand.signing_secret, "HS256")


def statement(purpose: Purpose, granted: bool, at: datetime, **more: Any) -> dict[str, Any]:
    """One entry for `POST /v1/consents`."""
    return {
        "purpose": purpose.value,
        "granted": granted,
        "wording": "May we?",
        "wording_version": "2026-05",
        "locale": "en-GB",
        "source": "onboarding",
        "occurred_at": at.isoformat(),
        **more,
    }


@pytest.fixture
def world(sqlite_database: Database, clock: ManualClock) -> Iterator[World]:
    """On SQLite: what differs between the databases is tested at the storage functions."""
    return World(sqlite_database, clock)


@pytest.fixture
def any_world(database: Database, clock: ManualClock) -> World:
    """On both databases in turn."""
    return World(database, clock)
