"""One cluster for all tests of this folder, with the definitions of the operators that we use."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.k8s.cluster import Cluster, running_cluster

DATA = Path(os.environ.get("CRATEDIG_TEST_DATA", "../shared/data"))
DEFINITIONS = Path(os.environ.get("CRATEDIG_TEST_CRDS", DATA.parent / "kubernetes" / "crds"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test time for the first build of the programs."""
    for item in items:
        if item.get_closest_marker("k8s"):
            item.add_marker(pytest.mark.timeout(3600), append=False)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    if shutil.which("go") is None:
        pytest.skip("not checked: the cluster's programs are built with Go")
    with running_cluster(tmp_path_factory.mktemp("kubernetes")) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def definitions(cluster: Cluster) -> None:
    """Install the definitions of Strimzi, CloudNativePG, KEDA, Gateway API and others."""
    if not DEFINITIONS.is_dir():
        pytest.skip(f"not checked: no definitions in {DEFINITIONS}; set CRATEDIG_TEST_CRDS")
    cluster.kubectl("apply", "--server-side", "-f", str(DEFINITIONS))
    cluster.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=600s")
