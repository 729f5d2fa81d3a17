"""One project's account of the curl transport: when its token endpoint is asked."""

import threading
from pathlib import Path
from queue import Queue

from notifiers import access
from notifiers.bearer import NoAccessToken
from notifiers.curl import _Account
from notifiers.emulator.account import write_service_account
from notifiers.wire import Watchdog
from tests.acceptance.raw_server import RawServer, saying


def test_looking_for_headers_asks_for_no_token_so_that_a_failed_try_is_not_made_twice(
    tmp_path: Path,
) -> None:
    with RawServer(saying("503 Later", b"{}")) as tokens:
        file = write_service_account(tmp_path / "demo.json", url=tokens.url, project="demo")
        route = access.route(
            endpoint="http://127.0.0.1:1", timeout_s=1.0, ca_file=None, connections=1
        )
        watchdog = Watchdog()
        account = _Account("demo", str(file), route=route, watchdog=watchdog)
        told: Queue[list[str] | NoAccessToken] = Queue()

        assert account.headers() is None
        wait_for_fetches()
        assert tokens.requests == 0
        account.when_ready(told.put)

        assert isinstance(told.get(timeout=60), NoAccessToken)
        assert tokens.requests == 1
        account.close()
        watchdog.close()


def wait_for_fetches() -> None:
    for thread in threading.enumerate():
        if thread.name == "fcm-token":
            thread.join(5)
