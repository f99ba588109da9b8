"""Read the kustomize sources as kustomize does: resources, components and their patches.

It knows what deploy/k8s uses: strategic merges by name, JSON patches, and the placeholder `worker`.
"""

from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from deploy.helm.template import Document, SourceError, Template

K8S = Path(__file__).parents[1] / "k8s"
BASE = K8S / "base"
COMPONENTS = K8S / "components"
PLACEHOLDER = "worker"


def documents(path: Path) -> list[Document]:
    """Return the documents of a file."""
    return deepcopy(_parsed(path))


@cache
def _parsed(path: Path) -> list[Document]:
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def document(path: Path) -> Document:
    """Return the only document of a file."""
    (only,) = documents(path)
    return only


def resources(folder: Path) -> list[Document]:
    """Return the documents that a kustomization lists itself, without those of its components."""
    listed = document(folder / "kustomization.yaml")["resources"]
    return [each for name in listed for each in documents(folder / name)]


def service(name: str) -> list[Document]:
    """Return all documents of a service, with its components applied."""
    folder = BASE / name
    rendered = resources(folder)
    for component in document(folder / "kustomization.yaml").get("components", ()):
        path = (folder / component).resolve()
        rendered += resources(path) if "resources" in document(path / "kustomization.yaml") else []
        for patch in document(path / "kustomization.yaml")["patches"]:
            for index, target in enumerate(rendered):
                if target["kind"] != patch["target"]["kind"]:
                    continue
                if "path" in patch:
                    rendered[index] = merge(target, document(path / patch["path"]))
                else:
                    apply(target, yaml.safe_load(patch["patch"]))
    # kustomize copies the deployment's name over the placeholders; the merges have taken over some.
    return [_named(each, name) for each in rendered]


def patches(component: str, kind: str, name: str) -> Iterator[Any]:
    """Yield the patches of a component for one resource."""
    for patch in document(COMPONENTS / component / "kustomization.yaml")["patches"]:
        target = patch["target"]
        if target["kind"] == kind and target.get("name", name) == name:
            yield yaml.safe_load(patch["patch"])


def merge(base: Any, patch: Any) -> Any:
    """Merge a patch into a document; lists of named entries merge by name, the patch's first."""
    if isinstance(base, dict) and isinstance(patch, dict):
        merged = {key: merge(value, patch.get(key, value)) for key, value in base.items()}
        return merged | {key: value for key, value in patch.items() if key not in base}
    if isinstance(base, list) and patch is not base and all(_is_named(each) for each in patch):
        known = {each["name"]: each for each in base}
        names = {each["name"] for each in patch}
        return [
            *(merge(known.get(each["name"], {}), each) for each in patch),
            *(each for each in base if each["name"] not in names),
        ]
    return patch


def apply(
    target: Document,
    operations: list[Document],
    *,
    template: Template | None = None,
    condition: str = "",
) -> None:
    """Apply a JSON patch in place; with a condition, additions are there only if it holds."""
    for operation in operations:
        *parents, last = (
            part.replace("~1", "/") for part in operation["path"].removeprefix("/").split("/")
        )
        parent: Any = target
        for part in parents:
            parent = parent[int(part) if isinstance(parent, list) else part]
        value = deepcopy(operation.get("value"))
        match operation["op"]:
            case "add" if template is not None and isinstance(parent, list):
                template.append(parent, condition, value)
            case "add" if template is not None:
                parent.update(template.entries(condition, {last: value}))
            case "replace" if template is None:
                parent[int(last) if isinstance(parent, list) else last] = value
            case "test" if parent[last] == value:
                pass
            case other:
                raise SourceError(f"the chart cannot take over {other} {operation['path']}")


def _is_named(entry: Any) -> bool:
    return isinstance(entry, dict) and "name" in entry


def _named(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return {key: _named(each, name) for key, each in value.items()}
    if isinstance(value, list):
        return [_named(each, name) for each in value]
    forms = ("{}", "cratedig/{}", "cratedig-{}", "weights-{}")
    known = {form.format(PLACEHOLDER): form.format(name) for form in forms}
    return known.get(value, value) if isinstance(value, str) else value
