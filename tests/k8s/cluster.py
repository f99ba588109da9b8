"""A Kubernetes cluster of this machine: a real control plane, and nodes that only pretend to run.

etcd, the API server, the controller manager and the scheduler are Kubernetes' own. kwok reports
every pod of its nodes as running and ready at once.
"""

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from deploy.servers.base import Launch
from deploy.servers.processes import Running, alive, kill, spawn, stop
from deploy.servers.state import free_ports
from deploy.tools.build import HERE as TOOLS
from deploy.tools.build import PROGRAMS, built
from tests.support.running_server import eventually

NAMESPACE = "cratedig"
USERS = {
    "admin": ("admin", "system:masters"),
    "controller-manager": ("system:kube-controller-manager", "system:components"),
    "scheduler": ("system:kube-scheduler", "system:components"),
}
"""Name and group of each client, by the file that holds its token."""
Document = dict[str, Any]


class Cluster:
    """A running cluster and the clients to talk to it.

    Parameters
    ----------
    folder
        Where the processes keep their data and logs.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.programs = {name: str(built(name, print)) for name in PROGRAMS if name != "helm"}
        self._running: list[tuple[str, Running]] = []
        self._etcd, self._peers, self._api = free_ports(3)
        self.url = f"https://127.0.0.1:{self._api}"
        self.http = httpx.Client(
            base_url=self.url,
            verify=False,
            headers={"Authorization": "Bearer admin-token"},
            timeout=60.0,
        )

    def start(self) -> None:
        """Start everything, and wait until the API server answers."""
        self._write_keys()
        self._start_etcd()
        self._start_api()
        eventually(lambda: self._answers("/readyz"), what="the API server being ready")
        self._start_controllers()

    def stop(self) -> None:
        """Stop everything in reverse order."""
        self.http.close()
        for _, running in reversed(self._running):
            stop(running, number=15, timeout=5.0)
        for _, running in self._running:
            kill(running)

    def logs(self) -> str:
        """Return the end of each log."""
        return "\n".join(
            f"--- {path.name}\n{path.read_text(errors='replace')[-1500:]}"
            for path in sorted(self.folder.glob("*.log"))
        )

    def kubectl(self, *arguments: str, stdin: str = "", check: bool = True) -> str:
        """Run kubectl as the administrator; return what it prints."""
        done = subprocess.run(
            (self.programs["kubectl"], f"--kubeconfig={self.kubeconfig('admin')}", *arguments),
            input=stdin,
            capture_output=True,
            check=False,
            text=True,
        )
        assert not check or done.returncode == 0, f"{' '.join(arguments)}\n{done.stderr}"
        return done.stdout + ("" if check else done.stderr)

    def apply(self, documents: str) -> str:
        """Apply manifests on the server, which refuses fields that it does not know."""
        return self.kubectl(
            *("apply", "--server-side", "--force-conflicts", "--validate=strict", "-f", "-"),
            stdin=documents,
        )

    def get(self, path: str, **parameters: str) -> Document:
        """Return a resource or a list by its path."""
        answer = self.http.get(path, params=parameters)
        assert answer.is_success, f"{path}: {answer.text}"
        return dict(answer.json())

    def pods(self, selector: str = "", namespace: str = NAMESPACE) -> list[Document]:
        """Return the pods that a selector means."""
        path = f"/api/v1/namespaces/{namespace}/pods"
        return list(self.get(path, labelSelector=selector)["items"])

    def deployments(self) -> dict[str, Document]:
        """Return every deployment by its name."""
        path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
        return {item["metadata"]["name"]: item for item in self.get(path)["items"]}

    def kubeconfig(self, user: str) -> Path:
        """Return the file by which a client finds and enters the cluster."""
        path = self.folder / f"{user}.kubeconfig"
        if not path.exists():
            cluster = {"server": self.url, "insecure-skip-tls-verify": True}
            content = {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "test", "cluster": cluster}],
                "users": [{"name": user, "user": {"token": f"{user}-token"}}],
                "contexts": [{"name": "test", "context": {"cluster": "test", "user": user}}],
                "current-context": "test",
            }
            path.write_text(yaml.safe_dump(content))
        return path

    def _write_keys(self) -> None:
        key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
        (self.folder / "accounts.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            )
        )
        (self.folder / "tokens.csv").write_text(
            "".join(
                f'{file}-token,{name},{file},"{group}"\n' for file, (name, group) in USERS.items()
            )
        )

    def _spawn(self, name: str, *arguments: str) -> None:
        launch = Launch((self.programs[name], *arguments), {})
        running = spawn(launch, folder=self.folder, log=self.folder / f"{name}.log")
        self._running.append((name, running))

    def _start_etcd(self) -> None:
        clients, peers = (f"http://127.0.0.1:{port}" for port in (self._etcd, self._peers))
        self._spawn(
            "etcd",
            f"--data-dir={self.folder / 'etcd'}",
            *(f"--listen-client-urls={clients}", f"--advertise-client-urls={clients}"),
            *(f"--listen-peer-urls={peers}", f"--initial-advertise-peer-urls={peers}"),
            *(f"--initial-cluster=default={peers}", "--unsafe-no-fsync", "--log-level=warn"),
        )

    def _start_api(self) -> None:
        key = self.folder / "accounts.key"
        self._spawn(
            "kube-apiserver",
            f"--etcd-servers=http://127.0.0.1:{self._etcd}",
            *("--bind-address=127.0.0.1", f"--secure-port={self._api}"),
            *("--endpoint-reconciler-type=none", f"--cert-dir={self.folder / 'certificates'}"),
            *(f"--service-account-key-file={key}", f"--service-account-signing-key-file={key}"),
            "--service-account-issuer=https://kubernetes.default.svc",
            *("--authorization-mode=RBAC", f"--token-auth-file={self.folder / 'tokens.csv'}"),
            "--service-cluster-ip-range=10.96.0.0/16",
        )

    def _start_controllers(self) -> None:
        self._spawn(
            "kube-controller-manager",
            *(f"--kubeconfig={self.kubeconfig('controller-manager')}", "--secure-port=0"),
            *("--leader-elect=false", "--use-service-account-credentials=true"),
            # kwok confirms each node every 20 to 45 s, later on a busy machine. The pods of a node
            # that was lost are not ready, and kwok leaves them so.
            "--node-monitor-grace-period=600s",
            f"--service-account-private-key-file={self.folder / 'accounts.key'}",
            f"--root-ca-file={self.folder / 'certificates' / 'apiserver.crt'}",
        )
        self._spawn(
            "kube-scheduler",
            *(f"--kubeconfig={self.kubeconfig('scheduler')}", "--secure-port=0"),
            "--leader-elect=false",
        )
        self._spawn(
            "kwok",
            *(f"--kubeconfig={self.kubeconfig('admin')}", "--node-ip=127.0.0.1"),
            *("--cidr=10.200.0.0/16", "--manage-nodes-with-label-selector=type=kwok"),
            *(f"--config={stage}" for stage in kwok_stages()),
        )

    def _answers(self, path: str) -> bool:
        for name, running in self._running:
            assert alive(running), f"{name} ended:\n{self.logs()}"
        try:
            return self.http.get(path).is_success
        except httpx.TransportError:
            return False


def kwok_stages() -> Iterator[Path]:
    """Yield the files of kwok's module that say how nodes and pods come and go: at once."""
    listed = subprocess.run(
        ("go", "list", "-m", "-f", "{{.Dir}}", PROGRAMS["kwok"].module),
        cwd=TOOLS / PROGRAMS["kwok"].folder,
        capture_output=True,
        check=True,
        text=True,
    )
    stages = Path(listed.stdout.strip()) / "kustomize" / "stage"
    for folder in ("node/fast", "node/heartbeat", "pod/fast"):
        for path in sorted((stages / folder).glob("*.yaml")):
            if "kind: Stage" in path.read_text(encoding="utf-8"):
                yield path


@contextmanager
def running_cluster(folder: Path) -> Iterator[Cluster]:
    """Keep a cluster while the block lasts."""
    cluster = Cluster(folder)
    with ExitStack() as stack:
        stack.callback(cluster.stop)
        cluster.start()
        yield cluster


def node(name: str, *, zone: str, cpu: int, gpus: int = 0, kwok: bool = True) -> Document:
    """Return a node; one with GPUs has the taint that keeps other pods away."""
    capacity = {"cpu": str(cpu), "memory": "64Gi", "pods": "110"}
    if gpus:
        capacity["nvidia.com/gpu"] = str(gpus)
    taints = [{"key": "nvidia.com/gpu", "effect": "NoSchedule"}] if gpus else []
    labels = {"kubernetes.io/hostname": name, "topology.kubernetes.io/zone": zone}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels | ({"type": "kwok"} if kwok else {})},
        "spec": {"taints": taints},
        "status": {"capacity": capacity, "allocatable": capacity},
    }


def settle(cluster: Cluster, condition: Callable[[], bool], *, what: str) -> None:
    """Wait for a condition; fail with the cluster's events and logs."""
    try:
        eventually(condition, what=what)
    except AssertionError as error:
        events = cluster.kubectl("get", "events", "-n", NAMESPACE, "--sort-by=.lastTimestamp")
        error.add_note("\n".join(events.splitlines()[-25:]))
        raise


def rolled_out(cluster: Cluster, replicas: Mapping[str, int] | None = None) -> bool:
    """Return whether every deployment runs its newest template with as many pods as it should."""
    for name, deployment in cluster.deployments().items():
        spec, status = deployment["spec"], deployment.get("status", {})
        number = (replicas or {}).get(name, spec["replicas"])
        if (
            status.get("observedGeneration", 0) < deployment["metadata"]["generation"]
            or spec["replicas"] != number
            or any(
                status.get(key, 0) != number
                for key in ("replicas", "updatedReplicas", "availableReplicas")
            )
        ):
            return False
    return True


def remove(cluster: Cluster) -> None:
    """Delete the namespace with all that is in it, the volumes and the nodes."""
    # No kubelet may be left to confirm the end of a pod.
    cluster.kubectl("delete", "deployment,statefulset", "--all", "-n", NAMESPACE, "--wait=false")
    cluster.kubectl("delete", "pod", "--all", "-n", NAMESPACE, "--force", "--grace-period=0")
    cluster.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=600s")
    cluster.kubectl("delete", "persistentvolume", "--all")
    cluster.kubectl("delete", "node", "--all")


def as_text(documents: list[Document]) -> str:
    """Return documents as one JSON list, which kubectl takes like YAML."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": documents})
