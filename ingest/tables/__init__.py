"""Tables: every table that holds what pushes tell, in the order in which a transaction writes them.

All workers write in this order, and within a table by key, so that they wait for each other and never in a circle.
Workflows and nodes come last: every batch writes the same few rows of them, and holds up the others until it commits.
"""

from __future__ import annotations

from ingest.tables.dialer_rows import DialerAgentRow, DialerCallRow, DialerContactRow, DialerTaskRow
from ingest.tables.personal import (
    ERASED,
    INTENTION,
    MASKED_NUMBER,
    Personal,
    documented,
    erased_all,
    kept,
    kept_all,
    kept_unseen,
    one_of,
    pseudonym,
)
from ingest.tables.rows import (
    AttributesRow,
    CalleeRow,
    CallRow,
    CaseRow,
    CompletedCallRow,
    ListCompletionRow,
    NodeRow,
    NodeTaskRow,
    QaReportRow,
    SessionRow,
    WorkflowRow,
    WorkflowStatusRow,
)
from ingest.tables.table import Table

_CALLEE = pseudonym("callee_pseudonym")
_CASE = pseudonym("case_pseudonym")
"""A customer's id of a case may tell who it is"""

CALLEES = Table(
    "callees",
    CalleeRow,
    2,
    personal={
        "callee_number": pseudonym("callee_pseudonym", MASKED_NUMBER),
        "country": kept("country"),
        **erased_all("number_as_sent name gender location platform_name"),
    },
)

CASES = Table(
    "cases",
    CaseRow,
    3,
    lists={"answers": "case_answers"},
    personal={
        "callee_number": _CALLEE,
        "case_id": _CASE,
        **kept_all("borrowed_date due_date borrowed_amount total_owing_amount currency_unit"),
        **erased_all("extra_a extra_b extra_c variables comments answers"),
    },
)

CALLS = Table(
    "calls",
    CallRow,
    2,
    computed={"transcript": ("turn_count", "callee_turn_count", "callee_word_count")},
    lists={"transcript": "call_turns"},
    aged_by="started_at",
    personal={
        "callee_number": _CALLEE,
        "case_id": _CASE,
        "ended_at": kept("ended_at", "duration"),
        "ring_type": documented("ring_types", "ring_type"),
        "hangup_type": documented("hangup_types", "hangup_type"),
        "intention": INTENTION,
        "asr_ptp": Personal("", (("{column} IS NOT NULL", "has_asr_ptp"),)),
        **erased_all("slots multi_label transcript"),
        **kept_all("call_id task_id workflow_id started_at attempt turn_count callee_turn_count callee_word_count"),
    },
)

_AGENT = Personal("{column}", pseudonym("agent_pseudonym").shown)
"""The customer's own employee: stays, as no callee is erased with it"""
_CALL_STATE = one_of("state", "CALLING", "RINGING", "ANSWERED", "HANGUP", "TALKRESULT")

DIALER_CONTACTS = Table(
    "dialer_contacts",
    DialerContactRow,
    3,
    lists={"customize_results": "dialer_results"},
    personal={
        "callee_number": _CALLEE,
        "agent_name": _AGENT,
        "state": _CALL_STATE,
        **kept_all("task_id hangup_reason nth_call"),
        **erased_all("contact_name address info1 info2 info3 remark main_number phone_tag private_data"),
        **erased_all("customer_info customize_results talk_remarks record_link body_digest"),
    },
)

DIALER_CALLS = Table(
    "dialer_calls",
    DialerCallRow,
    2,
    personal={
        "callee_number": _CALLEE,
        "agent_name": _AGENT,
        "state": _CALL_STATE,
        **kept_all("call_id task_id hangup_reason nth_call"),
        **erased_all("talk_remarks record_link body_digest"),
    },
)

DIALER_AGENTS = Table(
    "dialer_agents",
    DialerAgentRow,
    2,
    personal={
        "agent_name": _AGENT,
        **kept_all("group_name task_id state register_state call_type is_conceal_callee threeway_state day_counters"),
        **erased_all("talk_result_label display_talk_result body_digest"),
    },
)

TABLES = (
    CALLEES,
    CASES,
    DIALER_CONTACTS,
    Table(
        "list_completions",
        ListCompletionRow,
        4,
        computed={"nodes": ("node_count",)},
        lists={"nodes": "list_completion_nodes"},
        personal={
            "callee_number": _CALLEE,
            "case_id": _CASE,
            **kept_all("workflow_id node_count"),
            **kept_unseen("nodes"),
        },
    ),
    Table(
        "completed_calls",
        CompletedCallRow,
        4,
        personal={
            "callee_number": _CALLEE,
            "case_id": _CASE,
            "ended_at": kept("ended_at", "duration"),
            "ring_type": documented("ring_types", "ring_type"),
            "hangup_type": documented("hangup_types", "hangup_type"),
            "intention": INTENTION,
            **kept_all("task_id workflow_id nodetask_id call_id robot_id status started_at"),
            **kept_unseen("started"),
            **erased_all("multi_label comments"),
        },
    ),
    CALLS,
    Table("call_attributes", AttributesRow, 3, personal={**kept_all("call_id node_id"), "custom_attribute": ERASED}),
    Table(
        "sessions",
        SessionRow,
        2,
        computed={"messages": ("message_count", "callee_message_count")},
        lists={"messages": "session_messages"},
        aged_by="started_at",
        personal={
            "callee_number": _CALLEE,
            "intention": INTENTION,
            "ended_at": kept("ended_at", "duration"),
            **kept_all(
                "session_id workflow_id nodetask_id nodetask_name task_id call_id robot_id channel status started_at"
            ),
            **kept_all("end_reason talk_rounds message_count callee_message_count"),
            **erased_all("channel_id slots labels variables messages"),
        },
    ),
    Table(
        "qa_reports",
        QaReportRow,
        2,
        computed={"details": ("detail_count",)},
        lists={"details": "qa_report_details"},
        aged_by="received_at",
        personal={**kept_all("task_id detail_count"), "details": ERASED},
    ),
    Table(
        "workflow_statuses",
        WorkflowStatusRow,
        3,
        lists={"node_tasks": "node_task_statuses"},
        personal={**kept_all("workflow_id status"), **kept_unseen("told_by node_tasks")},
    ),
    DIALER_CALLS,
    DIALER_AGENTS,
    Table(
        "dialer_tasks",
        DialerTaskRow,
        2,
        personal={**kept_all("task_id name group_name state"), "body_digest": ERASED},
    ),
    Table("workflows", WorkflowRow, 2, personal=kept_all("workflow_id name status")),
    Table("nodes", NodeRow, 3, personal=kept_all("workflow_id node_id name")),
    Table(
        "node_tasks",
        NodeTaskRow,
        3,
        personal=kept_all("workflow_id nodetask_id name node_type task_id task_status"),
    ),
)

TABLE_OF: dict[type[tuple[object, ...]], Table] = {table.row: table for table in TABLES}
"""The table of each class of row"""
