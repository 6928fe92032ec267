"""The text that `ingest up` prints once everything runs, and the question whether web is ready."""

from __future__ import annotations

import json
import re
import shlex
import socket
import urllib.error
import urllib.request

from ingest.settings import Settings
from ingest.web.readiness import CAN_STORE
from ops.local.console_login import login_words

LOOPBACK = "127.0.0.1"
_HIDDEN = "(?:password|secret|scram_client_key|scram_server_key)"
"""How the names of secret parameters of libpq and redis-py end"""

_SAMPLE = (
    '{"workflow_id": "w1", "callee": {"callee_number": "+6281234567890"}, '
    '"call": {"call_id": "c1", "ring_type": "normal"}}'
)


def readiness(current: Settings) -> dict[str, str]:
    """The words of `/readyz` once a push can be stored; empty until then."""
    try:
        with urllib.request.urlopen(f"{current.web_url}/readyz", timeout=2) as answer:  # noqa: S310 - our own URL
            words: dict[str, str] = json.load(answer)
            return words
    except (urllib.error.URLError, OSError):
        return {}


def are_shown(current: Settings) -> bool:
    """Whether the console and the metrics can be opened."""
    places = ((LOOPBACK, current.dashboard_port), (current.metrics_host, current.metrics_port))
    return all(map(_is_listening, places))


def _is_listening(place: tuple[str, int]) -> bool:
    try:
        socket.create_connection(place, timeout=1).close()
    except OSError:
        return False
    return True


def banner(current: Settings, urls: dict[str, str], ready: dict[str, str]) -> str:
    """The text, without a secret in it. `ready`: what `readiness` has given."""
    push_url = f"{current.web_url}/airudder/custom-api"
    credential = "" if current.is_open else '-H "Authorization: Bearer $INGEST_TOKEN" '
    curl = f"curl -sS -w '\\n' {push_url} {credential}-d {shlex.quote(_SAMPLE)}"
    return f"""
airudder-ingest {_how_ready(ready)}

  Push URL    {push_url}{"" if current.is_open else "/<token>"}
  Console     http://{LOOPBACK}:{current.dashboard_port}{login_words(current)}
  Metrics     http://127.0.0.1:{current.metrics_port}/metrics
  Postgres    {masked(urls["DATABASE_URL"])}
  Redis       {masked(urls["REDIS_URL"])}
  Try it      {curl}
  Stop        Ctrl-C
"""


def _how_ready(ready: dict[str, str]) -> str:
    if not ready:
        return "runs, but web does not say yet that it can store pushes: its own lines say why"
    if ready["redis"] == CAN_STORE:
        return "is ready"
    return f"is ready, but Redis {ready['redis']}; pushes {ready['pushes']}"


def masked(url: str) -> str:
    """A URL without its password, as a service manager keeps what we print. `ingest env` prints it whole."""
    if not re.match(r"\w+://", url):
        return re.sub(rf"({_HIDDEN}\s*=\s*)('(?:[^'\\]|\\.)*'|(?:[^\s\\]|\\.)*)", r"\1***", url, flags=re.DOTALL)
    without_credentials = re.sub(r"(://[^:/@]*):.*@", r"\1:***@", url)  # up to the last @: a password may have one
    return re.sub(rf"({_HIDDEN}=)[^&]*", r"\1***", without_credentials)
