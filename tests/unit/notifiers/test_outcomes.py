import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.messages import DeliveryStatus, Outcome
from notifiers import outcomes
from notifiers.emulator import errors

ACCEPTED, REJECTED = DeliveryStatus.ACCEPTED, DeliveryStatus.REJECTED
UNAVAILABLE, UNKNOWN = DeliveryStatus.UNAVAILABLE, DeliveryStatus.UNKNOWN
UNREGISTERED = DeliveryStatus.UNREGISTERED


def answered(failure: errors.FcmFailure, **headers: str) -> Outcome:
    body = json.dumps(failure.body()).encode()
    return outcomes.of_answer(failure.http_status, body, headers)


@pytest.mark.parametrize(
    ("failure", "status", "code", "retire"),
    [
        pytest.param(errors.UNREGISTERED, UNREGISTERED, "UNREGISTERED", True, id="unregistered"),
        pytest.param(
            errors.SENDER_MISMATCH, REJECTED, "SENDER_ID_MISMATCH", True, id="another project's"
        ),
        pytest.param(
            errors.INVALID_TARGET, REJECTED, "INVALID_ARGUMENT", True, id="the token's text"
        ),
        pytest.param(
            errors.too_large().failure, REJECTED, "INVALID_ARGUMENT", False, id="too large"
        ),
        pytest.param(
            errors.invalid_argument("message.data", "Invalid data payload key: from").failure,
            REJECTED,
            "INVALID_ARGUMENT",
            False,
            id="a bad template",
        ),
        pytest.param(errors.QUOTA, UNAVAILABLE, "QUOTA_EXCEEDED", False, id="quota"),
        pytest.param(errors.INTERNAL, UNAVAILABLE, "INTERNAL", False, id="internal"),
        pytest.param(errors.UNAVAILABLE, UNAVAILABLE, "UNAVAILABLE", False, id="unavailable"),
        pytest.param(
            errors.THIRD_PARTY, REJECTED, "THIRD_PARTY_AUTH_ERROR", False, id="the APNs key"
        ),
        pytest.param(
            errors.bad_credentials().failure, REJECTED, "UNAUTHENTICATED", False, id="no token"
        ),
        pytest.param(
            errors.permission_denied("demo").failure,
            REJECTED,
            "PERMISSION_DENIED",
            False,
            id="403 that is no mismatch",
        ),
        pytest.param(
            errors.NO_SUCH_METHOD, REJECTED, "NOT_FOUND", False, id="404 that is no dead token"
        ),
    ],
)
def test_fcms_answers_have_one_outcome_each(
    failure: errors.FcmFailure, status: DeliveryStatus, code: str, retire: bool
) -> None:
    outcome = answered(failure)

    assert (outcome.status, outcome.error_code, outcome.retire) == (status, code, retire)
    assert outcome.detail == failure.message


@pytest.mark.parametrize(
    ("http_status", "status"),
    [
        (302, UNAVAILABLE),
        (400, REJECTED),
        (401, REJECTED),
        (403, REJECTED),
        (404, REJECTED),
        (408, UNAVAILABLE),
        (413, REJECTED),
        (429, UNAVAILABLE),
        (500, UNAVAILABLE),
        (502, UNAVAILABLE),
        (503, UNAVAILABLE),
        (504, UNKNOWN),
        (200, UNKNOWN),
        (204, UNKNOWN),
    ],
)
def test_an_answer_without_fcms_body_is_judged_by_its_status_and_retires_nobody(
    http_status: int, status: DeliveryStatus
) -> None:
    outcome = outcomes.of_answer(http_status, b"<html>no JSON</html>", {})

    assert (outcome.status, outcome.retire) == (status, False)
    assert outcome.error_code == f"HTTP_{http_status}"


@pytest.mark.parametrize(
    ("http_status", "code"),
    [(400, "UNREGISTERED"), (503, "UNREGISTERED"), (404, "SENDER_ID_MISMATCH"), (500, "X")],
)
def test_a_code_under_the_wrong_status_proves_nothing(http_status: int, code: str) -> None:
    failure = errors.FcmFailure(
        http_status=http_status,
        code="WHATEVER",
        message="Requested entity was not found.",
        details=(
            {"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code},
        ),
    )

    assert not answered(failure).retire


def test_the_older_wording_for_a_bad_token_retires_too() -> None:
    body = {
        "error": {
            "code": 400,
            "message": "Request contains an invalid argument.",
            "status": "INVALID_ARGUMENT",
            "details": [
                {
                    "@type": "type.googleapis.com/google.rpc.BadRequest",
                    "fieldViolations": [
                        {"field": "message.token", "description": "Invalid registration token"}
                    ],
                }
            ],
        }
    }

    assert outcomes.of_answer(400, json.dumps(body).encode(), {}).retire


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after": " 120 "}, 120.0),
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": "9" * 400}, 86_400.0),
        ({}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-3"}, None),
        ({"Retry-After": "²"}, None),
        (
            {
                "Retry-After": "Wed, 06 May 2026 09:01:30 GMT",
                "Date": "Wed, 06 May 2026 09:00:00 GMT",
            },
            90.0,
        ),
        (
            {
                "Retry-After": "Wed, 06 May 2026 08:00:00 GMT",
                "Date": "Wed, 06 May 2026 09:00:00 GMT",
            },
            0.0,
        ),
        ({"Retry-After": "Wed, 06 May 2026 09:01:30 GMT"}, None),
    ],
)
def test_retry_after_is_seconds_or_a_date_against_the_answers_own(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert outcomes.retry_after(headers) == seconds
    assert outcomes.of_answer(429, b"", headers).retry_after_s == seconds


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)
shapes = st.one_of(
    json_values,
    st.fixed_dictionaries({"error": json_values}),
    st.fixed_dictionaries(
        {"error": st.fixed_dictionaries({"details": json_values, "message": json_values})}
    ),
)


@given(status=st.integers(100, 599), body=shapes)
def test_no_answer_makes_it_raise_or_retire_by_accident(status: int, body: Any) -> None:
    outcome = outcomes.of_answer(status, json.dumps(body).encode(), {})

    assert not outcome.retire
    assert outcome.status is not ACCEPTED


@given(body=st.binary(max_size=100))
def test_bytes_of_any_kind_are_survived(body: bytes) -> None:
    assert outcomes.of_answer(500, body, {}).status is UNAVAILABLE


def test_a_long_message_of_fcm_is_shortened() -> None:
    body = json.dumps({"error": {"message": "x" * 10_000}}).encode()

    assert len(outcomes.of_answer(400, body, {}).detail or "") == 300
