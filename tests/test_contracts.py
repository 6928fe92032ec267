"""What we lean on in parts of libraries that they may change at any time: an upgrade that does so fails here, with a
sentence on what it breaks. Nothing of ours may lean on more than is named here."""

from __future__ import annotations

import ast
import dis
import functools
import importlib
import inspect
import types
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any, NamedTuple

import pytest

from tests.test_structure import SOURCES, tree

UVICORN = "uvicorn.protocols.http.httptools_impl"


class Lean(NamedTuple):
    """A library, one of its classes or functions as `module:name`, names of it, our module, and what rests on them."""

    library: str
    owner: str
    names: str
    ours: str
    what: str

    def broken(self, words: str) -> str:
        """A sentence for whoever upgrades."""
        return f"{self.library} {version(self.library)}: {self.owner} {words}, which {self.ours} needs for {self.what}"


PARTS = [
    Lean(
        "uvicorn",
        f"{UVICORN}:HttpToolsProtocol",
        "app app_state client connections cycle flow headers loop parser transport url _unset_keepalive_if_required "
        "connection_made connection_lost data_received eof_received "
        "on_message_begin on_headers_complete on_message_complete",
        "ingest.web.connection",
        "the bounds on headers, time and connections",
    ),
    Lean(
        "uvicorn",
        f"{UVICORN}:RequestResponseCycle",
        "keep_alive more_body response_complete scope",
        "ingest.web.connection",
        "knowing who waits for an answer",
    ),
    Lean(
        "uvicorn",
        "uvicorn.protocols.http.flow_control:FlowControl",
        "pause_reading",
        "ingest.web.connection",
        "reading nothing more of a connection that will end",
    ),
    Lean(
        "httptools",
        "httptools:HttpRequestParser",
        "feed_data get_http_version get_method should_upgrade",
        "ingest.web.connection",
        "passing over an offer to upgrade",
    ),
    Lean(
        "rq",
        "rq:SimpleWorker",
        "_install_signal_handlers all clean_registries connection dequeue_job_and_maintain_ttl handle_exception key "
        "last_cleaned_at last_heartbeat register_birth run_maintenance_tasks subscribe work",
        "workers.pool",
        "the beginning and the end of a worker",
    ),
    Lean(
        "rq",
        "rq.worker_pool:WorkerPool",
        "Status check_workers connection handle_dead_worker start start_worker status",
        "workers.pool",
        "taking up a dead worker's batch at once",
    ),
    Lean("rq", "rq.worker_pool:WorkerPool.Status", "STOPPED", "workers.pool", "starting nobody while a pool ends"),
    Lean("rq", "rq.worker_pool:WorkerData", "pid process", "workers.pool", "the line on a worker's death"),
    Lean(
        "rq",
        "rq:Queue",
        "enqueue_many failed_job_registry intermediate_queue_key key prepare_data redis_server_version",
        "ingest.batch.queue",
        "giving a batch its job, and a lost one another",
    ),
    Lean(
        "rq", "rq:Queue", "move_dependents_to_ready", "ingest.batch.queue", "enqueueing nothing that a stranger names"
    ),
    Lean(
        "rq",
        "rq.job:Job",
        "connection failure_ttl id key restore result_ttl timeout",
        "ingest.batch.queue",
        "refusing a job that is not ours",
    ),
    Lean("rq", "rq.utils:", "decode_redis_hash", "ingest.batch.queue", "refusing a job that is not ours"),
    Lean(
        "rq",
        "rq.timeouts:UnixSignalDeathPenalty",
        "__enter__ __exit__",
        "workers.sweeper.pending",
        "ending a pending push that hangs",
    ),
    Lean("rq", "rq.serializers:", "PickleSerializer JSONSerializer", "ops.dashboard", "unpickling nothing"),
    Lean("rq-dashboard", "rq_dashboard.web:config", "serializer", "ops.dashboard", "reading jobs"),
    Lean(
        "rq-dashboard",
        "rq_dashboard.web:",
        "escape_format_instance_list setup_rq_connection",
        "ops.dashboard",
        "its connection, and hiding the password from its pages",
    ),
    Lean(
        "redis",
        "redis.asyncio.connection:AbstractConnection",
        "_writer disconnect",
        "ingest.batch.clients",
        "giving up a connection at once",
    ),
    Lean(
        "redis",
        "redis:Redis",
        "connection_pool",
        "ops.doctor.encryption",
        "what `doctor` says of TLS",
    ),
    Lean(
        "redis",
        "redis:ConnectionPool",
        "connection_class connection_kwargs",
        "ops.doctor.encryption",
        "what `doctor` says of TLS",
    ),
    Lean(
        "redis",
        "redis.asyncio.connection:AbstractConnection",
        "_writer disconnect",
        "ingest.batch.clients",
        "keeping nothing that a frozen Redis has not read",
    ),
    Lean(
        "redis",
        "redis.asyncio:ConnectionPool",
        "connection_class",
        "ingest.batch.clients",
        "keeping nothing that a frozen Redis has not read",
    ),
    Lean(
        "starlette",
        "starlette.routing:Router",
        "default redirect_slashes",
        "ingest.web.app",
        "counting what goes to no path of ours",
    ),
    Lean("psycopg", "psycopg.copy:LibpqWriter", "connection finish", "workers.copy", "the end of a COPY that failed"),
    Lean(
        "psycopg",
        "psycopg.pq:PGconn",
        "consume_input flush send_flush_request socket",
        "workers.database",
        "emptying a full socket before anything waits",
    ),
    Lean("honcho", "honcho.environ:", "parse_procfile", "ops.commands.up", "knowing what to run"),
    Lean("honcho", "honcho.printer:", "Message Printer", "ops.commands.up", "its output"),
]
"""What has to be there: of a class also what its methods set."""

PARAMETERS = [
    Lean(
        "uvicorn",
        "uvicorn:Config",
        "access_log backlog date_header factory http log_config log_level proxy_headers server_header "
        "timeout_graceful_shutdown timeout_keep_alive workers ws",
        "ingest.web.serve",
        "its manner of serving",
    ),
    Lean("rq", "rq.worker:BaseWorker", "worker_ttl", "workers.pool", "telling a dead worker from a silent one"),
    Lean(
        "rq",
        "rq:SimpleWorker.work",
        "logging_level with_scheduler",
        "workers.pool",
        "workers that schedule nothing and say little",
    ),
    Lean(
        "rq",
        "rq.worker_pool:WorkerPool",
        "connection num_workers serializer worker_class",
        "workers.pool",
        "having our workers",
    ),
    Lean("rq", "rq.worker_pool:WorkerPool.start", "logging_level", "workers.pool", "a pool that says little"),
    Lean("rq", "rq.worker_pool:WorkerPool.check_workers", "respawn", "workers.pool", "its look at workers"),
    Lean("rq", "rq.worker_pool:WorkerPool.handle_dead_worker", "worker_data", "workers.pool", "its obituary"),
    Lean(
        "rq",
        "rq:Queue.prepare_data",
        "args description failure_ttl job_id result_ttl timeout",
        "ingest.batch.queue",
        "making a job",
    ),
    Lean("rq", "rq:Queue.enqueue_many", "pipeline", "ingest.batch.queue", "storing a batch and its job in one step"),
    Lean(
        "rq",
        "rq.registry:FailedJobRegistry.get_job_count",
        "cleanup",
        "ops.in_flight",
        "looking without a change",
    ),
    Lean(
        "rq-dashboard",
        "rq_dashboard.cli:make_flask_app",
        "config password url_prefix username",
        "ops.dashboard",
        "its application",
    ),
    Lean(
        "redis",
        "redis.maint_notifications:MaintNotificationsConfig",
        "enabled",
        "ingest.batch.clients",
        "answers that no announcement holds up",
    ),
    Lean(
        "redis",
        "redis.asyncio.connection:AbstractConnection.disconnect",
        "nowait",
        "ingest.batch.clients",
        "giving up a connection at once",
    ),
    Lean("psycopg", "psycopg.copy:LibpqWriter.finish", "exc", "workers.copy", "the end of a COPY that failed"),
    Lean("psycopg", "psycopg:Cursor.copy", "writer", "workers.copy", "the end of a COPY that failed"),
]
"""What has to be taken, by a function or a class that is made."""

CALLS = [
    Lean(
        "redis",
        "redis.asyncio.connection:AbstractConnection.read_response",
        "disconnect",
        "ingest.batch.clients",
        "keeping nothing that a frozen Redis has not read",
    ),
    Lean(
        "redis",
        "redis.asyncio.connection:AbstractConnection.send_packed_command",
        "disconnect",
        "ingest.batch.clients",
        "keeping nothing that a frozen Redis has not read",
    ),
    Lean(
        "rq",
        "rq.worker_pool:WorkerPool.start",
        "_install_signal_handlers check_workers start_workers",
        "workers.pool",
        "its look at workers",
    ),
    Lean(
        "rq",
        "rq.worker_pool:WorkerPool.start_workers",
        "start_worker",
        "workers.pool",
        "holding signals back",
    ),
    Lean(
        "rq",
        "rq.worker_pool:WorkerPool.check_workers",
        "reap_workers start_worker",
        "workers.pool",
        "starting another worker",
    ),
    Lean("rq", "rq.worker_pool:WorkerPool.reap_workers", "handle_dead_worker", "workers.pool", "its obituary"),
    Lean(
        "rq",
        "rq.worker_pool:WorkerPool.get_worker_process",
        "ForkProcess",
        "workers.pool",
        "workers that share what is loaded",
    ),
    Lean(
        "rq",
        "rq:SimpleWorker.work",
        "_install_signal_handlers bootstrap dequeue_job_and_maintain_ttl run_maintenance_tasks",
        "workers.pool",
        "letting signals through, and passing by what is no job",
    ),
    Lean(
        "rq",
        "rq.worker:BaseWorker.bootstrap",
        "register_birth subscribe",
        "workers.pool",
        "taking no commands over Redis, and telling whose process has ended",
    ),
    Lean("rq", "rq.job:Job.refresh", "restore", "ingest.batch.queue", "refusing a job that is not ours"),
    Lean("rq", "rq.job:Job.fetch_many", "restore", "ingest.batch.queue", "refusing a job that is not ours"),
    Lean("rq", "rq.job:Job.fetch", "refresh", "ingest.batch.queue", "refusing a job that is not ours"),
    Lean(
        "rq",
        "rq:Queue.get_redis_server_version",
        "redis_server_version",
        "ingest.batch.queue",
        "building a job without asking Redis",
    ),
    Lean(
        "rq",
        "rq.serializers:resolve_serializer",
        "PickleSerializer",
        "ops.dashboard",
        "unpickling nothing",
    ),
    Lean("psycopg", "psycopg:Copy.finish", "writer finish", "workers.copy", "the end of a COPY that failed"),
]
"""What a function has to use, or an override of ours would never be asked."""

REPLACED = [
    Lean(
        "uvicorn",
        f"{UVICORN}:HttpToolsProtocol.data_received",
        "HttpParserError HttpParserUpgrade _should_upgrade _unset_keepalive_if_required _unsupported_upgrade_warning "
        "feed_data handle_websocket_upgrade httptools logger parser send_400_response warning",
        "ingest.web.connection",
        "doing the same in a way of its own",
    ),
    Lean(
        "uvicorn",
        f"{UVICORN}:HttpToolsProtocol.eof_received",
        "",
        "ingest.web.connection",
        "doing the same in a way of its own",
    ),
    Lean(
        "rq",
        "rq.worker:BaseWorker.run_maintenance_tasks",
        "_process acquire_locks clean_group_registries clean_registries is_alive last_cleaned_at scheduler",
        "workers.pool",
        "doing the same in a way of its own",
    ),
    Lean(
        "psycopg",
        "psycopg.copy:LibpqWriter.finish",
        "QueryCanceled __qualname__ _encoding _pgconn _results connection copy_end cursor e encode type wait",
        "workers.copy",
        "doing the same in a way of its own",
    ),
]
"""All that a function uses which we do not call any more, or not always: what is new in it we would miss."""


def found(owner: str) -> Any:
    """What stands at `module:name`; the module itself where there is no name."""
    module, _, name = owner.partition(":")
    return functools.reduce(getattr, name.split(".") if name else [], importlib.import_module(module))


def members(owner: Any) -> set[str]:
    """What it has, and what its methods set."""
    return set(dir(owner)) | {
        step.argval
        for base in (owner.__mro__ if isinstance(owner, type) else ())
        for function in vars(base).values()
        if isinstance(function, types.FunctionType)
        for step in dis.get_instructions(inspect.unwrap(function))
        if step.opname == "STORE_ATTR"
    }


def uses(owner: Any) -> set[str]:
    """The attributes and globals that a function uses."""
    return set(inspect.unwrap(owner).__code__.co_names)


def takes(owner: Any) -> set[str]:
    """The parameters of a function, or of a class that is made."""
    return set(inspect.signature(owner).parameters)


def complaints(lean: Lean, of: Callable[[Any], set[str]], words: str) -> list[str]:
    """A sentence for each name that is missing."""
    try:
        there = of(found(lean.owner))
    except (ImportError, AttributeError):
        return [lean.broken("is gone")]
    return [lean.broken(f"{words} {name}") for name in lean.names.split() if name not in there]


def by_owner(lean: Lean) -> str:
    """A test's name."""
    return lean.owner.rpartition(".")[2] or lean.owner


@pytest.mark.parametrize("lean", PARTS, ids=by_owner)
def test_part_is_there(lean: Lean) -> None:
    """Each attribute that we read, call or override."""
    assert complaints(lean, members, "no longer has") == []


@pytest.mark.parametrize("lean", PARAMETERS, ids=by_owner)
def test_parameter_is_taken(lean: Lean) -> None:
    """Each parameter that goes through functions of ours."""
    assert complaints(lean, takes, "no longer takes") == []


@pytest.mark.parametrize("lean", CALLS, ids=by_owner)
def test_override_is_asked(lean: Lean) -> None:
    """Each function of ours that a library is to call in place of its own."""
    assert complaints(lean, uses, "no longer uses") == []


@pytest.mark.parametrize("lean", REPLACED, ids=by_owner)
def test_replaced_function_is_as_it_was(lean: Lean) -> None:
    """What we do in place of a library's function was written against what that does."""
    assert complaints(lean, uses, "no longer uses") == []
    new = uses(found(lean.owner)) - set(lean.names.split())
    assert new == set(), f"{lean.library} {version(lean.library)}: {lean.owner} does more; should {lean.ours}, too?"


def test_complaint_is_a_sentence() -> None:
    """Whoever upgrades reads what broke, and where."""
    lean = Lean("rq", "rq:Queue", "key gone", "ingest.batch.queue", "giving a batch its job")

    assert complaints(lean, members, "no longer has") == [
        f"rq {version('rq')}: rq:Queue no longer has gone, which ingest.batch.queue needs for giving a batch its job"
    ]
    assert complaints(lean._replace(owner="rq.nowhere:Queue"), members, "no longer has") == [
        f"rq {version('rq')}: rq.nowhere:Queue is gone, which ingest.batch.queue needs for giving a batch its job"
    ]


def classes_of(module: str) -> Iterator[tuple[ast.ClassDef, type, type]]:
    """The classes of a module that are made from a library's: its text, the class, and the library's."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.ClassDef):
            ours = getattr(importlib.import_module(module), node.name)
            for base in ours.__bases__:
                if base.__module__.partition(".")[0] in {"uvicorn", "rq", "psycopg", "redis", "rq_dashboard"}:
                    yield node, ours, base


def inherited(node: ast.ClassDef, base: type) -> set[str]:
    """The base's names that a class's methods use or override."""
    own = {one.name for one in node.body if isinstance(one, ast.FunctionDef)}
    declared = {ast.unparse(one.target) for one in node.body if isinstance(one, ast.AnnAssign)}
    used = {
        one.attr
        for one in ast.walk(node)
        if isinstance(one, ast.Attribute) and (isinstance(one.value, ast.Name) or ast.unparse(one.value) == "super()")
    }
    return {name for name in (own | used) - declared if not name.startswith("__")} & members(base)


def test_all_that_is_inherited_is_named() -> None:
    """A class of ours uses and overrides of a library's nothing but what is named here."""
    named = {name for lean in PARTS for name in lean.names.split()}
    product = [module for module in SOURCES if not module.startswith("bench")]
    classes = [one for module in product for one in classes_of(module)]
    unnamed = {
        f"{ours.__module__}: {base.__name__}.{name}"
        for node, ours, base in classes
        for name in inherited(node, base) - named
    }

    assert len(classes) >= 4
    assert unnamed == set()


def test_nothing_private_is_imported() -> None:
    """No module of a library whose name says that it is nobody else's."""
    private = [
        f"{module}: {name}"
        for module in SOURCES
        if not module.startswith("bench")
        for node in ast.walk(tree(module))
        if isinstance(node, ast.ImportFrom) and node.module
        for name in (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
        if any(part.startswith("_") and not part.endswith("__") for part in name.split("."))
        and not name.startswith(("ingest", "workers", "ops", "__future__"))
    ]
    assert private == []
