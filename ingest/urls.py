"""REDIS_URL and DATABASE_URL, checked at start: a client would complain late, by a traceback that quotes the password.

Parameters that only other libraries understand are refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, NoReturn
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import Conninfo, PGconn

from ingest import session
from ingest.errors import SettingError

_REDIS_FORM = "redis://host:port/0, rediss://… or unix://…"
_REDIS_SCHEMES = ("redis://", "rediss://", "unix://")
_POSTGRES_FORM = "postgresql://user:password@host/database"
_LONGEST_PORT = 65535

_FOR_REDIS = ("db", "username", "password", "client_name")
_FOR_TLS = (
    "ssl_ca_certs",
    "ssl_ca_path",
    "ssl_ca_data",
    "ssl_certfile",
    "ssl_keyfile",
    "ssl_password",
    "ssl_cert_reqs",
    "ssl_check_hostname",
    "ssl_ciphers",
)
"""redis-py takes whatever else a query holds as an argument, and its time-outs would overrule ours."""
_CERT_REQS = ("none", "optional", "required")

_TAKING_WRITES = ("primary", "read-write")
_ONE_OF = {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "channel_binding": ("disable", "prefer", "require"),
    "gssencmode": ("disable", "prefer", "require"),
    "load_balance_hosts": ("disable", "random"),
    "sslnegotiation": ("postgres", "direct"),
    # A server that takes no writes is none for us.
    "target_session_attrs": ("any", *_TAKING_WRITES),
}
"""Parameters of libpq of which a wrong value is told only when it connects, or never"""

_NO_SOCKET = "/dev/null/none"
"""A folder of a socket that cannot be"""

_QUOTED_NAME = re.compile(r"""(?:URI query parameter:|connection option) "([A-Za-z_]{1,40})"$""")


def checked_redis_url(url: str) -> str:
    """The same URL; SettingError without a word of its password if no client of ours could use it."""
    try:
        parts = urlsplit(url)
        port, host = parts.port, unquote(parts.hostname or "")
    except ValueError:
        _refuse("REDIS_URL", f"is not of the form {_REDIS_FORM}")
    # Of the URL itself: `urlsplit` passes over spaces in front and capitals, as the client of web does and others not.
    if not url.startswith(_REDIS_SCHEMES) or port == 0:
        _refuse("REDIS_URL", f"is not of the form {_REDIS_FORM}")
    if parts.fragment or "@" in parts.query:
        _refuse("REDIS_URL", "has a @, ? or # in its user or password: write it as %40, %3F or %23")
    if parts.scheme == "unix":
        _check_redis_socket(host, parts.path)
    else:
        _check_redis_place(host, parts.path)
    _check_redis_query(parts)
    return url


def _check_redis_socket(host: str, path: str) -> None:
    # Clients pass over a host; anything else than this one is the first folder of a path that lacks its slash.
    if host not in ("", "localhost") or path in ("", "/"):
        _refuse("REDIS_URL", "names no socket by its whole path: unix:///run/redis.sock")


def _check_redis_place(host: str, path: str) -> None:
    if "," in host:
        _refuse("REDIS_URL", "names several hosts: name the primary alone")
    if host.startswith("/"):
        _refuse("REDIS_URL", "names a socket for a host: unix:///run/redis.sock")
    _check_host("REDIS_URL", host)
    if not re.fullmatch(r"/?\d*/?", path, re.ASCII):
        _refuse("REDIS_URL", "ends in a database that is no number: redis://host:6379/0")


def _check_redis_query(parts: SplitResult) -> None:
    known = (*_FOR_REDIS, *(_FOR_TLS if parts.scheme == "rediss" else ()))
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name in _FOR_TLS and name not in known:
            _refuse("REDIS_URL", f"has the parameter {name} without TLS: write rediss://…")
        if name not in known:
            _refuse_parameter("REDIS_URL", name, known)
        if name == "db" and not re.fullmatch(r"\d{1,9}", value, re.ASCII):
            _refuse("REDIS_URL", "has a parameter db that is no number")
        if name == "client_name" and not re.fullmatch("[!-~]*", value):
            _refuse("REDIS_URL", "has a parameter client_name that Redis takes for none: without spaces, in ASCII")
        if name == "ssl_cert_reqs":
            _check_choice("REDIS_URL", name, value, _CERT_REQS)


def checked_database_url(url: str) -> str:
    """The same URL, or list of `name=value`; SettingError without a word of its password if it cannot be used."""
    parts = _database_parts(url)
    _check_not_torn(parts)
    for host in parts.get("host", "").split(","):
        _check_host("DATABASE_URL", host)
    for name, choices in _ONE_OF.items():
        _check_choice("DATABASE_URL", name, parts.get(name) or choices[0], choices)
    if parts.get("replication"):
        _refuse("DATABASE_URL", "has the parameter replication: no statement of ours could be run there")
    for name in ("user", "dbname"):
        if parts.get(name, "") != parts.get(name, "").strip():
            _refuse("DATABASE_URL", f"has a space or a line break at an end of its {name}")
    _check_with_libpq(parts)
    return url


def _check_with_libpq(parts: dict[str, str]) -> None:
    """Refuse what libpq would refuse at every connection, before it looks for the host."""
    # gssencmode=require is refused of any socket.
    nowhere = {**parts, "host": _NO_SOCKET, "hostaddr": "", "port": "5432", "gssencmode": "disable"}
    connection = PGconn.connect_start(make_conninfo("", **nowhere).encode())
    try:
        complaint = connection.error_message.decode(errors="replace")
    finally:
        connection.finish()
    if _NO_SOCKET not in complaint:
        # Not in libpq's words: they quote values, of which one may be a part of the password.
        known = {option.keyword.decode() for option in Conninfo.get_defaults()} - {"password"}
        names = [name for name in dict.fromkeys(re.findall("[a-z_]+", complaint)) if name in known]
        where = ", ".join(names) or "its parameters"
        _refuse("DATABASE_URL", f"is refused by libpq: look at {where}, in libpq's variables and service file too")


def connection_options(url: str) -> dict[str, Any]:
    """How to connect to DATABASE_URL, beside what it says; these overrule it.

    Of several hosts the primary is chosen. A single host is taken as it is, so that an error can say what is wrong.
    Wherever the hosts are named, or a server that takes writes is asked for: libpq's variables and service file too.
    """
    parts = _as_libpq_reads(url)
    wanted = parts.get("target_session_attrs")
    if wanted not in _TAKING_WRITES:
        wanted = "primary" if any("," in parts.get(name, "") for name in ("host", "hostaddr")) else "any"
    return {**session.CONNECTION, "target_session_attrs": wanted}


def _as_libpq_reads(url: str) -> dict[str, str]:
    """DATABASE_URL with what libpq adds of its own, without connecting."""
    # Of a value that is none it complains when all has been read, and before it looks for any host.
    parts = {**_database_parts(url), "sslmode": "read alone"}
    connection = PGconn.connect_start(make_conninfo("", **parts).encode())
    try:
        return {option.keyword.decode(): option.val.decode() for option in connection.info if option.val}
    finally:
        connection.finish()


def each_host(url: str) -> list[str]:
    """DATABASE_URL once for each of its hosts, in its order; the very URL where it names one, or none."""
    parts, read = _database_parts(url), _as_libpq_reads(url)
    lists = {name: read[name].split(",") for name in ("host", "hostaddr", "port") if name in read}
    number = max(map(len, lists.values()), default=1)
    if number == 1 or any(len(values) not in (1, number) for values in lists.values()):
        return [url]  # libpq says what is wrong with it
    own = [{name: values[place % len(values)] for name, values in lists.items()} for place in range(number)]
    return [make_conninfo("", **(parts | one)) for one in own]


def _database_parts(url: str) -> dict[str, str]:
    try:
        parts = conninfo_to_dict(url)
    except ProgrammingError as error:
        _explain_form(url, str(error).strip())
    except UnicodeError:
        _explain_form(url, "")
    return {name: str(value) for name, value in parts.items()}


def _explain_form(url: str, complaint: str) -> NoReturn:
    """Name the parameter that libpq complains about: SettingError."""
    said = _QUOTED_NAME.search(complaint)
    # If a password was split, libpq may take a part of it for a parameter's name.
    is_torn = "@" in url.partition("?")[2] if "://" in url else "password" in url
    if not said or is_torn:
        _refuse("DATABASE_URL", f"is not of the form {_POSTGRES_FORM}")
    if "separator" in complaint:
        _refuse("DATABASE_URL", f"has a parameter {said.group(1)} that cannot be read: write = as %3D in its value")
    _refuse_parameter("DATABASE_URL", said.group(1), ("sslmode", "sslrootcert", "host and others of libpq's"))


def _check_not_torn(parts: dict[str, str]) -> None:
    """Refuse a URL of whose password a part was taken for something else, which an error would quote."""
    host = parts.get("host", "")
    # A host that begins with / or @ is a socket.
    is_torn = ("@" in host and host[0] not in "/@") or re.search("@.*/", parts.get("dbname", ""))
    ports = [port for port in parts.get("port", "").split(",") if port]
    if is_torn or not all(re.fullmatch(r"\d+", port, re.ASCII) for port in ports):
        _refuse("DATABASE_URL", "has an @ or / in its user or password: write it as %40 or %2F")
    if any(not 0 < int(port) <= _LONGEST_PORT for port in ports):
        _refuse("DATABASE_URL", f"has a port that is not from 1 to {_LONGEST_PORT}")


def _check_host(variable: str, host: str) -> None:
    """Refuse what no resolver takes: Python complains of it when it connects, with an error that no client names."""
    if host[:1] in ("/", "@"):
        return  # a socket
    try:
        host.encode("idna")
        is_one = not re.search(r"[\s/]", host)
    except UnicodeError:
        is_one = False
    if not is_one:
        words = "its parts have 1 to 63 characters, and no space, with one dot between"
        _refuse(variable, f"names a host that cannot be one: {words}")


def _check_choice(variable: str, name: str, value: str, choices: Collection[str]) -> None:
    if value not in choices:
        _refuse(variable, f"has a parameter {name} that is none of {', '.join(choices)}")


def _refuse_parameter(variable: str, name: str, known: Collection[str]) -> NoReturn:
    shown = name if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]{0,39}", name) else "of another form"
    _refuse(variable, f"has a parameter that is not known here, {shown}: leave it out (known: {', '.join(known)})")


def _refuse(variable: str, words: str) -> NoReturn:
    raise SettingError(f"{variable} {words}") from None
