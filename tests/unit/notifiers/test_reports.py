"""What Firebase tells afterwards is read as its tools write it, and every place that cannot be read is named."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifiers.reports import ANY, Happened, Row, read

AT = datetime(2026, 5, 6, 10, 0, 0, 500_000, tzinfo=UTC)
ROW = {
    "project_number": "123456",
    "message_id": "0:1778058000500000%1f27cf9ad0fb6048",
    "instance_id": "cXyZ-0123456789_abcdef",
    "message_type": "DISPLAY_NOTIFICATION",
    "sdk_platform": "ANDROID",
    "app_name": "com.example.soup",
    "collapse_key": "01997b4e-7d9a-7c3e-9a51-0123456789ab",
    "priority": "10",
    "ttl": "1800",
    "event": "MESSAGE_DELIVERED",
    "analytics_label": "soup",
    "event_timestamp": "2026-05-06 10:00:00.500000 UTC",
}
ENTRY = {
    "appId": "1:123:android:abc",
    "date": {"year": 2026, "month": 5, "day": 6},
    "analyticsLabel": "soup",
    "data": {
        "countMessagesAccepted": "1200",
        "countNotificationsAccepted": "1200",
        "messageOutcomePercents": {"delivered": 81.5, "pending": 2, "droppedDeviceInactive": 16.5},
        "messageInsightPercents": {"priorityLowered": 3},
    },
}


def lines(*rows: Any) -> bytes:
    return "\n".join(json.dumps(row) for row in rows).encode()


def test_a_row_of_the_export_is_read_and_whose_phone_it_was_is_not() -> None:
    [row] = read(lines(ROW)).rows

    assert row == Row(
        happened=Happened.DELIVERED,
        at=AT,
        name="0:1778058000500000%1f27cf9ad0fb6048",
        collapse_key="01997b4e-7d9a-7c3e-9a51-0123456789ab",
    )


@pytest.mark.parametrize(
    "written",
    [
        "2026-05-06 10:00:00.500000 UTC",
        "2026-05-06 10:00:00.5",
        "2026-05-06T10:00:00.500Z",
        "2026-05-06T13:00:00.5+03:00",
        "1778061600.5",
        pytest.param(1778061600.5, id="a number"),
        "1.7780616005E9",
    ],
)
def test_a_time_is_read_as_any_tool_writes_it(written: object) -> None:
    [row] = read(lines({**ROW, "event_timestamp": written})).rows
    assert row.at == AT


def test_lines_and_a_list_of_rows_say_the_same() -> None:
    rows = [ROW, {**ROW, "event": "MESSAGE_ACCEPTED"}]
    assert read(lines(*rows)) == read(json.dumps(rows).encode())
    assert [row.happened for row in read(lines(*rows)).rows] == [
        "MESSAGE_DELIVERED",
        "MESSAGE_ACCEPTED",
    ]


def test_refusals_of_the_export_are_counted_and_left_out() -> None:
    found = read(lines(ROW, {**ROW, "event": "MISSING_REGISTRATIONS"}))
    assert (len(found.rows), found.other, found.faults) == (1, 1, ())


@pytest.mark.parametrize(
    ("line", "pointer", "said"),
    [
        (b"{", "/1", "no JSON"),
        (b"5", "/1", "no row"),
        (json.dumps({**ROW, "event": None}).encode(), "/1/event", "MESSAGE_DELIVERED"),
        (json.dumps({**ROW, "event": "arrived"}).encode(), "/1/event", "MESSAGE_DELIVERED"),
        (json.dumps({**ROW, "message_id": ""}).encode(), "/1/message_id", "message_id"),
        (json.dumps({**ROW, "message_id": 5}).encode(), "/1", "no row"),
        (json.dumps({**ROW, "event_timestamp": "noon"}).encode(), "/1/event_timestamp", "UTC"),
        (json.dumps({**ROW, "event_timestamp": None}).encode(), "/1/event_timestamp", "UTC"),
        (json.dumps({**ROW, "event_timestamp": 1e300}).encode(), "/1/event_timestamp", "UTC"),
        (
            json.dumps({**ROW, "event_timestamp": "0001-01-01"}).encode(),
            "/1/event_timestamp",
            "UTC",
        ),
        (
            json.dumps({**ROW, "event_timestamp": "9999-12-31"}).encode(),
            "/1/event_timestamp",
            "UTC",
        ),
        (json.dumps({**ROW, "message_id": "0:1\0"}).encode(), "/1/message_id", "characters"),
        (json.dumps({**ROW, "collapse_key": "\0"}).encode(), "/1/collapse_key", "characters"),
        (b"[" * 100_000, "/1", "no JSON"),
    ],
)
def test_a_row_that_cannot_be_read_is_named_with_its_line(
    line: bytes, pointer: str, said: str
) -> None:
    [fault] = read(lines(ROW) + b"\n" + line).faults
    assert fault.pointer == pointer
    assert fault.detail.startswith("Line 2: ")
    assert said in fault.detail


def test_sums_of_the_data_api_are_read_page_by_page() -> None:
    page = {"androidDeliveryData": [ENTRY], "nextPageToken": "x"}
    unlabelled = {name: value for name, value in ENTRY.items() if name != "analyticsLabel"}
    found = read(lines(page, {"androidDeliveryData": [unlabelled]}))

    assert [report.label for report in found.reports] == ["soup", ANY]
    report = found.reports[0]
    assert (report.app, report.day, report.accepted) == (
        "1:123:android:abc",
        date(2026, 5, 6),
        1200,
    )
    assert report.shares["delivered"] == 81.5


@pytest.mark.parametrize(
    "wrong",
    [
        {"date": {"year": 2026, "month": 13, "day": 1}},
        {"date": None},
        {"appId": None},
        {"data": {"countMessagesAccepted": "many"}},
        {"data": {"countMessagesAccepted": "-1"}},
        {"data": {"messageOutcomePercents": {"delivered": 101}}},
        {"data": {"countMessagesAccepted": "1" + "0" * 30}},
        {"analyticsLabel": "soup\0"},
    ],
)
def test_a_sum_that_cannot_be_is_named(wrong: dict[str, object]) -> None:
    found = read(lines({"androidDeliveryData": [ENTRY, {**ENTRY, **wrong}]}))
    assert [fault.pointer for fault in found.faults] == ["/1"]


def test_an_empty_file_is_a_mistake() -> None:
    assert "empty" in read(b" \n").faults[0].detail


@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.text(), st.lists).map(json.dumps).map(str.encode)
)
def test_any_file_is_read_or_named(content: bytes) -> None:
    found = read(content)
    assert found.rows or found.reports or found.other or found.faults or content.strip() == b"[]"
