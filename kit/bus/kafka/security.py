"""How clients of a Kafka cluster encrypt their connections and authenticate."""

import asyncio
import contextlib
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from contracts.music import Seconds

MECHANISM = "SCRAM-SHA-512"
_HANDSHAKE: Seconds = 3.0
"""Longest wait for one broker's certificate."""


@dataclass(frozen=True, slots=True)
class KafkaSecurity:
    """Encryption and credentials of a connection; by default neither."""

    tls: bool = False
    ca: Path | None = None
    """PEM file of the trusted authorities; `None` trusts the system's."""
    user: str = ""
    password: str = field(default="", repr=False)

    def options(self) -> dict[str, Any]:
        """Return the client settings of aiokafka.

        Raises
        ------
        OSError
            The file of authorities cannot be read.
        ssl.SSLError
            It holds no certificate.
        """
        transport = "SSL" if self.tls else "PLAINTEXT"
        options: dict[str, Any] = {
            "security_protocol": f"SASL_{transport}" if self.user else transport
        }
        if self.tls:
            options["ssl_context"] = ssl.create_default_context(cafile=self.ca)
        if self.user:
            options |= {
                "sasl_mechanism": MECHANISM,
                "sasl_plain_username": self.user,
                "sasl_plain_password": self.password,
            }
        return options


async def refused_certificate(servers: str, context: ssl.SSLContext | None) -> str | None:
    """Return why the certificate of a broker is refused; `None` if none is.

    The client library reports only that no broker answers.

    Parameters
    ----------
    servers
        `host:port[,host:port]`.
    context
        With what the client checks certificates; `None` if it does not encrypt.
    """
    if context is None:
        return None
    for server in servers.split(","):
        host, _, port = server.rpartition(":")
        try:
            async with asyncio.timeout(_HANDSHAKE):
                _, writer = await asyncio.open_connection(host.strip("[]"), int(port), ssl=context)
        except ssl.SSLCertVerificationError as error:
            return (
                f"the certificate of {server} is refused: {error.verify_message}. KIT_BUS_CA must "
                "name a PEM file with the authority that signed it, and the certificate must name "
                "this host"
            )
        except (OSError, TimeoutError, ValueError):
            continue
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    return None
