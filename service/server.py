"""The HTTP server inside the process: waitress, in a thread of its own."""

import threading

from flask import Flask
from waitress.server import create_server

from service.environment import address


class Server:
    """Serves `app` at `bind` until it is stopped; `url` names the real port where 0 was asked for."""

    def __init__(self, app: Flask, *, bind: str, threads: int) -> None:
        host, port = address(bind)
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
        self._thread = threading.Thread(target=self._server.run, name="http", daemon=True)
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self._server.effective_port}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Takes no new connection and gives running requests a moment to finish."""
        self._server.close()
        self._server.task_dispatcher.shutdown(cancel_pending=False, timeout=5)
