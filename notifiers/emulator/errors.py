"""FCM's error bodies: `google.rpc.Status` with the details that FCM puts into each case."""

from domain.values import Value
from notifiers.outcomes import INVALID_TOKEN

_BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"
_FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
_APNS_ERROR = "type.googleapis.com/google.firebase.fcm.v1.ApnsError"
_ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo"

Detail = dict[str, object]


class FcmFailure(Value):
    """One refusal: HTTP status, `google.rpc.Code` by name, the sentence, and the details."""

    http_status: int
    code: str
    message: str
    details: tuple[Detail, ...] = ()

    @property
    def error_code(self) -> str:
        """The FcmError code where there is one, else the `google.rpc.Code`."""
        named = (detail.get("errorCode") for detail in self.details)
        return next((str(code) for code in named if code), self.code)

    def body(self) -> dict[str, object]:
        error: dict[str, object] = {
            "code": self.http_status,
            "message": self.message,
            "status": self.code,
        }
        if self.details:
            error["details"] = list(self.details)
        return {"error": error}


class Refused(Exception):
    """Raised by a check; carries the answer."""

    def __init__(self, failure: FcmFailure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def malformed(field: str, message: str) -> Refused:
    """The request is no `SendMessageRequest`: the JSON parser's refusal, which knows no FcmError yet."""
    return Refused(_invalid(message, (_violation(field, message),)))


def not_json(message: str) -> Refused:
    return Refused(_invalid(f"Invalid JSON payload received. {message}", ()))


def invalid_argument(field: str, message: str) -> Refused:
    """The request is well-formed, and FCM refuses what it says."""
    return Refused(_invalid(message, (_violation(field, message), _fcm("INVALID_ARGUMENT"))))


def too_large() -> Refused:
    message = "Message is too large. The maximum is 4K (4096 bytes)."
    return Refused(_invalid(message, ({"@type": _BAD_REQUEST}, _fcm("INVALID_ARGUMENT"))))


def missing_credentials() -> Refused:
    return Refused(
        _unauthenticated(
            "Request is missing required authentication credential.", "CREDENTIALS_MISSING"
        )
    )


def bad_credentials() -> Refused:
    return Refused(
        _unauthenticated(
            "Request had invalid authentication credentials.", "ACCESS_TOKEN_TYPE_UNSUPPORTED"
        )
    )


def permission_denied(project: str) -> Refused:
    return Refused(
        FcmFailure(
            http_status=403,
            code="PERMISSION_DENIED",
            message="Permission 'cloudmessaging.messages.create' denied on resource "
            f"'//cloudresourcemanager.googleapis.com/projects/{project}' (or it may not exist).",
            details=(
                {
                    "@type": _ERROR_INFO,
                    "reason": "IAM_PERMISSION_DENIED",
                    "domain": "cloudresourcemanager.googleapis.com",
                    "metadata": {"permission": "cloudmessaging.messages.create"},
                },
            ),
        )
    )


INVALID_TARGET = FcmFailure(
    http_status=400,
    code="INVALID_ARGUMENT",
    message=INVALID_TOKEN,
    details=(
        {"@type": _FCM_ERROR, "errorCode": "INVALID_ARGUMENT"},
        {
            "@type": _BAD_REQUEST,
            "fieldViolations": [{"field": "message.token", "description": INVALID_TOKEN}],
        },
    ),
)
UNREGISTERED = FcmFailure(
    http_status=404,
    code="NOT_FOUND",
    message="Requested entity was not found.",
    details=({"@type": _FCM_ERROR, "errorCode": "UNREGISTERED"},),
)
SENDER_MISMATCH = FcmFailure(
    http_status=403,
    code="PERMISSION_DENIED",
    message="SenderId mismatch",
    details=({"@type": _FCM_ERROR, "errorCode": "SENDER_ID_MISMATCH"},),
)
QUOTA = FcmFailure(
    http_status=429,
    code="RESOURCE_EXHAUSTED",
    message="Resource has been exhausted (e.g. check quota).",
    details=({"@type": _FCM_ERROR, "errorCode": "QUOTA_EXCEEDED"},),
)
UNAVAILABLE = FcmFailure(
    http_status=503,
    code="UNAVAILABLE",
    message="The service is currently unavailable.",
    details=({"@type": _FCM_ERROR, "errorCode": "UNAVAILABLE"},),
)
INTERNAL = FcmFailure(
    http_status=500,
    code="INTERNAL",
    message="Internal error encountered.",
    details=({"@type": _FCM_ERROR, "errorCode": "INTERNAL"},),
)
THIRD_PARTY = FcmFailure(
    http_status=401,
    code="UNAUTHENTICATED",
    message="Auth error from APNS or Web Push Service",
    details=(
        {"@type": _FCM_ERROR, "errorCode": "THIRD_PARTY_AUTH_ERROR"},
        {"@type": _APNS_ERROR, "statusCode": 403, "reason": "InvalidProviderToken"},
    ),
)
NO_SUCH_METHOD = FcmFailure(
    http_status=404, code="NOT_FOUND", message="Requested entity was not found."
)
BAD_GATEWAY = (
    "<!DOCTYPE html>\n<html lang=en>\n<title>Error 502 (Server Error)!!1</title>\n"
    "<p><b>502.</b> <ins>That’s an error.</ins>\n"
    "<p>The server encountered a temporary error and could not complete your request."
    "<p>Please try again in 30 seconds. <ins>That’s all we know.</ins>\n"
)


def _invalid(message: str, details: tuple[Detail, ...]) -> FcmFailure:
    return FcmFailure(http_status=400, code="INVALID_ARGUMENT", message=message, details=details)


def _unauthenticated(message: str, reason: str) -> FcmFailure:
    return FcmFailure(
        http_status=401,
        code="UNAUTHENTICATED",
        message=f"{message} Expected OAuth 2 access token, login cookie or other valid authentication "
        "credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.",
        details=({"@type": _ERROR_INFO, "reason": reason, "domain": "googleapis.com"},),
    )


def _violation(field: str, message: str) -> Detail:
    return {
        "@type": _BAD_REQUEST,
        "fieldViolations": [{"field": field, "description": message}],
    }


def _fcm(code: str) -> Detail:
    return {"@type": _FCM_ERROR, "errorCode": code}
