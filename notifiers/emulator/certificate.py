"""A certificate for this machine, made on the spot, so that the emulator speaks TLS without anybody's help."""

import ipaddress
import ssl
import tempfile
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from domain.clock import SystemClock

_LIFE = timedelta(days=30)


def tls(certificate: Path) -> ssl.SSLContext:
    """A server's side of TLS for `localhost`, 127.0.0.1 and ::1; writes what clients must trust to `certificate`."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate.write_bytes(_self_signed(key).public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory(prefix="fcm-emulator-") as folder:
        key_file = write_key(Path(folder) / "key.pem", key)
        context.load_cert_chain(certificate, key_file)
    return context


def write_pair(folder: Path) -> tuple[Path, Path]:
    """A new certificate and its key as files, for a server that wants files."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = folder / "certificate.pem"
    certificate.write_bytes(_self_signed(key).public_bytes(serialization.Encoding.PEM))
    return certificate, write_key(folder / "key.pem", key)


def write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> Path:
    """The key as a file that its owner alone may read."""
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


def _self_signed(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    now = SystemClock().now()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "FCM emulator")])
    addresses = [x509.IPAddress(ipaddress.ip_address(one)) for one in ("127.0.0.1", "::1")]
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _LIFE)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), *addresses]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
