"""The store of weights: fetched before they are needed, verified by hash, replaced as a whole."""

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
    """Base of what can be wrong with weights; the message says what to do."""


class MissingWeights(WeightsError):
    """Weights that a service cannot do without are not in the store."""


class FetchFailed(WeightsError):
    """No source gave a file with the right hash."""


def digest(path: Path) -> str:
    """Return the sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True, slots=True)
class Store:
    """A folder of weights, shared by all services and by any number of processes.

    Parameters
    ----------
    root
        The folder; it need not exist.
    commands
        The tools that download wheels.
    hub_endpoint
        Another address of the model hub than its library's own.
    pinned
        Do as if weights that are preferred to the defaults were not there, so that results are the
        same on every machine.
    """

    root: Path
    commands: tuple[tuple[str, ...], ...] = field(default_factory=tools)
    hub_endpoint: str | None = None
    pinned: bool = False

    def folder(self, weights: WeightsEntry) -> Path:
        """Return the folder of these weights' files."""
        return self.root / f"{weights.name}-{weights.version}"

    def path(self, weights: WeightsEntry) -> Path:
        """Return what the engine is given, whether or not it is there.

        The converted file; or the only part; or, of several parts, the folder that holds them.
        """
        folder = self.folder(weights)
        if weights.conversion:
            return folder / f"converted-{weights.digest[:16]}" / weights.conversion.file
        return folder / weights.parts[0].file if len(weights.parts) == 1 else folder

    def present(self, weights: WeightsEntry) -> bool:
        """Return whether the weights are there and have the right size; a look, not a proof."""
        if weights.conversion:
            record = _record(self.path(weights))
            return record is not None and _sized(self.path(weights), record.bytes)
        folder = self.folder(weights)
        return all(_sized(folder / part.file, part.bytes) for part in weights.parts)

    def verify(self, weights: WeightsEntry) -> bool:
        """Return whether the weights are there and every byte is right."""
        if not self.present(weights):
            return False
        if weights.conversion:
            record = _record(self.path(weights))
            return record is not None and digest(self.path(weights)) == record.sha256
        folder = self.folder(weights)
        return all(digest(folder / part.file) == part.sha256 for part in weights.parts)

    def reachable(self, weights: WeightsEntry, *, within: float) -> bool:
        """Return whether a source of each part answers within seconds."""
        return all(
            any(answers(source, within=within) for source in part.sources) for part in weights.parts
        )

    def verified(self, manifest: WeightsManifest) -> dict[str, Path]:
        """Return the verified weights of a service by name: all defaults, others if they are there.

        Raises
        ------
        MissingWeights
            A default is missing or damaged; the message is the command to run.
        """
        found: dict[str, Path] = {}
        missing: list[str] = []
        for weights in manifest.weights:
            if self.pinned and weights.preferred:
                continue
            if self.verify(weights):
                found[weights.name] = self.path(weights)
            elif weights.default:
                missing.append(f"{weights.name} {weights.version}")
        if missing:
            raise MissingWeights(
                f"The weights of {manifest.word} are not in {self.root}: {', '.join(missing)}. "
                f"Fetch them with: {manifest.command}"
            )
        return found

    def fetch(self, weights: WeightsEntry, *, progress: Progress = silent) -> Path:
        """Fetch what is missing or damaged, convert it where that is asked, and return its path.

        Raises
        ------
        FetchFailed
            No source gave a part with the right hash; the message tells of each, and where
            to put the file by hand.
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
            # A partial file may have been begun from another source or by a server that has since
            # changed its mind, so a wrong hash after a resumption is worth one fresh start.
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
                    reasons.append(f"{source}: another file ({size} bytes) with a wrong hash")
                    break
        raise FetchFailed(
            f"No source gave {part.file} with sha256 {part.sha256}. "
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
        made = scratch / "record.json"
        made.write_text(json.dumps(record), encoding="utf-8")
        # The file goes first: a record without its file would be a promise not kept.
        publish(output, target)
        publish(made, target.with_name(target.name + ".json"))


def open_store(settings: KitSettings) -> Store:
    """Return the store of weights that the settings name."""
    return Store(settings.weights_dir, pinned=settings.pinned_weights)


@dataclass(frozen=True, slots=True)
class _Record:
    sha256: str
    bytes: int


def _record(path: Path) -> _Record | None:
    """Return what was noted when a converted file was made."""
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
    """Hold a lock between processes: two that fetch the same weights do it one after the other."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
