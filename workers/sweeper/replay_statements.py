"""The SQL statements by which replays are worked off; the condition is in the name."""

from __future__ import annotations

from typing import LiteralString

from workers.selection import Selection
from workers.settlements import logged

FIND_RUNNING_REPLAYS: LiteralString = """
SELECT replay_id, filter, fed, in_hand, causes, after_received_at, after_push_id, is_fed,
  stopped_at IS NOT NULL AS is_stopped
FROM airudder.replays JOIN airudder.actions ON action_id = replay_id WHERE replays.ended_at IS NULL ORDER BY replay_id
"""

_BEHIND: LiteralString = """
received_at >= %(after_received_at)s AND (received_at, push_id) > (%(after_received_at)s, %(after_push_id)s)
"""

_END_STRETCH: LiteralString = """
SELECT received_at, push_id FROM airudder.pushes
WHERE {reach} AND {behind} AND received_at < %(block_until)s
ORDER BY received_at, push_id OFFSET %(stretch)s - 1 LIMIT 1
"""

_CHOOSE: LiteralString = """
SELECT received_at, push_id, status, error, error_path FROM airudder.pushes
WHERE {where} AND {behind}
  AND received_at <= %(end_received_at)s AND (received_at, push_id) <= (%(end_received_at)s, %(end_push_id)s)
ORDER BY received_at, push_id LIMIT %(portion)s FOR UPDATE
"""


def end_stretch(selection: Selection) -> str:
    """The key at which the next stretch ends, behind the last push that was looked at. No row if it is the last of its
    block of days."""
    return _END_STRETCH.format(reach=selection.reach(), behind=_BEHIND)


def choose(selection: Selection) -> str:
    """The next portion of a selection in this stretch; others wait with it."""
    return _CHOOSE.format(where=selection.where(), behind=_BEHIND)


MAKE_PENDING: LiteralString = logged(
    """
UPDATE airudder.pushes AS stored SET
  status = 'pending', normalised_at = NULL, error = NULL, error_path = NULL, attempts = 0, replayed_at = now()
FROM unnest(%b::timestamptz[], %b::uuid[], %b::text[]) AS given (received_at, push_id, status)
WHERE stored.received_at = given.received_at AND stored.push_id = given.push_id
  AND stored.received_at = ANY (%b::timestamptz[])
""",
    former="given.status",
)
"""Their former outcomes are counted no more."""

NOTE_REPLAYED: LiteralString = """
INSERT INTO airudder.push_events (push_id, received_at, event, error, error_path, action_id)
SELECT push_id, received_at, 'replayed', error, error_path, %b::bigint
FROM unnest(%b::timestamptz[], %b::uuid[], %b::text[], %b::text[]) AS given (received_at, push_id, error, error_path)
"""

NOTE_FED: LiteralString = """
UPDATE airudder.replays SET fed = fed + cardinality(%(push_ids)s::uuid[]), in_hand = in_hand || %(push_ids)s::uuid[],
  after_received_at = %(after_received_at)s, after_push_id = %(after_push_id)s, is_fed = %(is_fed)s, moved_at = now()
WHERE replay_id = %(replay_id)s
"""

FIND_OUTCOMES: LiteralString = """
SELECT push_id, status, error FROM unnest(%(times)s::timestamptz[], %(push_ids)s::uuid[]) AS one (received_at, push_id)
JOIN airudder.pushes USING (received_at, push_id)
WHERE pushes.received_at = ANY (%(times)s)
"""

NOTE_OUTCOMES: LiteralString = """
UPDATE airudder.replays SET normalised = normalised + %(normalised)s, duplicate = duplicate + %(duplicate)s,
  dead = dead + %(dead)s, erased = erased + %(erased)s, causes = %(causes)s, in_hand = %(in_hand)s::uuid[],
  moved_at = now()
WHERE replay_id = %(replay_id)s
"""

END_REPLAY: LiteralString = """
WITH ended AS (
  UPDATE airudder.replays SET ended_at = now() WHERE replay_id = %(replay_id)s RETURNING fed
)
UPDATE airudder.actions SET pushes = ended.fed, ended_at = now() FROM ended WHERE action_id = %(replay_id)s
"""
