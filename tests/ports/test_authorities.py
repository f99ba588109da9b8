"""Servers whose certificates an authority of one's own has signed, trusted through the environment.

Clients read the environment when they are made, so each is made in the test that sets it.
"""

import asyncio
import ipaddress
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr
from sqlalchemy import text

from contracts.objects import Bucket
from gateway.oidc.provider import IdentityProvider, ProviderUnavailable, provider_client
from gateway.settings import ProviderSettings
from kit.clock import SystemClock
from kit.database.engine import Database
from kit.objects.base import ObjectError
from kit.objects.factory import open_objects
from kit.settings import KitSettings
from services.library.imports.web import Web, WebError
from services.library.webhooks.client import PostFailed, WebhookClient

ADDRESS = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Authority:
    """An authority's certificate, and a server's context with a certificate that it signed."""

    certificate: Path
    server: ssl.SSLContext


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    folder = tmp_path_factory.mktemp("authority")
    now = datetime.now(UTC)

    def certificate(
        subject: str, key: ec.EllipticCurvePrivateKey, signer: ec.EllipticCurvePrivateKey
    ) -> x509.Certificate:
        own = subject == "authority"
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(ADDRESS))])
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=own, path_length=None), critical=True)
        )
        return (builder if own else builder.add_extension(names, critical=False)).sign(
            signer, hashes.SHA256()
        )

    root, leaf = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    trusted, served = folder / "ca.crt", folder / "server.pem"
    pem = serialization.Encoding.PEM
    trusted.write_bytes(certificate("authority", root, root).public_bytes(pem))
    secret = leaf.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    served.write_bytes(secret + certificate("server", leaf, root).public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(served)
    return Authority(trusted, context)


Answer = Callable[[int], bytes]
"""Gives the response to an HTTP request, by the server's port."""


@asynccontextmanager
async def https_server(authority: Authority, answer: Answer) -> AsyncIterator[int]:
    """Answer every request in the same way; yield the port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            body = answer(port)
            head = f'HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nETag: "a"\r\n'
            head += "Last-Modified: Mon, 30 Nov 2026 10:00:00 GMT\r\nConnection: close\r\n\r\n"
            writer.write(head.encode() + body)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, ADDRESS, 0, ssl=authority.server)
    port: int = server.sockets[0].getsockname()[1]
    async with server:
        yield port


@asynccontextmanager
async def postgres_with_tls(authority: Authority) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Speak Postgres up to the first message over TLS; yield the port and these messages."""
    received: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readexactly(8)
            writer.write(b"S")
            await writer.start_tls(authority.server)
            received.append(await reader.read(1000))
            error = b"SFATAL\0VFATAL\0C57P03\0Mthis is no database\0\0"
            writer.write(b"E" + (len(error) + 4).to_bytes(4, "big") + error)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, ADDRESS, 0)
    async with server:
        yield server.sockets[0].getsockname()[1], received


async def find_provider(authority: Authority) -> None:
    def discovery(port: int) -> bytes:
        issuer = f"https://{ADDRESS}:{port}"
        endpoints = {"authorization_endpoint": "a", "token_endpoint": "t", "jwks_uri": "k"}
        named = {name: f"{issuer}/{path}" for name, path in endpoints.items()}
        return json.dumps({"issuer": issuer, **named}).encode()

    async with https_server(authority, discovery) as port, provider_client() as client:
        settings = ProviderSettings(
            id="acme",
            name="Acme",
            issuer=f"https://{ADDRESS}:{port}",
            client_id="crate",
            client_secret=SecretStr("secret"),
        )
        await IdentityProvider(settings, client, clock=SystemClock()).metadata()


async def read_object(authority: Authority) -> None:
    async with https_server(authority, lambda _: b"") as port:
        url = SecretStr(f"s3+https://key:secret@{ADDRESS}:{port}?region=here")
        store = open_objects(KitSettings(objects_url=url))
        try:
            assert await store.head(Bucket.ORIGINALS, "a/b") is not None
        finally:
            await store.close()


async def import_file(authority: Authority) -> None:
    async with https_server(authority, lambda _: b"sound") as port:
        with ThreadPoolExecutor(1) as files:
            web = Web(files, any_address=True)
            try:
                address = f"https://{ADDRESS}:{port}/a"
                assert await web.read(address, limit=100, timeout=10.0) == b"sound"
            finally:
                await web.close()


async def send_webhook(authority: Authority) -> None:
    async with https_server(authority, lambda _: b"") as port:
        client = WebhookClient(any_address=True)
        try:
            await client.post(f"https://{ADDRESS}:{port}/a", b"{}", {}, timeout=10.0)
        finally:
            await client.close()


CASES: list[tuple[Callable[[Authority], Awaitable[None]], type[Exception]]] = [
    (find_provider, ProviderUnavailable),
    (read_object, ObjectError),
    (import_file, WebError),
    (send_webhook, PostFailed),
]


@pytest.mark.parametrize(("connect", "refusal"), CASES)
async def test_an_authority_of_ones_own_is_trusted_by_setting(
    monkeypatch: pytest.MonkeyPatch,
    authority: Authority,
    connect: Callable[[Authority], Awaitable[None]],
    refusal: type[Exception],
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with pytest.raises(refusal):
        await connect(authority)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    await connect(authority)


async def test_postgres_over_tls_is_verified(
    monkeypatch: pytest.MonkeyPatch, authority: Authority
) -> None:
    async def ask(port: int) -> str:
        url = f"postgresql+asyncpg://crate:secret@{ADDRESS}:{port}/library?ssl=verify-full"
        database = Database(url, clock=SystemClock())
        try:
            async with database.session() as session:
                await session.execute(text("SELECT 1"))
        except Exception as error:
            return f"{error!r} {error.__cause__!r}"
        finally:
            await database.close()
        return ""

    async with postgres_with_tls(authority) as (port, received):
        monkeypatch.delenv("PGSSLROOTCERT", raising=False)
        await ask(port)
        assert received == []
        monkeypatch.setenv("PGSSLROOTCERT", str(authority.certificate))
        assert "this is no database" in await ask(port)
        (startup,) = received
        assert b"crate" in startup
