"""Test the address of a webhook: it must answer a challenge before it gets any event."""

import asyncio
import json
import logging
import secrets as random
import time
from datetime import timedelta

from contracts.identity import Principal
from contracts.music import Seconds
from contracts.problems import ProblemCode
from contracts.webhooks import WebhookState, WebhookTest
from kit.auth.encryption import StoredSecrets
from kit.clock import new_id
from kit.database.engine import Database
from kit.database.notifications import notify_on_commit
from kit.http.errors import ProblemError
from services.library.access import Action
from services.library.webhooks.client import PostFailed, WebhookAnswer, WebhookClient
from services.library.webhooks.messages import challenge_body
from services.library.webhooks.queueing import DELIVERIES
from services.library.webhooks.repository import Webhooks
from services.library.webhooks.signatures import signed_headers
from services.library.webhooks.tables import WebhookRow
from services.library.webhooks.views import webhook_to_api
from services.library.webhooks.webhooks import reveal_secret, webhook_secrets

log = logging.getLogger(__name__)

TIMEOUT: Seconds = 8.0
"""Time for the answer: less than the gateway waits for the library."""
AT_ONCE = 32
"""Tests of one library at the same time."""
PAUSE = timedelta(seconds=5)
"""Least time between two tests of a webhook."""
_WRONG = (
    "The answer does not contain the challenge. Answer `webhook.challenged` with HTTP status 200 "
    'and the JSON {"challenge": …} of its data.'
)


class WebhookTests:
    """Sends challenges to webhooks.

    Parameters
    ----------
    client
        Sends them; whoever opened it closes it.
    secrets
        Decrypts the secrets that sign them.
    """

    def __init__(self, database: Database, client: WebhookClient, secrets: StoredSecrets) -> None:
        self._database = database
        self.client = client
        self.secrets = secrets
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def run(self, principal: Principal, id_: str) -> WebhookTest:
        """Send a challenge to the address of a webhook, which becomes active if it passes.

        Raises
        ------
        ProblemError
            Also if the last test was less than 5 s ago, or the server runs too many tests now.
        """
        if self._turns.locked():
            raise ProblemError(
                ProblemCode.UNAVAILABLE,
                "The server tests many webhooks now. Test this one again in some seconds.",
                retry_after=PAUSE.seconds,
            )
        async with self._turns:
            return await self._run(principal, id_)

    async def _run(self, principal: Principal, id_: str) -> WebhookTest:
        row = await self._start(principal, id_)
        id_, challenge = new_id(), random.token_urlsafe(24)
        assert row.tested is not None
        body = challenge_body(row, id_, challenge, row.tested)
        headers = signed_headers(
            id_, body, secrets=[reveal_secret(row, self.secrets)], time=row.tested
        )
        started = time.monotonic()
        answer: WebhookAnswer | None = None
        try:
            answer = await self.client.post(row.url, body, headers, timeout=TIMEOUT)
            reason = _fault(answer, challenge)
        except PostFailed as error:
            reason = str(error)
        duration = time.monotonic() - started
        tested = await self._finish(principal, row, reason is None)
        return WebhookTest(
            passed=reason is None,
            reason=reason,
            status=answer.status if answer is not None else None,
            answer=answer.text if answer is not None else None,
            duration=duration,
            webhook=webhook_to_api(tested),
        )

    async def _start(self, principal: Principal, id_: str) -> WebhookRow:
        async with self._database.transaction() as session:
            row = await Webhooks(session, principal).get(id_, Action.WRITE, hold=True)
            now = await self._database.time(session)
            if row.tested is not None and now < row.tested + PAUSE:
                raise ProblemError(
                    ProblemCode.TOO_MANY_REQUESTS,
                    f"This webhook was tested less than {PAUSE.seconds} s ago; wait a moment.",
                    retry_after=PAUSE.seconds,
                )
            row.tested = now
            await session.flush()
        return row

    async def _finish(self, principal: Principal, tested: WebhookRow, passed: bool) -> WebhookRow:
        async with self._database.transaction() as session:
            row = await Webhooks(session, principal).get(tested.id, Action.WRITE, hold=True)
            if row.url != tested.url:
                raise ProblemError(
                    ProblemCode.WRONG_STATE,
                    "The address of this webhook was changed during the test. Test it again.",
                )
            if passed and row.state != WebhookState.ACTIVE:
                row.state, row.reason = WebhookState.ACTIVE.value, None
                row.failing_since = None
                row.updated = await self._database.time(session)
                await session.flush()
                notify_on_commit(session, DELIVERIES)
                log.info("webhook %s is active", row.id, extra={"event": "webhook.active"})
        return row


def _fault(answer: WebhookAnswer, challenge: str) -> str | None:
    """Return what is wrong with the answer to a challenge."""
    if not answer.good:
        return f"The server answered with HTTP status {answer.status}. {_WRONG}"
    try:
        content = json.loads(answer.text)
    except ValueError:
        return _WRONG
    same = isinstance(content, dict) and content.get("challenge") == challenge
    return None if same else _WRONG


def open_webhooks(database: Database, secret: str, *, any_address: bool = False) -> WebhookTests:
    """Return what tests webhooks, with a new client and what encrypts their secrets.

    Parameters
    ----------
    secret
        The server's own secret, from which the key is derived.
    any_address
        See `WebhookClient`.
    """
    client = WebhookClient(any_address=any_address)
    return WebhookTests(database, client, webhook_secrets(secret))
