"""Apache Kafka 4 in KRaft mode: one process is broker and controller."""

import re
import shutil
import signal
import socket
import struct
import subprocess
from pathlib import Path

from deploy.servers.base import Launch, Say, ServerError
from deploy.servers.tools import building, cache, require, run_shown

POM = Path(__file__).with_name("pom.xml")
VERSION = "4.2.0"
OLDEST_JAVA = 17
CLUSTER = "Y3JhdGVkaWctZGV2LWtmMQ"
"""The id that the data folder is formatted with: 16 bytes in base64."""

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{clients},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{clients}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={folder}
auto.create.topics.enable=false
unclean.leader.election.enable=false
default.replication.factor=1
min.insync.replicas=1
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=6000
"""


class Kafka:
    """Kafka from Maven's repository."""

    name = "kafka"
    ports: tuple[str, ...] = ("clients", "controller")
    secrets: tuple[str, ...] = ()
    stop_signal: int = signal.SIGTERM

    def fetch(self, say: Say) -> None:
        """Copy Kafka and all it needs into the cache."""
        if f"<version>{VERSION}</version>" not in POM.read_text():
            raise ServerError(f"{POM.name} does not name Kafka {VERSION}")
        _check_java(require("java"))
        with building(cache() / f"kafka-{VERSION}", say) as draft:
            if draft is None:
                return
            shutil.copy(POM, draft / "pom.xml")
            command = (
                *(
                    require("mvn"),
                    "--batch-mode",
                    "--strict-checksums",
                    "dependency:copy-dependencies",
                ),
                *("-DincludeScope=runtime", f"-DoutputDirectory={draft / 'lib'}"),
            )
            label = f"fetching Kafka {VERSION} (43 MB)"
            run_shown(command, label=label, say=say, folder=draft)

    def prepare(self, folder: Path, ports: dict[str, int], secrets: dict[str, str]) -> Launch:
        """Write the properties, and format the data folder when it is new."""
        data = folder / "data"
        properties = folder / "server.properties"
        properties.write_text(PROPERTIES.format(**ports, folder=data))
        java = (require("java"), "-cp", str(cache() / f"kafka-{VERSION}" / "lib" / "*"))
        if not (data / "meta.properties").exists():
            shutil.rmtree(data, ignore_errors=True)
            tool = ("-Xmx128m", "kafka.tools.StorageTool", "format", "-t", CLUSTER)
            done = subprocess.run(  # noqa: S603
                (*java, *tool, "-c", str(properties)), capture_output=True, text=True, check=False
            )
            if done.returncode != 0:
                raise ServerError(f"Kafka could not format its folder: {done.stderr[-1500:]}")
        limits = ("-Xmx512m", "-Xms128m", "-XX:+UseSerialGC", "-Djava.awt.headless=true")
        return Launch((java[0], *limits, *java[1:], "kafka.Kafka", str(properties)), {})

    def healthy(self, ports: dict[str, int]) -> bool:
        """Request the API versions; a broker that accepts clients answers."""
        request = struct.pack(">hhih", 18, 0, 1, -1)
        try:
            with socket.create_connection(("127.0.0.1", ports["clients"]), timeout=2) as wire:
                wire.sendall(struct.pack(">i", len(request)) + request)
                answer = wire.recv(64)
        except OSError:
            return False
        return len(answer) >= 10 and struct.unpack(">ih", answer[4:10]) == (1, 0)

    def initialise(self, folder: Path, ports: dict[str, int], secrets: dict[str, str]) -> None:
        """Nothing: services create their topics."""

    def is_transient(self, log_tail: str) -> bool:
        """After a kill the port may be held for a moment."""
        return "Address already in use" in log_tail

    def environment(self, ports: dict[str, int], secrets: dict[str, str]) -> dict[str, str]:
        """Return the bus's address."""
        return {"KIT_BUS_URL": f"kafka://127.0.0.1:{ports['clients']}"}


def _check_java(java: str) -> None:
    shown = subprocess.run((java, "-version"), capture_output=True, text=True, check=False)  # noqa: S603
    match = re.search(r'version "(\d+)', shown.stderr + shown.stdout)
    if match is None or int(match[1]) < OLDEST_JAVA:
        version = match[1] if match else "unknown"
        raise ServerError(f"Kafka needs Java {OLDEST_JAVA} or newer, but `java` is {version}.")
