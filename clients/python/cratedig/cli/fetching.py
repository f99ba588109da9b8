"""Where fetched files go: one folder for each item, laid out by what the files are."""

import json
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cratedig import names, types
from cratedig.cli.output import bars
from cratedig.client import Client

MARK = "cratedig-item.json"
"""In each item's folder: which item it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which of an item's files are asked for; nothing given is all but the peaks."""

    kinds: frozenset[str] = frozenset()
    stems: frozenset[str] = frozenset()
    jobs: frozenset[str] = frozenset()
    """Ids of jobs; only what these made."""

    def takes(self, artifact: types.Artifact) -> bool:
        """Return whether a file is asked for."""
        kind = artifact.kind in self.kinds if self.kinds else artifact.kind != "peaks"
        stem = not self.stems or artifact.stem in self.stems
        return kind and stem and (not self.jobs or artifact.job in self.jobs)


def item_folder(output: Path, item: types.Item) -> Path:
    """Return the folder of an item, made and marked as its own.

    Another item of the same name has a folder with the end of its id.
    """
    name = names.safe_name(Path(item.name).stem)
    for folder in (output / name, output / f"{name} ({item.id[-8:]})", output / item.id):
        if _owner(folder) in (None, item.id):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / MARK).write_text(item.model_dump_json(indent=2), encoding="utf-8")
            return folder
    raise FileExistsError(f"{output / name} and what it could be called instead are other items'")


def _owner(folder: Path) -> str | None:
    try:
        return str(json.loads((folder / MARK).read_text(encoding="utf-8"))["id"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def by_folder(
    artifacts: Iterable[types.Artifact], labels: Mapping[str, str]
) -> dict[Path, list[types.Artifact]]:
    """Return files by the folder below their item's in which they lie, sorted by name."""
    found: dict[Path, list[types.Artifact]] = {}
    for artifact in artifacts:
        folder = names.folder_of(artifact, labels.get(artifact.id, ""))
        found.setdefault(folder, []).append(artifact)
    # Of files of one name the newest comes first, as the house lists them, and keeps the name.
    return {folder: sorted(found[folder], key=lambda one: one.name) for folder in sorted(found)}


def labels_of(client: Client, item: types.Item, artifacts: list[types.Artifact]) -> dict[str, str]:
    """Return what each sample of an item was heard as, by the id of its file."""
    if not any(one.kind == "sample" for one in artifacts):
        return {}
    said = {one.job: one for one in artifacts if one.kind == "tags"}
    found: dict[str, str] = {}
    by_id = {one.id: one.name for one in artifacts}
    # The newest comes first, and keeps its word.
    for job in client.jobs(item=item.id):
        if job.task != "tagging" or job.id not in said:
            continue
        told = {one["file"]: one["label"] for one in content_of(client, said[job.id])["samples"]}
        for source in job.inputs:
            if (name := by_id.get(source)) in told:
                found.setdefault(source, told[name])
    return found


def content_of(client: Client, artifact: types.Artifact) -> dict[str, Any]:
    """Return what a JSON file of the house holds."""
    with tempfile.TemporaryDirectory() as folder:
        path = client.download(artifact, Path(folder) / "content.json")
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def fetch(client: Client, artifact: types.Artifact, path: Path) -> Path:
    """Fetch a file to a path, or beside what lies there already; return where it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path, there = names.free_path(path, artifact)
    if there:
        return path
    with bars(bytes_=True) as progress:
        bar = progress.add_task(artifact.name, total=artifact.size)
        return client.download(
            artifact, path, told=lambda done, total: progress.update(bar, completed=done)
        )
