"""Serve an application of the bench exactly as the receiver is served: only the application differs."""

from __future__ import annotations

import os
import sys
from importlib import import_module

import uvicorn

from ingest.garbage import spare_garbage_collector
from ingest.web.serve import UVICORN


def main() -> None:
    """Serve the `app` of the module that is named, on PORT of loopback, until SIGTERM."""
    app = import_module(sys.argv[1]).app
    spare_garbage_collector()
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), **UVICORN)


if __name__ == "__main__":
    main()
