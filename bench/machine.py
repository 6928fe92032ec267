"""The machine: what a run was measured on."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import time
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from bench.stand import Stand

_PACKAGES = ("starlette", "uvicorn", "uvloop", "redis", "rq", "msgspec", "psycopg", "fastapi", "celery")


def describe(stand: Stand) -> dict[str, str]:
    """Processor, memory, kernel and versions, by name."""
    with stand.connect() as connection:
        (postgres,) = connection.execute("SHOW server_version").fetchone() or ("unknown",)
    server = stand.redis.info("server")
    redis = f"Valkey {server['valkey_version']}" if "valkey_version" in server else f"Redis {server['redis_version']}"
    wrk = subprocess.run(["wrk", "-v"], check=False, capture_output=True, text=True).stdout.split("\n")[0]
    fsync = stand.redis.config_get("appendfsync")["appendfsync"]
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "servers": f"PostgreSQL {postgres}, {redis} with appendfsync {fsync}",
        "disk": f"a sync of 4 kB takes {_sync_ms(stand.folder):.2f} ms (median of 100)",
        "load": wrk.partition(" Copyright")[0],
        "packages": ", ".join(f"{name} {version(name)}" for name in _PACKAGES),
    }


def _sync_ms(folder: Path) -> float:
    seconds = []
    with (folder / "sync").open("wb", buffering=0) as file:
        for _ in range(100):
            begun = time.perf_counter()
            file.write(bytes(4096))
            os.fsync(file.fileno())
            seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds) * 1e3


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(": ")[2]
    return platform.processor() or platform.machine()
