"""What many would build: FastAPI validates with pydantic, `.delay()` puts a Celery task on Redis, SQLAlchemy stores."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict
from sqlalchemy import Column, MetaData, Table, create_engine, insert
from sqlalchemy.dialects.postgresql import JSONB

tasks = Celery("fastapi_celery", broker=os.environ["REDIS_URL"])
tasks.conf.task_ignore_result = True
_engine = create_engine(os.environ["DATABASE_URL"].replace("postgresql:", "postgresql+psycopg:", 1))
_pushes = Table("bench_raw", MetaData(), Column("content", JSONB))


class _Section(BaseModel):
    model_config = ConfigDict(extra="allow")


class _Push(_Section):
    workflow_id: str | None = None
    workflow_name: str | None = None
    node_id: str | None = None
    node_name: str | None = None
    callee: _Section | None = None
    custom_attribute: dict[str, Any] | None = None
    call: _Section | None = None


@tasks.task
def store(content: dict[str, Any]) -> None:
    """Store one push."""
    with _engine.begin() as connection:
        connection.execute(insert(_pushes).values(content=content))


app = FastAPI()


@app.post("/airudder/custom-api")
def push(content: _Push) -> dict[str, str]:
    """Take one push."""
    store.delay(content.model_dump())
    return {}
