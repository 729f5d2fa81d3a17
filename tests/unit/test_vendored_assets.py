"""What a browser is served comes from here alone, and is what its authors published."""

import hashlib
import re
from pathlib import Path

import pytest

SERVICE = Path(__file__).resolve().parents[2] / "service"
SWAGGER = SERVICE / "static" / "swagger"
OURS = {"init.js", "SHA256SUMS"}

# What a browser fetches by itself when it meets it; a link to click (`<a href>`) is not among them.
LOADED_BY_CSS = re.compile(r"""(?:url\(\s*|@import\s+)["']?([^"')\s]+)""", re.IGNORECASE)
LOADED_BY_HTML = re.compile(
    r"""(?:\bsrc(?:set)?|\bposter|\baction|<link\b[^>]*?\bhref)\s*=\s*["']?([^"'\s>]+)""",
    re.IGNORECASE,
)
OTHER_HOST = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)


def elsewhere(text: str, *loaded: re.Pattern[str]) -> list[str]:
    """The addresses on other hosts that `text` makes a browser load."""
    found = [address for pattern in loaded for address in pattern.findall(text)]
    return [address for address in found if OTHER_HOST.match(address)]


def test_vendored_files_are_those_that_were_published() -> None:
    listed = dict(
        reversed(line.split(maxsplit=1))
        for line in (SWAGGER / "SHA256SUMS").read_text().splitlines()
    )
    assert set(listed) == {path.name for path in SWAGGER.iterdir()} - OURS
    for name, digest in listed.items():
        assert hashlib.sha256((SWAGGER / name).read_bytes()).hexdigest() == digest, name


def test_vendored_code_comes_with_its_licence() -> None:
    assert "Apache License" in (SWAGGER / "LICENSE").read_text(encoding="utf-8")
    assert "SmartBear" in (SWAGGER / "NOTICE").read_text(encoding="utf-8")


def test_no_page_or_style_sheet_loads_from_another_host() -> None:
    served = (SERVICE, SERVICE.parent / "notifiers")  # the emulator shows an inbox
    pages = {
        page
        for root in served
        for kind in ("html", "css", "jinja")
        for page in root.rglob(f"*.{kind}")
    }
    assert SWAGGER / "swagger-ui.css" in pages
    for page in sorted(pages):
        text = page.read_text(encoding="utf-8")
        assert elsewhere(text, LOADED_BY_CSS, LOADED_BY_HTML) == [], page


def test_the_reference_reads_our_document_and_asks_no_validator() -> None:
    script = (SWAGGER / "init.js").read_text(encoding="utf-8")
    assert 'url: "/openapi.json"' in script
    assert "validatorUrl: null" in script
    assert not re.search(r"https?://", script)


@pytest.mark.parametrize(
    "text",
    [
        "a { background: url(https://elsewhere.example/a.png) }",
        "a { background: URL( '//elsewhere.example/a.png') }",
        '@import "https://elsewhere.example/a.css";',
        '<script defer src="https://elsewhere.example/a.js"></script>',
        "<img src=//elsewhere.example/a.png>",
        '<link rel="stylesheet" href="https://elsewhere.example/a.css">',
    ],
)
def test_the_search_sees_what_a_browser_would_load(text: str) -> None:
    assert elsewhere(text, LOADED_BY_CSS, LOADED_BY_HTML)


@pytest.mark.parametrize(
    "text",
    [
        "a { background: url(data:image/svg+xml;utf8,<svg xmlns='http://www.w3.org/2000/svg'/>) }",
        '<script src="/static/swagger/init.js"></script>',
        '<a href="https://elsewhere.example/">somewhere else</a>',
    ],
)
def test_the_search_leaves_own_files_and_links_alone(text: str) -> None:
    assert elsewhere(text, LOADED_BY_CSS, LOADED_BY_HTML) == []
