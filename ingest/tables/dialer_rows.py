"""Rows of what the dialler alone tells: as those of `ingest.tables.rows`.

Their version is the vendor's time where it says one: see `ingest.kinds.told_at`. `body_digest` leads to the raw push.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from ingest.tables.json_text import Json, KeptFrom


class DialerTaskRow(NamedTuple):
    """`dialer_tasks`"""

    received_at: datetime
    push_id: UUID
    source: str
    task_id: str
    # -
    name: str | None = None
    group_name: str | None = None
    state: str | None = None
    body_digest: bytes | None = None
    kept_from: KeptFrom = None


class DialerContactRow(NamedTuple):
    """`dialer_contacts`"""

    received_at: datetime
    push_id: UUID
    source: str
    callee_number: str
    task_id: str
    # -
    contact_name: str | None = None
    address: str | None = None
    info1: str | None = None
    info2: str | None = None
    info3: str | None = None
    remark: str | None = None
    main_number: str | None = None
    phone_tag: str | None = None
    private_data: str | None = None
    customer_info: Json | None = None
    customize_results: Json | None = None
    """`[{"title": …, "group": …, "value": …}]`"""
    state: str | None = None
    hangup_reason: int | None = None
    talk_remarks: str | None = None
    nth_call: int | None = None
    record_link: str | None = None
    agent_name: str | None = None
    body_digest: bytes | None = None
    kept_from: KeptFrom = None


class DialerCallRow(NamedTuple):
    """`dialer_calls`"""

    received_at: datetime
    push_id: UUID
    source: str
    call_id: str
    # -
    task_id: str | None = None
    callee_number: str | None = None
    state: str | None = None
    hangup_reason: int | None = None
    agent_name: str | None = None
    nth_call: int | None = None
    talk_remarks: str | None = None
    record_link: str | None = None
    body_digest: bytes | None = None
    kept_from: KeptFrom = None


class DialerAgentRow(NamedTuple):
    """`dialer_agents`"""

    received_at: datetime
    push_id: UUID
    source: str
    agent_name: str
    # -
    group_name: str | None = None
    task_id: str | None = None
    state: str | None = None
    register_state: str | None = None
    call_type: str | None = None
    talk_result_label: str | None = None
    display_talk_result: str | None = None
    is_conceal_callee: str | None = None
    threeway_state: str | None = None
    day_counters: Json | None = None
    body_digest: bytes | None = None
    kept_from: KeptFrom = None


DialerRow = DialerTaskRow | DialerContactRow | DialerCallRow | DialerAgentRow
