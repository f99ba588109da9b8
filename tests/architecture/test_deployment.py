"""What deploy says agrees with what the code says: topics, settings, images."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from contracts.topics import TOPICS
from kit.settings import KitSettings, ServiceSettings
from tests.architecture.house import ROOT, services

K8S = ROOT / "deploy" / "k8s"
SERVICES = [*services(), ROOT / "gateway"]


def documents(path: Path) -> Iterator[dict[str, Any]]:
    yield from yaml.safe_load_all(path.read_text(encoding="utf-8"))


def known_settings(folder: Path) -> set[str]:
    """Return the environment variables that a service reads."""
    name = str(folder.relative_to(ROOT)).replace("/", ".")
    module = import_module(f"{name}.settings")
    kinds = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, ServiceSettings)
    ]
    return {
        f"{kind.model_config.get('env_prefix', '')}{field}".upper()
        for kind in (*kinds, KitSettings)
        for field in kind.model_fields
    }


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


@pytest.mark.parametrize("folder", SERVICES, ids=lambda path: path.name)
def test_every_setting_that_is_deployed_is_one_that_is_read(folder: Path) -> None:
    (deployment,) = documents(K8S / "base" / folder.name / "deployment.yaml")
    pod = deployment["spec"]["template"]["spec"]
    (shared,) = documents(K8S / "base" / "house" / "configmap.yaml")
    given = {
        variable["name"]
        for container in (*pod["containers"], *pod.get("initContainers", ()))
        for variable in container["env"]
    }
    assert given | set(shared["data"]) <= known_settings(folder)


@pytest.mark.parametrize("folder", SERVICES, ids=lambda path: path.name)
def test_every_pod_is_confined(folder: Path) -> None:
    (deployment,) = documents(K8S / "base" / folder.name / "deployment.yaml")
    pod = deployment["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in (*pod["containers"], *pod.get("initContainers", ())):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
    (policy,) = documents(K8S / "base" / folder.name / "networkpolicy.yaml")
    assert set(policy["spec"]["policyTypes"]) == {"Ingress", "Egress"}


@pytest.mark.parametrize("folder", SERVICES, ids=lambda path: path.name)
def test_every_file_of_a_base_is_used(folder: Path) -> None:
    base = K8S / "base" / folder.name
    (kustomization,) = documents(base / "kustomization.yaml")
    files = {path.name for path in base.iterdir()} - {"kustomization.yaml"}
    assert files == set(kustomization["resources"])
    (house,) = documents(K8S / "base" / "kustomization.yaml")
    assert folder.name in house["resources"]


def test_workers_outlive_their_grace() -> None:
    for path in (K8S / "base").glob("*/deployment.yaml"):
        (deployment,) = documents(path)
        pod = deployment["spec"]["template"]["spec"]
        given = {v["name"]: v["value"] for v in pod["containers"][0]["env"]}
        if "KIT_GRACE" in given:
            assert pod["terminationGracePeriodSeconds"] >= float(given["KIT_GRACE"]) + 10
