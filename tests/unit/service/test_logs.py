from typing import Any

import pytest
import structlog

from service.logs import renderers


def _fail(credential: str) -> None:
    raise LookupError("no such thing")


@pytest.mark.parametrize("terminal", [True, False])
def test_a_traceback_in_the_log_shows_no_local_variables(terminal: bool) -> None:
    event: Any = {"event": "request_failed", "level": "error"}
    try:
        _fail("wa_live_sk_" + "a-secret")
    except LookupError as error:
        event["exc_info"] = error
    for processor in renderers(terminal=terminal):
        event = processor(structlog.get_logger(), "error", event)
    assert "no such thing" in event
    assert "_fail" in event
    assert "wa_live_sk_a-secret" not in event
