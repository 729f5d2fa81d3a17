import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifiers.emulator.errors import Refused, too_large
from notifiers.emulator.message import parse
from notifiers.encode import encode
from notifiers.payload import PAYLOAD_LIMIT, encoded_size, keys_and_values, reserved_keys
from tests.unit.notifiers.samples import envelope, push

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=1500)
keys = st.text("abcdefghij_", min_size=1, max_size=20)


def emulator_takes(body: bytes) -> bool:
    try:
        parse(body)
    except Refused as refused:
        return refused.failure != too_large().failure
    return True


@given(title=texts, body=texts, data=st.dictionaries(keys, texts, max_size=4))
def test_what_fits_our_count_fits_fcms(title: str, body: str, data: dict[str, str]) -> None:
    message = push(title=title, body=body, data=data)
    fits = encoded_size(message) <= PAYLOAD_LIMIT

    sent = b'{"message": %s}' % str(encode(envelope(push=message))).encode()
    assert emulator_takes(sent) or not fits


def test_a_push_that_just_fits_our_count_fits_fcms_with_all_that_is_sent_beside_it() -> None:
    just = push(body="x" * (PAYLOAD_LIMIT - encoded_size(push(body=""))))
    assert encoded_size(just) == PAYLOAD_LIMIT

    assert emulator_takes(b'{"message": %s}' % str(encode(envelope(push=just))).encode())


@given(title=texts, body=texts, data=st.dictionaries(keys, texts, max_size=4))
def test_our_count_is_never_below_the_keys_and_values(
    title: str, body: str, data: dict[str, str]
) -> None:
    counted = keys_and_values({"title": title, "body": body}, data)

    assert encoded_size(push(title=title, body=body, data=data)) > counted


def test_bytes_are_counted_not_letters() -> None:
    assert keys_and_values({"k": "ä"}) == 3
    assert encoded_size(push(title="ää")) - encoded_size(push(title="aa")) == 2


def test_bytes_known_to_join_later_can_be_added() -> None:
    assert encoded_size(push(), extra=200) == encoded_size(push()) + 200


def test_a_full_payload_is_taken_and_one_byte_more_is_refused() -> None:
    def body(length: int) -> bytes:
        return json.dumps({"message": {"token": "t", "data": {"k": "x" * length}}}).encode()

    assert emulator_takes(body(PAYLOAD_LIMIT - 1))
    assert not emulator_takes(body(PAYLOAD_LIMIT))


@pytest.mark.parametrize(
    "key", ["from", "notification", "message_type", "google.c.id", "googlemap", "gcm.n", "gcmx"]
)
def test_fcms_own_keys_are_named(key: str) -> None:
    assert reserved_keys(["deep_link", key]) == [key]


@pytest.mark.parametrize(
    "key", ["decision_id", "message_id", "offer", "deep_link", "explain_url", "From", "fromage"]
)
def test_the_keys_we_send_are_free(key: str) -> None:
    assert reserved_keys([key]) == []
