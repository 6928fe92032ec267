"""The parts of libraries that they may change at any time, and that we lean on."""

from __future__ import annotations

from importlib.metadata import version
from typing import NamedTuple

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
        "ingest.web.connection, with ingest.web.timed_protocol,",
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
    Lean("psycopg", "psycopg.adapt:Dumper", "dump format", "workers.arrays", "arrays that are made a column at a time"),
    Lean("rq", "rq.results:Result", "get_key", "ops.trace.in_redis", "the errors of tries that failed"),
    Lean("rq", "rq.job:Job", "key_for", "ops.trace.in_redis", "the state of a batch's job"),
    Lean(
        "rq",
        "rq:SimpleWorker",
        "_install_signal_handlers _shutdown _stop_requested all check_for_suspension clean_registries connection "
        "dequeue_job_and_maintain_ttl get_state handle_exception key last_cleaned_at last_heartbeat "
        "max_connection_wait_time register_birth run_maintenance_tasks subscribe work",
        "workers.pool",
        "the beginning and the end of a worker",
    ),
    Lean(
        "rq",
        "rq.worker_pool:WorkerPool",
        "Status all_workers_have_stopped check_workers connection handle_dead_worker request_stop start start_worker "
        "status worker_dict",
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
    Lean("rq", "rq.serializers:", "PickleSerializer JSONSerializer", "ops.console.batches", "unpickling nothing"),
    Lean("rq-dashboard", "rq_dashboard.web:config", "serializer", "ops.console.batches", "reading jobs"),
    Lean(
        "rq-dashboard",
        "rq_dashboard.web:",
        "escape_format_instance_list setup_rq_connection",
        "ops.console.batches",
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
    Lean("honcho", "honcho.environ:", "parse_procfile", "ops.local.procfile", "knowing what to run"),
    Lean("honcho", "honcho.printer:", "Message Printer", "ops.local.run", "its output"),
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
        "ops.console.batches",
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
        "_install_signal_handlers all_workers_have_stopped check_workers start_workers",
        "workers.pool",
        "its look at workers, and at those that are to stop",
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
        "rq.worker:BaseWorker.dequeue_job_and_maintain_ttl",
        "max_connection_wait_time",
        "workers.pool",
        "workers that go on as soon as Redis is back",
    ),
    Lean("rq", "rq.worker:BaseWorker.request_stop", "_shutdown", "workers.pool", "an end that nothing swallows"),
    Lean("rq", "rq.worker:BaseWorker._shutdown", "BUSY get_state", "workers.pool", "an end that nothing swallows"),
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
        "ops.console.batches",
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
