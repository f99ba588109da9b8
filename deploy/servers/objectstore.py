"""The MinIO server as the S3 store: a separate program, never a part of the product."""

import http.client
import signal
from pathlib import Path

from deploy.servers.base import Launch, Say
from deploy.servers.tools import building, cache, require, run_shown

MODULE = "github.com/minio/minio"
VERSION = "v0.0.0-20260212201848-7aac2a2c5b7c"


class ObjectStoreServer:
    """MinIO, built from its Go module."""

    name = "objects"
    ports: tuple[str, ...] = ("clients",)
    secrets: tuple[str, ...] = ("user", "password")
    stop_signal: int = signal.SIGTERM

    def fetch(self, say: Say) -> None:
        """Build the server into the cache."""
        with building(cache() / f"minio-{VERSION}", say) as draft:
            if draft is None:
                return
            command = (require("go"), "install", "-ldflags=-s -w", f"{MODULE}@{VERSION}")
            label = "building the MinIO server (about three minutes, once)"
            place = {"GOBIN": str(draft), "CGO_ENABLED": "0"}
            run_shown(command, label=label, say=say, folder=draft, environment=place)

    def prepare(self, folder: Path, ports: dict[str, int], secrets: dict[str, str]) -> Launch:
        """Make the data folder."""
        data = folder / "data"
        data.mkdir(exist_ok=True)
        program = cache() / f"minio-{VERSION}" / "minio"
        address = f"127.0.0.1:{ports['clients']}"
        command = (str(program), "server", str(data), "--address", address, "--quiet")
        environment = {
            "MINIO_ROOT_USER": secrets["user"],
            "MINIO_ROOT_PASSWORD": secrets["password"],
            "MINIO_BROWSER": "off",
            "MINIO_UPDATE": "off",
            "MINIO_CONFIG_DIR": str(folder / "config"),
        }
        return Launch(command, environment)

    def healthy(self, ports: dict[str, int]) -> bool:
        """Return whether it accepts requests."""
        connection = http.client.HTTPConnection("127.0.0.1", ports["clients"], timeout=2)
        try:
            connection.request("GET", "/minio/health/cluster")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def initialise(self, folder: Path, ports: dict[str, int], secrets: dict[str, str]) -> None:
        """Nothing: the platform creates its buckets."""

    def is_transient(self, log_tail: str) -> bool:
        """After a kill the port may be held for a moment."""
        return "address already in use" in log_tail

    def environment(self, ports: dict[str, int], secrets: dict[str, str]) -> dict[str, str]:
        """Return the store's address with its keys."""
        keys = f"{secrets['user']}:{secrets['password']}"
        return {"KIT_OBJECTS_URL": f"s3+http://{keys}@127.0.0.1:{ports['clients']}"}
