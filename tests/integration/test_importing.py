"""An import from inside: progress, slices, and the mistakes of all slices together."""

from typing import Any

import pytest

from domain.access import CredentialKind, Principal, Scope
from domain.errors import Invalid
from domain.people import Mode
from service import rows
from service.importing import KINDS, Importer
from service.locating import Locator
from tests.integration.conftest import World

HEAD = "external_id,store,latitude,longitude,radius_m\n"


def principal(world: World) -> Principal:
    return Principal(
        kind=CredentialKind.SECRET,
        brand_id=world.brand.id,
        mode=Mode.LIVE,
        credential_id="",
        scopes=tuple(Scope),
    )


def run(world: World, kind: str, table: str, seen: list[Any]) -> Any:
    locator = Locator(world.database, None)
    importer = Importer(world.database, world.clock, locator, watch=lambda *step: seen.append(step))
    return importer.run(KINDS[kind], table.encode(), rows.CSV, principal(world), dry_run=False)


def test_progress_is_told_of_every_step_up_to_the_last_row(world: World) -> None:
    seen: list[Any] = []
    table = "sku,name,category\n" + "".join(f"i{n},Item,soup\n" for n in range(1201))
    assert run(world, "items", table, seen).created == 1201
    assert seen == [
        ("reading", 0, 0),
        ("checking", 0, 1201), ("checking", 500, 1201), ("checking", 1000, 1201),
        ("saving", 0, 1201), ("saving", 500, 1201), ("saving", 1000, 1201), ("saving", 1201, 1201),
    ]  # fmt: skip


def test_what_saving_finds_wrong_is_told_of_every_slice_with_its_row(any_world: World) -> None:
    lost = {3, 499, 500, 1100}
    table = HEAD + "".join(
        f"f{n},{'nowhere' if n in lost else ''},60.18,24.95,120\n" for n in range(1101)
    )
    with pytest.raises(Invalid) as refused:
        run(any_world, "geofences", table, [])
    assert [fault.pointer for fault in refused.value.faults] == [
        f"/{n}/store" for n in sorted(lost)
    ]
    assert refused.value.faults[0].detail.startswith("Line 5: There is no such store")
    assert any_world.admin.get("/v1/geofences").json["data"] == []
