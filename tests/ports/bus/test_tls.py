"""The bus over TLS: a real broker with a certificate of an authority that the test makes."""

import asyncio
import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from contracts.ids import JobId, WorkerId
from contracts.jobs import JobReleased
from contracts.topics import DEAD_LETTERS
from kit.bus.base import AnyEvent, Bus, BusError
from kit.bus.factory import open_bus
from kit.clock import new_id
from kit.settings import KitSettings
from tests.ports.bus.harness import fresh_topic
from tests.support.events import make_event
from tests.support.secured_kafka import secured_broker
from tests.support.timeouts import HANG_TIMEOUT

pytestmark = pytest.mark.cluster


@dataclass(frozen=True)
class Authority:
    """An authority that signs certificates."""

    name: x509.Name
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def new(cls, name: str) -> "Authority":
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = _builder(subject, subject, key).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        return cls(subject, key, builder.sign(key, hashes.SHA256()))

    def write(self, path: Path) -> Path:
        """Write the certificate as PEM."""
        path.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        return path

    def write_server(self, path: Path) -> Path:
        """Write a key and a certificate for this machine as PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broker")])
        local = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        certificate = (
            _builder(subject, self.name, key)
            .add_extension(x509.SubjectAlternativeName([local]), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        secret = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        path.write_bytes(secret + certificate.public_bytes(serialization.Encoding.PEM))
        return path


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def broker(folder: Path) -> Iterator[str]:
    authority = Authority.new("authority")
    files = (authority.write_server(folder / "broker.pem"), authority.write(folder / "ca.pem"))
    with secured_broker(
        folder, ("admin", "library"), certificate=files[0], authority=files[1]
    ) as address:
        yield address


def client(broker: str, ca: Path, *, scheme: str = "kafka+tls") -> Bus:
    return open_bus(
        KitSettings(
            bus_url=f"{scheme}://{broker}",
            bus_user="library",
            bus_password=SecretStr("library"),
            bus_ca=ca,
        )
    )


async def test_an_event_arrives_over_tls(broker: str, folder: Path) -> None:
    bus, topic = client(broker, folder / "ca.pem"), fresh_topic()
    await bus.start()
    try:
        await bus.ensure([topic, DEAD_LETTERS])
        arrived, stopping = asyncio.Event(), asyncio.Event()

        async def handle(event: AnyEvent) -> None:
            arrived.set()

        reading = asyncio.create_task(
            bus.consumer(topic, group="tls", handler=handle).run(stopping)
        )
        data = JobReleased(job=JobId(new_id()), epoch=1, worker=WorkerId(new_id()))
        await bus.publish(topic, make_event("job.released", data), key="job")
        async with asyncio.timeout(HANG_TIMEOUT):
            await arrived.wait()
        stopping.set()
        await reading
    finally:
        await bus.close()


async def test_a_certificate_of_another_authority_is_refused(broker: str, folder: Path) -> None:
    other = Authority.new("another authority").write(folder / "other.pem")
    with pytest.raises(BusError, match=r"is refused: .*KIT_BUS_CA must name a PEM file"):
        await client(broker, other).start()


async def test_a_connection_in_the_clear_is_refused(broker: str, folder: Path) -> None:
    with pytest.raises(BusError, match="does not answer"):
        await client(broker, folder / "ca.pem", scheme="kafka").start()
