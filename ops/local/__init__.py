"""Embedded servers: Postgres and Valkey out of wheels, under the data folder, each a process for the supervisor.

Only the wheels' programs are used. Their own Python layers daemonise the server, give it ten seconds to start (too
few after a crash), or kill it at exit.
"""
