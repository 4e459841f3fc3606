"""Login and TLS of the database come from files that only this user can read."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from cluster.problems import StartProblem
from cluster.store_access import tls_of, with_login
from cluster.store_place import parse_place
from gateway.certificate import make_self_signed

PLAIN, ENCRYPTED = parse_place("cassandra://one"), parse_place("cassandra://one?tls=yes")


def secret(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o600)


def test_an_address_without_a_login_gets_the_one_in_the_folder(tmp_path: Path) -> None:
    assert with_login(PLAIN, tmp_path) == PLAIN
    secret(tmp_path / "cassandra.login", "warbler:a:b@c\n")
    found = with_login(PLAIN, tmp_path)
    assert (found.user, found.password) == ("warbler", "a:b@c")
    said = parse_place("cassandra://me:mine@one")
    assert with_login(said, tmp_path) == said


def test_a_login_that_others_can_read_or_that_is_none_is_refused(tmp_path: Path) -> None:
    secret(tmp_path / "cassandra.login", "warbler")
    with pytest.raises(StartProblem, match="has to be one line, USER:PASSWORD"):
        with_login(PLAIN, tmp_path)
    (tmp_path / "cassandra.login").chmod(0o644)
    with pytest.raises(StartProblem, match="can be read by others"):
        with_login(PLAIN, tmp_path)


def test_nothing_is_encrypted_unless_the_address_says_so(tmp_path: Path) -> None:
    assert tls_of(PLAIN, tmp_path) is None


def test_certificates_are_checked_by_the_authority_in_the_folder_alone(tmp_path: Path) -> None:
    certificate, _ = make_self_signed(["127.0.0.1"], tmp_path / "made")
    certificate.rename(tmp_path / "cassandra.ca.pem")
    context = tls_of(ENCRYPTED, tmp_path)
    assert context is not None
    assert (context.verify_mode, context.check_hostname, len(context.get_ca_certs())) == (ssl.CERT_REQUIRED, True, 1)
    chain = tls_of(ENCRYPTED._replace(tls="chain"), tmp_path)
    assert chain is not None
    assert (chain.verify_mode, chain.check_hostname) == (ssl.CERT_REQUIRED, False)


def test_a_certificate_of_our_own_needs_its_key_and_that_may_be_read_by_nobody_else(tmp_path: Path) -> None:
    certificate, key = make_self_signed(["me"], tmp_path / "made")
    certificate.rename(tmp_path / "cassandra.cert.pem")
    with pytest.raises(StartProblem, match=r"cassandra\.key\.pem cannot be read"):
        tls_of(ENCRYPTED, tmp_path)
    key.rename(tmp_path / "cassandra.key.pem")
    assert tls_of(ENCRYPTED, tmp_path) is not None
    (tmp_path / "cassandra.key.pem").chmod(0o640)
    with pytest.raises(StartProblem, match="can be read by others"):
        tls_of(ENCRYPTED, tmp_path)


def test_a_file_that_is_no_certificate_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "cassandra.ca.pem").write_text("not this")
    with pytest.raises(StartProblem, match=r"TLS files of Cassandra in .* cannot be used"):
        tls_of(ENCRYPTED, tmp_path)
