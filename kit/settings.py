"""Settings; the only module that reads the environment."""

import os
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from contracts.music import Seconds
from kit.process import StartRefused


def _network(text: str) -> str:
    ip_network(text)
    return text


Port = Annotated[int, Field(ge=1, le=65_535)]
Network = Annotated[str, AfterValidator(_network)]
"""A network, such as `10.0.0.0/8`."""
Period = Annotated[Seconds, Field(gt=0, le=86_400)]
"""An interval or a timeout in seconds, up to a day."""


class ServiceSettings(BaseSettings):
    """Base of every service's settings; a subclass sets `env_prefix` to its name.

    Arguments of the constructor override the environment.
    """

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_file=None, use_attribute_docstrings=True
    )


Settings = TypeVar("Settings", bound=ServiceSettings)


def read(kind: type[Settings], **overrides: Any) -> Settings:
    """Read settings from the environment; `overrides` take precedence.

    Raises
    ------
    StartRefused
        A setting is missing, malformed or out of range; the message names it and the rule, not the
        value.
    """
    prefix = str(kind.model_config.get("env_prefix", ""))
    try:
        return kind(**overrides)
    except ValidationError as error:
        problems = []
        for item in error.errors(include_input=False, include_url=False):
            message = item["msg"].removeprefix("Value error, ")
            name = f"{prefix}{item['loc'][0]}".upper() if item["loc"] else ""
            problems.append(f"{name}: {message}" if name else message)
        raise StartRefused("; ".join(problems)) from error
    except SettingsError as error:
        # Raised for a list or another structure that is not valid JSON.
        raise StartRefused(f'{prefix}…: {error}; lists are written as ["a", "b"]') from error


def cache_root() -> Path:
    """Return the user's cache folder, for files that can be fetched or created again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cratedig"


class KitSettings(ServiceSettings):
    """Settings common to all services."""

    model_config = SettingsConfigDict(env_prefix="KIT_")

    bus_url: str = "memory://"
    """`kafka://host:port[,host:port]`, `kafka+tls://…` for TLS, or `memory://`."""
    bus_user: str = ""
    """Name of the Kafka user (SCRAM-SHA-512); without one the connection is anonymous."""
    bus_password: SecretStr = SecretStr("")
    """Password of the Kafka user."""
    bus_ca: Path | None = None
    """PEM file of the authorities that sign Kafka's certificates; the system's by default."""
    objects_url: SecretStr = SecretStr("")
    """`s3+https://KEY:SECRET@host[:port]?region=…`, `s3+http://…`, or `file:///folder`."""
    objects_public_url: str = ""
    """Address of the store for browsers, if it differs; used in signed URLs."""
    objects_reserve_mib: Annotated[int, Field(ge=0, le=1 << 30)] = 256
    """Free space of a `file://` store's disk, in MiB, below which the server is not ready."""
    objects_signing_secret: SecretStr = SecretStr("")
    """Signs the URLs of a `file://` store, 32 characters or more; unused by S3."""
    library_url: str = "http://127.0.0.1:8081"
    """Address of the library's public port, for the gateway."""
    library_internal_url: str = "http://127.0.0.1:8082"
    """Address of the library's internal port, for workers."""
    gateway_url: str = "http://127.0.0.1:8080"
    """Address of the gateway, from which the library fetches the public keys of tokens."""
    internal_secret: SecretStr = SecretStr("")
    """Authenticates services to each other on internal ports; 32 characters or more."""
    weights_dir: Path = Field(default_factory=lambda: cache_root() / "weights")
    """Folder of the verified weights."""
    pinned_weights: bool = False
    """Fetch and use only the default weights, even if preferred ones are available, so that results
    are the same on every machine. Tests and benchmarks set it."""
    scratch_dir: Path | None = None
    """Folder for the files of running jobs; by default the system's temporary folder."""
    lease: Period = 60.0
    """Seconds without a heartbeat after which a job goes to another worker."""
    heartbeat: Period = 10.0
    """Seconds between two heartbeats of a worker; at most half of the lease."""
    poll: Period = 5.0
    """Seconds after which an idle worker asks for jobs even without a notification."""
    grace: Annotated[Seconds, Field(le=86_400)] = 30.0
    """Seconds that a stopping worker has to finish running jobs."""
    log_level: Annotated[str, Field(pattern=r"^(DEBUG|INFO|WARNING|ERROR)$")] = "INFO"
    """`DEBUG`, `INFO`, `WARNING` or `ERROR`."""
    log_format: Annotated[str, Field(pattern=r"^(json|text)$")] = "json"
    """`json`, or `text` for a terminal."""
    traces_url: str = ""
    """Where an OpenTelemetry collector takes traces as OTLP over HTTP, such as
    `http://collector:4318/v1/traces`; without one none are recorded."""
    traces_share: Annotated[float, Field(ge=0.0, le=1.0)] = 1.0
    """Share of the traces that is recorded."""
    health_host: str = "127.0.0.1"
    """Address on which workers serve health checks and metrics."""
    health_port: Port | None = None
    """Port for health checks and metrics of workers; none by default."""

    @model_validator(mode="after")
    def _alive_within_a_lease(self) -> Self:
        if self.heartbeat > self.lease / 2:
            raise ValueError(
                f"KIT_HEARTBEAT ({self.heartbeat:g} s) must be at most half of KIT_LEASE "
                f"({self.lease:g} s), or workers lose jobs that they still run"
            )
        return self


def child_environment(threads: int) -> dict[str, str]:
    """Return the environment of a child process, without any setting or secret of the server."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV", "TZ")
    devices = ("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "LD_LIBRARY_PATH")
    environment = {name: os.environ[name] for name in (*kept, *devices) if name in os.environ}
    environment |= {
        name: str(threads)
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    }
    # Spins of a waiting thread of GNU OpenMP before it sleeps. The default of 300 000 takes
    # processor time from other programs; with none, threads sleep between the many small steps of
    # a network, which then takes a third longer.
    environment["GOMP_SPINCOUNT"] = "1000"
    return environment | {"PYTHONUNBUFFERED": "1", "HF_HUB_OFFLINE": "1"}
