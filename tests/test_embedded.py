"""The embedded servers: data kept, crashes survived, left-overs dealt with."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from redis import Redis
from redis.exceptions import AuthenticationError

from ingest.errors import ServerStartError, SettingError
from ops.local import embedded_postgres, embedded_valkey, postgres_programs, system_user
from ops.local.server import Server, command_line, free_port, make_data_dir, wait_until_ready
from ops.local.supervisor import Supervisor
from tests.processes import wait_pumping, wait_until


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A data folder, still empty."""
    folder = tmp_path / "data"
    make_data_dir(folder)
    return folder


def is_private(path: Path) -> bool:
    """Whether only its owner may read or write it."""
    return path.stat().st_mode & 0o077 == 0


@contextmanager
def supervised(server: Server) -> Iterator[Supervisor]:
    """Run a server until the block ends."""
    supervisor = Supervisor(lambda *_: None)
    supervisor.start(server.process)
    try:
        wait_until_ready(server, supervisor.pump)
        yield supervisor
    finally:
        supervisor.stop([server.process.name])


def test_postgres_keeps_data(data_dir: Path) -> None:
    """Rows are there again at the next start, under the same URL, and no port is open."""
    server = embedded_postgres.prepare(data_dir)
    with supervised(server), psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        assert connection.execute("SHOW max_locks_per_transaction").fetchone() == ("256",)

    again = embedded_postgres.prepare(data_dir)
    with supervised(again), psycopg.connect(again.url) as connection:
        assert connection.execute("SELECT one FROM kept").fetchone() == (1,)
    assert again.url == server.url


@pytest.mark.parametrize("name", ["with space", "a,b", "100%", 'quo"te', "x" * 100])
def test_postgres_in_odd_folder(tmp_path: Path, name: str) -> None:
    """A checkout may be in any folder: its path is no reason not to start. Postgres asks for no password, so nobody
    else may reach its socket, wherever that is, nor look into its log."""
    folder = tmp_path / name
    make_data_dir(folder)
    server = embedded_postgres.prepare(folder)
    with supervised(server), psycopg.connect(server.url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        sockets = Path(connection.info.host)
        assert is_private(sockets)
        assert is_private(sockets / ".s.PGSQL.5432")
        assert is_private(folder / "postgres.log")


def test_postgres_log_holds_no_row(data_dir: Path) -> None:
    """What Postgres logs of an error names it without the row that it was about."""
    server = embedded_postgres.prepare(data_dir)
    with supervised(server), psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE people (name text UNIQUE)")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("INSERT INTO people VALUES (%s), (%s)", ["Budi"] * 2)

    log = (data_dir / "postgres.log").read_text()
    assert "duplicate key" in log
    assert "Budi" not in log


def test_servers_are_told_no_secrets(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokens, and the other server's password, are not in a server's environment."""
    for name in ("INGEST_TOKENS", "DATABASE_URL", "REDIS_URL", "RQ_DASHBOARD_PASSWORD"):
        monkeypatch.setenv(name, "s3cret")

    for server in (embedded_postgres.prepare(data_dir), embedded_valkey.prepare(data_dir)):
        assert "s3cret" not in server.process.environ.values()
        assert server.process.environ["PATH"] == os.environ["PATH"]


def test_unusable_data_dir_is_named(tmp_path: Path) -> None:
    """A data folder that cannot be made is an error that names the variable to set."""
    (tmp_path / "file").write_text("")

    with pytest.raises(SettingError, match=f"^INGEST_DATA_DIR={tmp_path / 'file'} cannot be used: "):
        make_data_dir(tmp_path / "file")


def test_postgres_survives_kill(data_dir: Path) -> None:
    """Postgres that was killed (-9) is started again by the supervisor and recovers what was committed."""
    server = embedded_postgres.prepare(data_dir)
    with supervised(server) as supervisor:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
        os.kill(int((data_dir / "postgres/data/postmaster.pid").read_text().split()[0]), signal.SIGKILL)
        wait_pumping(supervisor, lambda: not server.answers(), "it is gone")
        wait_until_ready(server, supervisor.pump)
        with psycopg.connect(server.url) as connection:
            assert connection.execute("SELECT one FROM kept").fetchone() == (1,)


def test_leftover_postgres_is_stopped(data_dir: Path) -> None:
    """A Postgres that outlived its supervisor is stopped before another one starts on its data."""
    server = embedded_postgres.prepare(data_dir)
    first = Supervisor(lambda *_: None)
    first.start(server.process)
    wait_until_ready(server, first.pump)

    again = embedded_postgres.prepare(data_dir)

    wait_until(lambda: first.exit_code("postgres") is not None, "the left-over has ended")
    with supervised(again):
        pass


def test_pid_of_somebody_else_is_left_alone(data_dir: Path) -> None:
    """A pid file that outlived a restart of the machine stops neither an innocent process nor the next start."""
    server = embedded_postgres.prepare(data_dir)
    lock = data_dir / "postgres/data/postmaster.pid"
    with supervised(server):
        content = lock.read_text()
    with subprocess.Popen(["sleep", "600"], user=server.process.user) as innocent:
        lock.write_text(content.replace(content.split()[0], str(innocent.pid), 1))

        with supervised(embedded_postgres.prepare(data_dir)):
            assert innocent.poll() is None
        innocent.kill()


def test_half_made_cluster_is_made_anew(data_dir: Path) -> None:
    """An initdb that was cut off leaves nothing that stops the next start."""
    unfinished = data_dir / "postgres" / "unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")

    with supervised(embedded_postgres.prepare(data_dir)):
        assert not unfinished.exists()


def test_long_path_gets_short_socket(tmp_path: Path) -> None:
    """A data folder whose path is too long for a socket works all the same."""
    folder = tmp_path / ("long" * 15) / ("path" * 15)
    make_data_dir(folder)

    server = embedded_postgres.prepare(folder)

    assert str(folder) not in server.url
    with supervised(server), psycopg.connect(server.url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody can get into, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def modes(folder: Path) -> dict[Path, int]:
    """The modes of a folder and of those above it."""
    return {one: one.stat().st_mode for one in (folder, *folder.parents)}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to run Postgres as somebody else")
def test_closed_folders_stay_closed(open_folder: Path) -> None:
    """As root a checkout may be where nobody else can get, as below /root: nothing above the data is opened, Postgres
    keeps its data there, survives a kill, and what it leaves over is stopped."""
    closed = open_folder / "closed"
    closed.mkdir(mode=0o700)
    data_dir = closed / "data"
    make_data_dir(data_dir)
    before = modes(data_dir)

    server = embedded_postgres.prepare(data_dir)
    with supervised(server), psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
        again = embedded_postgres.prepare(data_dir)
    with supervised(again), psycopg.connect(again.url) as connection:
        assert connection.execute("SELECT one FROM kept").fetchone() == (1,)
        assert is_private(Path(connection.info.host))

    assert modes(data_dir) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to run Postgres as somebody else")
def test_programs_out_of_reach_are_copied(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where root has installed them for itself alone, the system user runs a copy; they stay closed."""
    closed, copies = open_folder / "closed", open_folder / "copies"
    closed.mkdir(mode=0o700)
    package = postgres_programs.programs().parents[1]
    for folder in (package, package.with_name("embedded_postgres.libs")):
        shutil.copytree(folder, closed / folder.name)
    monkeypatch.setattr(postgres_programs, "_package", lambda: closed / "embedded_postgres")
    monkeypatch.setattr(postgres_programs, "COPIES", copies)
    data_dir = open_folder / "data"
    make_data_dir(data_dir)

    server = embedded_postgres.prepare(data_dir)

    assert server.process.command[0].startswith(str(copies))
    with supervised(server), psycopg.connect(server.url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert closed.stat().st_mode & 0o077 == 0


def test_copy_that_another_process_has_made_is_taken(tmp_path: Path) -> None:
    """Of two that copy the programs at once the slower one uses the other's, and leaves nothing behind."""
    postgres_programs._copy(tmp_path / "copy")
    postgres_programs._copy(tmp_path / "copy")

    assert os.listdir(tmp_path) == ["copy"]


@pytest.mark.parametrize("is_made_by_another", [True, False])
def test_system_user_may_be_made_by_another_process(
    monkeypatch: pytest.MonkeyPatch, *, is_made_by_another: bool
) -> None:
    """Of two that make the user at once one is refused by useradd."""
    monkeypatch.setattr(system_user, "SYSTEM_USER", "nobody-of-this-name")
    monkeypatch.setattr(system_user, "_OTHERS_SECONDS", 0.2)
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/sbin/useradd")

    def refuse(*_: object) -> subprocess.CompletedProcess[str]:
        if is_made_by_another:
            monkeypatch.setattr(system_user, "SYSTEM_USER", "daemon")
        return subprocess.CompletedProcess([], 9, "useradd: cannot lock /etc/passwd; try again later.")

    monkeypatch.setattr(system_user, "run_as", refuse)

    with nullcontext() if is_made_by_another else pytest.raises(ServerStartError, match="could not be made"):
        system_user._make_system_user()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make somebody else's folder")
@pytest.mark.parametrize("is_link", [False, True])
def test_somebody_elses_socket_folder_is_refused(tmp_path: Path, is_link: bool) -> None:
    """Whoever made the folder under /tmp could answer in Postgres's place; it is neither used nor taken over."""
    folder = tmp_path / ("x" * 100)
    make_data_dir(folder)
    short = Path(parse_qs(urlsplit(embedded_postgres.prepare(folder).url).query)["host"][0])
    shutil.rmtree(short)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    if is_link:
        short.symlink_to(elsewhere)
    else:
        short.mkdir()
        os.chown(short, 65534, 65534)
    try:
        with pytest.raises(ServerStartError, match=f"^{short} belongs to somebody else"):
            embedded_postgres.prepare(folder)
        assert is_link or short.stat().st_uid == 65534
        assert elsewhere.stat().st_uid == 0
    finally:
        short.unlink() if is_link else short.rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make somebody else's folder")
def test_somebody_elses_data_folder_is_refused(tmp_path: Path) -> None:
    """It is theirs, whatever root may do."""
    folder = tmp_path / "theirs"
    folder.mkdir(mode=0o777)
    os.chown(folder, 65534, 65534)

    with pytest.raises(SettingError, match="belongs to somebody else"):
        make_data_dir(folder)

    assert folder.stat().st_uid == 65534


def test_data_is_closed_to_others(data_dir: Path) -> None:
    """Nobody else on the machine can look into the servers' folders, or read Valkey's password."""
    embedded_postgres.prepare(data_dir)
    embedded_valkey.prepare(data_dir)

    for folder in ("postgres", "valkey"):
        assert is_private(data_dir / folder)
    for file in ("access.json", "valkey.conf"):
        assert is_private(data_dir / "valkey" / file)


def test_password_is_nowhere_to_be_seen(data_dir: Path) -> None:
    """Valkey listens on loopback alone, and its password is neither in `ps` nor in its log, which is private too."""
    server = embedded_valkey.prepare(data_dir)
    where = urlsplit(server.url)
    assert where.password
    with supervised(server), Redis.from_url(server.url) as client:
        assert where.password not in command_line(client.info("server")["process_id"])
        with socket.socket() as stranger, pytest.raises(OSError):  # noqa: PT011 - refused, or no such address
            stranger.connect(("127.0.0.2", where.port))
        with Redis(port=int(where.port or 0), password="wrong") as stranger, pytest.raises(AuthenticationError):
            stranger.ping()

    log = data_dir / "valkey.log"
    assert where.password not in log.read_text()
    assert is_private(log)


def test_valkey_keeps_data(data_dir: Path) -> None:
    """What was confirmed is there after a kill (-9), under the same URL; and a password is asked for."""
    server = embedded_valkey.prepare(data_dir)
    with supervised(server) as supervisor, Redis.from_url(server.url) as client:
        assert client.config_get("append*")["appendfsync"] == "always"
        client.set("kept", "1")
        os.kill(client.info("server")["process_id"], signal.SIGKILL)
        wait_pumping(supervisor, lambda: not server.answers(), "it is gone")
        wait_until_ready(server, supervisor.pump)
        assert client.get("kept") == b"1"
        port = client.connection_pool.connection_kwargs["port"]
        with Redis(port=port) as stranger, pytest.raises(Exception, match="authenticated"):
            stranger.get("kept")

    assert embedded_valkey.prepare(data_dir).url == server.url


def test_leftover_valkey_is_stopped(data_dir: Path) -> None:
    """A Valkey that outlived its supervisor is stopped, and the port kept."""
    server = embedded_valkey.prepare(data_dir)
    with supervised(server) as first:
        again = embedded_valkey.prepare(data_dir)
        wait_until(lambda: first.exit_code("valkey") is not None, "the left-over has ended")
    assert again.url == server.url


def test_start_failure_shows_log(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that does not start is an error that names its log and shows its end."""
    monkeypatch.setattr("ops.local.server.START_SECONDS", 5.0)
    server = embedded_valkey.prepare(data_dir)
    (data_dir / "valkey" / "valkey.conf").write_text("nonsense yes\n")

    with pytest.raises(ServerStartError, match="Bad directive"), supervised(server):
        pass


def test_port_is_none_of_connections_that_go_out() -> None:
    """One of those could take it before its server starts."""
    lowest = 32_768  # of Linux, where nobody has set another; macOS begins at 49,152
    assert all(1024 <= free_port() < lowest for _ in range(100))
