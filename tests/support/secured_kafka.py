"""A Kafka broker that wants a user and, if it has a certificate, an encrypted connection."""

import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from deploy.servers.base import Launch
from deploy.servers.kafka import CLUSTER, PROPERTIES, VERSION, Kafka
from deploy.servers.processes import spawn, stop
from deploy.servers.state import free_ports
from deploy.servers.tools import cache, require
from tests.support.running_server import eventually

_LOGIN = "org.apache.kafka.common.security.scram.ScramLoginModule required"
_SASL = """\
sasl.enabled.mechanisms=SCRAM-SHA-512
sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512
inter.broker.listener.name={protocol}
listener.name.{lower}.scram-sha-512.sasl.jaas.config={login} username="admin" password="admin";
"""
_TLS = """\
ssl.keystore.type=PEM
ssl.keystore.location={certificate}
ssl.truststore.type=PEM
ssl.truststore.location={authority}
"""


@contextmanager
def secured_broker(
    folder: Path,
    users: Sequence[str],
    *,
    settings: str = "",
    certificate: Path | None = None,
    authority: Path | None = None,
) -> Iterator[str]:
    """Run a broker whose users have their names as passwords; give its `host:port`.

    Parameters
    ----------
    users
        Names of users, `admin` among them.
    settings
        Further lines of its properties.
    certificate, authority
        PEM files: the broker's key with its certificate, and the authority that signed it.
    """
    Kafka().fetch(print)
    protocol = "SASL_SSL" if certificate else "SASL_PLAINTEXT"
    clients, controller = free_ports(2)
    text = PROPERTIES.format(clients=clients, controller=controller, folder=folder / "data")
    text = text.replace("=PLAINTEXT://", f"={protocol}://")
    text = text.replace("map=PLAINTEXT:PLAINTEXT", f"map={protocol}:{protocol}")
    text += _SASL.format(protocol=protocol, lower=protocol.lower(), login=_LOGIN)
    if certificate:
        text += _TLS.format(certificate=certificate, authority=authority)
    properties = folder / "server.properties"
    properties.write_text(text + settings)
    java = (require("java"), "-Xmx512m", "-cp", str(cache() / f"kafka-{VERSION}" / "lib" / "*"))
    scram = [f"--add-scram=SCRAM-SHA-512=[name={name},password={name}]" for name in users]
    subprocess.run(
        (*java, "kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", str(properties), *scram),
        check=True,
        capture_output=True,
    )
    launch = Launch((*java, "kafka.Kafka", str(properties)), {})
    broker = spawn(launch, folder=folder, log=folder / "log")
    try:
        eventually(
            lambda: (
                _encrypts(clients, authority)
                if authority
                else Kafka().healthy({"clients": clients})
            ),
            what="a broker",
        )
        yield f"127.0.0.1:{clients}"
    finally:
        stop(broker, number=signal.SIGTERM, timeout=20.0)


def _encrypts(port: int, authority: Path) -> bool:
    """Return whether a listener shows a certificate of the authority."""
    context = ssl.create_default_context(cafile=authority)
    try:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1"),
        ):
            return True
    except OSError:
        return False
