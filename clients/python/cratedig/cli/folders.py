"""Where downloaded files go: one folder for each item, with subfolders by kind."""

import json
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cratedig import Client, names, types
from cratedig.cli.output import progress_bars

MARKER = "cratedig-item.json"
"""A file in each item's folder that says which item it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which files of an item to download; by default all but the peaks."""

    kinds: frozenset[str] = frozenset()
    stems: frozenset[str] = frozenset()
    jobs: frozenset[str] = frozenset()
    """Ids of jobs; only their files."""

    def includes(self, artifact: types.Artifact) -> bool:
        """Return whether a file is selected."""
        kind = artifact.kind in self.kinds if self.kinds else artifact.kind != "peaks"
        stem = not self.stems or artifact.stem in self.stems
        return kind and stem and (not self.jobs or artifact.job in self.jobs)


def item_folder(output: Path, item: types.Item) -> Path:
    """Create and return the folder of an item.

    Another item of the same name has a folder with the end of its id.
    """
    name = names.safe_name(Path(item.name).stem)
    for folder in (output / name, output / f"{name} ({item.id[-8:]})", output / item.id):
        if _owner(folder) in (None, item.id):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / MARKER).write_text(item.model_dump_json(indent=2), encoding="utf-8")
            return folder
    raise FileExistsError(
        f"{output / name} and the other folders for this item belong to other items. Choose "
        "another folder with --output."
    )


def _owner(folder: Path) -> str | None:
    try:
        return str(json.loads((folder / MARKER).read_text(encoding="utf-8"))["id"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def by_folder(
    artifacts: Iterable[types.Artifact], labels: Mapping[str, str]
) -> dict[Path, list[types.Artifact]]:
    """Return files by their subfolder of the item's folder, sorted by name."""
    folders: dict[Path, list[types.Artifact]] = {}
    for artifact in artifacts:
        folder = names.folder_of(artifact, labels.get(artifact.id, ""))
        folders.setdefault(folder, []).append(artifact)
    # The server lists the newest first. Sorting is stable, so of files of one name the newest comes
    # first and keeps the name.
    return {
        folder: sorted(folders[folder], key=lambda file: file.name) for folder in sorted(folders)
    }


def sample_labels(
    client: Client, item: types.Item, artifacts: list[types.Artifact]
) -> dict[str, str]:
    """Return the class of each sample of an item, such as `kick`, by the id of its file."""
    if not any(artifact.kind == "sample" for artifact in artifacts):
        return {}
    tags_by_job = {artifact.job: artifact for artifact in artifacts if artifact.kind == "tags"}
    name_of = {artifact.id: artifact.name for artifact in artifacts}
    labels: dict[str, str] = {}
    # The newest job comes first, and its labels are kept.
    for job in client.jobs.list(item=item.id, task="tagging"):
        if job.id not in tags_by_job:
            continue
        samples = json_content(client, tags_by_job[job.id])["samples"]
        label_of = {sample["file"]: sample["label"] for sample in samples}
        for source in job.inputs:
            if (name := name_of.get(source)) in label_of:
                labels.setdefault(source, label_of[name])
    return labels


def json_content(client: Client, artifact: types.Artifact) -> dict[str, Any]:
    """Return the content of a JSON file."""
    with tempfile.TemporaryDirectory() as folder:
        path = client.artifacts.save(artifact, Path(folder) / "content.json")
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def download(client: Client, artifact: types.Artifact, path: Path) -> Path:
    """Download a file to a path, or to another name if the path exists; return where it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path, present = names.free_path(path, artifact)
    if present:
        return path
    with progress_bars(bytes_=True) as progress:
        bar = progress.add_task(artifact.name, total=artifact.size)
        return client.artifacts.save(
            artifact, path, on_progress=lambda done, total: progress.update(bar, completed=done)
        )
