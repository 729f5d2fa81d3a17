"""The product as its users run it: commands as processes, the service and the emulator over real HTTP."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

import requests

WHENABOUTS = str(Path(sys.executable).parent / "whenabouts")
STARTS_WITHIN_S = 60.0  # a loaded machine imports slowly
PATIENCE_S = (
    60.0  # for what has to come, however slow the machine; who comes sooner waits no longer
)
T = TypeVar("T")


class Finished(NamedTuple):
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on its standard output."""
        assert self.code == 0, self.err
        return json.loads(self.out)


def run(*arguments: str, settings: Mapping[str, str], within_s: float = 60.0) -> Finished:
    """A whole command as a process of its own, from a folder that means nothing to it."""
    done = subprocess.run(
        [WHENABOUTS, *arguments],
        env=environment(settings),
        cwd=tempfile.gettempdir(),
        capture_output=True,
        text=True,
        timeout=within_s,
        check=False,
    )
    return Finished(done.returncode, done.stdout, done.stderr)


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with these settings of the product and no others."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("WHENABOUTS_")}
    return {**kept, **{f"WHENABOUTS_{key}": value for key, value in settings.items()}}


def until(seen: Callable[[], T], *, within_s: float, what: str) -> T:
    """What `seen` answers, as soon as that is anything; fails after `within_s`."""
    deadline = time.monotonic() + within_s
    while not (found := seen()):
        assert time.monotonic() < deadline, f"not within {within_s:g} s: {what}"
        time.sleep(0.02)
    return found


class Running:
    """A command that runs until it is stopped. Leaving the `with` block kills what is left of it."""

    def __init__(self, *arguments: str, settings: Mapping[str, str], log: Path) -> None:
        self._log = log
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [WHENABOUTS, *arguments],
                env=environment(settings),
                cwd=tempfile.gettempdir(),
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,  # signals of the terminal are ours to send
            )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def code(self) -> int | None:
        """The exit code; None while it runs."""
        return self._process.poll()

    @property
    def log(self) -> str:
        """What it has written to standard error."""
        return self._log.read_text()

    def line(self, word: str, *, within_s: float = STARTS_WITHIN_S) -> str:
        """The first line of standard output that holds `word`."""

        def seen() -> str | None:
            found = next((line for line in self.lines if word in line), None)
            assert found or self.code is None, f"it ended with {self.code}: {self.log}"
            return found

        return (
            until(seen, within_s=within_s, what=f"a line with {word!r}; its log: {self.log}") or ""
        )

    def started(self) -> Self:
        """Waits for the log line of a role that prints nothing."""
        until(self._has_started, within_s=STARTS_WITHIN_S, what=f"a start; its log: {self.log}")
        return self

    def _has_started(self) -> bool:
        assert self.code is None, f"it ended with {self.code}: {self.log}"
        return '"event": "started"' in self.log

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def stop(self, *, within_s: float = 30.0) -> int:
        """SIGTERM; its exit code."""
        self.signal(signal.SIGTERM)
        return self.wait(within_s)

    def kill(self) -> None:
        """As the system kills a process that runs out of memory: without a word."""
        self._process.kill()
        self.wait(10)

    def wait(self, within_s: float) -> int:
        code = self._process.wait(within_s)
        self._reader.join(5)
        return code

    def _read(self) -> None:
        assert self._process.stdout is not None, "stdout is a pipe"
        with self._process.stdout as out:
            self.lines.extend(line.rstrip("\n") for line in out)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.code is None:
            self._process.send_signal(signal.SIGCONT)
            self.kill()


class Api:
    """One credential's view of a service. One per thread: it keeps a connection."""

    def __init__(self, url: str, credential: str | None = None) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False
        if credential:
            self.session.headers["Authorization"] = f"Bearer {credential}"

    def __call__(self, method: str, path: str, body: Any = None, **query: Any) -> requests.Response:
        return self.session.request(
            method, self.url + path, json=body, params=query or None, timeout=30
        )

    def get(self, path: str, **query: Any) -> Any:
        """The JSON of a success."""
        return self._succeeded(self("GET", path, **query))

    def put(self, path: str, body: Any) -> Any:
        return self._succeeded(self("PUT", path, body))

    def post(self, path: str, body: Any) -> Any:
        return self._succeeded(self("POST", path, body))

    def _succeeded(self, answer: requests.Response) -> Any:
        assert answer.ok, (
            f"{answer.request.method} {answer.url}: {answer.status_code} {answer.text}"
        )
        return answer.json()


class Fcm:
    """A running `whenabouts fcm-emulator`, as its own API shows it."""

    def __init__(self, url: str, *, trust: str | None = None) -> None:
        self.url = url
        self._trust = trust

    def requests(self, **filters: str) -> list[dict[str, Any]]:
        """Every POST of a message, oldest first."""
        found: list[dict[str, Any]] = self._get("/requests", kind="send", **filters)
        return found

    def inbox(self, **filters: str) -> list[dict[str, Any]]:
        """What the phones show, newest first."""
        found: list[dict[str, Any]] = self._get("/inbox", **filters)
        return found

    def posts(self) -> Counter[str]:
        """How many POSTs arrived whole, by target; one that was cut off with its sender names none."""
        return Counter(each["target"] for each in self.requests() if each["target"])

    def _get(self, path: str, **filters: str) -> Any:
        api = Api(self.url)
        api.session.verify = self._trust or True
        return api.get(path, **filters)["data"]


@contextmanager
def emulator(folder: Path, *options: str) -> Iterator[Fcm]:
    """An FCM of its own on a free port."""
    arguments = ("fcm-emulator", "--bind", "127.0.0.1:0", "--json", *options)
    with Running(*arguments, settings={}, log=folder / "fcm.log") as process:
        trust = options[options.index("--tls") + 1] if "--tls" in options else None
        yield Fcm(json.loads(process.line('"listening"'))["url"], trust=trust)


class House:
    """One installation: a store, an FCM to send through, and the processes over them."""

    def __init__(self, folder: Path, fcm: Fcm, **settings: str) -> None:
        self.folder = folder
        self.fcm = fcm
        self.settings = {
            "DATA_DIR": str(folder),
            "BIND": "127.0.0.1:0",
            "FCM_ENDPOINT": fcm.url,
            "FCM_PROJECT": "town",
            "FCM_CREDENTIALS": "anonymous",
            **settings,
        }
        self._logs = 0

    def start(self, role: str = "up", **settings: str) -> Running:
        """The process; wait for it with `url_of` or `started`."""
        self._logs += 1
        log = self.folder / f"{role}-{self._logs}.log"
        return Running(role, settings={**self.settings, **settings}, log=log)

    def run(self, *arguments: str) -> Finished:
        """A command beside whatever runs."""
        return run(*arguments, settings=self.settings)


def url_of(process: Running) -> str:
    """Where an `up` or `api` says that it listens."""
    return process.line("listens on").split("listens on ")[1].split()[0]
