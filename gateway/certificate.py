"""A self-signed certificate, for trying TLS out and for networks of one's own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CERTIFICATE_FILE = "certificate.pem"
KEY_FILE = "key.pem"
DAYS = 397
"""The longest life that browsers accept."""


def make_self_signed(hosts: Sequence[str], folder: Path, *, now: datetime | None = None, replace: bool = False) -> tuple[Path, Path]:
    """Write a certificate for these names and addresses, and its key (mode 0600). Returns the two paths.

    Raises `ValueError` for no or impossible hosts and `FileExistsError` where files stand and `replace` is not set.
    """
    if not hosts:
        raise ValueError("a certificate needs at least one host name or address")
    names = [_general_name(host) for host in hosts]
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / CERTIFICATE_FILE, folder / KEY_FILE
    for path in paths:
        if path.exists() and not replace:
            raise FileExistsError(f"{path} is there already")
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _signed(names, hosts[0], key, now or datetime.now(UTC))
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    # The certificate goes last: a server that looks in between keeps what it has, and looks again.
    _write(paths[1], private, 0o600)
    _write(paths[0], certificate.public_bytes(serialization.Encoding.PEM), 0o644)
    return paths


def _signed(names: Sequence[x509.GeneralName], host: str, key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host[:64])])
    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, crl_sign=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=DAYS))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        # It is its own authority, so that it can be given to clients as the one to trust.
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        pass  # not an address: a name
    try:
        ascii_name = host.encode("idna").decode()
    except UnicodeError as error:
        raise ValueError(f"{host!r} is no host name") from error
    if not ascii_name.replace("*.", "", 1).replace("-", "").replace(".", "").isalnum():
        raise ValueError(f"{host!r} is no host name")
    return x509.DNSName(ascii_name)


def _write(path: Path, data: bytes, mode: int) -> None:
    # Made with its mode, then renamed: at no moment can others read the key, or anybody half a file.
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)
