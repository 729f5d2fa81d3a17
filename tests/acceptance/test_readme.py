"""The documented commands themselves, run from top to bottom against a service that runs as the page says."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.documents import ROOT, background, script

_PATIENCE_S = 300  # a loaded machine starts the command slowly, ten times over
_SHELL = """
set -euo pipefail
curl() { command curl --fail-with-body --write-out '%{stderr}<%{http_code}>\\n' "$@"; }
"""

pytestmark = pytest.mark.skipif(
    not (shutil.which("bash") and shutil.which("curl")), reason="the pages are run by bash and curl"
)


class Terminal:
    """A shell in a copy of what a reader has: the checkout as the folder, an empty data folder, the command on the path."""

    def __init__(self, folder: Path) -> None:
        self.environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "WHENABOUTS_DATA_DIR": str(folder / "data"),
            "WHENABOUTS_BIND": "127.0.0.1:0",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        self._folder = folder

    def run(self, text: str) -> tuple[str, list[int]]:
        """The output of a page's commands, and the status of each answer that curl got. Any failure fails the test."""
        done = subprocess.run(
            ["bash", "-c", _SHELL + text],
            cwd=self._workplace(),
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout, [int(code) for code in re.findall(r"<(\d{3})>", done.stderr)]

    @contextmanager
    def running(self, text: str) -> Iterator[list[str]]:
        """Runs a page's second terminal meanwhile; yields the lines it prints, the first of which names its address."""
        lines: list[str] = []
        listening = threading.Event()

        def read() -> None:
            for line in process.stdout or ():
                lines.append(line)
                listening.set()
            listening.set()

        with subprocess.Popen(
            ["bash", "-c", text.replace("whenabouts up", "exec whenabouts up")],
            cwd=self._workplace(),
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as process:
            reader = threading.Thread(target=read)
            reader.start()
            try:
                assert listening.wait(_PATIENCE_S)
                found = re.search(r"listens on (http://\S+)", lines[0] if lines else "")
                assert found, f"the service did not start: {lines}"
                self.environment["URL"] = found[1]
                yield lines
            finally:
                process.send_signal(signal.SIGTERM)
                code = process.wait(_PATIENCE_S)
                reader.join()
        assert code == 0

    def _workplace(self) -> Path:
        """A folder with the checkout's files, which a page may add files to."""
        place = self._folder / "checkout"
        if not place.exists():
            place.mkdir()
            for name in ("docs", ".venv"):
                (place / name).symlink_to(ROOT / name)
        return place


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path)


@pytest.fixture
def service() -> str:
    """How the quickstart starts a service."""
    return background(ROOT / "docs/quickstart.md")


def test_the_quickstart_leads_to_a_push_and_its_reasons(terminal: Terminal, service: str) -> None:
    with terminal.running(service) as lines:
        output, statuses = terminal.run(script(ROOT / "docs/quickstart.md"))
    assert statuses
    assert all(200 <= status < 300 for status in statuses)
    assert '"type":"enter"' in output
    assert '"outcome":"send"' in output
    assert "SEND  enter at kallio  hot-soup" in output  # what `whenabouts why` says
    assert '"subject_hash"' in output  # the receipt of the erasure
    pushes = [line for line in lines if line.startswith("push ")]
    assert len(pushes) == 1
    assert (
        pushes[0].rstrip().endswith("Hot soup, Aino? · Soup & Co Kallio is 31 m away: 1.50 € off.")
    )


def test_the_page_for_admins_does_what_it_says(terminal: Terminal, service: str) -> None:
    keys = """
    field() { python3 -c "import json, sys; print(json.load(sys.stdin)['key'])"; }
    whenabouts brands create soup-and-co --time-zone Europe/Helsinki >&2
    ADMIN_KEY=$(whenabouts keys create --brand soup-and-co --kind secret --scopes admin,read --json | field)
    INGEST_KEY=$(whenabouts keys create --brand soup-and-co --kind secret --scopes ingest --json | field)
    """
    with terminal.running(service):
        output, statuses = terminal.run(keys + script(ROOT / "docs/for-admins.md"))
    assert statuses
    assert all(200 <= status < 300 for status in statuses)
    assert '"external_id":"punavuori"' in output
    assert '"accepted":1' in output


def test_the_page_for_operators_does_what_it_says(terminal: Terminal, service: str) -> None:
    with terminal.running(service):
        output, statuses = terminal.run(script(ROOT / "docs/for-operators.md"))
    assert statuses == [200, 200, 200]
    assert "wa_test_pk_" in output
    data = Path(terminal.environment["WHENABOUTS_DATA_DIR"])
    assert (data / "backup.sqlite3").stat().st_size > 100_000
