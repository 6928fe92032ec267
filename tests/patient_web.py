"""The web process, patient. A file, as each process that uvicorn spawns for WEB_CONCURRENCY runs it again."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.patience import PATIENT

exec(PATIENT)  # noqa: S102 - our own text

if __name__ == "__main__":
    from ingest.web import serve

    serve.main()
