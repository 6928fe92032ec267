"""What somebody who can write to our Redis would like workers to do; each leaves its mark in a file."""

from __future__ import annotations

import os
import pickle
import zlib
from pathlib import Path
from typing import Any


def leave_mark(*_: object) -> None:
    """Done by whoever is brought to call this."""
    with Path(os.environ["STRANGERS_MARK"]).open("a") as file:
        file.write("was here\n")


class Pickled:
    """Leaves the mark when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return leave_mark, ()


def put_job(client: Any, job_id: str, **fields: Any) -> None:
    """A job in the workers' queue, of whatever fields."""
    client.hset(f"rq:job:{job_id}", mapping=fields)
    client.lpush("rq:queue:normalise", job_id)


def put_abandoned_job(client: Any, job_id: str, **fields: Any) -> None:
    """A job that seems to have lost its worker: RQ reads it when it cleans up."""
    client.hset(f"rq:job:{job_id}", mapping={"status": "started", "origin": "normalise", **fields})
    client.zadd("rq:wip:normalise", {f"{job_id}:e1": 1})


PICKLED = pickle.dumps(Pickled())
MARK = "tests.strangers.leave_mark"


def ours(job_id: str) -> bytes:
    """The data of a job that is ours."""
    return zlib.compress(f'["workers.jobs.normalise", null, ["{job_id}"], {{}}]'.encode())
