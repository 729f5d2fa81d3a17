"""A service account of the emulator, so that a test or a trial goes the whole way through OAuth."""

import json
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa


def service_account(url: str, project: str) -> dict[str, str]:
    """The content of a service-account file with a new RSA key, whose tokens come from the emulator at `url`."""
    return {
        "type": "service_account",
        "project_id": project,
        "private_key_id": "emulator",
        "private_key": _private_key(),
        "client_email": f"emulator@{project}.iam.gserviceaccount.com",
        "client_id": "0",
        "auth_uri": f"{url}/auth",
        "token_uri": f"{url}/token",
        "universe_domain": "googleapis.com",
    }


def write_service_account(path: Path, *, url: str, project: str) -> Path:
    """Writes such a file, readable by its owner alone, and returns its path."""
    path.touch(mode=0o600)
    path.write_text(json.dumps(service_account(url, project), indent=2), encoding="utf-8")
    return path


def _private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
