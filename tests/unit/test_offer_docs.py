"""The pages on offers and imports: complete, and every example works."""

import json
import re
from pathlib import Path

import marshmallow as ma
import pytest

from domain.offers import OfferBody, OfferKind, WeatherWord
from scheduler import templates
from scheduler.safe_liquid import FILTERS, TAGS
from service import rows
from service.importing import KINDS
from service.schemas.base import value_of
from service.schemas.offers import OUR_KEYS, OfferSchema

DOCS = Path(__file__).parents[2] / "docs"
OFFERS = (DOCS / "offers.md").read_text(encoding="utf-8")
IMPORTS = (DOCS / "imports.md").read_text(encoding="utf-8")


def _blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page, flags=re.DOTALL)


@pytest.mark.parametrize(
    "word", [*templates.VARIABLES, *FILTERS, *TAGS, *OfferKind, *WeatherWord, *OUR_KEYS]
)
def test_the_page_on_offers_names_every_word(word: str) -> None:
    assert f"`{word}`" in OFFERS


@pytest.mark.parametrize("example", _blocks(OFFERS, "json"))
def test_every_offer_on_the_page_can_be_saved(example: str) -> None:
    offer = value_of(OfferSchema().load(json.loads(example)), OfferBody)
    templates.check(offer)
    assert templates.widest(offer)


@pytest.mark.parametrize("text", _blocks(OFFERS, "liquid"))
def test_every_text_on_the_page_can_be_saved(text: str) -> None:
    given = {
        "kind": "discount",
        "title": {"en": "x"},
        "body": {"en": text},
        "when": {"weather": {"any": ["rain"]}},
        "life": {"ends_at": "2026-05-06T18:00:00+03:00"},
    }
    templates.check(value_of(OfferSchema().load(given), OfferBody))


@pytest.mark.parametrize("kind", list(KINDS))
def test_the_page_on_imports_names_every_column(kind: str) -> None:
    section = IMPORTS[IMPORTS.index(f"**{kind}** (up to {KINDS[kind].most:,}") :].split("```")[0]
    assert all(f"`{column}`" in section for column in KINDS[kind].columns)


@pytest.mark.parametrize(
    ("kind", "table"), [*zip(KINDS, _blocks(IMPORTS, "csv"), strict=True)], ids=list(KINDS)
)
def test_every_table_on_the_page_can_be_imported(kind: str, table: str) -> None:
    given, _ = rows.read(table.encode(), rows.CSV, KINDS[kind].columns)
    assert given
    for row in given:
        body = {name: value for name, value in row.values.items() if name != KINDS[kind].key}
        named = {**body, KINDS[kind].key: row.values[KINDS[kind].key]}
        schema = KINDS[kind].schema
        schema.load(named if KINDS[kind].key in schema.load_fields else body, unknown=ma.RAISE)
