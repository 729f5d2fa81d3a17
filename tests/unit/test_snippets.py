"""What the clients in `docs/snippets/` say of the API exists: every path, header, field and word.

In a snippet a comment such as `// POST /v1/devices` begins the part that speaks with this operation, up to the next such comment
(`// Problem documents`, `// The data of a push` and `// Beside the API` begin the other parts).
"""

import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from domain.clock import SystemClock
from domain.events import ANSWERS
from domain.policy import Brand
from geofence.gate import Rejection
from scheduler.receipts import Code
from service import tokens
from tests.documents import ROOT, Block, blocks
from tests.openapi import Document, Nobody

SNIPPETS = sorted(
    path
    for path in (ROOT / "docs/snippets").rglob("*")
    if path.suffix in (".kt", ".swift", ".dart", ".ts")
)
PUSH_KEYS = {"decision_id", "message_id", "offer", "deep_link", "explain_url"}
HEADERS = {
    "authorization",
    "content-type",
    "retry-after",
}  # every operation's; the document has more
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

_PARTS = rf"(?:{'|'.join(METHODS)}) /v1/\S+|Problem documents|The data of a push|Beside the API"
_COMMENT = re.compile(rf"^ *// (?P<title>{_PARTS})$", re.MULTILINE)
_TITLE = re.compile(rf"({'|'.join(METHODS)}) (/v1/\S+)")
_REQUEST = re.compile(rf"""["']({"|".join(METHODS)})["'], ["'`](/v1/[^"'`]*)["'`]""")
_ANY_PATH = re.compile(r"""["'`]/v1/""")
_QUERY = re.compile(r"[?&](\w+)=")
_HEADER = re.compile(
    r"""(?:setRequestProperty\(|getHeaderField\(|forHTTPHeaderField: |headers\[|headers\.get\()["']([\w-]+)["']|(Authorization):"""
)
# How each language names a field of JSON.
_FIELDS = {
    ".kt": re.compile(r"""(?:put|get\w*|opt\w+)\("(\w+)\""""),
    ".dart": re.compile(r"""'(\w+)':|(?<!headers)\['(\w+)'\]"""),
    ".ts": re.compile(r"^ +(\w+)\??: |[{;] ?(\w+)\??: ", re.MULTILINE),
    ".swift": re.compile(r"^ +(?:let|var) (\w+)(?:: | = )", re.MULTILINE),
}
# Where fields stand: anywhere, or only in the declarations of what is sent and read.
_DECLARED = {
    ".ts": re.compile(r"^(?:export )?interface .*?^}", re.MULTILINE | re.DOTALL),
    ".swift": re.compile(
        r"^ *(?:private )?struct \w+: (?:En|De)?[Cc]odable.*?^ *}$", re.MULTILINE | re.DOTALL
    ),
}
_WORD = {
    ".kt": re.compile(r"""put\("(\w+)", "(\w+)"\)"""),
    ".dart": re.compile(r"""'(\w+)': '(\w+)'"""),
    ".ts": re.compile(r"""(\w+)\??: ((?:'\w+'(?: \| )?)+);"""),
    ".swift": re.compile(r"""let (\w+) = "(\w+)\""""),
}


class Part(NamedTuple):
    """What stands below one comment of a snippet."""

    title: str
    text: str


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Document:
    return Document.served(tmp_path_factory.mktemp("api"))


def parts_of(text: str) -> list[Part]:
    """The parts of a snippet; what stands before the first comment speaks with nobody."""
    starts = list(_COMMENT.finditer(text))
    ends = [*(start.start() for start in starts[1:]), len(text)]
    parts = [
        Part(start["title"], text[start.end() : end])
        for start, end in zip(starts, ends, strict=True)
    ]
    return [Part("", text[: starts[0].start()] if starts else text), *parts]


def mistakes(text: str, language: str, document: Document) -> Iterator[str]:
    """What a snippet says that the document does not know."""
    for part in parts_of(text):
        title = _TITLE.match(part.title)
        operation = document.operation(*title.groups()) if title else None
        if title and operation is None:
            yield f"there is no {part.title}"
        yield from _wrong_requests(part, title)
        if operation:
            yield from _wrong_names(part.text, language, operation, document)
        elif part.title == "Problem documents":
            yield from _unknown(_fields(part.text, language), document.problem(), part)
            yield from _unknown(_headers(part.text), HEADERS, part)
        elif part.title == "The data of a push":
            yield from _unknown(
                set(re.findall(r"\w*(?:_id|_link|_url)\b", part.text)), PUSH_KEYS, part
            )


def _wrong_requests(part: Part, title: re.Match[str] | None) -> Iterator[str]:
    requests = _REQUEST.findall(part.text)
    if len(requests) != len(_ANY_PATH.findall(part.text)):
        yield f"{part.title}: a path stands apart from its method"
    for method, path in requests:
        if not title or (method, path.partition("?")[0]) != title.groups():
            yield f"{part.title}: {method} {path} is not what the comment announces"


def _wrong_names(
    text: str, language: str, operation: dict[str, Any], document: Document
) -> Iterator[str]:
    part = Part(operation["operationId"], text)
    known = document.fields(operation)
    yield from _unknown(_fields(text, language), set(known), part)
    yield from _unknown(
        _headers(text), HEADERS | {name.lower() for name in document.headers(operation)}, part
    )
    queries = {name for _, path in _REQUEST.findall(text) for name in _QUERY.findall(path)}
    yield from _unknown(queries, document.query(operation), part)
    for name, words in _WORD[language].findall(text):
        for word in re.findall(r"\w+", words):
            allowed = [schema["enum"] for schema in known.get(name, []) if "enum" in schema]
            if allowed and not any(word in enum for enum in allowed):
                yield f"{part.title}: {name} is never {word}"


def _unknown(named: set[str], known: set[str], part: Part) -> Iterator[str]:
    for name in sorted(named - known):
        yield f"{part.title}: there is no {name}"


def _fields(text: str, language: str) -> set[str]:
    if language in _DECLARED:
        text = "\n".join(_DECLARED[language].findall(text))
    found = {name for names in _FIELDS[language].findall(text) for name in _each(names) if name}
    return {_snake(name) for name in found} if language == ".swift" else found


def _each(found: str | tuple[str, ...]) -> tuple[str, ...]:
    return (found,) if isinstance(found, str) else found


def _headers(text: str) -> set[str]:
    return {name.lower() for names in _HEADER.findall(text) for name in names if name}


def _snake(name: str) -> str:
    """As Swift's JSON coders spell it."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


@pytest.mark.parametrize(
    "path", SNIPPETS, ids=lambda path: path.relative_to(ROOT / "docs/snippets").as_posix()
)
def test_a_snippet_says_nothing_that_the_api_does_not_know(path: Path, document: Document) -> None:
    assert list(mistakes(path.read_text(encoding="utf-8"), path.suffix, document)) == []


CLIENTS = [path for path in SNIPPETS if path.stem.lower() == "whenabouts"]


@pytest.mark.parametrize("path", CLIENTS, ids=lambda path: path.suffix)
def test_a_client_covers_what_an_app_needs_and_sends_what_is_required(
    path: Path, document: Document
) -> None:
    said: dict[str, set[str]] = {}
    for part in parts_of(path.read_text(encoding="utf-8")):
        if _TITLE.match(part.title):
            said.setdefault(part.title, set()).update(_fields(part.text, path.suffix))
    assert set(said) == {
        "POST /v1/devices",
        "PATCH /v1/devices/me",
        "DELETE /v1/devices/me",
        "POST /v1/consents",
        "GET /v1/consents",
        "POST /v1/locations",
        "POST /v1/events",
        "GET /v1/geofences/nearby",
        "GET /v1/preferences",
        "PUT /v1/preferences",
        "GET /v1/me/decisions",
        "DELETE /v1/me",
    }
    containers = {"entries", "fixes", "events"}  # TypeScript names them where it sends them
    for title, fields in said.items():
        operation = document.operation(*title.split())
        assert operation
        assert any(document.may_call(operation, kind) for kind in ("publishable", "device"))
        optional = {"from", "to", "kind", "value"}  # of objects that themselves may be left out
        assert document.required(operation) - containers - optional <= fields, title


def test_four_languages_are_shown() -> None:
    assert sorted({path.suffix for path in SNIPPETS}) == [".dart", ".kt", ".swift", ".ts"]
    assert len(CLIENTS) == 4


APPS = {
    "kotlin/App.kt": {"delivered", "opened", "dismissed"},
    "swift/App.swift": {"delivered", "opened", "dismissed"},
    "swift/NotificationService.swift": {"delivered"},
    "dart/app.dart": {"delivered", "opened"},
    "typescript/app.ts": {"delivered", "opened"},
}


@pytest.mark.parametrize(("name", "answers"), APPS.items(), ids=list(APPS))
def test_every_app_reports_what_it_can_know_of_a_push(name: str, answers: set[str]) -> None:
    text = (ROOT / "docs/snippets" / name).read_text(encoding="utf-8")
    reported = re.findall(r"(?:answer|answerQuietly)\((?:context, )?(.*?),", text)
    assert {word for each in reported for word in re.findall(r"[\"'](\w+)[\"']", each)} == answers
    assert answers <= set(ANSWERS)


BROKEN = [
    pytest.param('put("platform", "android")', 'put("platfrom", "android")', id="a field"),
    pytest.param('put("platform", "android")', 'put("platform", "symbian")', id="a word"),
    pytest.param('"POST", "/v1/devices"', '"PUT", "/v1/devices"', id="a method"),
    pytest.param('"/v1/locations"', '"/v1/location"', id="a path"),
    pytest.param("// GET /v1/consents", "// GET /v1/consent", id="a comment"),
    pytest.param("&limit=20", "&most=20", id="a query parameter"),
    pytest.param(
        'setRequestProperty("Authorization"', 'setRequestProperty("X-Api-Key"', id="a header"
    ),
    pytest.param('optString("detail"', 'optString("message"', id="a field of problems"),
]


@pytest.mark.parametrize(("right", "wrong"), BROKEN)
def test_a_mistake_in_a_snippet_is_found(right: str, wrong: str, document: Document) -> None:
    (kotlin,) = (path for path in CLIENTS if path.suffix == ".kt")
    text = kotlin.read_text(encoding="utf-8")
    assert right in text
    assert list(mistakes(text.replace(right, wrong), ".kt", document))


@pytest.mark.parametrize("suffix", [".dart", ".swift", ".ts", ".kt"])
def test_a_renamed_field_is_found_in_every_language(suffix: str, document: Document) -> None:
    (path,) = (path for path in CLIENTS if path.suffix == suffix)
    text = path.read_text(encoding="utf-8")
    name = "accuracyM" if suffix == ".swift" else "accuracy_m"
    assert list(mistakes(text.replace(name, f"{name}eters"), suffix, document))


CODE = [
    pytest.param(block, id=f"{page.name}: {block.text.splitlines()[0]}")
    for page in [ROOT / "docs/for-app-developers.md"]
    for block in blocks(page)
    if block.language in ("kotlin", "swift", "dart", "typescript", "python")
]


@pytest.mark.parametrize("block", CODE)
def test_code_on_the_page_for_app_developers_is_part_of_a_snippet(block: Block) -> None:
    files = [path for path in (ROOT / "docs/snippets").rglob("*.*") if path.is_file()]
    assert any(block.text in path.read_text(encoding="utf-8") for path in files)


def test_the_proof_that_a_backend_makes_is_one_that_the_service_takes() -> None:
    made = runpy.run_path(str(ROOT / "docs/snippets/python/customer_token.py"))["customer_token"]
    secret = "a secret of more than thirty-two characters"
    brand = Brand(
        id="b", slug="soup", name="Soup", time_zone="UTC", signing_secret=secret, ledger_key="k"
    )
    token = made("c-1001", brand="soup", signing_secret=secret)
    now = SystemClock().now()
    assert tokens.external_id(token, brand, project=None, id_tokens=Nobody(), now=now) == "c-1001"


def test_the_page_for_app_developers_names_every_reason_to_leave_a_fix_out() -> None:
    page = (ROOT / "docs/for-app-developers.md").read_text(encoding="utf-8")
    (told,) = re.findall(
        r"named singly in `rejected` and the rest is kept:(.*?)\. None", page, re.DOTALL
    )
    assert set(re.findall(r"`(\w+)`", told)) == {*Rejection, Code.CONSENT_MISSING}
