"""Reading other people's CSV files."""

from pathlib import Path

import pytest

from service.cli.tables import WrongTable, names, read_columns


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "table.csv"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_columns_come_in_the_order_asked_for_under_any_delimiter(
    file: Path, delimiter: str
) -> None:
    file.write_text("a,b,c\n1,2,3\n4,5,6\n".replace(",", delimiter))
    assert list(read_columns(file, ["c", "a"])) == [("3", "1"), ("6", "4")]


def test_a_comma_inside_a_name_does_not_beat_the_delimiter_that_shows_what_is_wanted(
    file: Path,
) -> None:
    file.write_text("day;price, with tax, in euros, rounded\nmo;1,5\n")
    assert list(read_columns(file, ["day"])) == [("mo",)]


def test_marks_blanks_and_quotes_are_no_part_of_a_value(file: Path) -> None:
    file.write_bytes('\ufeffname , text\r\n ann ,"a, b\nc"\r\n\r\n'.encode())
    assert list(read_columns(file, ["name", "text"])) == [("ann", "a, b\nc")]


def test_a_missing_column_says_what_was_found_and_what_was_meant(file: Path) -> None:
    file.write_text("couponType,Y\nBar,1\n")
    with pytest.raises(WrongTable) as wrong:
        read_columns(file, ["coupon_type", "Y", "xyzzy"])
    assert "coupon_type (did you mean couponType?)" in wrong.value.message
    assert "\n  xyzzy\n" in wrong.value.message
    assert "Found: couponType, Y." in wrong.value.message
    assert wrong.value.exit_code == 2


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"a,b\n", "no rows below"),
        (b"a,b\n1,2\n3\n", "line 3: 1 values, and the header has 2 columns"),
        (b"a,b\n1,2,3\n", "line 2: 3 values"),
        (b"a,b\n1,caf\xe9\n", "line 2: this is not UTF-8 text (byte 0xe9)"),
        (b"\xff\xfea\x00,\x00b\x00", "line 1: this is not UTF-8 text"),
        (b"a|b\n1|2\n", "Columns are split at a comma, a semicolon or a tab"),
        (b"a,b,a\n1,2,3\n", "several columns named a"),
    ],
    ids=["empty", "blank", "no rows", "short", "long", "latin-1", "utf-16", "bars", "twice"],
)
def test_what_is_no_table_is_refused_with_its_place(file: Path, content: bytes, told: str) -> None:
    file.write_bytes(content)
    with pytest.raises(WrongTable) as wrong:
        list(read_columns(file, ["a", "b"]))
    assert told in wrong.value.message


def test_reading_tells_how_far_it_has_come(file: Path) -> None:
    file.write_text("a\n" + "1\n" * 50_000)
    rows = read_columns(file, ["a"])
    assert rows.read < rows.size
    assert len(list(rows)) == 50_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, ()),
        ("", ()),
        ("a", ("a",)),
        ("a, b ,c,", ("a", "b", "c")),
        ("a,b,a", ("a", "b")),
        ('a,"b, c"', ("a", "b, c")),
    ],
)
def test_names_are_split_at_commas_outside_quotes(
    text: str | None, expected: tuple[str, ...]
) -> None:
    assert names(text) == expected
