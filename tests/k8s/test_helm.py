"""The chart renders what the overlays render, installs, upgrades, and refuses wrong values."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.helm.__main__ import CHART
from deploy.helm.chart import HOLD_DATA
from tests.k8s.cluster import (
    NAMESPACE,
    Cluster,
    Document,
    as_text,
    remove,
    rolled_out,
    settle,
)
from tests.k8s.test_overlays import NODES, OVERLAYS, live, volume
from tests.support import kustomize
from tests.support.helm import helm, options, render

pytestmark = pytest.mark.k8s

VALUES = {
    "production": (),
    "dev": ("values-dev.yaml",),
    "external": ("values-external.yaml",),
}
"""The files of values that go with an overlay."""
Rendered = dict[tuple[str, str], Document]


def values_of(overlay: str) -> list[str]:
    """Return Helm's options for the values of an overlay."""
    return [f"--values={CHART / name}" for name in VALUES[overlay]]


def by_name(documents: list[Document]) -> Rendered:
    """Return documents by kind and name; a job goes without the end of its name."""
    named = {}
    for document in documents:
        name = document["metadata"]["name"]
        if document["kind"] == "Job":
            name = document["metadata"]["name"] = re.sub(r"-[0-9a-f]{8}$", "", name)
        named[document["kind"], name] = document
    assert len(named) == len(documents)
    return named


def without_what_only_helm_has(rendered: Rendered) -> Rendered:
    """Remove what the chart adds on purpose, which docs/kubernetes.md lists."""
    for (kind, _), document in rendered.items():
        if kind in HOLD_DATA:
            kept = document["metadata"].pop("annotations")
            assert kept == {"helm.sh/resource-policy": "keep"}
        if kind == "Deployment":
            added = document["spec"]["template"]["metadata"].pop("annotations")
            assert set(added) == {"checksum/config"}
    return rendered


@pytest.mark.parametrize("overlay", VALUES)
def test_the_chart_renders_what_the_overlay_renders(overlay: str) -> None:
    expected = by_name(kustomize.render(OVERLAYS / overlay))
    # A release is installed into a namespace that exists.
    del expected["Namespace", NAMESPACE]
    rendered = without_what_only_helm_has(by_name(render(*values_of(overlay))))
    assert set(rendered) == set(expected)
    for name, document in expected.items():
        assert rendered[name] == document, name


@pytest.mark.parametrize("overlay", VALUES)
def test_helm_finds_nothing_to_complain_about(overlay: str) -> None:
    output = helm("lint", "--strict", str(CHART), *values_of(overlay))
    assert "0 chart(s) failed" in output
    assert "WARNING" not in output
    assert "ERROR" not in output


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"image": {"tag": "1"}}, "additional properties 'image' not allowed"),
        ({"settings": {"KIT_LOG_LEVL": "INFO"}}, "'KIT_LOG_LEVL' not allowed"),
        ({"services": {"midi": {"replicas": 2}}}, "services/midi/replicas"),
        ({"kafka": {"mode": "outside"}}, "value must be one of 'operator', 'external'"),
    ],
)
def test_wrong_values_are_refused_with_the_words_of_the_schema(
    tmp_path: Path, values: Document, words: str
) -> None:
    answer = helm("template", str(CHART), *options(tmp_path, values), check=False)
    assert words in answer


def test_values_reach_the_objects_that_they_mean(tmp_path: Path) -> None:
    values: dict[str, Any] = {
        "images": {
            "registry": "images.example.org",
            "tag": "1.4.0",
            "pullPolicy": "Always",
            "pullSecrets": [{"name": "registry"}],
        },
        "settings": {"KIT_LEASE": 90},
        "edge": {"host": "crate.example.org", "certManager": {"enabled": False}},
        "gpu": {"nodeSelector": {"pool": "gpu"}},
        "identityProviders": {"enabled": True},
        "authorities": {"configMap": "company"},
        "services": {
            "library": {"settings": {"LIBRARY_OWNER_BYTES": 1_000_000_000_000}},
            "ingest": {
                "autoscaling": {"min": 1, "max": 40},
                "settings": {"INGEST_SLOTS": 4},
                "tolerations": [{"key": "spot", "operator": "Exists"}],
            },
        },
    }
    rendered = by_name(render(*options(tmp_path, values)))
    assert ("Certificate", "cratedig") not in rendered
    assert ("NetworkPolicy", "identity-providers") in rendered
    assert rendered["HTTPRoute", "cratedig"]["spec"]["hostnames"] == ["crate.example.org"]
    assert rendered["ConfigMap", "cratedig"]["data"]["KIT_LEASE"] == "90"
    library = rendered["Deployment", "library"]["spec"]["template"]["spec"]
    (container,) = library["containers"]
    assert container["image"] == "images.example.org/cratedig/library:1.4.0"
    assert container["imagePullPolicy"] == "Always"
    assert library["imagePullSecrets"] == [{"name": "registry"}]
    assert {"name": "LIBRARY_OWNER_BYTES", "value": "1000000000000"} in container["env"]
    trusted = {"name": "authorities", "configMap": {"name": "company"}}
    assert trusted in library["volumes"]
    (fetching,) = (job for (kind, name), job in rendered.items() if name.startswith("weights-midi"))
    assert trusted in fetching["spec"]["template"]["spec"]["volumes"]
    separation = rendered["Deployment", "separation"]["spec"]["template"]["spec"]
    assert separation["nodeSelector"] == {"pool": "gpu"}
    assert separation["containers"][0]["image"].endswith("/separation-gpu:1.4.0")
    ingest = rendered["Deployment", "ingest"]["spec"]["template"]["spec"]
    assert ingest["tolerations"] == [{"key": "spot", "operator": "Exists"}]
    scaled = rendered["ScaledObject", "ingest"]["spec"]
    assert (scaled["minReplicaCount"], scaled["maxReplicaCount"]) == (1, 40)
    assert scaled["triggers"][0]["metadata"]["targetQueryValue"] == "4"


def test_parts_that_are_off_leave_nothing(tmp_path: Path) -> None:
    values = {
        "networkPolicies": {"enabled": False},
        "weights": {"fetch": False},
        "autoscaling": {"enabled": False},
        "services": {"midi": {"replicas": 0}, "gateway": {"replicas": 1}},
    }
    rendered = by_name(render(*options(tmp_path, values, "values-external.yaml")))
    assert {kind for kind, _ in rendered} == {
        *("ConfigMap", "Deployment", "PersistentVolumeClaim", "PodDisruptionBudget", "Service"),
        "ServiceAccount",
    }
    assert rendered["Deployment", "midi"]["spec"]["replicas"] == 0
    (gateway,) = rendered["Deployment", "gateway"]["spec"]["template"]["spec"]["containers"]
    assert {"name": "GATEWAY_REPLICAS", "value": "1"} in gateway["env"]


@pytest.fixture
def release(cluster: Cluster, definitions: None) -> Iterator[list[str]]:
    """Prepare nodes, volumes and the namespace of a release; return Helm's options."""
    namespace = kustomize_namespace()
    try:
        cluster.kubectl("create", "-f", "-", stdin=as_text(NODES["production"]))
        cluster.kubectl("create", "-f", "-", stdin=as_text([volume("one"), volume("two")]))
        cluster.apply(as_text([namespace]))
        yield [f"--kubeconfig={cluster.kubeconfig('admin')}", f"--namespace={NAMESPACE}"]
    finally:
        remove(cluster)


def kustomize_namespace() -> Document:
    """Return the namespace with the labels of Pod Security that docs/kubernetes.md gives it."""
    path = OVERLAYS.parent / "base" / "server" / "namespace.yaml"
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")))


def test_a_release_installs_upgrades_and_leaves_what_holds_data(
    cluster: Cluster, release: list[str], tmp_path: Path
) -> None:
    notes = helm("install", "cratedig", str(CHART), *release)
    assert "python -m gateway.sign_in EMAIL --administrator" in notes
    settle(cluster, lambda: rolled_out(cluster), what="the rollout of the release")
    jobs = f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs"
    before = {job["metadata"]["name"] for job in cluster.get(jobs)["items"]}
    values = {"images": {"tag": "1.4.0"}, "settings": {"KIT_LOG_LEVEL": "DEBUG"}}
    helm("upgrade", "cratedig", str(CHART), *release, *options(tmp_path, values))
    settle(cluster, lambda: rolled_out(cluster), what="the upgrade of the release")
    settle(
        cluster,
        lambda: (
            {
                pod["spec"]["containers"][0]["image"].rsplit(":", 1)[-1]
                for pods in live(cluster).values()
                for pod in pods
            }
            == {"1.4.0"}
        ),
        what="pods of the new version only",
    )
    after = {job["metadata"]["name"] for job in cluster.get(jobs)["items"]}
    assert len(after) == len(before)
    assert not after & before, "a job cannot change, so another image makes another one"
    helm("uninstall", "cratedig", *release)
    settle(cluster, lambda: not cluster.deployments(), what="the end of the deployments")
    left = cluster.kubectl("get", "pvc,kafka,cluster.postgresql.cnpg.io", "-n", NAMESPACE, "-oname")
    assert len(left.split()) == 3
