"""How clients of a Kafka cluster encrypt their connections and authenticate."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MECHANISM = "SCRAM-SHA-512"


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
