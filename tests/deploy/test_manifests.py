"""What an overlay renders to is complete, consistent, confined, and can reach what it needs."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.architecture.sources import ROOT, known_settings, services, workers
from tests.support.kustomize import render

# A machine that has neither kubectl nor kustomize builds one first.
pytestmark = pytest.mark.timeout(600)

OVERLAYS = ("dev", "production", "external")
SERVICES = [*services(), ROOT / "gateway"]
WITH_WEIGHTS = [folder for folder in workers() if (folder / "weights.toml").exists()]
NAME = "app.kubernetes.io/name"
NAMING = ("k8s-app", "cnpg.io/cluster", "strimzi.io/cluster", NAME)
"""Labels by which policies name whom a pod reaches."""
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
            if kind in {"Deployment", "StatefulSet", "Job"}:
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
    labels = pod["metadata"]["labels"]
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        (labels.get(rule["key"]) in rule["values"]) == (rule["operator"] == "In")
        for rule in selector.get("matchExpressions", ())
    )


def containers(pod: Document) -> list[Document]:
    """Return a pod's containers, those of its start included."""
    return [*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]]


def values(container: Document) -> dict[str, str]:
    """Return the environment of a container that the manifest itself gives."""
    return {entry["name"]: entry["value"] for entry in container["env"] if "value" in entry}


def destinations(rules: list[Document]) -> set[tuple[str, int]]:
    """Return who is reached on which port: the label that names it, or `outside`."""
    reached = set()
    for rule in rules:
        for target in rule["to"]:
            labels = target.get("podSelector", {}).get("matchLabels", {})
            name = next((labels[key] for key in NAMING if key in labels), "outside")
            reached |= {(name, port["port"]) for port in rule["ports"]}
    return reached


@pytest.fixture(scope="module", params=OVERLAYS)
def rendered(request: pytest.FixtureRequest) -> Rendered:
    return Rendered(render(ROOT / "deploy" / "k8s" / "overlays" / request.param))


def test_every_service_has_one_document_of_each_kind(rendered: Rendered) -> None:
    words, of_workers = {folder.name for folder in SERVICES}, {folder.name for folder in workers()}
    inside = {"objects"} if ("StatefulSet", "objects") in rendered.by_name else set()
    assert rendered.names("Deployment") == rendered.names("PodDisruptionBudget") == words
    assert rendered.names("ServiceAccount") == words | inside
    assert rendered.names("Service") == (words - of_workers) | inside
    assert rendered.names("NetworkPolicy") >= words | {"default-deny", "weights"}
    assert rendered.names("Job") == {f"weights-{folder.name}" for folder in WITH_WEIGHTS}
    assert rendered.names("PersistentVolumeClaim") == {"weights"}
    assert rendered.names("ConfigMap") - {"cratedig-dashboard"} == {"cratedig"}


def test_no_placeholder_of_a_component_is_left(rendered: Rendered) -> None:
    ours = [
        document
        for document in rendered.documents
        if document["kind"] not in {"ScaledObject", "PrometheusRule"}
    ]
    assert not re.search(r"\bworker\b", yaml.safe_dump(ours))


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
    assert container["image"] in {f"cratedig/{word}", f"cratedig/{word}-gpu"}
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
    env = values(container)
    port = env.get("KIT_HEALTH_PORT") or env[f"{folder.name.upper()}_PORT"]
    ports = {entry["name"]: entry["containerPort"] for entry in container["ports"]}
    for probe, path in (("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")):
        http_get = container[probe]["httpGet"]
        assert (http_get["path"], str(ports[http_get["port"]])) == (path, port)
    assert container["startupProbe"]["httpGet"] == container["livenessProbe"]["httpGet"]
    cpu, memory, memory_limit = LIMITS[folder.name]
    shared = ("StatefulSet", "objects") in rendered.by_name
    gpu = {"nvidia.com/gpu": 1} if container["image"].endswith("-gpu") else {}
    assert container["resources"] == {
        "requests": {"cpu": "100m" if shared else cpu, "memory": memory},
        "limits": {"memory": memory_limit, **gpu},
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
        pod = dict(rendered.pods())[name]
        assert selector_matches({"matchLabels": spec["selector"]}, pod)
        there = {
            port_entry["name"]: port_entry["containerPort"]
            for port_entry in containers(pod)[0]["ports"]
        }
        for port in spec["ports"]:
            assert there[port["targetPort"]] == port["port"]


def servers(rendered: Rendered) -> dict[str, tuple[str, int]]:
    """Return where an overlay's Kafka, Postgres and S3 store are."""
    return {
        "kafka": ("kafka" if rendered.names("Kafka") else "outside", 9093),
        "postgres": ("postgres" if rendered.names("Cluster") else "outside", 5432),
        "objects": ("objects", 9000) if rendered.names("StatefulSet") else ("outside", 443),
    }


def test_a_pod_reaches_what_it_needs_and_nothing_else(rendered: Rendered) -> None:
    known = servers(rendered)
    shared = {("kube-dns", 53), known["kafka"], known["objects"]}
    if "KIT_TRACES_URL" in rendered.by_name["ConfigMap", "cratedig"]["data"]:
        shared |= {("opentelemetry-collector", 4318)}
    library = ("library", 8082)
    needs = {
        "gateway": shared | {known["postgres"], ("library", 8081), library},
        # Imports come from public addresses.
        "library": shared | {known["postgres"], ("gateway", 8080), ("outside", 443)},
        **{folder.name: shared | {library} for folder in workers()},
        **{
            f"weights-{folder.name}": {("kube-dns", 53), ("outside", 443)}
            for folder in WITH_WEIGHTS
        },
        "objects": set(),
    }
    for name, pod in rendered.pods():
        assert destinations(rendered.rules(pod, "egress")) == needs[name], name


def test_a_pod_lets_in_who_needs_it_and_nobody_else(rendered: Rendered) -> None:
    for name, pod in rendered.pods():
        callers = {
            (
                peer.get("podSelector", {}).get("matchLabels", {}).get(NAME, "anybody"),
                port["port"],
            )
            for rule in rendered.rules(pod, "ingress")
            for peer in rule.get("from", [{}])
            for port in rule["ports"]
        }
        monitored = {
            ("prometheus", port)
            for port in ("internal", "metrics", "health")
            if rendered.names("PodMonitor") and not name.startswith("weights-")
        }
        allowed = {
            "gateway": {("anybody", 8080)},
            "library": {
                ("gateway", 8081),
                ("gateway", 8082),
                *((folder.name, 8082) for folder in workers()),
            },
            "objects": {("anybody", 9000)},
        }.get(name, set())
        assert callers == allowed | monitored, name


def test_only_the_jobs_that_fetch_weights_and_imports_reach_public_addresses(
    rendered: Rendered,
) -> None:
    private = {"10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"}
    for name, pod in rendered.pods():
        public = [
            peer["ipBlock"]
            for rule in rendered.rules(pod, "egress")
            for peer in rule["to"]
            if "except" in peer.get("ipBlock", {})
        ]
        assert bool(public) == (name == "library" or name.startswith("weights-")), name
        assert all(set(block["except"]) in (private, {"fc00::/7", "fe80::/10"}) for block in public)


def test_replicas_are_spread_and_nodes_can_be_drained(rendered: Rendered) -> None:
    for folder in SERVICES:
        pod = rendered.by_name["Deployment", folder.name]["spec"]["template"]
        zones, nodes = pod["spec"]["topologySpreadConstraints"]
        assert zones["topologyKey"] == "topology.kubernetes.io/zone"
        assert nodes["topologyKey"] == "kubernetes.io/hostname"
        for constraint in (zones, nodes):
            assert constraint["labelSelector"] == {"matchLabels": {NAME: folder.name}}
        disruption = rendered.by_name["PodDisruptionBudget", folder.name]["spec"]
        assert disruption["maxUnavailable"] == 1
        assert disruption["selector"] == {"matchLabels": {NAME: folder.name}}


def test_a_gateway_knows_how_many_there_are(rendered: Rendered) -> None:
    deployment = rendered.by_name["Deployment", "gateway"]["spec"]
    (container,) = deployment["template"]["spec"]["containers"]
    assert int(values(container).get("GATEWAY_REPLICAS", "1")) == deployment.get("replicas", 1)


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
    assert fetching["image"] == verifying["image"] == pod["spec"]["containers"][0]["image"]
    for template in (job, pod):
        assert {"name": "weights", "persistentVolumeClaim": {"claimName": "weights"}} in (
            template["spec"]["volumes"]
        )
    for container in (fetching, verifying, pod["spec"]["containers"][0]):
        env = values(container)
        mounted = {entry["name"]: entry for entry in container["volumeMounts"]}
        assert env["KIT_WEIGHTS_DIR"] == mounted["weights"]["mountPath"]
        assert mounted["weights"].get("readOnly", False) == (container is not fetching)


def rendered_with(tmp_path: Path, component: str) -> Rendered:
    """Render the overlay `dev` with one more component."""

    def path(folder: str) -> str:
        return os.path.relpath(ROOT / "deploy" / "k8s" / folder, tmp_path.resolve())

    content = {
        "resources": [path("overlays/dev")],
        "components": [path(f"components/{component}")],
    }
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(content))
    return Rendered(render(tmp_path))


def test_an_overlay_may_let_the_gateway_reach_identity_providers(tmp_path: Path) -> None:
    rendered = rendered_with(tmp_path, "identity-providers")
    reaching = {
        name
        for name, pod in rendered.pods()
        if ("outside", 443) in destinations(rendered.rules(pod, "egress"))
        and not name.startswith("weights-")
    }
    assert reaching == {"gateway", "library"}


def test_an_overlay_may_trust_authorities_of_its_own(tmp_path: Path) -> None:
    rendered = rendered_with(tmp_path, "authorities")
    trusting = set()
    for name, pod in rendered.pods():
        container = pod["spec"]["containers"][0]
        volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes", ())}
        if "authorities" in volumes:
            mounts = {entry["name"]: entry["mountPath"] for entry in container["volumeMounts"]}
            file = f"{mounts['authorities']}/ca.crt"
            assert values(container)["SSL_CERT_FILE"] == file
            assert values(container)["PGSSLROOTCERT"] == file
            trusting.add(name)
    fetching = {f"weights-{folder.name}" for folder in WITH_WEIGHTS}
    assert trusting == {folder.name for folder in SERVICES} | fetching
