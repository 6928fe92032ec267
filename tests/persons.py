"""A person of whom a mark is in every field, held in every place, beside somebody else."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from psycopg import Connection

from ingest.batch import keys
from ingest.kinds import KINDS
from tests.batches import enqueued
from tests.marked_by_kinds import told_by
from tests.pushes import entry, push, signed
from tests.stored import store_pending
from workers.database import Database
from workers.settle import settle

NUMBER = "+6281234567890"
OTHER = "+6281111111111"
SPELT = ("6281234567890", "081234567890")
MARK = "Mark5"
"""In every field of the person's pushes in which somebody could write anything"""


def marked(call_id: str = "mine", number: str | None = NUMBER, case_id: str = f"case-{MARK}") -> dict[str, Any]:
    """A push about the person."""
    callee = {name: f"{name} {MARK}" for name in ("callee_name", "callee_gender", "location", "platform_name")}
    callee |= {name: f"{name} {MARK}" for name in ("extra_a", "extra_b", "extra_c", "comments", "currency_unit")}
    body = push(call_id, custom_attribute={f"key {MARK}": MARK})
    body["callee"] |= callee | {
        "case_id": case_id,
        "callee_number": number,
        "extra": [{"Question": f"question {MARK}", "Content": MARK}],
        "extend": {"variables": {MARK: MARK}},
        "due_date": f"tomorrow {MARK}",
    }
    body["call"] |= {
        "ring_type": f"ring {MARK}",
        "intention": f"intention {MARK}",
        "slots": f"slots {MARK}",
        "multi_label": {MARK: MARK},
        "asr_ptp": f"ptp {MARK}",
        "asr_result": [{"time": f"noon {MARK}", "robottext": f"Good morning {MARK}", "text": f"{MARK} speaking"}],
    }
    return body


def call_only(call_id: str = "mine") -> dict[str, Any]:
    """A push that names nobody, of one of their calls; newer, it leaves the call without a callee."""
    body = marked(call_id)
    del body["callee"]
    return body


def session() -> dict[str, Any]:
    """A chat with the person, as the vendor pushes it."""
    free = {MARK: MARK}
    message = {
        "msg_id": "m",
        "sender_type": "user",
        "timestamp": 1700000000,
        "content": free,
        "reply": {"content": free},
    }
    names = {name: f"{name} {MARK}" for name in ("channel_id", "intention")}
    free_objects = {"ner_slots": free, "event_label": free, "variables": free}
    return {"wfdetail_uuid": "s1", "callee": NUMBER, "messages": [message], **names, **free_objects}


def hold_everywhere(client: Any, database: Database, connection: Connection[dict[str, Any]]) -> None:
    """Hold all that there can be of a person, beside somebody else in every place; nobody works."""
    other = push("other", OTHER)
    first = signed(entry(marked()), f"signed {MARK}")
    settle(database, [first, entry(marked()), entry(call_only()), entry(marked("second")), entry(other)])
    settle(database, [entry(marked("spaced", "62 812-3456-7890")), entry(marked("national", "0812 3456 7890"))])
    settle(database, [entry(json.dumps(marked()).encode()[:-1]), entry([MARK, "0812-3456-7890"]), entry(b"[]")])
    given_up = entry([MARK, NUMBER])
    settle(database, [given_up])
    connection.execute("UPDATE airudder.pushes SET status = 'discarded' WHERE push_id = %s", [given_up.uuid])
    settle(database, [msgspec.structs.replace(entry(session()), kind="chatbot-session-ended")])
    for kind in KINDS:
        settle(database, [msgspec.structs.replace(entry(told), kind=kind) for told in told_by(kind, NUMBER, MARK)])
    # Of the first nobody knows whose it is before the second is read.
    for one in (call_only("third"), marked("third"), call_only("second"), push("other", OTHER, serial=2)):
        store_pending(connection, entry(one))
    enqueued(client, [entry(marked("fourth")), entry(call_only("fourth")), entry(push("other", OTHER, serial=3))])
    taken = [marked("fifth", "0812.3456.7890"), call_only("third"), push("other", OTHER, serial=4)]
    enqueued(client, [entry(one) for one in taken], "taken")
    client.rename(keys.batch("taken"), keys.taken("taken"))
