"""How the bus connects to a Kafka cluster that wants encryption and credentials."""

import ssl
from pathlib import Path

import pytest
from pydantic import SecretStr

from kit.bus.factory import open_bus
from kit.bus.kafka.bus import KafkaBus
from kit.bus.kafka.security import KafkaSecurity
from kit.settings import KitSettings

PROTOCOLS = [
    ("kafka://host:9092", "", "PLAINTEXT"),
    ("kafka+tls://host:9093", "", "SSL"),
    ("kafka://host:9092", "library", "SASL_PLAINTEXT"),
    ("kafka+tls://host:9093,other:9093", "library", "SASL_SSL"),
]


@pytest.mark.parametrize(("url", "user", "protocol"), PROTOCOLS)
def test_the_settings_choose_the_protocol(url: str, user: str, protocol: str) -> None:
    bus = open_bus(KitSettings(bus_url=url, bus_user=user, bus_password=SecretStr("a secret")))
    assert isinstance(bus, KafkaBus)
    assert bus.servers == url.partition("://")[2]
    options = bus.connection()
    assert options["security_protocol"] == protocol
    assert ("ssl_context" in options) == ("kafka+tls" in url)
    if user:
        assert (options["sasl_mechanism"], options["sasl_plain_username"]) == (
            "SCRAM-SHA-512",
            "library",
        )
        assert options["sasl_plain_password"] == "a secret"


def test_certificates_and_names_are_verified() -> None:
    context = KafkaSecurity(tls=True).options()["ssl_context"]
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_a_missing_file_of_authorities_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        KafkaSecurity(tls=True, ca=tmp_path / "ca.crt").options()


def test_a_password_in_the_address_is_refused() -> None:
    with pytest.raises(ValueError, match="KIT_BUS_USER and KIT_BUS_PASSWORD"):
        open_bus(KitSettings(bus_url="kafka://user:hunter2@host:9092"))


def test_a_password_is_not_shown() -> None:
    assert "hunter2" not in repr(KafkaSecurity(user="user", password="hunter2"))
