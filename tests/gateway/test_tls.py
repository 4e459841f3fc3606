"""A certificate is renewed under a running server."""

from __future__ import annotations

import asyncio
import os
import shutil
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import uvloop
from cryptography.hazmat.primitives import serialization

from gateway.certificate import make_self_signed
from gateway.tls import Certificates, TlsError
from tests.kit.clock import Clock


class Running:
    """An echo server under TLS, its files and its clock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.certificate, self.key = make_self_signed(["localhost", "127.0.0.1"], folder)
        self.clock = Clock()
        self.problems: list[TlsError] = []
        self.changes = 0
        self.certificates = Certificates(
            self.certificate, self.key, on_problem=self.problems.append, on_change=self._changed, now=self.clock.now
        )
        self.port = 0

    def _changed(self) -> None:
        self.changes += 1

    def renew(self, folder: str = "new") -> tuple[Path, Path]:
        """Another certificate beside the one in use."""
        return make_self_signed(["localhost", "127.0.0.1"], self.folder / folder)

    async def open(self, name: str | None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection that accepts any certificate; `name` is sent as SNI, None: no SNI."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return await asyncio.open_connection("127.0.0.1", self.port, ssl=context, server_hostname=name or "")

    async def shown(self, name: str | None = "localhost") -> bytes:
        """The certificate that a new connection is shown."""
        _, writer = await self.open(name)
        shown: bytes = writer.get_extra_info("ssl_object").getpeercert(True)
        writer.close()
        return shown

    def der(self, path: Path) -> bytes:
        """A certificate file as a client sees it."""
        return ssl.PEM_cert_to_DER_cert(path.read_text())


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while line := await reader.readline():
        writer.write(line)
        await writer.drain()
    writer.close()


def serve(folder: Path, story: Callable[[Running], Awaitable[None]], runner: Callable[..., None]) -> None:
    """Run the story against a server."""

    async def all_of_it() -> None:
        running = Running(folder)
        server = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=running.certificates.context)
        running.port = server.sockets[0].getsockname()[1]
        try:
            await story(running)
        finally:
            server.close()

    runner(all_of_it())


LOOPS = pytest.mark.parametrize("runner", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])


@LOOPS
@pytest.mark.parametrize("name", ["localhost", None], ids=["with SNI", "without SNI"])
def test_new_connections_get_the_new_certificate_and_old_ones_go_on(tmp_path: Path, runner: Callable[..., None], name: str | None) -> None:
    async def story(running: Running) -> None:
        reader, writer = await running.open(name)
        before = await running.shown(name)
        assert before == running.der(running.certificate)
        certificate, key = running.renew()
        os.replace(key, running.key)
        os.replace(certificate, running.certificate)
        running.clock.advance(1.0)
        after = await running.shown(name)
        assert after == running.der(running.certificate) != before
        assert (running.changes, running.problems) == (1, [])
        writer.write(b"still here\n")
        assert await reader.readline() == b"still here\n"
        writer.close()

    serve(tmp_path, story, runner)


@LOOPS
def test_half_a_renewal_is_told_and_changes_nothing_until_it_is_whole(tmp_path: Path, runner: Callable[..., None]) -> None:
    async def story(running: Running) -> None:
        before = await running.shown()
        certificate, key = running.renew()
        shutil.copyfile(certificate, running.certificate)
        running.clock.advance(1.0)
        assert await running.shown() == before
        assert len(running.problems) == 1 and str(running.certificate) in str(running.problems[0])
        shutil.copyfile(key, running.key)
        running.clock.advance(1.0)
        assert await running.shown() == running.der(running.certificate)

    serve(tmp_path, story, runner)


def test_files_are_looked_at_at_most_once_a_second(tmp_path: Path) -> None:
    async def story(running: Running) -> None:
        before = await running.shown()
        for source, target in zip(running.renew(), (running.certificate, running.key), strict=True):
            os.replace(source, target)
        running.clock.advance(0.5)
        assert await running.shown() == before
        running.clock.advance(0.5)
        assert await running.shown() != before

    serve(tmp_path, story, asyncio.run)


def test_files_that_vanish_or_are_garbage_leave_the_server_as_it_is(tmp_path: Path) -> None:
    async def story(running: Running) -> None:
        before = await running.shown()
        running.certificate.write_text("garbage")
        running.clock.advance(1.0)
        assert await running.shown() == before
        running.certificate.unlink()
        running.clock.advance(1.0)
        assert await running.shown() == before
        assert len(running.problems) == 2 and running.changes == 0

    serve(tmp_path, story, asyncio.run)


@pytest.mark.parametrize("broken", ["missing", "garbage", "other key", "passphrase"])
def test_at_start_unusable_files_are_one_clear_sentence(tmp_path: Path, broken: str) -> None:
    certificate, key = make_self_signed(["localhost"], tmp_path)
    if broken == "missing":
        key.unlink()
    elif broken == "garbage":
        key.write_text("garbage")
    elif broken == "other key":
        key.write_bytes(make_self_signed(["localhost"], tmp_path / "other")[1].read_bytes())
    else:
        key.write_bytes(_encrypted(key.read_bytes()))
    with pytest.raises(TlsError) as refused:
        Certificates(certificate, key, on_problem=lambda problem: None)
    assert "key.pem" in str(refused.value) and "\n" not in str(refused.value)


def _encrypted(pem: bytes) -> bytes:
    key = serialization.load_pem_private_key(pem, None)
    scheme = serialization.BestAvailableEncryption(b"secret")
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, scheme)


def test_old_versions_of_tls_are_refused(tmp_path: Path) -> None:
    running = Running(tmp_path)
    assert running.certificates.context.minimum_version == ssl.TLSVersion.TLSv1_2
