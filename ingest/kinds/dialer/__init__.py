"""The Webhooks of the Info of Predictive Dialer System: three types of push that come to one URL.

The envelope `{"type": …, "body": {…}}` says whether it is of a task, a contact or an agent. The vendor sends them in
any order, so what the dialler's tables say is newest by the vendor's own time: see `ingest.kinds.told_at`.
"""

from __future__ import annotations

from ingest.kinds.dialer.payload import DialerPush
from ingest.kinds.dialer.rows import ids, may_name_nothing, rows, says_when
from ingest.kinds.dialer.simulated import simulate
from ingest.kinds.kind import Kind

KIND = Kind("dialer", DialerPush, ids, rows, simulate, may_name_nothing=may_name_nothing, says_when=says_when)
"""Its push of an agent may have no body, or name nobody: that is no fault."""
