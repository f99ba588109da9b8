"""How webhooks are sent: signed, to the internet only, and limited in time (S19, S20)."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import pytest

from kit.http.internet import InternetError
from services.library.webhooks.client import PostFailed, WebhookClient
from services.library.webhooks.signatures import signed_headers
from tests.support.webhook_receiver import Receiver, receiver


@pytest.fixture
def target() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


@pytest.fixture
async def client() -> AsyncIterator[WebhookClient]:
    opened = WebhookClient(any_address=True)
    yield opened
    await opened.close()


def test_signatures_are_those_of_the_specification() -> None:
    # The example of the Standard Webhooks specification.
    headers = signed_headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        b'{"test": 2432232314}',
        secrets=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        time=datetime.fromtimestamp(1_614_265_330, tz=UTC),
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_only_the_internet_is_reached(target: Receiver) -> None:
    client = WebhookClient()
    port = target.url.rsplit(":", 1)[1]
    for url in (
        *("https://127.0.0.1/", "https://localhost/", "https://[::1]/", "https://10.0.0.1/"),
        *("https://169.254.169.254/latest", "https://2130706433/", "https://[::ffff:7f00:1]/"),
        *(f"https://127.0.0.1:{port}", target.url, "https://user:word@example.org/"),
    ):
        with pytest.raises(
            (PostFailed, InternetError), match=r"internet|resolved|Port|https://|user name"
        ):
            await client.post(url, b"{}", {}, timeout=5)
    await client.close()
    assert target.messages == []


async def test_an_attempt_is_limited_in_time(client: WebhookClient) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    with pytest.raises(PostFailed, match="no complete answer within"):
        await client.post(url, b"{}", {}, timeout=0.05)
    server.close()
