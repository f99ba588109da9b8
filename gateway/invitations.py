"""Who may open an account, and invitations to do so."""

import logging
import secrets
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from contracts.identity import Invitation, InvitationCreate, NewInvitation, Principal
from contracts.problems import FieldProblem, ProblemCode
from gateway import repository
from gateway.authenticator import digest
from gateway.settings import GatewaySettings, SignUp
from gateway.tables import InvitationRow
from kit.clock import Clock, new_id
from kit.database.engine import Database
from kit.http.errors import ProblemError, not_found

log = logging.getLogger(__name__)

PREFIX = "invite_"
MAX_OPEN = 1_000
"""Invitations that wait to be used."""


class Invitations:
    """Use cases of invitations."""

    def __init__(self, database: Database, *, settings: GatewaySettings, clock: Clock) -> None:
        self._database = database
        self._signup = settings.signup
        self._clock = clock

    async def make(self, principal: Principal, asked: InvitationCreate) -> NewInvitation:
        """Make an invitation; its secret is in the answer only."""
        if self._signup is SignUp.CLOSED:
            raise ProblemError(
                ProblemCode.CONFLICT,
                "Nobody can sign up here, with an invitation neither: the server runs with "
                "GATEWAY_SIGNUP=closed. Start it with GATEWAY_SIGNUP=invitation first.",
            )
        secret, now = PREFIX + secrets.token_urlsafe(32), self._clock.now()
        row = InvitationRow(
            id=new_id(),
            sha256=digest(secret),
            account=principal.user,
            note=asked.note,
            created=now,
            expires=now + timedelta(days=asked.days),
        )
        async with self._database.transaction() as session:
            if await repository.count_open_invitations(session, now) >= MAX_OPEN:
                raise ProblemError(
                    ProblemCode.CONFLICT,
                    f"{MAX_OPEN} invitations wait to be used; revoke some first.",
                )
            session.add(row)
            shown = _shown(row)
        log.info(
            "security: invitation made",
            extra={"event": "invitation.made", "user": principal.user, "invitation": row.id},
        )
        return NewInvitation(**shown.model_dump(), invitation=secret)

    async def all(self) -> tuple[Invitation, ...]:
        """Return every invitation, newest first, without their secrets."""
        async with self._database.session() as session:
            return tuple(map(_shown, await repository.invitations(session)))

    async def revoke(self, principal: Principal, invitation_id: str) -> None:
        """Remove an invitation; nobody can use it from then on."""
        async with self._database.transaction() as session:
            if not await repository.delete_invitation(session, invitation_id):
                raise not_found()
        log.info(
            "security: invitation revoked",
            extra={
                "event": "invitation.revoked",
                "user": principal.user,
                "invitation": invitation_id,
            },
        )

    async def expect(self, invitation: str) -> None:
        """Refuse early who can not open an account: before anything is computed for it.

        Raises
        ------
        ProblemError
        """
        if self._signup is SignUp.OPEN or (invitation and self._signup is SignUp.INVITATION):
            return
        async with self._database.session() as session:
            if await repository.any_account(session):
                raise self._refused()

    async def use(self, session: AsyncSession, invitation: str) -> None:
        """Use an invitation up where one is needed, in the transaction that opens the account.

        Raises
        ------
        ProblemError
            There must be one and it is not good, or nobody may open an account.
        """
        if self._signup is SignUp.OPEN:
            return
        if self._signup is SignUp.CLOSED or not invitation:
            raise self._refused()
        if not await repository.use_invitation(session, digest(invitation), self._clock.now()):
            raise ProblemError(
                ProblemCode.FORBIDDEN,
                "This invitation opens no account: it is mistyped, was used or revoked, or has "
                "ended. Ask an administrator of this server for another one.",
                fields=(FieldProblem(field="body.invitation", message="not valid"),),
            )

    def _refused(self) -> ProblemError:
        if self._signup is SignUp.INVITATION:
            return ProblemError(
                ProblemCode.FORBIDDEN,
                "Accounts are opened here by invitation only: ask an administrator of this server "
                "for one and send it as `invitation` (`cratedig signup --invitation …`).",
                fields=(FieldProblem(field="body.invitation", message="missing"),),
            )
        return ProblemError(
            ProblemCode.FORBIDDEN,
            "This server takes no new accounts. Log in if you have one, or ask an administrator "
            "of it.",
        )


def _shown(row: InvitationRow) -> Invitation:
    return Invitation(
        id=row.id, note=row.note, created=row.created, expires=row.expires, used=row.used
    )
