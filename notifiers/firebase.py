"""The `admin` transport: firebase-admin's `messaging.send`, held to one attempt and to the endpoint we name."""

from domain.messages import Envelope, Outcome
from notifiers import access, outcomes
from notifiers.access import ANONYMOUS, GOOGLE, Accounts, AccountUnusable, OpenAccounts
from notifiers.account import Account, SdkChanged
from notifiers.bearer import NoAccessToken
from notifiers.encode import encode
from notifiers.wire import Watchdog

__all__ = ["ANONYMOUS", "GOOGLE", "AccountUnusable", "Accounts", "FirebaseNotifier", "SdkChanged"]


class FirebaseNotifier:
    """Sends through FCM v1. Each brand may have its own Firebase project and credentials.

    A send takes `timeout_s` at most, and up to 5 s more when an access token has to be fetched. No host is
    contacted but the endpoint and, with a service account, its token endpoint. `accounts` is asked at each
    send, so that new brands and changed credentials take effect at once. Raises SdkChanged or ValueError
    when it is made, never later.
    """

    validates = True

    def __init__(
        self,
        *,
        accounts: Accounts,
        endpoint: str = GOOGLE,
        timeout_s: float = 15.0,
        ca_file: str | None = None,
        connections: int = 100,
    ) -> None:
        self._route = access.route(
            endpoint=endpoint, timeout_s=timeout_s, ca_file=ca_file, connections=connections
        )
        self._watchdog = Watchdog()
        self._accounts = OpenAccounts(accounts, open_one=self._opened)
        # An SDK that changed must stop the start, not the first message of a brand.
        self._opened("sdk-check", ANONYMOUS).close()

    def check(self, project: str) -> None:
        """Raises AccountUnusable where sends for `project` cannot work as configured. Contacts nobody."""
        self._accounts.of(project)

    def send(self, envelope: Envelope) -> Outcome:
        try:
            message = encode(envelope)
        except (ValueError, TypeError, OverflowError, AttributeError) as error:
            return outcomes.unsendable(str(error))
        try:
            account = self._accounts.of(envelope.project)
            if account.bearer:
                account.bearer.ready()
        except AccountUnusable as error:
            return outcomes.not_sent("ACCOUNT_UNUSABLE", str(error))
        except NoAccessToken as error:
            return outcomes.not_sent("NO_ACCESS_TOKEN", str(error))
        return account.post(message, validate_only=envelope.validate_only)

    def close(self) -> None:
        self._accounts.close()
        self._watchdog.close()

    def _opened(self, project: str, secret: str) -> Account:
        return Account(project, secret, route=self._route, watchdog=self._watchdog)
