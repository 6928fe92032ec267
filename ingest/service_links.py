"""Service links: the variables that Kubernetes, unasked, and `docker --link` add for each service beside a container.

Those of a service may be called as ours: of `dashboard` one is DASHBOARD_PORT=tcp://10.96.0.10:9181.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_NAME = re.compile(r"_SERVICE_|_PORT_")
_ADDRESS = re.compile(r"(tcp|udp|sctp)://\S+:[0-9]+")


def may_be_link(name: str) -> bool:
    """Whether a variable is called as one that is added."""
    return _NAME.search(name) is not None


def set_by_somebody(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables with a value, without the addresses that are added: nobody has set those."""
    return {name: value for name, value in environ.items() if value and not _is_address_of_service(name, value)}


def _is_address_of_service(name: str, value: str) -> bool:
    return name.endswith("_PORT") and _ADDRESS.fullmatch(value) is not None
