"""The API over a real database, called through Flask's test client."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from domain.access import CredentialKind, Scope
from domain.clock import ManualClock
from domain.people import Mode
from domain.policy import Brand
from domain.settings import Settings
from service.app import create_app
from service.metrics import Metrics
from service.parts import Parts
from storage import brands, keys
from storage.engine import Database


class NoIdTokens:
    """No brand here has a Firebase project to prove tokens of."""

    def subject(self, token: str, project: str) -> str | None:
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


class World:
    """A brand with its keys behind a running application."""

    def __init__(self, database: Database, clock: ManualClock, slug: str = "soup") -> None:
        self.database = database
        self.clock = clock
        self.woken = 0
        self.parts = Parts(
            settings=Settings(),
            database=database,
            clock=clock,
            metrics=Metrics(),
            id_tokens=NoIdTokens(),
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


@pytest.fixture
def world(sqlite_database: Database, clock: ManualClock) -> Iterator[World]:
    """On SQLite: what differs between the databases is tested at the storage functions."""
    return World(sqlite_database, clock)


@pytest.fixture
def any_world(database: Database, clock: ManualClock) -> World:
    """On both databases in turn."""
    return World(database, clock)
