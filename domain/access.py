"""Who is calling, and what that credential may do."""

import hashlib
import secrets
from datetime import datetime
from enum import StrEnum

from domain.people import Mode
from domain.values import Value


class CredentialKind(StrEnum):
    PUBLISHABLE = "pk"
    SECRET = "sk"
    DEVICE = "dv"


class Scope(StrEnum):
    """What a secret key may do; a key's scopes are exactly these words."""

    ADMIN = "admin"
    INGEST = "ingest"
    READ = "read"


class Principal(Value):
    """A caller. `device_id`, `customer_id` and `seen_at` (when it was last heard of) are set for device credentials only."""

    kind: CredentialKind
    brand_id: str
    mode: Mode
    credential_id: str
    scopes: tuple[Scope, ...] = ()
    device_id: str | None = None
    customer_id: str | None = None
    seen_at: datetime | None = None


def new_credential(kind: CredentialKind, mode: Mode) -> str:
    """A fresh credential with 256 random bits, such as `wa_live_sk_…`. Shown once, stored as `digest`."""
    return f"wa_{mode}_{kind}_{secrets.token_urlsafe(32)}"


def digest(credential: str) -> str:
    """What is stored of a credential. High entropy needs no slow hash."""
    return hashlib.sha256(credential.encode()).hexdigest()
