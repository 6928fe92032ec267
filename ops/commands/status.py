"""`ingest status`: where pushes are right now, and what needs somebody's eyes."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import click
import msgspec
from psycopg import Connection

from ingest import settings
from ingest.errors import NotAllowedError, PostgresAwayError, RedisAwayError
from ingest.web.refusals import Refusal
from ops import in_flight, queries
from ops.output import word
from ops.warnings import WarnedPushes, warned_pushes

LATE_SECONDS = 60
"""A batch that is older waits for something that does not come by itself."""

RECENT = timedelta(minutes=15)
"""A wrong credential is a problem for so long: pushes are being lost, or somebody guesses."""
SHOWN_REFUSALS = 5
SHOWN_PATHS = 5

_WAITING = ("pending", "oldest_pending_seconds", "dead")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for scripts.")
def command(as_json: bool) -> None:
    """Show what is in flight, pending, dead, warned of and refused.

    Exit code 1 if a server is away, no worker or sweeper runs, or something waits for longer than a minute. Also if a
    wrong credential came within a quarter of an hour.
    """
    current = settings.load()
    status: dict[str, Any] = {"redis": _redis(current), "postgres": _postgres(current)}
    problems = _problems(status)
    status["problems"] = problems
    click.echo(msgspec.json.encode(status).decode() if as_json else _words(status))
    if problems:
        sys.exit(1)


def _redis(current: settings.Settings) -> dict[str, Any]:
    try:
        with in_flight.connect(current) as client:
            return {
                "in_flight": in_flight.in_flight(client),
                "acknowledged_last_24_hours": in_flight.acknowledged_of_last_day(client),
                "refused": in_flight.refused(client),
                "last_refused": in_flight.last_refused(client),
                "last_refusals": in_flight.last_refusals(client),
            }
    except RedisAwayError as error:
        return {"error": str(error)}


def _postgres(current: settings.Settings) -> dict[str, Any]:
    try:
        with queries.connect(current) as connection:
            (pending,) = connection.execute(queries.PENDING)
            (dead,) = connection.execute(queries.DEAD)
            kept = _kept(connection)
            warned = warned_pushes(connection)
    except (PostgresAwayError, NotAllowedError) as error:
        return {"error": str(error)}
    return {
        "pending": pending["pushes"],
        "dead": dead["pushes"],
        "oldest_pending_seconds": round(pending["oldest_seconds"] or 0.0, 1),
        "kept": kept,
        "warned_last_24_hours": warned,
    }


def _kept(connection: Connection[queries.Row]) -> dict[str, Any]:
    """The oldest raw push, and what retention has removed."""
    (oldest,) = connection.execute(queries.OLDEST_PUSH)
    kept = {"oldest_push": oldest["received_at"]}
    for row in connection.execute(queries.RETENTION):
        what = row.pop("what")
        kept |= {f"{what}_{name}": value for name, value in row.items()}
    return kept


def _problems(status: dict[str, Any]) -> list[str]:
    problems = [part["error"] for part in status.values() if "error" in part]
    flight = status["redis"].get("in_flight", {})
    if flight.get("workers") == 0:
        problems.append("no worker is running")
    if flight.get("sweeper") is False:
        problems.append("no sweeper is running")
    if flight.get("oldest_seconds", 0) > LATE_SECONDS:
        problems.append(f"the oldest batch waits for {flight['oldest_seconds']:.0f} s")
    problems.extend(_wrong_credentials(status["redis"].get("last_refused", [])))
    if (pending_seconds := status["postgres"].get("oldest_pending_seconds", 0)) > LATE_SECONDS:
        problems.append(f"the oldest pending push waits for {pending_seconds:.0f} s")
    return problems


def _wrong_credentials(last: list[Refusal]) -> list[str]:
    since = datetime.now(UTC) - RECENT
    recent = [one for one in last if one.reason == "wrong credential" and one.at > since]
    return [f"wrong credentials, the last {_refusal_words(one)}: compare it with `ingest token list`" for one in recent]


def _acknowledged_words(by_source: dict[str, int]) -> dict[str, int]:
    return {f"acknowledged ({source})": pushes for source, pushes in sorted(by_source.items())}


def _refused_words(refused: list[dict[str, Any]]) -> dict[str, int]:
    return {
        f"{one['reason']} ({one['source']})" if one["source"] else one["reason"]: one["requests"] for one in refused
    }


def _refusal_words(one: Refusal) -> str:
    details = [("of", one.source), ("from", one.network), ("with", one.credential)]
    return " ".join([word(one.at), one.reason, *(f"{name} {value}" for name, value in details if value)])


def _warned_lines(warned: WarnedPushes | None) -> list[str]:
    """The most frequent paths, and of how many pushes they are."""
    if not warned or not warned.paths:
        return []
    shown = warned.paths[:SHOWN_PATHS]
    total = f"{'' if warned.is_all else 'newest '}{warned.counted} pushes in 24 hours"
    more = f", and at {len(warned.paths) - len(shown)} more paths" if len(warned.paths) > len(shown) else ""
    lines = [f"{one.path} {one.pushes} ({one.source}, {one.kind}), such as {one.newest_push_id}" for one in shown]
    return [f"{'warned' if not place else '':<18} {line}" for place, line in enumerate([f"{total}{more}", *lines])]


def _words(status: dict[str, Any]) -> str:
    lines = []
    for title, values in (
        ("in flight", status["redis"].get("in_flight", {})),
        ("refused, not kept", _refused_words(status["redis"].get("refused", []))),
        ("waiting", {name: status["postgres"][name] for name in _WAITING if name in status["postgres"]}),
        ("last 24 hours", _acknowledged_words(status["redis"].get("acknowledged_last_24_hours", {}))),
        ("kept", status["postgres"].get("kept", {})),
    ):
        words = "   ".join(f"{name.replace('_', ' ')} {word(value)}" for name, value in values.items())
        lines.append(f"{title:<18} {words or '-'}")
    lines.extend(_warned_lines(status["postgres"].get("warned_last_24_hours")))
    last = status["redis"].get("last_refusals", [])[:SHOWN_REFUSALS]
    lines.extend(f"{'last refusals' if not place else '':<18} {_refusal_words(one)}" for place, one in enumerate(last))
    lines.extend(f"PROBLEM            {problem}" for problem in status["problems"])
    return "\n".join(lines)
