"""A PostgreSQL server of one's own: in a temporary folder, on a free port, gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final

import psycopg

PASSWORD: Final = "quite: s3cret/@"  # noqa: S105 - of a server that lives for a test
OWNER: Final = "teacher"
_DEBIAN: Final = Path("/usr/lib/postgresql")
_SECONDS: Final = 60.0
# The tests kill no machine, so the disk need not be waited for.
_QUICK: Final = ("-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_wal_senders=0")


def find_binaries() -> Path | None:
    """Return the folder with `initdb` and `postgres`, the newest; None where there is none."""
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).parent
    versions = sorted(_DEBIAN.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return versions[-1].parent if versions else None


class PostgresServer:
    """A server that can be stopped and started, with the superuser `teacher`.

    Through its socket it trusts everyone; over TCP it asks for `PASSWORD`.
    """

    def __init__(self, binaries: Path) -> None:
        self._binaries = binaries
        self._process: subprocess.Popen[bytes] | None = None
        self._made = 0
        self.port: Final = _free_port()
        self.folder: Final = Path(tempfile.mkdtemp(prefix="dlcourse-pg-"))
        # The server refuses to run as root.
        self._user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        self._initialise()

    @property
    def over_tcp(self) -> str:
        """The beginning of a URL with a host, without a database."""
        return f"postgresql://{OWNER}@127.0.0.1:{self.port}"

    def url(self, database: str, user: str = OWNER) -> str:
        """Return a URL that needs no password."""
        return f"postgresql://{user}@/{database}?host={self.folder}&port={self.port}"

    def database(self) -> str:
        """Make an empty database and return its name."""
        self._made += 1
        name = f"class_{self._made}"
        self.execute(f"CREATE DATABASE {name}")
        return name

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run a statement as the superuser, and return its rows."""
        with self._connect(database) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def start(self) -> None:
        """Start the server and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            self._process = self._popen(
                *("postgres", "-D", self._data, "-k", str(self.folder), "-p", str(self.port)),
                *("-h", "127.0.0.1", *_QUICK),
                log=log.fileno(),
            )
        end = time.monotonic() + _SECONDS
        while not self._answers():
            assert self._process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < end, "the server does not start"
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop the server at once; whoever is connected is cut off."""
        if self._process is not None:
            self._process.send_signal(2)  # "fast shutdown"
            self._process.wait(_SECONDS)
            self._process = None

    def remove(self) -> None:
        """Stop the server and remove its folder."""
        self.stop()
        shutil.rmtree(self.folder)

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    def _initialise(self) -> None:
        secret = self.folder / "secret"
        secret.write_text(f"{PASSWORD}\n")
        for path in (self.folder, secret):
            os.chown(path, self._user.pw_uid if self._user else -1, -1)
        making = self._popen(
            *("initdb", "-D", self._data, "-U", OWNER, "--pwfile", str(secret), "--no-sync"),
            *("--auth-local=trust", "--auth-host=scram-sha-256", "-E", "UTF8", "--locale=C"),
        )
        said, _ = making.communicate(timeout=_SECONDS)
        assert making.returncode == 0, said.decode()

    def _popen(
        self, program: str, *arguments: str, log: int | None = None
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [self._binaries / program, *arguments],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if log is None else log,
            stderr=subprocess.STDOUT,
            user=self._user.pw_uid if self._user else None,
            group=self._user.pw_gid if self._user else None,
        )

    def _connect(self, database: str) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host=str(self.folder), port=self.port, user=OWNER, dbname=database, autocommit=True
        )

    def _answers(self) -> bool:
        try:
            self._connect("postgres").close()
        except psycopg.OperationalError:
            return False
        return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
