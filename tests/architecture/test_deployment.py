"""The files of deploy/k8s agree with the code and with each other; tests/deploy renders them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from contracts.topics import TOPICS
from tests.architecture.sources import ROOT, services, workers

K8S = ROOT / "deploy" / "k8s"
SERVICES = [*services(), ROOT / "gateway"]
KUSTOMIZATIONS = sorted(K8S.rglob("kustomization.yaml"))


def documents(path: Path) -> Iterator[dict[str, Any]]:
    yield from yaml.safe_load_all(path.read_text(encoding="utf-8"))


def test_the_topics_of_the_cluster_are_those_of_the_contracts() -> None:
    deployed = {
        document["metadata"]["name"]: (
            document["spec"]["partitions"],
            document["spec"]["config"]["retention.ms"],
            document["spec"]["config"]["min.insync.replicas"],
        )
        for document in documents(K8S / "infra" / "topics.yaml")
    }
    assert deployed == {
        topic.name: (topic.partitions, topic.retention_ms, topic.min_insync) for topic in TOPICS
    }


@pytest.mark.parametrize("path", KUSTOMIZATIONS, ids=lambda path: str(path.parent.relative_to(K8S)))
def test_every_file_next_to_a_kustomization_is_used(path: Path) -> None:
    (kustomization,) = documents(path)
    used = {*kustomization.get("resources", ())}
    used |= {patch["path"] for patch in kustomization.get("patches", ()) if "path" in patch}
    files = {entry.name for entry in path.parent.glob("*.yaml")} - {path.name}
    assert files <= used


def test_the_base_holds_every_service() -> None:
    (base,) = documents(K8S / "base" / "kustomization.yaml")
    folders = {path.parent.name for path in (K8S / "base").glob("*/kustomization.yaml")}
    assert set(base["resources"]) == folders >= {folder.name for folder in SERVICES}


@pytest.mark.parametrize("folder", workers(), ids=lambda path: path.name)
def test_a_worker_has_its_needs_and_the_components(folder: Path) -> None:
    base = K8S / "base" / folder.name
    (kustomization,) = documents(base / "kustomization.yaml")
    # The component of weights is first: the other one renames the container that it adds to.
    weights = ["../../components/weights"] if (folder / "weights.toml").exists() else []
    assert kustomization["resources"] == ["deployment.yaml"]
    assert kustomization["components"] == [*weights, "../../components/worker"]
    (deployment,) = documents(base / "deployment.yaml")
    assert deployment["metadata"] == {"name": folder.name}
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert set(container) == {"name", "resources"}
