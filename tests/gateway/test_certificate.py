"""A self-signed certificate names its hosts and keeps its key to itself."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509

from gateway.certificate import make_self_signed


def test_it_names_all_hosts_and_lasts_as_long_as_browsers_accept(tmp_path: Path) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    path, _ = make_self_signed(["chat.example", "*.chat.example", "127.0.0.1", "::1", "bücher.example"], tmp_path / "tls", now=now)
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["chat.example", "*.chat.example", "xn--bcher-kva.example"]
    assert names.get_values_for_type(x509.IPAddress) == [ip_address("127.0.0.1"), ip_address("::1")]
    assert certificate.not_valid_before_utc < now
    assert (certificate.not_valid_after_utc - now).days <= 398


def test_the_key_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    _, key = make_self_signed(["localhost"], tmp_path)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["certificate.pem", "key.pem"]


def test_what_is_there_stays_unless_it_is_to_be_replaced(tmp_path: Path) -> None:
    path, _ = make_self_signed(["localhost"], tmp_path)
    before = path.read_bytes()
    with pytest.raises(FileExistsError):
        make_self_signed(["localhost"], tmp_path)
    assert path.read_bytes() == before
    make_self_signed(["localhost"], tmp_path, replace=True)
    assert path.read_bytes() != before


@pytest.mark.parametrize("hosts", [[], [""], ["a b"], ["x" * 300], ["evil\n.example"], ["a/../b"]])
def test_impossible_hosts_are_refused_and_nothing_is_written(tmp_path: Path, hosts: list[str]) -> None:
    with pytest.raises(ValueError):
        make_self_signed(hosts, tmp_path / "tls")
    assert not (tmp_path / "tls").exists()
