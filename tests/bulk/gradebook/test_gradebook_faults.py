"""What happens to a gradebook when everything around it goes wrong."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from class_work import an_attempt, record
from postgres_server import OWNER, PASSWORD

from dlcourse.bulk.gradebook import Gradebook
from dlcourse.errors import CourseError, DlcourseError, UnavailableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postgres_server import PostgresServer

RECORDER = Path(__file__).with_name("recorder.py")
NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount and change users")


def recorder(place: str | Path, *options: str) -> subprocess.Popen[str]:
    """Start a program that records results until it is stopped."""
    command = [sys.executable, RECORDER, place, *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def ended(place: str | Path, *options: str) -> tuple[int, list[str]]:
    """Return how a recorder that must come to an end ended, and what it printed."""
    process = recorder(place, *options)
    said, _ = process.communicate(timeout=120)
    return process.returncode, said.splitlines()


def refusal(place: str | Path, kind: type[DlcourseError], **options: bool) -> str:
    """Return the message with which opening a gradebook is refused."""
    with pytest.raises(kind) as caught:
        Gradebook.open(place, patience=0.2, **options)
    assert type(caught.value) is kind
    return str(caught.value)


def numbers(place: str | Path) -> set[str]:
    """Return the numbers of all results in a gradebook that count."""
    with Gradebook.open(place) as book:
        return {str(result.id) for _, result in book.counting() if result}


def test_a_killed_program_loses_nothing(place: str) -> None:
    """Every result that was recorded is there after `kill -9`, and the gradebook goes on."""
    process = recorder(place)
    assert process.stdout is not None
    recorded = [process.stdout.readline().strip() for _ in range(20)]
    process.send_signal(signal.SIGKILL)
    rest, _ = process.communicate()
    recorded += [line for line in rest.split("\n")[:-1] if line]
    kept = numbers(place)
    assert kept >= set(recorded)
    assert len(kept) <= len(recorded) + 1
    with Gradebook.open(place) as book:
        attempt = an_attempt(book, "another")
        assert record(book, attempt).id > int(recorded[-1])
        assert book.latest(attempt) is not None


def test_two_programs_make_one_gradebook(place: str) -> None:
    """Programs that start at once make the gradebook once, and add an attempt once."""

    def add(_: int) -> int:
        with Gradebook.open(place, create=True) as book:
            return an_attempt(book).id

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(add, range(4)))) == 1
    with Gradebook.open(place) as book:
        assert len(book.attempts()) == 1


def test_sqlite_is_set_to_keep_what_it_is_given(tmp_path: Path) -> None:
    """The file has a write-ahead log, every commit reaches the disk, and references hold."""
    with Gradebook.open(tmp_path / "gradebook.db", create=True) as book:
        settings = {
            name: book._connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


@pytest.mark.postgres
def test_postgresql_is_set_to_keep_what_it_is_given(server: PostgresServer) -> None:
    """A database that answers before it has written is told to write first."""
    database = server.database()
    server.execute(f"ALTER DATABASE {database} SET synchronous_commit TO off")
    with Gradebook.open(server.url(database), create=True) as book:
        asked = "SHOW synchronous_commit"
        assert book._connection.exec_driver_sql(asked).scalar() == "on"


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Hold the right to write to a gradebook, as another program does."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def test_a_gradebook_is_read_while_another_program_writes(tmp_path: Path) -> None:
    """Readers see what is committed and wait for nobody."""
    path = tmp_path / "gradebook.db"
    with Gradebook.open(path, create=True, patience=0.2) as book:
        result = record(book, an_attempt(book))
        with writing(path), Gradebook.open(path, patience=0.2) as reader:
            assert [found for _, found in reader.counting()] == [result]


def test_a_second_writer_waits_and_is_told(tmp_path: Path) -> None:
    """Who cannot write in time is told why, and can go on when the other has ended."""
    path = tmp_path / "gradebook.db"
    with Gradebook.open(path, create=True, patience=0.2) as book:
        with writing(path), pytest.raises(UnavailableError) as caught:
            an_attempt(book)
        assert str(caught.value) == (
            f"another process is writing to `{path}`: wait until it has ended, and start again."
        )
        an_attempt(book)


@pytest.mark.postgres
def test_a_second_writer_to_a_server_is_told(server: PostgresServer) -> None:
    """A table that another session keeps locked is waited for, and then told of."""
    place = server.url(server.database())
    with (
        Gradebook.open(place, create=True) as other,
        Gradebook.open(place, patience=0.2) as book,
        other._connection.begin(),
    ):
        other._connection.exec_driver_sql("LOCK TABLE attempt")
        with pytest.raises(UnavailableError) as caught:
            an_attempt(book)
    assert str(caught.value) == (
        f"another process is writing to `{book.shown}`: wait until it has ended, and start again."
    )


def check_full_disk(path: Path, said: list[str]) -> None:
    """Check that what was recorded before the disk was full is there, and readable then and now."""
    *recorded, readable, message = said
    assert len(recorded) > 3
    assert "the last committed result is safe: start again once there is room" in message
    assert str(path) in message
    assert readable == f"still readable: {len(recorded)}"
    assert numbers(path) == set(recorded)
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_file_that_may_not_grow_loses_nothing(tmp_path: Path) -> None:
    """Where the system refuses to write more, the program ends with what it has, and goes on."""
    path = tmp_path / "gradebook.db"
    code, said = ended(path, "--files", "300000")
    assert code == 3
    check_full_disk(path, said)
    with Gradebook.open(path) as book:
        assert book.latest(book.attempts()[-1]) is None
        assert record(book, book.attempts()[-1]) in [found for _, found in book.counting()]


@as_root
def test_a_full_disk_loses_nothing() -> None:
    """On a disk that is full the program ends with what it has, and goes on when there is room."""
    with TemporaryDirectory() as folder:
        mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", folder]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("nothing can be mounted here")
        try:
            path = Path(folder) / "gradebook.db"
            code, said = ended(path)
            assert code == 3
            assert said[-1].startswith(f"the disk that holds `{path}` is full; the last committed")
            check_full_disk(path, said)
            subprocess.run(["mount", "-o", "remount,size=4m", folder], check=True)
            with Gradebook.open(path) as book:
                assert record(book, an_attempt(book, "another")).attempt
        finally:
            subprocess.run(["umount", folder], check=True)


@pytest.mark.postgres
def test_a_full_server_loses_nothing(server: PostgresServer) -> None:
    """A server whose disk is full is told of, and the gradebook goes on when there is room."""
    place = server.url(server.database())
    with Gradebook.open(place, create=True) as book:
        first = record(book, an_attempt(book))
        database = book.shown.rpartition("/")[2].partition("?")[0]
        # The server's own error for a full disk, raised by itself.
        server.execute(
            "CREATE FUNCTION dlcourse.full() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'disk_full'; END $$;"
            "CREATE TRIGGER full_disk BEFORE INSERT ON dlcourse.decision"
            " EXECUTE FUNCTION dlcourse.full()",
            database,
        )
        with pytest.raises(CourseError) as caught:
            record(book, an_attempt(book, "bob"))
        assert str(caught.value) == (
            f"the disk behind `{book.shown}` is full; the last committed result is safe:"
            " start again once there is room."
        )
        assert [result for _, result in book.counting()] == [first, None]
        server.execute("DROP TRIGGER full_disk ON dlcourse.decision", database)
        assert record(book, an_attempt(book, "bob")).id > first.id


def test_a_folder_is_no_gradebook(tmp_path: Path) -> None:
    """A folder is refused with the name of a file in it."""
    assert refusal(tmp_path, UsageError, create=True) == (
        f"`{tmp_path}` is a folder: name a file in it, as `{tmp_path}/gradebook.db`."
    )


def test_a_device_is_no_gradebook() -> None:
    """What is no plain file is refused without being opened."""
    assert refusal("/dev/null", UsageError, create=True) == (
        "`/dev/null` is no plain file: name another one."
    )


def test_a_gradebook_that_is_not_there_is_not_made_to_be_read(tmp_path: Path) -> None:
    """Only who grades makes a gradebook; who reads is told that there is none."""
    path = tmp_path / "gradebook.db"
    assert refusal(path, UsageError) == (
        f"`{path}` does not exist: grade a class first, or correct the name."
    )
    assert not path.exists()


def test_an_empty_file_holds_no_gradebook_yet(tmp_path: Path) -> None:
    """An empty file is no gradebook to read, but one can be made in it."""
    path = tmp_path / "gradebook.db"
    path.touch()
    assert refusal(path, UsageError) == f"`{path}` holds no gradebook yet: grade a class first."
    with Gradebook.open(path, create=True) as book:
        assert book.students() == ()


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """A folder that is not there comes with the command that makes it."""
    path = tmp_path / "none" / "gradebook.db"
    assert refusal(path, UsageError, create=True) == (
        f"`{path}` has no folder to stand in: type `mkdir -p {path.parent}`, or correct it."
    )


@pytest.mark.parametrize("content", [b"student,score\nada,1\n" * 99, b"SQLite", b"\0" * 5000])
def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path, content: bytes) -> None:
    """A file of another kind is refused and not touched."""
    path = tmp_path / "grades.csv"
    path.write_bytes(content)
    assert refusal(path, UsageError, create=True) == (
        f"`{path}` is no database: name another file, and the gradebook is made there."
    )
    assert path.read_bytes() == content


def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    """Another program's SQLite file is refused and not touched."""
    path = tmp_path / "gradebook.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE student (id INTEGER)")
        other.commit()
    content = path.read_bytes()
    assert refusal(path, UsageError, create=True) == (
        f"`{path}` belongs to another program: name another place, and the gradebook is made there."
    )
    assert path.read_bytes() == content
    assert [file.name for file in tmp_path.iterdir()] == ["gradebook.db"]


@pytest.mark.postgres
def test_the_tables_of_another_program_are_not_in_the_way(server: PostgresServer) -> None:
    """On a server, a gradebook lives beside tables of the same names."""
    database = server.database()
    server.execute("CREATE TABLE student (id int)", database)
    with Gradebook.open(server.url(database), create=True) as book:
        record(book, an_attempt(book))
    assert server.execute("SELECT count(*) FROM public.student", database) == [(0,)]


@pytest.mark.postgres
def test_a_schema_of_another_program_is_left_alone(server: PostgresServer) -> None:
    """Where the gradebook's own schema holds something else, nothing is made in it."""
    database = server.database()
    server.execute("CREATE SCHEMA dlcourse CREATE TABLE student (id int)", database)
    message = refusal(server.url(database), UsageError, create=True)
    assert "belongs to another program: name another place" in message


@pytest.mark.postgres
def test_an_empty_database_holds_no_gradebook_yet(server: PostgresServer) -> None:
    """Only who grades makes a gradebook on a server, too."""
    database = server.database()
    message = refusal(server.url(database), UsageError)
    assert message.endswith(f"port={server.port}` holds no gradebook yet: grade a class first.")
    assert server.execute("SELECT 1 FROM pg_namespace WHERE nspname = 'dlcourse'", database) == []


def test_a_gradebook_of_a_newer_program_is_left_alone(place: str) -> None:
    """A gradebook whose tables this program does not know is told of, with what to type."""
    with Gradebook.open(place, create=True) as book, book._connection.begin():
        book._connection.exec_driver_sql(
            "INSERT INTO gradebook VALUES (2, 'dlcourse 9.0', '2030-01-01 00:00:00')"
        )
    assert refusal(place, CourseError) == (
        f"`{book.shown}` was made by `dlcourse 9.0` in version 2 of the gradebook, but this program"
        " reads version 1: type `pip install --upgrade dlcourse`."
    )


def test_a_damaged_gradebook_is_told(tmp_path: Path) -> None:
    """A file that is damaged inside is told of, with what can be done."""
    path = tmp_path / "gradebook.db"
    with Gradebook.open(path, create=True) as book:
        for number in range(30):
            record(book, an_attempt(book, f"s{number}"))
    content = bytearray(path.read_bytes())
    for start in range(4096, len(content), 4096):
        content[start : start + 64] = b"\xff" * 64
    path.write_bytes(content)
    with pytest.raises(CourseError) as caught, Gradebook.open(path) as book:
        book.attempts()
    assert str(caught.value) == (
        f"`{path}` is damaged: keep a copy, and put back its last good one, or save what can be"
        " read with `sqlite3 FILE .recover`."
    )


@as_root
@pytest.mark.parametrize("mode", [0o444, 0o000])
def test_a_file_that_may_not_be_written_is_told(mode: int) -> None:
    """A gradebook of somebody else is told of when it is opened to grade."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "gradebook.db"
        with Gradebook.open(path, create=True):
            pass
        path.chmod(mode)
        Path(folder).chmod(0o755)
        code, (message,) = ended(path, "--user", str(NOBODY))
    assert code == 2
    what = "written: make the file and its folder writable" if mode else "opened: make"
    assert message.startswith(f"`{path}` cannot be {what}")


@as_root
def test_a_folder_that_may_not_be_written_is_told() -> None:
    """A folder in which nothing can be made is told of."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "gradebook.db"
        Path(folder).chmod(0o755)
        code, (message,) = ended(path, "--user", str(NOBODY))
    assert code == 2
    assert message == (
        f"`{path}` cannot be opened: make the file and its folder readable and writable, or name"
        " another one."
    )


def test_a_server_that_is_not_there_is_told(tmp_path: Path) -> None:
    """An address where nothing answers is told with the reason, over TCP and over a socket."""
    message = refusal("postgresql://ada:s3cret@127.0.0.1:1/class", UnavailableError)
    assert message.startswith("no server answers for `postgresql://ada@127.0.0.1:1/class` (")
    assert message.endswith("): start the server, or correct the address.")
    assert "refused" in message
    message = refusal(f"postgresql://ada@/class?host={tmp_path}", UnavailableError)
    assert "No such file or directory" in message


@pytest.mark.postgres
@pytest.mark.parametrize("given", [":s3cret-wr0ng", ""])
def test_a_refused_password_is_told_and_not_shown(
    server: PostgresServer, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong or missing password is told of, with where to write it, and never repeated."""
    monkeypatch.setenv("PGPASSFILE", "/nonexistent")
    place = server.over_tcp.replace(OWNER, f"{OWNER}{given}") + "/postgres"
    assert refusal(place, UsageError, create=True) == (
        f"the server of `{server.over_tcp}/postgres` refuses the password: write it to `~/.pgpass`"
        " or set `PGPASSWORD`, and start again."
    )


@pytest.mark.postgres
def test_a_password_in_the_address_opens_and_is_not_shown(server: PostgresServer) -> None:
    """A password with signs that URLs escape opens the gradebook, and no name of it repeats it."""
    database = server.database()
    escaped = quote(PASSWORD, safe="")
    assert escaped == "quite%3A%20s3cret%2F%40"
    places = (
        server.over_tcp.replace(OWNER, f"{OWNER}:{escaped}") + f"/{database}",
        f"{server.over_tcp}/{database}?password={escaped}",
    )
    for place in places:
        with Gradebook.open(place, create=True) as book:
            assert book.shown == f"{server.over_tcp}/{database}"
            assert "s3cret" not in f"{book!r} {book._connection.engine!r}"


@pytest.mark.postgres
def test_a_database_or_user_that_is_not_there_is_told(server: PostgresServer) -> None:
    """What has to be made first is named, with the commands that make it."""
    for place, what in (
        (server.url("nothing"), 'database "nothing" does not exist'),
        (server.url("postgres", user="eve"), 'role "eve" does not exist'),
    ):
        message = refusal(place, UsageError)
        assert what in message
        assert message.endswith(
            "make what is missing with `createdb` or `createuser`, or correct the name."
        )


@pytest.mark.postgres
def test_a_user_who_may_make_no_tables_is_told(server: PostgresServer) -> None:
    """A user without the right to make a gradebook is told what the owner has to type."""
    database = server.database()
    server.execute("CREATE ROLE reader LOGIN")
    place = server.url(database, user="reader")
    assert refusal(place, UsageError, create=True).endswith(
        "may not use it as a gradebook: let its owner type `GRANT CREATE ON DATABASE … TO …`, or"
        " name another user."
    )


@pytest.mark.postgres
def test_a_server_in_standby_is_told(server: PostgresServer) -> None:
    """A database that takes no changes is told of."""
    database = server.database()
    server.execute(f"ALTER DATABASE {database} SET default_transaction_read_only TO on")
    assert refusal(server.url(database), UsageError, create=True).endswith(
        "takes no changes, as a server in standby does: name the server that does."
    )


@pytest.mark.postgres
def test_a_server_that_goes_away_loses_nothing(server: PostgresServer) -> None:
    """A server stopped between two results is told of; when it is back, the work goes on."""
    with Gradebook.open(server.url(server.database()), create=True) as book:
        attempt = an_attempt(book)
        first = record(book, attempt)
        server.stop()
        try:
            with pytest.raises(UnavailableError) as caught:
                record(book, attempt)
            with pytest.raises(UnavailableError):
                book.students()
        finally:
            server.start()
        assert str(caught.value) == (
            f"the server of `{book.shown}` went away: start again when it is back; what was"
            " recorded is kept, and nothing is half-written."
        )
        assert book.results(attempt) == (first,)
        assert record(book, attempt).id > first.id


@pytest.mark.postgres
def test_a_server_that_goes_away_in_the_middle_leaves_no_half(server: PostgresServer) -> None:
    """A session that is ended between the statements of one record leaves nothing of it."""
    with Gradebook.open(server.url(server.database()), create=True) as book:
        attempt = an_attempt(book)
        database = book.shown.rpartition("/")[2].partition("?")[0]
        # Adding the decision about a result ends the session that adds it.
        server.execute(
            "CREATE FUNCTION dlcourse.die() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$;"
            "CREATE TRIGGER die BEFORE INSERT ON dlcourse.decision"
            " FOR EACH ROW EXECUTE FUNCTION dlcourse.die()",
            database,
        )
        with pytest.raises(UnavailableError, match="went away: start again when it is back"):
            record(book, attempt)
        server.execute("DROP TRIGGER die ON dlcourse.decision", database)
        assert server.execute("SELECT count(*) FROM dlcourse.result", database) == [(0,)]
        assert record(book, attempt) == book.latest(attempt)


def test_without_psycopg_one_sentence_says_what_to_type() -> None:
    """Where psycopg is not installed, an address of a server comes with the line to type."""
    program = textwrap.dedent("""
        import sys
        sys.modules["psycopg"] = None  # Python's own way to say that a module is not there
        from dlcourse.bulk.gradebook import Gradebook
        from dlcourse.errors import UnavailableError
        try:
            Gradebook.open("postgresql://ada:s3cret@host/class")
        except UnavailableError as error:
            print(error)
    """)
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert said.stdout.decode() == (
        "`postgresql://ada@host/class` needs psycopg, which is not installed: type"
        " `pip install 'dlcourse[postgres]'`.\n"
    )


SERVER = "postgresql://USER@HOST/DATABASE"
NAMES = f"`gradebook.db`, `sqlite:///gradebook.db` or `{SERVER}`"


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("mysql://ada:s3cret@h/d", f"`mysql://…` is no kind of gradebook: name {NAMES}."),
        ("sqlite://", f"`sqlite://` names no file: name {NAMES}."),
        ("sqlite:///", f"a gradebook needs the name of a file: name {NAMES}."),
        ("", f"a gradebook needs the name of a file: name {NAMES}."),
        ("a\0b", f"a gradebook needs the name of a file: name {NAMES}."),
        (
            "postgresql://ada:s3cret@host:door/class",
            f"`postgresql://…` is no address of a database: name one like `{SERVER}`.",
        ),
    ],
)
def test_an_address_of_another_kind_is_refused(place: str, message: str) -> None:
    """What is no address of a gradebook is refused with examples, and without its password."""
    assert refusal(place, UsageError, create=True) == message


@pytest.mark.parametrize("beginning", ["", "sqlite:///"])
@pytest.mark.parametrize("name", [":memory:", "file:a?mode=memory", "a b%41?#", "half \udcff"])
def test_a_file_may_have_any_name(
    beginning: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative name with signs that mean something to SQLite names a file all the same."""
    monkeypatch.chdir(tmp_path)
    with Gradebook.open(f"{beginning}{name}", create=True):
        pass
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_copy_of_the_file_is_a_gradebook(tmp_path: Path) -> None:
    """A gradebook that is closed is one file, which may be copied and moved."""
    with Gradebook.open(tmp_path / "gradebook.db", create=True) as book:
        result = record(book, an_attempt(book))
    assert [path.name for path in tmp_path.iterdir()] == ["gradebook.db"]
    shutil.copy(tmp_path / "gradebook.db", tmp_path / "copy.db")
    assert numbers(tmp_path / "copy.db") == {str(result.id)}
