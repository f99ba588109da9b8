"""What administrators see and change."""

from collections.abc import AsyncIterator
from typing import Unpack

from cratedig import types
from cratedig._async.resource import AsyncResource
from cratedig.operations import Operation


class AsyncAdmin(AsyncResource):
    """See workers, queues and storage, and change accounts, as an administrator.

    It needs the session of an administrator; no API key has the scope `admin`.
    """

    def workers(self) -> AsyncIterator[types.Worker]:
        """Yield the workers of the last day, those online first."""
        return self._connection.pages(
            Operation("GET", "/v1/admin/workers", types.Page[types.Worker])
        )

    def queues(self) -> AsyncIterator[types.TaskQueue]:
        """Yield the queue of every task, with its oldest job and why that job waits."""
        return self._connection.pages(
            Operation("GET", "/v1/admin/queues", types.Page[types.TaskQueue])
        )

    def jobs(
        self,
        state: types.AdminJobState = "queued",
        *,
        task: str | None = None,
        account: str | None = None,
    ) -> AsyncIterator[types.AdminJob]:
        """Yield jobs of all accounts, at most 200.

        Parameters
        ----------
        state
            Waiting and running ones come oldest first; failed ones are those of the last day, the
            newest first.
        account
            Only those of the account with this id.
        """
        return self._connection.pages(
            Operation(
                "GET",
                "/v1/admin/jobs",
                types.Page[types.AdminJob],
                query={"state": state, "task": task, "account": account},
            )
        )

    def dead_letters(self) -> AsyncIterator[types.DeadLetter]:
        """Yield the latest dead letters."""
        return self._connection.pages(
            Operation("GET", "/v1/admin/dead-letters", types.Page[types.DeadLetter])
        )

    async def replay_dead_letter(self, dead_letter: str) -> types.DeadLetter:
        """Send a dead letter back to its topic. Doing it twice does no harm."""
        return await self._connection.send(
            Operation(
                "POST",
                "/v1/admin/dead-letters/{dead_letter}/replay",
                types.DeadLetter,
                {"dead_letter": dead_letter},
            )
        )

    async def storage(self) -> types.StorageReport:
        """Return the stored bytes by kind and by account, and the free space of the disk."""
        return await self._connection.send(
            Operation("GET", "/v1/admin/storage", types.StorageReport)
        )

    def models(self) -> AsyncIterator[types.Model]:
        """Yield the weights of networks that workers list, installed or not."""
        return self._connection.pages(Operation("GET", "/v1/admin/models", types.Page[types.Model]))

    def webhooks(self) -> AsyncIterator[types.AdminWebhook]:
        """Yield webhooks of all accounts, at most 500: those that fail first, then the newest."""
        return self._connection.pages(
            Operation("GET", "/v1/admin/webhooks", types.Page[types.AdminWebhook])
        )

    def accounts(self, *, page_size: int | None = None) -> AsyncIterator[types.AdminAccount]:
        """Yield the accounts, newest first."""
        return self._connection.pages(
            Operation(
                "GET",
                "/v1/admin/accounts",
                types.Page[types.AdminAccount],
                query={"limit": page_size},
            )
        )

    async def account(self, account: str) -> types.AdminAccount:
        """Return an account by its id."""
        return await self._connection.send(
            Operation(
                "GET", "/v1/admin/accounts/{account}", types.AdminAccount, {"account": account}
            )
        )

    async def change_account(
        self, account: str, **changes: Unpack[types.AccountChanges]
    ) -> types.AdminAccount:
        """Change `disabled`, `admin` or `quota` of an account. What is not given stays."""
        return await self._connection.send(
            Operation(
                "PATCH",
                "/v1/admin/accounts/{account}",
                types.AdminAccount,
                {"account": account},
                body=dict(changes),
            )
        )

    async def one_time_link(self, account: str) -> types.OneTimeLink:
        """Create a link that signs in to an account once, to set a new password."""
        return await self._connection.send(
            Operation(
                "POST",
                "/v1/admin/accounts/{account}/one-time-link",
                types.OneTimeLink,
                {"account": account},
            )
        )

    def audit(
        self,
        *,
        action: str | None = None,
        account: str | None = None,
        page_size: int | None = None,
    ) -> AsyncIterator[types.AuditEntry]:
        """Yield the audit log, newest first.

        Parameters
        ----------
        action
            Only entries of this action, such as `sign_in.failed`.
        account
            Only entries of what this account did, or of what was done to it.
        """
        return self._connection.pages(
            Operation(
                "GET",
                "/v1/admin/audit",
                types.Page[types.AuditEntry],
                query={"action": action, "account": account, "limit": page_size},
            )
        )
