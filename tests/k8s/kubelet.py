"""A kubelet for tests: runs the pods of one node as processes of this machine, without containers.

Each pod gets an address of the loopback network. Its process gets the environment that the manifest
gives, with config maps, secrets and fields resolved; host names of services, addresses to listen
on and mount paths become those of this machine. Probes decide whether a pod is ready.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path

import httpx

from tests.k8s.cluster import NAMESPACE, Cluster, Document, node
from tests.support.running_server import ROOT

LOOK_EVERY = 0.3
RENEW_EVERY = 8.0
"""Seconds between two signs of life of the node."""
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
LABEL = "app.kubernetes.io/name"
MERGE = {"Content-Type": "application/merge-patch+json"}


@dataclass(slots=True)
class RunningPod:
    """A pod of this node and its process."""

    name: str
    address: str
    folder: Path
    initialised: bool = False
    process: subprocess.Popen[bytes] | None = None
    stopping: float | None = None
    """When it was told to stop, on the monotonic clock."""
    reported: Document = field(default_factory=dict)
    """The status that the API server was last told."""


class Kubelet:
    """The agent of one node.

    Parameters
    ----------
    cluster
        The cluster that the node joins.
    name
        The node's name.
    folder
        Where pods keep files and logs.
    volumes
        A folder of this machine for each volume claim.
    """

    def __init__(
        self, cluster: Cluster, name: str, folder: Path, *, volumes: Mapping[str, Path]
    ) -> None:
        self.name = name
        self.exits: dict[str, int] = {}
        """Exit code of each process that ended, by its pod."""
        self._cluster = cluster
        self._folder = folder
        self._volumes = volumes
        self._pods: dict[str, RunningPod] = {}
        self._addresses = 0
        self._renewed = 0.0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.fault: BaseException | None = None

    def __enter__(self) -> "Kubelet":
        machine = node(self.name, zone="a", cpu=64, kwok=False)
        self._cluster.kubectl("create", "-f", "-", stdin=json.dumps(machine))
        self._beat()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._thread.join(60)
        for pod in self._pods.values():
            if pod.process is not None and pod.process.poll() is None:
                pod.process.send_signal(signal.SIGTERM)
        for pod in self._pods.values():
            if pod.process is not None:
                try:
                    pod.process.wait(30)
                except subprocess.TimeoutExpired:
                    pod.process.kill()

    def address(self, word: str) -> str:
        """Return the address of the pod of a service."""
        (pod,) = (pod for pod in self._pods.values() if pod.name.startswith(f"{word}-"))
        return pod.address

    def logs(self) -> str:
        """Return the end of every pod's log."""
        return "\n".join(
            f"--- {path.parent.name}\n{path.read_text(errors='replace')[-2500:]}"
            for path in sorted(self._folder.glob("*/log"))
        )

    def _run(self) -> None:
        try:
            while not self._closing.wait(LOOK_EVERY):
                if time.monotonic() > self._renewed + RENEW_EVERY:
                    self._beat()
                self._look()
        except BaseException as error:
            self.fault = error

    def _beat(self) -> None:
        """Report the node as ready, and renew its lease."""
        self._renewed = time.monotonic()
        now = datetime.now(UTC)
        condition = {
            "type": "Ready",
            "status": "True",
            "reason": "KubeletReady",
            "lastHeartbeatTime": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        self._patch(f"/api/v1/nodes/{self.name}/status", {"status": {"conditions": [condition]}})
        lease = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self.name, "namespace": "kube-node-lease"},
            "spec": {
                "holderIdentity": self.name,
                "leaseDurationSeconds": 40,
                "renewTime": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            },
        }
        self._cluster.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(lease))

    def _look(self) -> None:
        listed = self._cluster.get(PODS, fieldSelector=f"spec.nodeName={self.name}")["items"]
        for document in listed:
            name = document["metadata"]["name"]
            if name not in self._pods:
                self._addresses += 1
                folder = self._folder / name
                folder.mkdir(parents=True)
                self._pods[name] = RunningPod(name, f"127.77.0.{self._addresses}", folder)
        for document in listed:
            pod = self._pods[document["metadata"]["name"]]
            if "deletionTimestamp" in document["metadata"]:
                self._end(pod, document)
            else:
                self._advance(pod, document)

    def _advance(self, pod: RunningPod, document: Document) -> None:
        spec = document["spec"]
        (container,) = spec["containers"]
        if pod.process is None:
            environment = self._environment(pod, document, container)
            if environment is None:
                return
            for initial in () if pod.initialised else spec.get("initContainers", ()):
                settings = self._environment(pod, document, initial)
                assert settings is not None
                command = [sys.executable, *initial["command"][1:]]
                with (pod.folder / "log").open("ab") as log:
                    done = subprocess.run(
                        command, cwd=ROOT, env=settings, stdout=log, stderr=log, check=False
                    )
                if done.returncode != 0:
                    return
            pod.initialised = True
            with (pod.folder / "log").open("ab") as log:
                pod.process = subprocess.Popen(
                    _command(container),
                    cwd=ROOT,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
        running = pod.process.poll() is None
        if not running:
            self.exits[pod.name] = pod.process.returncode
        self._report(pod, container, ready=running and _ready(pod, container))

    def _end(self, pod: RunningPod, document: Document) -> None:
        """Stop a deleted pod as a kubelet does, and confirm its end."""
        process = pod.process
        if process is not None and process.poll() is None:
            if pod.stopping is None:
                pod.stopping = time.monotonic()
                process.send_signal(signal.SIGTERM)
            grace = document["spec"]["terminationGracePeriodSeconds"]
            if time.monotonic() > pod.stopping + grace:
                process.kill()
            return
        if process is not None:
            self.exits[pod.name] = process.returncode
        self._cluster.http.request("DELETE", f"{PODS}/{pod.name}", json={"gracePeriodSeconds": 0})
        self._pods.pop(pod.name, None)

    def _report(self, pod: RunningPod, container: Document, *, ready: bool) -> None:
        state = "True" if ready else "False"
        status = {
            "phase": "Running",
            "podIP": pod.address,
            "podIPs": [{"ip": pod.address}],
            "hostIP": "127.0.0.1",
            "conditions": [
                {"type": kind, "status": state if "Ready" in kind else "True"}
                for kind in ("PodScheduled", "Initialized", "ContainersReady", "Ready")
            ],
            "containerStatuses": [
                {
                    "name": container["name"],
                    "image": container["image"],
                    "imageID": "",
                    "ready": ready,
                    "started": True,
                    "restartCount": 0,
                    "state": {"running": {}},
                }
            ],
        }
        if status != pod.reported:
            self._patch(f"{PODS}/{pod.name}/status", {"status": status})
            pod.reported = status

    def _environment(
        self, pod: RunningPod, document: Document, container: Document
    ) -> dict[str, str] | None:
        """Return the environment of a container; `None` while it lacks a service or a secret."""
        values: dict[str, str] = {}
        for source in container.get("envFrom", ()):
            if "configMapRef" in source:
                stored = self._stored("configmaps", source["configMapRef"]["name"])
            else:
                stored = self._stored("secrets", source["secretRef"]["name"])
            if stored is None:
                return None
            values |= stored
        for entry in container.get("env", ()):
            values[entry["name"]] = entry.get("value") or self._value(document, entry["valueFrom"])
        services = self._services()
        for name, address in services.items():
            # A port follows the name of a service, a password that of a user.
            of_service = re.compile(rf"//{name}:(?=\d+(?:/|$))")
            for key, value in values.items():
                if of_service.search(value):
                    if address is None:
                        return None
                    values[key] = of_service.sub(f"//{address}:", value)
        mounts = self._mounts(pod, document, container)
        for key, value in values.items():
            values[key] = pod.address if value == "0.0.0.0" else mounts.get(value, value)
        kept = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
        return {**kept, "TMPDIR": mounts["/tmp"], "PYTHONUNBUFFERED": "1", **values}

    def _value(self, document: Document, source: Document) -> str:
        path = source["fieldRef"]["fieldPath"]
        key = path.removeprefix("metadata.labels['").removesuffix("']")
        return str(document["metadata"]["labels"][key])

    def _stored(self, kind: str, name: str) -> dict[str, str] | None:
        """Return what a secret or a config map holds; `None` if there is none, as not yet."""
        answer = self._cluster.http.get(f"/api/v1/namespaces/{NAMESPACE}/{kind}/{name}")
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return None
        data = answer.raise_for_status().json().get("data", {})
        if kind == "configmaps":
            return dict(data)
        return {key: b64decode(value).decode() for key, value in data.items()}

    def _services(self) -> dict[str, str | None]:
        """Return the address of a pod of each service, `None` where there is none yet."""
        services = self._cluster.get(f"/api/v1/namespaces/{NAMESPACE}/services")["items"]
        return {
            service["metadata"]["name"]: next(
                (
                    pod.address
                    for pod in self._pods.values()
                    if pod.name.startswith(f"{service['spec']['selector'][LABEL]}-")
                ),
                None,
            )
            for service in services
        }

    def _mounts(self, pod: RunningPod, document: Document, container: Document) -> dict[str, str]:
        """Return the folder of this machine for each mount path of a container."""
        volumes = {volume["name"]: volume for volume in document["spec"]["volumes"]}
        mounts = {}
        for mount in container["volumeMounts"]:
            claim = volumes[mount["name"]].get("persistentVolumeClaim", {}).get("claimName")
            folder = self._volumes[claim] if claim else pod.folder / mount["name"]
            folder.mkdir(exist_ok=True)
            mounts[mount["mountPath"]] = str(folder)
        return mounts

    def _patch(self, path: str, change: Document) -> None:
        answer = self._cluster.http.patch(path, content=json.dumps(change), headers=MERGE)
        assert answer.is_success or answer.status_code == 404, answer.text


def _command(container: Document) -> list[str]:
    """Return what the image starts; the Dockerfile builds it from the service's name."""
    word = container["name"]
    return [sys.executable, "-m", "gateway" if word == "gateway" else f"services.{word}"]


def _ready(pod: RunningPod, container: Document) -> bool:
    probe = container["readinessProbe"]["httpGet"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    url = f"http://{pod.address}:{ports[probe['port']]}{probe['path']}"
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(url, timeout=5.0).is_success
    return False
