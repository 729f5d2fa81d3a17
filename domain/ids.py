"""Identifiers: UUIDv7, so that keys grow with time and B-trees stay append-like."""

import uuid

import uuid_utils


def new_id() -> str:
    """A new UUIDv7 in its canonical text form."""
    return str(uuid_utils.uuid7())


def parse_id(text: str) -> str | None:
    """The canonical form of a UUID in any common spelling, or None where `text` is not one."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return None
