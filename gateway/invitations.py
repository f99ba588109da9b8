"""Invitations, and who may create an account."""

import logging
import secrets
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from contracts.admin import AuditAction
from contracts.identity import Invitation, InvitationCreate, NewInvitation, Principal
from contracts.problems import FieldProblem, ProblemCode
from gateway import repository
from gateway.audit import AuditLog
from gateway.authenticator import digest
from gateway.settings import GatewaySettings, SignUp
from gateway.tables import InvitationRow
from kit.clock import Clock, new_id
from kit.database.engine import Database
from kit.http.errors import ProblemError, not_found

log = logging.getLogger(__name__)

PREFIX = "invite_"
MAX_OPEN = 1_000
"""Maximum number of unused invitations."""


class Invitations:
    """Use cases of invitations."""

    def __init__(
        self, database: Database, *, settings: GatewaySettings, clock: Clock, audit: AuditLog
    ) -> None:
        self._database = database
        self._audit = audit
        self._signup = settings.signup
        self._clock = clock

    async def make(self, principal: Principal, body: InvitationCreate) -> NewInvitation:
        """Create an invitation; only the response contains its secret."""
        if self._signup is SignUp.CLOSED:
            raise ProblemError(
                ProblemCode.CONFLICT,
                "Sign-up is closed, so an invitation would have no effect: the server runs with "
                "GATEWAY_SIGNUP=closed. Restart it with GATEWAY_SIGNUP=invitation first.",
            )
        secret, now = PREFIX + secrets.token_urlsafe(32), self._clock.now()
        row = InvitationRow(
            id=new_id(),
            sha256=digest(secret),
            account=principal.user,
            note=body.note,
            created=now,
            expires=now + timedelta(days=body.days),
        )
        async with self._database.transaction() as session:
            if await repository.count_open_invitations(session, now) >= MAX_OPEN:
                raise ProblemError(
                    ProblemCode.CONFLICT,
                    f"There are {MAX_OPEN} unused invitations, the maximum; revoke some first.",
                )
            session.add(row)
            created = AuditAction.INVITATION_CREATED
            session.add(self._audit.entry(created, actor=principal.user, target=row.id))
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
        """Delete an invitation, so that nobody can use it any more."""
        async with self._database.transaction() as session:
            if not await repository.delete_invitation(session, invitation_id):
                raise not_found()
            revoked = AuditAction.INVITATION_REVOKED
            session.add(self._audit.entry(revoked, actor=principal.user, target=invitation_id))
        log.info(
            "security: invitation revoked",
            extra={
                "event": "invitation.revoked",
                "user": principal.user,
                "invitation": invitation_id,
            },
        )

    async def expect(self, invitation: str) -> None:
        """Refuse a sign-up without an invitation early, before the password is hashed.

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
        """Mark an invitation as used if one is required, in the transaction of the new account.

        Raises
        ------
        ProblemError
            The invitation is missing or invalid, or sign-up is closed.
        """
        if self._signup is SignUp.OPEN:
            return
        if self._signup is SignUp.CLOSED or not invitation:
            raise self._refused()
        if not await repository.use_invitation(session, digest(invitation), self._clock.now()):
            raise ProblemError(
                ProblemCode.FORBIDDEN,
                "This invitation is not valid: it is mistyped, used, revoked or expired. Ask an "
                "administrator of this server for another one.",
                fields=(FieldProblem(field="body.invitation", message="not valid"),),
            )

    def _refused(self) -> ProblemError:
        if self._signup is SignUp.INVITATION:
            return ProblemError(
                ProblemCode.FORBIDDEN,
                "Sign-up is by invitation only: ask an administrator of this server for an "
                "invitation and send it as `invitation` (`cratedig signup --invitation …`).",
                fields=(FieldProblem(field="body.invitation", message="missing"),),
            )
        return ProblemError(
            ProblemCode.FORBIDDEN,
            "Sign-up is closed on this server. Log in if you have an account, or ask an "
            "administrator.",
        )


def _shown(row: InvitationRow) -> Invitation:
    return Invitation(
        id=row.id, note=row.note, created=row.created, expires=row.expires, used=row.used
    )
