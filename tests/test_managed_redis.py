"""A managed Redis, which forbids CONFIG: what INFO tells of it is judged all the same, by `doctor` and by web."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from ingest.batch import durability
from tests.other_servers import managed_redis
from tests.processes import ingest, running_web, wait_until
from tests.servers import redis_set_to

pytestmark = pytest.mark.usefixtures("environment")

FORGETS = "appendonly is no: acknowledged pushes are lost when Redis ends; set `appendonly yes`"
EVICTS = (
    "maxmemory-policy is allkeys-lru: acknowledged pushes are thrown away when its memory is full; "
    "set `maxmemory-policy noeviction`"
)
UNTOLD = "Redis does not tell its appendfsync, no-appendfsync-on-rewrite: see to them where it is managed"


@contextmanager
def forbidden(client: Any, redis_url: str, rule: str) -> Iterator[str]:
    """A user who may do all but one thing; gives the URL of that user."""
    client.acl_setuser(
        "cloud", enabled=True, passwords=["+s3cret"], keys=["*"], channels=["*"], commands=["+@all", rule]
    )
    try:
        where = urlsplit(redis_url)
        yield where._replace(netloc=f"cloud:s3cret@{where.hostname}:{where.port}").geturl()
    finally:
        client.acl_deluser("cloud")


def told(url: str) -> tuple[int, set[str]]:
    """The exit code of `doctor`, and what it prints, each line with its words one blank apart."""
    result = ingest("doctor", REDIS_URL=url)
    return result.returncode, {" ".join(line.split()) for line in result.stdout.splitlines()}


def test_forgetful_server_is_to_be_changed(tmp_path: Path) -> None:
    """It keeps pushes in memory alone, and throws some away when that is full."""
    with managed_redis(tmp_path, appendonly="no", maxmemory_policy="allkeys-lru") as url:
        exit_code, lines = told(url)

    assert exit_code == 1
    assert {f"CHANGE Redis {FORGETS}", f"CHANGE Redis {EVICTS}", f"note {UNTOLD}"} <= lines


def test_safe_server_is_good_as_far_as_it_tells(client: Any, redis_url: str) -> None:
    """A user of few rights: what INFO tells is good, and what it does not tell is for the operator to look up."""
    with redis_set_to(client, appendonly="yes"), forbidden(client, redis_url, "-config") as url:
        exit_code, lines = told(url)

    assert exit_code == 0, lines
    assert {"ok Redis appendonly yes", "ok Redis maxmemory-policy noeviction", f"note {UNTOLD}"} <= lines


@pytest.mark.parametrize("rule", ["-config", "-info"])
def test_web_logs_the_risk(client: Any, redis_url: str, rule: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Whichever of the two commands is forbidden, the other one tells."""
    with (
        redis_set_to(client, appendonly="no", maxmemory_policy="allkeys-lru"),
        forbidden(client, redis_url, rule) as url,
        running_web(REDIS_URL=url),
    ):
        logged: list[str] = []

        def is_logged() -> bool:
            logged.append(capfd.readouterr().err)
            return FORGETS in "".join(logged) and EVICTS in "".join(logged)

        wait_until(is_logged, "web logs both")


@pytest.mark.parametrize(("enabled", "kept"), [(0, "no"), (1, "yes")])
def test_settings_in_info(enabled: int, kept: str) -> None:
    """INFO names them otherwise than CONFIG does; a server may tell neither."""
    info = {"aof_enabled": enabled, "maxmemory_policy": "noeviction", "used_memory": 1}

    assert durability.told(info) == {"appendonly": kept, "maxmemory-policy": "noeviction"}
    assert durability.told({"used_memory": 1}) == {}
