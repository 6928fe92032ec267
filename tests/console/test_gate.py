"""The console and rq-dashboard in it, as a real process: for a user's own tab on this machine, and for nobody else."""

from __future__ import annotations

import os
import socket
import subprocess
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import ConnectionPool
from rq import SimpleWorker
from rq.serializers import JSONSerializer
from rq_dashboard.web import escape_format_instance_list

from ingest.batch.queue import normalise_queue
from ops.console.batches import maskable
from tests.batches import enqueued
from tests.ports import free_port
from tests.processes import INGEST, running_server
from tests.pushes import entry, push

pytestmark = pytest.mark.usefixtures("environment")

ELSEWHERE = "https://elsewhere.example"


@contextmanager
def running_dashboard(**environ: str) -> Iterator[str]:
    """Run the console until the block ends; gives its base URL."""
    with running_server([INGEST, "dashboard"], "DASHBOARD_PORT", answers, **environ) as url:
        yield url


def answers(url: str) -> bool:
    """Whether a console is there, whatever it says."""
    try:
        return httpx.get(f"{url}/login", timeout=60).status_code in (200, 303)
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def url(database_url: str, redis_url: str) -> Iterator[str]:
    """A console that is open to everybody on this machine."""
    with running_dashboard(DATABASE_URL=database_url, REDIS_URL=redis_url, INGEST_CONSOLE_OPEN="yes") as url:
        yield url


@pytest.fixture
def failed_job(client: Any) -> str:
    """A batch whose job has failed."""
    queue = normalise_queue(client)
    batch_id = enqueued(client, [entry(push())])
    client.lrem(queue.key, 0, batch_id)
    client.zadd(queue.failed_job_registry.key, {batch_id: 4102444800})
    return batch_id


def is_requeued(client: Any, job_id: str) -> bool:
    """Whether a failed job is queued again."""
    return job_id in normalise_queue(client).get_job_ids()


def test_shows_queue(url: str, failed_job: str) -> None:
    """The queue is shown under both names of this machine, and not inside of another page's frame."""
    for base in (url, url.replace("127.0.0.1", "localhost")):
        answer = httpx.get(f"{base}/rq/0/data/queues.json", timeout=60)
        assert '"failed_job_registry_count":1' in answer.text.replace(" ", "")
        assert answer.headers["x-frame-options"] == "DENY"


def test_listens_on_loopback_only(url: str) -> None:
    """No other address of this machine leads there, whatever rq-dashboard's own settings say."""
    port = httpx.URL(url).port
    assert port
    with socket.socket() as stranger, pytest.raises(OSError):  # noqa: PT011 - refused, or no such address
        stranger.connect(("127.0.0.2", port))


@pytest.mark.parametrize("host", ["elsewhere.example", "elsewhere.example:9181", "127.0.0.1.elsewhere.example", ""])
def test_other_name_is_refused(url: str, host: str) -> None:
    """A page whose name was made to lead here reads nothing."""
    answer = httpx.get(f"{url}/rq/0/data/queues.json", timeout=60, headers={"Host": host})

    assert answer.status_code == 403
    assert "queues" not in answer.text


@pytest.mark.parametrize("path", ["requeue/normalise", "job/b1/requeue", "job/b1/delete"])
def test_get_changes_nothing(url: str, client: Any, failed_job: str, path: str) -> None:
    """A link or an image of another page does nothing here."""
    assert httpx.get(f"{url}/rq/{path}", timeout=60).status_code == 405
    assert not is_requeued(client, failed_job)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": ELSEWHERE},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site", "Origin": ELSEWHERE},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_other_page_cannot_act(url: str, client: Any, failed_job: str, headers: dict[str, str]) -> None:
    """A form of another page, even of another port of this machine, is refused."""
    for path in ("requeue/normalise", f"job/{failed_job}/delete", "queue/normalise/failed/empty"):
        assert httpx.post(f"{url}/rq/{path}", timeout=60, headers=headers).status_code == 403
    assert not is_requeued(client, failed_job)
    assert normalise_queue(client).failed_job_registry.get_job_count(cleanup=False) == 1


def test_other_page_loads_nothing(url: str) -> None:
    """An image, a frame or a script of another page would cost a dry run or the checks; a link is followed."""
    within = [("no-cors", "image"), ("navigate", "iframe"), ("cors", "empty"), ("no-cors", "script")]
    for site in ("cross-site", "same-site"):
        for mode, dest in [*within, ("navigate", "document")]:
            headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest}
            answer = httpx.get(f"{url}/drift", timeout=60, headers=headers)
            assert answer.status_code == (200 if dest == "document" else 403), headers


@pytest.mark.parametrize("headers", [{"Origin": "{url}"}, {"Sec-Fetch-Site": "same-origin", "Origin": ELSEWHERE}, {}])
def test_own_page_can_act(url: str, client: Any, failed_job: str, headers: dict[str, str]) -> None:
    """Its own buttons work, behind a proxy as well, and so does curl."""
    own = {name: value.format(url=url) for name, value in headers.items()}

    assert httpx.post(f"{url}/rq/requeue/normalise", timeout=60, headers=own).json() == {"count": 1, "status": "OK"}
    assert is_requeued(client, failed_job)


def test_credentials_are_asked_for() -> None:
    """With a username and a password in its environment nothing is shown or done without them."""
    with running_dashboard(RQ_DASHBOARD_USERNAME="ops", RQ_DASHBOARD_PASSWORD="s3:cret") as url:
        for name, password in (("ops", "wrong"), ("other", "s3:cret"), ("", "")):
            with httpx.Client(base_url=url, timeout=60) as client:
                assert client.post("/login", data={"name": name, "password": password}).status_code == 403
                for path in ("/", "/rq/0/data/queues.json"):
                    assert client.get(path).headers["location"].startswith("/login?then=/")
                assert client.post("/rq/requeue/normalise").status_code == 401
        with httpx.Client(base_url=url, timeout=60) as client:
            assert client.post("/login", data={"name": "ops", "password": "s3:cret"}).status_code == 303
            assert client.get("/rq/0/data/queues.json").status_code == 200


@pytest.mark.parametrize("name", ["RQ_DASHBOARD_USERNAME", "RQ_DASHBOARD_PASSWORD"])
def test_half_a_login_is_refused(name: str) -> None:
    """A username without a password, or the other way round, is an error and not an open door."""
    refused = subprocess.run(
        [INGEST, "dashboard"],
        env={**os.environ, name: "s3cret", "DASHBOARD_PORT": str(free_port())},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert refused.returncode == 1
    assert "set both, or none" in refused.stderr
    assert "s3cret" not in refused.stderr


@pytest.fixture
def job_at_work(client: Any) -> str:
    """A batch that a worker is at."""
    queue = normalise_queue(client)
    batch_id = enqueued(client, [entry(push())])
    worker: Any = SimpleWorker([queue], connection=client, serializer=JSONSerializer)
    worker.register_birth()
    worker.prepare_execution(queue.fetch_job(batch_id))
    return batch_id


def test_worker_at_work_is_shown(url: str, job_at_work: str) -> None:
    """The page of workers says what each is at."""
    (worker,) = httpx.get(f"{url}/rq/0/data/workers.json", timeout=60).json()["workers"]

    assert worker["current_job"]["call_string"] == f"workers.jobs.normalise('{job_at_work}')"


def test_nothing_is_unpickled(url: str, client: Any, job_at_work: str, tmp_path: Path) -> None:
    """A job that somebody wrote to Redis as a pickle is not run by looking at it."""
    code = f"cos\nsystem\n(S'touch {tmp_path}/was-here'\ntR.".encode()
    client.hset(f"rq:job:{job_at_work}", "data", zlib.compress(code))

    for page in ("workers.json", f"job/{job_at_work}.json", "jobs/normalise/queued/8/asc/1.json"):
        httpx.get(f"{url}/rq/0/data/{page}", timeout=60)

    assert list(tmp_path.iterdir()) == []


def test_batches_without_redis(database_url: str) -> None:
    """A Redis that takes connections and says nothing is told of in words, under the gate's headers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        redis_url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        environ = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "INGEST_CONSOLE_OPEN": "yes"}
        with running_dashboard(**environ) as url:
            answers = [httpx.get(f"{url}/rq/{path}", timeout=60) for path in ("", "0/data/queues.json")]

    for answer in answers:
        assert (answer.status_code, "Redis does not answer" in answer.text) == (503, True)
        assert answer.headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize(
    "given",
    [
        "redis://127.0.0.1:6379/0",
        "redis://:secret@127.0.0.1:6379/0",
        "rediss://user:sec@secret@redis.test:6380/1?ssl_ca_certs=/ca.pem",
        "redis://:%40secret%2F@127.0.0.1",
        "redis://127.0.0.1:6379/0?password=secret%26&username=user",
        "unix:///run/redis.sock?db=2&password=secret",
    ],
)
def test_password_is_not_on_its_pages(given: str) -> None:
    """The same server with the same password, which rq-dashboard hides."""
    assert connection_to(maskable(given)) == connection_to(given)
    assert "secret" not in escape_format_instance_list(maskable(given).split())[0]


def connection_to(url: str) -> dict[str, str | int]:
    """What redis-py makes of a URL, without the objects that it adds."""
    settings = ConnectionPool.from_url(url).connection_kwargs
    return {name: value for name, value in settings.items() if isinstance(value, str | int)}
