"""The emulator as its users meet it: over HTTP, in their tests, and as a process."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from domain.clock import SystemClock
from notifiers.emulator.server import Emulator, serve

ROOT = Path(__file__).parents[2]
SEND = "/v1/projects/demo/messages:send"


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator() as running:
        yield running


@pytest.fixture
def connection(emulator: Emulator) -> Iterator[http.client.HTTPConnection]:
    opened = http.client.HTTPConnection(urlsplit(emulator.url).netloc, timeout=5)
    yield opened
    opened.close()


def ask(
    connection: http.client.HTTPConnection, method: str, path: str, body: Any = None, **headers: str
) -> tuple[int, Any]:
    content = json.dumps(body).encode() if isinstance(body, dict) else body
    connection.request(method, path, content, headers)
    response = connection.getresponse()
    text = response.read()
    try:
        return response.status, json.loads(text)
    except ValueError:
        return response.status, text


def message(target: str = "phone-1", **parts: Any) -> dict[str, Any]:
    return {"message": {"token": target, "notification": {"title": "Soup"}, **parts}}


class TestOverHttp:
    def test_a_message_is_taken_shown_listed_and_cleared(
        self, connection: http.client.HTTPConnection
    ) -> None:
        status, answer = ask(connection, "POST", SEND, message())
        assert status == 200
        assert re.fullmatch(r"projects/demo/messages/0:\d+%[0-9a-f]{16}", answer["name"])

        _, inbox = ask(connection, "GET", "/inbox?target=phone-1&project=demo")
        assert [n["id"] for n in inbox["data"]] == [answer["name"]]
        _, requests = ask(connection, "GET", "/requests")
        assert requests["total"] == 1
        assert requests["data"][0] | {"arrived_at": None} == {
            "number": 1,
            "kind": "send",
            "arrived_at": None,
            "project": "demo",
            "target_kind": "token",
            "target": "phone-1",
            "outcome": "accepted",
            "status": 200,
            "error_code": None,
            "message_id": answer["name"],
            "validate_only": False,
            "authorized": False,
        }

        assert ask(connection, "DELETE", "/inbox")[0] == 204
        assert ask(connection, "GET", "/inbox")[1] == {"data": []}
        assert ask(connection, "GET", "/requests")[1] == {"data": [], "total": 0}

    def test_one_connection_carries_many_requests(
        self, connection: http.client.HTTPConnection
    ) -> None:
        connection.connect()
        first = connection.sock
        for number in range(20):
            assert ask(connection, "POST", SEND, message(f"unregistered-{number}"))[0] == 404

        assert connection.sock is first

    def test_an_error_is_answered_in_googles_form(
        self, connection: http.client.HTTPConnection
    ) -> None:
        assert ask(connection, "POST", SEND, message("unregistered-1")) == (
            404,
            {
                "error": {
                    "code": 404,
                    "message": "Requested entity was not found.",
                    "status": "NOT_FOUND",
                    "details": [
                        {
                            "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError",
                            "errorCode": "UNREGISTERED",
                        }
                    ],
                }
            },
        )

    def test_retry_after_is_a_header(self, connection: http.client.HTTPConnection) -> None:
        connection.request("POST", SEND, json.dumps(message("quota-7-x")))
        response = connection.getresponse()
        response.read()

        assert (response.status, response.headers["Retry-After"]) == (429, "7")

    def test_a_bad_gateway_is_a_page(self, connection: http.client.HTTPConnection) -> None:
        connection.request("POST", SEND, json.dumps(message("badgateway-1")))
        response = connection.getresponse()

        assert response.status == 502
        assert response.headers["Content-Type"].startswith("text/html")
        assert b"502" in response.read()

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("GET", "/healthz", 200),
            ("GET", "/v1/projects/demo/messages", 404),
            ("GET", "/../secret", 404),
            ("POST", "/v1/projects/demo/messages:batch", 404),
            ("POST", "/v1/projects/a/b/messages:send", 404),
            ("POST", "/v1/projects/demo/messages%3Asend", 400),
            ("DELETE", "/requests", 404),
            ("PUT", SEND, 501),
            ("GET", "/inbox?since=yesterday", 400),
            ("GET", "/requests?since=2026-05-06T09:00:00", 400),
        ],
    )
    def test_other_paths_have_plain_answers(
        self, connection: http.client.HTTPConnection, method: str, path: str, status: int
    ) -> None:
        assert ask(connection, method, path)[0] == status

    def test_a_chunked_body_is_read(self, connection: http.client.HTTPConnection) -> None:
        content = json.dumps(message()).encode()
        connection.request(
            "POST", SEND, iter([content[:10], content[10:]]), encode_chunked=True,
            headers={"Transfer-Encoding": "chunked"},
        )  # fmt: skip
        response = connection.getresponse()
        response.read()

        assert response.status == 200
        assert ask(connection, "POST", SEND, message())[0] == 200  # the connection is still in step

    @pytest.mark.parametrize(
        ("head", "status"),
        [
            (b"Content-Length: 9999999\r\n\r\n", b"413"),
            (b"Content-Length: many\r\n\r\n", b"400"),
            (b"Content-Length: \xb2\r\n\r\n", b"400"),
            (b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", b"400"),
            (b"Transfer-Encoding: chunked\r\n\r\n-5\r\n", b"400"),
            (b"Transfer-Encoding: chunked\r\n\r\nfffffff\r\n" + b"x" * 1_100_000, b"413"),
        ],
    )
    def test_a_body_without_bounds_is_refused_and_the_connection_ends(
        self, emulator: Emulator, head: bytes, status: bytes
    ) -> None:
        url = urlsplit(emulator.url)
        with socket.create_connection((url.hostname, url.port), timeout=5) as raw:
            raw.sendall(b"POST /token HTTP/1.1\r\nHost: x\r\n" + head)
            answer = b""
            try:
                while received := raw.recv(4096):
                    answer += received
            except ConnectionResetError:
                pass  # unread bytes make the kernel reset; the answer came first

        assert answer.startswith(b"HTTP/1.1 " + status)
        assert emulator.requests() == []

    def test_a_reset_is_a_reset_and_a_lost_answer_an_end(self, emulator: Emulator) -> None:
        url = urlsplit(emulator.url)

        def after(target: str) -> bytes:
            content = json.dumps(message(target)).encode()
            with socket.create_connection((url.hostname, url.port), timeout=5) as raw:
                head = f"POST {SEND} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(content)}\r\n\r\n"
                raw.sendall(head.encode() + content)
                return raw.recv(4096)

        with pytest.raises(ConnectionResetError):
            after("reset-1")
        assert after("lost-1") == b""
        assert [n["target"] for n in emulator.inbox()] == ["lost-1"]

    def test_the_page_asks_nobody_else_and_writes_pushes_as_text(
        self, connection: http.client.HTTPConnection
    ) -> None:
        connection.request("GET", "/")
        response = connection.getresponse()
        page = response.read().decode()

        assert response.status == 200
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        assert not re.search(r"https?://|//[a-z]|@import|<link|\bsrc=", page)
        assert "unsafe" not in response.headers["Content-Security-Policy"]
        assert "innerHTML" not in page

    def test_latency_delays_each_answer(self) -> None:
        with Emulator(latency_ms=200) as slow:
            opened = http.client.HTTPConnection(urlsplit(slow.url).netloc, timeout=5)
            started = time.monotonic()
            ask(opened, "POST", SEND, message())
            elapsed = time.monotonic() - started
            opened.close()

        assert 0.2 <= elapsed < 5


class TestInATest:
    def test_it_ends_at_once_even_with_hanging_and_idle_connections(self) -> None:
        with Emulator() as emulator:
            netloc = urlsplit(emulator.url).netloc
            opened = [http.client.HTTPConnection(netloc, timeout=20) for _ in range(4)]
            for number, connection in enumerate(opened):
                target = "hang-1" if number % 2 else "slow-60000-x"
                connection.request("POST", SEND, json.dumps(message(target)))
            idle = http.client.HTTPConnection(netloc, timeout=20)
            ask(idle, "GET", "/healthz")
            while len(emulator.requests()) < 4:
                time.sleep(0.01)
            started = time.monotonic()
        elapsed = time.monotonic() - started
        idle.sock.settimeout(2)
        hung_up = idle.sock.recv(1) == b""
        for connection in [*opened, idle]:
            connection.close()

        assert elapsed < 10  # those that hang would have had a minute
        assert hung_up

    def test_it_can_be_closed_twice_and_its_address_used_again(self) -> None:
        first = serve("127.0.0.1:0")
        bind = first.url.removeprefix("http://")
        first.close()
        first.close()

        with serve(bind) as second:
            assert second.url == first.url

    def test_what_happened_since_a_moment_can_be_asked(
        self, emulator: Emulator, connection: http.client.HTTPConnection
    ) -> None:
        ask(connection, "POST", SEND, message("early"))
        since = SystemClock().now()
        ask(connection, "POST", SEND, message("late"))

        assert [n["target"] for n in emulator.inbox(since=since)] == ["late"]
        assert [r["target"] for r in emulator.requests(since=since)] == ["late"]

    def test_an_address_in_use_is_named_with_the_remedy(self, emulator: Emulator) -> None:
        with pytest.raises(OSError, match="--bind"):
            serve(emulator.url.removeprefix("http://"))

    @pytest.mark.parametrize(
        "bind", ["9400", "localhost", "localhost:http", ":9400", "localhost:²", ""]
    )
    def test_an_address_that_is_none_is_refused(self, bind: str) -> None:
        with pytest.raises(ValueError, match="host:port"):
            serve(bind)


class TestAsAProcess:
    def start(self, tmp_path: Path, **options: Any) -> subprocess.Popen[str]:
        call = f"from notifiers.emulator.server import run; run('127.0.0.1:0', **{options!r})"
        return subprocess.Popen(
            [sys.executable, "-c", call],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def lines(self, process: subprocess.Popen[str]) -> Any:
        assert process.stdout is not None
        return process.stdout

    @pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
    def test_it_tells_each_push_as_one_json_line_and_ends_cleanly(
        self, tmp_path: Path, ending: signal.Signals
    ) -> None:
        process = self.start(tmp_path, json_lines=True)
        try:
            listening = json.loads(self.lines(process).readline())
            connection = http.client.HTTPConnection(urlsplit(listening["url"]).netloc, timeout=5)
            ask(connection, "POST", SEND, message(notification={"title": "Soup\nhot", "body": "ä"}))
            pushed = json.loads(self.lines(process).readline())
            process.send_signal(ending)
            _, errors = process.communicate(timeout=10)
            connection.close()
        finally:
            process.kill()

        assert listening["type"] == "listening"
        assert (pushed["type"], pushed["title"], pushed["body"]) == ("push", "Soup\nhot", "ä")
        assert (pushed["project"], pushed["target"]) == ("demo", "phone-1")
        assert (process.returncode, errors) == (0, "")

    def test_for_people_it_writes_a_line_per_push(self, tmp_path: Path) -> None:
        process = self.start(tmp_path)
        try:
            first = self.lines(process).readline()
            url = re.search(r"http://\S+:\d+", first)
            assert url
            connection = http.client.HTTPConnection(urlsplit(url[0]).netloc, timeout=5)
            ask(connection, "POST", SEND, message("a-very-long-registration-token"))
            line = self.lines(process).readline()
            connection.close()
        finally:
            process.terminate()
            process.communicate(timeout=10)

        assert "Soup" in line
        assert "a-very-long-registration-token" not in line

    def test_it_goes_on_when_nobody_reads_its_lines_any_more(self, tmp_path: Path) -> None:
        process = self.start(tmp_path, json_lines=True)
        try:
            netloc = urlsplit(json.loads(self.lines(process).readline())["url"]).netloc
            self.lines(process).close()
            connection = http.client.HTTPConnection(netloc, timeout=5)
            statuses = [ask(connection, "POST", SEND, message(f"p-{n}"))[0] for n in range(5)]
            connection.close()
        finally:
            process.terminate()
            process.wait(timeout=10)
            assert process.stderr is not None
            process.stderr.close()

        assert statuses == [200] * 5
        assert process.returncode == 0
