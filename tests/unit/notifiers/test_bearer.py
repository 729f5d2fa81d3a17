"""The access token under many threads, with credentials and a token endpoint made for the purpose."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from google.auth.credentials import TokenState

from notifiers.bearer import Bearer, NoAccessToken
from tests.receiver import until


class Credentials:
    """Shaped like google-auth's: a state, a token, and a refresh that may fail or take its time."""

    def __init__(self, state: TokenState = TokenState.INVALID) -> None:
        self.looked = 0
        self._token: str | None = None if state is TokenState.INVALID else "old"
        self.token_state = state
        self.failure: Exception | None = None
        self.refreshes = 0
        self.go = threading.Event()
        self.go.set()

    @property
    def token(self) -> str | None:
        self.looked += 1
        return self._token

    def refresh(self, request: Any) -> None:
        self.refreshes += 1
        assert self.go.wait(60)
        if self.failure:
            raise self.failure
        self._token = f"token-{self.refreshes}"
        self.token_state = TokenState.FRESH

    def apply(self, headers: dict[str, str]) -> None:
        headers["authorization"] = f"Bearer {self.token}"


def bearer(credentials: Credentials) -> Bearer:
    return Bearer(credentials, session=requests.Session())


def test_a_token_is_fetched_once_and_put_on_the_request() -> None:
    credentials = Credentials()
    held = bearer(credentials)

    held.ready()
    held.ready()
    request = held(requests.Request("POST", "http://localhost/").prepare())

    assert credentials.refreshes == 1
    assert request.headers["authorization"] == "Bearer token-1"


@pytest.mark.parametrize("failure", [None, RuntimeError("no answer")], ids=["good", "bad"])
def test_threads_that_wait_share_one_fetch_whatever_came_of_it(failure: Exception | None) -> None:
    credentials = Credentials()
    credentials.failure = failure
    credentials.go.clear()
    held = bearer(credentials)

    def outcome() -> str | None:
        try:
            held.ready()
        except NoAccessToken as error:
            return str(error)
        return None

    with ThreadPoolExecutor(16) as pool:
        waiting = [pool.submit(outcome) for _ in range(16)]
        assert until(lambda: credentials.looked >= 16)  # one of them fetches
        time.sleep(0.1)  # from their look at the state to the queue
        credentials.go.set()
        results = {future.result(timeout=60) for future in waiting}

    assert results == {str(failure) if failure else None}
    assert credentials.refreshes == 1


def test_the_next_send_tries_again_after_a_failed_fetch() -> None:
    credentials = Credentials()
    credentials.failure = RuntimeError("down")
    held = bearer(credentials)
    with pytest.raises(NoAccessToken, match="down"):
        held.ready()

    credentials.failure = None
    held.ready()

    assert credentials.refreshes == 2


def test_a_token_near_its_end_serves_on_while_it_cannot_be_renewed() -> None:
    credentials = Credentials(TokenState.STALE)
    credentials.failure = RuntimeError("down")

    bearer(credentials).ready()

    assert (credentials.refreshes, credentials.token) == (1, "old")


def test_a_token_that_fcm_refused_is_replaced() -> None:
    credentials = Credentials()
    held = bearer(credentials)
    held.ready()

    held.refused()
    held.ready()

    assert credentials.token == "token-2"
