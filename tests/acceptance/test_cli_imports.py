"""`whenabouts import` and `export` as admins' scripts meet it: beside nothing but a database, one document, exit codes."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from service.cli.main import main
from storage import stores
from storage.engine import Database

STORES = "external_id,name,latitude,longitude\nkallio,Kallio,60.1841,24.9499\nkamppi,Kamppi,60.1687,24.9316\n"


@pytest.fixture
def folder(tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An operator's folder with one brand in its store."""
    for name in [name for name in os.environ if name.startswith("WHENABOUTS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("WHENABOUTS_DATA_DIR", str(tmp_path))
    (tmp_path / "whenabouts.sqlite3").write_bytes(sqlite_template.read_bytes())
    assert call("brands", "create", "soup").exit_code == 0
    return tmp_path


def call(*arguments: str, given: str | None = None) -> Result:
    return CliRunner().invoke(main, arguments, input=given)


def write(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def document(done: Result) -> Any:
    assert done.stdout.count("\n") == 1, done.output
    return json.loads(done.stdout)


def names(folder: Path) -> list[str]:
    database = Database(f"sqlite:///{folder}/whenabouts.sqlite3")
    with database.read() as tx:
        (brand,) = tx.exec_driver_sql("SELECT id FROM brands").scalars()
        found = [store.external_id for store in stores.of_brand(tx, brand)]
    database.close()
    return sorted(found)


def test_a_file_is_imported_by_its_ending_and_again_changes_nothing(folder: Path) -> None:
    file = write(folder, "stores.csv", STORES)
    done = call("import", "stores", file)
    assert (done.exit_code, done.stdout) == (
        0, "Imported 2 rows: 2 new, 0 changed, 0 as they were.\n",
    )  # fmt: skip
    again = document(call("import", "stores", file, "--json"))
    assert (again["rows"], again["created"], again["unchanged"]) == (2, 0, 2)
    assert names(folder) == ["kallio", "kamppi"]


def test_a_dry_run_keeps_nothing_and_standard_input_is_a_file_too(folder: Path) -> None:
    done = call("import", "stores", "-", "--format", "csv", "--dry-run", given=STORES)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("Would import 2 rows: 2 new")
    assert names(folder) == []


def test_geojson_and_json_are_known_by_their_endings(folder: Path) -> None:
    call("import", "stores", write(folder, "stores.csv", STORES))
    point = {"type": "Point", "coordinates": [24.9499, 60.1841]}
    feature = {"type": "Feature", "id": "door", "geometry": point,
               "properties": {"radius_m": 50, "store": "kallio"}}  # fmt: skip
    collection = json.dumps({"type": "FeatureCollection", "features": [feature]})
    done = call("import", "geofences", write(folder, "doors.GeoJSON", collection))
    assert done.exit_code == 0, done.output
    assert "Note: Feature 1: Phones notice circles under 100 m" in done.stderr
    rows = json.dumps([{"sku": "soup", "name": "Soup", "category": "soup"}])
    done = call("import", "items", write(folder, "items.json", rows))
    assert done.stdout.startswith("Imported 1 rows: 1 new")


def test_wrong_rows_are_told_by_line_and_column_and_nothing_is_saved(folder: Path) -> None:
    rows = "".join(f"s{n},Store,95,24.9\n" for n in range(60))
    file = write(folder, "stores.csv", STORES + "[bold]\n" + rows)
    done = call("import", "stores", file)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "Line 4 " in done.stderr  # it does not fit the head
    file = write(folder, "stores.csv", STORES + rows)
    done = call("import", "stores", file)
    assert done.exit_code == 1
    assert "Error: Nothing was imported: 60 mistakes." in done.stderr
    assert "Line 4" in done.stderr
    assert "latitude" in done.stderr
    assert "… and 10 more" in done.stderr
    told = call("import", "stores", file, "--json")
    assert told.exit_code == 1
    assert len(document(told)["errors"]) == 60
    assert names(folder) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("stores", "missing.csv"),
        ("planets", "{file}"),
        ("stores", "{file}", "--format", "xml"),
        ("stores", "-"),
    ],
)
def test_a_wrong_use_is_2(folder: Path, arguments: tuple[str, ...]) -> None:
    file = write(folder, "stores.csv", STORES)
    assert call("import", *(each.format(file=file) for each in arguments)).exit_code == 2


def test_what_is_no_file_of_its_kind_and_an_unknown_brand_are_refused(folder: Path) -> None:
    file = write(folder, "stores.json", "{")
    done = call("import", "stores", file)
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: The body is not JSON: ")
    done = call("import", "stores", write(folder, "stores.csv", STORES), "--brand", "nobody")
    assert done.exit_code == 1
    assert "whenabouts brands list" in done.stderr
    call("brands", "create", "salon")
    done = call("import", "stores", write(folder, "stores.csv", STORES))
    assert done.exit_code == 1
    assert "--brand; there are: salon, soup" in done.stderr


def test_more_rows_than_sqlite_takes_at_once_are_refused_with_a_remedy(folder: Path) -> None:
    rows = "".join(f"i{n},Item,soup\n" for n in range(50_001))
    done = call("import", "items", write(folder, "items.csv", "sku,name,category\n" + rows))
    assert done.exit_code == 1
    assert "split the file" in done.stderr


@pytest.mark.parametrize("ending", ["csv", "geojson"])
def test_an_exported_file_comes_back_unchanged(folder: Path, ending: str) -> None:
    call("import", "stores", write(folder, "stores.csv", STORES))
    file = str(folder / f"out.{ending}")
    done = call("export", "stores", file)
    assert (done.exit_code, done.stdout) == (
        0, f"Wrote {file}, {Path(file).stat().st_size} bytes.\n",
    )  # fmt: skip
    assert document(call("import", "stores", file, "--json"))["unchanged"] == 2
    told = document(call("export", "stores", file, "--json"))
    assert told == {"file": file, "bytes": Path(file).stat().st_size}
    assert [path.name for path in folder.glob("*.part")] == []


def test_a_folder_that_is_not_there_is_named_and_nothing_is_left(folder: Path) -> None:
    done = call("export", "stores", str(folder / "none" / "out.csv"))
    assert done.exit_code == 1
    assert "No such file or directory" in done.stderr
    assert isinstance(done.exception, SystemExit)


def test_an_export_goes_to_standard_output_and_items_are_json(folder: Path) -> None:
    out = call("export", "items", "-", "--format", "json")
    assert (out.exit_code, json.loads(out.stdout)) == (0, [])
    assert call("export", "items", str(folder / "items.geojson")).exit_code == 2
    assert call("export", "items", "-").exit_code == 2
    assert call("export", "items", "-", "--format", "csv", "--json").exit_code == 2
