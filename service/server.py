"""The HTTP server inside the process: waitress, in a thread of its own."""

import threading

from flask import Flask
from waitress.server import create_server

from domain.errors import Refusal
from service.environment import address


class Server:
    """Serves `app` at `bind` until it is stopped; `url` names the real port where 0 was asked for.

    Refusal where nothing can listen there.
    """

    def __init__(self, app: Flask, *, bind: str, threads: int) -> None:
        host, port = address(bind)
        try:
            self._server = create_server(
                app,
                host=host,
                port=port,
                threads=threads,
                ident="whenabouts",
                # A little above the largest body we take, so that the application can answer with a problem document.
                max_request_body_size=12 * 1024 * 1024,
                clear_untrusted_proxy_headers=True,
            )
        except (OSError, ValueError) as error:
            raise Refusal(
                f"Cannot listen on {bind} ({error}). Stop what listens there, or set WHENABOUTS_BIND."
            ) from error
        self._thread = threading.Thread(target=self._server.run, name="http", daemon=True)
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self._server.effective_port}"

    def start(self) -> None:
        self._thread.start()

    def stop(self, *, within_s: float = 5.0) -> None:
        """Lets running requests finish, cuts off those that wait, then closes the connections."""
        self._server.task_dispatcher.shutdown(cancel_pending=True, timeout=within_s)
        # In the server's own thread, so that no connection is closed under its feet.
        self._server.trigger.pull_trigger(self._close)
        self._thread.join(within_s)

    def _close(self) -> None:
        for channel in list(self._server.active_channels.values()):
            channel.handle_close()
        self._server.close()
