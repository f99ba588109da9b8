"""Settings: the only place that reads the environment."""

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
"""How often something is done, or how long it may take: a moment to a day."""


class ServiceSettings(BaseSettings):
    """Base of every service's settings; a subclass sets `env_prefix` to its word.

    Values given to the constructor win over the environment, so whoever composes the server
    can decide without touching it.
    """

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_file=None, use_attribute_docstrings=True
    )


Settings = TypeVar("Settings", bound=ServiceSettings)


def read(kind: type[Settings], **given: Any) -> Settings:
    """Return settings from the environment; what is given wins.

    Raises
    ------
    StartRefused
        One is missing, malformed or out of range: says which, and what it may be, not its value.
    """
    prefix = str(kind.model_config.get("env_prefix", ""))
    try:
        return kind(**given)
    except ValidationError as error:
        found = []
        for one in error.errors(include_input=False, include_url=False):
            said = one["msg"].removeprefix("Value error, ")
            name = f"{prefix}{one['loc'][0]}".upper() if one["loc"] else ""
            found.append(f"{name}: {said}" if name else said)
        raise StartRefused("; ".join(found)) from error
    except SettingsError as error:
        # What is not text or a number is written as JSON.
        raise StartRefused(f'{prefix}…: {error}; lists are written as ["a", "b"]') from error


def cache_root() -> Path:
    """Return the folder for what can be fetched or made again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cratedig"


class KitSettings(ServiceSettings):
    """What every service needs to know of the server around it."""

    model_config = SettingsConfigDict(env_prefix="KIT_")

    bus_url: str = "memory://"
    """`kafka://host:port[,host:port]`, or `memory://`."""
    objects_url: SecretStr = SecretStr("")
    """`s3+https://KEY:SECRET@host[:port]?region=…`, `s3+http://…`, or `file:///folder`."""
    objects_public_url: str = ""
    """Where browsers reach the store, when it differs; signed URLs name it."""
    objects_reserve_mib: Annotated[int, Field(ge=0, le=1 << 30)] = 256
    """Free space of a `file://` store's disk, in MiB, below which the server is not ready."""
    objects_signing_secret: SecretStr = SecretStr("")
    """Signs local URLs of a `file://` store; unused by S3."""
    library_url: str = "http://127.0.0.1:8081"
    """The library's public catalogue routes, as the gateway reaches them."""
    library_internal_url: str = "http://127.0.0.1:8082"
    """The library's internal port, as workers reach it."""
    gateway_url: str = "http://127.0.0.1:8080"
    """The gateway, as the library reaches its public keys."""
    internal_secret: SecretStr = SecretStr("")
    """Shared by services: proves one to another on internal ports. 32 characters or more."""
    weights_dir: Path = Field(default_factory=lambda: cache_root() / "weights")
    """Where verified weights lie."""
    pinned_weights: bool = False
    """Use and fetch the default weights only, not those that are preferred to them where they can
    be had: results are then the same on every machine. Tests and benchmarks set it."""
    scratch_dir: Path | None = None
    """Where workers keep files while a job runs; the system's temporary folder by default."""
    lease: Period = 60.0
    """A job whose worker is silent this long is handed to another."""
    heartbeat: Period = 10.0
    """How often a worker says that it is alive; at least twice in a lease."""
    poll: Period = 5.0
    """How often an idle worker asks for work without being told."""
    grace: Annotated[Seconds, Field(le=86_400)] = 30.0
    """How long a stopping service may finish what it has begun."""
    log_level: Annotated[str, Field(pattern=r"^(DEBUG|INFO|WARNING|ERROR)$")] = "INFO"
    log_format: Annotated[str, Field(pattern=r"^(json|text)$")] = "json"
    health_host: str = "127.0.0.1"
    """Where workers answer health checks and metrics."""
    health_port: Port | None = None
    """Port for the above; none by default."""

    @model_validator(mode="after")
    def _alive_within_a_lease(self) -> Self:
        if self.heartbeat > self.lease / 2:
            raise ValueError(
                f"KIT_HEARTBEAT ({self.heartbeat:g} s) must be at most half of KIT_LEASE "
                f"({self.lease:g} s), or jobs are taken from workers that are alive"
            )
        return self


def child_environment(threads: int) -> dict[str, str]:
    """Return the environment of a child: what programs need, and no secret of ours."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV", "TZ")
    devices = ("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "LD_LIBRARY_PATH")
    environment = {name: os.environ[name] for name in (*kept, *devices) if name in os.environ}
    environment |= {
        name: str(threads)
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    }
    # How often a waiting thread of GNU's OpenMP looks before it sleeps. The 300 000 times of its
    # own are spun away on processors that other programs want; without any, threads that sleep
    # between all the small steps of a network take a third longer.
    environment["GOMP_SPINCOUNT"] = "1000"
    return environment | {"PYTHONUNBUFFERED": "1", "HF_HUB_OFFLINE": "1"}
