"""Reading the environment."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from ingest.batch.clients import patient_client
from ingest.errors import SettingError
from ingest.running import RUNNING_FILE, running_pid
from ingest.settings import load
from ingest.tokens import Token, digest_of
from ingest.urls import connection_options, each_host
from tests.running_up import locked_by


def token(source: str, secret: str) -> Token:
    """A token as settings keep it."""
    return Token(source, digest_of(secret.encode()))


def test_defaults_need_nothing() -> None:
    """With nothing set, everything but the URLs has its documented default."""
    current = load({})

    assert (current.host, current.port, current.dashboard_port) == ("127.0.0.1", 8000, 9181)
    assert (current.metrics_host, current.metrics_port, current.metrics_login) == ("127.0.0.1", 9182, None)
    assert (current.web_concurrency, current.workers, current.max_body) == (1, 2, 1024 * 1024)
    assert current.max_bytes_in_hand == 256 * 1024 * 1024
    assert load({"INGEST_MAX_BODY": str(2**30)}).max_bytes_in_hand == 2**31
    assert (current.retention_days, current.transcript_days) == (None, None)
    assert current.is_open
    assert current.data_dir == Path(".data").absolute()


@pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URL"])
def test_missing_url_is_named(tmp_path: Path, name: str) -> None:
    """A URL that nobody gave is an error that names its variable, once it is asked for."""
    current = load({"INGEST_DATA_DIR": str(tmp_path)})

    with pytest.raises(SettingError, match=f"{name} is not set"):
        getattr(current, name.lower())


def test_running_urls_are_found(tmp_path: Path) -> None:
    """A command beside `ingest up` finds its servers; the environment comes first."""
    with locked_by(os.getpid(), tmp_path):
        current = load({"INGEST_DATA_DIR": str(tmp_path), "REDIS_URL": "redis://given"})

    assert (current.database_url, current.redis_url) == ("postgresql:///up", "redis://given")
    assert current.port == 8123


def test_killed_up_is_not_running(tmp_path: Path) -> None:
    """What an `ingest up` that was killed left behind is not taken for something that runs."""
    ended = subprocess.Popen(["true"])
    ended.wait()
    (tmp_path / RUNNING_FILE).write_text(json.dumps({"pid": ended.pid, "DATABASE_URL": "postgresql:///up"}))

    assert load({"INGEST_DATA_DIR": str(tmp_path)}).configured_database_url is None


def test_pid_of_killed_up_may_be_a_strangers(tmp_path: Path) -> None:
    """A process that has got the pid is not taken for it, also where another `ingest up` has the folder by now."""
    with locked_by(os.getpid(), tmp_path):
        assert running_pid(tmp_path) == os.getpid()
    assert running_pid(tmp_path) is None

    with locked_by(os.getppid(), tmp_path):
        (tmp_path / RUNNING_FILE).write_text(json.dumps({"pid": os.getpid(), "DATABASE_URL": "postgresql:///up"}))
        assert running_pid(tmp_path) is None
        assert load({"INGEST_DATA_DIR": str(tmp_path)}).configured_database_url is None


@pytest.mark.parametrize("content", ["", "[]", "{not json", "\xff"])
def test_broken_running_file_is_ignored(tmp_path: Path, content: str) -> None:
    """A file that was cut off is as good as none."""
    (tmp_path / RUNNING_FILE).write_text(content, encoding="latin-1")

    assert load({"INGEST_DATA_DIR": str(tmp_path)}).configured_redis_url is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("PORT", "8e3"),
        ("PORT", "٨٠"),
        ("WORKERS", "0"),
        ("WEB_CONCURRENCY", "two"),
        ("INGEST_MAX_BODY", "1MiB"),
        ("INGEST_MAX_BYTES_IN_HAND", "2000000"),
        ("DASHBOARD_PORT", "99999"),
        ("INGEST_RETENTION_DAYS", "0"),
        ("INGEST_TRANSCRIPT_DAYS", "99999"),
        pytest.param("PORT", "9" * 5000, id="more digits than Python reads"),
    ],
)
def test_bad_number_is_named(name: str, value: str) -> None:
    """A number that is none, or out of range, is an error with its variable and value."""
    with pytest.raises(SettingError, match=f"^{name}={value} is not a whole number from"):
        load({name: value})


@pytest.mark.parametrize("value", ["x\r", " x", "x\n", "x\u00a0"])
@pytest.mark.parametrize(
    "name",
    [
        *("HOST", "PORT", "REDIS_URL", "INGEST_DATA_DIR", "INGEST_METRICS_TOKEN", "INGEST_TOKENS_FILE"),
        *("RQ_DASHBOARD_PASSWORD", "INGEST_ALERT_COMMAND", "INGEST_OPERATOR", "AIRUDDER_APP_SECRET"),
    ],
)
def test_blank_end_is_named(name: str, value: str) -> None:
    """A file with Windows' line ends gives each value one more character, which nobody sees."""
    with pytest.raises(SettingError, match=f"^{name} has a space or a line break at an end") as refused:
        load({name: value})
    assert "\r" not in str(refused.value)


def test_lists_may_end_with_their_line() -> None:
    """As of a block in YAML; each item is read without the blanks around it."""
    assert load({"INGEST_TOKENS": "a=alpha,\r\n b=beta\r\n"}).tokens == (token("a", "alpha"), token("b", "beta"))
    assert (
        load({"INGEST_ALLOW_IPS": "10.0.0.0/8,\n127.0.0.1\n"}).allow_ips
        == load({"INGEST_ALLOW_IPS": "10.0.0.0/8,127.0.0.1"}).allow_ips
    )


def test_empty_value_is_default() -> None:
    """A variable that is set to nothing counts as not set."""
    assert load({"PORT": "", "HOST": "", "INGEST_TOKENS": ""}) == load({})


@pytest.mark.parametrize("address", ["tcp://10.96.0.10:9181", "udp://10.96.0.10:53", "tcp://[fd00::a]:9181"])
def test_port_of_a_service_is_default(address: str) -> None:
    """Kubernetes and Docker name the port of a service `dashboard` so: no process may stop at that."""
    links = {"DASHBOARD_PORT": address, "INGEST_METRICS_PORT": address}
    assert load(links) == load({})
    for name in ("PORT", "WORKERS"):
        with pytest.raises(SettingError, match=f"^{name}={re.escape(address)} is not a whole number"):
            load({name: address})


def test_tokens_are_read() -> None:
    """Several sources, several secrets of one; a secret may hold an equals sign; only digests are kept."""
    current = load({"INGEST_TOKENS": "a=alpha, a=two,b=th=ree,"})

    assert current.tokens == (token("a", "alpha"), token("a", "two"), token("b", "th=ree"))
    assert "alpha" not in repr(current)


@pytest.mark.parametrize("text", ["s3cret", "a=", "=s3cret", "ok=1,s3cret"])
def test_bad_token_is_not_shown(text: str) -> None:
    """An item that cannot be read is named by its place, never by its text."""
    with pytest.raises(SettingError, match=r"INGEST_TOKENS: item \d is not of the form") as caught:
        load({"INGEST_TOKENS": text})
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("text", [",", " , ,"])
def test_tokens_of_nothing_are_refused(text: str) -> None:
    """Tokens that were meant and not given must not leave the endpoint open."""
    with pytest.raises(SettingError, match="INGEST_TOKENS is set and holds no source=secret"):
        load({"INGEST_TOKENS": text})


def test_secret_has_to_fit_url() -> None:
    """A secret that could not be a segment of the push URL is refused at start, without showing it."""
    with pytest.raises(SettingError, match="the secret of item 1 has a / in it") as caught:
        load({"INGEST_TOKENS": "a=s3c/ret"})
    assert "s3c" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        *("nonsense", "localhost:6379", "http://:s3cret@x", "redis://:s3cret@x:port", "redis://[x"),
        *("REDIS://:s3cret@x/0", "re\ndis://:s3cret@x/0", "unix:/run/redis.sock"),
    ],
)
def test_bad_redis_url_is_named(url: str) -> None:
    """A URL that no client could use is refused at start, in words that do not show its password."""
    with pytest.raises(SettingError, match=r"^REDIS_URL is not of the form") as caught:
        load({"REDIS_URL": url})
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("postgresql://u@a:1,b:2/db", [("a", "1"), ("b", "2")]),
        ("host=a,b port=5", [("a", "5"), ("b", "5")]),
        ("postgresql://u@a,b/db", [("a", ""), ("b", "")]),
        ("host=,b port=5,", [("", "5"), ("b", "")]),
        ("host=a,b port=1,2,3", [("a,b", "1,2,3")]),
        ("postgresql://u@a/db", [("a", None)]),
        ("user=u", [(None, None)]),
    ],
)
def test_each_host_is_named(url: str, hosts: list[tuple[str | None, str | None]]) -> None:
    """A URL of several hosts is one for each of them, with its own port."""
    each = [conninfo_to_dict(one) for one in each_host(url)]
    assert [(one.get("host"), one.get("port")) for one in each] == hosts


def refusal(name: str, url: str) -> str:
    """Why a URL is refused at start; never with its password."""
    with pytest.raises(SettingError, match=f"^{name} ") as caught:
        load({name: url})
    assert "s3cret" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "parameter",
    ["family=0", "decode_responses=true", "socket_timeout=0", "protocol=3", "max_connections=1", "timeout=1"],
)
def test_unknown_redis_parameter_is_named(parameter: str) -> None:
    """redis-py takes any parameter of the URL for an argument, and one of these would stop every push."""
    name = parameter.partition("=")[0]
    assert f"a parameter that is not known here, {name}:" in refusal(
        "REDIS_URL", f"redis://:s3cret@x:6379/0?{parameter}"
    )


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("redis://:s3cret@x/staging", "ends in a database that is no number"),
        ("redis://:s3cret@x?db=one", "a parameter db that is no number"),
        ("redis://:s3cret@x,y/0", "names several hosts"),
        ("redis://:s3cret@a..b/0", "names a host that cannot be one"),
        ("redis://:s3cret@x /0", "names a host that cannot be one"),
        ("redis://:s3cret@x%2Fy/0", "names a host that cannot be one"),
        ("redis://:s3cret@%2Frun%2Fredis.sock", "names a socket for a host: unix:///run/redis.sock"),
        ("unix://", "names no socket by its whole path: unix:///run/redis.sock"),
        ("unix://run/redis.sock?password=s3cret", "names no socket by its whole path: unix:///run/redis.sock"),
        ("redis://:s3cret@x/0?client_name=my%20app", "client_name that Redis takes for none"),
        ("redis://:1?s3cret@x/0", "write it as %40, %3F or %23"),
        ("redis://:1#s3cret@x/0", "write it as %40, %3F or %23"),
        ("redis://:s3cret@x/0?ssl_ca_certs=/ca.pem", "the parameter ssl_ca_certs without TLS: write rediss://"),
        ("rediss://:s3cret@x/0?ssl_cert_reqs=maybe", "ssl_cert_reqs that is none of none, optional, required"),
    ],
)
def test_odd_redis_url_is_explained(url: str, words: str) -> None:
    """What redis-py would pass over, or complain of in every process, is said once at start."""
    assert words in refusal("REDIS_URL", url)


@pytest.mark.parametrize(
    "url",
    [
        "redis://x",
        "redis://user:s3%23cret@[::1]:6379/15",
        "redis://x.example./0",
        "rediss://x/0?ssl_ca_certs=/ca.pem&ssl_certfile=/c.pem&ssl_keyfile=/k.pem&ssl_check_hostname=true",
        "unix://:s3cret@/run/redis.sock?db=1",
        "unix://:s3cret@localhost/run/redis.sock",
        "redis://:s3 cret@x/0?client_name=shop-1",
    ],
)
def test_redis_url_in_every_form(url: str) -> None:
    """What our clients understand stays as it is, and they can be made from it."""
    assert load({"REDIS_URL": url}).redis_url == url
    patient_client(url).close()


@pytest.mark.parametrize("name", ["pgbouncer", "schema", "connection_limit", "pool_timeout", "currentSchema"])
def test_unknown_database_parameter_is_named(name: str) -> None:
    """A parameter of another library's is not taken for a mistake in the form."""
    assert f"not known here, {name}:" in refusal("DATABASE_URL", f"postgresql://u:s3cret@x/db?{name}=1")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://u:s3cret@x/db?sslmode=bogus", "a parameter sslmode that is none of disable,"),
        (
            "postgresql://u:s3cret@x/db?target_session_attrs=standby",
            "target_session_attrs that is none of any, primary",
        ),
        ("postgresql://u:s3cret@x/db?options=-c%20a=b", "a parameter options that cannot be read"),
        ("postgresql://u:s3cret@x/db?replication=database", "the parameter replication"),
        ("postgresql://u:s3cret@x:70000/db", "a port that is not from 1 to 65535"),
        ("postgresql://u:s3cret@a..b/db", "names a host that cannot be one"),
        ("postgresql://u:s3cret@x," + "y" * 64 + "/db", "names a host that cannot be one"),
        ("postgresql://u:s3cret@x:1x/db", "write it as %40 or %2F"),
        ("postgresql://u:1/a?s3cret=b@x/db", "is not of the form"),
        ("host=x password=1 s3cret=2", "is not of the form"),
        ("postgresql+psycopg://u:s3cret@x/db", "is not of the form"),
        ("u:s3cret@x", "is not of the form"),
        ("postgresql://u:s3cret@x/db%0A", "a line break at an end of its dbname"),
        ("postgresql://u:s3cret@x/db?require_auth=s3cret", "is refused by libpq: look at require_auth, in"),
        ("postgresql://u:s3cret@x/db?ssl_min_protocol_version=TLSv9", "look at ssl_min_protocol_version, in"),
        ("postgresql://u:s3cret@x/db?sslmode=require&sslrootcert=system", "look at sslmode, sslrootcert, in"),
        ("postgresql://u:s3cret@x/db?sslnegotiation=direct", "look at sslmode, sslnegotiation, in"),
        ("postgresql://u:s3cret@x/db?service=s3cret", "look at service, in"),
    ],
)
def test_odd_database_url_is_explained(url: str, words: str) -> None:
    """What libpq would tell late, or with the password, is said once at start without it."""
    assert words in refusal("DATABASE_URL", url)


@pytest.mark.parametrize(
    ("url", "attributes"),
    [
        ("postgresql://u@x/db", "any"),
        ("postgresql://u@x:5432,y:5433/db", "primary"),
        ("postgresql://u@x,y/db?target_session_attrs=read-write", "read-write"),
        ("host=x,y user=u", "primary"),
        ("postgresql://u@[::1],b\u00fccher.example,x./db", "primary"),
        ("host=/run/a..b user=u", "any"),
        ("postgresql://u@x/db?gssencmode=require&sslmode=verify-full&sslrootcert=/ca.pem", "any"),
        ("host=x hostaddr=10.0.0.1 port=5433 user=u require_auth=scram-sha-256 load_balance_hosts=random", "any"),
        ("postgresql://airudder@/airudder?host=/run/postgresql&application_name=x&client_encoding=LATIN1", "any"),
    ],
)
def test_database_url_in_every_form(url: str, attributes: str) -> None:
    """libpq's forms stay as they are; of several hosts the one that takes writes is meant."""
    assert load({"DATABASE_URL": url}).database_url == url
    assert connection_options(url)["target_session_attrs"] == attributes


SERVICES = "[pair]\nhost=x,y\n[writing]\nhost=x\ntarget_session_attrs=read-write\n"


@pytest.mark.parametrize(
    ("url", "environ", "attributes", "hosts"),
    [
        ("user=u", {"PGHOST": "x,y"}, "primary", ["x", "y"]),
        ("user=u", {"PGHOST": "x"}, "any", [None]),
        ("postgresql://u@x/db", {"PGHOST": "x,y"}, "any", ["x"]),
        ("user=u hostaddr=10.0.0.1,10.0.0.2", {}, "primary", [None, None]),
        ("user=u service=pair", {}, "primary", ["x", "y"]),
        ("user=u", {"PGSERVICE": "pair"}, "primary", ["x", "y"]),
        ("user=u service=writing", {}, "read-write", [None]),
        ("postgresql://u@x/db", {"PGTARGETSESSIONATTRS": "read-write"}, "read-write", ["x"]),
        ("postgresql://u@x,y/db", {"PGTARGETSESSIONATTRS": "read-write"}, "read-write", ["x", "y"]),
        ("postgresql://u@x,y/db", {"PGTARGETSESSIONATTRS": "prefer-standby"}, "primary", ["x", "y"]),
        ("postgresql://u@x/db", {"PGTARGETSESSIONATTRS": "standby"}, "any", ["x"]),
    ],
)
def test_hosts_are_named_beside_the_url(
    url: str,
    environ: dict[str, str],
    attributes: str,
    hosts: list[str | None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """libpq's variables and service file name hosts as well, and may ask for one that takes writes."""
    (tmp_path / "services").write_text(SERVICES)
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    assert connection_options(url)["target_session_attrs"] == attributes
    assert [conninfo_to_dict(one).get("host") for one in each_host(url)] == hosts


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.3.2.1"])
def test_loopback_may_be_open(host: str) -> None:
    """Without tokens web may listen on loopback."""
    load({"HOST": host}).check_exposure()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.com"])
def test_outside_needs_tokens(host: str) -> None:
    """Beyond loopback web wants tokens, and says so."""
    with pytest.raises(SettingError, match="INGEST_TOKENS is not set"):
        load({"HOST": host}).check_exposure()
    load({"HOST": host, "INGEST_TOKENS": "a=b"}).check_exposure()


def test_proxy_needs_tokens() -> None:
    """What a proxy lets through comes from anywhere, though web listens on loopback."""
    behind = {"INGEST_TRUSTED_PROXIES": "127.0.0.1/32"}
    with pytest.raises(SettingError, match=r"^INGEST_TRUSTED_PROXIES is set, and INGEST_TOKENS is not: anybody"):
        load(behind).check_exposure()
    load({**behind, "INGEST_TOKENS": "a=b"}).check_exposure()
    load({**behind, "INGEST_ALLOW_IPS": "203.0.113.0/24"}).check_exposure()


@pytest.mark.parametrize(
    ("host", "place"),
    [("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("::1", "[::1]"), ("10.0.0.7", "10.0.0.7"), ("localhost", "localhost")],
)
def test_web_is_reached_by_a_url(host: str, place: str) -> None:
    """Whatever address web listens on."""
    assert load({"HOST": host, "PORT": "8123"}).web_url == f"http://{place}:8123"
