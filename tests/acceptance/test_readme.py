"""From `ingest up` to the tables, as README tells a newcomer."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from ops.local.server import command_line
from ops.simulator.pushes import generate
from tests.ports import free_port
from tests.processes import INGEST, descendants, wait_until
from tests.running_up import Up, are_gone, running_up

pytestmark = pytest.mark.acceptance

QUERIES = Path(__file__).parents[2] / "docs" / "queries.md"


def test_newcomers_first_hour(tmp_path: Path) -> None:
    """Up, the printed curl, `ingest send`, SQL: every good push is a call with its turns, every bad one a dead letter,
    nothing is missing and nothing failed; and after a stop and another start it is all there again."""
    with running_up(tmp_path) as up:
        curl = re.search(r"Try it +(curl .*)", up.printed)
        assert curl
        answered = subprocess.run(["sh", "-c", curl[1]], check=True, capture_output=True, text=True)
        assert answered.stdout == "{}\n"

        sent = up.ingest("send", "--count", "2000", "--rate", "500", "--seed", "7", "--bad", "1%")
        assert sent.returncode == 0, sent.stdout + sent.stderr
        assert "as expected  2000" in sent.stdout
        wait_until(lambda: _is_quiet(up), "everything is settled")
        _check_tables(up)
        assert (httpx.URL(up.urls()["REDIS_URL"]).password or "none") not in up.printed
        for query in re.findall(r"```sql\n(-- as airudder.*?);\n```", QUERIES.read_text(), re.DOTALL):
            up.query(query)
        with httpx.Client(base_url=f"http://127.0.0.1:{up.environ['DASHBOARD_PORT']}") as console:
            password = (Path(up.environ["INGEST_DATA_DIR"]) / "console-password").read_text().strip()
            assert console.post("/login", data={"name": "operator", "password": password}).status_code == 303
            assert "received, last 24 h" in console.get("/").text
            assert "normalise" in console.get("/rq/0/data/queues.json").text
        pids = descendants(up.process.pid)
        assert len(pids) > 5
        password = httpx.URL(up.urls()["REDIS_URL"]).password
        assert password
        assert not [pid for pid in pids if password in command_line(pid)]
        assert (tmp_path / "data" / "running.json").stat().st_mode & 0o077 == 0
        assert up.stop(signal.SIGINT) == 0
        assert up.printed.endswith("stopped\n")
        wait_until(lambda: are_gone(pids), "nothing of it is left running")

    with running_up(tmp_path) as up:
        _check_tables(up)


def _is_quiet(up: Up) -> bool:
    status = json.loads(up.ingest("status", "--json").stdout)
    assert status["redis"]["in_flight"]["jobs_failed"] == 0
    return bool(status["redis"]["in_flight"]["pushes"] == 0)


def _check_tables(up: Up) -> None:
    pushes = list(generate(seed=7, count=2000, bad_share=0.01))
    turns = {push.call_id: push.turns for push in pushes if not push.is_bad}
    stored = up.query(
        "SELECT call_id, count(position) FROM airudder.calls LEFT JOIN airudder.call_turns USING (source, call_id) "
        "WHERE call_id <> 'c1' GROUP BY call_id"
    )
    assert dict(stored) == turns
    dead = up.query("SELECT body, error_path FROM airudder.pushes WHERE status = 'dead'")
    assert sorted(body for body, _ in dead) == sorted(push.body for push in pushes if push.is_bad)
    assert {path for _, path in dead} == {"$"}
    assert up.query("SELECT count(*) FROM airudder.pushes") == [(2001,)]


def test_second_up_is_refused(tmp_path: Path) -> None:
    """A second `up` on the same data says so in one line and leaves the first one alone."""
    with running_up(tmp_path) as up:
        second = up.ingest("up")

        assert second.returncode == 1
        assert f"already running with data in {tmp_path / 'data'} (process {up.process.pid})" in second.stderr
        assert second.stderr.count("\n") == 1
        wait_until(lambda: up.ingest("status").returncode == 0, "the first one is well")


def test_lines_of_processes_are_read(tmp_path: Path) -> None:
    """What processes log is shown in words, each line with date, zone and process, and not as JSON."""
    with running_up(tmp_path) as up:
        said = r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d{4} web +\| INFO web: serving pushes at"
        wait_until(lambda: re.search(said, up.printed, re.M), "web says that it serves")
        up.stop(signal.SIGTERM)

        lines = up.printed.split("airudder-ingest is ready")[0].splitlines()
        assert [line for line in lines if '"message"' in line] == []


@pytest.mark.parametrize("variable", ["PORT", "DASHBOARD_PORT", "INGEST_METRICS_PORT"])
def test_taken_port_is_named(tmp_path: Path, variable: str) -> None:
    """A port that somebody else has is an error that names the variable to set."""
    with running_up(tmp_path) as up:
        environ = {**up.environ, "INGEST_DATA_DIR": str(tmp_path / "other"), "PORT": str(free_port())}
        environ |= {"DASHBOARD_PORT": str(free_port()), "INGEST_METRICS_PORT": str(free_port())}
        environ[variable] = up.environ[variable]
        second = subprocess.run([INGEST, "up"], env=environ, check=False, capture_output=True, text=True)

    assert second.returncode == 1
    assert f"set {variable}" in second.stderr


def test_one_port_for_two_is_named(tmp_path: Path) -> None:
    """The same port for web and dashboard is an error before anything starts."""
    port = str(free_port())
    environ = {**os.environ, "INGEST_DATA_DIR": str(tmp_path / "data"), "PORT": port, "DASHBOARD_PORT": port}

    refused = subprocess.run([INGEST, "up"], env=environ, check=False, capture_output=True, text=True)

    assert refused.returncode == 1
    assert f"PORT and DASHBOARD_PORT are both {port}" in refused.stderr


def test_several_web_processes(tmp_path: Path) -> None:
    """WEB_CONCURRENCY processes share the port, each with its own open batch, and lose nothing between them."""
    with running_up(tmp_path, WEB_CONCURRENCY="2") as up:
        assert up.ingest("send", "--count", "300", "--rate", "0").returncode == 0
        wait_until(lambda: _is_quiet(up), "everything is settled")
        assert up.query("SELECT count(*) FROM airudder.pushes") == [(300,)]


def test_killed_up_is_recovered_from(tmp_path: Path) -> None:
    """After `up` was killed (-9) nothing of it goes on, and the next one has everything that was acknowledged."""
    with running_up(tmp_path) as up:
        url = f"http://127.0.0.1:{up.environ['PORT']}/airudder/custom-api"
        pids = descendants(up.process.pid)
        for number in range(20):
            assert httpx.post(url, json={"call": {"call_id": f"call-{number}"}}).status_code == 200
        up.process.kill()
        up.process.wait()
        wait_until(lambda: are_gone(pids), "nothing of it is left running")

    with running_up(tmp_path) as up:
        wait_until(lambda: up.query("SELECT count(*) FROM airudder.calls") == [(20,)], "all calls are there")


def test_dead_process_is_restarted(tmp_path: Path) -> None:
    """A worker pool that is killed is started again with a line that says so, and its work goes on."""
    with running_up(tmp_path) as up:
        pool, *_ = descendants(up.process.pid, "ingest worker$")
        os.kill(pool, signal.SIGKILL)
        wait_until(lambda: "ended by SIGKILL; starting it again" in up.printed, "it is said")
        assert up.ingest("send", "--count", "20", "--rate", "0").returncode == 0
        wait_until(lambda: _is_quiet(up), "another pool settles everything")


def test_given_servers_are_used(
    tmp_path: Path, database_url: str, redis_url: str, client: Any, connection: Any
) -> None:
    """With DATABASE_URL and REDIS_URL set no server is started, and passwords are not printed."""
    with running_up(tmp_path, DATABASE_URL=database_url, REDIS_URL=redis_url) as up:
        assert not (tmp_path / "data" / "postgres").exists()
        assert not (tmp_path / "data" / "valkey").exists()
        assert up.ingest("send", "--count", "20", "--rate", "0").returncode == 0
        wait_until(lambda: _is_quiet(up), "everything is settled")
        password = httpx.URL(redis_url).password
        assert not password or password not in up.printed


def test_public_host_needs_tokens(tmp_path: Path) -> None:
    """Nothing is started on an address that others can reach while anybody could push."""
    environ = {**os.environ, "HOST": "0.0.0.0", "INGEST_DATA_DIR": str(tmp_path / "data")}

    refused = subprocess.run([INGEST, "up"], env=environ, check=False, capture_output=True, text=True)

    assert refused.returncode == 1
    assert "INGEST_TOKENS is not set" in refused.stderr


def test_tokens_are_not_printed(tmp_path: Path) -> None:
    """With tokens the banner shows where the secret goes, and not the secret; the endpoint asks for it."""
    with running_up(tmp_path, INGEST_TOKENS="lender-a=alpha-secret") as up:
        assert "alpha-secret" not in up.printed
        assert "/airudder/custom-api/<token>" in up.printed
        assert up.ingest("send", "--count", "5", "--rate", "0").returncode == 1
        wait_until(lambda: "wrong credential 5" in up.ingest("status").stdout, "they are counted")
        wait_until(lambda: up.ingest("status").returncode == 0, "a stranger is no reason to call anybody")
        assert up.ingest("send", "--count", "5", "--rate", "0", "--token", "alpha-secret").returncode == 0


def test_procfile_runs_under_honcho(environment: None, tmp_path: Path, connection: Any) -> None:
    """The Procfile's own lines run under honcho on given servers."""
    procfile = Path(__file__).parents[2] / "Procfile"
    port = free_port()
    environ = {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(INGEST).parent), os.environ["PATH"]]),
        "PORT": str(port),
        "DASHBOARD_PORT": str(free_port()),
        "INGEST_METRICS_PORT": str(free_port()),
    }
    honcho: list[str | Path] = [Path(INGEST).with_name("honcho"), "-f", procfile, "start"]
    subprocess.run([*honcho, "release"], env=environ, cwd=tmp_path, check=True, capture_output=True)
    process = subprocess.Popen(
        [*honcho, "web", "worker", "sweeper", "dashboard", "metrics"],
        env=environ,
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: _answers(url), "web answers")
        assert httpx.post(f"{url}/airudder/custom-api", json={"call": {"call_id": "c1"}}).status_code == 200
        wait_until(lambda: connection.execute("SELECT FROM airudder.calls").fetchone() is not None, "it is a call")
    finally:
        process.terminate()
        process.wait(60)


def _answers(url: str) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"{url}/healthz").status_code == 200
    return False
