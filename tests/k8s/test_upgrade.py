"""The production overlay replaces the one before its last change."""

import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT
from tests.k8s.cluster import NAMESPACE, Cluster, as_text, remove, rolled_out, settle
from tests.k8s.test_overlays import NAME, NODES, OVERLAYS, live, volume
from tests.support.kustomize import render_text

pytestmark = pytest.mark.k8s


def test_an_upgrade_from_the_previous_manifests_rolls_out(
    cluster: Cluster, definitions: None, tmp_path: Path
) -> None:
    previous = previous_manifests(tmp_path)
    try:
        cluster.kubectl("create", "-f", "-", stdin=as_text(NODES["production"]))
        cluster.kubectl("create", "-f", "-", stdin=as_text([volume("one"), volume("two")]))
        if "kind: Namespace\n" not in previous:
            cluster.kubectl("create", "namespace", NAMESPACE)
        cluster.apply(previous)
        settle(cluster, lambda: rolled_out(cluster), what="the previous rollout")
        # A job cannot change; deploy/k8s/README.md says so.
        cluster.kubectl("delete", "job", "-l", f"{NAME}=weights", "-n", NAMESPACE)
        cluster.apply(render_text(OVERLAYS / "production"))
        settle(cluster, lambda: rolled_out(cluster), what="the upgrade")
        # The weights have a pod for each job, which stays when it has ended.
        services = cluster.deployments().keys()
        settle(
            cluster,
            lambda: all(len(live(cluster).get(name, ())) <= 3 for name in services),
            what="the end of the old pods",
        )
    finally:
        remove(cluster)


def previous_manifests(folder: Path) -> str:
    """Return the production overlay of the newest commit that rendered something else."""

    def git(*arguments: str) -> bytes:
        return subprocess.run(
            ("git", *arguments), cwd=ROOT, capture_output=True, check=False
        ).stdout

    current = render_text(OVERLAYS / "production")
    parts = [f"deploy/k8s/{part}" for part in ("base", "components", "overlays")]
    for commit in git("log", "-20", "--format=%H", "--", *parts).decode().split():
        place = folder / commit
        with tarfile.open(fileobj=BytesIO(git("archive", commit, "deploy/k8s"))) as archive:
            archive.extractall(place, filter="data")
        text = render_text(place / "deploy" / "k8s" / "overlays" / "production")
        if text != current:
            return text
    pytest.skip("not checked: this checkout has no history")
