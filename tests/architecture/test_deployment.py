"""The files of deploy/k8s agree with the code and with each other; tests/deploy renders them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from contracts.topics import TOPICS
from deploy.k8s import generate
from tests.architecture.sources import ROOT, services, sources, workers

K8S = ROOT / "deploy" / "k8s"
SERVICES = [*services(), ROOT / "gateway"]
LONG_JOBS = {"separation", "transcribe"}
"""Workers whose jobs may take longer than a quarter of an hour."""
SEEN_TOGETHER = {"jobs_running", "worker_slots", "job_duration_seconds"}
"""Metrics that say how busy a worker is; an alert on the queue says that it is too busy."""
KUSTOMIZATIONS = sorted(K8S.rglob("kustomization.yaml"))


def documents(path: Path) -> Iterator[dict[str, Any]]:
    yield from yaml.safe_load_all(path.read_text(encoding="utf-8"))


def test_what_is_generated_is_up_to_date() -> None:
    for path, text in generate.documents().items():
        assert path.read_text(encoding="utf-8") == text, "run `make schemas`"


def test_the_topics_of_the_cluster_are_those_of_the_contracts() -> None:
    deployed = {
        document["metadata"]["name"]: (
            document["spec"]["partitions"],
            document["spec"]["config"]["retention.ms"],
            document["spec"]["config"]["min.insync.replicas"],
        )
        for document in documents(K8S / "components" / "kafka" / "topics.yaml")
    }
    assert deployed == {
        topic.name: (topic.partitions, topic.retention_ms, topic.min_insync) for topic in TOPICS
    }


def test_every_service_has_a_kafka_user_and_every_worker_a_scaler() -> None:
    users = {
        document["metadata"]["name"]
        for document in documents(K8S / "components" / "kafka" / "users.yaml")
    }
    scalers = {
        document["spec"]["scaleTargetRef"]["name"]
        for document in documents(K8S / "components" / "scaling" / "workers.yaml")
    }
    assert users == {folder.name for folder in SERVICES}
    assert scalers == {folder.name for folder in workers()}


def test_the_alerts_use_metrics_that_exist_and_all_that_operators_watch() -> None:
    (rule,) = documents(K8S / "components" / "monitoring" / "rules.yaml")
    expressions = " ".join(
        alert["expr"] for group in rule["spec"]["groups"] for alert in group["rules"]
    )
    alerted = set(re.findall(r"\b[a-z]+(?:_[a-z]+)+\b(?!\()", expressions))
    source = " ".join(path.read_text(encoding="utf-8") for path in sources("kit", "services"))
    for metric in alerted:
        assert f'"{metric}"' in source, metric
    guide = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    table = guide.partition("What to watch:")[2].partition("\n\n|")[2].partition("\n\n")[0]
    watched = set(re.findall(r"`((?:[a-z]+_)+[a-z]+)`", table))
    assert alerted >= watched - SEEN_TOGETHER


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
    long_jobs = ["../../components/long-jobs"] if folder.name in LONG_JOBS else []
    assert kustomization["components"] == [*weights, "../../components/worker", *long_jobs]
    (deployment,) = documents(base / "deployment.yaml")
    assert deployment["metadata"] == {"name": folder.name}
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert set(container) == {"name", "resources"}
