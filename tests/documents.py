"""The documentation as tests see it: fenced blocks with their language, and the calls that stand in them."""

import re
import shlex
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))

_BLOCK = re.compile(r"^```(\S+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CONTINUED = re.compile(r"\\\n\s*")
_CURL = re.compile(r"\bcurl (?=-)")


class Block(NamedTuple):
    """A fenced block: its language, what else stands behind the fence, and its text."""

    language: str
    info: str
    text: str


class Call(NamedTuple):
    """One `curl` of a page."""

    page: str
    method: str
    url: str
    headers: tuple[str, ...]
    body: str | None


def blocks(page: Path) -> list[Block]:
    found = _BLOCK.findall(page.read_text(encoding="utf-8"))
    return [Block(language, info.strip(), text) for language, info, text in found]


def script(page: Path) -> str:
    """What the page tells to run in the first terminal that is free: its `sh` blocks from top to bottom."""
    return "\n".join(b.text for b in blocks(page) if b.language == "sh" and not b.info)


def background(page: Path) -> str:
    """What the page tells to run in a terminal of its own."""
    (found,) = (b.text for b in blocks(page) if b.language == "sh" and b.info == "terminal")
    return found


def calls(page: Path) -> list[Call]:
    """Every `curl` in the page's blocks, with its words as a shell would split them."""
    return [
        _call(page.name, text[start.end() :])
        for block in blocks(page)
        if block.language in ("sh", "console")
        for text in [_CONTINUED.sub(" ", block.text)]
        for start in _CURL.finditer(text)
    ]


def _call(page: str, text: str) -> Call:
    method, url, headers, body = "", "", [], None
    words = iter(_words(text))
    for word in words:
        if word == "-X":
            method = next(words)
        elif word == "-H":
            headers.append(next(words))
        elif word in ("-d", "--data-binary"):
            body = next(words)
        elif not word.startswith("-"):
            url = url or word
    return Call(page, method or ("POST" if body else "GET"), url, tuple(headers), body)


def _words(text: str) -> list[str]:
    """The words up to the end of the command: an unquoted newline, `|`, `;`, `)` or `&`."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars="|;)&\n")
    lexer.whitespace = " \t"
    lexer.whitespace_split = True
    lexer.commenters = ""
    found = []
    for word in lexer:
        if set(word) <= set("|;)&\n"):
            break
        found.append(word)
    return found
