"""Every overlay on a real control plane: it is accepted, runs, lands, scales, drains, upgrades."""

from collections.abc import Iterator

import pytest

from tests.architecture.sources import ROOT
from tests.k8s.cluster import (
    NAMESPACE,
    Cluster,
    Document,
    as_text,
    node,
    remove,
    rolled_out,
    settle,
)
from tests.support.kustomize import render_text

pytestmark = pytest.mark.k8s

NAME = "app.kubernetes.io/name"
OVERLAYS = ROOT / "deploy" / "k8s" / "overlays"
NODES = {
    "dev": [node("dev-1", zone="a", cpu=4)],
    "production": [
        *(node(f"cpu-{zone}", zone=zone, cpu=16) for zone in "abc"),
        *(node(f"gpu-{zone}", zone=zone, cpu=8, gpus=1) for zone in "ab"),
    ],
    "external": [node(f"node-{zone}", zone=zone, cpu=16) for zone in "ab"],
}
OPERATORS_PODS = {"kafka", "postgres"}
"""Policies for pods that operators create; no operator runs here."""


def volume(name: str) -> Document:
    """Return a volume that any claim may take."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": "100Gi"},
            "accessModes": ["ReadWriteOnce", "ReadWriteMany"],
            "hostPath": {"path": f"/srv/{name}"},
        },
    }


@pytest.fixture(scope="module", params=list(NODES))
def overlay(request: pytest.FixtureRequest, cluster: Cluster, definitions: None) -> Iterator[str]:
    """Apply an overlay to nodes that suit it, and remove it at the end."""
    name = request.param
    try:
        cluster.kubectl("create", "-f", "-", stdin=as_text(NODES[name]))
        cluster.kubectl("create", "-f", "-", stdin=as_text([volume("one"), volume("two")]))
        cluster.apply(render_text(OVERLAYS / name))
        settle(cluster, lambda: rolled_out(cluster), what=f"the rollout of {name}")
        yield name
    finally:
        remove(cluster)


def live(cluster: Cluster) -> dict[str, list[Document]]:
    """Return the pods that are not about to end, by the service that they belong to."""
    pods: dict[str, list[Document]] = {}
    for pod in cluster.pods():
        if "deletionTimestamp" not in pod["metadata"]:
            pods.setdefault(pod["metadata"]["labels"][NAME], []).append(pod)
    return pods


def selector(term: Document) -> str:
    """Return a label selector as the API takes it."""
    parts = [f"{key}={value}" for key, value in term.get("matchLabels", {}).items()]
    for rule in term.get("matchExpressions", ()):
        parts.append(f"{rule['key']} {rule['operator'].lower()} ({','.join(rule['values'])})")
    return ",".join(parts)


def test_a_second_apply_changes_nothing(overlay: str, cluster: Cluster) -> None:
    before = {name: it["metadata"]["generation"] for name, it in cluster.deployments().items()}
    cluster.apply(render_text(OVERLAYS / overlay))
    after = {name: it["metadata"]["generation"] for name, it in cluster.deployments().items()}
    assert before == after


def test_the_jobs_that_fetch_weights_end(overlay: str, cluster: Cluster) -> None:
    cluster.kubectl(
        *("wait", "--for=condition=Complete", "job", "--all", "-n", NAMESPACE, "--timeout=120s")
    )


def test_pods_land_where_they_should(overlay: str, cluster: Cluster) -> None:
    zones = {
        machine["metadata"]["name"]: machine["metadata"]["labels"]["topology.kubernetes.io/zone"]
        for machine in NODES[overlay]
    }
    for name, pods in live(cluster).items():
        nodes = [pod["spec"]["nodeName"] for pod in pods]
        on_gpu = overlay == "production" and name == "separation"
        assert all(machine.startswith("gpu-") == on_gpu for machine in nodes), name
        if name in {"gateway", "library"}:
            assert len({zones[machine] for machine in nodes}) == len(set(zones.values())), name
            assert len(set(nodes)) == len(nodes)


def test_policies_select_the_pods_that_they_mean(overlay: str, cluster: Cluster) -> None:
    policies = cluster.get(f"/apis/networking.k8s.io/v1/namespaces/{NAMESPACE}/networkpolicies")
    everything = {pod["metadata"]["name"] for pod in cluster.pods()}
    services = set(cluster.deployments())
    for policy in policies["items"]:
        name = policy["metadata"]["name"]
        selected = {
            pod["metadata"]["labels"][NAME]
            for pod in cluster.pods(selector(policy["spec"]["podSelector"]))
        }
        if name == "default-deny":
            assert len(cluster.pods(selector(policy["spec"]["podSelector"]))) == len(everything)
        elif name in services | {"weights", "objects"}:
            assert selected == {name}
        elif name == "postgres-clients":
            assert selected == {"gateway", "library"}
        elif name in OPERATORS_PODS:
            assert selected == set()
        else:
            assert selected == services, name


def test_services_lead_to_ready_pods(overlay: str, cluster: Cluster) -> None:
    def endpoints(name: str) -> int:
        path = f"/apis/discovery.k8s.io/v1/namespaces/{NAMESPACE}/endpointslices"
        slices = cluster.get(path, labelSelector=f"kubernetes.io/service-name={name}")["items"]
        return sum(
            bool(endpoint["conditions"]["ready"])
            for piece in slices
            for endpoint in piece["endpoints"] or ()
        )

    for name in ("gateway", "library"):
        number = cluster.deployments()[name]["spec"]["replicas"]
        settle(cluster, lambda name=name, number=number: endpoints(name) == number, what=name)


def test_pod_security_refuses_what_is_not_restricted(overlay: str, cluster: Cluster) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "shell", "namespace": NAMESPACE},
        "spec": {"containers": [{"name": "shell", "image": "cratedig/library"}]},
    }
    answer = cluster.kubectl("create", "-f", "-", stdin=as_text([pod]), check=False)
    assert 'violates PodSecurity "restricted:latest"' in answer


def test_scaling_up_and_to_zero_leaves_nothing(overlay: str, cluster: Cluster) -> None:
    def scale(number: int) -> None:
        cluster.kubectl("scale", "deployment/slicing", f"--replicas={number}", "-n", NAMESPACE)
        settle(
            cluster,
            lambda: (
                rolled_out(cluster, {"slicing": number})
                and len(cluster.pods(f"{NAME}=slicing")) == number
            ),
            what=f"{number} pods",
        )

    scale(5)
    scale(0)
    scale(1)


def test_a_drain_leaves_two_of_three_replicas(overlay: str, cluster: Cluster) -> None:
    if overlay != "production":
        pytest.skip("one node, or two replicas of which one may go: nothing to hold")
    drain = ("--ignore-daemonsets", "--delete-emptydir-data", "--disable-eviction=false")
    try:
        cluster.kubectl("drain", "cpu-a", *drain, "--timeout=60s")
        settle(
            cluster,
            lambda: all(pod["spec"].get("nodeName") != "cpu-a" for pod in cluster.pods()),
            what="an empty node",
        )
        # No replacement fits into the zone that is left without a node, so one replica is missing.
        answer = cluster.kubectl("drain", "cpu-b", *drain, "--timeout=10s", check=False)
        assert "violate the pod's disruption budget" in answer
        for name in ("gateway", "library"):
            assert cluster.deployments()[name]["status"]["availableReplicas"] >= 2
    finally:
        for name in ("cpu-a", "cpu-b"):
            cluster.kubectl("uncordon", name)
    settle(cluster, lambda: rolled_out(cluster), what="all replicas")
