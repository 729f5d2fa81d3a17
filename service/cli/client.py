"""A caller of the public API, as an app or a brand's backend would be; for the demo and for replays."""

from typing import Any

import requests

from domain.errors import Busy, Refusal

TIMEOUT_S = 15.0


class Client:
    """One credential's view of a service. Refusals of the service come back as our own."""

    def __init__(self, url: str, credential: str | None = None) -> None:
        self._url = url.rstrip("/")
        self._session = requests.Session()
        self._session.trust_env = False  # the service is ours, never behind the machine's proxy
        self.use(credential)

    def use(self, credential: str | None) -> None:
        """Speaks with another credential from now on."""
        self._session.headers["Authorization"] = f"Bearer {credential}"

    def call(self, method: str, path: str, body: Any = None, **query: Any) -> dict[str, Any]:
        """The answer's JSON; Refusal with the problem's code, Busy where the service cannot be reached."""
        try:
            answer = self._session.request(
                method, self._url + path, json=body, params=query or None, timeout=TIMEOUT_S
            )
        except requests.RequestException as error:
            raise Busy(
                f"{self._url} does not answer; is the service running?", code="unreachable"
            ) from error
        if answer.status_code == 204:
            return {}
        document = _document(answer)
        if not answer.ok:
            raise Refusal(
                document.get("detail", f"{self._url}{path} answered {answer.status_code}."),
                code=document.get("code", "error"),
            )
        return document

    def close(self) -> None:
        self._session.close()


def _document(answer: requests.Response) -> dict[str, Any]:
    try:
        document = answer.json()
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
