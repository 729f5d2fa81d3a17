"""The access token of one service account, fetched in bounded time and shared by all threads."""

import threading
from typing import Any

import requests
from google.auth.credentials import TokenState
from google.auth.transport.requests import Request


class NoAccessToken(Exception):
    """The token endpoint did not give an access token. Nothing was sent to FCM."""


class Bearer(requests.auth.AuthBase):
    """Puts the access token on a request, as the `auth` of a session.

    The token is fetched by `ready`, not by google-auth's `before_request`: that would retry with sleeps of
    its own, and would ask iamcredentials.googleapis.com for the account's allowed locations in the
    background, whatever endpoint we talk to.
    """

    def __init__(self, credentials: Any, *, session: requests.Session) -> None:
        self._credentials = credentials
        self._request = _OneTry(session)
        self._lock = threading.Lock()
        self._tries = 0
        self._failure: str | None = None
        self._refused: str | None = None

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        self._credentials.apply(request.headers)
        return request

    @property
    def fresh(self) -> bool:
        """Whether the token at hand needs no renewal yet."""
        return self._state() is TokenState.FRESH

    @property
    def usable(self) -> str | None:
        """The token at hand, if FCM may still take it."""
        return None if self._state() is TokenState.INVALID else str(self._credentials.token)

    def ready(self) -> None:
        """Returns with a usable token at hand, or raises NoAccessToken; one request at most for all threads.

        Shortly before the end of a token's life one thread renews it while the others go on with the old one.
        """
        state = self._state()
        if state is TokenState.FRESH:
            return
        seen = self._tries
        if not self._lock.acquire(blocking=state is TokenState.INVALID):
            return
        try:
            # Whoever waited for the lock takes the result of the try that held it, good or bad: were each
            # to try again in turn, the last of many threads would wait for all the others' time-outs.
            if self._tries == seen:
                self._renew()
            if self._failure and self._state() is TokenState.INVALID:
                raise NoAccessToken(self._failure)
        finally:
            self._lock.release()

    def refused(self) -> None:
        """FCM did not take the token: the next request fetches another, whatever its life was to be."""
        self._refused = self._credentials.token

    def _state(self) -> Any:
        if self._credentials.token == self._refused:
            return TokenState.INVALID
        return self._credentials.token_state

    def _renew(self) -> None:
        self._failure = None
        try:
            self._credentials.refresh(self._request)
        except Exception as error:  # noqa: BLE001  # google-auth raises anything at an odd answer
            self._failure = str(error) or type(error).__name__
        finally:
            self._tries += 1


class _OneTry:
    """google-auth's transport without its loop: a failing token endpoint is asked once, and the next send asks again."""

    def __init__(self, session: requests.Session) -> None:
        self._transport: Any = Request(session)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        response = self._transport(*args, **kwargs)
        if response.status in (408, 429) or response.status >= 500:
            raise NoAccessToken(f"the token endpoint answered {response.status}")
        return response
