"""Set the actor (`kit.database.actors`) in Postgres before a statement depends on it.

The message that begins a transaction also sets its actor, which ends with the transaction.
Statements that read are transactions of their own, so a connection for reading keeps its actor
until another one uses it. Every statement is preceded by a comparison of the actor that is set with
that of the context, so none can run as somebody who used the connection before.
"""

from typing import Any

import asyncpg
from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine

from kit.database.actors import NOBODY, SETTING, current_actor

_SET = f"SELECT set_config('{SETTING}', $1, false)"
_SET_LOCALLY = f"SELECT set_config('{SETTING}', $1, true)"


class ActorConnection(asyncpg.Connection):  # type: ignore[misc]
    """A connection that knows whom it acts as, and begins transactions as that actor."""

    __slots__ = ("actor", "next_actor")

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.actor: str | None = NOBODY
        """In a transaction the actor of the transaction, else that of the session.

        `None` if a statement that sets it did not come to its end, so nobody knows.
        """
        self.next_actor = NOBODY
        """The actor of the transaction that begins next."""

    async def execute(self, query: str, *arguments: Any, **named: Any) -> str:
        """Run statements; the one that begins a transaction also sets the actor."""
        if self.next_actor and not arguments and query.startswith("BEGIN"):
            # One message, so that it costs no round trip of its own. An actor has no quotes.
            query = f"{query} SET LOCAL {SETTING} = '{self.next_actor}';"
        return str(await super().execute(query, *arguments, **named))


def set_actor_of_reads(engine: AsyncEngine, default: str) -> None:
    """Set the actor on the connections of an engine whose statements are transactions.

    Parameters
    ----------
    default
        Whom statements act as in a context that does not say it.
    """

    @event.listens_for(engine.sync_engine, "before_cursor_execute")
    def _set(connection: Connection, _: Any, statement: str, *__: Any) -> None:
        if statement == _SET:
            return
        driver, actor = _driver(connection), current_actor(default)
        if driver.actor != actor:
            driver.actor = None
            connection.exec_driver_sql(_SET, (actor,))
            driver.actor = actor


def set_actor_of_transactions(engine: AsyncEngine, default: str) -> None:
    """Set the actor in each transaction of an engine; see `set_actor_of_reads`."""

    @event.listens_for(engine.sync_engine, "before_cursor_execute")
    def _set(connection: Connection, _: Any, statement: str, *__: Any) -> None:
        if statement == _SET_LOCALLY:
            return
        driver, actor = _driver(connection), current_actor(default)
        if not driver.is_in_transaction():
            # The driver begins the transaction just before the statement.
            driver.actor = driver.next_actor = actor
        elif driver.actor != actor:
            driver.actor = None
            connection.exec_driver_sql(_SET_LOCALLY, (actor,))
            driver.actor = actor


def _driver(connection: Connection) -> ActorConnection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, ActorConnection)
    return driver
