"""The Kafka users of the manifests can do what their services do, and nothing else."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import yaml
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import CreateAclsRequest

from contracts.ids import JobId, WorkerId
from contracts.jobs import JobReleased, JobRequested, Priority, TaskName
from contracts.topics import JOBS_EVENTS, TOPICS, commands
from kit.bus.base import AnyEvent, BusError
from kit.bus.kafka.bus import KafkaBus
from kit.bus.kafka.security import KafkaSecurity
from kit.clock import new_id
from services.library.completion.worker_events import GROUP
from tests.architecture.sources import ROOT
from tests.support.events import make_event
from tests.support.secured_kafka import secured_broker
from tests.support.timeouts import HANG_TIMEOUT

pytestmark = pytest.mark.k8s

USERS = ROOT / "deploy" / "k8s" / "components" / "kafka" / "users.yaml"
RESOURCES = {"topic": 2, "group": 3, "cluster": 4}
OPERATIONS = {"Read": 3, "Write": 4, "Describe": 8, "IdempotentWrite": 12}
LITERAL, ALLOW = 3, 3
"""Numbers of Kafka's protocol."""
AUTHORIZED = """\
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:admin;User:ANONYMOUS
"""
"""Only the controller's own listener is anonymous."""


def users() -> list[dict[str, object]]:
    """Return the `KafkaUser` of each service."""
    return list(yaml.safe_load_all(USERS.read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker with the users of the manifests, whose passwords are their names."""
    folder = tmp_path_factory.mktemp("kafka")
    names = [str(user["metadata"]["name"]) for user in users()]
    with secured_broker(folder, ("admin", *names), settings=AUTHORIZED) as address:
        yield address


def bus(servers: str, user: str) -> KafkaBus:
    """Return the bus as a service has it, not yet connected."""
    return KafkaBus(servers, security=KafkaSecurity(user=user, password=user))


@pytest.fixture(scope="module", autouse=True)
def rights(servers: str) -> None:
    """Create every topic, and give each user the rights of its manifest."""

    async def give() -> None:
        administrator = bus(servers, "admin")
        await administrator.ensure(TOPICS)
        admin = AIOKafkaAdminClient(
            bootstrap_servers=servers, **KafkaSecurity(user="admin", password="admin").options()
        )
        await admin.start()
        try:
            for user in users():
                principal = f"User:{user['metadata']['name']}"
                for acl in user["spec"]["authorization"]["acls"]:
                    kind = RESOURCES[acl["resource"]["type"]]
                    name = acl["resource"].get("name", "kafka-cluster")
                    for operation in acl["operations"]:
                        request = CreateAclsRequest(
                            *(kind, name, LITERAL, principal, "*", OPERATIONS[operation], ALLOW)
                        )
                        answer = await admin._send_to_controller(request)
                        assert answer.creation_responses[0][0] == 0
        finally:
            await admin.close()

    asyncio.run(give())


@pytest.fixture
async def open_bus(servers: str) -> AsyncIterator[list[KafkaBus]]:
    """The buses of library, gateway and a worker, connected as their services connect."""
    buses = [bus(servers, name) for name in ("library", "gateway", "ingest")]
    for each in buses:
        await each.start()
        await each.ensure(TOPICS)
    yield buses
    for each in buses:
        await each.close()


def released() -> AnyEvent:
    data = JobReleased(job=JobId(new_id()), epoch=1, worker=WorkerId(new_id()))
    return make_event("job.released", data)


def requested() -> AnyEvent:
    data = JobRequested(job=JobId(new_id()), task=TaskName.INGEST, priority=Priority.INTERACTIVE)
    return make_event("ingest.requested", data)


async def test_a_job_goes_from_the_library_to_a_worker_and_back(open_bus: list[KafkaBus]) -> None:
    library, _, ingest = open_bus
    woken, arrived = asyncio.Event(), asyncio.Event()

    async def wake() -> None:
        async for _ in ingest.tail(commands(TaskName.INGEST)):
            woken.set()

    async def handle(event: AnyEvent) -> None:
        arrived.set()

    stopping = asyncio.Event()
    consumer = library.consumer(JOBS_EVENTS, group=GROUP, handler=handle)
    tasks = [asyncio.create_task(wake()), asyncio.create_task(consumer.run(stopping))]
    async with asyncio.timeout(HANG_TIMEOUT):
        while not woken.is_set():
            await library.publish(commands(TaskName.INGEST), requested(), key="job")
            await asyncio.sleep(0.2)
        await ingest.publish(JOBS_EVENTS, released(), key="job")
        await arrived.wait()
    stopping.set()
    tasks[0].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_who_may_only_read_cannot_write(open_bus: list[KafkaBus]) -> None:
    _, gateway, _ = open_bus
    with pytest.raises(BusError):
        await gateway.publish(JOBS_EVENTS, released(), key="job")


async def test_a_wrong_password_is_refused(servers: str) -> None:
    stranger = KafkaBus(servers, security=KafkaSecurity(user="library", password="wrong"))
    with pytest.raises(BusError):
        await stranger.start()
