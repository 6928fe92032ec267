"""What simulated workflows are called, and what their robots and callees say."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import md5

RING_TYPES: list[str | None] = [
    *["busy", "cantuse", "holdline", "switchoff", "outofarea", "unregister", "wrongnum", "notmatch", "normal"],
    *["null", "", None],
]
"""All that the vendor documents, and the three ways in which it may say nothing"""

HANGUP_TYPES = ["ByCallee", "ByRobot", "Canceled", ""]


@dataclass(frozen=True)
class Workflow:
    """One workflow of a customer."""

    name: str
    nodes: tuple[str, ...]
    platform: str
    language: str
    mobile_prefix: str
    """What its callees' numbers begin with; eight digits follow"""
    currency: str

    @property
    def workflow_id(self) -> str:
        """32 hex digits, as the vendor's ids are."""
        return _hex_id(self.name)


def node_id(workflow_id: str, name: str) -> str:
    """32 hex digits for a node of a workflow."""
    return _hex_id(workflow_id + name)


def _hex_id(text: str) -> str:
    return md5(text.encode(), usedforsecurity=False).hexdigest()


WORKFLOWS = [
    Workflow("reminder D-3", ("API1", "API2"), "Dana Cepat", "id", "+62812", "IDR"),
    Workflow("collection D+7", ("promise", "refusal", "API3"), "Dana Cepat", "id", "+62812", "IDR"),
    Workflow("order confirmation", ("confirmed", "cancelled"), "TokoKita", "id", "+62812", "IDR"),
    Workflow("delivery slot", ("slot", "no answer"), "SwiftShip", "en", "+6392", "PHP"),
    Workflow("parcel at the door", ("API1", "API2", "API3"), "SwiftShip", "en", "+6392", "PHP"),
    Workflow("回访", ("满意度", "投诉"), "好店", "zh", "+86138", "CNY"),
]

NAMES = {
    "id": ["Budi Santoso", "Siti Rahayu", "Agus Wijaya", "Dewi Lestari"],
    "en": ["Maria Santos", "Juan dela Cruz", "Grace Reyes", "O'Neil, Pat"],
    "zh": ["王伟", "李娜", "张敏", "欧阳修"],
}

ROBOT_LINES = {
    "id": ["Selamat sore, saya Daniel.", "Apakah Bapak bisa membayar hari ini?", "Baik, terima kasih."],
    "en": ["Good afternoon, this is Daniel.", "Can you receive the parcel today?", "Thank you, goodbye."],
    "zh": ["您好,这里是好店客服。", "请问您对服务满意吗?", "谢谢,再见。"],
}

CALLEE_LINES = {
    "id": ["halo", "iya, besok saya bayar", "nanti ya mas 🙏", ""],
    "en": ["hello?", "yes, after five please", "wrong number", ""],
    "zh": ["喂", "满意,谢谢", "打错了", ""],
}
