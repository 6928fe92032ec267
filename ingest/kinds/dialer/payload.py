"""What the dialler sends: one struct for the three types, as the vendor's documentation and receivers in use have it.

Every field may be absent or null. Fields of which no type is known, and those that come in several, are Any.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

TASK, CONTACT, AGENT = "TaskStatus", "ContactStatus", "AgentStatus"


class Body(Struct, rename="camel"):
    """What is told of a task, a contact or an agent."""

    state: str | None = None
    """CALLING, RINGING, ANSWERED, HANGUP, TALKRESULT; a task ends with Finished"""
    state_of_agent: str | None = field(name="State", default=None)
    """The same; pushes of agents capitalise it"""
    timestamp: Any = None
    """Milliseconds since the epoch, as a number or as text"""
    task_id: str | None = None
    task_name: str | None = None
    group_name: str | None = None
    callid: str | None = None
    phone_number: str | None = None
    contact_name: str | None = None
    address: str | None = None
    info1: str | None = None
    info2: str | None = None
    info3: str | None = None
    remark: str | None = None
    main_number: str | None = None
    phone_tag: str | None = None
    private_data: Any = None
    rec_link: str | None = None
    talkremarks: str | None = None
    nth_call: int | None = None
    hangup_reason: int | None = None
    """A key of dialer_hangup_reasons; 0 is one of them"""
    agent_name: str | None = None
    customer_info: dict[str, Any] | None = None
    """The customer's own keys, with other people's numbers in the values"""
    customize_results: Any = None
    """An object by title, or an array of {title, groupName, value}"""
    register_state: str | None = None
    call_type: str | None = None
    talk_result_label: str | None = None
    display_talk_result: str | None = None
    is_conceal_callee: Any = None
    threeway_state: str | None = None
    # Of an agent's day until now.
    cur_day_call_count: Any = None
    cur_day_call_duration: Any = None
    hold_duration: Any = None
    """{auto, manual}"""
    cur_day_talk_results: Any = None
    """[{talkResult, count}]"""
    cur_day_online_duration: Any = None
    cur_day_rest_duration: Any = None
    cur_waiting_call_count: Any = None
    group_unallocated_call: Any = None
    earliest_call_wait_time: Any = None
    waiting_dial_number: Any = None
    total_number: Any = None
    hold_timestamp: Any = None


class DialerPush(Struct):
    """The envelope."""

    type: str | None = None
    body: Body | None = None
    """Also "" or {} where there is nothing to tell"""

    def is_of(self, one: str) -> bool:
        """Whether this is its type; as with states, case is no matter."""
        return (self.type or "").strip().lower() == one.lower()


DAY_COUNTERS = (
    "cur_day_call_count",
    "cur_day_call_duration",
    "hold_duration",
    "cur_day_talk_results",
    "cur_day_online_duration",
    "cur_day_rest_duration",
    "cur_waiting_call_count",
    "group_unallocated_call",
    "earliest_call_wait_time",
    "waiting_dial_number",
    "total_number",
    "hold_timestamp",
)
"""Fields that are a snapshot of the agent's day"""
