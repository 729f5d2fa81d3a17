"""One Firebase project as we reach it: an SDK app whose inner session is ours, and its access token."""

import uuid
from typing import Any

import firebase_admin
import requests
from firebase_admin import messaging
from google.auth.credentials import AnonymousCredentials

from domain.messages import Outcome
from notifiers import outcomes
from notifiers.access import ANONYMOUS, GOOGLE, Route, service_account
from notifiers.bearer import Bearer
from notifiers.wire import AnswerLost, NeverSent, OneAttempt, TimedOut, Watchdog, session


class SdkChanged(RuntimeError):
    """firebase-admin has lost the inner parts by which its hidden retries are switched off."""


class Account:
    """Posts for one project with one set of credentials; safe for many threads."""

    def __init__(self, project: str, secret: str, *, route: Route, watchdog: Watchdog) -> None:
        self._route = route
        self._watchdog = watchdog
        self._sessions: list[requests.Session] = []
        self.bearer = None if secret == ANONYMOUS else self._bearer(secret)
        self._app = _app(project)
        try:
            self._take_over(project)
        except BaseException:
            self.close()
            raise

    def post(self, message: messaging.Message, *, validate_only: bool = False) -> Outcome:
        """One POST. Whatever comes back, or does not, is an outcome."""
        try:
            name = messaging.send(message, dry_run=validate_only, app=self._app)
        except Exception as error:  # noqa: BLE001  # the SDK stumbles in many ways over odd answers
            return self._outcome(error)
        return outcomes.accepted(str(name))

    def close(self) -> None:
        firebase_admin.delete_app(self._app)
        for opened in self._sessions:
            opened.close()

    def _outcome(self, error: Exception) -> Outcome:
        # The SDK raises its own errors while it handles those of requests; when it trips over a body, the
        # request's error is still underneath and knows the status.
        origin = getattr(error, "cause", None) or error.__context__ or error
        response = getattr(origin, "response", None)
        if response is not None:
            return self._answered(response)
        if isinstance(origin, NeverSent):
            return outcomes.not_sent("NOT_REACHED", str(origin))
        if isinstance(origin, TimedOut):
            return outcomes.lost("TIMEOUT", f"no answer within {self._route.timeout_s:g} s")
        if isinstance(origin, AnswerLost):
            return outcomes.lost("CONNECTION_LOST", str(origin))
        return outcomes.lost("UNREADABLE_ANSWER", f"{type(error).__name__}: {error}")

    def _answered(self, response: requests.Response) -> Outcome:
        outcome = outcomes.of_answer(response.status_code, response.content, response.headers)
        if outcome.error_code == "UNAUTHENTICATED" and self.bearer:
            self.bearer.refused()
        return outcome

    def _take_over(self, project: str) -> None:
        """Gives the app's messaging service our session, endpoint and time-out instead of its own.

        The SDK has no public way to any of the three. Its session re-sends on 500, 503, 429 and lost answers
        (urllib3's Retry) and again on 401 (google-auth); ours does not.
        """
        service = _messaging_service(self._app, project)
        inner = self._session(self._route.endpoint, self._route.timeout_s)
        inner.auth = self.bearer
        try:
            client = type(service._client)(
                session=inner, retries=False, timeout=self._route.timeout_s
            )
            if client.session is not inner:
                raise _sdk_changed("its HTTP client does not take a session")
        except (TypeError, AttributeError) as error:
            raise _sdk_changed(str(error)) from error
        service._client = client
        service._fcm_url = self._route.address(project)

    def _bearer(self, path: str) -> Bearer:
        google, token_uri = service_account(path, endpoint=self._route.endpoint)
        return Bearer(google, session=self._session(token_uri, self._route.token_wait_s))

    def _session(self, url: str, timeout_s: float) -> requests.Session:
        adapter = OneAttempt(
            timeout_s=timeout_s, connections=self._route.connections, watchdog=self._watchdog
        )
        opened = session(adapter, url=url, ca_file=self._route.ca_file)
        self._sessions.append(opened)
        return opened


def _app(project: str) -> firebase_admin.App:
    """An app of our own name. Its own credentials are empty: should the SDK ever bypass our session, it gets nowhere."""
    return firebase_admin.initialize_app(
        AnonymousCredentials(),  # type: ignore[no-untyped-call]  # google-auth's own code is untyped
        {"projectId": project},
        name=f"whenabouts-{uuid.uuid4()}",
    )


def _messaging_service(app: firebase_admin.App, project: str) -> Any:
    find = getattr(messaging, "_get_messaging_service", None)
    if find is None:
        raise _sdk_changed("messaging._get_messaging_service is gone")
    service = find(app)
    if getattr(service, "_fcm_url", None) != f"{GOOGLE}/v1/projects/{project}/messages:send":
        raise _sdk_changed("the messaging service has no _fcm_url of the known form")
    if not hasattr(service, "_client"):
        raise _sdk_changed("the messaging service has no _client")
    return service


def _sdk_changed(what: str) -> SdkChanged:
    return SdkChanged(
        f"firebase-admin {firebase_admin.__version__} cannot be held to one attempt per message: {what}. "
        "Install the locked version (requirements/run.lock), or adapt notifiers/account.py"
    )
