"""The engine: a decoder and a tag reader in a sandbox."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from contracts.ingest import IngestParams
from kit.worker.engines import EngineContext
from services.ingest.decoder import Decoding, UploadedFile, find_ffmpeg
from services.ingest.sandbox import Sandbox, probe_sandbox
from services.ingest.tags import EmbeddedTags, read_tags


class Engine(Protocol):
    """Opens untrusted files."""

    @property
    def name(self) -> str:
        """Name and version, for logs and as part of the producer of results."""
        ...

    def run_decoder(self, upload: UploadedFile, *, bounds: IngestParams, folder: Path) -> Decoding:
        """Start decoding a file; see `Decoding`."""
        ...

    def run_tag_reader(self, upload: UploadedFile, *, folder: Path) -> EmbeddedTags:
        """Return a file's embedded tags; see `read_tags`."""
        ...


@dataclass(frozen=True, slots=True)
class ConfinedFfmpeg:
    """Runs `ffmpeg` and `tinytag`, each in its own sandboxed process per file."""

    name: str
    """Includes the program's version, because results depend on it, and the sandbox's layers."""
    program: Path
    sandbox: Sandbox

    def run_decoder(self, upload: UploadedFile, *, bounds: IngestParams, folder: Path) -> Decoding:
        """Start to decode a file; see `Decoding`."""
        return Decoding(self.program, self.sandbox, upload=upload, bounds=bounds, folder=folder)

    def run_tag_reader(self, upload: UploadedFile, *, folder: Path) -> EmbeddedTags:
        """Return a file's embedded tags; see `read_tags`."""
        start = upload.sniffed.part[0] if upload.sniffed.part else 0
        return read_tags(self.sandbox, upload.path, folder=folder, start=start)


def load_engine(context: EngineContext) -> ConfinedFfmpeg:
    """Find the decoder and probe the sandbox.

    The engine's name lists the active layers, and the worker logs it when it is ready.
    """
    program = find_ffmpeg(context.prefer)
    output = subprocess.run(  # noqa: S603
        [program, "-version"], env={}, capture_output=True, timeout=30, check=True
    )
    version = output.stdout.decode(errors="replace").split()[2]
    sandbox = probe_sandbox()
    layers = ", ".join(("limits", *sandbox.layers))
    return ConfinedFfmpeg(f"ffmpeg {version[:24]} in a sandbox of {layers}", program, sandbox)
