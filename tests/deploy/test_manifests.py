"""What an overlay renders to is complete, consistent, confined, and can reach what it needs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.architecture.sources import ROOT, known_settings, services, workers
from tests.support.kustomize import render

# A machine that has neither kubectl nor kustomize builds one first.
pytestmark = [pytest.mark.timeout(600), pytest.mark.xdist_group("kustomize")]

OVERLAYS = ("dev", "production")
SERVICES = [*services(), ROOT / "gateway"]
WITH_WEIGHTS = [folder for folder in workers() if (folder / "weights.toml").exists()]
NAME = "app.kubernetes.io/name"
LIMITS = {
    "gateway": ("250m", "256Mi", "512Mi"),
    "library": ("250m", "256Mi", "768Mi"),
    "analysis": (1, "768Mi", "2Gi"),
    "export": ("500m", "512Mi", "1Gi"),
    "ingest": ("500m", "1Gi", "2Gi"),
    "midi": (1, "768Mi", "2Gi"),
    "separation": (2, "2Gi", "4Gi"),
    "slicing": ("500m", "512Mi", "1Gi"),
    "tagging": (1, "768Mi", "2Gi"),
    "transcribe": (1, "1Gi", "2Gi"),
}
"""Processor and memory asked for, and the most memory."""

Document = dict[str, Any]


class Rendered:
    """The documents of an overlay, by kind and name."""

    def __init__(self, documents: list[Document]) -> None:
        self.documents = documents
        self.by_name = {
            (document["kind"], document["metadata"]["name"]): document for document in documents
        }
        assert len(self.by_name) == len(documents)

    def names(self, kind: str) -> set[str]:
        """Return the names of all documents of a kind."""
        return {name for document_kind, name in self.by_name if document_kind == kind}

    def pods(self) -> Iterator[tuple[str, Document]]:
        """Yield the template of every pod with the name of its workload."""
        for (kind, name), document in self.by_name.items():
            if kind in {"Deployment", "Job"}:
                yield name, document["spec"]["template"]

    def rules(self, pod: Document, way: str) -> list[Document]:
        """Return every rule, `ingress` or `egress`, that applies to a pod."""
        return [
            rule
            for (kind, _), document in self.by_name.items()
            if kind == "NetworkPolicy"
            and selector_matches(document["spec"]["podSelector"], pod)
            and way.capitalize() in document["spec"]["policyTypes"]
            for rule in document["spec"].get(way, ())
        ]


def selector_matches(selector: Document, pod: Document) -> bool:
    """Return whether a selector by labels means a pod."""
    return selector.get("matchLabels", {}).items() <= pod["metadata"]["labels"].items()


def containers(pod: Document) -> list[Document]:
    """Return a pod's containers, those of its start included."""
    return [*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]]


@pytest.fixture(scope="module", params=OVERLAYS)
def rendered(request: pytest.FixtureRequest) -> Rendered:
    return Rendered(render(ROOT / "deploy" / "k8s" / "overlays" / request.param))


def test_every_service_has_one_document_of_each_kind(rendered: Rendered) -> None:
    words, of_workers = {folder.name for folder in SERVICES}, {folder.name for folder in workers()}
    http = words - of_workers
    assert rendered.names("Deployment") == rendered.names("ServiceAccount") == words
    assert rendered.names("Service") == http
    assert rendered.names("PodDisruptionBudget") == of_workers
    assert rendered.names("NetworkPolicy") == words | {"default-deny", "weights"}
    assert rendered.names("Job") == {f"weights-{folder.name}" for folder in WITH_WEIGHTS}
    assert rendered.names("PersistentVolumeClaim") == {"weights"}
    assert rendered.names("ConfigMap") == {"cratedig"}


def test_no_placeholder_of_a_component_is_left(rendered: Rendered) -> None:
    assert "worker" not in yaml.safe_dump(rendered.documents)


@pytest.mark.parametrize("folder", SERVICES, ids=lambda path: path.name)
def test_a_service_goes_by_its_own_name_everywhere(rendered: Rendered, folder: Path) -> None:
    word = folder.name
    deployment = rendered.by_name["Deployment", word]
    labels = {NAME: word, "app.kubernetes.io/part-of": "cratedig"}
    pod = deployment["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    assert deployment["metadata"]["labels"] == pod["metadata"]["labels"] == labels
    assert deployment["spec"]["selector"] == {"matchLabels": {NAME: word}}
    assert pod["spec"]["serviceAccountName"] == container["name"] == word
    assert container["image"] == f"cratedig/{word}"
    assert "command" not in container, "the image knows how it is started"
    assert container["envFrom"] == [
        {"configMapRef": {"name": "cratedig"}},
        {"secretRef": {"name": f"cratedig-{word}"}},
    ]
    for kind, selector in (("NetworkPolicy", "podSelector"), ("PodDisruptionBudget", "selector")):
        if document := rendered.by_name.get((kind, word)):
            assert document["spec"][selector] == {"matchLabels": {NAME: word}}


@pytest.mark.parametrize("folder", SERVICES, ids=lambda path: path.name)
def test_a_service_is_probed_and_bounded(rendered: Rendered, folder: Path) -> None:
    pod = rendered.by_name["Deployment", folder.name]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    env = {entry["name"]: entry["value"] for entry in container["env"]}
    port = env.get("KIT_HEALTH_PORT") or env[f"{folder.name.upper()}_PORT"]
    ports = {entry["name"]: entry["containerPort"] for entry in container["ports"]}
    for probe, path in (("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")):
        http_get = container[probe]["httpGet"]
        assert (http_get["path"], str(ports[http_get["port"]])) == (path, port)
    cpu, memory, memory_limit = LIMITS[folder.name]
    assert container["resources"] == {
        "requests": {"cpu": cpu, "memory": memory},
        "limits": {"memory": memory_limit},
    }
    if "KIT_GRACE" in env:
        assert pod["terminationGracePeriodSeconds"] >= float(env["KIT_GRACE"]) + 10


@pytest.mark.parametrize("folder", SERVICES, ids=lambda path: path.name)
def test_every_setting_that_is_given_is_one_that_is_read(rendered: Rendered, folder: Path) -> None:
    shared = rendered.by_name["ConfigMap", "cratedig"]["data"]
    pod = rendered.by_name["Deployment", folder.name]["spec"]["template"]
    env = {entry["name"] for container in containers(pod) for entry in container["env"]}
    assert env | set(shared) <= known_settings(folder)


def test_every_pod_is_confined(rendered: Rendered) -> None:
    for name, pod in rendered.pods():
        assert pod["spec"]["automountServiceAccountToken"] is False, name
        assert pod["spec"]["serviceAccountName"] in rendered.names("ServiceAccount")
        assert pod["spec"]["securityContext"] == {
            "runAsNonRoot": True,
            **dict.fromkeys(("runAsUser", "runAsGroup", "fsGroup"), 10001),
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        for container in containers(pod):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
    (everything,) = (rendered.by_name["NetworkPolicy", "default-deny"]["spec"],)
    assert everything == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_every_service_leads_to_the_pods_of_its_name(rendered: Rendered) -> None:
    for name in rendered.names("Service"):
        spec = rendered.by_name["Service", name]["spec"]
        pod = rendered.by_name["Deployment", name]["spec"]["template"]
        assert selector_matches({"matchLabels": spec["selector"]}, pod)
        there = {
            port_entry["name"]: port_entry["containerPort"]
            for port_entry in containers(pod)[0]["ports"]
        }
        for port in spec["ports"]:
            assert there[port["targetPort"]] == port["port"]


@pytest.mark.parametrize("folder", workers(), ids=lambda path: path.name)
def test_a_worker_reaches_what_it_needs_and_nothing_else(rendered: Rendered, folder: Path) -> None:
    pod = rendered.by_name["Deployment", folder.name]["spec"]["template"]
    reached = {
        (peer["podSelector"]["matchLabels"].get(NAME, "dns"), port["port"])
        for rule in rendered.rules(pod, "egress")
        for peer in rule["to"]
        for port in rule["ports"]
    }
    assert reached == {("dns", 53), ("library", 8082), ("kafka", 9093), ("objects", 9000)}
    library = rendered.by_name["Deployment", "library"]["spec"]["template"]
    assert any(
        selector_matches(peer["podSelector"], pod)
        and {"protocol": "TCP", "port": 8082} in rule["ports"]
        for rule in rendered.rules(library, "ingress")
        for peer in rule["from"]
    ), "the library lets it in"


def test_what_fetches_weights_or_imports_reaches_public_addresses_and_nothing_else_does(
    rendered: Rendered,
) -> None:
    for name, pod in rendered.pods():
        fetches = any("fetch" in container.get("command", ()) for container in containers(pod))
        egress = rendered.rules(pod, "egress")
        public = [rule for rule in egress if any("ipBlock" in peer for peer in rule["to"])]
        assert bool(public) == (fetches or name == "library"), name
        assert fetches == name.startswith("weights-")
        assert all(rule["ports"] == [{"protocol": "TCP", "port": 443}] for rule in public)


@pytest.mark.parametrize("folder", WITH_WEIGHTS, ids=lambda path: path.name)
def test_a_pod_verifies_the_weights_that_its_job_fetches(rendered: Rendered, folder: Path) -> None:
    word = folder.name
    job = rendered.by_name["Job", f"weights-{word}"]["spec"]["template"]
    pod = rendered.by_name["Deployment", word]["spec"]["template"]
    (fetching,) = job["spec"]["containers"]
    (verifying,) = pod["spec"]["initContainers"]
    command = ["python", "-m", "kit.weights"]
    assert fetching["command"] == [*command, "fetch", word]
    assert verifying["command"] == [*command, "verify", word]
    assert fetching["image"] == verifying["image"] == f"cratedig/{word}"
    for template in (job, pod):
        assert {"name": "weights", "persistentVolumeClaim": {"claimName": "weights"}} in (
            template["spec"]["volumes"]
        )
    for container in (fetching, verifying, pod["spec"]["containers"][0]):
        env = {entry["name"]: entry["value"] for entry in container["env"]}
        mounted = {entry["name"]: entry for entry in container["volumeMounts"]}
        assert env["KIT_WEIGHTS_DIR"] == mounted["weights"]["mountPath"]
        assert mounted["weights"].get("readOnly", False) == (container is not fetching)
